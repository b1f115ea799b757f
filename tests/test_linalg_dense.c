/* SPDX-License-Identifier: MIT */
/*
 * Products against plain loops; factors by their residual and orthogonality. With entries of order
 * one and inner length k, a sum of k terms is off by at most k eps sqrt(k) here: tolerances are
 * 100 * k * eps unless a condition number enters.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <pthread.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/rng.h"
#include "linalg/linalg.h"

static strata_context *ctx;

static int setup(void **state) {
    (void)state;
    return strata_context_create(&ctx) == STRATA_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    strata_context_destroy(ctx);
    return 0;
}

static double *normals(size_t count, uint64_t index) {
    double *values = malloc(count * sizeof *values);
    rng_normal_f64(rng_stream_at(rng_stream_make(1, 0, RNG_TEST), index), count, values);
    return values;
}

static double largest_difference(size_t count, const double *a, const double *b) {
    double largest = 0.0;
    for (size_t i = 0; i < count; ++i) {
        double difference = fabs(a[i] - b[i]);
        if (!(difference <= largest)) largest = difference;
    }
    return largest;
}

/* C = op(A) op(B), by loops. */
static void naive_product(enum transpose ta, enum transpose tb, size_t m, size_t n, size_t k, const double *a,
                          const double *b, double *c) {
    for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < n; ++j) {
            double sum = 0.0;
            for (size_t l = 0; l < k; ++l)
                sum += (ta == AS_IS ? a[i * k + l] : a[l * m + i]) * (tb == AS_IS ? b[l * n + j] : b[j * k + l]);
            c[i * n + j] = sum;
        }
}

static void gemm_equals_loops_for_all_transposes(void **state) {
    (void)state;
    enum { M = 7, N = 5, K = 11 };
    double *a = normals(M * K, 1), *b = normals(K * N, 2), expected[M * N], c[M * N];
    float a32[M * K], b32[K * N], c32[M * N];
    for (size_t i = 0; i < M * K; ++i) a32[i] = (float)a[i];
    for (size_t i = 0; i < K * N; ++i) b32[i] = (float)b[i];
    for (int ta = 0; ta < 2; ++ta)
        for (int tb = 0; tb < 2; ++tb) {
            size_t lda = ta ? M : K, ldb = tb ? K : N;
            naive_product((enum transpose)ta, (enum transpose)tb, M, N, K, a, b, expected);
            for (size_t i = 0; i < M * N; ++i) c[i] = 1.0, c32[i] = 1.0f;
            linalg_gemm_f64((enum transpose)ta, (enum transpose)tb, M, N, K, 2.0, a, lda, b, ldb, 3.0, c, N);
            linalg_gemm_f32((enum transpose)ta, (enum transpose)tb, M, N, K, 2.0f, a32, lda, b32, ldb, 3.0f, c32, N);
            for (size_t i = 0; i < M * N; ++i) {
                assert_true(fabs(c[i] - 2.0 * expected[i] - 3.0) < 100 * K * DBL_EPSILON);
                assert_true(fabs(c32[i] - 2.0 * expected[i] - 3.0) < 100 * K * (double)FLT_EPSILON);
            }
        }
    free(a);
    free(b);
}

static void syrk_equals_gemm_on_both_sides(void **state) {
    (void)state;
    enum { N = 131, K = 17 }; /* more than one tile of the mirror */
    double *a = normals(N * K, 3), *c = calloc(N * N, sizeof *c), *expected = calloc(N * N, sizeof *expected);
    float *a32 = malloc(N * K * sizeof *a32), *c32 = calloc(N * N, sizeof *c32);
    for (size_t i = 0; i < N * K; ++i) a32[i] = (float)a[i];
    for (int ta = 0; ta < 2; ++ta) {
        size_t lda = ta ? N : K;
        naive_product((enum transpose)ta, (enum transpose) !ta, N, N, K, a, a, expected);
        linalg_syrk_f64((enum transpose)ta, N, K, 1.0, a, lda, 0.0, c);
        linalg_syrk_f32((enum transpose)ta, N, K, 1.0f, a32, lda, 0.0f, c32);
        assert_true(largest_difference(N * N, c, expected) < 100 * K * DBL_EPSILON);
        for (size_t i = 0; i < N * N; ++i) assert_true(fabs(c32[i] - expected[i]) < 100 * K * (double)FLT_EPSILON);
        for (size_t i = 0; i < N; ++i)
            for (size_t j = 0; j < i; ++j) {
                assert_true(c[i * N + j] == c[j * N + i]);
                assert_true(c32[i * N + j] == c32[j * N + i]);
            }
    }
    free(a);
    free(c);
    free(expected);
    free(a32);
    free(c32);
}

