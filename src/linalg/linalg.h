/* SPDX-License-Identifier: MIT */
/*
 * Dense algebra over BLAS, LAPACK and ARPACK. Matrices are row-major with a leading dimension equal to
 * their columns unless a parameter says otherwise. All calls run BLAS on one thread.
 */
#ifndef LINALG_LINALG_H
#define LINALG_LINALG_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

enum transpose { AS_IS, TRANSPOSED };

/** C = alpha op(A) op(B) + beta C, op(A) is [m, k], op(B) is [k, n]; lda/ldb/ldc are row strides. */
void linalg_gemm_f64(enum transpose ta, enum transpose tb, size_t m, size_t n, size_t k, double alpha, const double *a,
                     size_t lda, const double *b, size_t ldb, double beta, double *c, size_t ldc);
void linalg_gemm_f32(enum transpose ta, enum transpose tb, size_t m, size_t n, size_t k, float alpha, const float *a,
                     size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc);

/**
 * C = alpha A Aᵀ + beta C (AS_IS, A [n, k]) or alpha Aᵀ A + beta C (TRANSPOSED, A [k, n]); C [n, n] filled on both
 * sides.
 */
void linalg_syrk_f64(enum transpose ta, size_t n, size_t k, double alpha, const double *a, size_t lda, double beta,
                     double *c);
void linalg_syrk_f32(enum transpose ta, size_t n, size_t k, float alpha, const float *a, size_t lda, float beta,
                     float *c);

/**
 * Lower Cholesky factor in place of a symmetric [n, n]; the upper triangle is zeroed. ERR_CONVERGENCE with the
 * failing pivot when not positive definite.
 */
STRATA_MUST_USE strata_status linalg_cholesky(strata_context *ctx, size_t n, double *a);

/** Solves A X = B given A's lower Cholesky factor; B [n, columns] in place. */
void linalg_cholesky_solve(size_t n, const double *factor, size_t columns, double *b);

/** Solves L X = B (AS_IS) or L' X = B (TRANSPOSED) with a lower triangular L [n, n]; B [n, columns] in place. */
void linalg_lower_solve(enum transpose transpose, size_t n, const double *factor, size_t columns, double *b);

/** diagonal[i] = [A^-1]_ii given A's lower Cholesky factor. Errors: MEMORY. */
STRATA_MUST_USE strata_status linalg_cholesky_inverse_diagonal(strata_context *ctx, size_t n, const double *factor,
                                                               double *diagonal);

/**
 * The same for the leading [n, n] block of A, given A's factor [order, order]: its leading block is the block's
 * factor.
 */
void linalg_cholesky_solve_leading(size_t n, size_t order, const double *factor, size_t columns, double *b);

/**
 * All eigenpairs of a symmetric [n, n] (lower triangle read): `values` [n] ascending, `vectors` [n, n] rows =
 * eigenvectors; `a` is destroyed.
 */
STRATA_MUST_USE strata_status linalg_eigen_symmetric(strata_context *ctx, size_t n, double *a, double *values,
                                                     double *vectors);

/**
 * `count` < n largest eigenpairs by ARPACK with a fixed start vector: `values` descending, `vectors` [count, n] rows,
 * largest entry positive.
 */
STRATA_MUST_USE strata_status linalg_eigen_largest(strata_context *ctx, size_t n, const double *a, size_t count,
                                                   double *values, double *vectors);

/**
 * Thin SVD A = U diag(s) Vᵀ of [m, n], r = min(m, n): `u` [m, r], `s` [r] descending, `vt` [r, n]; `u`, `vt` may be
 * NULL together; `a` is destroyed.
 */
STRATA_MUST_USE strata_status linalg_svd(strata_context *ctx, size_t m, size_t n, double *a, double *u, double *s,
                                         double *vt);

/**
 * QR of a Gaussian-like [rows, columns], rows <= columns: overwrites `a` with orthonormal rows spanning its row space
 * (signs fixed: R's diagonal positive).
 */
STRATA_MUST_USE strata_status linalg_orthonormal_rows(strata_context *ctx, size_t rows, size_t columns, double *a);

/**
 * Ridge regression: W = argmin ||X W - Y||^2 + lambda ||W||^2 by Cholesky of XᵀX + lambda I (falls to the dual when n
 * < p).
 *
 * @param x       [n, p]; @param y [n, outputs]; @param w [p, outputs] out.
 */
STRATA_MUST_USE strata_status linalg_ridge(strata_context *ctx, size_t n, size_t p, size_t outputs, const double *x,
                                           const double *y, double lambda, double *w);

/** Fills the upper triangle of [n, n] from the lower one. */
void linalg_mirror_f64(size_t n, double *c);

/** Process-wide: BLAS's own threads; 1 unless a single large call is being made. */
void linalg_set_blas_threads(int threads);

/** What the BLAS says it is, such as "OpenBLAS 0.3.21 Zen"; static storage. */
const char *linalg_blas_name(void);

/**
 * OPENBLAS_CORETYPE with which OpenBLAS would take kernels that fit this CPU; NULL when it has. Releases older than the
 * CPU's model fall back to their oldest kernels, several times slower. It is read when the library is loaded.
 */
const char *linalg_blas_better_core(void);

/* ---- GEMM chosen once: the table of design over shape and CPU ---- */

/** A product with a planned shape, alpha 1. `kernels` are small-matrix kernels for beta 0 and 1, NULL for BLAS. */
struct gemm_plan {
    enum transpose ta, tb;
    size_t m, n, k, lda, ldb, ldc;
    size_t tile_m, tile_n, tile_k; /* part that one kernel call computes */
    void *kernels[2];
};

/** Chooses for C[m, n] = op(A)[m, k] op(B)[k, n] (+ C). Deterministic in the shape and the CPU type. */
void gemm_plan_f32(struct gemm_plan *plan, enum transpose ta, enum transpose tb, size_t m, size_t n, size_t k,
                   size_t lda, size_t ldb, size_t ldc);

/** Runs a plan; an `m` or `k` other than the planned one (a last, smaller batch) takes BLAS. */
void gemm_run_f32(const struct gemm_plan *plan, size_t m, size_t k, const float *a, const float *b, bool accumulate,
                  float *c);

#endif
