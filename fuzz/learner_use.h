/* SPDX-License-Identifier: MIT */
/* What a program does with a learner from a file. */
#ifndef FUZZ_LEARNER_USE_H
#define FUZZ_LEARNER_USE_H

#include <strata/strata.h>

#include "foreign.h"

enum { USED_ROWS = 2, MOST_NUMBERS = 1 << 16 };

static inline void use_features(strata_learner *learner, const float *x) {
    for (size_t layer = 1; layer <= strata_learner_layer_count(learner); ++layer) {
        size_t width = strata_learner_layer_width(learner, layer);
        float *features = width > MOST_NUMBERS ? NULL : calloc(USED_ROWS * width + 1, sizeof *features);
        if (features && strata_learner_features(foreign_context(), learner, layer, USED_ROWS, x, features) == STRATA_OK)
            for (size_t i = 0; i < USED_ROWS * width; ++i) (void)features[i];
        free(features);
    }
}

/* Predicts, differentiates, and writes it again; what was written must be readable. */
static inline void use_learner(strata_learner *learner) {
    size_t inputs = strata_learner_inputs(learner), outputs = strata_learner_outputs(learner);
    char path[128];
    strata_learner *again = NULL;
    if (inputs == 0 || outputs == 0) abort();
    if (inputs > MOST_NUMBERS || outputs > MOST_NUMBERS) return;
    float *x = calloc(USED_ROWS * inputs, sizeof *x), *out = calloc(USED_ROWS * outputs, sizeof *out),
          *gradient = calloc(USED_ROWS * inputs, sizeof *gradient);
    if (!x || !out || !gradient) abort();
    for (size_t i = 0; i < USED_ROWS * inputs; ++i) x[i] = (float)(i % 7) / 7;
    strata_function function = strata_learner_function(learner);
    bool predicts = strata_learner_predict(foreign_context(), learner, USED_ROWS, x, out) == STRATA_OK;
    if (predicts && function.vjp) {
        strata_status status = function.vjp(foreign_context(), function.user, USED_ROWS, x, out, out, gradient);
        if (status == STRATA_ERR_INTERNAL) abort();
    }
    use_features(learner, x);
    foreign_write("again", "", 0, path);
    if (strata_learner_save(foreign_context(), learner, path) == STRATA_OK && predicts &&
        strata_learner_open(foreign_context(), path, &again) != STRATA_OK)
        abort();
    strata_learner_destroy(again);
    free(x);
    free(out);
    free(gradient);
}

#endif
