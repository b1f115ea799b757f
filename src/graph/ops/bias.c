/* SPDX-License-Identifier: MIT */
/*
 * y = x + b with x [.., n] batched or not, b [n] unbatched, added along the last axis. No attributes.
 */
#include "graph/ops/kernels.h"

static strata_status bias_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                const struct shape *const *inputs, struct shape *output) {
    (void)attributes;
    const struct shape *x = inputs[0], *b = inputs[1];
    if (x->rank == 0 || b->batched || b->rank != 1 || b->dims[0] != shape_last(x))
        return op_refuse(ctx, "bias", count, inputs, "x [.., n] and an unbatched vector [n]");
    *output = *x;
    return STRATA_OK;
}

static size_t bias_lines(const struct op_call *call) {
    return call_size(call, call->output_shape) / shape_last(call->output_shape);
}

/* y[line, j] = x[line, j] + b[j]; x NULL = zero, b NULL = zero. */
static void bias_sum(size_t lines, size_t width, const real *restrict x, const real *restrict b, real *restrict y) {
    for (size_t line = 0; line < lines; ++line, y += width) {
        for (size_t j = 0; j < width; ++j) {
            real left = x ? x[line * width + j] : 0, right = b ? b[j] : 0;
            y[j] = left + right;
        }
    }
}

static void bias_forward(const struct op_call *call) {
    bias_sum(bias_lines(call), shape_last(call->output_shape), call->inputs[0], call->inputs[1], call->output);
}

static void bias_tangent(const struct op_call *call) {
    bias_sum(bias_lines(call), shape_last(call->output_shape), call->input_tangents[0], call->input_tangents[1],
             call->output_tangent);
}

static void bias_backward(const struct op_call *call) {
    const real *g = call->output_gradient;
    real *const *to = (real *const *)call->input_gradients;
    if (to[0]) real_add(call_size(call, call->output_shape), 1, g, call->keep[0], to[0]);
    if (to[1]) real_column_sum(bias_lines(call), shape_last(call->output_shape), 1, NULL, g, call->keep[1], to[1]);
}

static void bias_backward_rows(const struct op_call *call, const size_t *stride) {
    const real *g = call->output_gradient;
    real *const *to = (real *const *)call->input_gradients;
    size_t size = shape_size(call->output_shape), width = shape_last(call->output_shape);
    if (to[0]) real_add(call->rows * size, 1, g, call->keep[0], to[0]);
    for (size_t row = 0; to[1] && row < call->rows; ++row)
        real_column_sum(size / width, width, 1, NULL, g + row * size, call->keep[1], to[1] + row * stride[1]);
}

static const struct op_probe bias_probe[5] = {
    {.input_count = 2, .inputs = {{true, 1, {1}}, {false, 1, {1}}}, .next = &bias_probe[1]},
    {.input_count = 2, .inputs = {{true, 1, {17}}, {false, 1, {17}}}, .next = &bias_probe[2]},
    {.input_count = 2, .inputs = {{true, 1, {131}}, {false, 1, {131}}}, .next = &bias_probe[3]},
    {.input_count = 2, .inputs = {{true, 2, {3, 5}}, {false, 1, {5}}}, .next = &bias_probe[4]},
    {.input_count = 2, .inputs = {{false, 2, {4, 3}}, {false, 1, {3}}}},
};

const struct op_class OP_CLASS(bias) = {
    .name = "bias",
    .formula = "y = x + b",
    .min_inputs = 2,
    .max_inputs = 2,
    .shape = bias_shape,
    .forward = bias_forward,
    .tangent = bias_tangent,
    .backward = bias_backward,
    .backward_rows = bias_backward_rows,
    .probe = bias_probe,
};
