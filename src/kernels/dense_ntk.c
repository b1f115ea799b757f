/* SPDX-License-Identifier: MIT */
#include "kernels/dense_ntk.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "linalg/linalg.h"

/*
 * A weight matrix [fan_in, units]; `factor` multiplies what it adds to the kernel: 1 where weights are what is
 * trained.
 */
struct weights {
    double *values;
    size_t fan_in, units;
    double factor;
};

struct dense_ntk {
    struct network network;
    struct weights sources[NETWORK_MAX_LAYERS][LAYER_MAX_SOURCES], bias[NETWORK_MAX_LAYERS],
        readout[NETWORK_MAX_LAYERS];
    double output_bias_factor;
    const struct dual *functions; /* activation of every layer instead of the network's own, or NULL */
};

/* ---- activations */

static double activation_value(const struct dense_ntk *ntk, size_t layer, double h) {
    if (ntk->functions) return ntk->functions->class_->value(ntk->functions->number, h);
    switch (ntk->network.layers[layer].activation) {
    case ACTIVATION_SQUARE: return h * h - 1;
    case ACTIVATION_RELU: return h > 0 ? h : 0;
    case ACTIVATION_GELU: return 0.5 * h * erfc(-h * 0.70710678118654752440);
    case ACTIVATION_TANH: return tanh(h);
    case ACTIVATION_SIGMOID: return 1 / (1 + exp(-h));
    default: return h;
    }
}

static double activation_slope(const struct dense_ntk *ntk, size_t layer, double h) {
    if (ntk->functions) return ntk->functions->class_->slope(ntk->functions->number, h);
    double value = activation_value(ntk, layer, h);
    switch (ntk->network.layers[layer].activation) {
    case ACTIVATION_SQUARE: return 2 * h;
    case ACTIVATION_RELU: return h > 0 ? 1 : 0;
    case ACTIVATION_GELU:
        return 0.5 * erfc(-h * 0.70710678118654752440) + h * 0.39894228040143267794 * exp(-0.5 * h * h);
    case ACTIVATION_TANH: return 1 - value * value;
    case ACTIVATION_SIGMOID: return value * (1 - value);
    default: return 1;
    }
}

/* ---- creating */

static size_t input_width(const struct network *network) { return network->inputs * (network->input_squares ? 2 : 1); }

static size_t source_width(const struct network *network, int layer) {
    return layer == SOURCE_INPUT ? input_width(network) : network->layers[layer].width;
}

static strata_status weights_read(strata_context *ctx, parameter_reader read, void *user, const char *name,
                                  size_t fan_in, size_t units, struct weights *weights) {
    size_t cells;
    STRATA_TRY(mem_product(ctx, fan_in, units, name, &cells));
    *weights = (struct weights){mem_zero(cells, sizeof(double)), fan_in, units, 1};
    if (!weights->values) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for parameter '%s'", name);
    return read(ctx, user, name, cells, weights->values);
}

static strata_status layer_read(strata_context *ctx, struct dense_ntk *ntk, size_t l, parameter_reader read,
                                void *user) {
    const struct layer *layer = &ntk->network.layers[l];
    char name[64];
    for (size_t s = 0; s < layer->source_count; ++s) {
        int from = layer->sources[s].layer;
        if (from == SOURCE_INPUT)
            snprintf(name, sizeof name, "layer%zu.input", l + 1);
        else
            snprintf(name, sizeof name, "layer%zu.layer%d", l + 1, from + 1);
        STRATA_TRY(
            weights_read(ctx, read, user, name, source_width(&ntk->network, from), layer->width, &ntk->sources[l][s]));
    }
    snprintf(name, sizeof name, "layer%zu.bias", l + 1);
    if (layer->bias) STRATA_TRY(weights_read(ctx, read, user, name, 1, layer->width, &ntk->bias[l]));
    snprintf(name, sizeof name, "readout%zu", l + 1);
    return layer->readout ? weights_read(ctx, read, user, name, layer->width, ntk->network.outputs, &ntk->readout[l])
                          : STRATA_OK;
}

