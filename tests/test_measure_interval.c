/* SPDX-License-Identifier: MIT */
/* Intervals and slopes against closed forms, tables and quadrature. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "measure/errors.h"
#include "measure/interval.h"

static void assert_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("got %.17g, expected %.17g within %g", value, expected, tolerance);
}

static void student_quantile_has_closed_forms(void **state) {
    (void)state;
    for (double upper = 0.4; upper > 1e-5; upper /= 3.0) {
        double p = 1.0 - upper, alpha = 4.0 * p * upper, q = cos(acos(sqrt(alpha)) / 3.0) / sqrt(alpha);
        double one = 1.0 / tan(M_PI * upper), two = (2.0 * p - 1.0) * sqrt(2.0 / alpha), four = 2.0 * sqrt(q - 1.0);
        assert_near(student_quantile(upper, 1.0) / one, 1.0, 1e-10);
        assert_near(student_quantile(upper, 2.0) / two, 1.0, 1e-10);
        assert_near(student_quantile(upper, 4.0) / four, 1.0, 1e-9); /* q - 1 cancels */
    }
    assert_near(student_quantile(0.5, 3.0), 0.0, 0.0);
    assert_true(isnan(student_quantile(0.0, 3.0)) && isnan(student_quantile(0.6, 3.0)) &&
                isnan(student_quantile(0.1, 0.0)));
}

/* Printed tables, 97.5 %, and the normal limit. */
static void student_quantile_matches_tables(void **state) {
    (void)state;
    static const double table[][2] = {{1, 12.706205}, {2, 4.302653},  {3, 3.182446},   {4, 2.776445},
                                      {5, 2.570582},  {9, 2.262157},  {10, 2.228139},  {20, 2.085963},
                                      {30, 2.042272}, {60, 2.000298}, {120, 1.979930}, {1e9, 1.959964}};
    for (size_t i = 0; i < sizeof table / sizeof *table; ++i)
        assert_near(student_quantile(0.025, table[i][0]), table[i][1], 1e-6);
}

/* Simpson's rule on the density: error h^4 = 1e-12. */
static void student_quantile_inverts_the_density_at_fractional_df(void **state) {
    (void)state;
    for (double df = 0.7; df < 40.0; df *= 1.9) {
        double t = student_quantile(0.025, df), norm = tgamma((df + 1.0) / 2.0) / (sqrt(df * M_PI) * tgamma(df / 2.0)),
               sum = 0.0;
        enum { STEPS = 200000 };
        double h = t / STEPS;
        for (int i = 0; i <= STEPS; ++i) {
            double weight = i == 0 || i == STEPS ? 1.0 : i % 2 ? 4.0 : 2.0;
            sum += weight * norm * pow(1.0 + i * h * i * h / df, -(df + 1.0) / 2.0);
        }
        assert_near(sum * h / 3.0, 0.475, 1e-9);
    }
}

static void interval_linear_by_hand(void **state) {
    (void)state;
    const double values[] = {1.0, 2.0, 3.0, 6.0}; /* mean 3, variance 14/3 */
    struct interval interval = interval_student(4, values, INTERVAL_LINEAR);
    double half = 3.182446305284264 * sqrt(14.0 / 3.0 / 4.0);
    assert_near(interval.mean, 3.0, 1e-14);
    assert_near(interval.low, 3.0 - half, 1e-12);
    assert_near(interval.high, 3.0 + half, 1e-12);
    assert_near(interval_sd(4, values), sqrt(14.0 / 3.0), 1e-14);
    assert_near(interval_mean(4, values), 3.0, 0.0);
}

static void interval_log_is_linear_of_logs_with_floor(void **state) {
    (void)state;
    const double values[] = {1.0, 10.0, 0.0}, logs[] = {0.0, log(10.0), log(1e-12)};
    struct interval interval = interval_student(3, values, INTERVAL_LOG),
                    expected = interval_student(3, logs, INTERVAL_LINEAR);
    assert_near(log(interval.mean), expected.mean, 1e-12);
    assert_near(log(interval.low), expected.low, 1e-11);
    assert_near(log(interval.high), expected.high, 1e-11);
}

