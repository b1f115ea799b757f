/* SPDX-License-Identifier: MIT */
/*
 * Kernels and their Gram matrices. A kernel is a class with a table of its parameters and one line in
 * kernel_table; it is made from text, "ntk(layers=3, activation=gelu)". Two forms exist. Kernels of inner products and
 * norms alone give `row`: a Gram block is one matrix product, then an elementwise pass a row. Others give `pair`.
 */
#ifndef KERNELS_KERNEL_H
#define KERNELS_KERNEL_H

#include "core/file.h"
#include "core/status.h"
#include "core/threads.h"
#include "kernels/dual.h"

enum { KERNEL_MAX_PARAMETERS = 12, KERNEL_TEXT = 512 };

struct kernel;
struct convolution;

/** One parameter of a class, by its place in the table. Tables end with name NULL. */
struct kernel_parameter {
    const char *name;
    double fallback;     /* of choices: an index into them */
    double low, high;    /* inclusive */
    bool whole;          /* a whole number */
    const char *choices; /* "one|other", or NULL for numbers */
    const char *meaning; /* one line */
};

struct kernel_class {
    const char *name; /* "poly" */
    const char *formula;
    const char *derivative; /* of k to its argument or of the layer's dual; "" where that says nothing */
    const char *domain;     /* which rows it takes: "any", "rows of norm sqrt(d)", "pictures" */
    const char *source;
    const struct kernel_parameter *parameters;
    const char *shorthand; /* the parameter that digits behind the name set: poly4 is poly(degree=4); NULL: none */
    bool network;          /* has the parameter "activation" and its dual, which kernel_create puts into `dual` */
    bool pictures;         /* rows are pictures of kernel->image */

    /** Resolves what depends on rows and refuses contradictions; may be NULL. */
    strata_status (*prepare)(strata_context *ctx, struct kernel *kernel, size_t n, const double *x);
    /** Refuses rows outside the domain, naming the row; may be NULL. `what` is "training row", ... */
    strata_status (*check)(strata_context *ctx, const struct kernel *kernel, const char *what, size_t n,
                           const double *x);

    /* ---- first form: turns values[j] = x.z_j into k(x, z_j), in place; xx = |x|^2, zz[j] = |z_j|^2. */
    void (*row)(const struct kernel *kernel, size_t count, double xx, const double *zz, double *values);
    /* k(x, x), free of the rounding that `row` would bring. */
    double (*diagonal)(const struct kernel *kernel, double xx);

    /** Of pictures: the network whose covariances convolution.h computes; the entries below are then its. */
    struct convolution (*convolution)(const struct kernel *kernel);

    /* ---- second form: k(x, z) from the rows and a state that each row has once. */
    size_t (*state_size)(const struct kernel *kernel);   /* doubles a row */
    size_t (*scratch_size)(const struct kernel *kernel); /* doubles a thread */
    void (*state)(const struct kernel *kernel, const double *x, double *state, double *scratch);
    double (*pair)(const struct kernel *kernel, const double *x, const double *x_state, const double *z,
                   const double *z_state, double *scratch);
};

extern const struct kernel_class *const kernel_table[];
extern const size_t kernel_table_size;

/** A kernel with its parameters resolved; owns nothing, freely copied. */
struct kernel {
    const struct kernel_class *class_;
    size_t dimension;
    size_t image[3];                      /* channels, height, width; zeros: rows are no pictures */
    double number[KERNEL_MAX_PARAMETERS]; /* by row of class_->parameters; a choice as its index */
    struct dual dual;                     /* of networks */
};

/**
 * A kernel from its text, with parameters that depend on data resolved.
 *
 * @param text   "rbf", "poly4", "ntk(layers=3, activation=gelu)".
 * @param n, x   [n, dimension] rows that data-dependent parameters come from; n may be 0 when the text resolves all.
 * @param image  channels, height, width of a row; NULL: rows are no pictures.
 * Errors: NOT_FOUND (kernel, with the nearest), CONFIG (parameter, value or activation, with what was expected),
 * ARGUMENT (rows that cannot resolve a parameter; no pictures), MEMORY.
 */
STRATA_MUST_USE strata_status kernel_create(strata_context *ctx, const char *text, size_t n, const double *x,
                                            size_t dimension, const size_t *image, struct kernel *kernel);

/** The resolved kernel as text that kernel_create reads back to the same numbers. */
void kernel_text(const struct kernel *kernel, char text[KERNEL_TEXT]);

/** Value of a parameter by name; asking for one that the class lacks is a fault of ours (assert). */
double kernel_parameter(const struct kernel *kernel, const char *name);

/** Refuses non-finite rows and rows outside the kernel's domain (ARGUMENT, with the row's number). */
STRATA_MUST_USE strata_status kernel_check(strata_context *ctx, const struct kernel *kernel, const char *what, size_t n,
                                           const double *x);

/**
 * out[i, j] = k(x_i, z_j), in blocks of rows shared out over the pool's threads. Where x == z and n == m only the
 * lower triangle is computed and mirrored, and the diagonal is exact: symmetric to the bit. The number of threads
 * changes no bit.
 *
 * @param pool  borrowed; NULL: the caller's thread.
 * @param x [n, dimension]; @param z [m, dimension]; @param out [n, m].
 * Errors: MEMORY; INTERRUPTED.
 */
STRATA_MUST_USE strata_status kernel_gram(strata_context *ctx, struct thread_pool *pool, const struct kernel *kernel,
                                          size_t n, const double *x, size_t m, const double *z, double *out);

/** out[i] = k(x_i, x_i), [n]. Errors: MEMORY. */
STRATA_MUST_USE strata_status kernel_diagonal(strata_context *ctx, const struct kernel *kernel, size_t n,
                                              const double *x, double *out);

#endif
