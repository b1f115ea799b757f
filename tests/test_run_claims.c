/* SPDX-License-Identifier: MIT */
/* The rules of verdicts: intervals on both scales, edges of bounds, few seeds, diverged seeds, exact statements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "run/run.h"

#define VALUES(...) (sizeof((const double[]){__VA_ARGS__}) / sizeof(double)), ((const double[]){__VA_ARGS__})

static struct claim_result evaluate(double low, double high, enum claim_scale scale, bool exact, size_t count,
                                    const double *values) {
    const struct claim claim = {.id = "a.b", .low = low, .high = high, .scale = scale, .exact = exact};
    struct claim_result result;
    claim_evaluate(&claim, count, values, &result);
    return result;
}

static enum verdict at_least(double bound, size_t count, const double *values) {
    return evaluate(bound, INFINITY, SCALE_LINEAR, false, count, values).verdict;
}

static enum verdict at_most(double bound, size_t count, const double *values) {
    return evaluate(-INFINITY, bound, SCALE_LINEAR, false, count, values).verdict;
}

static enum verdict within(double low, double high, size_t count, const double *values) {
    return evaluate(low, high, SCALE_LINEAR, false, count, values).verdict;
}

/* Mean 2, sd 1, t(2) = 4.302652729696: half width 4.302652729696 / sqrt 3. */
static void interval_of_one_two_three_is_students(void **state) {
    (void)state;
    struct claim_result result = evaluate(0, INFINITY, SCALE_LINEAR, false, VALUES(1, 2, 3));
    double half = 4.302652729696142 / sqrt(3.0);
    assert_true(fabs(result.measured - 2) < 1e-12 && fabs(result.low - (2 - half)) < 1e-9 &&
                fabs(result.high - (2 + half)) < 1e-9);
    assert_int_equal(result.seeds, 3);
}

/* Logs of 10, 100, 1000 are ln 10 times 1, 2, 3. */
static void log_scale_takes_the_geometric_mean(void **state) {
    (void)state;
    struct claim_result result = evaluate(0, INFINITY, SCALE_LOG, false, VALUES(10, 100, 1000));
    double half = 4.302652729696142 / sqrt(3.0);
    assert_true(fabs(result.measured / 100 - 1) < 1e-12);
    assert_true(fabs(result.low / pow(10, 2 - half) - 1) < 1e-9 && fabs(result.high / pow(10, 2 + half) - 1) < 1e-9);
}

static void log_scale_floors_at_1e_12(void **state) {
    (void)state;
    struct claim_result result = evaluate(-INFINITY, 1e-11, SCALE_LOG, false, VALUES(0, -3, 1e-12));
    assert_true(fabs(result.measured / 1e-12 - 1) < 1e-12 && fabs(result.low / 1e-12 - 1) < 1e-12);
    assert_int_equal(result.verdict, VERDICT_HOLDS);
    assert_true(evaluate(-INFINITY, 1, SCALE_LOG, false, VALUES(0, 0, 0)).low > 0);
}

static void whole_interval_inside_holds_outside_fails_else_inconclusive(void **state) {
    (void)state;
    assert_int_equal(at_least(1, VALUES(9, 10, 11)), VERDICT_HOLDS);
    assert_int_equal(at_least(10, VALUES(9, 10, 11)), VERDICT_INCONCLUSIVE);
    assert_int_equal(at_least(20, VALUES(9, 10, 11)), VERDICT_FAILS);
    assert_int_equal(at_most(20, VALUES(9, 10, 11)), VERDICT_HOLDS);
    assert_int_equal(at_most(10, VALUES(9, 10, 11)), VERDICT_INCONCLUSIVE);
    assert_int_equal(at_most(1, VALUES(9, 10, 11)), VERDICT_FAILS);
    assert_int_equal(within(5, 15, VALUES(9, 10, 11)), VERDICT_HOLDS);
    assert_int_equal(within(9.9, 10.1, VALUES(9, 10, 11)),
                     VERDICT_INCONCLUSIVE); /* the bound lies inside the interval */
    assert_int_equal(within(10, 30, VALUES(9, 10, 11)), VERDICT_INCONCLUSIVE);
    assert_int_equal(within(20, 30, VALUES(9, 10, 11)), VERDICT_FAILS);
    assert_int_equal(within(-30, -20, VALUES(9, 10, 11)), VERDICT_FAILS);
}

/* exp(log 20) may differ from 20 in the last place: five seeds at the bound must still meet it. */
static void equal_values_at_the_bound_hold_on_both_scales(void **state) {
    (void)state;
    for (double bound = 0.1; bound < 1e6; bound *= 1.7) {
        for (int scale = 0; scale < 2; ++scale) {
            struct claim_result result = evaluate(bound, bound, (enum claim_scale)scale, false,
                                                  VALUES(bound, bound, bound, bound, bound));
            assert_int_equal(result.verdict, VERDICT_HOLDS);
            assert_true(result.low == bound && result.high == bound && result.measured == bound);
        }
    }
}

