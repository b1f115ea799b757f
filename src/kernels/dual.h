/* SPDX-License-Identifier: MIT */
/*
 * Dual activations: what a random layer does to a kernel. For (u, v) ~ N(0, [[a, c], [c, b]])
 *
 *     D = E phi(u) phi(v),    E = E phi'(u) phi'(v) = dD / dc.
 *
 * An activation is a class and one line in dual_table. Angles never go through acos, which loses half the digits near
 * the diagonal.
 */
#ifndef KERNELS_DUAL_H
#define KERNELS_DUAL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

struct dual_class {
    const char *name;       /* "relu" */
    const char *formula;    /* phi(x) */
    const char *dual;       /* D, and */
    const char *derivative; /* E, as formulas */
    const char *domain;     /* "any", "a = b = 1" */
    const char *source;
    double gain; /* weight variance that networks of it take by default: 2 for ReLU, 1 */
    /* At most one number of its own, by name: "slope", "degree", "scale"; NULL: none. */
    const char *number_name;
    double number_fallback, number_low, number_high;
    bool number_whole;
    bool unit_variance;     /* only a = b = 1 */
    bool homogeneous;       /* of degree 1: a zero row has no angle to any other without a bias */
    const char *no_tangent; /* why there is no E; NULL: there is one */

    /**
     * D and E for one a and many b, c. Arrays do not overlap. `e` is written too when there is no tangent (zeros).
     */
    void (*row)(double number, size_t count, double a, const double *restrict b, const double *restrict c,
                double *restrict d, double *restrict e);
    /** The same at c = b = a, exact. */
    void (*diagonal)(double number, double a, double *d, double *e);
    /** The function itself and its derivative, for Monte Carlo and quadrature. */
    double (*value)(double number, double x);
    double (*slope)(double number, double x);
};

/** An activation with its number. */
struct dual {
    const struct dual_class *class_;
    double number;
};

extern const struct dual_class *const dual_table[];
extern const size_t dual_table_size;

/** By name; NULL when unknown. */
const struct dual_class *dual_find(const char *name);

/**
 * Angle in [0, pi] of the point (cosine, sine) with sine >= 0, pi / 2 at the origin; within 4e-16 of atan2, in place
 * over `sine`.
 */
void dual_angles(size_t count, const double *cosine, double *sine);

#endif
