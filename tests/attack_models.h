/* SPDX-License-Identifier: MIT */
/* Small classifiers for tests of attacks: linear, or with one hidden layer of ReLUs, with weights drawn by number. */
#ifndef TESTS_ATTACK_MODELS_H
#define TESTS_ATTACK_MODELS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "attack/attack.h"

enum { MODEL_MOST_INPUTS = 64, MODEL_MOST_HIDDEN = 32, MODEL_MOST_OUTPUTS = 6 };

/** z = V h + c, h = x without a hidden layer, max(W x + b, 0) with one. */
struct small_model {
    size_t inputs, hidden, outputs;
    double first[MODEL_MOST_HIDDEN * MODEL_MOST_INPUTS], first_offset[MODEL_MOST_HIDDEN];
    double last[MODEL_MOST_OUTPUTS * MODEL_MOST_INPUTS], last_offset[MODEL_MOST_OUTPUTS];
};

static inline void small_model_draw(uint64_t seed, size_t inputs, size_t hidden, size_t outputs,
                                    struct small_model *model) {
    struct rng_stream stream = rng_stream_make(seed, 7, RNG_TEST);
    memset(model, 0, sizeof *model);
    model->inputs = inputs;
    model->hidden = hidden;
    model->outputs = outputs;
    rng_normal_f64(rng_stream_at(stream, 1), hidden * inputs, model->first);
    rng_normal_f64(rng_stream_at(stream, 2), hidden, model->first_offset);
    rng_normal_f64(rng_stream_at(stream, 3), outputs * (hidden ? hidden : inputs), model->last);
    rng_normal_f64(rng_stream_at(stream, 4), outputs, model->last_offset);
}

/* Logits of one row, and what a seed pulls back to its input. */
static inline void small_model_row(const struct small_model *model, const float *x, const float *seed, float *out,
                                   float *gradient) {
    double h[MODEL_MOST_INPUTS], slope[MODEL_MOST_INPUTS], pulled[MODEL_MOST_INPUTS] = {0};
    size_t units = model->hidden ? model->hidden : model->inputs;
    for (size_t i = 0; i < units; ++i) {
        double u = model->hidden ? model->first_offset[i] : (double)x[i];
        for (size_t j = 0; model->hidden && j < model->inputs; ++j)
            u += model->first[i * model->inputs + j] * (double)x[j];
        slope[i] = !model->hidden || u > 0 ? 1 : 0;
        h[i] = slope[i] * u;
    }
    for (size_t k = 0; k < model->outputs; ++k) {
        double z = model->last_offset[k];
        for (size_t i = 0; i < units; ++i) {
            z += model->last[k * units + i] * h[i];
            if (seed) pulled[i] += (double)seed[k] * model->last[k * units + i] * slope[i];
        }
        if (out) out[k] = (float)z;
    }
    for (size_t j = 0; gradient && j < model->inputs; ++j) {
        double sum = model->hidden ? 0 : pulled[j];
        for (size_t i = 0; i < model->hidden; ++i) sum += pulled[i] * model->first[i * model->inputs + j];
        gradient[j] = (float)sum;
    }
}

static inline strata_status small_model_evaluate(strata_context *ctx, void *user, size_t rows, const float *x,
                                                 float *out) {
    const struct small_model *model = user;
    (void)ctx;
    for (size_t r = 0; r < rows; ++r)
        small_model_row(model, x + r * model->inputs, NULL, out + r * model->outputs, NULL);
    return STRATA_OK;
}

static inline strata_status small_model_vjp(strata_context *ctx, void *user, size_t rows, const float *x,
                                            const float *seed, float *out, float *gradient) {
    const struct small_model *model = user;
    (void)ctx;
    for (size_t r = 0; r < rows; ++r)
        small_model_row(model, x + r * model->inputs, seed + r * model->outputs, out ? out + r * model->outputs : NULL,
                        gradient + r * model->inputs);
    return STRATA_OK;
}

static inline strata_function small_model_function(struct small_model *model) {
    return (strata_function){.user = model,
                             .inputs = model->inputs,
                             .outputs = model->outputs,
                             .evaluate = small_model_evaluate,
                             .vjp = small_model_vjp};
}

/** Rows in the box [0, 1] when `boxed`, else normal; labels are what the model says. */
static inline void small_model_rows(const struct small_model *model, uint64_t seed, bool boxed, size_t rows, float *x,
                                    uint32_t *labels) {
    struct rng_stream stream = rng_stream_make(seed, 8, RNG_TEST);
    float out[MODEL_MOST_OUTPUTS];
    if (boxed)
        rng_uniform_f32(stream, rows * model->inputs, x);
    else
        rng_normal_f32(stream, rows * model->inputs, x);
    for (size_t r = 0; r < rows; ++r) {
        small_model_row(model, x + r * model->inputs, NULL, out, NULL);
        labels[r] = model->outputs == 1 ? out[0] > 0 : 0;
        for (uint32_t k = 1; k < model->outputs; ++k)
            if (out[k] > out[labels[r]]) labels[r] = k;
    }
}

#endif