/* A well-conditioned symmetric positive definite matrix: B Bᵀ / n + I. */
static double *positive_definite(size_t n, uint64_t index) {
    double *b = normals(n * n, index), *a = calloc(n * n, sizeof *a);
    linalg_syrk_f64(AS_IS, n, n, 1.0 / (double)n, b, n, 0.0, a);
    for (size_t i = 0; i < n; ++i) a[i * n + i] += 1.0;
    free(b);
    return a;
}

static void cholesky_reproduces_matrix_and_solves(void **state) {
    (void)state;
    enum { N = 40, COLUMNS = 3 };
    double *a = positive_definite(N, 4), *factor = malloc(N * N * sizeof *factor),
           *product = calloc(N * N, sizeof *product);
    double *b = normals(N * COLUMNS, 5), x[N * COLUMNS], ax[N * COLUMNS];
    memcpy(factor, a, N * N * sizeof *a);
    for (size_t i = 0; i < N; ++i)
        for (size_t j = i + 1; j < N; ++j) factor[i * N + j] = NAN; /* the upper triangle is not read */
    assert_int_equal(linalg_cholesky(ctx, N, factor), STRATA_OK);
    for (size_t i = 0; i < N; ++i) {
        assert_true(factor[i * N + i] > 0.0);
        for (size_t j = i + 1; j < N; ++j) assert_true(factor[i * N + j] == 0.0);
    }
    linalg_syrk_f64(AS_IS, N, N, 1.0, factor, N, 0.0, product);
    assert_true(largest_difference(N * N, product, a) < 100 * N * DBL_EPSILON);
    memcpy(x, b, sizeof x);
    linalg_cholesky_solve(N, factor, COLUMNS, x);
    naive_product(AS_IS, AS_IS, N, COLUMNS, N, a, x, ax);
    assert_true(largest_difference(N * COLUMNS, ax, b) < 100 * N * DBL_EPSILON); /* condition below 10 */
    free(a);
    free(factor);
    free(product);
    free(b);
}

static void cholesky_names_the_failing_pivot(void **state) {
    (void)state;
    double a[9] = {1, 0, 0, 0, -1, 0, 0, 0, 1};
    assert_int_equal(linalg_cholesky(ctx, 3, a), STRATA_ERR_CONVERGENCE);
    assert_non_null(strstr(strata_context_message(ctx), "pivot 2"));
    double b[4] = {1, 0, NAN, 1};
    assert_int_equal(linalg_cholesky(ctx, 2, b), STRATA_ERR_CONVERGENCE);
    assert_non_null(strstr(strata_context_message(ctx), "(1, 0)"));
}

/* |V A - diag(values) V| and |V Vᵀ - I| for `count` eigenvectors in rows. */
static void check_eigenpairs(size_t n, size_t count, const double *a, const double *values, const double *vectors) {
    double *av = malloc(count * n * sizeof *av), *gram = malloc(count * count * sizeof *gram);
    linalg_gemm_f64(AS_IS, AS_IS, count, n, n, 1.0, vectors, n, a, n, 0.0, av, n);
    linalg_gemm_f64(AS_IS, TRANSPOSED, count, count, n, 1.0, vectors, n, vectors, n, 0.0, gram, count);
    for (size_t i = 0; i < count; ++i) {
        for (size_t j = 0; j < n; ++j)
            assert_true(fabs(av[i * n + j] - values[i] * vectors[i * n + j]) < 1000.0 * (double)n * DBL_EPSILON);
        for (size_t j = 0; j < count; ++j)
            assert_true(fabs(gram[i * count + j] - (i == j)) < 100.0 * (double)n * DBL_EPSILON);
    }
    free(av);
    free(gram);
}

