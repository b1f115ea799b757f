/* SPDX-License-Identifier: MIT */
/*
 * Eigenpairs (divide and conquer, or restarted Lanczos for the largest few) and the thin SVD.
 * Row-major matrices are passed to column-major LAPACK transposed, which costs no copy: eigenvectors
 * come out as rows and U, V change places.
 * Sources: Anderson et al., LAPACK Users' Guide 1999; Lehoucq, Sorensen & Yang, ARPACK Users' Guide 1998, ch. 4.
 */
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include <arpack.h>
#include <cblas.h>
#include <lapacke.h>

#include "core/memory.h"
#include "core/rng.h"
#include "linalg/blas.h"
#include "linalg/linalg.h"

static strata_status matrix_finite(strata_context *ctx, const char *what, size_t m, size_t n, const double *a) {
    for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < n; ++j)
            if (!isfinite(a[i * n + j]))
                return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                                   "%s of a %zu x %zu matrix: entry (%zu, %zu) is %g, expected a finite number", what,
                                   m, n, i, j, a[i * n + j]);
    return STRATA_OK;
}

strata_status linalg_eigen_symmetric(strata_context *ctx, size_t n, double *a, double *values, double *vectors) {
    if (n == 0) return STRATA_OK;
    STRATA_TRY(matrix_finite(ctx, "eigenvalues", n, n, a));
    blas_ready();
    strata_status status = STRATA_OK;
    int order = blas_int(n), integers_size = 0, info = 0;
    char job = vectors ? 'V' : 'N';
    double wanted = 0.0, *work = NULL;
    lapack_int *integers = NULL;
    LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, job, 'U', order, a, order, values, &wanted, -1, &integers_size, -1);
    size_t size = (size_t)wanted;
    work = mem_zero(size, sizeof *work);
    integers = mem_zero((size_t)integers_size, sizeof *integers);
    if (!work || !integers) {
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the eigenvalues of a %zu x %zu matrix", n, n);
        goto cleanup;
    }
    info = LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, job, 'U', order, a, order, values, work, blas_int(size), integers,
                               integers_size);
    if (info != 0) {
        status = strata_fail(ctx, STRATA_ERR_CONVERGENCE,
                             "eigenvalues of a %zu x %zu matrix: LAPACK dsyevd did not converge (info %d)", n, n, info);
        goto cleanup;
    }
    if (vectors) memcpy(vectors, a, n * n * sizeof *a);
cleanup:
    mem_free(work);
    mem_free(integers);
    return status;
}

/* ---- the largest few, by ARPACK ---- */

struct lanczos {
    int n, count, ncv;
    double *basis;   /* [ncv, n] */
    double *start;   /* [n]: start vector, then residual */
    double *work;    /* [3 n] */
    double *small;   /* [ncv (ncv + 8)] */
    double *values;  /* [count] ascending */
    double *vectors; /* [count, n] */
    int *select;     /* [ncv] */
};

static strata_status lanczos_create(strata_context *ctx, size_t n, size_t count, struct lanczos *lanczos,
                                    struct arena *arena) {
    size_t ncv = count < 10 ? 20 : 2 * count + 1;
    if (ncv > n) ncv = n;
    if (ncv > 40000) /* ARPACK counts its small work array, ncv (ncv + 8), in 32 bits */
        return strata_fail(ctx, STRATA_ERR_TOO_LARGE, "largest eigenvalues: expected at most 19999 of them, got %zu",
                           count);
    /* No product here exceeds the n * n of the matrix itself. */
    size_t total = arena_padded(ncv * n * sizeof(double)) + arena_padded(n * sizeof(double)) +
                   arena_padded(3 * n * sizeof(double)) + arena_padded(ncv * (ncv + 8) * sizeof(double)) +
                   arena_padded(count * sizeof(double)) + arena_padded(count * n * sizeof(double)) +
                   arena_padded(ncv * sizeof(int));
    STRATA_TRY(arena_create(ctx, total, arena));
    *lanczos = (struct lanczos){.n = blas_int(n),
                                .count = blas_int(count),
                                .ncv = blas_int(ncv),
                                .basis = arena_take(arena, ncv * n * sizeof(double)),
                                .start = arena_take(arena, n * sizeof(double)),
                                .work = arena_take(arena, 3 * n * sizeof(double)),
                                .small = arena_take(arena, ncv * (ncv + 8) * sizeof(double)),
                                .values = arena_take(arena, count * sizeof(double)),
                                .vectors = arena_take(arena, count * n * sizeof(double)),
                                .select = arena_take(arena, ncv * sizeof(int))};
    return STRATA_OK;
}

/* Fortran's dseupd: every argument by address, the lengths of the three texts at the end. */
void dseupd_(const int *vectors_too, const char *how_many, int *select, double *values, double *vectors,
             const int *vectors_stride, const double *shift, const char *problem, const int *n, const char *which,
             const int *count, const double *tolerance, double *residual, const int *ncv, double *basis,
             const int *basis_stride, int *iparam, int *ipntr, double *workd, double *workl, const int *workl_size,
             int *info, size_t how_many_size, size_t problem_size, size_t which_size);

