/* SPDX-License-Identifier: MIT */
/* Pictures of a task. */
#include <math.h>
#include <string.h>

#include "studies/depth/depth.h"

void depth_shape(const struct settings *settings, size_t shape[3]) {
    bool colour = strcmp(settings_text(settings, "data.name"), "cifar10") == 0;
    size_t side = (colour ? 32 : 28) / settings_count(settings, "data.shrink");
    shape[0] = colour ? 3 : 1;
    shape[1] = shape[2] = side;
}

/* So many rows, or all that there are. */
static strata_status draw(strata_context *ctx, const struct dataset *from, struct rng_stream stream, size_t rows,
                          struct dataset *to) {
    return dataset_draw(ctx, from, stream, rows < from->rows ? rows : from->rows, to);
}

/* Over all pixels of all pictures. */
static void moments(const struct dataset *data, double *mean, double *sd) {
    double sum = 0, square = 0, count = (double)data->rows * (double)data->inputs;
    for (size_t i = 0; i < data->rows * data->inputs; ++i) sum += (double)data->x[i];
    *mean = sum / count;
    for (size_t i = 0; i < data->rows * data->inputs; ++i)
        square += ((double)data->x[i] - *mean) * ((double)data->x[i] - *mean);
    *sd = square > 0 ? sqrt(square / count) : 1;
}

static void standardise(struct dataset *data, double mean, double sd) {
    for (size_t i = 0; i < data->rows * data->inputs; ++i) data->x[i] = (float)(((double)data->x[i] - mean) / sd);
}

strata_status depth_load(strata_context *ctx, const struct task_run *run, size_t train_rows, size_t test_rows,
                         struct dataset *train, struct dataset *test) {
    const struct settings *settings = task_run_settings(run);
    size_t shrink = settings_count(settings, "data.shrink");
    struct rng_stream stream = task_run_stream(run, RNG_SPLIT);
    struct dataset pool = {0}, tests = {0};
    strata_status status = data_load_some(ctx, settings_text(settings, "data.name"), task_run_data_folder(run),
                                          settings_count(settings, "data.pool"), &pool, &tests);
    if (status == STRATA_OK) status = draw(ctx, &pool, stream, train_rows, train);
    if (status == STRATA_OK) status = draw(ctx, &tests, rng_stream_at(stream, 1), test_rows, test);
    dataset_destroy(&pool);
    dataset_destroy(&tests);
    if (status == STRATA_OK && shrink > 1) status = dataset_shrink(ctx, train, shrink);
    if (status == STRATA_OK && shrink > 1) status = dataset_shrink(ctx, test, shrink);
    STRATA_TRY(status);
    double mean, sd;
    moments(train, &mean, &sd);
    standardise(train, mean, sd);
    standardise(test, mean, sd);
    return STRATA_OK;
}
