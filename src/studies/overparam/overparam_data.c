/* SPDX-License-Identifier: MIT */
/* The data of the theory: unit rows with a bias coordinate, a least distance between any two, labels of +1 and -1. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "data/dataset.h"
#include "data/source.h"
#include "studies/overparam/overparam.h"

enum { TRIES = 1000, POOL_ROWS = 20000 };

static double squared_distance(size_t count, const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < count; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

/* u / sqrt(2) on the sphere, then 1 / sqrt(2). */
static void draw_pixel(struct rng_stream stream, size_t inputs, double *x) {
    double norm = 0;
    rng_normal_f64(stream, inputs - 1, x);
    for (size_t i = 0; i + 1 < inputs; ++i) norm += x[i] * x[i];
    for (size_t i = 0; i + 1 < inputs; ++i) x[i] /= sqrt(2 * norm);
    x[inputs - 1] = sqrt(0.5);
}

/* Row i, drawn again while it is closer than `separation` to an earlier one. */
static strata_status draw_row(strata_context *ctx, struct rng_stream stream, double separation, size_t i,
                              struct wide_data *data) {
    size_t size = data->pixels * data->inputs;
    double largest = 0;
    for (size_t attempt = 0; attempt < TRIES; ++attempt) {
        double least = INFINITY, *row = data->x + i * size;
        for (size_t p = 0; p < data->pixels; ++p)
            draw_pixel(rng_stream_at(rng_stream_sub(stream, i), attempt * data->pixels + p), data->inputs,
                       row + p * data->inputs);
        for (size_t j = 0; j < i; ++j)
            least = fmin(least, squared_distance(size, row, data->x + j * size) / (double)data->pixels);
        if (sqrt(least) >= separation) return STRATA_OK;
        largest = fmax(largest, sqrt(least));
    }
    return strata_fail(
        ctx, STRATA_ERR_CONFIG,
        "data.separation = %g: no row %zu of data.dimension = %zu so far from the others in %d tries; the "
        "farthest was %g away",
        separation, i, data->inputs, TRIES, largest);
}

void wide_neighbour(size_t inputs, const double *from, const double *direction, double distance, double *to) {
    size_t d = inputs - 1;
    double cosine = 1 - distance * distance, along = 0, rest = 0; /* |from - to|^2 = (2 - 2 cos) / 2 */
    for (size_t i = 0; i < d; ++i) along += 2 * from[i] * direction[i];
    for (size_t i = 0; i < d; ++i) to[i] = direction[i] - along * from[i];
    for (size_t i = 0; i < d; ++i) rest += 2 * to[i] * to[i];
    for (size_t i = 0; i < d; ++i) to[i] = cosine * from[i] + sqrt(fmax(0, 1 - cosine * cosine)) * to[i] / sqrt(rest);
    to[d] = from[d];
}

/* Row 1 moves towards row 0 until it is `distance` away, and gets the other label. */
static void make_close_pair(double distance, struct wide_data *data) {
    double *row = data->x + data->inputs;
    if (distance <= 0) return;
    wide_neighbour(data->inputs, data->x, row, distance, row);
    data->y[1] = -data->y[0];
}

static void label(const struct settings *settings, struct rng_stream stream, struct wide_data *data) {
    size_t n = data->n, size = data->pixels * data->inputs;
    double *uniform = data->y; /* overwritten row by row */
    rng_uniform_f64(stream, n, uniform);
    for (size_t i = 0; i < n; ++i) data->y[i] = uniform[i] < 0.5 ? -1 : 1;
    if (strcmp(settings_text(settings, "data.labels"), "teacher") != 0) return;
    for (size_t i = 0; i < n; ++i) { /* the sign of the first coordinate against its median */
        size_t below = 0;
        for (size_t j = 0; j < n; ++j) below += data->x[j * size] < data->x[i * size];
        data->y[i] = 2 * below < n ? -1 : 1;
    }
}

