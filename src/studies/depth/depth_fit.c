/* SPDX-License-Identifier: MIT */
/*
 * One network under one rule: test accuracy, what linear probes read from its units over time, how far a unit's
 * features are turned by training those above, and pictures that its units look for.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "data/source.h"
#include "measure/cka.h"
#include "measure/errors.h"
#include "measure/probe.h"
#include "studies/depth/depth.h"
#include "studies/fit_task.h"

enum { KEY_SIZE = 40 };

struct experiment {
    strata_context *ctx;
    struct task_run *run;
    const struct settings *settings;
    struct dataset train, test;
    struct sample_source *source;
    struct learner *learner;
    size_t times; /* probes of a fit; 0: none */
};

static size_t at_most(size_t rows, size_t limit) { return rows < limit ? rows : limit; }

static size_t width_of(const struct experiment *e, size_t unit) {
    return e->learner->class_->layer_width(e->learner, unit);
}

static strata_status features_of(const struct experiment *e, size_t unit, size_t rows, const float *x,
                                 float **features) {
    size_t count;
    *features = NULL;
    STRATA_TRY(mem_product(e->ctx, rows, width_of(e, unit), "features", &count));
    *features = mem_zero(count, sizeof **features);
    if (!*features) return strata_fail(e->ctx, STRATA_ERR_MEMORY, "out of memory for %zu features", count);
    return learner_features(e->ctx, e->learner, unit, rows, x, *features);
}

/* ---- probes */

static strata_status record_probe(const struct experiment *e, size_t unit, size_t time) {
    size_t train_rows = at_most(settings_count(e->settings, "probe.train_size"), e->train.rows),
           test_rows = at_most(settings_count(e->settings, "probe.test_size"), e->test.rows);
    float *train = NULL, *test = NULL;
    double accuracy = NAN;
    char key[KEY_SIZE];
    strata_status status = features_of(e, unit, train_rows, e->train.x, &train);
    if (status == STRATA_OK) status = features_of(e, unit, test_rows, e->test.x, &test);
    const struct probe_rows fit = {train_rows, train, e->train.y}, score = {test_rows, test, e->test.y};
    if (status == STRATA_OK)
        status = probe_accuracy(e->ctx, width_of(e, unit), e->train.classes, &fit, &score, &accuracy);
    snprintf(key, sizeof key, "probe.%zu.%zu", unit, time);
    if (status == STRATA_OK) status = task_record(e->ctx, e->run, key, accuracy);
    mem_free(train);
    mem_free(test);
    return status;
}

/* ---- what a unit's features were before those above were trained, kept as part of the records */

static strata_status keep_features(const struct experiment *e, size_t unit) {
    size_t rows = at_most(e->test.rows, DEPTH_ALIGNMENT_ROWS), count = rows * width_of(e, unit);
    float *features;
    char key[KEY_SIZE];
    strata_status status = features_of(e, unit, rows, e->test.x, &features);
    double *kept = status == STRATA_OK ? mem_zero(count, sizeof *kept) : NULL;
    if (status == STRATA_OK && !kept)
        status = strata_fail(e->ctx, STRATA_ERR_MEMORY, "out of memory for %zu features", count);
    for (size_t i = 0; kept && i < count; ++i) kept[i] = (double)features[i];
    snprintf(key, sizeof key, "features.%zu", unit);
    if (status == STRATA_OK) status = task_record_array(e->ctx, e->run, key, count, kept);
    mem_free(kept);
    mem_free(features);
    return status;
}

