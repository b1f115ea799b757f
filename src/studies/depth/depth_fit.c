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
#include "studies/depth/depth.h"
#include "studies/fit_task.h"
#include "studies/layers.h"

enum { KEY_SIZE = 40, ALIGNMENT_ROWS = 150 };

struct experiment {
    strata_context *ctx;
    struct task_run *run;
    const struct settings *settings;
    struct dataset train, test;
    struct sample_source *source;
    struct learner *learner;
    size_t times; /* probes of a fit; 0: none */
};

static strata_status record_probe(const struct experiment *e, size_t unit, size_t time) {
    char key[KEY_SIZE];
    snprintf(key, sizeof key, "probe.%zu.%zu", unit, time);
    return layer_probe(e->ctx, e->run, e->learner, unit, &e->train, settings_count(e->settings, "probe.train_size"),
                       &e->test, settings_count(e->settings, "probe.test_size"), key);
}

/* What a unit's features are before those above are trained, and how far from it they are after. */
static strata_status keep_features(const struct experiment *e, size_t unit) {
    char key[KEY_SIZE];
    snprintf(key, sizeof key, "features.%zu", unit);
    return layer_keep(e->ctx, e->run, e->learner, unit, &e->test, ALIGNMENT_ROWS, key);
}

static strata_status record_alignment(const struct experiment *e, size_t unit) {
    char kept[KEY_SIZE], key[KEY_SIZE];
    snprintf(kept, sizeof kept, "features.%zu", unit);
    snprintf(key, sizeof key, "alignment.%zu", unit);
    return layer_alignment(e->ctx, e->run, e->learner, unit, &e->test, ALIGNMENT_ROWS, kept, key);
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
    size_t tiles = settings_count(e->settings, "tiles.count"), inputs = e->train.inputs,
           width = e->learner->class_->layer_width(e->learner, unit);
    size_t rows = tiles < width ? tiles : width;
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

static strata_status observe(void *user, struct learner *learner, const struct fit_point *point) {
    struct experiment *e = user;
    (void)learner;
    size_t all = e->learner->class_->layer_count(e->learner);
    for (size_t u = 1; probe_due(e, point) && u <= point->layers; ++u) { /* above the first: before and after */
        size_t time = point->step * e->times / point->total;
        if (u == 1 || time == e->times || time == e->times * u / all) STRATA_TRY(record_probe(e, u, time));
    }
    if (!e->times || !point->stage_end || !is(e, "picture_staged") || point->step == point->total) return STRATA_OK;
    STRATA_TRY(keep_features(e, point->layers));
    return record_tiles(e, point->layers, "before");
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