static void eigen_symmetric_residual_and_order(void **state) {
    (void)state;
    enum { N = 50 };
    double *a = positive_definite(N, 6), *copy = malloc(N * N * sizeof *copy), values[N], only[N],
           *vectors = malloc(N * N * sizeof *vectors);
    memcpy(copy, a, N * N * sizeof *a);
    assert_int_equal(linalg_eigen_symmetric(ctx, N, copy, values, vectors), STRATA_OK);
    for (size_t i = 1; i < N; ++i) assert_true(values[i] >= values[i - 1]);
    check_eigenpairs(N, N, a, values, vectors);
    memcpy(copy, a, N * N * sizeof *a);
    assert_int_equal(linalg_eigen_symmetric(ctx, N, copy, only, NULL), STRATA_OK);
    assert_true(largest_difference(N, only, values) < 100 * N * DBL_EPSILON);
    free(a);
    free(copy);
    free(vectors);
}

static void eigen_largest_agrees_with_full_and_repeats(void **state) {
    (void)state;
    enum { N = 120, COUNT = 6 };
    double *a = positive_definite(N, 7), *copy = malloc(N * N * sizeof *copy), all[N];
    double values[COUNT], vectors[COUNT * N], again_values[COUNT], again[COUNT * N];
    memcpy(copy, a, N * N * sizeof *a);
    assert_int_equal(linalg_eigen_symmetric(ctx, N, copy, all, NULL), STRATA_OK);
    assert_int_equal(linalg_eigen_largest(ctx, N, a, COUNT, values, vectors), STRATA_OK);
    assert_int_equal(linalg_eigen_largest(ctx, N, a, COUNT, again_values, again), STRATA_OK);
    assert_memory_equal(values, again_values, sizeof values);
    assert_memory_equal(vectors, again, sizeof vectors);
    for (size_t i = 0; i < COUNT; ++i) {
        assert_true(fabs(values[i] - all[N - 1 - i]) < 1000 * N * DBL_EPSILON);
        size_t largest = 0;
        for (size_t j = 1; j < N; ++j)
            if (fabs(vectors[i * N + j]) > fabs(vectors[i * N + largest])) largest = j;
        assert_true(vectors[i * N + largest] > 0.0);
    }
    check_eigenpairs(N, COUNT, a, values, vectors);
    assert_int_equal(linalg_eigen_largest(ctx, N, a, N, values, vectors), STRATA_ERR_ARGUMENT);
    assert_int_equal(linalg_eigen_largest(ctx, N, a, 0, values, vectors), STRATA_ERR_ARGUMENT);
    free(a);
    free(copy);
}

static void check_svd(size_t m, size_t n) {
    size_t r = m < n ? m : n;
    double *a = normals(m * n, 8), *copy = malloc(m * n * sizeof *copy), *u = malloc(m * r * sizeof *u),
           *s = malloc(r * sizeof *s);
    double *vt = malloc(r * n * sizeof *vt), *product = malloc(m * n * sizeof *product),
           *gram = malloc(r * r * sizeof *gram);
    memcpy(copy, a, m * n * sizeof *a);
    assert_int_equal(linalg_svd(ctx, m, n, copy, u, s, vt), STRATA_OK);
    linalg_gemm_f64(TRANSPOSED, AS_IS, r, r, m, 1.0, u, r, u, r, 0.0, gram, r);
    for (size_t i = 0; i < r * r; ++i) assert_true(fabs(gram[i] - (i / r == i % r)) < 1e-13);
    linalg_gemm_f64(AS_IS, TRANSPOSED, r, r, n, 1.0, vt, n, vt, n, 0.0, gram, r);
    for (size_t i = 0; i < r * r; ++i) assert_true(fabs(gram[i] - (i / r == i % r)) < 1e-13);
    for (size_t i = 1; i < r; ++i) assert_true(s[i] <= s[i - 1] && s[i] >= 0.0);
    for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < r; ++j) u[i * r + j] *= s[j];
    linalg_gemm_f64(AS_IS, AS_IS, m, n, r, 1.0, u, r, vt, n, 0.0, product, n);
    assert_true(largest_difference(m * n, product, a) < 1e-12);
    double *only = malloc(r * sizeof *only);
    memcpy(copy, a, m * n * sizeof *a);
    assert_int_equal(linalg_svd(ctx, m, n, copy, NULL, only, NULL), STRATA_OK);
    assert_true(largest_difference(r, only, s) < 1e-13);
    free(a);
    free(copy);
    free(u);
    free(s);
    free(vt);
    free(product);
    free(gram);
    free(only);
}

