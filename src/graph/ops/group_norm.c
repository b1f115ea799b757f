/* SPDX-License-Identifier: MIT */
/*
 * Numbers of a group of channels of one row, brought to mean 0 and variance 1, then scale[c] z + shift[c].
 * Inputs: x [batch, C, ...], scale [C], shift [C]. size[0]: groups (0: 1, layer normalisation over channels and pixels;
 * C is instance normalisation); number[0]: added to the variance (0: 1e-5). Source: Wu & He, ECCV 2018.
 */
#include "graph/ops/kernels.h"

struct groups {
    size_t count, channels, pixels; /* of a row, of a group, of a channel */
    double epsilon;
};

static struct groups groups_of(const struct op_attributes *attributes, const struct shape *x) {
    struct groups g = {.count = attributes->size[0] ? attributes->size[0] : 1,
                       .epsilon = attributes->number[0] > 0 ? attributes->number[0] : 1e-5};
    g.channels = x->dims[0] / g.count;
    g.pixels = shape_size(x) / x->dims[0];
    return g;
}

static strata_status group_norm_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                      const struct shape *const *inputs, struct shape *output) {
    const struct shape *x = inputs[0];
    if (!x->batched || x->rank < 1 || shape_size(x) == 0)
        return op_refuse(ctx, "group_norm", count, inputs, "[batch, C, ...]");
    size_t groups = attributes->size[0] ? attributes->size[0] : 1;
    if (x->dims[0] % groups) return op_refuse(ctx, "group_norm", count, inputs, "groups that divide the channels");
    for (size_t i = 1; i < 3; ++i)
        if (inputs[i]->batched || inputs[i]->rank != 1 || inputs[i]->dims[0] != x->dims[0])
            return op_refuse(ctx, "group_norm", count, inputs, "a scale and a shift for every channel");
    *output = *x;
    return STRATA_OK;
}

static void statistics(size_t count, const real *x, double epsilon, double *mean, double *inverse) {
    double sum = real_sum(count, x) / (double)count, square = 0;
    for (size_t i = 0; i < count; ++i) square += ((double)x[i] - sum) * ((double)x[i] - sum);
    *mean = sum;
    *inverse = 1 / sqrt(square / (double)count + epsilon);
}

static void group_norm_forward(const struct op_call *call) {
    struct groups g = groups_of(call->attributes, call->input_shapes[0]);
    const real *x = call->inputs[0], *scale = call->inputs[1], *shift = call->inputs[2];
    size_t size = g.channels * g.pixels;
    real *y = call->output;
    for (size_t k = 0; k < call->rows * g.count; ++k, x += size, y += size) {
        double mean, inverse;
        size_t first = k % g.count * g.channels;
        statistics(size, x, g.epsilon, &mean, &inverse);
        for (size_t i = 0; i < size; ++i) {
            size_t c = first + i / g.pixels;
            y[i] = scale[c] * (real)(((double)x[i] - mean) * inverse) + shift[c];
        }
    }
}

/* With z the normalised numbers: dz = (dx - mean(dx) - z mean(z dx)) / sd. */
static void group_norm_tangent(const struct op_call *call) {
    struct groups g = groups_of(call->attributes, call->input_shapes[0]);
    const real *x = call->inputs[0], *scale = call->inputs[1], *tx = call->input_tangents[0],
               *tscale = call->input_tangents[1], *tshift = call->input_tangents[2];
    size_t size = g.channels * g.pixels;
    real *ty = call->output_tangent;
    for (size_t k = 0; k < call->rows * g.count; ++k, x += size, ty += size, tx += tx ? size : 0) {
        double mean, inverse, tangent_mean = 0, along = 0;
        size_t first = k % g.count * g.channels;
        statistics(size, x, g.epsilon, &mean, &inverse);
        for (size_t i = 0; tx && i < size; ++i) {
            tangent_mean += (double)tx[i] / (double)size;
            along += ((double)x[i] - mean) * inverse * (double)tx[i] / (double)size;
        }
        for (size_t i = 0; i < size; ++i) {
            size_t c = first + i / g.pixels;
            double z = ((double)x[i] - mean) * inverse,
                   tz = tx ? ((double)tx[i] - tangent_mean - z * along) * inverse : 0;
            ty[i] = (real)((double)scale[c] * tz + (tscale ? (double)tscale[c] * z : 0) +
                           (tshift ? (double)tshift[c] : 0));
        }
    }
}

