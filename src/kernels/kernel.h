/* SPDX-License-Identifier: MIT */
/*
 * Kernels that depend on inner products and norms alone: a Gram block is one matrix product, then one
 * elementwise pass a row. A kernel is a class and one line in kernel_table.
 */
#ifndef KERNELS_KERNEL_H
#define KERNELS_KERNEL_H

#include "core/status.h"

/** What the formulas name; a kernel reads its own and ignores the others. */
struct kernel_options {
    size_t degree;          /* polynomial; >= 1 */
    double offset, scale;   /* polynomial: (x.z / scale + offset)^degree; scale 0: the dimension */
    double bandwidth;       /* rbf: l in exp(-r^2 / 2 l^2); 0: the median distance of the rows given to kernel_create */
    size_t layers;          /* ntk: hidden layers, >= 1 */
    double weight_variance; /* ntk: of a weight times its fan-in; 2 is He's */
    double bias_variance;   /* ntk */
};

struct kernel_class {
    const char *name; /* "polynomial" */
    const char *formula;
    const char *source;
    /* Turns values[j] = x.z_j into k(x, z_j), in place; xx = |x|^2, zz[j] = |z_j|^2. */
    void (*row)(const struct kernel_options *options, size_t dimension, size_t count, double xx, const double *zz,
                double *values);
    /* k(x, x), free of the rounding that `row` would bring. */
    double (*diagonal)(const struct kernel_options *options, size_t dimension, double xx);
};

extern const struct kernel_class *const kernel_table[];
extern const size_t kernel_table_size;

/** A kernel with its options resolved; owns nothing. */
struct kernel {
    const struct kernel_class *class_;
    struct kernel_options options;
    size_t dimension;
};

/** Degree 2, offset 1, scale and bandwidth from the data, 4 layers, weight variance 2, bias variance 0. */
struct kernel_options kernel_options_default(void);

/**
 * A kernel by name, with the options that depend on data resolved.
 *
 * @param x  [n, dimension] rows that the median distance is taken over (at most 500 of them, evenly
 *           spaced); read only when the bandwidth is 0.
 * Errors: NOT_FOUND (names the nearest), ARGUMENT (an option out of range; no two different rows), MEMORY.
 */
STRATA_MUST_USE strata_status kernel_create(strata_context *ctx, const char *name, const struct kernel_options *options,
                                            size_t n, const double *x, size_t dimension, struct kernel *kernel);

/**
 * out[i, j] = k(x_i, z_j), in blocks of 512 rows. Where x == z and n == m only the lower triangle is
 * computed and mirrored, and the diagonal is kernel_diagonal's: symmetric to the bit.
 *
 * @param x [n, dimension]; @param z [m, dimension]; @param out [n, m].
 * Errors: MEMORY. Same input, same bits, whatever else runs.
 */
STRATA_MUST_USE strata_status kernel_gram(strata_context *ctx, const struct kernel *kernel, size_t n, const double *x,
                                          size_t m, const double *z, double *out);

/** out[i] = k(x_i, x_i), [n]. */
void kernel_diagonal(const struct kernel *kernel, size_t n, const double *x, double *out);

/** Angle in [0, pi] of the point (cosine, sine) with sine >= 0, pi / 2 at the origin; within 4e-16 of atan2, in place over `sine`. */
void kernel_angles(size_t count, const double *cosine, double *sine);

extern const struct kernel_class kernel_polynomial, kernel_rbf, kernel_relu_ntk;

#endif
