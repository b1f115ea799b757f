/* SPDX-License-Identifier: MIT */
/*
 * Preprocessing as a part of a learner: rows come in the user's units, and gradients go back in them. And what else
 * stays with a learner's file.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "api/handles.h"
#include "core/memory.h"

strata_status learner_standardise(strata_context *ctx, strata_learner *learner, const struct dataset *data) {
    size_t inputs = data->inputs;
    double *mean = mem_zero(inputs, sizeof *mean), *sd = mem_zero(inputs, sizeof *sd);
    strata_status status = STRATA_OK;
    learner->mean = mem_zero(inputs, sizeof *learner->mean);
    learner->sd = mem_zero(inputs, sizeof *learner->sd);
    if (!mean || !sd || !learner->mean || !learner->sd)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the moments of %zu inputs", inputs));
    STRATA_GO(dataset_take(ctx, data, NULL, 0, data->rows, &learner->prepared));
    dataset_moments(data, mean, sd);
    for (size_t j = 0; j < inputs; ++j) {
        learner->mean[j] = (float)mean[j];
        learner->sd[j] = (float)sd[j];
    }
    for (size_t i = 0; i < data->rows * inputs; ++i)
        learner->prepared.x[i] = (data->x[i] - learner->mean[i % inputs]) / learner->sd[i % inputs];
cleanup:
    mem_free(mean);
    mem_free(sd);
    return status;
}

strata_status learner_rows(strata_context *ctx, const strata_learner *learner, size_t rows, const float *x,
                           const float **ready, float **own) {
    size_t inputs = source_inputs(learner->source), numbers;
    *ready = x;
    *own = NULL;
    if (!learner->mean) return STRATA_OK;
    STRATA_TRY(mem_product(ctx, rows, inputs, "prepared rows", &numbers));
    *own = mem_zero(numbers ? numbers : 1, sizeof **own);
    if (!*own) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu prepared rows", rows);
    for (size_t r = 0; r < rows; ++r)
        for (size_t j = 0; j < inputs; ++j)
            (*own)[r * inputs + j] = (x[r * inputs + j] - learner->mean[j]) / learner->sd[j];
    *ready = *own;
    return STRATA_OK;
}

/* ---- as a function ---- */

static void scale_gradient(const strata_learner *learner, size_t rows, float *gradient) {
    size_t inputs = source_inputs(learner->source);
    for (size_t r = 0; learner->mean && r < rows; ++r)
        for (size_t j = 0; j < inputs; ++j) gradient[r * inputs + j] /= learner->sd[j];
}

static strata_status evaluate(strata_context *ctx, void *user, size_t rows, const float *x, float *out) {
    return strata_learner_predict(ctx, user, rows, x, out);
}

static strata_status vjp(strata_context *ctx, void *user, size_t rows, const float *x, const float *seed, float *out,
                         float *gradient) {
    strata_learner *learner = user;
    const float *ready;
    float *own;
    STRATA_TRY(learner_rows(ctx, learner, rows, x, &ready, &own));
    strata_status status = learner_vjp(ctx, learner->learner, rows, ready, seed, out, gradient);
    mem_free(own);
    if (status == STRATA_OK) scale_gradient(learner, rows, gradient);
    return status;
}

static strata_status pull(strata_context *ctx, void *user, size_t rows, const float *x, strata_seeds seeds,
                          void *seeds_user, float *out, float *gradient) {
    strata_learner *learner = user;
    const float *ready;
    float *own;
    STRATA_TRY(learner_rows(ctx, learner, rows, x, &ready, &own));
    strata_status status = learner->learner->class_->pull(ctx, learner->learner, rows, ready, seeds, seeds_user, out,
                                                          gradient);
    mem_free(own);
    if (status == STRATA_OK) scale_gradient(learner, rows, gradient);
    return status;
}

strata_function strata_learner_function(strata_learner *learner) {
    const struct learner_class *class_ = learner->learner->class_;
    return (strata_function){.user = learner,
                             .inputs = strata_learner_inputs(learner),
                             .outputs = strata_learner_outputs(learner),
                             .evaluate = evaluate,
                             .vjp = class_->vjp ? vjp : NULL,
                             .pull = class_->pull ? pull : NULL};
}

/* ---- notes ---- */

const char *strata_learner_note(const strata_learner *learner, const char *name) {
    return tensor_file_get(&learner->notes, name);
}

strata_status strata_learner_set_note(strata_context *ctx, strata_learner *learner, const char *name,
                                      const char *text) {
    bool fine = *name != '\0';
    for (const char *at = name; *at; ++at)
        fine = fine && (islower((unsigned char)*at) || isdigit((unsigned char)*at) || *at == '_');
    if (!fine) return strata_fail(ctx, STRATA_ERR_ARGUMENT, "note '%.40s': expected a name of a-z, 0-9 and _", name);
    return tensor_file_set(ctx, &learner->notes, name, text);
}