static void fewer_than_three_seeds_are_inconclusive_unless_exact(void **state) {
    (void)state;
    assert_int_equal(at_least(1, VALUES(9, 9)), VERDICT_INCONCLUSIVE);
    assert_int_equal(at_least(1, VALUES(9)), VERDICT_INCONCLUSIVE);
    assert_int_equal(at_least(1, 0, NULL), VERDICT_INCONCLUSIVE);
    struct claim_result result = evaluate(1, INFINITY, SCALE_LINEAR, false, VALUES(9));
    assert_true(result.measured == 9 && isnan(result.low) && isnan(result.high));
    result = evaluate(1, INFINITY, SCALE_LINEAR, true, VALUES(9));
    assert_int_equal(result.verdict, VERDICT_HOLDS);
    assert_true(result.measured == 9 && result.low == 9 && result.high == 9);
    assert_int_equal(evaluate(1, INFINITY, SCALE_LINEAR, true, 0, NULL).verdict, VERDICT_INCONCLUSIVE);
}

static void exact_claims_take_the_worst_case(void **state) {
    (void)state;
    assert_true(evaluate(1, INFINITY, SCALE_LINEAR, true, VALUES(3, 0.5, 9)).low == 0.5);
    assert_int_equal(evaluate(1, INFINITY, SCALE_LINEAR, true, VALUES(3, 0.5, 9)).verdict, VERDICT_FAILS);
    assert_true(evaluate(-INFINITY, 1, SCALE_LINEAR, true, VALUES(0.1, 0.5, 0.2)).high == 0.5);
    assert_int_equal(evaluate(-INFINITY, 1, SCALE_LINEAR, true, VALUES(0.1, 1.0)).verdict, VERDICT_HOLDS);
    assert_true(evaluate(1, 2, SCALE_LINEAR, true, VALUES(1.5, 2.5, 0.9)).measured == 2.5);
    assert_true(evaluate(1, 2, SCALE_LOG, true, VALUES(1.5, 1.1)).measured == 1.1);
}

static void one_diverged_seed_fails_with_no_numbers(void **state) {
    (void)state;
    for (int exact = 0; exact < 2; ++exact) {
        struct claim_result result = evaluate(1, INFINITY, SCALE_LINEAR, exact, VALUES(9, NAN, 9));
        assert_int_equal(result.verdict, VERDICT_FAILS);
        assert_true(result.diverged && isnan(result.measured) && isnan(result.low) && isnan(result.high));
        assert_int_equal(result.seeds, 3);
    }
    assert_int_equal(at_least(1, VALUES(NAN)), VERDICT_FAILS);
    assert_int_equal(at_least(1, VALUES(9, INFINITY, 9)), VERDICT_FAILS);
}

static void bounds_read_as_the_contract_writes_them(void **state) {
    (void)state;
    char text[64];
    claim_bound_text(&(struct claim){.low = 20, .high = INFINITY}, text);
    assert_string_equal(text, ">= 20");
    claim_bound_text(&(struct claim){.low = -INFINITY, .high = 0.001}, text);
    assert_string_equal(text, "<= 0.001");
    claim_bound_text(&(struct claim){.low = 1.2, .high = 2.4}, text);
    assert_string_equal(text, "in [1.2, 2.4]");
    claim_bound_text(&(struct claim){.low = -2.2250738585072014e-308, .high = -2.2250738585072010e-308}, text);
    assert_string_equal(text, "in [-2.2250738585072014e-308, -2.225073858507201e-308]");
}

static void names_are_those_of_the_contract(void **state) {
    (void)state;
    assert_string_equal(verdict_name(VERDICT_HOLDS), "holds");
    assert_string_equal(verdict_name(VERDICT_FAILS), "fails");
    assert_string_equal(verdict_name(VERDICT_INCONCLUSIVE), "inconclusive");
    assert_string_equal(expectation_name(EXPECT_HOLDS), "holds");
    assert_string_equal(expectation_name(EXPECT_FAILS), "fails");
    assert_string_equal(expectation_name(EXPECT_OPEN), "open");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interval_of_one_two_three_is_students),
        cmocka_unit_test(log_scale_takes_the_geometric_mean),
        cmocka_unit_test(log_scale_floors_at_1e_12),
        cmocka_unit_test(whole_interval_inside_holds_outside_fails_else_inconclusive),
        cmocka_unit_test(equal_values_at_the_bound_hold_on_both_scales),
        cmocka_unit_test(fewer_than_three_seeds_are_inconclusive_unless_exact),
        cmocka_unit_test(exact_claims_take_the_worst_case),
        cmocka_unit_test(one_diverged_seed_fails_with_no_numbers),
        cmocka_unit_test(bounds_read_as_the_contract_writes_them),
        cmocka_unit_test(names_are_those_of_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
