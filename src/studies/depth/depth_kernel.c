/* SPDX-License-Identifier: MIT */
/*
 * The network's tangent kernel on few pictures, at its initial weights and after training: ridge regression of the
 * class indicators with the ridge that is best on the test pictures, which favours kernels.
 */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "data/source.h"
#include "kernels/empirical_ntk.h"
#include "learn/learner.h"
#include "learn/picture_learners.h"
#include "linalg/linalg.h"
#include "measure/errors.h"
#include "studies/depth/depth.h"
#include "studies/fit_task.h"

enum { NTK_ROWS = 128, RIDGES = 7 }; /* rows whose derivatives are held at once */

struct experiment {
    strata_context *ctx;
    struct task_run *run;
    const struct settings *settings;
    struct dataset train, test;
    struct sample_source *source;
    struct learner *learner;
    struct graph *graph;
    struct empirical_ntk *ntk;
    double *x, *z;                          /* pictures in double */
    double *gram, *cross, *factor, *labels; /* [n, n], [m, n], [n, n], [n, classes] */
    double *predicted;                      /* [m, classes] */
    float *logits;                          /* the same */
};

static strata_status build(struct experiment *e) {
    struct picture_network network;
    struct network_nodes nodes = {0};
    const size_t shape[3] = {e->train.image[0], e->train.image[1], e->train.image[2]};
    STRATA_TRY(picture_from_settings(e->ctx, e->settings, shape, e->train.classes, &network));
    STRATA_TRY(graph_create(e->ctx, &e->graph));
    const struct network_view view = {.layers = network.unit_count, .last_readout = true};
    STRATA_TRY(picture_build(&network, &view, e->graph, &nodes));
    return empirical_ntk_create(e->ctx, e->graph, nodes.input, nodes.output, NTK_ROWS, 0, &e->ntk);
}

static strata_status allocate(struct experiment *e) {
    size_t n = e->train.rows, m = e->test.rows, classes = e->train.classes;
    e->x = mem_zero(n * e->train.inputs, sizeof(double));
    e->z = mem_zero(m * e->test.inputs, sizeof(double));
    e->gram = mem_zero(n * n, sizeof(double));
    e->cross = mem_zero(m * n, sizeof(double));
    e->factor = mem_zero(n * n, sizeof(double));
    e->labels = mem_zero(n * classes, sizeof(double));
    e->predicted = mem_zero(m * classes, sizeof(double));
    e->logits = mem_zero(m * classes, sizeof(float));
    if (!e->x || !e->z || !e->gram || !e->cross || !e->factor || !e->labels || !e->predicted || !e->logits)
        return strata_fail(e->ctx, STRATA_ERR_MEMORY, "out of memory for a kernel of %zu pictures", n);
    for (size_t i = 0; i < n * e->train.inputs; ++i) e->x[i] = (double)e->train.x[i];
    for (size_t i = 0; i < m * e->test.inputs; ++i) e->z[i] = (double)e->test.x[i];
    return STRATA_OK;
}

/* Test accuracy at one ridge, relative to the kernel's mean diagonal; NaN where it is too small to solve. */
static double accuracy_at(struct experiment *e, double ridge) {
    size_t n = e->train.rows, m = e->test.rows, classes = e->train.classes;
    double trace = 0;
    for (size_t i = 0; i < n; ++i) trace += e->gram[i * n + i] / (double)n;
    memcpy(e->factor, e->gram, n * n * sizeof(double));
    for (size_t i = 0; i < n; ++i) e->factor[i * n + i] += ridge * trace;
    if (linalg_cholesky(NULL, n, e->factor) != STRATA_OK) return NAN;
    for (size_t i = 0; i < n; ++i)
        for (size_t k = 0; k < classes; ++k)
            e->labels[i * classes + k] = ((float)k == e->train.y[i] ? 1.0 : 0.0) - 1 / (double)classes;
    linalg_cholesky_solve(n, e->factor, classes, e->labels);
    linalg_gemm_f64(AS_IS, AS_IS, m, classes, n, 1, e->cross, n, e->labels, classes, 0, e->predicted, classes);
    for (size_t i = 0; i < m * classes; ++i) e->logits[i] = (float)e->predicted[i];
    return 1 - multiclass_error_rate(m, classes, e->logits, e->test.y);
}

/* The kernel at the learner's weights of now. */
static strata_status record_kernel(struct experiment *e, const char *key) {
    size_t n = e->train.rows, m = e->test.rows;
    for (size_t i = 0; i < empirical_ntk_arrays(e->ntk); ++i) {
        const char *name = empirical_ntk_array_name(e->ntk, i);
        size_t count;
        STRATA_TRY(e->learner->class_->parameter(e->ctx, e->learner, name, &count, NULL));
        double *values = mem_zero(count, sizeof *values);
        if (!values) return strata_fail(e->ctx, STRATA_ERR_MEMORY, "out of memory for %zu weights", count);
        strata_status status = e->learner->class_->parameter(e->ctx, e->learner, name, &count, values);
        if (status == STRATA_OK) empirical_ntk_set_parameter(e->ntk, name, values);
        mem_free(values);
        STRATA_TRY(status);
    }
    STRATA_TRY(empirical_ntk_gram(e->ctx, e->ntk, NTK_BLOCK_TRACE, 0, n, e->x, n, e->x, e->gram));
    STRATA_TRY(empirical_ntk_gram(e->ctx, e->ntk, NTK_BLOCK_TRACE, 0, m, e->z, n, e->x, e->cross));
    double best = NAN;
    for (size_t r = 0; r < RIDGES; ++r) best = fmax(best, accuracy_at(e, pow(10, (double)r - 7)));
    return task_record(e->ctx, e->run, key, best);
}

static strata_status fit(struct experiment *e) {
    const struct task *task = task_run_task(e->run);
    double error = NAN;
    STRATA_TRY(depth_load(e->ctx, e->run, settings_count(e->settings, "data.train_size"),
                          settings_count(e->settings, "kernel.test_size"), &e->train, &e->test));
    STRATA_TRY(
        source_from_dataset(e->ctx, &e->train, settings_count(e->settings, "study.seed"), task->replicate, &e->source));
    STRATA_TRY(build(e));
    STRATA_TRY(allocate(e));
    STRATA_TRY(fit_task_begin(e->ctx, e->run, task->learner, e->source, &e->learner));
    if (isnan(task_recorded(e->run, "start"))) STRATA_TRY(record_kernel(e, "start"));
    STRATA_TRY(fit_task_finish(e->ctx, e->run, e->learner, NULL));
    STRATA_TRY(learner_test_error(e->ctx, e->learner, e->test.classes, &e->test, &error));
    STRATA_TRY(task_record(e->ctx, e->run, "network", 1 - error));
    STRATA_TRY(task_record(e->ctx, e->run, "tested", (double)e->test.rows));
    return record_kernel(e, "after");
}

strata_status depth_run_kernel(strata_context *ctx, struct task_run *run) {
    struct experiment e = {.ctx = ctx, .run = run, .settings = task_run_settings(run)};
    strata_status status = fit(&e);
    learner_destroy(e.learner);
    source_destroy(e.source);
    empirical_ntk_destroy(e.ntk);
    graph_destroy(e.graph);
    dataset_destroy(&e.train);
    dataset_destroy(&e.test);
    mem_free(e.x), mem_free(e.z), mem_free(e.gram), mem_free(e.cross), mem_free(e.factor), mem_free(e.labels);
    mem_free(e.predicted), mem_free(e.logits);
    return status;
}
