/* SPDX-License-Identifier: MIT */
/* Powers by degree on polynomials whose powers are known, and where curves fall through a level. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/rng.h"
#include "measure/crossing.h"
#include "measure/degree_powers.h"

enum { DIMENSION = 4, ROWS = 40000 };

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

static void assert_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("got %.17g, expected %.17g within %g", value, expected, tolerance);
}

static struct degree_powers powers_of(float (*function)(const float *x)) {
    float *x = malloc(ROWS * DIMENSION * sizeof *x), *y = malloc(ROWS * sizeof *y);
    struct degree_fit *fit;
    struct degree_powers powers;
    rng_normal_f32(rng_stream_make(1, 0, RNG_TEST), ROWS * DIMENSION, x);
    for (size_t i = 0; i < ROWS; ++i) y[i] = function(x + i * DIMENSION);
    assert_int_equal(degree_fit_create(ctx, DIMENSION, &fit), STRATA_OK);
    degree_fit_add(fit, 777, x, y); /* in parts of any size */
    degree_fit_add(fit, ROWS - 777, x + 777 * DIMENSION, y + 777);
    assert_int_equal(degree_fit_finish(ctx, fit, &powers), STRATA_OK);
    degree_fit_destroy(fit);
    free(x);
    free(y);
    return powers;
}

/* Powers 1 + 4 and 2 + 1: a mean of 3 counts for nothing. */
static float quadratic(const float *x) { return 3 + x[0] - 2 * x[1] + (x[2] * x[2] - 1) + x[0] * x[3]; }
/* He_4 / sqrt(24) and x: orthogonal, power 1 each. */
static float quartic(const float *x) {
    float s = x[1] * x[1];
    return x[0] + (s * s - 6 * s + 3) / sqrtf(24);
}

static void a_quadratic_has_nothing_above(void **state) {
    (void)state;
    struct degree_powers powers = powers_of(quadratic);
    assert_near(powers.mean, 3, 0.05);
    assert_near(powers.variance, 8, 0.3);
    assert_near(powers.linear, 5.0 / 8, 0.03);
    assert_near(powers.quadratic, 3.0 / 8, 0.03);
    assert_near(powers.above, 0, 1e-9);
}

static void a_pure_fourth_degree_stays_above(void **state) {
    (void)state;
    struct degree_powers powers = powers_of(quartic);
    assert_near(powers.linear, 0.5, 0.05);
    assert_near(powers.above, 0.5, 0.05);
    assert_near(powers.quadratic, 0, 0.02);
}

static void too_few_rows_are_refused(void **state) {
    (void)state;
    struct degree_fit *fit;
    struct degree_powers powers;
    float x[DIMENSION * 15] = {0}, y[15] = {0};
    assert_int_equal(degree_fit_create(ctx, DIMENSION, &fit), STRATA_OK);
    degree_fit_add(fit, 15, x, y); /* as many as coefficients */
    assert_int_equal(degree_fit_finish(ctx, fit, &powers), STRATA_ERR_ARGUMENT);
    assert_non_null(strstr(strata_context_message(ctx), "more than 15 rows"));
    degree_fit_destroy(fit);
}

static void a_level_is_crossed_between_points(void **state) {
    (void)state;
    const double x[] = {10, 20, 40, 80}, power_law[] = {8, 4, 2, 1}, bump[] = {0.4, 0.9, 0.6, 0.1};
    assert_near(level_crossing(4, x, power_law, 3), 80.0 / 3, 1e-12); /* y = 80 / x */
    assert_near(level_crossing(4, x, bump, 0.5), 40 * exp(log(2) * log(0.6 / 0.5) / log(6)), 1e-12);
    assert_near(level_crossing(4, x, power_law, 10), 10, 0);
    assert_true(isnan(level_crossing(4, x, power_law, 0.5)));
    assert_true(isnan(level_crossing(0, x, power_law, 0.5)));
    assert_true(isnan(level_crossing(2, x, (const double[]){NAN, 0.1}, 0.5)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quadratic_has_nothing_above),
        cmocka_unit_test(a_pure_fourth_degree_stays_above),
        cmocka_unit_test(too_few_rows_are_refused),
        cmocka_unit_test(a_level_is_crossed_between_points),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
