/* SPDX-License-Identifier: MIT */
/*
 * Training: y = x * keep / (1 - rate) with P(keep = 0) = rate = number[0] in [0, 1), on batched rows.
 * Otherwise y = x.
 *
 * Number j of row r is dropped by the random word j of the call's stream at index first_row + r, so the mask
 * depends neither on shards nor on the precision, and tangent and backward draw it again.
 */
#include "graph/ops/kernels.h"

enum { DROPOUT_CHUNK = 64 };

static strata_status dropout_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                   const struct shape *const *inputs, struct shape *output) {
    double rate = attributes->number[0];
    if (!(rate >= 0 && rate < 1))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "dropout: expected a rate number[0] in [0, 1), found %g", rate);
    if (!inputs[0]->batched) return op_refuse(ctx, "dropout", count, inputs, "batched rows");
    *output = *inputs[0];
    return STRATA_OK;
}

/* to (+)= mask * from / (1 - rate), over all rows. */
static void dropout_apply(const struct op_call *call, const real *restrict from, bool keep, real *restrict to) {
    double rate = call->attributes->number[0];
    size_t width = shape_size(call->output_shape);
    if (!call->training || rate == 0) {
        real_add(call->rows * width, 1, from, keep, to);
        return;
    }
    const double threshold = rate * 0x1p32;
    const real scale = (real)(1 / (1 - rate));
    for (size_t row = 0; row < call->rows; ++row, from += width, to += width) {
        struct rng_stream stream = rng_stream_at(call->stream, call->first_row + row);
        for (size_t begin = 0; begin < width; begin += DROPOUT_CHUNK) {
            size_t count = width - begin < DROPOUT_CHUNK ? width - begin : DROPOUT_CHUNK;
            uint32_t bits[DROPOUT_CHUNK];
            rng_bits(stream, begin, count, bits);
            for (size_t j = 0; j < count; ++j) {
                real old = keep ? to[begin + j] : 0;
                to[begin + j] = old + ((double)bits[j] < threshold ? 0 : scale * from[begin + j]);
            }
        }
    }
}

static void dropout_forward(const struct op_call *call) { dropout_apply(call, call->inputs[0], false, call->output); }

static void dropout_tangent(const struct op_call *call) {
    if (call->input_tangents[0])
        dropout_apply(call, call->input_tangents[0], false, call->output_tangent);
    else
        real_add_constant(call_size(call, call->output_shape), 0, false, call->output_tangent);
}

static void dropout_backward(const struct op_call *call) {
    if (call->input_gradients[0]) dropout_apply(call, call->output_gradient, call->keep[0], call->input_gradients[0]);
}

static const struct op_probe dropout_probe[3] = {
    {.input_count = 1, .inputs = {{true, 1, {1}}}, .attributes = {.number = {0.5}}, .next = &dropout_probe[1]},
    {.input_count = 1, .inputs = {{true, 1, {131}}}, .attributes = {.number = {0.3}}, .next = &dropout_probe[2]},
    {.input_count = 1, .inputs = {{true, 2, {3, 5}}}, .attributes = {.number = {0}}},
};

const struct op_class OP_CLASS(dropout) = {
    .name = "dropout",
    .draws = true,
    .formula = "y = x keep / (1 - rate)",
    .min_inputs = 1,
    .max_inputs = 1,
    .shape = dropout_shape,
    .forward = dropout_forward,
    .tangent = dropout_tangent,
    .backward = dropout_backward,
    .probe = dropout_probe,
};
