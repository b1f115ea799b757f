/* SPDX-License-Identifier: MIT */
#include "linalg/band.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "core/memory.h"
#include "linalg/blas.h"
#include "linalg/linalg.h"

/* LAPACKE has no entry for it. */
void dsytrd_sy2sb_(const char *uplo, const lapack_int *n, const lapack_int *kd, double *a, const lapack_int *lda,
                   double *ab, const lapack_int *ldab, double *tau, double *work, const lapack_int *lwork,
                   lapack_int *info, size_t uplo_length);

enum { BAND = 64, COLUMNS = 128 };

/* ---- reduction */

static lapack_int reduce(size_t n, size_t band, double *a, double *values, double *tau, double *work,
                         lapack_int work_size) {
    lapack_int size = blas_int(n), kd = blas_int(band), rows = kd + 1, info = 0;
    dsytrd_sy2sb_("L", &size, &kd, a, &size, values, &rows, tau, work, &work_size, &info, 1);
    return info;
}

/*
 * Q = H_1 H_2 ... of the panels' reflectors, from the last one on: columns before a panel's are still the identity's.
 */
static lapack_int form_basis(size_t n, size_t band, const double *a, const double *tau, double *basis, double *work,
                             lapack_int work_size) {
    memset(basis, 0, n * n * sizeof *basis);
    for (size_t i = 0; i < n; ++i) basis[i * n + i] = 1;
    for (size_t panel = (n - band + band - 1) / band; panel-- > 0;) {
        size_t first = panel * band, below = first + band, left = n - below;
        lapack_int rows = blas_int(left), reflectors = blas_int(left < band ? left : band);
        lapack_int info = LAPACKE_dormqr_work(LAPACK_COL_MAJOR, 'L', 'N', rows, rows, reflectors, a + first * n + below,
                                              blas_int(n), tau + first, basis + below * n + below, blas_int(n), work,
                                              work_size);
        if (info != 0) return info;
    }
    return 0;
}

static double row_sum(const struct band_form *form) {
    double largest = 0;
    for (size_t i = 0; i < form->n; ++i) {
        double sum = 0;
        for (size_t k = 0; k <= form->band; ++k) {
            if (i + k < form->n) sum += fabs(form->values[i * (form->band + 1) + k]);
            if (k && i >= k) sum += fabs(form->values[(i - k) * (form->band + 1) + k]);
        }
        if (!(sum <= largest)) largest = sum;
    }
    return largest;
}

/* Too small for a band: B is the matrix. */
static void copy_whole(size_t n, size_t band, const double *a, struct band_form *form) {
    for (size_t j = 0; j < n; ++j) {
        form->basis[j * n + j] = 1;
        for (size_t k = 0; k <= band && j + k < n; ++k) form->values[j * (band + 1) + k] = a[(j + k) * n + j];
    }
}

static strata_status reduce_large(strata_context *ctx, double *a, struct band_form *form) {
    size_t n = form->n, band = form->band;
    double asked[2] = {0, 0};
    reduce(n, band, a, form->values, NULL, &asked[0], -1);
    LAPACKE_dormqr_work(LAPACK_COL_MAJOR, 'L', 'N', blas_int(n), blas_int(n), blas_int(band), a, blas_int(n), a,
                        form->basis, blas_int(n), &asked[1], -1);
    size_t size = (size_t)fmax(asked[0], asked[1]);
    double *work = mem_zero(size + n, sizeof *work);
    if (!work) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the band form of %zu rows", n);
    lapack_int info = reduce(n, band, a, form->values, work + size, work, blas_int(size));
    if (info == 0) info = form_basis(n, band, a, work + size, form->basis, work, blas_int(size));
    mem_free(work);
    return info == 0 ? STRATA_OK
                     : strata_fail(ctx, STRATA_ERR_INTERNAL, "LAPACK refused argument %d of a band form", -(int)info);
}

static strata_status check_finite(strata_context *ctx, size_t n, const double *a) {
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j)
            if (!isfinite(a[i * n + j]))
                return strata_fail(ctx, STRATA_ERR_CONVERGENCE,
                                   "matrix of %zu x %zu: entry (%zu, %zu) is %g, expected a finite number", n, n, i, j,
                                   a[i * n + j]);
    return STRATA_OK;
}

strata_status band_form_create(strata_context *ctx, struct thread_pool *pool, size_t n, double *a,
                               struct band_form *form) {
    strata_status status = STRATA_OK;
    size_t cells;
    *form = (struct band_form){.n = n, .band = n <= BAND ? n - (n > 0) : BAND};
    STRATA_TRY(mem_product(ctx, n, n, "a band form", &cells));
    form->values = mem_zero(n * (form->band + 1), sizeof *form->values);
    form->basis = mem_zero(cells, sizeof *form->basis);
    if (!form->values || !form->basis) {
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the band form of %zu rows", n);
        goto cleanup;
    }
    STRATA_GO(check_finite(ctx, n, a));
    if (n <= BAND) {
        copy_whole(n, form->band, a, form);
    } else {
        if (pool) linalg_set_blas_threads((int)thread_pool_size(pool));
        blas_ready();
        status = reduce_large(ctx, a, form);
        if (pool) linalg_set_blas_threads(1);
    }
    form->norm = row_sum(form);
cleanup:
    if (status != STRATA_OK) band_form_destroy(form);
    return status;
}

void band_form_destroy(struct band_form *form) {
    mem_free(form->values);
    mem_free(form->basis);
    *form = (struct band_form){0};
}

/* ---- factors */

