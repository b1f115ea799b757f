/* SPDX-License-Identifier: MIT */
/* The hierarchical target, degree 4 made of degree 2: kernels with every ridge, and learners, on the same samples. */
#include <math.h>
#include <stdio.h>

#include "core/memory.h"
#include "data/source.h"
#include "data/teacher.h"
#include "kernels/learning_curve.h"
#include "kernels/ridge_scan.h"
#include "measure/degree_powers.h"
#include "studies/fit_task.h"
#include "studies/kernels/kernels.h"

struct family {
    strata_context *ctx;
    struct task_run *run;
    const struct settings *settings;
    uint64_t seed;
    struct teacher *teacher;
    struct dataset train, test;
};

static strata_status family_create(struct family *f, strata_context *ctx, struct task_run *run) {
    *f = (struct family){.ctx = ctx, .run = run, .settings = task_run_settings(run)};
    uint64_t replicate = task_run_task(run)->replicate;
    f->seed = settings_count(f->settings, "study.seed");
    STRATA_TRY(teacher_create(ctx, f->settings, f->seed, replicate, &f->teacher));
    enum learning_task kind = teacher_task(f->teacher);
    double noise = settings_number(f->settings, "data.noise");
    STRATA_TRY(dataset_from_teacher(ctx, f->teacher, RNG_TRAIN_INPUT, 0, settings_count(f->settings, "data.train_size"),
                                    noise, kind, f->seed, replicate, &f->train));
    return dataset_from_teacher(ctx, f->teacher, RNG_TEST_INPUT, 0, settings_count(f->settings, "data.test_size"), 0,
                                kind, f->seed, replicate, &f->test);
}

static void family_destroy(struct family *f) {
    dataset_destroy(&f->train);
    dataset_destroy(&f->test);
    teacher_destroy(f->teacher);
}

/* ---- kernels */

/* A set in float64 with the targets less `mean`. */
struct wide_rows {
    double *x, *y;
};

static strata_status wide_rows_create(strata_context *ctx, const struct dataset *data, double mean,
                                      struct wide_rows *rows) {
    size_t cells = data->rows * data->inputs;
    rows->x = mem_zero(cells, sizeof *rows->x);
    rows->y = mem_zero(data->rows, sizeof *rows->y);
    if (!rows->x || !rows->y) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu samples", data->rows);
    for (size_t i = 0; i < cells; ++i) rows->x[i] = (double)data->x[i];
    for (size_t i = 0; i < data->rows; ++i) rows->y[i] = (double)data->y[i] - mean;
    return STRATA_OK;
}

static void wide_rows_destroy(struct wide_rows *rows) {
    mem_free(rows->x);
    mem_free(rows->y);
}

static double mean_of(const struct dataset *data) {
    double mean = 0;
    for (size_t i = 0; i < data->rows; ++i) mean += (double)data->y[i] / (double)data->rows;
    return mean;
}

static double variance_of(const struct dataset *data) {
    double mean = mean_of(data), variance = 0;
    for (size_t i = 0; i < data->rows; ++i) {
        double deviation = (double)data->y[i] - mean;
        variance += deviation * deviation / (double)data->rows;
    }
    return variance;
}

/* The least error over ridges, and the error at the ridge of least leave-one-out error. */
static strata_status record_points(const struct family *f, size_t count, const struct ridge_point *points) {
    double variance = variance_of(&f->test), best = INFINITY, best_ridge = NAN, loss = INFINITY, chosen = NAN;
    double chosen_ridge = NAN;
    for (size_t i = 0; i < count; ++i) {
        if (points[i].test_error < best) best = points[i].test_error, best_ridge = points[i].ridge;
        if (points[i].leave_one_out < loss)
            loss = points[i].leave_one_out, chosen = points[i].test_error, chosen_ridge = points[i].ridge;
    }
    if (!isfinite(best))
        return strata_fail(f->ctx, STRATA_ERR_CONVERGENCE,
                           "%s: no ridge of study.ridges makes its Gram matrix "
                           "positive definite",
                           settings_text(f->settings, "kernel.name"));
    STRATA_TRY(task_record(f->ctx, f->run, "test_error", best / variance));
    STRATA_TRY(task_record(f->ctx, f->run, "ridge", best_ridge));
    STRATA_TRY(task_record(f->ctx, f->run, "test_error_leave_one_out", chosen / variance));
    return task_record(f->ctx, f->run, "ridge_leave_one_out", chosen_ridge);
}

