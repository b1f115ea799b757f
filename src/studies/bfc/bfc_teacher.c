/* SPDX-License-Identifier: MIT */
/* One fit on a synthetic teacher: train, look at stage ends and along the curve, measure at the end. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "data/source.h"
#include "learn/gradient.h"
#include "measure/errors.h"
#include "measure/form.h"
#include "measure/readout.h"
#include "studies/bfc/bfc.h"
#include "studies/fit_task.h"

enum { CURVE_ROWS = 2048, ROUTE_ROWS = 512 };

/* Fresh held-out rows with the teacher's own features of them. */
struct held_out {
    size_t rows;
    float *x, *y;
    double *features[BFC_MAX_DEPTH]; /* what learner layers 1.. should span, of the first feature_rows rows */
    size_t feature_rows;
};

struct experiment {
    strata_context *ctx;
    struct task_run *run;
    const struct settings *settings;
    const struct learner_class *class_;
    struct teacher *teacher;
    struct dataset train_set;
    struct sample_source *source;
    struct learner *learner;
    struct held_out test;
    size_t curve_points;
    size_t given; /* bfc_given_layers */
};

static void held_out_destroy(struct held_out *set) {
    mem_free(set->x);
    mem_free(set->y);
    for (size_t l = 0; l < BFC_MAX_DEPTH; ++l) mem_free(set->features[l]);
}

static strata_status held_out_create(struct experiment *e) {
    struct held_out *set = &e->test;
    size_t d = teacher_dimension(e->teacher);
    set->rows = settings_count(e->settings, "data.test_size");
    set->feature_rows = set->rows < 8192 ? set->rows : 8192;
    set->x = mem_zero(set->rows * d, sizeof *set->x);
    set->y = mem_zero(set->rows, sizeof *set->y);
    double *x = mem_zero(set->feature_rows * d, sizeof *x);
    bool whole = set->x && set->y && x;
    for (size_t l = 1; whole && l + e->given <= teacher_depth(e->teacher); ++l)
        whole = (set->features[l - 1] = mem_zero(set->feature_rows * teacher_layer_width(e->teacher, l + e->given),
                                                 sizeof(double))) != NULL;
    if (whole) {
        teacher_inputs(e->teacher, RNG_TEST_INPUT, 0, set->rows, set->x);
        teacher_targets(e->teacher, set->rows, set->x, set->y);
        for (size_t i = 0; i < set->feature_rows * d; ++i) x[i] = (double)set->x[i];
        for (size_t l = 1; l + e->given <= teacher_depth(e->teacher); ++l)
            teacher_features(e->teacher, l + e->given, set->feature_rows, x, set->features[l - 1]);
    }
    mem_free(x);
    return whole ? STRATA_OK : strata_fail(e->ctx, STRATA_ERR_MEMORY, "out of memory for %zu test samples", set->rows);
}

/* ---- measures ---- */

/* Weights can explode in the very step before a look, which then is what sees it. */
static strata_status check_finite(struct experiment *e, size_t count, const float *values) {
    for (size_t i = 0; i < count; ++i)
        if (!isfinite(values[i])) return strata_fail(e->ctx, STRATA_ERR_DIVERGED, "%s: diverged", e->class_->name);
    return STRATA_OK;
}

static strata_status measure_test_error(struct experiment *e, size_t rows, double *error) {
    float *prediction = mem_zero(rows, sizeof *prediction);
    if (!prediction) return strata_fail(e->ctx, STRATA_ERR_MEMORY, "out of memory for %zu predictions", rows);
    strata_status status = learner_predict(e->ctx, e->learner, rows, e->test.x, prediction);
    if (status == STRATA_OK) status = check_finite(e, rows, prediction);
    bool labels = source_task(e->source) == TASK_BINARY;
    if (status == STRATA_OK)
        *error = labels ? binary_error_rate(rows, prediction, e->test.y)
                        : relative_error(rows, 1, prediction, e->test.y);
    mem_free(prediction);
    return status;
}

static strata_status measure_feature_error(struct experiment *e, size_t layer, size_t rows, double *error) {
    size_t width = e->class_->layer_width(e->learner, layer);
    float *features = mem_zero(rows * width, sizeof *features);
    if (!features) return strata_fail(e->ctx, STRATA_ERR_MEMORY, "out of memory for %zu features", rows * width);
    strata_status status = learner_features(e->ctx, e->learner, layer, rows, e->test.x, features);
    if (status == STRATA_OK) status = check_finite(e, rows * width, features);
    if (status == STRATA_OK)
        status = feature_error(e->ctx, rows, width, features, teacher_layer_width(e->teacher, layer + e->given),
                               e->test.features[layer - 1], error);
    mem_free(features);
    return status;
}

/* Layers that both the learner has now and the teacher has. */
static size_t common_layers(const struct experiment *e, size_t stage_layers) {
    if (!e->class_->features) return 0;
    size_t layers = teacher_depth(e->teacher) - e->given;
    if (e->class_->layer_count(e->learner) < layers) layers = e->class_->layer_count(e->learner);
    return stage_layers < layers ? stage_layers : layers;
}