static size_t block_rows(const struct band_factor *factor) { return factor->band ? factor->band : 1; }

static size_t block_count(const struct band_factor *factor) {
    return (factor->n + block_rows(factor) - 1) / block_rows(factor);
}

strata_status band_factor_create(strata_context *ctx, const struct band_form *form, struct band_factor *factor) {
    *factor = (struct band_factor){.n = form->n, .band = form->band};
    size_t rows = block_rows(factor);
    factor->values = mem_zero(form->n * (form->band + 1), sizeof *factor->values);
    factor->blocks = mem_zero(block_count(factor) * 2 * rows * rows, sizeof *factor->blocks);
    if (factor->values && factor->blocks) return STRATA_OK;
    band_factor_destroy(factor);
    return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a band factor of %zu rows", form->n);
}

void band_factor_destroy(struct band_factor *factor) {
    mem_free(factor->values);
    mem_free(factor->blocks);
    *factor = (struct band_factor){0};
}

/* Entry (i, j) of the factor, j <= i. */
static double factor_entry(const struct band_factor *factor, size_t i, size_t j) {
    return i < factor->n && i - j <= factor->band ? factor->values[j * (factor->band + 1) + i - j] : 0;
}

static void fill_blocks(struct band_factor *factor) {
    size_t rows = block_rows(factor);
    for (size_t block = 0; block < block_count(factor); ++block) {
        double *left = factor->blocks + block * 2 * rows * rows, *own = left + rows * rows;
        for (size_t i = 0; i < rows; ++i)
            for (size_t j = 0; j < rows; ++j) {
                size_t row = block * rows + i, column = block * rows + j;
                left[i * rows + j] = block ? factor_entry(factor, row, column - rows) : 0;
                own[i * rows + j] = column <= row ? factor_entry(factor, row, column) : 0;
                if (row >= factor->n && i == j) own[i * rows + j] = 1;
            }
    }
}

bool band_factorise(const struct band_form *form, double shift, struct band_factor *factor) {
    size_t n = form->n, stride = form->band + 1;
    memcpy(factor->values, form->values, n * stride * sizeof *factor->values);
    for (size_t i = 0; i < n; ++i) factor->values[i * stride] += shift;
    blas_ready();
    factor->log_determinant = 0;
    if (n && LAPACKE_dpbtrf_work(LAPACK_COL_MAJOR, 'L', blas_int(n), blas_int(form->band), factor->values,
                                 blas_int(stride)) != 0)
        return false;
    for (size_t i = 0; i < n; ++i) {
        double pivot = factor->values[i * stride];
        if (!(pivot * pivot > DBL_EPSILON * form->norm)) return false;
        factor->log_determinant += 2 * log(pivot);
    }
    fill_blocks(factor);
    return true;
}

void band_solve(const struct band_factor *factor, size_t count, double *b) {
    blas_ready();
    if (factor->n && count)
        LAPACKE_dpbtrs_work(LAPACK_COL_MAJOR, 'L', blas_int(factor->n), blas_int(factor->band), blas_int(count),
                            factor->values, blas_int(factor->band + 1), b, blas_int(factor->n));
}

/* ---- the diagonal of the inverse: squares of L^-1 Qᵀ, summed down its columns */

struct diagonal {
    const struct band_form *form;
    const struct band_factor *factor;
    double *scratch; /* [workers, 2, band, COLUMNS] */
    double *out;
};

static void diagonal_columns(void *user, size_t index, size_t worker) {
    const struct diagonal *d = user;
    size_t n = d->form->n, rows = block_rows(d->factor), first = index * COLUMNS;
    size_t columns = n - first < COLUMNS ? n - first : COLUMNS, size = rows * COLUMNS;
    double *before = d->scratch + worker * 2 * size, *own = before + size;
    blas_ready();
    for (size_t i = 0; i < columns; ++i) d->out[first + i] = 0;
    for (size_t block = 0; block < block_count(d->factor); ++block) {
        const double *left = d->factor->blocks + block * 2 * rows * rows, *on = left + rows * rows;
        size_t used = n - block * rows < rows ? n - block * rows : rows;
        for (size_t i = 0; i < used; ++i)
            memcpy(own + i * COLUMNS, d->form->basis + (block * rows + i) * n + first, columns * sizeof *own);
        if (block)
            linalg_gemm_f64(AS_IS, AS_IS, used, columns, rows, -1.0, left, rows, before, COLUMNS, 1.0, own, COLUMNS);
        cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, blas_int(used), blas_int(columns),
                    1.0, on, blas_int(rows), own, COLUMNS);
        for (size_t i = 0; i < used; ++i)
            for (size_t j = 0; j < columns; ++j) d->out[first + j] += own[i * COLUMNS + j] * own[i * COLUMNS + j];
        double *swap = before;
        before = own;
        own = swap;
    }
}

strata_status band_inverse_diagonal(strata_context *ctx, struct thread_pool *pool, const struct band_form *form,
                                    const struct band_factor *factor, double *diagonal) {
    size_t workers = pool ? thread_pool_size(pool) : 1;
    struct diagonal d = {.form = form, .factor = factor, .out = diagonal};
    d.scratch = mem_zero(workers * 2 * block_rows(factor) * COLUMNS, sizeof *d.scratch);
    if (!d.scratch)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the inverse's diagonal of %zu rows", form->n);
    thread_pool_run(pool, (form->n + COLUMNS - 1) / COLUMNS, diagonal_columns, &d);
    mem_free(d.scratch);
    return STRATA_OK;
}
