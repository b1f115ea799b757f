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
#include "measure/response.h"
#include "studies/bfc/bfc.h"
#include "studies/fit_task.h"
#include "studies/layers.h"

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

static size_t at_most(size_t rows, size_t limit) { return rows < limit ? rows : limit; }

static strata_status record_probe(struct experiment *e, const char *prefix, size_t layer) {
    char key[48];
    snprintf(key, sizeof key, "%sprobe.%zu", prefix, layer);
    return layer_probe(e->ctx, e->run, e->learner, layer, &e->train, PROBE_ROWS, &e->test, PROBE_ROWS, key);
}

/* What the first units respond to, unit by unit. */
static strata_status record_tiles(struct experiment *e, const char *key) {
    size_t inputs = e->train.inputs, rows = at_most(e->test.rows, PROBE_ROWS),
           width = e->learner->class_->layer_width(e->learner, 1);
    size_t tiles = at_most(width, TILES);
    float *features = NULL;
    double *pictures = mem_zero(tiles * inputs, sizeof *pictures);
    strata_status status = pictures ? layer_features(e->ctx, e->learner, 1, rows, e->test.x, &features)
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
    STRATA_TRY(record_probe(e, "stage1.", 1));
    STRATA_TRY(record_tiles(e, "stage1.tiles"));
    return layer_keep(e->ctx, e->run, e->learner, 1, &e->test, ALIGNMENT_ROWS, "stage1.features");
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
    STRATA_TRY(status);
    return layer_alignment(e->ctx, e->run, e->learner, 1, &e->test, ALIGNMENT_ROWS, "stage1.features", "alignment");
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