strata_status dense_ntk_create(strata_context *ctx, const struct network *network, parameter_reader read, void *user,
                               struct dense_ntk **ntk) {
    struct dense_ntk *self = mem_zero(1, sizeof *self);
    *ntk = NULL;
    if (!self) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a tangent kernel");
    self->network = *network;
    self->output_bias_factor = 1;
    for (size_t l = 0; l < network->layer_count; ++l) {
        strata_status status = layer_read(ctx, self, l, read, user);
        if (status == STRATA_OK) continue;
        dense_ntk_destroy(self);
        return status;
    }
    *ntk = self;
    return STRATA_OK;
}

void dense_ntk_destroy(struct dense_ntk *ntk) {
    if (!ntk) return;
    for (size_t l = 0; l < NETWORK_MAX_LAYERS; ++l) {
        for (size_t s = 0; s < LAYER_MAX_SOURCES; ++s) mem_free(ntk->sources[l][s].values);
        mem_free(ntk->bias[l].values);
        mem_free(ntk->readout[l].values);
    }
    mem_free(ntk);
}

/* ---- one set of rows: what every layer holds, and the derivatives of one output */

struct passes {
    size_t rows;
    double *input;                      /* [rows, input width] */
    double *before[NETWORK_MAX_LAYERS]; /* h, [rows, width] */
    double *after[NETWORK_MAX_LAYERS];  /* a */
    double *delta[NETWORK_MAX_LAYERS];  /* df / dh */
};

static void passes_destroy(struct passes *p) {
    mem_free(p->input);
    for (size_t l = 0; l < NETWORK_MAX_LAYERS; ++l) {
        mem_free(p->before[l]);
        mem_free(p->after[l]);
        mem_free(p->delta[l]);
    }
}

static const double *source_values(const struct passes *p, int layer) {
    return layer == SOURCE_INPUT ? p->input : p->after[layer];
}

static strata_status passes_allocate(strata_context *ctx, const struct dense_ntk *ntk, struct passes *p) {
    const struct network *network = &ntk->network;
    bool whole = (p->input = mem_zero(p->rows * input_width(network) + 1, sizeof(double))) != NULL;
    for (size_t l = 0; whole && l < network->layer_count; ++l) {
        size_t cells = p->rows * network->layers[l].width + 1;
        p->before[l] = mem_zero(cells, sizeof(double));
        p->after[l] = mem_zero(cells, sizeof(double));
        p->delta[l] = mem_zero(cells, sizeof(double));
        whole = p->before[l] && p->after[l] && p->delta[l];
    }
    return whole ? STRATA_OK : strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the layers of %zu rows", p->rows);
}

static void forward(const struct dense_ntk *ntk, const double *x, struct passes *p) {
    const struct network *network = &ntk->network;
    size_t d = network->inputs, wide = input_width(network);
    for (size_t i = 0; i < p->rows; ++i)
        for (size_t k = 0; k < d; ++k) {
            p->input[i * wide + k] = x[i * d + k];
            if (network->input_squares) p->input[i * wide + d + k] = (x[i * d + k] * x[i * d + k] - 1) / sqrt(2.0);
        }
    for (size_t l = 0; l < network->layer_count; ++l) {
        const struct layer *layer = &network->layers[l];
        double *h = p->before[l];
        for (size_t i = 0; layer->bias && i < p->rows; ++i)
            memcpy(h + i * layer->width, ntk->bias[l].values, layer->width * sizeof *h);
        for (size_t s = 0; s < layer->source_count; ++s) {
            const struct weights *w = &ntk->sources[l][s];
            linalg_gemm_f64(AS_IS, AS_IS, p->rows, w->units, w->fan_in, 1.0, source_values(p, layer->sources[s].layer),
                            w->fan_in, w->values, w->units, 1.0, h, w->units);
        }
        for (size_t i = 0; i < p->rows * layer->width; ++i) p->after[l][i] = activation_value(ntk, l, h[i]);
    }
}

