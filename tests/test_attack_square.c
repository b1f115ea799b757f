/* SPDX-License-Identifier: MIT */
/* Square attack: ball, box and budget kept, stronger than random points, exact where signs are all there is. */
#include "attack_fixture.h"

enum { ROWS = 140, CHANNELS = 1, SIDE = 7, INPUTS = CHANNELS * SIDE * SIDE, QUERIES = 400 };

/* Pictures or rows of as many numbers; the same network and points. */
static void trial_begin(struct trial *trial, const char *norm, bool picture, bool boxed, size_t hidden,
                        size_t outputs) {
    model_draw(&trial->model, 21, INPUTS, hidden, outputs);
    trial_aim(trial, norm, 0.3, 22, boxed, ROWS);
    if (picture) trial->target.picture[0] = CHANNELS, trial->target.picture[1] = trial->target.picture[2] = SIDE;
    trial->options.queries = QUERIES;
}

static size_t square_breaks(struct trial *trial, struct attack_counts *counts) {
    struct attack_result result;
    assert_int_equal(attack_run(ctx, attack_find("square"), &trial->target, &trial->options, &trial->rows.rows, NULL,
                                trial->points, &result),
                     STRATA_OK);
    *counts = result.counts;
    return result.broken;
}

/* Points on the sphere, as many as the attack's queries. */
static size_t random_search_breaks(const struct trial *trial) {
    const struct attack_norm *norm = trial->options.norm;
    size_t broken = 0;
    for (size_t r = 0; r < ROWS; ++r) {
        const float *x = trial->rows.x + r * INPUTS;
        bool found = false;
        for (uint64_t query = 0; query < QUERIES && !found; ++query) {
            float point[INPUTS], out[MOST_OUTPUTS];
            norm->random_on_sphere(rng_stream_at(rng_stream_make(23, r, RNG_TEST), query), INPUTS, point);
            for (size_t j = 0; j < INPUTS; ++j) point[j] = x[j] + (float)trial->options.epsilon * point[j];
            norm->project(INPUTS, x, trial->options.epsilon, trial->target.low, trial->target.high, point);
            model_logits(&trial->model, point, out);
            found = attack_broken(trial->model.outputs, out, trial->rows.labels[r]);
        }
        broken += found;
    }
    return broken;
}

static void square_beats_random_points_of_as_many_queries(void **state) {
    (void)state;
    static struct trial trial;
    for (int boxed = 0; boxed < 2; ++boxed)
        for (int picture = 0; picture < 2; ++picture)
            for (size_t n = 0; n < attack_norm_table_size; ++n) {
                const char *norm = attack_norm_table[n]->name;
                struct attack_counts counts;
                trial_begin(&trial, norm, picture, boxed, 16, 3);
                trial.options.epsilon = (boxed ? 4 : 1) * (strcmp(norm, "linf") == 0 ? 0.12 : 0.8);
                size_t square = square_breaks(&trial, &counts), random = random_search_breaks(&trial);
                print_message("%s, %s, %s: square breaks %zu, random %zu of %d\n", norm, picture ? "picture" : "row",
                              boxed ? "box" : "no box", square, random, ROWS);
                assert_true(square >= random + ROWS / 20);
                assert_true(square < ROWS); /* else nothing is compared */
                assert_int_equal(counts.gradients, 0);
            }
}

/* The runner evaluates every row once to see which stand, and every proposal once. */
static void queries_are_spent_on_standing_rows_only(void **state) {
    (void)state;
    static struct trial trial;
    struct attack_counts counts;
    trial_begin(&trial, "linf", true, true, 16, 3);
    trial.options.epsilon = 1e-6;
    assert_int_equal(square_breaks(&trial, &counts), 0);
    assert_int_equal(counts.evaluations, ROWS * (QUERIES + 2));
    trial.options.epsilon = 0.9; /* nearly all fall at once */
    assert_true(square_breaks(&trial, &counts) > ROWS / 2);
    assert_true(counts.evaluations < ROWS * (QUERIES / 2));
}

/* On a linear model the corner of the cube that breaks is found coordinate by coordinate. */
static void square_linf_is_exact_on_a_linear_model(void **state) {
    (void)state;
    static struct trial trial;
    struct attack_counts counts;
    for (int picture = 0; picture < 2; ++picture) {
        trial_begin(&trial, "linf", picture, false, 0, 1);
        double dual = 0;
        for (size_t j = 0; j < INPUTS; ++j) dual += fabs(trial.model.last[j]);
        for (size_t r = 0; r < ROWS; ++r) { /* all rows to distance .5 */
            double value = trial.model.last_offset[0], square = 0;
            for (size_t j = 0; j < INPUTS; ++j) {
                value += trial.model.last[j] * (double)trial.rows.x[r * INPUTS + j];
                square += trial.model.last[j] * trial.model.last[j];
            }
            double shift = ((trial.rows.labels[r] ? 0.5 : -0.5) * dual - value) / square;
            for (size_t j = 0; j < INPUTS; ++j) trial.rows.x[r * INPUTS + j] += (float)(shift * trial.model.last[j]);
        }
        trial.options.queries = 3000;
        trial.options.epsilon = 0.5 * 0.999;
        assert_int_equal(square_breaks(&trial, &counts), 0);
        trial.options.epsilon = 0.5 * 1.001;
        assert_int_equal(square_breaks(&trial, &counts), ROWS);
    }
}

