/* SPDX-License-Identifier: MIT */
#include "model/wide_network.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "linalg/linalg.h"

enum { POWER_STEPS = 30 };
enum { STREAM_INPUT, STREAM_OUTPUT, STREAM_LAYER };

/* ---- life */

static void fill(struct rng_stream stream, uint64_t index, size_t count, double variance, double *values) {
    double sd = sqrt(variance);
    rng_normal_f64(rng_stream_at(stream, index), count, values);
    for (size_t i = 0; i < count; ++i) values[i] *= sd;
}

size_t wide_network_weight_count(const struct wide_network *network) {
    return network->shape.layers * network->shape.width * network->fan_in;
}

double *wide_network_layer(const struct wide_network *network, size_t layer) {
    return network->weights + (layer - 1) * network->shape.width * network->fan_in;
}

strata_status wide_network_create(strata_context *ctx, const struct wide_shape *shape, struct rng_stream stream,
                                  struct wide_network *network) {
    size_t m = shape->width, cells;
    *network = (struct wide_network){.shape = *shape, .fan_in = m * shape->patch};
    STRATA_TRY(mem_product(ctx, shape->layers * m, network->fan_in, "weights", &cells));
    network->input = mem_zero(m * shape->inputs, sizeof(double));
    network->weights = mem_zero(cells, sizeof(double));
    network->output = mem_zero(shape->pixels * m, sizeof(double));
    if (!network->input || !network->weights || !network->output) {
        wide_network_destroy(network);
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu layers of width %zu", shape->layers, m);
    }
    fill(stream, STREAM_INPUT, m * shape->inputs, 2.0 / (double)m, network->input);
    fill(stream, STREAM_OUTPUT, shape->pixels * m, 1.0 / (double)shape->pixels, network->output);
    for (size_t l = 1; l <= shape->layers; ++l)
        fill(stream, STREAM_LAYER + l, m * network->fan_in, 2.0 / (double)network->fan_in,
             wide_network_layer(network, l));
    return STRATA_OK;
}

void wide_network_destroy(struct wide_network *network) {
    mem_free(network->input);
    mem_free(network->weights);
    mem_free(network->output);
    *network = (struct wide_network){0};
}

strata_status wide_pass_create(strata_context *ctx, const struct wide_network *network, size_t n,
                               struct wide_pass *pass) {
    const struct wide_shape *shape = &network->shape;
    size_t rows = n * shape->pixels, cells, patch_cells;
    *pass = (struct wide_pass){.n = n, .rows = rows};
    STRATA_TRY(mem_product(ctx, (shape->layers + 1) * shape->width, rows, "activations", &cells));
    STRATA_TRY(mem_product(ctx, shape->layers * network->fan_in, rows, "activations", &patch_cells));
    pass->hidden = mem_zero(cells, sizeof(double));
    pass->backward = mem_zero(cells, sizeof(double));
    pass->patches = shape->kind == WIDE_CNN ? mem_zero(patch_cells, sizeof(double)) : NULL;
    pass->scratch = mem_zero(rows * network->fan_in + shape->width, sizeof(double));
    pass->weighted = mem_zero(rows * shape->width, sizeof(double));
    if (pass->hidden && pass->backward && pass->scratch && pass->weighted && (pass->patches || shape->kind != WIDE_CNN))
        return STRATA_OK;
    wide_pass_destroy(pass);
    return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for activations of %zu samples", n);
}

void wide_pass_destroy(struct wide_pass *pass) {
    double *const all[] = {pass->hidden, pass->backward, pass->patches, pass->scratch, pass->weighted};
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i) mem_free(all[i]);
    *pass = (struct wide_pass){0};
}

/* ---- one layer */

static double *hidden_of(const struct wide_pass *pass, size_t width, size_t layer) {
    return pass->hidden + layer * pass->rows * width;
}

static double *backward_of(const struct wide_pass *pass, size_t width, size_t layer) {
    return pass->backward + layer * pass->rows * width;
}

/* What layer l reads, [rows, fan_in]. */
static const double *below(const struct wide_network *network, const struct wide_pass *pass, size_t layer) {
    if (network->shape.kind == WIDE_CNN) return pass->patches + (layer - 1) * pass->rows * network->fan_in;
    return hidden_of(pass, network->shape.width, layer - 1);
}