static void backward(const struct dense_ntk *ntk, size_t output, struct passes *p) {
    const struct network *network = &ntk->network;
    for (size_t l = 0; l < network->layer_count; ++l) {
        const struct weights *w = &ntk->readout[l];
        for (size_t i = 0; i < p->rows * network->layers[l].width; ++i)
            p->delta[l][i] = w->values ? w->values[i % w->fan_in * w->units + output] : 0;
    }
    for (size_t l = network->layer_count; l-- > 0;) {
        const struct layer *layer = &network->layers[l];
        for (size_t i = 0; i < p->rows * layer->width; ++i) p->delta[l][i] *= activation_slope(ntk, l, p->before[l][i]);
        for (size_t s = 0; s < layer->source_count; ++s) {
            const struct weights *w = &ntk->sources[l][s];
            int from = layer->sources[s].layer;
            if (from == SOURCE_INPUT) continue;
            linalg_gemm_f64(AS_IS, TRANSPOSED, p->rows, w->fan_in, w->units, 1.0, p->delta[l], w->units, w->values,
                            w->units, 1.0, p->delta[from], w->fan_in);
        }
    }
}

static strata_status passes_create(strata_context *ctx, const struct dense_ntk *ntk, size_t n, const double *x,
                                   struct passes *p) {
    *p = (struct passes){.rows = n};
    STRATA_TRY(passes_allocate(ctx, ntk, p));
    forward(ntk, x, p);
    return STRATA_OK;
}

/* ---- the kernel */

struct products {
    double *left, *right; /* [n, m]: delta.delta', a.a' */
    size_t n, m;
};

static void product(const struct products *w, size_t width, const double *a, const double *b, double *out) {
    linalg_gemm_f64(AS_IS, TRANSPOSED, w->n, w->m, width, 1.0, a, width, b, width, 0.0, out, w->m);
}

/* out += factor left right; `right` NULL: 1. */
static void add_product(const struct products *w, double factor, const double *left, const double *right, double *out) {
    for (size_t i = 0; i < w->n * w->m; ++i) out[i] += factor * left[i] * (right ? right[i] : 1);
}

/* The kernel of the output whose derivatives the passes hold. */
static void add_kernel(const struct dense_ntk *ntk, const struct passes *a, const struct passes *b,
                       const struct products *w, double *out) {
    const struct network *network = &ntk->network;
    for (size_t l = 0; l < network->layer_count; ++l) {
        const struct layer *layer = &network->layers[l];
        product(w, layer->width, a->delta[l], b->delta[l], w->left);
        for (size_t s = 0; s < layer->source_count; ++s) {
            int from = layer->sources[s].layer;
            product(w, ntk->sources[l][s].fan_in, source_values(a, from), source_values(b, from), w->right);
            add_product(w, ntk->sources[l][s].factor, w->left, w->right, out);
        }
        if (layer->bias) add_product(w, ntk->bias[l].factor, w->left, NULL, out);
        if (!layer->readout) continue;
        product(w, layer->width, a->after[l], b->after[l], w->right);
        add_product(w, ntk->readout[l].factor, w->right, NULL, out);
    }
    for (size_t i = 0; i < w->n * w->m; ++i) out[i] += ntk->output_bias_factor;
}

