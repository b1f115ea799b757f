/* SPDX-License-Identifier: MIT */
/* Schedules against their closed forms, and the warm-up before them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "learn/schedule.h"

/* A few roundings of numbers of size 1. */
#define TOLERANCE 1e-14

static void assert_near(double found, double expected) {
    if (!(fabs(found - expected) <= TOLERANCE)) fail_msg("expected %.17g, found %.17g", expected, found);
}

static double factor(const char *name, size_t step, size_t total, size_t warmup) {
    const struct schedule *schedule = schedule_find(name);
    assert_non_null(schedule);
    return schedule_factor(schedule, step, total, warmup);
}

static void names_are_found_and_others_are_not(void **state) {
    (void)state;
    for (size_t i = 0; i < schedule_table_size; ++i)
        assert_ptr_equal(schedule_find(schedule_table[i].name), &schedule_table[i]);
    assert_null(schedule_find("cosin"));
    assert_null(schedule_find(""));
}

static void warmup_rises_linearly_to_one(void **state) {
    (void)state;
    for (size_t i = 0; i < schedule_table_size; ++i) {
        for (size_t step = 0; step < 20; ++step)
            assert_near(schedule_factor(&schedule_table[i], step, 100, 20), (double)(step + 1) / 20);
        /* The curve starts where the warm-up ends, whatever the warm-up. */
        assert_near(schedule_factor(&schedule_table[i], 20, 100, 20), schedule_factor(&schedule_table[i], 0, 80, 0));
    }
    assert_near(factor("cosine", 0, 10, 1), 1);
}

/* A warm-up as long as the fit, or longer, is all there is of it. */
static void warmup_longer_than_the_fit_never_ends(void **state) {
    (void)state;
    for (size_t i = 0; i < schedule_table_size; ++i)
        for (size_t step = 0; step < 10; ++step) {
            assert_near(schedule_factor(&schedule_table[i], step, 10, 10), (double)(step + 1) / 10);
            assert_near(schedule_factor(&schedule_table[i], step, 10, 40), (double)(step + 1) / 40);
        }
}

static void constant_stays_one(void **state) {
    (void)state;
    for (size_t step = 0; step < 50; ++step) assert_true(factor("constant", step, 50, 0) == 1);
}

static void step_drops_to_a_tenth_and_a_hundredth(void **state) {
    (void)state;
    for (size_t step = 0; step < 80; ++step)
        assert_true(factor("step", step + 5, 85, 5) == (step < 40 ? 1 : step < 60 ? 0.1 : 0.01));
}

static void cosine_is_half_a_wave(void **state) {
    (void)state;
    const double pi = acos(-1.0);
    for (size_t step = 0; step < 64; ++step) {
        double angle = pi * (double)step / 64, half = cos(angle / 2);
        assert_near(factor("cosine", step + 3, 67, 3), half * half);
    }
    assert_near(factor("cosine", 0, 64, 0), 1);
    assert_near(factor("cosine", 32, 64, 0), 0.5);
    assert_true(factor("cosine", 63, 64, 0) > 0);
}

/* Up from 1/25 to 1 over 30 % of the steps, down to 1e-4 over the rest: both halves of a wave. */
static void one_cycle_rises_and_falls(void **state) {
    (void)state;
    assert_near(factor("one_cycle", 0, 1000, 0), 0.04);
    assert_near(factor("one_cycle", 150, 1000, 0), (0.04 + 1) / 2);
    assert_near(factor("one_cycle", 300, 1000, 0), 1);
    assert_near(factor("one_cycle", 650, 1000, 0), (1 + 1e-4) / 2);
    for (size_t step = 1; step < 1000; ++step) {
        double change = factor("one_cycle", step, 1000, 0) - factor("one_cycle", step - 1, 1000, 0);
        assert_true(step <= 300 ? change > 0 : change < 0);
    }
    /* One step before the end the wave is a parabola of height (pi / 1400)^2 above 1e-4. */
    assert_true(fabs(factor("one_cycle", 999, 1000, 0) - 1e-4) < 6e-6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_and_others_are_not),
        cmocka_unit_test(warmup_rises_linearly_to_one),
        cmocka_unit_test(warmup_longer_than_the_fit_never_ends),
        cmocka_unit_test(constant_stays_one),
        cmocka_unit_test(step_drops_to_a_tenth_and_a_hundredth),
        cmocka_unit_test(cosine_is_half_a_wave),
        cmocka_unit_test(one_cycle_rises_and_falls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
