/* SPDX-License-Identifier: MIT */
#include "model/threshold_net.h"

#include <math.h>
#include <string.h>

#include "core/clones.h"
#include "core/memory.h"

enum { BLOCK_ROWS = 64, LANE_BLOCK = 64 };

strata_status threshold_net_create(strata_context *ctx, size_t width, size_t inputs, struct threshold_net *net) {
    size_t weights, responses;
    const size_t lane = LANE_BLOCK;
    *net = (struct threshold_net){.width = width, .inputs = inputs, .stride = (inputs + lane - 1) / lane * lane};
    STRATA_TRY(mem_product(ctx, width, net->stride * sizeof(float), "the weights of a network", &weights));
    STRATA_TRY(mem_product(ctx, width, BLOCK_ROWS * sizeof(float), "the units of a network", &responses));
    net->weights = mem_aligned(weights);
    net->turned = mem_aligned(weights);
    net->padded = mem_aligned(weights);
    net->thresholds = mem_aligned(width * sizeof(float));
    net->responses = mem_aligned(responses);
    net->open = mem_aligned(width * sizeof *net->open);
    if (!net->weights || !net->turned || !net->padded || !net->thresholds || !net->responses || !net->open) {
        threshold_net_destroy(net);
        return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a network of %zu x %zu weights", width, inputs);
    }
    gemm_plan_f32(&net->product, AS_IS, AS_IS, BLOCK_ROWS, width, inputs, inputs, width, width);
    return STRATA_OK;
}

void threshold_net_destroy(struct threshold_net *net) {
    mem_free(net->weights);
    mem_free(net->turned);
    mem_free(net->padded);
    mem_free(net->thresholds);
    mem_free(net->responses);
    mem_free(net->open);
    *net = (struct threshold_net){0};
}

void threshold_net_initialise(struct threshold_net *net, struct rng_stream stream, double scale) {
    rng_normal_rows_f32(stream, 0, net->width, net->inputs, net->weights);
    for (size_t i = 0; i < net->width * net->inputs; ++i) net->weights[i] *= (float)scale;
}

/* Copies of the weights in the orders that the product and the sums over open rows read fastest. */
static void turn(struct threshold_net *net) {
    enum { TILE = 16 };
    size_t m = net->width, d = net->inputs;
    for (size_t first = 0; first < m; first += TILE)
        for (size_t j = 0; j < d; ++j)
            for (size_t i = first; i < m && i < first + TILE; ++i) net->turned[j * m + i] = net->weights[i * d + j];
    for (size_t i = 0; i < m; ++i) memcpy(net->padded + i * net->stride, net->weights + i * d, d * sizeof *net->padded);
}

void threshold_net_set_thresholds(struct threshold_net *net, double beta) {
    net->beta = beta;
    for (size_t i = 0; i < net->width; ++i) {
        const float *row = net->weights + i * net->inputs;
        double square = 0;
        for (size_t j = 0; j < net->inputs; ++j) square += (double)row[j] * (double)row[j];
        net->thresholds[i] = (float)(beta * sqrt(square));
    }
    turn(net);
}

/* ---- one row, u known ---- */

STRATA_CLONES static float row_value(size_t width, const float *restrict u, const float *restrict b) {
    enum { LANES = 16 }; /* sums in a fixed order that a vector register holds */
    float lanes[LANES] = {0}, value = 0;
    size_t i = 0;
    for (; i + LANES <= width; i += LANES)
        for (size_t l = 0; l < LANES; ++l) {
            float up = u[i + l] - b[i + l], down = -u[i + l] - b[i + l];
            lanes[l] += (up > 0 ? up : 0) - (down > 0 ? down : 0);
        }
    for (; i < width; ++i) {
        float up = u[i] - b[i], down = -u[i] - b[i];
        value += (up > 0 ? up : 0) - (down > 0 ? down : 0);
    }
    for (size_t l = 0; l < LANES; ++l) value += lanes[l];
    return value;
}

/* Indices of the gates with |u| > b. */
STRATA_CLONES static size_t open_gates(size_t width, const float *restrict u, const float *restrict b,
                                       uint32_t *restrict open) {
    enum { GROUP = 16 };
    size_t count = 0, i = 0;
    for (; i + GROUP <= width; i += GROUP) {
        uint32_t any = 0; /* most groups are wholly closed */
        for (size_t l = 0; l < GROUP; ++l) any |= (uint32_t)(fabsf(u[i + l]) > b[i + l]);
        if (!any) continue;
        for (size_t l = 0; l < GROUP; ++l) {
            open[count] = (uint32_t)(i + l);
            count += fabsf(u[i + l]) > b[i + l];
        }
    }
    for (; i < width; ++i)
        if (fabsf(u[i]) > b[i]) open[count++] = (uint32_t)i;
    return count;
}

typedef float lanes __attribute__((vector_size(64))); /* 16 numbers, whatever the registers hold */

