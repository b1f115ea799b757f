/* SPDX-License-Identifier: MIT */
/* Kernels and a network on few real pictures: a subset of the training set a seed, the same for all. */
#include <math.h>

#include "core/memory.h"
#include "core/rng.h"
#include "data/source.h"
#include "studies/fit_task.h"
#include "studies/kernels/kernels.h"

enum { POOL_ROWS = 20000 }; /* training pictures that subsets are drawn from */

struct pictures {
    strata_context *ctx;
    struct task_run *run;
    const struct settings *settings;
    struct dataset train, test;
    struct sample_source *source;
    struct learner *learner;
};

/* Less the mean pixel, then norm sqrt(inputs): where tangent kernels are at home. */
static void normalise(struct dataset *data, double mean) {
    for (size_t i = 0; i < data->rows; ++i) {
        float *row = data->x + i * data->inputs;
        double norm = 0;
        for (size_t j = 0; j < data->inputs; ++j) {
            row[j] -= (float)mean;
            norm += (double)row[j] * (double)row[j];
        }
        float factor = norm > 0 ? (float)sqrt((double)data->inputs / norm) : 0;
        for (size_t j = 0; j < data->inputs; ++j) row[j] *= factor;
    }
}

static double mean_pixel(const struct dataset *data) {
    double mean = 0;
    for (size_t i = 0; i < data->rows * data->inputs; ++i) mean += (double)data->x[i];
    return mean / (double)(data->rows * data->inputs);
}

static strata_status load(struct pictures *p) {
    size_t shrink = settings_count(p->settings, "pictures.shrink");
    bool small = shrink > 1;
    struct rng_stream stream = task_run_stream(p->run, RNG_SPLIT);
    size_t train = settings_count(p->settings, small ? "pictures.small_train_size" : "pictures.train_size"),
           test = settings_count(p->settings, small ? "pictures.small_test_size" : "pictures.test_size");
    struct dataset pool = {0}, all_tests = {0};
    strata_status status = data_load_some(p->ctx, settings_name(p->settings, "pictures.names", 0),
                                          task_run_data_folder(p->run), POOL_ROWS, &pool, &all_tests);
    if (status == STRATA_OK) status = dataset_draw(p->ctx, &pool, stream, train, &p->train);
    if (status == STRATA_OK) status = dataset_draw(p->ctx, &all_tests, rng_stream_at(stream, 1), test, &p->test);
    dataset_destroy(&pool);
    dataset_destroy(&all_tests);
    if (status == STRATA_OK && small) status = dataset_shrink(p->ctx, &p->train, shrink);
    if (status == STRATA_OK && small) status = dataset_shrink(p->ctx, &p->test, shrink);
    STRATA_TRY(status);
    double mean = mean_pixel(&p->train);
    normalise(&p->train, mean);
    normalise(&p->test, mean);
    return STRATA_OK;
}

strata_status kernels_run_pictures(strata_context *ctx, struct task_run *run) {
    struct pictures p = {.ctx = ctx, .run = run, .settings = task_run_settings(run)};
    strata_status status = STRATA_OK;
    double error = NAN;
    STRATA_GO(load(&p));
    STRATA_GO(source_from_dataset(ctx, &p.train, settings_count(p.settings, "study.seed"),
                                  task_run_task(run)->replicate, &p.source));
    STRATA_GO(fit_task(ctx, run, task_run_task(run)->learner, p.source, &p.learner));
    STRATA_GO(learner_test_error(ctx, p.learner, p.test.classes, &p.test, &error));
    STRATA_GO(task_record(ctx, run, "error_rate", error));
cleanup:
    learner_destroy(p.learner);
    source_destroy(p.source);
    dataset_destroy(&p.train);
    dataset_destroy(&p.test);
    return status;
}