static strata_status record_alignment(const struct experiment *e, size_t unit) {
    const double *kept;
    char key[KEY_SIZE];
    snprintf(key, sizeof key, "features.%zu", unit);
    size_t rows = at_most(e->test.rows, DEPTH_ALIGNMENT_ROWS), count = task_recorded_array(e->run, key, &kept);
    if (count != rows * width_of(e, unit)) return STRATA_OK;
    float *now = NULL, *before = mem_zero(count, sizeof *before);
    double similarity = NAN;
    strata_status status = before ? features_of(e, unit, rows, e->test.x, &now)
                                  : strata_fail(e->ctx, STRATA_ERR_MEMORY, "out of memory for %zu features", count);
    for (size_t i = 0; before && i < count; ++i) before[i] = (float)kept[i];
    if (status == STRATA_OK) status = cka_linear(e->ctx, rows, count / rows, before, count / rows, now, &similarity);
    snprintf(key, sizeof key, "alignment.%zu", unit);
    if (status == STRATA_OK) status = task_record(e->ctx, e->run, key, similarity);
    mem_free(before);
    mem_free(now);
    return status;
}

/* ---- pictures that channels look for */

/* One step up the gradient of every tile's channel, of equal length for all, within the ball of real pictures. */
static void climb(size_t tiles, size_t inputs, const float *gradient, double step, float *x) {
    double radius = sqrt((double)inputs); /* pictures have mean square 1 */
    for (size_t t = 0; t < tiles; ++t) {
        const float *g = gradient + t * inputs;
        float *picture = x + t * inputs;
        double norm = 0, size = 0;
        for (size_t i = 0; i < inputs; ++i) norm += (double)g[i] * (double)g[i];
        for (size_t i = 0; i < inputs && norm > 0; ++i) picture[i] += (float)(step * (double)g[i] / sqrt(norm));
        for (size_t i = 0; i < inputs; ++i) size += (double)picture[i] * (double)picture[i];
        for (size_t i = 0; i < inputs && sqrt(size) > radius; ++i) picture[i] *= (float)(radius / sqrt(size));
    }
}

/* Tile t: the picture at which channel t of the unit answers most in the middle cell, by gradient ascent from noise. */
static strata_status record_tiles(const struct experiment *e, size_t unit, const char *when) {
    size_t tiles = settings_count(e->settings, "tiles.count"), inputs = e->train.inputs, width = width_of(e, unit);
    size_t rows = at_most(tiles, width);
    if (rows == 0 || task_run_task(e->run)->replicate != 1) return STRATA_OK;
    float *x = mem_zero(rows * inputs, sizeof *x), *gradient = mem_zero(rows * inputs, sizeof *gradient),
          *seed = mem_zero(rows * width, sizeof *seed);
    double *pictures = mem_zero(rows * inputs, sizeof *pictures);
    char key[KEY_SIZE];
    strata_status status = x && gradient && seed && pictures
                             ? STRATA_OK
                             : strata_fail(e->ctx, STRATA_ERR_MEMORY, "out of memory for %zu pictures", rows);
    if (status == STRATA_OK) {
        rng_normal_rows_f32(rng_stream_make(settings_count(e->settings, "study.seed"), 1, RNG_PROBE), 0, rows, inputs,
                            x);
        for (size_t i = 0; i < rows * inputs; ++i) x[i] *= .3f;
        for (size_t t = 0; t < rows; ++t) seed[t * width + (2 * t + 1) * width / (2 * rows)] = 1;
    }
    for (size_t step = 0; status == STRATA_OK && step < settings_count(e->settings, "tiles.steps"); ++step) {
        status = learner_feature_vjp(e->ctx, e->learner, unit, rows, x, seed, NULL, gradient);
        if (status == STRATA_OK) climb(rows, inputs, gradient, 0.05 * sqrt((double)inputs), x);
    }
    /* Of a coloured picture the mean over its channels. */
    size_t pixels = e->train.image[1] * e->train.image[2], colours = e->train.image[0];
    for (size_t i = 0; status == STRATA_OK && i < rows * inputs; ++i)
        pictures[i / inputs * pixels + i % pixels] += (double)x[i] / (double)colours;
    snprintf(key, sizeof key, "tiles.%zu.%s", unit, when);
    if (status == STRATA_OK) status = task_record_array(e->ctx, e->run, key, rows * pixels, pictures);
    mem_free(x), mem_free(gradient), mem_free(seed), mem_free(pictures);
    return status;
}

