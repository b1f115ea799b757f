/* SPDX-License-Identifier: MIT */
/*
 * What the test error of kernel ridge regression on the sphere will be, from the kernel's eigenvalues alone: an average
 * over training sets in the limit of many directions a degree. Sources: Canatar, Bordelon & Pehlevan 2021, eq. (4);
 * Jacot et al. 2020 (kernel alignment risk estimator).
 */
#ifndef KERNELS_LEARNING_CURVE_H
#define KERNELS_LEARNING_CURVE_H

#include "kernels/kernel.h"

enum { LEARNING_CURVE_DEGREES = 32 };

/** Eigenvalues of degrees 0..; what higher degrees add to k(x, x) acts as a ridge, `tail`. Owns nothing. */
struct learning_curve {
    double eigenvalue[LEARNING_CURVE_DEGREES], multiplicity[LEARNING_CURVE_DEGREES], tail;
};

/**
 * Of a kernel on the sphere of radius sqrt(kernel->dimension). Errors: those of sphere_eigenvalues; CONVERGENCE when
 * an eigenvalue is negative beyond rounding.
 */
STRATA_MUST_USE strata_status learning_curve_create(strata_context *ctx, const struct kernel *kernel,
                                                    struct learning_curve *curve);

/**
 * Mean squared test error (against targets without noise) after n samples.
 *
 * @param ridge   added to the Gram matrix, >= 0.
 * @param power   [degrees]: mean square of the target in degree 0, 1, ...; degrees <= LEARNING_CURVE_DEGREES.
 * @param noise   variance of noise on the training targets.
 */
double learning_curve_error(const struct learning_curve *curve, double n, double ridge, size_t degrees,
                            const double *power, double noise);

/** The same for a target of power 1 in one degree, without noise. */
double learning_curve_degree(const struct learning_curve *curve, double n, double ridge, size_t degree);

/** Samples at which learning_curve_degree last falls through `level`; NaN when that is beyond 1e15. */
double learning_curve_samples(const struct learning_curve *curve, double ridge, size_t degree, double level);

#endif
