/* SPDX-License-Identifier: MIT */
/* Data sets in memory. */
#include "data/dataset.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

strata_status dataset_allocate(strata_context *ctx, struct dataset *data) {
    size_t x, y, bytes;
    STRATA_TRY(mem_product(ctx, data->rows, data->inputs, "the inputs of a data set", &x));
    STRATA_TRY(mem_product(ctx, x, sizeof(float), "the inputs of a data set", &bytes));
    STRATA_TRY(mem_product(ctx, data->rows, data->outputs, "the targets of a data set", &y));
    STRATA_TRY(mem_product(ctx, y, sizeof(float), "the targets of a data set", &bytes));
    data->x = mem_zero(x ? x : 1, sizeof(float));
    data->y = mem_zero(y ? y : 1, sizeof(float));
    if (data->x && data->y) return STRATA_OK;
    dataset_destroy(data);
    return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a data set of %zu rows and %zu inputs", data->rows,
                       data->inputs);
}

void dataset_destroy(struct dataset *data) {
    if (!data) return;
    mem_free(data->x);
    mem_free(data->y);
    data->x = data->y = NULL;
}

strata_status dataset_take(strata_context *ctx, const struct dataset *from, const uint32_t *order, size_t first,
                           size_t count, struct dataset *to) {
    if (first > from->rows || count > from->rows - first)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "rows %zu to %zu of a data set that has %zu", first, first + count,
                           from->rows);
    struct dataset result = *from;
    result.rows = count;
    STRATA_TRY(dataset_allocate(ctx, &result));
    for (size_t r = 0; r < count; ++r) {
        size_t row = order ? order[first + r] : first + r;
        memcpy(result.x + r * from->inputs, from->x + row * from->inputs, from->inputs * sizeof(float));
        memcpy(result.y + r * from->outputs, from->y + row * from->outputs, from->outputs * sizeof(float));
    }
    *to = result;
    return STRATA_OK;
}

strata_status dataset_draw(strata_context *ctx, const struct dataset *from, struct rng_stream stream, size_t count,
                           struct dataset *to) {
    uint32_t *order = mem_zero(from->rows, sizeof *order);
    if (!order) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the order of %zu rows", from->rows);
    rng_permutation(stream, from->rows, order);
    strata_status status = dataset_take(ctx, from, order, 0, count, to);
    mem_free(order);
    return status;
}

void dataset_moments(const struct dataset *data, double *mean, double *sd) {
    size_t columns = data->inputs;
    double rows = data->rows ? (double)data->rows : 1;
    memset(mean, 0, columns * sizeof *mean);
    memset(sd, 0, columns * sizeof *sd);
    for (size_t r = 0; r < data->rows; ++r)
        for (size_t i = 0; i < columns; ++i) mean[i] += (double)data->x[r * columns + i];
    for (size_t i = 0; i < columns; ++i) mean[i] /= rows;
    for (size_t r = 0; r < data->rows; ++r)
        for (size_t i = 0; i < columns; ++i) {
            double centred = (double)data->x[r * columns + i] - mean[i];
            sd[i] += centred * centred;
        }
    /* A constant column leaves the rounding of its mean at most. */
    for (size_t i = 0; i < columns; ++i) {
        sd[i] = sqrt(sd[i] / rows);
        if (!(sd[i] > 1e-12 * fabs(mean[i]))) sd[i] = 1;
    }
}

void dataset_standardise(struct dataset *data, const double *mean, const double *sd) {
    for (size_t r = 0; r < data->rows; ++r)
        for (size_t i = 0; i < data->inputs; ++i) {
            float *x = &data->x[r * data->inputs + i];
            *x = (float)(((double)*x - mean[i]) / sd[i]);
        }
}
