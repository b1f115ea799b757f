/* SPDX-License-Identifier: MIT */
/* Batches: addressed by step, epochs that are permutations, targets with noise and labels. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"
#include "data/source.h"

struct fixture {
    strata_context *ctx;
    struct teacher *teacher;
};

static int set_up(void **state) {
    static struct fixture fixture;
    const struct setting *tables[] = {teacher_settings};
    struct settings *settings;
    assert_int_equal(strata_context_create(&fixture.ctx), STRATA_OK);
    assert_int_equal(settings_create(fixture.ctx, 1, tables, &settings), STRATA_OK);
    assert_int_equal(settings_set(fixture.ctx, settings, "test", "data.dimension", "6"), STRATA_OK);
    assert_int_equal(settings_set(fixture.ctx, settings, "test", "teacher.width", "3"), STRATA_OK);
    assert_int_equal(teacher_create(fixture.ctx, settings, 1, 2, &fixture.teacher), STRATA_OK);
    settings_destroy(settings);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    teacher_destroy(fixture->teacher);
    strata_context_destroy(fixture->ctx);
    return 0;
}

/* A finite set whose row r has inputs (r, -r) and target r. */
static struct dataset numbered(strata_context *ctx, size_t rows) {
    struct dataset data = {.rows = rows, .inputs = 2, .outputs = 1};
    assert_int_equal(dataset_allocate(ctx, &data), STRATA_OK);
    for (size_t r = 0; r < rows; ++r) {
        data.x[2 * r] = data.y[r] = (float)r;
        data.x[2 * r + 1] = -(float)r;
    }
    return data;
}

static void epochs_are_different_permutations(void **state) {
    struct fixture *fixture = *state;
    enum { ROWS = 23, BATCH = 5, EPOCHS = 10 };
    struct dataset data = numbered(fixture->ctx, ROWS);
    struct sample_source *source;
    float seen[EPOCHS * ROWS];
    const float *x, *y;
    assert_int_equal(source_from_dataset(fixture->ctx, &data, 1, 1, &source), STRATA_OK);
    assert_int_equal(source_reserve(fixture->ctx, source, BATCH), STRATA_OK);
    for (size_t step = 0; step * BATCH < EPOCHS * ROWS; ++step) {
        source_batch(source, step, BATCH, &x, &y);
        for (size_t r = 0; r < BATCH; ++r) {
            assert_true(x[2 * r] == y[r] && x[2 * r + 1] == -y[r]);
            seen[step * BATCH + r] = y[r];
        }
    }
    for (size_t epoch = 0; epoch < EPOCHS; ++epoch) {
        unsigned count[ROWS] = {0};
        for (size_t r = 0; r < ROWS; ++r) ++count[(size_t)seen[epoch * ROWS + r]];
        for (size_t r = 0; r < ROWS; ++r) assert_int_equal(count[r], 1);
        if (epoch) assert_memory_not_equal(seen + epoch * ROWS, seen, ROWS * sizeof(float));
    }
    source_destroy(source);
    dataset_destroy(&data);
}

/* Batches asked for out of order, by a new source, are those of a walk from the start. */
static void assert_resumes(struct fixture *fixture, struct sample_source *walked, struct sample_source *resumed) {
    enum { STEPS = 9, BATCH = 7 };
    static const uint64_t order[STEPS] = {8, 3, 4, 0, 7, 1, 2, 6, 5};
    size_t inputs = source_inputs(walked);
    float all_x[STEPS][BATCH * 6], all_y[STEPS][BATCH];
    const float *x, *y;
    assert_int_equal(source_reserve(fixture->ctx, walked, BATCH), STRATA_OK);
    assert_int_equal(source_reserve(fixture->ctx, resumed, BATCH + 3), STRATA_OK);
    uint64_t allocations = mem_count();
    for (size_t step = 0; step < STEPS; ++step) {
        source_batch(walked, step, BATCH, &x, &y);
        memcpy(all_x[step], x, BATCH * inputs * sizeof *x);
        memcpy(all_y[step], y, BATCH * sizeof *y);
    }
    for (size_t i = 0; i < STEPS; ++i) {
        source_batch(resumed, order[i], BATCH, &x, &y);
        assert_memory_equal(x, all_x[order[i]], BATCH * inputs * sizeof *x);
        assert_memory_equal(y, all_y[order[i]], BATCH * sizeof *y);
    }
    assert_int_equal(mem_count(), allocations);
    source_destroy(walked);
    source_destroy(resumed);
}