/* gradient = seed * sum of the open rows of the weights, by blocks that stay in registers. */
STRATA_CLONES static void gather_rows(size_t count, const uint32_t *restrict open, size_t inputs, size_t stride,
                                      const float *restrict weights, float seed, float *restrict gradient) {
    for (size_t begin = 0; begin < inputs; begin += LANE_BLOCK) {
        lanes sums[4] = {{0}};
        float block[LANE_BLOCK];
        for (size_t i = 0; i < count; ++i) {
            lanes row[4];
            memcpy(row, weights + open[i] * stride + begin, sizeof row);
            for (size_t k = 0; k < 4; ++k) sums[k] += row[k];
        }
        for (size_t k = 0; k < 4; ++k) sums[k] *= seed;
        memcpy(block, sums, sizeof block);
        memcpy(gradient + begin, block, (inputs - begin < LANE_BLOCK ? inputs - begin : LANE_BLOCK) * sizeof *block);
    }
}

/* The open rows of the gradient get seed * x. */
STRATA_CLONES static void scatter_row(size_t count, const uint32_t *restrict open, size_t inputs,
                                      const float *restrict x, float seed, float *restrict gradient) {
    for (size_t i = 0; i < count; ++i) {
        float *row = gradient + open[i] * inputs;
        for (size_t j = 0; j < inputs; ++j) row[j] += seed * x[j];
    }
}

/* ---- blocks of rows ---- */

static size_t block_of(size_t rows, size_t begin) { return rows - begin < BLOCK_ROWS ? rows - begin : BLOCK_ROWS; }

/* u of rows begin.. into the scratch: how many they are. */
static size_t respond(struct threshold_net *net, size_t rows, size_t begin, const float *x) {
    size_t count = block_of(rows, begin);
    gemm_run_f32(&net->product, count, net->inputs, x + begin * net->inputs, net->turned, false, net->responses);
    return count;
}

void threshold_net_values(struct threshold_net *net, size_t rows, const float *x, float *values) {
    for (size_t begin = 0, count; begin < rows; begin += count) {
        count = respond(net, rows, begin, x);
        for (size_t r = 0; r < count; ++r)
            values[begin + r] = row_value(net->width, net->responses + r * net->width, net->thresholds);
    }
}

void threshold_net_input_gradient(struct threshold_net *net, size_t rows, const float *x, const float *seed,
                                  float *values, float *gradient) {
    for (size_t begin = 0, count; begin < rows; begin += count) {
        count = respond(net, rows, begin, x);
        for (size_t r = 0; r < count; ++r) {
            const float *u = net->responses + r * net->width;
            size_t open = open_gates(net->width, u, net->thresholds, net->open);
            if (values) values[begin + r] = row_value(net->width, u, net->thresholds);
            gather_rows(open, net->open, net->inputs, net->stride, net->padded, seed[begin + r],
                        gradient + (begin + r) * net->inputs);
        }
    }
}

void threshold_net_weight_gradient(struct threshold_net *net, size_t rows, const float *x, const float *seed,
                                   float *gradient) {
    for (size_t begin = 0, count; begin < rows; begin += count) {
        count = respond(net, rows, begin, x);
        for (size_t r = 0; r < count; ++r) {
            size_t open = open_gates(net->width, net->responses + r * net->width, net->thresholds, net->open);
            scatter_row(open, net->open, net->inputs, x + (begin + r) * net->inputs, seed[begin + r], gradient);
        }
    }
}

double threshold_net_loss_gradient(struct threshold_net *net, size_t rows, const float *x, const float *labels,
                                   float *gradient) {
    double loss = 0;
    for (size_t begin = 0, count; begin < rows; begin += count) {
        count = respond(net, rows, begin, x);
        for (size_t r = 0; r < count; ++r) {
            const float *u = net->responses + r * net->width;
            double y = 2 * (double)labels[begin + r] - 1;
            double value = y * (double)row_value(net->width, u, net->thresholds);
            size_t open = open_gates(net->width, u, net->thresholds, net->open);
            loss += value > 0 ? log1p(exp(-value)) : log1p(exp(value)) - value;
            scatter_row(open, net->open, net->inputs, x + (begin + r) * net->inputs,
                        (float)(-y / (1 + exp(value)) / (double)rows), gradient);
        }
    }
    return loss / (double)rows;
}

/* ---- as a function ---- */

static strata_status evaluate(strata_context *ctx, void *user, size_t rows, const float *x, float *out) {
    (void)ctx;
    threshold_net_values(user, rows, x, out);
    return STRATA_OK;
}

static strata_status vjp(strata_context *ctx, void *user, size_t rows, const float *x, const float *seed, float *out,
                         float *gradient) {
    (void)ctx;
    threshold_net_input_gradient(user, rows, x, seed, out, gradient);
    return STRATA_OK;
}

strata_function threshold_net_function(struct threshold_net *net) {
    return (strata_function){.user = net, .inputs = net->inputs, .outputs = 1, .evaluate = evaluate, .vjp = vjp};
}