static strata_status read_parameter(struct experiment *e, const char *name, size_t *count, double **values) {
    *values = NULL;
    STRATA_TRY(e->class_->parameter(e->ctx, e->learner, name, count, NULL));
    *values = mem_zero(*count, sizeof **values);
    if (!*values) return strata_fail(e->ctx, STRATA_ERR_MEMORY, "out of memory for %zu weights", *count);
    return e->class_->parameter(e->ctx, e->learner, name, count, *values);
}

/* First-layer weights [d, units] and what multiplies each unit's square: the readout, or one in the paper's learner. */
static const char *first_weights(const struct experiment *e) {
    return strncmp(e->class_->name, "paper", 5) == 0 ? "level1.W.x" : "layer1.input";
}

static strata_status measure_form_error(struct experiment *e, double *error) {
    size_t d = teacher_dimension(e->teacher), count, outputs = 0;
    double *weights = NULL, *readout = NULL, *a = NULL, *form = mem_zero(2 * d * d, sizeof *form);
    bool paper = strncmp(e->class_->name, "paper", 5) == 0;
    strata_status status = form ? read_parameter(e, first_weights(e), &count, &weights)
                                : strata_fail(e->ctx, STRATA_ERR_MEMORY, "out of memory for a quadratic form");
    if (status == STRATA_OK && !paper) status = read_parameter(e, "readout1", &outputs, &readout);
    size_t units = status == STRATA_OK ? count / d : 0;
    if (status == STRATA_OK && paper) readout = mem_zero(units, sizeof *readout);
    a = status == STRATA_OK ? mem_zero(units * d, sizeof *a) : NULL;
    if (status == STRATA_OK && (!a || !readout))
        status = strata_fail(e->ctx, STRATA_ERR_MEMORY, "out of memory for a quadratic form");
    if (status == STRATA_OK) {
        for (size_t u = 0; u < units; ++u) {
            for (size_t i = 0; i < d; ++i) a[u * d + i] = weights[i * units + u];
            if (paper) readout[u] = 1;
        }
        status = form_of_layer(e->ctx, units, d, a, readout, form);
    }
    if (status == STRATA_OK) status = teacher_form(e->ctx, e->teacher, form + d * d);
    if (status == STRATA_OK) *error = form_error(d, form, form + d * d);
    mem_free(weights);
    mem_free(readout);
    mem_free(a);
    mem_free(form);
    return status;
}

/* Learners whose first layer is a quadratic form of x, on teachers that have one. */
static bool has_form(const struct experiment *e) {
    return e->class_->features && e->class_->parameter &&
           strcmp(settings_text(e->settings, "teacher.kind"), "chain") == 0 &&
           !settings_flag(e->settings, "network.input_squares") && strncmp(e->class_->name, "mlp", 3) != 0 &&
           strcmp(e->class_->name, "linear") != 0;
}

static strata_status record_measures(struct experiment *e, const char *prefix, size_t stage_layers) {
    char key[64];
    double value;
    STRATA_TRY(measure_test_error(e, e->test.rows, &value));
    snprintf(key, sizeof key, "%stest_error", prefix);
    STRATA_TRY(task_record(e->ctx, e->run, key, value));
    for (size_t l = 1; l <= common_layers(e, stage_layers); ++l) {
        STRATA_TRY(measure_feature_error(e, l, e->test.feature_rows, &value));
        snprintf(key, sizeof key, "%sfeature_error.%zu", prefix, l);
        STRATA_TRY(task_record(e->ctx, e->run, key, value));
    }
    if (!has_form(e)) return STRATA_OK;
    STRATA_TRY(measure_form_error(e, &value));
    snprintf(key, sizeof key, "%sform_error", prefix);
    return task_record(e->ctx, e->run, key, value);
}

/* How far the first layer has moved since stage 1 ended. */
static strata_status record_movement(struct experiment *e) {
    const double *start;
    double *now, distance = 0, norm = 0;
    size_t count, known = task_recorded_array(e->run, "stage1.weights", &start);
    if (known == 0) return STRATA_OK;
    strata_status status = read_parameter(e, first_weights(e), &count, &now);
    for (size_t i = 0; status == STRATA_OK && i < count && i < known; ++i) {
        distance += (now[i] - start[i]) * (now[i] - start[i]);
        norm += start[i] * start[i];
    }
    mem_free(now);
    STRATA_TRY(status);
    return task_record(e->ctx, e->run, "movement", sqrt(distance / norm));
}

/* ---- along the way ---- */

static size_t curve_index(const struct experiment *e, size_t step, size_t total) {
    return step * e->curve_points / total;
}

static bool observe_due(void *user, const struct fit_point *point) {
    const struct experiment *e = user;
    return curve_index(e, point->step, point->total) != curve_index(e, point->step - 1, point->total);
}

