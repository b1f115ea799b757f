/* SPDX-License-Identifier: MIT */
/* Ridges scanned at once against fits of their own, refits without a row, and golden values (numpy, six decimals). */
#include "kernel_fixture.h"

#include "kernels/ridge_scan.h"

enum { N = 150, M = 9, D = 3, OUTPUTS = 2 };

static double x[N * D], y[N * OUTPUTS], test_x[M * D], test_y[M * OUTPUTS];

static int draw(void **state) {
    normals(1, N * D, x);
    normals(2, N * OUTPUTS, y);
    normals(3, M * D, test_x);
    normals(4, M * OUTPUTS, test_y);
    return setup(state);
}

/* Weights and the factor of K + ridge I for rows but `left_out` (N: none). */
static size_t fit(const struct kernel *kernel, double ridge, size_t left_out, double *rows, double *weights,
                  double *factor) {
    size_t n = 0;
    for (size_t i = 0; i < N; ++i) {
        if (i == left_out) continue;
        memcpy(rows + n * D, x + i * D, D * sizeof *x);
        memcpy(weights + n++ * OUTPUTS, y + i * OUTPUTS, OUTPUTS * sizeof *y);
    }
    assert_int_equal(kernel_gram(ctx, NULL, kernel, n, rows, n, rows, factor), STRATA_OK);
    for (size_t i = 0; i < n; ++i) factor[i * n + i] += ridge;
    assert_int_equal(linalg_cholesky(ctx, n, factor), STRATA_OK);
    linalg_cholesky_solve(n, factor, OUTPUTS, weights);
    return n;
}

static double square_error(const struct kernel *kernel, size_t n, const double *rows, const double *weights, size_t m,
                           const double *at, const double *truth) {
    double sum = 0, k[N];
    for (size_t i = 0; i < m; ++i) {
        assert_int_equal(kernel_gram(ctx, NULL, kernel, 1, at + i * D, n, rows, k), STRATA_OK);
        for (size_t o = 0; o < OUTPUTS; ++o) {
            double residual = -truth[i * OUTPUTS + o];
            for (size_t j = 0; j < n; ++j) residual += k[j] * weights[j * OUTPUTS + o];
            sum += residual * residual;
        }
    }
    return sum / (double)m;
}

static void every_ridge_equals_a_fit_of_its_own(void **state) {
    (void)state;
    const double ridges[] = {1e-3, .1, 3};
    struct ridge_point points[3];
    struct kernel kernel = make("rbf(bandwidth=1.5)", N, x, D, NULL);
    static double rows[N * D], weights[N * OUTPUTS], factor[N * N];
    assert_int_equal(ridge_scan(ctx, NULL, &kernel, N, x, OUTPUTS, y, M, test_x, test_y, 3, ridges, points), STRATA_OK);
    for (size_t r = 0; r < 3; ++r) {
        double leave_one_out = 0, fit_term = 0, determinant = 0;
        for (size_t i = 0; i < N; ++i) {
            size_t n = fit(&kernel, ridges[r], i, rows, weights, factor);
            leave_one_out += square_error(&kernel, n, rows, weights, 1, x + i * D, y + i * OUTPUTS) / N;
        }
        size_t n = fit(&kernel, ridges[r], N, rows, weights, factor);
        for (size_t i = 0; i < N; ++i) determinant += 2 * log(factor[i * N + i]);
        for (size_t i = 0; i < N * OUTPUTS; ++i) fit_term += y[i] * weights[i];
        assert_near("test", points[r].test_error, square_error(&kernel, n, rows, weights, M, test_x, test_y), 1e-9);
        assert_near("leave one out", points[r].leave_one_out, leave_one_out, 1e-9);
        /* a sum of N logarithms and squares over a ridge of 1e-3: some 1e6 roundoffs */
        double evidence = -.5 * fit_term - .5 * OUTPUTS * (determinant + N * log(2 * M_PI));
        assert_near("evidence", points[r].log_marginal, evidence, 1e-10 * (1 + fabs(evidence) + fit_term));
        /* trace of K (K + ridge)^-1 = n - ridge trace (K + ridge)^-1; gcv from the training residuals ridge alpha */
        double trace = 0, residual = 0, column[N];
        for (size_t i = 0; i < N; ++i) {
            memset(column, 0, sizeof column);
            column[i] = 1;
            linalg_cholesky_solve(N, factor, 1, column);
            trace += column[i];
        }
        for (size_t i = 0; i < N * OUTPUTS; ++i) residual += ridges[r] * weights[i] * ridges[r] * weights[i];
        assert_near("degrees", points[r].effective_dimension, N - ridges[r] * trace, 1e-9);
        assert_near("gcv", points[r].gcv, residual / N / pow(ridges[r] * trace / N, 2), 1e-9);
    }
}

static void golden_values_are_met(void **state) {
    (void)state;
    static const double rows[12] = {1, 2, -1, .5, 0, 1, 1, -1, -1.5, .5, 0, 2}, targets[3] = {1, -1, .5},
                        at[4] = {.5, .5, .5, .5}, zero = 0, ridge = .1;
    struct ridge_point point;
    struct kernel kernel = make("rbf(bandwidth=2)", 3, rows, 4, NULL);
    assert_int_equal(ridge_scan(ctx, NULL, &kernel, 3, rows, 1, targets, 1, at, &zero, 1, &ridge, &point), STRATA_OK);
    assert_near("mean", sqrt(point.test_error), .063500, 6e-7);
    assert_near("evidence", point.log_marginal, -4.266037, 6e-7);
    assert_near("leave one out", point.leave_one_out,
                (1.218439 * 1.218439 + 1.361456 * 1.361456 + .472289 * .472289) / 3, 3e-6);
}

static void ridges_without_a_solution_are_left_out(void **state) {
    (void)state;
    const double ridges[] = {0, 1e-6}, negative = -1;
    struct ridge_point points[2];
    struct kernel kernel = make("poly(degree=1)", N, x, D, NULL); /* rank 4 */
    assert_int_equal(ridge_scan(ctx, NULL, &kernel, N, x, OUTPUTS, y, M, test_x, test_y, 2, ridges, points), STRATA_OK);
    assert_true(isnan(points[0].test_error) && isnan(points[0].leave_one_out));
    assert_true(isfinite(points[1].test_error) && isfinite(points[1].leave_one_out));
    assert_near("degrees", points[1].effective_dimension, 4, 1e-3);
    assert_int_equal(ridge_scan(ctx, NULL, &kernel, N, x, OUTPUTS, y, 0, NULL, NULL, 1, &negative, points),
                     STRATA_ERR_ARGUMENT);
    assert_int_equal(ridge_scan(ctx, NULL, &kernel, N, x, OUTPUTS, y, 0, NULL, NULL, 1, ridges + 1, points), STRATA_OK);
    assert_true(isnan(points[0].test_error) && isfinite(points[0].gcv));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ridge_equals_a_fit_of_its_own),
        cmocka_unit_test(golden_values_are_met),
        cmocka_unit_test(ridges_without_a_solution_are_left_out),
    };
    return cmocka_run_group_tests(tests, draw, teardown);
}