strata_status dense_ntk_gram(strata_context *ctx, const struct dense_ntk *ntk, size_t output, size_t n, const double *x,
                             size_t m, const double *z, double *out) {
    size_t outputs = ntk->network.outputs, first = output == SIZE_MAX ? 0 : output,
           end = output == SIZE_MAX ? outputs : output + 1;
    if (first >= outputs)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "tangent kernel: output %zu of %zu", output, outputs);
    strata_status status = STRATA_OK;
    struct passes a = {0}, b = {0};
    struct products work = {
        .left = mem_zero(n * m + 1, sizeof(double)), .right = mem_zero(n * m + 1, sizeof(double)), .n = n, .m = m};
    bool same = x == z && n == m;
    if (!work.left || !work.right) {
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a tangent kernel of %zu x %zu", n, m);
        goto cleanup;
    }
    STRATA_GO(passes_create(ctx, ntk, n, x, &a));
    if (!same) STRATA_GO(passes_create(ctx, ntk, m, z, &b));
    memset(out, 0, n * m * sizeof *out);
    for (size_t c = first; c < end; ++c) {
        backward(ntk, c, &a);
        if (!same) backward(ntk, c, &b);
        add_kernel(ntk, &a, same ? &a : &b, &work, out);
    }
    for (size_t i = 0; i < n * m; ++i) out[i] /= (double)(end - first);
cleanup:
    mem_free(work.left);
    mem_free(work.right);
    passes_destroy(&a);
    passes_destroy(&b);
    return status;
}

/* ---- random networks in tangent scaling: weights sd w with w = sqrt(variance / fan-in) times what is trained */

struct sampler {
    struct rng_stream stream;
    double weight_variance, bias_variance;
};

static strata_status sample(strata_context *ctx, void *user, const char *name, size_t count, double *values) {
    const struct sampler *sampler = user;
    (void)ctx;
    rng_normal_f64(rng_stream_sub(sampler->stream, rng_hash(name)), count, values);
    return STRATA_OK;
}

static void scale(struct weights *weights, double variance) {
    for (size_t i = 0; i < weights->fan_in * weights->units; ++i) weights->values[i] *= sqrt(variance);
    weights->factor = variance;
}

/* Hidden layers with biases, a readout of the last; all draws of unit variance until scaled. */
static struct network finite_network(const struct kernel *kernel, size_t width) {
    size_t layers = (size_t)kernel_parameter(kernel, "layers");
    struct network network = {.kind = "mlp", .inputs = kernel->dimension, .outputs = 1, .layer_count = layers};
    for (size_t l = 0; l < layers; ++l) {
        network.layers[l] = (struct layer){.width = width, .bias = true, .source_count = 1, .readout = l + 1 == layers};
        network.layers[l].sources[0].layer = (int)l - 1;
    }
    return network;
}

strata_status finite_ntk_gram(strata_context *ctx, const struct kernel *kernel, size_t width, bool mean_field,
                              struct rng_stream stream, size_t n, const double *x, double *out) {
    if (strcmp(kernel->class_->name, "ntk") != 0 || kernel_parameter(kernel, "skip") > 0 ||
        kernel_parameter(kernel, "readout") > 0 || kernel_parameter(kernel, "train_input") < 1 ||
        kernel_parameter(kernel, "train_readout") < 1 || kernel_parameter(kernel, "layers") > NETWORK_MAX_LAYERS)
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED,
                           "finite tangent kernel: expected a kernel 'ntk' of at most %d layers, all trained, without "
                           "residual layers",
                           NETWORK_MAX_LAYERS);
    struct sampler sampler = {stream, kernel_parameter(kernel, "weight_variance"),
                              kernel_parameter(kernel, "bias_variance")};
    struct network network = finite_network(kernel, width);
    struct dense_ntk *ntk;
    double shrink = mean_field ? 1 / (double)width : 1;
    STRATA_TRY(dense_ntk_create(ctx, &network, sample, &sampler, &ntk));
    ntk->functions = &kernel->dual;
    for (size_t l = 0; l < network.layer_count; ++l) {
        scale(&ntk->sources[l][0], sampler.weight_variance / (double)ntk->sources[l][0].fan_in);
        scale(&ntk->bias[l], sampler.bias_variance);
    }
    scale(&ntk->readout[network.layer_count - 1], shrink * sampler.weight_variance / (double)width);
    ntk->output_bias_factor = shrink * sampler.bias_variance;
    strata_status status = dense_ntk_gram(ctx, ntk, 0, n, x, n, x, out);
    dense_ntk_destroy(ntk);
    return status;
}