static void svd_reproduces_tall_and_wide(void **state) {
    (void)state;
    check_svd(17, 9);
    check_svd(9, 17);
    check_svd(1, 5);
}

static void orthonormal_rows_span_and_sign(void **state) {
    (void)state;
    enum { ROWS = 6, COLUMNS = 20 };
    double *a = normals(ROWS * COLUMNS, 9), q[ROWS * COLUMNS], gram[ROWS * ROWS], r[ROWS * ROWS], back[ROWS * COLUMNS];
    memcpy(q, a, sizeof q);
    assert_int_equal(linalg_orthonormal_rows(ctx, ROWS, COLUMNS, q), STRATA_OK);
    naive_product(AS_IS, TRANSPOSED, ROWS, ROWS, COLUMNS, q, q, gram);
    for (size_t i = 0; i < ROWS * ROWS; ++i) assert_true(fabs(gram[i] - (i / ROWS == i % ROWS)) < 1e-13);
    naive_product(AS_IS, TRANSPOSED, ROWS, ROWS, COLUMNS, a, q, r); /* A = Rᵀ Q: lower triangle, positive diagonal */
    for (size_t i = 0; i < ROWS; ++i) {
        assert_true(r[i * ROWS + i] > 0.0);
        for (size_t j = i + 1; j < ROWS; ++j) assert_true(fabs(r[i * ROWS + j]) < 1e-13);
    }
    naive_product(AS_IS, AS_IS, ROWS, COLUMNS, ROWS, r, q, back);
    assert_true(largest_difference(ROWS * COLUMNS, back, a) < 1e-13);
    double dependent[6] = {1, 2, 3, 2, 4, 6};
    assert_int_equal(linalg_orthonormal_rows(ctx, 2, 3, dependent), STRATA_ERR_CONVERGENCE);
    assert_int_equal(linalg_orthonormal_rows(ctx, 3, 2, dependent), STRATA_ERR_ARGUMENT);
    free(a);
}

/* Xᵀ(XW - Y) + lambda W = 0, whatever side was solved. */
static void check_ridge(size_t n, size_t p) {
    enum { OUTPUTS = 2 };
    const double lambda = 0.3;
    double *x = normals(n * p, 10), *y = normals(n * OUTPUTS, 11), *w = malloc(p * OUTPUTS * sizeof *w);
    double *residual = malloc(n * OUTPUTS * sizeof *residual), *gradient = malloc(p * OUTPUTS * sizeof *gradient);
    assert_int_equal(linalg_ridge(ctx, n, p, OUTPUTS, x, y, lambda, w), STRATA_OK);
    naive_product(AS_IS, AS_IS, n, OUTPUTS, p, x, w, residual);
    for (size_t i = 0; i < n * OUTPUTS; ++i) residual[i] -= y[i];
    naive_product(TRANSPOSED, AS_IS, p, OUTPUTS, n, x, residual, gradient);
    for (size_t i = 0; i < p * OUTPUTS; ++i) assert_true(fabs(gradient[i] + lambda * w[i]) < 1e-11);
    free(x);
    free(y);
    free(w);
    free(residual);
    free(gradient);
}

static void ridge_satisfies_normal_equations(void **state) {
    (void)state;
    check_ridge(30, 8);
    check_ridge(8, 30);
}

