/* SPDX-License-Identifier: MIT */
/* How much of a function of Gaussian inputs is linear, quadratic, or of higher degree. */
#ifndef MEASURE_DEGREE_POWERS_H
#define MEASURE_DEGREE_POWERS_H

#include <stddef.h>

#include "core/status.h"

/** Shares of the variance of y by degree, up to the sampling error of the least squares. */
struct degree_powers {
    double mean, variance;
    double linear, quadratic, above; /* of degree 1, 2, > 2; they add up to 1 */
};

struct degree_fit;

/**
 * Normal equations of y on 1, x_j, x_i x_j (i < j) and x_j^2 - 1, orthogonal for x ~ N(0, I). Errors: TOO_LARGE,
 * MEMORY.
 */
STRATA_MUST_USE strata_status degree_fit_create(strata_context *ctx, size_t dimension, struct degree_fit **fit);
void degree_fit_destroy(struct degree_fit *fit);

/** Adds rows x [rows, dimension], y [rows]. */
void degree_fit_add(struct degree_fit *fit, size_t rows, const float *x, const float *y);

/**
 * Solves them. `above` is corrected for the coefficients' number. Errors: ARGUMENT (fewer rows than coefficients),
 * CONVERGENCE.
 */
STRATA_MUST_USE strata_status degree_fit_finish(strata_context *ctx, struct degree_fit *fit,
                                                struct degree_powers *powers);

#endif