static bool residual(const struct wide_network *network, size_t layer) {
    return network->shape.kind == WIDE_RESNET && layer < network->shape.layers;
}

static double branch(const struct wide_network *network, size_t layer) {
    return residual(network, layer) ? network->shape.residual_weight : 1;
}

/* Row of sample i that lies `shift` - patch / 2 pixels from pixel p on the ring. */
static size_t neighbour(const struct wide_shape *shape, size_t row, size_t shift) {
    size_t first = row / shape->pixels * shape->pixels, p = row % shape->pixels;
    return first + (p + shape->pixels + shift - shape->patch / 2) % shape->pixels;
}

static void gather(const struct wide_network *network, const struct wide_pass *pass, size_t layer) {
    const struct wide_shape *shape = &network->shape;
    const double *from = hidden_of(pass, shape->width, layer - 1);
    double *to = pass->patches + (layer - 1) * pass->rows * network->fan_in;
    for (size_t r = 0; r < pass->rows; ++r)
        for (size_t s = 0; s < shape->patch; ++s)
            memcpy(to + r * network->fan_in + s * shape->width, from + neighbour(shape, r, s) * shape->width,
                   shape->width * sizeof *to);
}

/* ---- forward */

void wide_forward(const struct wide_network *network, const double *x, struct wide_pass *pass, double *f) {
    const struct wide_shape *shape = &network->shape;
    size_t m = shape->width, cells = pass->rows * m;
    double *h = hidden_of(pass, m, 0);
    linalg_gemm_f64(AS_IS, TRANSPOSED, pass->rows, m, shape->inputs, 1.0, x, shape->inputs, network->input,
                    shape->inputs, 0.0, h, m);
    for (size_t i = 0; i < cells; ++i) h[i] = fmax(h[i], 0);
    for (size_t l = 1; l <= shape->layers; ++l) {
        if (shape->kind == WIDE_CNN) gather(network, pass, l);
        double *next = hidden_of(pass, m, l);
        bool keep = residual(network, l);
        if (keep) memcpy(next, h, cells * sizeof *h);
        linalg_gemm_f64(AS_IS, TRANSPOSED, pass->rows, m, network->fan_in, branch(network, l), below(network, pass, l),
                        network->fan_in, wide_network_layer(network, l), network->fan_in, keep ? 1.0 : 0.0, next, m);
        for (size_t i = 0; i < cells; ++i) next[i] = fmax(next[i], 0);
        h = next;
    }
    memset(f, 0, pass->n * sizeof *f);
    for (size_t r = 0; r < pass->rows; ++r) {
        const double *b = network->output + r % shape->pixels * m;
        double sum = 0;
        for (size_t j = 0; j < m; ++j) sum += b[j] * h[r * m + j];
        f[r / shape->pixels] += shape->output_scale * sum;
    }
}

/* ---- backward */

void wide_backward(const struct wide_network *network, struct wide_pass *pass) {
    const struct wide_shape *shape = &network->shape;
    size_t m = shape->width, top = shape->layers;
    double *b = backward_of(pass, m, top);
    const double *h = hidden_of(pass, m, top);
    for (size_t r = 0; r < pass->rows; ++r)
        for (size_t j = 0; j < m; ++j)
            b[r * m + j] = h[r * m + j] > 0 ? shape->output_scale * network->output[r % shape->pixels * m + j] : 0;
    for (size_t l = top; l > 1; --l) {
        double *lower = backward_of(pass, m, l - 1), *target = shape->kind == WIDE_CNN ? pass->scratch : lower;
        bool keep = residual(network, l);
        if (keep) memcpy(lower, b, pass->rows * m * sizeof *b);
        linalg_gemm_f64(AS_IS, AS_IS, pass->rows, network->fan_in, m, branch(network, l), b, m,
                        wide_network_layer(network, l), network->fan_in, keep ? 1.0 : 0.0, target, network->fan_in);
        if (shape->kind == WIDE_CNN) {
            memset(lower, 0, pass->rows * m * sizeof *lower);
            for (size_t r = 0; r < pass->rows; ++r)
                for (size_t s = 0; s < shape->patch; ++s) {
                    double *to = lower + neighbour(shape, r, s) * m;
                    for (size_t j = 0; j < m; ++j) to[j] += target[r * network->fan_in + s * m + j];
                }
        }
        h = hidden_of(pass, m, l - 1);
        for (size_t i = 0; i < pass->rows * m; ++i) lower[i] = h[i] > 0 ? lower[i] : 0;
        b = lower;
    }
}

