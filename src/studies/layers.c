/* SPDX-License-Identifier: MIT */
#include "studies/layers.h"

#include <math.h>

#include "core/memory.h"
#include "measure/cka.h"
#include "measure/probe.h"

static size_t width_of(const struct learner *learner, size_t layer) {
    return learner->class_->layer_width(learner, layer);
}

static size_t rows_of(const struct dataset *data, size_t most) { return data->rows < most ? data->rows : most; }

static strata_status no_memory(strata_context *ctx, size_t count) {
    return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu features", count);
}

strata_status layer_features(strata_context *ctx, struct learner *learner, size_t layer, size_t rows, const float *x,
                             float **features) {
    size_t count;
    *features = NULL;
    STRATA_TRY(mem_product(ctx, rows, width_of(learner, layer), "features", &count));
    *features = mem_zero(count, sizeof **features);
    return *features ? learner_features(ctx, learner, layer, rows, x, *features) : no_memory(ctx, count);
}

strata_status layer_probe(strata_context *ctx, struct task_run *run, struct learner *learner, size_t layer,
                          const struct dataset *train, size_t train_rows, const struct dataset *test, size_t test_rows,
                          const char *key) {
    struct probe_rows fit = {rows_of(train, train_rows), NULL, train->y};
    struct probe_rows score = {rows_of(test, test_rows), NULL, test->y};
    float *of_train = NULL, *of_test = NULL;
    double accuracy = NAN;
    strata_status status = layer_features(ctx, learner, layer, fit.rows, train->x, &of_train);
    if (status == STRATA_OK) status = layer_features(ctx, learner, layer, score.rows, test->x, &of_test);
    fit.features = of_train, score.features = of_test;
    if (status == STRATA_OK)
        status = probe_accuracy(ctx, width_of(learner, layer), train->classes, &fit, &score, &accuracy);
    if (status == STRATA_OK) status = task_record(ctx, run, key, accuracy);
    mem_free(of_train);
    mem_free(of_test);
    return status;
}

strata_status layer_keep(strata_context *ctx, struct task_run *run, struct learner *learner, size_t layer,
                         const struct dataset *data, size_t rows, const char *key) {
    float *features;
    size_t count = rows_of(data, rows) * width_of(learner, layer);
    strata_status status = layer_features(ctx, learner, layer, rows_of(data, rows), data->x, &features);
    double *kept = status == STRATA_OK ? mem_zero(count, sizeof *kept) : NULL;
    if (status == STRATA_OK && !kept) status = no_memory(ctx, count);
    for (size_t i = 0; kept && i < count; ++i) kept[i] = (double)features[i];
    if (status == STRATA_OK) status = task_record_array(ctx, run, key, count, kept);
    mem_free(kept);
    mem_free(features);
    return status;
}

strata_status layer_alignment(strata_context *ctx, struct task_run *run, struct learner *learner, size_t layer,
                              const struct dataset *data, size_t rows, const char *kept, const char *key) {
    const double *then;
    size_t used = rows_of(data, rows), count = task_recorded_array(run, kept, &then), width = width_of(learner, layer);
    if (count == 0) return STRATA_OK;
    float *now = NULL, *before = mem_zero(count, sizeof *before);
    double similarity = NAN;
    strata_status status = before ? layer_features(ctx, learner, layer, used, data->x, &now) : no_memory(ctx, count);
    for (size_t i = 0; before && i < count; ++i) before[i] = (float)then[i];
    if (status == STRATA_OK) status = cka_linear(ctx, used, width, before, width, now, &similarity);
    if (status == STRATA_OK) status = task_record(ctx, run, key, similarity);
    mem_free(before);
    mem_free(now);
    return status;
}