static void proposals_stay_in_ball_and_box_and_repeat_on_any_threads(void **state) {
    (void)state;
    static struct trial trial;
    static float alone[ROWS * INPUTS];
    struct thread_pool *pool;
    assert_int_equal(thread_pool_create(ctx, 3, &pool), STRATA_OK);
    for (int picture = 0; picture < 2; ++picture)
        for (size_t n = 0; n < attack_norm_table_size; ++n) {
            const struct attack_class *square = attack_find("square");
            trial_begin(&trial, attack_norm_table[n]->name, picture, true, 16, 3);
            assert_int_equal(attack_points(ctx, square, &trial.target, &trial.options, &trial.rows.rows, alone),
                             STRATA_OK);
            for (size_t r = 0; r < ROWS; ++r) {
                float delta[INPUTS];
                for (size_t j = 0; j < INPUTS; ++j) {
                    delta[j] = alone[r * INPUTS + j] - trial.rows.x[r * INPUTS + j];
                    assert_true(alone[r * INPUTS + j] >= 0 && alone[r * INPUTS + j] <= 1);
                }
                double length = trial.options.norm->length(INPUTS, delta);
                assert_true(length <= trial.options.epsilon * (1 + 1e-5) && length > 0.5 * trial.options.epsilon);
            }
            trial.target.pool = pool;
            assert_int_equal(attack_points(ctx, square, &trial.target, &trial.options, &trial.rows.rows, trial.points),
                             STRATA_OK);
            assert_memory_equal(alone, trial.points, sizeof alone);
        }
    thread_pool_destroy(pool);
}

/* The smallest and odd shapes, several channels: nothing is written beside them (under the sanitizer). */
static void square_takes_pictures_of_all_shapes(void **state) {
    (void)state;
    static struct trial trial;
    static const size_t shapes[][3] = {{1, 1, 49}, {49, 1, 1}, {1, 7, 7}, {3, 3, 3}, {2, 4, 5}, {1, 3, 11}, {4, 3, 4}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i)
        for (size_t n = 0; n < attack_norm_table_size; ++n) {
            size_t least = shapes[i][1] < shapes[i][2] ? shapes[i][1] : shapes[i][2];
            trial_begin(&trial, attack_norm_table[n]->name, true, true, 16, 3);
            size_t inputs = shapes[i][0] * shapes[i][1] * shapes[i][2];
            model_draw(&trial.model, 24, inputs, 8, 3);
            rows_draw(&trial.rows, &trial.model, 25, true, ROWS);
            trial.functions[0] = model_function(&trial.model);
            memcpy(trial.target.picture, shapes[i], sizeof shapes[i]);
            trial.options.queries = 200;
            strata_status status = attack_points(ctx, attack_find("square"), &trial.target, &trial.options,
                                                 &trial.rows.rows, trial.points);
            bool refused = least < 3 && attack_norm_table[n]->kind == ATTACK_L2;
            assert_int_equal(status, refused ? STRATA_ERR_ARGUMENT : STRATA_OK);
            if (refused) assert_non_null(strstr(strata_context_message(ctx), "at least 3 pixels"));
        }
}

static void square_survives_short_memory(void **state) {
    (void)state;
    static struct trial trial;
    strata_status status = STRATA_ERR_MEMORY;
    uint64_t failures = 0;
    trial_begin(&trial, "l2", true, true, 16, 3);
    trial.options.queries = 2;
    for (uint64_t n = 1; status == STRATA_ERR_MEMORY; ++n, ++failures) {
        mem_fail_from(n);
        status = attack_points(ctx, attack_find("square"), &trial.target, &trial.options, &trial.rows.rows,
                               trial.points);
        mem_fail_from(0);
    }
    assert_int_equal(status, STRATA_OK);
    assert_true(failures > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(square_beats_random_points_of_as_many_queries),
        cmocka_unit_test(queries_are_spent_on_standing_rows_only),
        cmocka_unit_test(square_linf_is_exact_on_a_linear_model),
        cmocka_unit_test(proposals_stay_in_ball_and_box_and_repeat_on_any_threads),
        cmocka_unit_test(square_takes_pictures_of_all_shapes),
        cmocka_unit_test(square_survives_short_memory),
    };
    return cmocka_run_group_tests_name("square attack", tests, begin, end);
}
