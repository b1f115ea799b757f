/* SPDX-License-Identifier: MIT */
/*
 * Dense networks on real pictures: greedy, staged and joint training; probes, kernel alignment and first-layer
 * pictures.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "data/source.h"
#include "learn/learner.h"
#include "measure/cka.h"
#include "measure/probe.h"
#include "measure/response.h"
#include "studies/bfc/bfc.h"
#include "studies/fit_task.h"

enum { PROBE_ROWS = 2000, ALIGNMENT_ROWS = 400, TILES = 24 };

struct experiment {
    strata_context *ctx;
    struct task_run *run;
    const struct settings *settings;
    struct dataset train, test;
    struct sample_source *source;
    struct learner *learner;
};

static strata_status load(struct experiment *e) {
    const char *name = settings_text(e->settings, "images.name");
    STRATA_TRY(data_load_some(e->ctx, name, task_run_data_folder(e->run),
                              settings_count(e->settings, "images.train_size"), &e->train, &e->test));
    double *moments = mem_zero(2 * e->train.inputs, sizeof *moments);
    if (!moments) return strata_fail(e->ctx, STRATA_ERR_MEMORY, "out of memory for the moments of %s", name);
    dataset_moments(&e->train, moments, moments + e->train.inputs);
    dataset_standardise(&e->train, moments, moments + e->train.inputs);
    dataset_standardise(&e->test, moments, moments + e->train.inputs);
    mem_free(moments);
    return STRATA_OK;
}

static strata_status features_of(struct experiment *e, size_t layer, size_t rows, const float *x, float **features) {
    size_t width = e->learner->class_->layer_width(e->learner, layer);
    *features = mem_zero(rows * width, sizeof **features);
    if (!*features) return strata_fail(e->ctx, STRATA_ERR_MEMORY, "out of memory for %zu features", rows * width);
    return learner_features(e->ctx, e->learner, layer, rows, x, *features);
}

static size_t at_most(size_t rows, size_t limit) { return rows < limit ? rows : limit; }

static strata_status record_probe(struct experiment *e, const char *prefix, size_t layer) {
    float *train = NULL, *test = NULL;
    size_t train_rows = at_most(e->train.rows, PROBE_ROWS), test_rows = at_most(e->test.rows, PROBE_ROWS);
    double accuracy = NAN;
    char key[48];
    strata_status status = features_of(e, layer, train_rows, e->train.x, &train);
    if (status == STRATA_OK) status = features_of(e, layer, test_rows, e->test.x, &test);
    const struct probe_rows fit = {train_rows, train, e->train.y}, score = {test_rows, test, e->test.y};
    if (status == STRATA_OK)
        status = probe_accuracy(e->ctx, e->learner->class_->layer_width(e->learner, layer), e->train.classes, &fit,
                                &score, &accuracy);
    snprintf(key, sizeof key, "%sprobe.%zu", prefix, layer);
    if (status == STRATA_OK) status = task_record(e->ctx, e->run, key, accuracy);
    mem_free(train);
    mem_free(test);
    return status;
}

/* What the first units respond to, unit by unit. */
static strata_status record_tiles(struct experiment *e, const char *key) {
    size_t inputs = e->train.inputs, rows = at_most(e->test.rows, PROBE_ROWS),
           width = e->learner->class_->layer_width(e->learner, 1);
    size_t tiles = at_most(width, TILES);
    float *features = NULL;
    double *pictures = mem_zero(tiles * inputs, sizeof *pictures);
    strata_status status = pictures ? features_of(e, 1, rows, e->test.x, &features)
                                    : strata_fail(e->ctx, STRATA_ERR_MEMORY, "out of memory for %zu pictures", tiles);
    if (status == STRATA_OK) {
        response_means(rows, inputs, e->test.x, width, features, tiles, pictures);
        status = task_record_array(e->ctx, e->run, key, tiles * inputs, pictures);
    }
    mem_free(pictures);
    mem_free(features);
    return status;
}

/* Stage 1 is over: keep what its layer sees, to compare when the layers above have been trained. */
static strata_status record_stage_one(struct experiment *e) {
    float *features;
    size_t rows = at_most(e->test.rows, ALIGNMENT_ROWS), count = rows * e->learner->class_->layer_width(e->learner, 1);
    STRATA_TRY(record_probe(e, "stage1.", 1));
    STRATA_TRY(record_tiles(e, "stage1.tiles"));
    strata_status status = features_of(e, 1, rows, e->test.x, &features);
    double *kept = status == STRATA_OK ? mem_zero(count, sizeof *kept) : NULL;
    if (status == STRATA_OK && !kept)
        status = strata_fail(e->ctx, STRATA_ERR_MEMORY, "out of memory for %zu features", count);
    for (size_t i = 0; kept && i < count; ++i) kept[i] = (double)features[i];
    if (status == STRATA_OK) status = task_record_array(e->ctx, e->run, "stage1.features", count, kept);
    mem_free(kept);
    mem_free(features);
    return status;
}

static strata_status record_alignment(struct experiment *e) {
    const double *kept;
    size_t count = task_recorded_array(e->run, "stage1.features", &kept), rows = at_most(e->test.rows, ALIGNMENT_ROWS);
    if (count == 0) return STRATA_OK;
    float *now = NULL, *before = mem_zero(count, sizeof *before);
    double similarity;
    strata_status status = before ? features_of(e, 1, rows, e->test.x, &now)
                                  : strata_fail(e->ctx, STRATA_ERR_MEMORY, "out of memory for %zu features", count);
    for (size_t i = 0; before && i < count; ++i) before[i] = (float)kept[i];
    if (status == STRATA_OK) status = cka_linear(e->ctx, rows, count / rows, before, count / rows, now, &similarity);
    if (status == STRATA_OK) status = task_record(e->ctx, e->run, "alignment", similarity);
    mem_free(before);
    mem_free(now);
    return status;
}

static strata_status observe(void *user, struct learner *learner, const struct fit_point *point) {
    struct experiment *e = user;
    (void)learner;
    return point->stage == 1 && point->step < point->total ? record_stage_one(e) : STRATA_OK;
}

static strata_status measure(struct experiment *e) {
    double error = NAN;
    strata_status status = learner_test_error(e->ctx, e->learner, e->test.classes, &e->test, &error);
    if (status == STRATA_OK) status = task_record(e->ctx, e->run, "test_accuracy", 1 - error);
    for (size_t l = 1; status == STRATA_OK && l <= e->learner->class_->layer_count(e->learner); ++l)
        status = record_probe(e, "", l);
    if (status == STRATA_OK) status = record_tiles(e, "tiles");
    return status == STRATA_OK ? record_alignment(e) : status;
}

static strata_status fit(struct experiment *e) {
    const struct task *task = task_run_task(e->run);
    uint64_t seed = settings_count(e->settings, "study.seed");
    STRATA_TRY(load(e));
    STRATA_TRY(source_from_dataset(e->ctx, &e->train, seed, task->replicate, &e->source));
    STRATA_TRY(fit_task_begin(e->ctx, e->run, task->learner, e->source, &e->learner));
    STRATA_TRY(fit_task_finish(e->ctx, e->run, e->learner, &(struct fit_hooks){.user = e, .observe = observe}));
    return measure(e);
}

strata_status bfc_run_images(strata_context *ctx, struct task_run *run) {
    struct experiment e = {.ctx = ctx, .run = run, .settings = task_run_settings(run)};
    strata_status status = fit(&e);
    learner_destroy(e.learner);
    source_destroy(e.source);
    dataset_destroy(&e.train);
    dataset_destroy(&e.test);
    return status;
}
