/* SPDX-License-Identifier: MIT */
/*
 * Shared by the tests of attacks: small classifiers with weights drawn by number and derivatives by hand, what hides
 * them from attacks, and rows that they label.
 */
#ifndef TESTS_ATTACK_FIXTURE_H
#define TESTS_ATTACK_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attack/suite.h"
#include "core/memory.h"

enum { MOST_ROWS = 300, MOST_INPUTS = 64, MOST_HIDDEN = 32, MOST_OUTPUTS = 6 };

static strata_context *ctx;

static inline int begin(void **state) {
    (void)state;
    return strata_context_create(&ctx) != STRATA_OK;
}

static inline int end(void **state) {
    (void)state;
    strata_context_destroy(ctx);
    return 0;
}

#define assert_ok(call)                                                                  \
    do {                                                                                 \
        if ((call) != STRATA_OK) fail_msg("%s: %s", #call, strata_context_message(ctx)); \
    } while (0)

/* z = scale * (V h + c), h = x without a hidden layer, max(W x + b, 0) with one. Rows with x_1 > 1e6 fail. */
struct model {
    size_t inputs, hidden, outputs;
    double scale;
    double quantum;   /* > 0: inputs are rounded to multiples, and the derivative is 0 almost everywhere */
    bool probability; /* softmax on top */
    double wobble;    /* > 0: added to the logits, another one at every call */
    unsigned calls;
    double first[MOST_HIDDEN * MOST_INPUTS], first_offset[MOST_HIDDEN];
    double last[MOST_OUTPUTS * MOST_INPUTS], last_offset[MOST_OUTPUTS];
};

static inline void model_draw(struct model *model, uint64_t seed, size_t inputs, size_t hidden, size_t outputs) {
    struct rng_stream stream = rng_stream_make(seed, 7, RNG_TEST);
    *model = (struct model){.inputs = inputs, .hidden = hidden, .outputs = outputs, .scale = 1};
    rng_normal_f64(rng_stream_at(stream, 1), hidden * inputs, model->first);
    rng_normal_f64(rng_stream_at(stream, 2), hidden, model->first_offset);
    rng_normal_f64(rng_stream_at(stream, 3), outputs * (hidden ? hidden : inputs), model->last);
    rng_normal_f64(rng_stream_at(stream, 4), outputs, model->last_offset);
}

static inline double model_input(const struct model *model, float x) {
    return model->quantum > 0 ? model->quantum * floor((double)x / model->quantum + 0.5) : (double)x;
}

/* Logits of one row, and what a seed pulls back to its input; `seed` and `gradient` may be NULL. */
static inline void model_row(const struct model *model, const float *x, const float *seed, double *out,
                             float *gradient) {
    double h[MOST_INPUTS], slope[MOST_INPUTS], pulled[MOST_INPUTS] = {0};
    size_t units = model->hidden ? model->hidden : model->inputs;
    for (size_t i = 0; i < units; ++i) {
        double u = model->hidden ? model->first_offset[i] : model_input(model, x[i]);
        for (size_t j = 0; model->hidden && j < model->inputs; ++j)
            u += model->first[i * model->inputs + j] * model_input(model, x[j]);
        slope[i] = !model->hidden || u > 0 ? 1 : 0;
        h[i] = slope[i] * u;
    }
    for (size_t k = 0; k < model->outputs; ++k) {
        out[k] = model->last_offset[k];
        for (size_t i = 0; i < units; ++i) {
            out[k] += model->last[k * units + i] * h[i];
            if (seed) pulled[i] += (double)seed[k] * model->scale * model->last[k * units + i] * slope[i];
        }
        out[k] *= model->scale;
    }
    for (size_t j = 0; gradient && j < model->inputs; ++j) {
        double sum = model->hidden ? 0 : pulled[j];
        for (size_t i = 0; i < model->hidden; ++i) sum += pulled[i] * model->first[i * model->inputs + j];
        gradient[j] = model->quantum > 0 ? 0 : (float)sum;
    }
}

/* In single precision, as an attack sees them. */
static inline void model_logits(const struct model *model, const float *x, float *out) {
    double z[MOST_OUTPUTS];
    model_row(model, x, NULL, z, NULL);
    for (size_t k = 0; k < model->outputs; ++k) out[k] = (float)z[k];
}

static inline strata_status model_evaluate(strata_context *context, void *user, size_t rows, const float *x,
                                           float *out) {
    struct model *model = user;
    if (model->wobble > 0) ++model->calls;
    for (size_t r = 0; r < rows; ++r) {
        double z[MOST_OUTPUTS] = {0}, sum = 0;
        if (x[r * model->inputs] > 1e6f)
            return strata_fail(context, STRATA_ERR_INTERNAL, "a row that cannot be evaluated");
        model_row(model, x + r * model->inputs, NULL, z, NULL);
        for (size_t k = 0; k < model->outputs; ++k) sum += exp(z[k]);
        for (size_t k = 0; k < model->outputs; ++k)
            out[r * model->outputs + k] = (float)(model->probability
                                                      ? exp(z[k]) / sum
                                                      : z[k] + model->wobble * sin(12.9898 * model->calls));
    }
    return STRATA_OK;
}

static inline strata_status model_vjp(strata_context *context, void *user, size_t rows, const float *x,
                                      const float *seed, float *out, float *gradient) {
    const struct model *model = user;
    double z[MOST_OUTPUTS];
    if (out) STRATA_TRY(model_evaluate(context, user, rows, x, out));
    for (size_t r = 0; r < rows; ++r)
        model_row(model, x + r * model->inputs, seed + r * model->outputs, z, gradient + r * model->inputs);
    return STRATA_OK;
}

static inline strata_function model_function(struct model *model) {
    return (strata_function){.user = model,
                             .inputs = model->inputs,
                             .outputs = model->outputs,
                             .evaluate = model_evaluate,
                             .vjp = model_vjp};
}

static inline struct attack_target target_of(const strata_function *functions, bool boxed) {
    return (struct attack_target){.functions = functions,
                                  .classes = functions->outputs == 1 ? 2 : functions->outputs,
                                  .low = boxed ? 0 : -INFINITY,
                                  .high = boxed ? 1 : INFINITY};
}

/* Rows that the model labels. */
struct rows {
    float x[MOST_ROWS * MOST_INPUTS];
    uint32_t labels[MOST_ROWS];
    struct attack_rows rows;
};

/* Uniform in [0, 1], or normal. */
static inline void rows_draw(struct rows *rows, const struct model *model, uint64_t seed, bool uniform, size_t count) {
    struct rng_stream stream = rng_stream_make(seed, 8, RNG_TEST);
    double out[MOST_OUTPUTS] = {0};
    (uniform ? rng_uniform_f32 : rng_normal_f32)(stream, count * model->inputs, rows->x);
    for (size_t r = 0; r < count; ++r) {
        model_row(model, rows->x + r * model->inputs, NULL, out, NULL);
        rows->labels[r] = model->outputs == 1 ? out[0] > 0 : 0;
        for (uint32_t k = 1; k < model->outputs; ++k)
            if (out[k] > out[rows->labels[r]]) rows->labels[r] = k;
    }
    rows->rows = (struct attack_rows){.rows = count, .x = rows->x, .labels = rows->labels};
}

/* A model, its rows, and what an attack proposes for them. */
struct trial {
    struct model model;
    strata_function functions[3];
    struct attack_target target;
    struct rows rows;
    struct attack_options options;
    float points[MOST_ROWS * MOST_INPUTS];
};

/* Rows for the trial's model, and an attack on them. */
static inline void trial_aim(struct trial *trial, const char *norm, double epsilon, uint64_t seed, bool boxed,
                             size_t rows) {
    rows_draw(&trial->rows, &trial->model, seed, boxed, rows);
    for (size_t i = 0; i < 3; ++i) trial->functions[i] = model_function(&trial->model);
    trial->target = target_of(trial->functions, boxed);
    trial->options = attack_options_default(attack_norm_find(norm), epsilon);
}

#endif
