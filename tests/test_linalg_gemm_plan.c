/* SPDX-License-Identifier: MIT */
/*
 * Planned products against the sum written from the definition: shapes of one part, of several, and without equal
 * parts.
 */
#include <float.h>
#include <math.h>

#include "draws.h"
#include "linalg/linalg.h"

struct shape_case {
    size_t m, n, k;
};

/* One part; parts in k (784 = 2 x 392), in m and n; a prime above the largest part and a size above all (BLAS). */
static const struct shape_case cases[] = {{1, 1, 1},    {3, 5, 7},     {64, 64, 64}, {17, 10, 784},
                                          {600, 33, 9}, {7, 900, 530}, {9, 521, 11}, {2, 1030, 5}};
enum { CASES = sizeof cases / sizeof *cases };

/* Error of a float sum of k products of which each has size a, b: at most (k + 1) eps sum |a b|. */
static void check_product(const struct shape_case *size, enum transpose ta, bool accumulate, size_t rows) {
    size_t m = size->m, n = size->n, k = size->k, lda = ta == TRANSPOSED ? m : k;
    float *a = draws(1, m * k), *b = draws(2, k * n), *c = draws(3, m * n), *old = draws(3, m * n);
    struct gemm_plan plan;
    gemm_plan_f32(&plan, ta, AS_IS, m, n, k, lda, n, n);
    gemm_run_f32(&plan, rows, k, a, b, accumulate, c);
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j < n; ++j) {
            double sum = accumulate ? (double)old[i * n + j] : 0, size_sum = fabs(sum);
            for (size_t p = 0; p < k; ++p) {
                double term = (double)a[ta == TRANSPOSED ? p * lda + i : i * lda + p] * (double)b[p * n + j];
                sum += term;
                size_sum += fabs(term);
            }
            assert_true(fabs((double)c[i * n + j] - sum) <= (double)(k + 1) * (double)FLT_EPSILON * size_sum);
        }
    for (size_t i = rows * n; i < m * n; ++i) assert_true(c[i] == old[i]);
    mem_free(a);
    mem_free(b);
    mem_free(c);
    mem_free(old);
}

static void gemm_plan_equals_the_definition(void **state) {
    (void)state;
    for (size_t i = 0; i < CASES; ++i)
        for (int mode = 0; mode < 4; ++mode)
            check_product(&cases[i], mode & 1 ? TRANSPOSED : AS_IS, mode & 2, cases[i].m);
}

static void gemm_plan_runs_fewer_rows(void **state) {
    (void)state;
    for (size_t i = 1; i < CASES; ++i) check_product(&cases[i], AS_IS, true, cases[i].m - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemm_plan_equals_the_definition),
        cmocka_unit_test(gemm_plan_runs_fewer_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
