/* SPDX-License-Identifier: MIT */
/* Shared by the tests of attacks: a linear model, and a small ReLU network with its derivative by hand. */
#ifndef TESTS_ATTACK_FIXTURE_H
#define TESTS_ATTACK_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "attack/suite.h"
#include "core/memory.h"

enum { INPUTS = 12, HIDDEN = 24, MOST_OUTPUTS = 5, ROWS = 300 };

/* z = scale * (V relu(W x + b) + offset); hidden 0: z = V x + offset. */
struct model {
    size_t outputs;
    bool linear;
    float scale;      /* of the logits */
    float quantum;    /* > 0: inputs are rounded to multiples, and the derivative is 0 almost everywhere */
    bool probability; /* softmax on top */
    float wobble;     /* > 0: added to the logits, another one at every call */
    size_t fail_row;  /* evaluating a row whose first input is above 1e6 fails */
    float w[HIDDEN * INPUTS], b[HIDDEN], v[MOST_OUTPUTS * HIDDEN], offset[MOST_OUTPUTS];
    unsigned calls;
};

static inline void model_draw(struct model *model, size_t outputs, bool linear, uint64_t seed) {
    struct rng_stream stream = rng_stream_make(seed, 1, RNG_TEST);
    *model = (struct model){.outputs = outputs, .linear = linear, .scale = 1};
    rng_normal_f32(rng_stream_at(stream, 1), HIDDEN * INPUTS, model->w);
    rng_normal_f32(rng_stream_at(stream, 2), HIDDEN, model->b);
    rng_normal_f32(rng_stream_at(stream, 3), MOST_OUTPUTS * HIDDEN, model->v);
    rng_normal_f32(rng_stream_at(stream, 4), MOST_OUTPUTS, model->offset);
}

static inline double rounded(const struct model *model, float x) {
    return model->quantum > 0 ? (double)model->quantum * floor((double)x / (double)model->quantum + 0.5) : (double)x;
}

/* Hidden units of a row, and its outputs. */
static inline void model_row(struct model *model, const float *x, double *hidden, double *out) {
    for (size_t i = 0; i < HIDDEN && !model->linear; ++i) {
        hidden[i] = (double)model->b[i];
        for (size_t j = 0; j < INPUTS; ++j) hidden[i] += (double)model->w[i * INPUTS + j] * rounded(model, x[j]);
    }
    for (size_t o = 0; o < model->outputs; ++o) {
        out[o] = (double)model->offset[o];
        if (model->linear)
            for (size_t j = 0; j < INPUTS; ++j) out[o] += (double)model->v[o * HIDDEN + j] * rounded(model, x[j]);
        else
            for (size_t i = 0; i < HIDDEN; ++i)
                out[o] += (double)model->v[o * HIDDEN + i] * fmax(hidden[i], 0) / HIDDEN;
        out[o] *= (double)model->scale;
    }
}

static inline strata_status model_evaluate(strata_context *ctx, void *user, size_t rows, const float *x, float *out) {
    struct model *model = user;
    double hidden[HIDDEN] = {0}, values[MOST_OUTPUTS] = {0};
    ++model->calls;
    for (size_t r = 0; r < rows; ++r) {
        if (x[r * INPUTS] > 1e6f) return strata_fail(ctx, STRATA_ERR_INTERNAL, "a row that cannot be evaluated");
        model_row(model, x + r * INPUTS, hidden, values);
        double sum = 0;
        for (size_t o = 0; o < model->outputs; ++o) sum += exp(values[o]);
        for (size_t o = 0; o < model->outputs; ++o)
            out[r * model->outputs + o] = (float)(model->probability ? exp(values[o]) / sum
                                                                     : values[o] + (double)model->wobble *
                                                                                       sin(12.9898 * model->calls));
    }
    return STRATA_OK;
}

static inline strata_status model_vjp(strata_context *ctx, void *user, size_t rows, const float *x, const float *seed,
                                      float *out, float *gradient) {
    struct model *model = user;
    double hidden[HIDDEN] = {0}, values[MOST_OUTPUTS] = {0};
    if (out) STRATA_TRY(model_evaluate(ctx, user, rows, x, out));
    memset(gradient, 0, rows * INPUTS * sizeof *gradient);
    if (model->quantum > 0) return STRATA_OK;
    for (size_t r = 0; r < rows; ++r) {
        model_row(model, x + r * INPUTS, hidden, values);
        for (size_t o = 0; o < model->outputs; ++o) {
            double own = (double)seed[r * model->outputs + o] * (double)model->scale;
            for (size_t j = 0; j < INPUTS && model->linear; ++j)
                gradient[r * INPUTS + j] += (float)(own * (double)model->v[o * HIDDEN + j]);
            for (size_t i = 0; i < HIDDEN && !model->linear; ++i)
                for (size_t j = 0; j < INPUTS && hidden[i] > 0; ++j)
                    gradient[r * INPUTS + j] += (float)(own * (double)model->v[o * HIDDEN + i] / HIDDEN *
                                                        (double)model->w[i * INPUTS + j]);
        }
    }
    return STRATA_OK;
}

static inline strata_function model_function(struct model *model) {
    return (strata_function){
        .user = model, .inputs = INPUTS, .outputs = model->outputs, .evaluate = model_evaluate, .vjp = model_vjp};
}

static inline struct attack_target target_of(const strata_function *function) {
    return (struct attack_target){.functions = function,
                                  .classes = function->outputs == 1 ? 2 : function->outputs,
                                  .low = -INFINITY,
                                  .high = INFINITY,
                                  .picture = {1, 3, 4}};
}

/* Rows uniform in [0, 1], labelled as the model says. */
struct rows {
    float x[ROWS * INPUTS];
    uint32_t labels[ROWS];
    struct attack_rows rows;
};

static inline void rows_draw(struct rows *rows, struct model *model, size_t count, uint64_t seed) {
    double hidden[HIDDEN] = {0}, out[MOST_OUTPUTS] = {0};
    rng_uniform_f32(rng_stream_make(seed, 2, RNG_TEST), count * INPUTS, rows->x);
    for (size_t r = 0; r < count; ++r) {
        model_row(model, rows->x + r * INPUTS, hidden, out);
        rows->labels[r] = out[0] > 0;
        for (size_t o = 0; o < model->outputs && model->outputs > 1; ++o)
            if (o == 0 || out[o] > out[rows->labels[r]]) rows->labels[r] = (uint32_t)o;
    }
    rows->rows = (struct attack_rows){.rows = count, .x = rows->x, .labels = rows->labels};
}

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

#endif