static void interval_of_too_few_values_is_undefined(void **state) {
    (void)state;
    const double one = 5.0;
    struct interval interval = interval_student(1, &one, INTERVAL_LINEAR);
    assert_near(interval.mean, 5.0, 0.0);
    assert_true(isnan(interval.low) && isnan(interval.high) && isnan(interval_sd(1, &one)));
    assert_true(isnan(interval_student(0, NULL, INTERVAL_LOG).mean) && isnan(interval_mean(0, NULL)));
}

/* Equal values: a point, not a NaN. */
static void interval_of_equal_values_is_a_point(void **state) {
    (void)state;
    const double values[] = {0.1, 0.1, 0.1};
    struct interval interval = interval_student(3, values, INTERVAL_LINEAR);
    assert_near(interval.low, 0.1, 1e-15);
    assert_near(interval.high, 0.1, 1e-15);
}

/* Wilson's ends solve (p - phat)^2 = z^2 p (1 - p) / n. */
static void wilson_ends_solve_their_equation(void **state) {
    (void)state;
    const double z = 1.959963984540054;
    for (size_t successes = 0; successes <= 10; ++successes) {
        struct interval interval = interval_wilson(successes, 10);
        const double ends[] = {interval.low, interval.high};
        for (int i = 0; i < 2; ++i) {
            double distance = ends[i] - interval.mean;
            assert_near(distance * distance, z * z * ends[i] * (1.0 - ends[i]) / 10.0, 1e-14);
        }
        assert_true(interval.low >= 0.0 && interval.high <= 1.0 && interval.low <= interval.mean &&
                    interval.mean <= interval.high);
    }
    assert_near(interval_wilson(0, 10).high, 0.2775328, 1e-7);
    assert_true(isnan(interval_wilson(0, 0).mean));
}

static void slope_of_a_line_is_exact(void **state) {
    (void)state;
    const double x[] = {1, 2, 4, 8}, y[] = {-1, -3, -7, -15}, noisy[] = {0, 1, 0, 1}, same[] = {2, 2, 2, 2};
    assert_near(least_squares_slope(4, x, y), -2.0, 1e-14);
    assert_near(least_squares_slope(4, x, noisy), 2.5 / 28.75, 1e-14); /* means 3.75, .5 by hand */
    assert_true(isnan(least_squares_slope(4, same, y)));
}

static void relative_error_is_one_for_the_mean(void **state) {
    (void)state;
    const float target[] = {1, 10, 3, 20, 5, 60}, mean[] = {3, 30, 3, 30, 3, 30}, constant[] = {3, 3};
    assert_near(relative_error(3, 2, mean, target), 1.0, 1e-14);
    assert_near(relative_error(3, 2, target, target), 0.0, 0.0);
    const float off[] = {2, 10, 3, 20, 5, 60};
    assert_near(relative_error(3, 2, off, target), 1.0 / 1408.0, 1e-15);
    assert_true(isnan(relative_error(2, 1, constant, constant)));
}

static void error_rates_count_and_nan_is_wrong(void **state) {
    (void)state;
    const float logits[] = {2, -1, 0, NAN, NAN}, labels[] = {1, 1, 0, 0, 1};
    assert_near(binary_error_rate(5, logits, labels), 0.6, 1e-15);
    const float many[] = {1, 3, 2, /**/ 5, 5, 1, /**/ NAN, 0, 0, /**/ 0, 9, NAN}, classes[] = {1, 1, 0, 1};
    assert_near(multiclass_error_rate(4, 3, many, classes), 0.75, 1e-15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(student_quantile_has_closed_forms),
        cmocka_unit_test(student_quantile_matches_tables),
        cmocka_unit_test(student_quantile_inverts_the_density_at_fractional_df),
        cmocka_unit_test(interval_linear_by_hand),
        cmocka_unit_test(interval_log_is_linear_of_logs_with_floor),
        cmocka_unit_test(interval_of_too_few_values_is_undefined),
        cmocka_unit_test(interval_of_equal_values_is_a_point),
        cmocka_unit_test(wilson_ends_solve_their_equation),
        cmocka_unit_test(slope_of_a_line_is_exact),
        cmocka_unit_test(relative_error_is_one_for_the_mean),
        cmocka_unit_test(error_rates_count_and_nan_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
