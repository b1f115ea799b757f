/* SPDX-License-Identifier: MIT */
/*
 * Cholesky, QR and ridge over LAPACK. A row-major matrix is a column-major one transposed, so the
 * lower factor of a symmetric matrix is LAPACK's upper one and nothing is copied; the `_work` entries
 * take our memory, so that a shortage is ours to report.
 * Source: Anderson et al., LAPACK Users' Guide, 3rd ed. 1999.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "core/memory.h"
#include "linalg/blas.h"
#include "linalg/linalg.h"

strata_status linalg_cholesky(strata_context *ctx, size_t n, double *a) {
    blas_ready();
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j <= i; ++j)
            if (!isfinite(a[i * n + j]))
                return strata_fail(ctx, STRATA_ERR_CONVERGENCE,
                                   "Cholesky factor of a %zu x %zu matrix: entry (%zu, %zu) is %g, "
                                   "expected a finite number",
                                   n, n, i, j, a[i * n + j]);
    lapack_int info = n ? LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', blas_int(n), a, blas_int(n)) : 0;
    if (info > 0)
        return strata_fail(ctx, STRATA_ERR_CONVERGENCE,
                           "Cholesky factor of a %zu x %zu matrix: pivot %d is not positive; the "
                           "matrix is not positive definite to working precision",
                           n, n, (int)info);
    if (info < 0) return strata_fail(ctx, STRATA_ERR_INTERNAL, "LAPACK dpotrf refused argument %d", -(int)info);
    for (size_t i = 0; i < n; ++i) memset(a + i * n + i + 1, 0, (n - i - 1) * sizeof *a);
    return STRATA_OK;
}

static void lower_solve(enum transpose transpose, size_t n, size_t order, const double *factor, size_t columns,
                        double *b) {
    if (n == 0 || columns == 0) return;
    blas_ready();
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, transpose == TRANSPOSED ? CblasTrans : CblasNoTrans, CblasNonUnit,
                blas_int(n), blas_int(columns), 1.0, factor, blas_int(order), b, blas_int(columns));
}

void linalg_lower_solve(enum transpose transpose, size_t n, const double *factor, size_t columns, double *b) {
    lower_solve(transpose, n, n, factor, columns, b);
}

void linalg_cholesky_solve_leading(size_t n, size_t order, const double *factor, size_t columns, double *b) {
    lower_solve(AS_IS, n, order, factor, columns, b);
    lower_solve(TRANSPOSED, n, order, factor, columns, b);
}

void linalg_cholesky_solve(size_t n, const double *factor, size_t columns, double *b) {
    linalg_cholesky_solve_leading(n, n, factor, columns, b);
}

strata_status linalg_cholesky_inverse_diagonal(strata_context *ctx, size_t n, const double *factor, double *diagonal) {
    double *inverse = mem_zero(n * n, sizeof *inverse);
    if (!inverse)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the inverse of %zu x %zu numbers", n, n);
    blas_ready();
    memcpy(inverse, factor, n * n * sizeof *inverse);
    lapack_int info = n ? LAPACKE_dtrtri_work(LAPACK_COL_MAJOR, 'U', 'N', blas_int(n), inverse, blas_int(n)) : 0;
    for (size_t i = 0; i < n; ++i) diagonal[i] = 0;
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j <= i; ++j) diagonal[j] += inverse[i * n + j] * inverse[i * n + j];
    mem_free(inverse);
    return info == 0 ? STRATA_OK : strata_fail(ctx, STRATA_ERR_INTERNAL, "LAPACK dtrtri refused: %d", (int)info);
}

/* QR of Aᵀ [columns, rows], which is what column-major LAPACK sees in a row-major A. */
strata_status linalg_orthonormal_rows(strata_context *ctx, size_t rows, size_t columns, double *a) {
    if (rows > columns)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "orthonormal rows: expected rows <= columns, got %zu x %zu", rows,
                           columns);
    if (rows == 0) return STRATA_OK;
    blas_ready();
    strata_status status = STRATA_OK;
    int m = blas_int(columns), n = blas_int(rows);
    int size = 64 * n; /* one block column of LAPACK's default block size and more */
    double *tau = mem_alloc(rows * sizeof *tau), *work = mem_zero((size_t)size, sizeof *work),
           *sign = mem_alloc(rows * sizeof *sign);
    double largest = 0.0;
    if (!tau || !work || !sign) {
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the QR factors of a %zu x %zu matrix", rows,
                             columns);
        goto cleanup;
    }
    lapack_int info = LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, m, n, a, m, tau, work, size);
    for (size_t i = 0; i < rows; ++i) {
        double diagonal = a[i * columns + i];
        sign[i] = diagonal < 0.0 ? -1.0 : 1.0;
        if (!(fabs(diagonal) <= largest)) largest = fabs(diagonal);
    }
    for (size_t i = 0; i < rows && info == 0; ++i)
        if (!(fabs(a[i * columns + i]) > (double)columns * DBL_EPSILON * largest)) {
            status = strata_fail(ctx, STRATA_ERR_CONVERGENCE,
                                 "orthonormal rows of a %zu x %zu matrix: row %zu is not finite or "
                                 "depends linearly on the rows before it",
                                 rows, columns, i);
            goto cleanup;
        }
    if (info == 0) info = LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, m, n, n, a, m, tau, work, size);
    if (info != 0) {
        status = strata_fail(ctx, STRATA_ERR_INTERNAL, "LAPACK's QR refused argument %d", -(int)info);
        goto cleanup;
    }
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j < columns; ++j) a[i * columns + j] *= sign[i];
cleanup:
    mem_free(tau);
    mem_free(work);
    mem_free(sign);
    return status;
}

/* W = (XᵀX + lambda I)^-1 XᵀY when p <= n, else Xᵀ (XXᵀ + lambda I)^-1 Y. */
strata_status linalg_ridge(strata_context *ctx, size_t n, size_t p, size_t outputs, const double *x, const double *y,
                           double lambda, double *w) {
    strata_status status = STRATA_OK;
    bool primal = p <= n;
    size_t order = primal ? p : n, cells = 0, dual_cells = 0;
    double *gram = NULL, *dual = NULL;
    STRATA_TRY(mem_product(ctx, order, order, "ridge system", &cells));
    STRATA_TRY(mem_product(ctx, n, outputs, "ridge targets", &dual_cells));
    gram = mem_zero(cells, sizeof *gram);
    if (!primal) dual = mem_zero(dual_cells, sizeof *dual);
    if (!gram || (!primal && !dual)) {
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a ridge system of order %zu", order);
        goto cleanup;
    }
    linalg_syrk_f64(primal ? TRANSPOSED : AS_IS, order, primal ? n : p, 1.0, x, p, 0.0, gram);
    for (size_t i = 0; i < order; ++i) gram[i * order + i] += lambda;
    STRATA_GO(linalg_cholesky(ctx, order, gram));
    if (primal) {
        linalg_gemm_f64(TRANSPOSED, AS_IS, p, outputs, n, 1.0, x, p, y, outputs, 0.0, w, outputs);
        linalg_cholesky_solve(p, gram, outputs, w);
    } else {
        memcpy(dual, y, dual_cells * sizeof *dual);
        linalg_cholesky_solve(n, gram, outputs, dual);
        linalg_gemm_f64(TRANSPOSED, AS_IS, p, outputs, n, 1.0, x, p, dual, outputs, 0.0, w, outputs);
    }
cleanup:
    mem_free(gram);
    mem_free(dual);
    return status;
}