/* The last rows repeat the first ones with the opposite label. */
static void make_conflicts(size_t pairs, struct wide_data *data) {
    size_t size = data->pixels * data->inputs;
    for (size_t k = 0; k < pairs; ++k) {
        size_t copy = data->n - 1 - k;
        memcpy(data->x + copy * size, data->x + k * size, size * sizeof *data->x);
        data->y[copy] = -data->y[k];
    }
}

/* Two classes of a known set, brought to norm 1 / sqrt(2) with the bias coordinate. */
static strata_status load_pictures(strata_context *ctx, const struct task_run *run, struct wide_data *data) {
    struct dataset train = {0}, test = {0};
    size_t found = 0;
    uint32_t *order = NULL;
    strata_status status = STRATA_OK;
    STRATA_GO(data_load_some(ctx, settings_text(task_run_settings(run), "data.name"), task_run_data_folder(run),
                             POOL_ROWS, &train, &test));
    data->inputs = train.inputs + 1;
    data->x = mem_zero(data->n * data->inputs, sizeof *data->x);
    data->y = mem_zero(data->n, sizeof *data->y);
    order = mem_zero(train.rows, sizeof *order);
    if (!data->x || !data->y || !order)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu pictures", data->n));
    rng_permutation(task_run_stream(run, RNG_SPLIT), train.rows, order);
    for (size_t k = 0; k < train.rows && found < data->n; ++k) {
        const float *row = train.x + order[k] * train.inputs;
        double norm = 0, *x = data->x + found * data->inputs;
        if (train.y[order[k]] > 1.5f) continue; /* classes 0 and 1 */
        for (size_t j = 0; j < train.inputs; ++j) norm += (double)row[j] * (double)row[j];
        if (norm <= 0) continue;
        for (size_t j = 0; j < train.inputs; ++j) x[j] = (double)row[j] / sqrt(2 * norm);
        x[train.inputs] = sqrt(0.5);
        data->y[found++] = train.y[order[k]] > 0.5f ? 1 : -1;
    }
    if (found < data->n)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_ARGUMENT,
                              "data.train_size = %zu: classes 0 and 1 of the set have %zu "
                              "pictures among %d",
                              data->n, found, POOL_ROWS));
cleanup:
    mem_free(order);
    dataset_destroy(&train);
    dataset_destroy(&test);
    return status;
}

strata_status wide_data_create(strata_context *ctx, const struct task_run *run, struct wide_data *data) {
    const struct settings *settings = task_run_settings(run);
    bool cnn = strcmp(settings_text(settings, "network.kind"), "cnn") == 0;
    bool pictures = strcmp(settings_text(settings, "data.name"), "none") != 0;
    strata_status status = STRATA_OK;
    *data = (struct wide_data){.n = settings_count(settings, "data.train_size"),
                               .inputs = settings_count(settings, "data.dimension"),
                               .pixels = cnn ? settings_count(settings, "network.pixels") : 1};
    if (pictures) {
        STRATA_GO(load_pictures(ctx, run, data));
        if (strcmp(settings_text(settings, "data.labels"), "true") != 0)
            label(settings, task_run_stream(run, RNG_LABEL_NOISE), data);
    } else {
        data->x = mem_zero(data->n * data->pixels * data->inputs, sizeof *data->x);
        data->y = mem_zero(data->n, sizeof *data->y);
        if (!data->x || !data->y)
            STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu samples", data->n));
        for (size_t i = 0; i < data->n; ++i)
            STRATA_GO(draw_row(ctx, task_run_stream(run, RNG_TRAIN_INPUT), settings_number(settings, "data.separation"),
                               i, data));
        label(settings, task_run_stream(run, RNG_LABEL_NOISE), data);
        if (data->pixels == 1) make_close_pair(settings_number(settings, "data.close_pair"), data);
    }
    make_conflicts(settings_count(settings, "data.conflicting_pairs"), data);
cleanup:
    if (status != STRATA_OK) wide_data_destroy(data);
    return status;
}

void wide_data_destroy(struct wide_data *data) {
    mem_free(data->x);
    mem_free(data->y);
    *data = (struct wide_data){0};
}