static strata_status record_curve(struct experiment *e, const struct fit_point *point) {
    static const char *const names[] = {"loss",       "test_error",   "feature_error_1",
                                        "form_error", "gradient_own", "gradient_above"};
    double values[6] = {point->loss, NAN, NAN, NAN, NAN, NAN};
    size_t rows = e->test.feature_rows < CURVE_ROWS ? e->test.feature_rows : CURVE_ROWS, stage_layers = point->stage;
    STRATA_TRY(measure_test_error(e, rows, &values[1]));
    if (common_layers(e, stage_layers)) STRATA_TRY(measure_feature_error(e, 1, rows, &values[2]));
    if (has_form(e)) STRATA_TRY(measure_form_error(e, &values[3]));
    bool quadratic = has_form(e) && strncmp(e->class_->name, "paper", 5) != 0;
    if (quadratic)
        STRATA_TRY(gradient_routes(e->ctx, e->learner, rows < ROUTE_ROWS ? rows : ROUTE_ROWS, e->test.x, e->test.y,
                                   &values[4], &values[5]));
    STRATA_TRY(task_metric(e->ctx, e->run, point->step, "curve", 6, names, values));
    char key[64];
    size_t index = curve_index(e, point->step, point->total);
    snprintf(key, sizeof key, "curve.%zu", index);
    const double kept[] = {(double)point->step, values[1], values[2], values[3], values[4], values[5]};
    return task_record_array(e->ctx, e->run, key, 6, kept);
}

static strata_status look(struct experiment *e, const struct fit_point *point) {
    if (e->curve_points && observe_due(e, point)) STRATA_TRY(record_curve(e, point));
    if (!point->stage_end || point->step == point->total) return STRATA_OK;
    char prefix[32];
    snprintf(prefix, sizeof prefix, "stage%zu.", point->stage);
    STRATA_TRY(record_measures(e, prefix, point->stage));
    if (point->stage != 1 || !has_form(e)) return STRATA_OK;
    size_t count;
    double *weights;
    strata_status status = read_parameter(e, first_weights(e), &count, &weights);
    if (status == STRATA_OK) status = task_record_array(e->ctx, e->run, "stage1.weights", count, weights);
    mem_free(weights);
    return status;
}

static strata_status observe(void *user, struct learner *learner, const struct fit_point *point) {
    strata_status status = look(user, point);
    if (status == STRATA_ERR_DIVERGED) learner->diverged_step = point->step;
    return status;
}

/* ---- the whole ---- */

static strata_status prepare(struct experiment *e) {
    const struct task *task = task_run_task(e->run);
    uint64_t seed = settings_count(e->settings, "study.seed");
    size_t train_size = settings_count(e->settings, "data.train_size");
    double noise = settings_number(e->settings, "data.noise");
    STRATA_TRY(teacher_create(e->ctx, e->settings, seed, task->replicate, &e->teacher));
    enum learning_task kind = teacher_task(e->teacher);
    if (train_size) {
        STRATA_TRY(dataset_from_teacher(e->ctx, e->teacher, RNG_TRAIN_INPUT, 0, train_size, noise, kind, seed,
                                        task->replicate, &e->train_set));
        STRATA_TRY(source_from_dataset(e->ctx, &e->train_set, seed, task->replicate, &e->source));
    } else {
        STRATA_TRY(source_from_teacher(e->ctx, e->teacher, seed, task->replicate, noise, kind, &e->source));
    }
    STRATA_TRY(held_out_create(e));
    STRATA_TRY(fit_task_begin(e->ctx, e->run, task->learner, e->source, &e->learner));
    e->class_ = e->learner->class_;
    bool curve = train_size == 0 && e->class_->features && strstr(task->id, "/depth=") && !strstr(task->id, "longer");
    e->curve_points = curve ? settings_count(e->settings, "measure.curve_points") : 0;
    return STRATA_OK;
}

static strata_status fit_and_measure(struct experiment *e) {
    const struct fit_hooks watch = {.user = e, .observe = observe, .observe_due = e->curve_points ? observe_due : NULL};
    STRATA_TRY(fit_task_finish(e->ctx, e->run, e->learner, &watch));
    strata_status status = record_measures(e, "", BFC_MAX_DEPTH);
    if (status == STRATA_ERR_DIVERGED) return task_diverged(e->ctx, e->run, e->learner->diverged_step);
    STRATA_TRY(status);
    if (e->class_->parameter_count)
        STRATA_TRY(task_record(e->ctx, e->run, "parameters", (double)e->class_->parameter_count(e->learner)));
    return has_form(e) ? record_movement(e) : STRATA_OK;
}

strata_status bfc_run_teacher(strata_context *ctx, struct task_run *run) {
    struct experiment e = {.ctx = ctx, .run = run, .settings = task_run_settings(run)};
    e.given = bfc_given_layers(e.settings);
    strata_status status = prepare(&e);
    if (status == STRATA_OK) status = fit_and_measure(&e);
    learner_destroy(e.learner);
    held_out_destroy(&e.test);
    source_destroy(e.source);
    dataset_destroy(&e.train_set);
    teacher_destroy(e.teacher);
    return status;
}
