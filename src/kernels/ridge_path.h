/* SPDX-License-Identifier: MIT */
/* Kernel ridge regression for every ridge at once: one eigendecomposition, then leave-one-out errors in closed form. */
#ifndef KERNELS_RIDGE_PATH_H
#define KERNELS_RIDGE_PATH_H

#include "core/status.h"

/** Spectrum of a Gram matrix K = sum_k values[k] u_k u_kᵀ. Zero-initialised is empty. */
struct ridge_path {
    size_t rows, rank;
    double *values;  /* [rank], >= 0 */
    double *vectors; /* [rank, rows], u_k in rows, orthonormal */
};

/**
 * From a Gram matrix [rows, rows], which is destroyed. Eigenvalues in (-1e-12 rows max, 0) are rounding
 * and become 0; ERR_CONVERGENCE below that: not positive semidefinite.
 */
STRATA_MUST_USE strata_status ridge_path_from_gram(strata_context *ctx, size_t rows, double *gram,
                                                   struct ridge_path *path);

/**
 * From features [rows, width] with K = features featuresᵀ, through the smaller of the two products; directions below
 * 1e-12 of the largest (rounding) are left out.
 */
STRATA_MUST_USE strata_status ridge_path_from_features(strata_context *ctx, size_t rows, size_t width,
                                                       const double *features, struct ridge_path *path);
void ridge_path_destroy(struct ridge_path *path);

/**
 * Mean squared leave-one-out error of f = K (K + ridge I)^-1 y for each ridge: the residual of row i
 * fitted without row i is r_i / (1 - H_ii). Source: Allen, Technometrics 16 (1974) 125.
 *
 * @param y       [rows, outputs]; @param ridges [count], > 0.
 * @param errors  [count] out: means over rows of the sum over outputs.
 * Errors: MEMORY.
 */
STRATA_MUST_USE strata_status ridge_path_leave_one_out(strata_context *ctx, const struct ridge_path *path,
                                                       size_t outputs, const double *y, size_t count,
                                                       const double *ridges, double *errors);

#endif