static strata_status every_factor(void) {
    enum { N = 12 };
    double *a = positive_definite(N, 12), *copy = malloc(N * N * sizeof *copy), values[N], vectors[N * N], u[N * N];
    strata_status status = STRATA_OK;
    STRATA_GO(linalg_eigen_largest(ctx, N, a, 3, values, vectors));
    STRATA_GO(linalg_ridge(ctx, N, N, 1, a, a, 1.0, values));
    STRATA_GO(linalg_ridge(ctx, N / 2, N, 1, a, a, 1.0, values));
    memcpy(copy, a, N * N * sizeof *a);
    STRATA_GO(linalg_orthonormal_rows(ctx, N / 2, N, copy));
    memcpy(copy, a, N * N * sizeof *a);
    STRATA_GO(linalg_eigen_symmetric(ctx, N, copy, values, vectors));
    memcpy(copy, a, N * N * sizeof *a);
    STRATA_GO(linalg_svd(ctx, N, N, copy, u, values, vectors));
cleanup:
    free(a);
    free(copy);
    return status;
}

static void failing_memory_is_reported(void **state) {
    (void)state;
    strata_status status = STRATA_ERR_MEMORY;
    for (uint64_t n = 1; status != STRATA_OK && n < 100; ++n) {
        mem_fail_from(n);
        status = every_factor();
        mem_fail_from(0);
        assert_true(status == STRATA_OK || status == STRATA_ERR_MEMORY);
    }
    assert_int_equal(status, STRATA_OK);
}

static void non_finite_input_is_refused(void **state) {
    (void)state;
    double a[4] = {1, 0, INFINITY, 1}, values[2], vectors[4];
    assert_int_equal(linalg_eigen_symmetric(ctx, 2, a, values, vectors), STRATA_ERR_ARGUMENT);
    assert_int_equal(linalg_eigen_largest(ctx, 2, a, 1, values, vectors), STRATA_ERR_ARGUMENT);
    assert_int_equal(linalg_svd(ctx, 2, 2, a, NULL, values, NULL), STRATA_ERR_ARGUMENT);
}

static size_t threads_of_process(void) {
    size_t count = 0;
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder && (entry = readdir(folder));) count += entry->d_name[0] != '.';
    if (folder) closedir(folder);
    return count;
}

static void *count_threads(void *result) {
    *(size_t *)result = threads_of_process();
    return NULL;
}

static void *large_product(void *result) {
    enum { N = 300 };
    double *a = calloc(N * N, sizeof *a), *c = calloc(N * N, sizeof *c);
    linalg_gemm_f64(AS_IS, AS_IS, N, N, N, 1.0, a, N, a, N, 0.0, c, N);
    *(size_t *)result = threads_of_process();
    free(a);
    free(c);
    return NULL;
}

/* OpenBLAS over OpenMP gives every new thread its own thread count: a worker must not start a team. */
static void products_on_new_threads_stay_on_one_thread(void **state) {
    (void)state;
    size_t idle = 0, busy = 0;
    pthread_t thread;
    /* An idle thread first: a sanitizer starts a thread of its own along with ours. */
    assert_int_equal(pthread_create(&thread, NULL, count_threads, &idle), 0);
    pthread_join(thread, NULL);
    if (idle == 0) skip(); /* no /proc */
    assert_int_equal(pthread_create(&thread, NULL, large_product, &busy), 0);
    pthread_join(thread, NULL);
    assert_int_equal(busy, idle);
}

static void blas_names_itself(void **state) {
    (void)state;
    assert_true(strncmp(linalg_blas_name(), "OpenBLAS ", 9) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_on_new_threads_stay_on_one_thread),
        cmocka_unit_test(gemm_equals_loops_for_all_transposes),
        cmocka_unit_test(syrk_equals_gemm_on_both_sides),
        cmocka_unit_test(cholesky_reproduces_matrix_and_solves),
        cmocka_unit_test(cholesky_names_the_failing_pivot),
        cmocka_unit_test(eigen_symmetric_residual_and_order),
        cmocka_unit_test(eigen_largest_agrees_with_full_and_repeats),
        cmocka_unit_test(svd_reproduces_tall_and_wide),
        cmocka_unit_test(orthonormal_rows_span_and_sign),
        cmocka_unit_test(ridge_satisfies_normal_equations),
        cmocka_unit_test(failing_memory_is_reported),
        cmocka_unit_test(non_finite_input_is_refused),
        cmocka_unit_test(blas_names_itself),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