strata_status kernels_run_family(strata_context *ctx, struct task_run *run) {
    const double *ridges;
    struct family f;
    struct wide_rows train = {0}, test = {0};
    struct ridge_point *points = NULL;
    struct kernel kernel;
    strata_status status = family_create(&f, ctx, run);
    size_t n = f.train.rows, d = f.train.inputs, count = settings_numbers(f.settings, "study.ridges", &ridges);
    if (status != STRATA_OK) goto cleanup;
    points = mem_zero(count, sizeof *points);
    if (!points) {
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu ridges", count);
        goto cleanup;
    }
    double mean = mean_of(&f.train);
    STRATA_GO(wide_rows_create(ctx, &f.train, mean, &train));
    STRATA_GO(wide_rows_create(ctx, &f.test, mean, &test));
    STRATA_GO(kernel_create(ctx, settings_text(f.settings, "kernel.name"), n, train.x, d, NULL, &kernel));
    STRATA_GO(
        ridge_scan(ctx, NULL, &kernel, n, train.x, 1, train.y, f.test.rows, test.x, test.y, count, ridges, points));
    STRATA_GO(record_points(&f, count, points));
cleanup:
    mem_free(points);
    wide_rows_destroy(&train);
    wide_rows_destroy(&test);
    family_destroy(&f);
    return status;
}

/* ---- learners */

strata_status kernels_run_learner(strata_context *ctx, struct task_run *run) {
    struct family f = {0};
    struct sample_source *source = NULL;
    struct learner *learner = NULL;
    double error = NAN;
    strata_status status = STRATA_OK;
    STRATA_GO(family_create(&f, ctx, run));
    STRATA_GO(source_from_dataset(ctx, &f.train, f.seed, task_run_task(run)->replicate, &source));
    STRATA_GO(fit_task(ctx, run, task_run_task(run)->learner, source, &learner));
    STRATA_GO(learner_test_error(ctx, learner, 1, &f.test, &error));
    STRATA_GO(task_record(ctx, run, "test_error", error));
cleanup:
    learner_destroy(learner);
    source_destroy(source);
    family_destroy(&f);
    return status;
}

/* ---- the target itself */

/* What the learning-curve formula predicts for the RBF kernel at its best ridge: degrees above 2 count as 4. */
static strata_status record_prediction(const struct family *f, const struct degree_powers *powers) {
    const double *ridges;
    size_t sizes[KERNELS_MAX_SIZES], count = kernels_sizes(f->settings, "study.sample_sizes", sizes),
                                     d = f->train.inputs,
                                     ridge_count = settings_numbers(f->settings, "study.ridges", &ridges);
    const double power[] = {0, powers->linear, powers->quadratic, 0, powers->above};
    double predicted[KERNELS_MAX_SIZES];
    char text[KERNEL_TEXT];
    struct kernel kernel;
    struct learning_curve curve;
    snprintf(text, sizeof text, "rbf(bandwidth=%.17g)", sqrt(2.0 * (double)d));
    STRATA_TRY(kernel_create(f->ctx, text, 0, NULL, d, NULL, &kernel));
    STRATA_TRY(learning_curve_create(f->ctx, &kernel, &curve));
    for (size_t s = 0; s < count; ++s) {
        predicted[s] = INFINITY;
        for (size_t r = 0; r < ridge_count; ++r)
            predicted[s] = fmin(predicted[s], learning_curve_error(&curve, (double)sizes[s], ridges[r], 5, power, 0));
    }
    return task_record_array(f->ctx, f->run, "theory.rbf", count, predicted);
}

strata_status kernels_run_powers(strata_context *ctx, struct task_run *run) {
    enum { ROWS = 200000, BLOCK = 8192 };
    struct family f = {0};
    struct degree_fit *fit = NULL;
    struct degree_powers powers;
    float *x = NULL;
    strata_status status = STRATA_OK;
    STRATA_GO(family_create(&f, ctx, run));
    size_t d = f.train.inputs;
    STRATA_GO(degree_fit_create(ctx, d, &fit));
    x = mem_zero(BLOCK * (d + 1), sizeof *x);
    if (!x) {
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %d samples", BLOCK);
        goto cleanup;
    }
    for (size_t first = 0; first < ROWS; first += BLOCK) {
        size_t rows = ROWS - first < BLOCK ? ROWS - first : BLOCK;
        teacher_inputs(f.teacher, RNG_CALIBRATION, first, rows, x);
        teacher_targets(f.teacher, rows, x, x + BLOCK * d);
        degree_fit_add(fit, rows, x, x + BLOCK * d);
        task_progress(run, (double)(first + rows) / ROWS);
    }
    STRATA_GO(degree_fit_finish(ctx, fit, &powers));
    STRATA_GO(task_record(ctx, run, "power.linear", powers.linear));
    STRATA_GO(task_record(ctx, run, "power.quadratic", powers.quadratic));
    STRATA_GO(task_record(ctx, run, "power.above", powers.above));
    STRATA_GO(record_prediction(&f, &powers));
cleanup:
    mem_free(x);
    degree_fit_destroy(fit);
    family_destroy(&f);
    return status;
}