/* Reverse communication; ARPACK keeps SAVEd state between its calls, so the caller holds the lock. */
static strata_status lanczos_run(strata_context *ctx, struct lanczos *s, const double *a) {
    enum { RESTARTS = 1000 };
    int ido = 0, info = 1, iparam[11] = {1, 0, RESTARTS, 1, 0, 0, 1}, ipntr[14] = {0};
    int small_size = s->ncv * (s->ncv + 8);
    for (;;) {
        dsaupd_c(&ido, "I", s->n, "LA", s->count, 0.0, s->start, s->ncv, s->basis, s->n, iparam, ipntr, s->work,
                 s->small, small_size, &info);
        if (ido != 1 && ido != -1) break;
        cblas_dsymv(CblasRowMajor, CblasLower, s->n, 1.0, a, s->n, s->work + ipntr[0] - 1, 1, 0.0,
                    s->work + ipntr[1] - 1, 1);
    }
    if (info != 0)
        return strata_fail(ctx, STRATA_ERR_CONVERGENCE,
                           "the %d largest eigenvalues of a %d x %d matrix: ARPACK stopped with info %d after "
                           "%d restarts, %d converged",
                           s->count, s->n, s->n, info, iparam[2], iparam[4]);
    /* Not dseupd_c: it asks for memory of its own and does not look whether it got any. */
    int wanted = 1;
    double zero = 0.0;
    dseupd_(&wanted, "A", s->select, s->values, s->vectors, &s->n, &zero, "I", &s->n, "LA", &s->count, &zero, s->start,
            &s->ncv, s->basis, &s->n, iparam, ipntr, s->work, s->small, &small_size, &info, 1, 1, 2);
    if (info != 0)
        return strata_fail(ctx, STRATA_ERR_CONVERGENCE,
                           "the %d largest eigenvectors of a %d x %d matrix: ARPACK dseupd gave info %d", s->count,
                           s->n, s->n, info);
    return STRATA_OK;
}

/* dst = src or -src, so that its entry of largest size (the first among equals) is positive. */
static void vector_copy_signed(size_t n, const double *src, double *dst) {
    size_t largest = 0;
    for (size_t i = 1; i < n; ++i)
        if (fabs(src[i]) > fabs(src[largest])) largest = i;
    double sign = src[largest] < 0.0 ? -1.0 : 1.0;
    for (size_t i = 0; i < n; ++i) dst[i] = sign * src[i];
}

strata_status linalg_eigen_largest(strata_context *ctx, size_t n, const double *a, size_t count, double *values,
                                   double *vectors) {
    static pthread_mutex_t arpack_lock = PTHREAD_MUTEX_INITIALIZER;
    if (count == 0 || count >= n)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "largest eigenvalues: expected 1 <= count < %zu, got %zu", n,
                           count);
    STRATA_TRY(matrix_finite(ctx, "largest eigenvalues", n, n, a));
    struct arena arena = {0};
    struct lanczos lanczos = {0};
    STRATA_TRY(lanczos_create(ctx, n, count, &lanczos, &arena));
    rng_uniform_f64((struct rng_stream){.key = 1, .index = n}, n, lanczos.start); /* fixed: same input, same bits */
    blas_ready();
    pthread_mutex_lock(&arpack_lock);
    strata_status status = lanczos_run(ctx, &lanczos, a);
    pthread_mutex_unlock(&arpack_lock);
    for (size_t i = 0; status == STRATA_OK && i < count; ++i) { /* ascending to descending */
        values[i] = lanczos.values[count - 1 - i];
        if (vectors) vector_copy_signed(n, lanczos.vectors + (count - 1 - i) * n, vectors + i * n);
    }
    arena_destroy(&arena);
    return status;
}

/* ---- SVD ---- */

strata_status linalg_svd(strata_context *ctx, size_t m, size_t n, double *a, double *u, double *s, double *vt) {
    if (m == 0 || n == 0) return STRATA_OK;
    STRATA_TRY(matrix_finite(ctx, "SVD", m, n, a));
    blas_ready();
    strata_status status = STRATA_OK;
    size_t r = m < n ? m : n;
    char job = u ? 'S' : 'N';
    double wanted = 0.0, *work = NULL;
    /* LAPACK sees Aᵀ = V diag(s) Uᵀ, [n, m]. */
    int rows = blas_int(n), columns = blas_int(m), rank = blas_int(r), info = 0;
    lapack_int *integers = mem_zero(8 * r, sizeof *integers);
    LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, job, rows, columns, a, rows, s, vt, rows, u, rank, &wanted, -1, integers);
    size_t size = (size_t)wanted;
    work = mem_zero(size, sizeof *work);
    if (!work || !integers) {
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the SVD of a %zu x %zu matrix", m, n);
        goto cleanup;
    }
    info = LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, job, rows, columns, a, rows, s, vt, rows, u, rank, work,
                               blas_int(size), integers);
    if (info != 0)
        status = strata_fail(ctx, STRATA_ERR_CONVERGENCE,
                             "SVD of a %zu x %zu matrix: LAPACK dgesdd did not converge (info %d)", m, n, info);
cleanup:
    mem_free(work);
    mem_free(integers);
    return status;
}