static void to_input(const struct op_call *call, const struct groups *g, size_t k, double mean, double inverse) {
    size_t size = g->channels * g->pixels, first = k % g->count * g->channels;
    const real *x = (const real *)call->inputs[0] + k * size, *grad = (const real *)call->output_gradient + k * size,
               *scale = call->inputs[1];
    real *to = (real *)call->input_gradients[0] + k * size;
    double total = 0, along = 0;
    for (size_t i = 0; i < size; ++i) {
        double d = (double)grad[i] * (double)scale[first + i / g->pixels];
        total += d / (double)size;
        along += d * ((double)x[i] - mean) * inverse / (double)size;
    }
    for (size_t i = 0; i < size; ++i) {
        double d = (double)grad[i] * (double)scale[first + i / g->pixels], z = ((double)x[i] - mean) * inverse;
        to[i] = (call->keep[0] ? to[i] : 0) + (real)((d - total - z * along) * inverse);
    }
}

static void to_affine(const struct op_call *call, const struct groups *g, size_t k, double mean, double inverse) {
    size_t size = g->channels * g->pixels, first = k % g->count * g->channels;
    const real *x = (const real *)call->inputs[0] + k * size, *grad = (const real *)call->output_gradient + k * size;
    real *scale = call->input_gradients[1], *shift = call->input_gradients[2];
    for (size_t c = 0; c < g->channels; ++c) {
        double along = 0, total = 0;
        for (size_t i = c * g->pixels; i < (c + 1) * g->pixels; ++i) {
            along += (double)grad[i] * ((double)x[i] - mean) * inverse;
            total += (double)grad[i];
        }
        if (scale) scale[first + c] += (real)along;
        if (shift) shift[first + c] += (real)total;
    }
}

static void group_norm_backward(const struct op_call *call) {
    struct groups g = groups_of(call->attributes, call->input_shapes[0]);
    size_t size = g.channels * g.pixels, channels = g.count * g.channels;
    for (size_t i = 1; i < 3; ++i)
        if (call->input_gradients[i] && !call->keep[i]) real_add_constant(channels, 0, false, call->input_gradients[i]);
    for (size_t k = 0; k < call->rows * g.count; ++k) {
        double mean, inverse;
        statistics(size, (const real *)call->inputs[0] + k * size, g.epsilon, &mean, &inverse);
        if (call->input_gradients[0]) to_input(call, &g, k, mean, inverse);
        to_affine(call, &g, k, mean, inverse);
    }
}

static const struct op_probe group_norm_probe[3] = {
    {.input_count = 3,
     .inputs = {{true, 3, {4, 3, 5}}, {false, 1, {4}}, {false, 1, {4}}},
     .attributes = {.size = {2}},
     .next = &group_norm_probe[1]},
    {.input_count = 3, .inputs = {{true, 1, {11}}, {false, 1, {11}}, {false, 1, {11}}}, .next = &group_norm_probe[2]},
    {.input_count = 3,
     .inputs = {{true, 3, {3, 2, 2}}, {false, 1, {3}}, {false, 1, {3}}},
     .attributes = {.number = {.1}, .size = {3}}},
};

const struct op_class OP_CLASS(group_norm) = {
    .name = "group_norm",
    .formula = "y = scale[c] (x - mean) / sqrt(var + epsilon) + shift[c], over a group of channels",
    .min_inputs = 3,
    .max_inputs = 3,
    .reads = OP_READS_INPUTS,
    .shape = group_norm_shape,
    .forward = group_norm_forward,
    .tangent = group_norm_tangent,
    .backward = group_norm_backward,
    .probe = group_norm_probe,
};
