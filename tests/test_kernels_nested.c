/* SPDX-License-Identifier: MIT */
/* Learning curves from one factor against fits of their own. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/rng.h"
#include "kernels/nested_ridge.h"
#include "linalg/linalg.h"

enum { ROWS = 60, TESTS = 25, INPUTS = 3, OUTPUTS = 2 };

static strata_context *ctx;
static double x[ROWS * INPUTS], y[ROWS * OUTPUTS], test_x[TESTS * INPUTS], test_y[TESTS * OUTPUTS];

static int setup(void **state) {
    (void)state;
    struct rng_stream stream = rng_stream_make(1, 0, RNG_TEST);
    rng_normal_f64(stream, ROWS * INPUTS, x);
    rng_normal_f64(rng_stream_at(stream, 1), ROWS * OUTPUTS, y);
    rng_normal_f64(rng_stream_at(stream, 2), TESTS * INPUTS, test_x);
    rng_normal_f64(rng_stream_at(stream, 3), TESTS * OUTPUTS, test_y);
    return strata_context_create(&ctx) == STRATA_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    strata_context_destroy(ctx);
    return 0;
}

static struct kernel make(const char *text) {
    struct kernel kernel;
    assert_int_equal(kernel_create(ctx, text, ROWS, x, INPUTS, NULL, &kernel), STRATA_OK);
    return kernel;
}

/* One fit on the first n rows, from nothing. */
static void fit(const struct kernel *kernel, size_t n, double ridge, double errors[OUTPUTS]) {
    double gram[ROWS * ROWS], cross[TESTS * ROWS], weights[ROWS * OUTPUTS];
    assert_int_equal(kernel_gram(ctx, NULL, kernel, n, x, n, x, gram), STRATA_OK);
    assert_int_equal(kernel_gram(ctx, NULL, kernel, TESTS, test_x, n, x, cross), STRATA_OK);
    for (size_t i = 0; i < n; ++i) gram[i * n + i] += ridge;
    memcpy(weights, y, n * OUTPUTS * sizeof *y);
    assert_int_equal(linalg_cholesky(ctx, n, gram), STRATA_OK);
    linalg_cholesky_solve(n, gram, OUTPUTS, weights);
    for (size_t k = 0; k < OUTPUTS; ++k) {
        errors[k] = 0;
        for (size_t i = 0; i < TESTS; ++i) {
            double residual = -test_y[i * OUTPUTS + k];
            for (size_t j = 0; j < n; ++j) residual += cross[i * n + j] * weights[j * OUTPUTS + k];
            errors[k] += residual * residual / TESTS;
        }
    }
}

static void every_size_equals_a_fit_of_its_own(void **state) {
    (void)state;
    const size_t sizes[] = {1, 17, 40, ROWS};
    struct kernel kernel = make("rbf(bandwidth=2)");
    double errors[4 * OUTPUTS], alone[OUTPUTS];
    assert_int_equal(
        nested_ridge(ctx, NULL, &kernel, ROWS, x, OUTPUTS, y, TESTS, test_x, test_y, 0.01, 4, sizes, errors),
        STRATA_OK);
    for (size_t s = 0; s < 4; ++s) {
        fit(&kernel, sizes[s], 0.01, alone);
        for (size_t k = 0; k < OUTPUTS; ++k)
            if (fabs(errors[s * OUTPUTS + k] / alone[k] - 1) > 1e-9)
                fail_msg("size %zu: %.17g, alone %.17g", sizes[s], errors[s * OUTPUTS + k], alone[k]);
    }
}

static void what_cannot_be_fitted_is_refused(void **state) {
    (void)state;
    double errors[2 * OUTPUTS];
    const size_t falling[] = {20, 10}, large[] = {ROWS + 1}, all[] = {ROWS};
    struct kernel kernel = make("poly(degree=1)"); /* rank 4 */
    assert_int_equal(
        nested_ridge(ctx, NULL, &kernel, ROWS, x, OUTPUTS, y, TESTS, test_x, test_y, 1, 2, falling, errors),
        STRATA_ERR_ARGUMENT);
    assert_int_equal(nested_ridge(ctx, NULL, &kernel, ROWS, x, OUTPUTS, y, TESTS, test_x, test_y, 1, 1, large, errors),
                     STRATA_ERR_ARGUMENT);
    assert_int_equal(nested_ridge(ctx, NULL, &kernel, ROWS, x, OUTPUTS, y, TESTS, test_x, test_y, 0, 1, all, errors),
                     STRATA_ERR_CONVERGENCE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_equals_a_fit_of_its_own),
        cmocka_unit_test(what_cannot_be_fitted_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