static void any_step_may_come_first(void **state) {
    struct fixture *fixture = *state;
    struct sample_source *sources[2];
    const size_t rows[] = {23, 3, 1}; /* 3 and 1: several epochs in one batch */
    for (size_t i = 0; i < 3; ++i) {
        struct dataset data = numbered(fixture->ctx, rows[i]);
        for (size_t s = 0; s < 2; ++s)
            assert_int_equal(source_from_dataset(fixture->ctx, &data, 4, 1, &sources[s]), STRATA_OK);
        assert_resumes(fixture, sources[0], sources[1]);
        dataset_destroy(&data);
    }
    for (size_t s = 0; s < 2; ++s)
        assert_int_equal(source_from_teacher(fixture->ctx, fixture->teacher, 4, 1, 0.1, TASK_REGRESSION, &sources[s]),
                         STRATA_OK);
    assert_resumes(fixture, sources[0], sources[1]);
}

static void fresh_samples_are_the_teachers_rows(void **state) {
    struct fixture *fixture = *state;
    struct sample_source *source;
    const float *x, *y;
    float inputs[8 * 6], targets[8];
    assert_int_equal(source_from_teacher(fixture->ctx, fixture->teacher, 1, 2, 0, TASK_REGRESSION, &source), STRATA_OK);
    assert_int_equal(source_reserve(fixture->ctx, source, 8), STRATA_OK);
    source_batch(source, 5, 8, &x, &y);
    teacher_inputs(fixture->teacher, RNG_TRAIN_INPUT, 40, 8, inputs);
    teacher_targets(fixture->teacher, 8, inputs, targets);
    assert_memory_equal(x, inputs, sizeof inputs);
    assert_memory_equal(y, targets, sizeof targets);
    assert_int_equal(source_rows(source), 0);
    assert_null(source_dataset(source));
    assert_int_equal(source_classes(source), 0);
    source_destroy(source);
}

static void dataset_holds_the_rows_the_source_gives(void **state) {
    struct fixture *fixture = *state;
    struct sample_source *source;
    struct dataset data;
    const float *x, *y;
    const enum learning_task tasks[] = {TASK_REGRESSION, TASK_BINARY};
    for (size_t t = 0; t < 2; ++t) {
        assert_int_equal(
            dataset_from_teacher(fixture->ctx, fixture->teacher, RNG_TRAIN_INPUT, 8, 16, 0.5, tasks[t], 3, 1, &data),
            STRATA_OK);
        assert_int_equal(source_from_teacher(fixture->ctx, fixture->teacher, 3, 1, 0.5, tasks[t], &source), STRATA_OK);
        assert_int_equal(source_reserve(fixture->ctx, source, 8), STRATA_OK);
        for (size_t step = 1; step < 3; ++step) {
            source_batch(source, step, 8, &x, &y);
            assert_memory_equal(x, data.x + (step - 1) * 8 * 6, 8 * 6 * sizeof *x);
            assert_memory_equal(y, data.y + (step - 1) * 8, 8 * sizeof *y);
        }
        assert_int_equal(data.classes, t ? 2 : 0);
        assert_int_equal(source_classes(source), t ? 2 : 0);
        assert_int_equal(source_task(source), tasks[t]);
        for (size_t r = 0; t && r < 16; ++r) assert_true(data.y[r] == 0.0f || data.y[r] == 1.0f);
        source_destroy(source);
        dataset_destroy(&data);
    }
}

static void noise_has_its_standard_deviation_and_differs_by_purpose(void **state) {
    struct fixture *fixture = *state;
    enum { ROWS = 4096 };
    const enum rng_purpose purposes[] = {RNG_TRAIN_INPUT, RNG_TEST_INPUT};
    struct dataset clean, noisy;
    double noise[2][ROWS], cross = 0;
    for (size_t p = 0; p < 2; ++p) {
        double sum = 0, squares = 0;
        assert_int_equal(dataset_from_teacher(fixture->ctx, fixture->teacher, purposes[p], 0, ROWS, 0, TASK_REGRESSION,
                                              3, 1, &clean),
                         STRATA_OK);
        assert_int_equal(dataset_from_teacher(fixture->ctx, fixture->teacher, purposes[p], 0, ROWS, 0.5,
                                              TASK_REGRESSION, 3, 1, &noisy),
                         STRATA_OK);
        assert_memory_equal(clean.x, noisy.x, ROWS * 6 * sizeof(float));
        for (size_t r = 0; r < ROWS; ++r) {
            noise[p][r] = (double)noisy.y[r] - (double)clean.y[r];
            sum += noise[p][r];
            squares += noise[p][r] * noise[p][r];
        }
        assert_true(fabs(sum / ROWS) < 4 * 0.5 / sqrt(ROWS));
        assert_true(fabs(squares / ROWS - 0.25) < 4 * 0.25 * sqrt(2.0 / ROWS));
        dataset_destroy(&clean);
        dataset_destroy(&noisy);
    }
    for (size_t r = 0; r < ROWS; ++r) cross += noise[0][r] * noise[1][r];
    assert_true(fabs(cross / ROWS) < 4 * 0.25 / sqrt(ROWS));
}

