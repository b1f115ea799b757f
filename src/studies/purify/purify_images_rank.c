/* SPDX-License-Identifier: MIT */
/*
 * Low-rank adversarial training: what it changes in each layer's weights, as a matrix [units, inputs of a unit], is
 * brought back to a rank every few steps and at the end, so that the trained network is W + U V' with U and V of that
 * many columns. The optimizer's state goes on. Source: Allen-Zhu & Li 2021, on updates of low rank.
 */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "linalg/linalg.h"
#include "studies/purify/purify_images.h"

enum { EVERY = 20 };
const size_t images_ranks[IMAGES_RANKS] = {1, 2, 4, 8};

/* to = from + the best approximation of to - from by a matrix of the rank. */
strata_status images_project(strata_context *ctx, size_t units, size_t size, size_t rank, const double *from,
                             double *to) {
    size_t least = units < size ? units : size;
    double *change = mem_zero(units * size, sizeof *change), *u = mem_zero(units * least, sizeof *u),
           *singular = mem_zero(least, sizeof *singular), *vt = mem_zero(least * size, sizeof *vt);
    strata_status status = STRATA_OK;
    if (!change || !u || !singular || !vt)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a change of rank %zu", rank));
    for (size_t i = 0; i < units * size; ++i) change[i] = to[i] - from[i];
    STRATA_GO(linalg_svd(ctx, units, size, change, u, singular, vt));
    memcpy(to, from, units * size * sizeof *to);
    for (size_t i = 0; i < units; ++i)
        for (size_t k = 0; k < rank && k < least; ++k) {
            double share = u[i * least + k] * singular[k];
            for (size_t j = 0; j < size; ++j) to[i * size + j] += share * vt[k * size + j];
        }
cleanup:
    mem_free(change);
    mem_free(u);
    mem_free(singular);
    mem_free(vt);
    return status;
}

/* Convolutions stand [units, inputs of a unit], the output's weights the other way about, which has the same rank. */
static strata_status project_tensor(strata_context *ctx, const struct task_run *run, const struct images *images,
                                    const struct tensor_file *clean, struct tensor *tensor, size_t rank,
                                    double **array) {
    size_t count = tensor_count(tensor), channels = settings_count(task_run_settings(run), "cnn.channels");
    bool output = strcmp(tensor->name, "parameter.output.weight") == 0;
    size_t layer = output ? 0 : (size_t)(tensor->name[strlen("parameter.layer")] - '1'),
           units = output ? count / images->test.classes : channels << layer;
    *array = mem_zero(count, sizeof **array);
    if (!*array) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu weights", count);
    memcpy(*array, tensor->data, count * sizeof **array);
    tensor->data = *array;
    return images_project(ctx, units, count / units, rank, tensor_file_find(clean, tensor->name)->data, *array);
}

static bool is_weight(const char *name) {
    size_t length = strlen(name), ending = strlen(".weight");
    return strncmp(name, "parameter.", 10) == 0 && length > ending && strcmp(name + length - ending, ".weight") == 0;
}

static strata_status project_network(strata_context *ctx, const struct task_run *run, const struct images *images,
                                     const struct tensor_file *clean, size_t rank, struct learner *network) {
    struct tensor_file state = {0};
    double *arrays[IMAGES_LAYERS + 1] = {NULL};
    size_t count = 0;
    strata_status status = learner_save(ctx, network, &state);
    for (size_t i = 0; status == STRATA_OK && i < state.tensor_count; ++i)
        if (is_weight(state.tensors[i].name) && count <= IMAGES_LAYERS)
            status = project_tensor(ctx, run, images, clean, &state.tensors[i], rank, &arrays[count++]);
    if (status == STRATA_OK) status = learner_load(ctx, network, &state);
    for (size_t i = 0; i <= IMAGES_LAYERS; ++i) mem_free(arrays[i]);
    tensor_file_destroy(&state);
    return status;
}

/* ---- a fit that stops every few steps */

struct pausing {
    strata_context *ctx;
    struct task_run *run;
    bool paused;
};

static bool pause_due(void *user, const struct fit_point *point) {
    struct pausing *self = user;
    (void)task_progress(self->run, 0.95);
    return point->step % EVERY == 0 && point->step < point->total;
}

static strata_status pause_fit(void *user, struct learner *learner, const struct fit_point *point) {
    struct pausing *self = user;
    (void)learner, (void)point;
    self->paused = true;
    return STRATA_ERR_INTERRUPTED;
}

static strata_status fit_projected(strata_context *ctx, struct task_run *run, const struct images *images,
                                   const struct tensor_file *clean, size_t rank, struct learner *network) {
    struct pausing pausing = {.ctx = ctx, .run = run};
    const struct fit_hooks hooks = {.user = &pausing, .step = pause_due, .checkpoint = pause_fit};
    for (;;) {
        pausing.paused = false;
        strata_status status = learner_fit(ctx, network, &hooks);
        if (status != STRATA_OK && !pausing.paused) return status;
        if (context_cancelled(ctx)) return strata_fail(ctx, STRATA_ERR_INTERRUPTED, "stopped");
        STRATA_TRY(project_network(ctx, run, images, clean, rank, network));
        if (status == STRATA_OK) return STRATA_OK;
    }
}

strata_status images_measure_ranks(strata_context *ctx, struct task_run *run, struct images *images) {
    struct tensor_file clean = {0};
    struct learner *full = images->networks[IMAGES_ROBUST];
    strata_status status = STRATA_OK;
    if (task_run_task(run)->replicate != 1) return STRATA_OK;
    STRATA_GO(learner_save(ctx, images->networks[IMAGES_CLEAN], &clean));
    for (size_t i = 0; status == STRATA_OK && i < IMAGES_RANKS; ++i) {
        struct settings *settings = NULL;
        struct learner *network = NULL;
        char name[32];
        status = images_begin_robust(ctx, run, images, &settings, &network);
        if (status == STRATA_OK) status = fit_projected(ctx, run, images, &clean, images_ranks[i], network);
        snprintf(name, sizeof name, "low_rank_%zu", images_ranks[i]);
        images->networks[IMAGES_ROBUST] = network; /* the measure takes the network's place */
        if (status == STRATA_OK) status = images_keep_robustness(ctx, run, images, IMAGES_ROBUST, name);
        images->networks[IMAGES_ROBUST] = full;
        learner_destroy(network);
        settings_destroy(settings);
    }
cleanup:
    tensor_file_destroy(&clean);
    return status;
}
