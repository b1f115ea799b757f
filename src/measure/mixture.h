/* SPDX-License-Identifier: MIT */
/*
 * How hidden weights are made of atoms: w_i = <w_i, M_j> M_j + v_i, M_j the atom of largest share, v_i the dense
 * mixture that is left. Source: Allen-Zhu & Li 2020, arXiv 2005.10190.
 */
#ifndef MEASURE_MIXTURE_H
#define MEASURE_MIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

struct mixture {
    double purity;    /* sum_i max_j <w_i, M_j>^2 over sum_i |w_i|^2 */
    double coherent;  /* sum_i <v_i, w^>^2 over sum_i |w_i|^2, w^ the direction of the labels */
    double residual;  /* mean |v_i| */
    double alignment; /* |cosine| of w^ with the first right singular vector of the stacked v_i */
    double energy;    /* share of the stacked v_i's energy in it */
};

/**
 * Splits the rows of `weights` [width, inputs].
 *
 * @param atoms      [inputs, inputs], orthonormal rows.
 * @param residuals  [width, inputs] out: v_i.
 * @param dominant   [width] out: j; NULL: not wanted.
 */
void mixture_split(size_t width, size_t inputs, const float *weights, const float *atoms, float *residuals,
                   uint32_t *dominant);

/** Measures of the rows of `weights` with their residuals; `direction` [inputs] of length 1. Errors: MEMORY. */
STRATA_MUST_USE strata_status mixture_measure(strata_context *ctx, size_t width, size_t inputs, const float *weights,
                                              const float *residuals, const float *direction, struct mixture *mixture);

#endif