static void wrong_requests_are_refused(void **state) {
    struct fixture *fixture = *state;
    struct sample_source *source;
    struct dataset data = {.inputs = 1, .outputs = 1}, part;
    assert_int_equal(source_from_dataset(fixture->ctx, &data, 1, 1, &source), STRATA_ERR_ARGUMENT);
    assert_null(source);
    assert_int_equal(source_from_teacher(fixture->ctx, fixture->teacher, 1, 1, 0, TASK_MULTICLASS, &source),
                     STRATA_ERR_ARGUMENT);
    assert_int_equal(dataset_from_teacher(fixture->ctx, fixture->teacher, RNG_TEST_INPUT, 0, SIZE_MAX / 8, 0,
                                          TASK_REGRESSION, 1, 1, &part),
                     STRATA_ERR_TOO_LARGE);
    data = numbered(fixture->ctx, 5);
    assert_int_equal(dataset_take(fixture->ctx, &data, NULL, 3, 3, &part), STRATA_ERR_ARGUMENT);
    assert_int_equal(dataset_take(fixture->ctx, &data, NULL, SIZE_MAX, 2, &part), STRATA_ERR_ARGUMENT);
    dataset_destroy(&data);
}

static void take_copies_rows_in_order(void **state) {
    struct fixture *fixture = *state;
    struct dataset data = numbered(fixture->ctx, 5), part;
    const uint32_t order[] = {4, 2, 0, 1, 3};
    assert_int_equal(dataset_take(fixture->ctx, &data, order, 1, 3, &part), STRATA_OK);
    assert_int_equal(part.rows, 3);
    for (size_t r = 0; r < 3; ++r)
        assert_true(part.y[r] == (float)order[1 + r] && part.x[2 * r + 1] == -(float)order[1 + r]);
    dataset_destroy(&part);
    assert_int_equal(dataset_take(fixture->ctx, &data, NULL, 2, 3, &part), STRATA_OK);
    assert_true(part.y[0] == 2.0f && part.y[2] == 4.0f);
    dataset_destroy(&part);
    dataset_destroy(&data);
}

static void standardised_columns_have_mean_zero_and_sd_one(void **state) {
    struct fixture *fixture = *state;
    struct dataset data = numbered(fixture->ctx, 9);
    double mean[2], sd[2];
    for (size_t r = 0; r < 9; ++r) data.x[2 * r + 1] = 0.1f; /* constant */
    dataset_moments(&data, mean, sd);
    assert_true(mean[0] == 4.0 && fabs(sd[0] - sqrt(60.0 / 9)) < 1e-14 && sd[1] == 1.0);
    dataset_standardise(&data, mean, sd);
    dataset_moments(&data, mean, sd);
    assert_true(fabs(mean[0]) < 1e-6 && fabs(sd[0] - 1) < 1e-6); /* rounded to float */
    assert_true(fabs(mean[1]) < 1e-6);
    dataset_destroy(&data);
}

static void every_failed_allocation_is_survived(void **state) {
    struct fixture *fixture = *state;
    struct dataset data = numbered(fixture->ctx, 5), part, drawn;
    strata_status status = STRATA_ERR_MEMORY;
    for (uint64_t n = 1; status == STRATA_ERR_MEMORY && n < 100; ++n) {
        struct sample_source *source = NULL, *fresh = NULL;
        part = drawn = (struct dataset){0};
        mem_fail_from(n);
        status = source_from_dataset(fixture->ctx, &data, 1, 1, &source);
        if (status == STRATA_OK) status = source_reserve(fixture->ctx, source, 7);
        if (status == STRATA_OK)
            status = source_from_teacher(fixture->ctx, fixture->teacher, 1, 1, 0, TASK_BINARY, &fresh);
        if (status == STRATA_OK) status = dataset_take(fixture->ctx, &data, NULL, 1, 2, &part);
        if (status == STRATA_OK)
            status = dataset_from_teacher(fixture->ctx, fixture->teacher, RNG_TEST_INPUT, 0, 3, 0, TASK_BINARY, 1, 1,
                                          &drawn);
        mem_fail_from(0);
        source_destroy(source);
        source_destroy(fresh);
        dataset_destroy(&part);
        dataset_destroy(&drawn);
    }
    assert_int_equal(status, STRATA_OK);
    dataset_destroy(&data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(epochs_are_different_permutations),
        cmocka_unit_test(any_step_may_come_first),
        cmocka_unit_test(fresh_samples_are_the_teachers_rows),
        cmocka_unit_test(dataset_holds_the_rows_the_source_gives),
        cmocka_unit_test(noise_has_its_standard_deviation_and_differs_by_purpose),
        cmocka_unit_test(wrong_requests_are_refused),
        cmocka_unit_test(take_copies_rows_in_order),
        cmocka_unit_test(standardised_columns_have_mean_zero_and_sd_one),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
