/* SPDX-License-Identifier: MIT */
/* Quadratic forms of layers, and how far they are from a teacher's. */
#ifndef MEASURE_FORM_H
#define MEASURE_FORM_H

#include "core/status.h"

/**
 * Q = Aᵀ diag(o) A, so that xᵀQx = sum_u o_u (A x)_u^2.
 *
 * @param a  [units, dimension]; @param o [units]; @param form [dimension, dimension] out.
 */
STRATA_MUST_USE strata_status form_of_layer(strata_context *ctx, size_t units, size_t dimension, const double *a,
                                            const double *o, double *form);

/**
 * |Q - t Q*|^2 / |t Q*|^2 in the Frobenius norm at the t that makes it least, which is
 * 1 - <Q, Q*>^2 / (|Q|^2 |Q*|^2): 0 when Q is a multiple of Q*, 1 when they are orthogonal.
 * Evaluated as a residual, so that small values keep their digits. NaN when either is zero.
 *
 * @param form, target  [dimension, dimension].
 */
double form_error(size_t dimension, const double *form, const double *target);

#endif