void wide_kernel(const struct wide_network *network, const struct wide_pass *pass, double *gram, double *kernel) {
    const struct wide_shape *shape = &network->shape;
    size_t rows = pass->rows, n = pass->n, pixels = shape->pixels;
    double *forward = gram, *back = gram + rows * rows;
    memset(kernel, 0, n * n * sizeof *kernel);
    for (size_t l = 1; l <= shape->layers; ++l) {
        double t = branch(network, l);
        linalg_syrk_f64(AS_IS, rows, network->fan_in, 1.0, below(network, pass, l), network->fan_in, 0.0, forward);
        linalg_syrk_f64(AS_IS, rows, shape->width, t * t, backward_of(pass, shape->width, l), shape->width, 0.0, back);
        for (size_t r = 0; r < rows; ++r)
            for (size_t s = 0; s < rows; ++s)
                kernel[r / pixels * n + s / pixels] += forward[r * rows + s] * back[r * rows + s];
    }
}

/* Signals of layer l with samples weighted, [rows, width]. */
static const double *weigh(const struct wide_network *network, struct wide_pass *pass, size_t layer,
                           const double *coefficient) {
    size_t m = network->shape.width;
    const double *b = backward_of(pass, m, layer);
    for (size_t r = 0; r < pass->rows; ++r)
        for (size_t j = 0; j < m; ++j)
            pass->weighted[r * m + j] = coefficient[r / network->shape.pixels] * b[r * m + j];
    return pass->weighted;
}

void wide_step(struct wide_network *network, struct wide_pass *pass, const double *coefficient) {
    for (size_t l = 1; l <= network->shape.layers; ++l)
        linalg_gemm_f64(TRANSPOSED, AS_IS, network->shape.width, network->fan_in, pass->rows, -branch(network, l),
                        weigh(network, pass, l, coefficient), network->shape.width, below(network, pass, l),
                        network->fan_in, 1.0, wide_network_layer(network, l), network->fan_in);
}

double wide_directional(const struct wide_network *network, struct wide_pass *pass, const double *coefficient,
                        const double *direction) {
    size_t m = network->shape.width, fan_in = network->fan_in;
    double total = 0;
    for (size_t l = 1; l <= network->shape.layers; ++l) {
        const double *b = weigh(network, pass, l, coefficient);
        for (size_t r = 0; r < pass->rows; ++r) {
            const double *in = below(network, pass, l) + r * fan_in;
            for (size_t j = 0; j < m; ++j) {
                const double *row = direction + ((l - 1) * m + j) * fan_in;
                double sum = 0;
                if (b[r * m + j] == 0) continue;
                for (size_t k = 0; k < fan_in; ++k) sum += row[k] * in[k];
                total += branch(network, l) * b[r * m + j] * sum;
            }
        }
    }
    return total;
}

/* ---- size of weights */

static double spectral_norm(size_t rows, size_t columns, const double *a, double *work) {
    double *u = work, *v = work + rows, norm = 0;
    for (size_t j = 0; j < columns; ++j) v[j] = 1 + 0.1 * sin((double)j); /* no direction in particular */
    for (int step = 0; step < POWER_STEPS; ++step) {
        double length = 0;
        for (size_t j = 0; j < columns; ++j) length += v[j] * v[j];
        if (!(length > 0)) return length;
        for (size_t j = 0; j < columns; ++j) v[j] /= sqrt(length);
        linalg_gemm_f64(AS_IS, AS_IS, rows, 1, columns, 1.0, a, columns, v, 1, 0.0, u, 1);
        norm = 0;
        for (size_t i = 0; i < rows; ++i) norm += u[i] * u[i];
        linalg_gemm_f64(TRANSPOSED, AS_IS, columns, 1, rows, 1.0, a, columns, u, 1, 0.0, v, 1);
    }
    return sqrt(norm);
}

double wide_spectral_norm(const struct wide_network *network, struct wide_pass *pass, const double *weights) {
    size_t m = network->shape.width, cells = m * network->fan_in;
    double largest = 0;
    for (size_t l = 0; l < network->shape.layers; ++l)
        largest = fmax(largest, spectral_norm(m, network->fan_in, weights + l * cells, pass->scratch));
    return largest;
}