/* ---- the fit */

static bool is(const struct experiment *e, const char *learner) {
    return strcmp(task_run_task(e->run)->learner, learner) == 0;
}

static bool probe_due(const struct experiment *e, const struct fit_point *point) {
    return e->times && point->step * e->times / point->total != (point->step - 1) * e->times / point->total;
}

static bool observe_due(void *user, const struct fit_point *point) { return probe_due(user, point); }

/* Units that a stage has; a fit in one stage has all. */
static size_t units_in(const struct experiment *e, size_t stage) {
    size_t units = e->learner->class_->layer_count(e->learner);
    bool grows = is(e, "picture_staged") || is(e, "picture_staged_cut") || is(e, "picture_layerwise") ||
                 is(e, "picture_overlap");
    return is(e, "picture_alone") ? 1 : grows ? stage : units;
}

static strata_status observe(void *user, struct learner *learner, const struct fit_point *point) {
    struct experiment *e = user;
    size_t units = units_in(e, point->stage);
    (void)learner;
    size_t all = e->learner->class_->layer_count(e->learner);
    for (size_t u = 1; probe_due(e, point) && u <= units; ++u) { /* above the first: before and after */
        size_t time = point->step * e->times / point->total;
        if (u == 1 || time == e->times || time == e->times * u / all) STRATA_TRY(record_probe(e, u, time));
    }
    if (!e->times || !point->stage_end || !is(e, "picture_staged") || point->step == point->total) return STRATA_OK;
    STRATA_TRY(keep_features(e, units));
    return record_tiles(e, units, "before");
}

static strata_status record_accuracy(const struct experiment *e, const struct dataset *data, const char *key) {
    double error = NAN;
    STRATA_TRY(learner_test_error(e->ctx, e->learner, data->classes, data, &error));
    return task_record(e->ctx, e->run, key, 1 - error);
}

static strata_status measure(const struct experiment *e) {
    size_t units = e->learner->class_->layer_count(e->learner);
    STRATA_TRY(record_accuracy(e, &e->test, "test_accuracy"));
    STRATA_TRY(record_accuracy(e, &e->train, "train_accuracy"));
    STRATA_TRY(task_record(e->ctx, e->run, "tested", (double)e->test.rows));
    STRATA_TRY(task_record(e->ctx, e->run, "parameters", (double)e->learner->class_->parameter_count(e->learner)));
    for (size_t u = 1; e->times && is(e, "picture_staged") && u <= units; ++u) {
        STRATA_TRY(record_alignment(e, u));
        STRATA_TRY(record_tiles(e, u, "after"));
    }
    return STRATA_OK;
}

static strata_status fit(struct experiment *e) {
    const struct task *task = task_run_task(e->run);
    STRATA_TRY(depth_load(e->ctx, e->run, settings_count(e->settings, "data.train_size"),
                          settings_count(e->settings, "data.test_size"), &e->train, &e->test));
    STRATA_TRY(
        source_from_dataset(e->ctx, &e->train, settings_count(e->settings, "study.seed"), task->replicate, &e->source));
    struct augmentation augmentation;
    STRATA_TRY(augment_from_settings(e->ctx, e->settings, e->train.image, &augmentation));
    source_augment(e->source, &augmentation);
    STRATA_TRY(fit_task_begin(e->ctx, e->run, task->learner, e->source, &e->learner));
    const struct fit_hooks watch = {.user = e, .observe = observe, .observe_due = observe_due};
    STRATA_TRY(fit_task_finish(e->ctx, e->run, e->learner, &watch));
    return measure(e);
}

strata_status depth_run_fit(strata_context *ctx, struct task_run *run) {
    struct experiment e = {.ctx = ctx, .run = run, .settings = task_run_settings(run)};
    e.times = settings_count(e.settings, "probe.times");
    strata_status status = fit(&e);
    learner_destroy(e.learner);
    source_destroy(e.source);
    dataset_destroy(&e.train);
    dataset_destroy(&e.test);
    return status;
}
