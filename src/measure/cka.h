/* SPDX-License-Identifier: MIT */
/* Similarity of two representations of the same rows. */
#ifndef MEASURE_CKA_H
#define MEASURE_CKA_H

#include "core/status.h"

/**
 * Linear centred kernel alignment, |XᵀY|^2 / (|XᵀX| |YᵀY|) of centred features: 1 when they agree up to
 * rotation and scale, near 0 when they have nothing in common.
 * Source: Kornblith et al., ICML 2019, sec. 3.
 *
 * @param x  [rows, x_width]; @param y [rows, y_width]; borrowed; rows >= 2.
 * @param similarity  out; in [0, 1].
 * Errors: ARGUMENT (non-finite or constant features, too few rows), MEMORY.
 */
STRATA_MUST_USE strata_status cka_linear(strata_context *ctx, size_t rows, size_t x_width, const float *x,
                                         size_t y_width, const float *y, double *similarity);

#endif
