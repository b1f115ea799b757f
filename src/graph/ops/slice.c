/* SPDX-License-Identifier: MIT */
/*
 * y = x[begin .. begin + count) on the only axis of a row [n] or of an unbatched vector [n];
 * begin = size[0], count = size[1] >= 1.
 */
#include "graph/ops/kernels.h"

static strata_status slice_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                 const struct shape *const *inputs, struct shape *output) {
    size_t begin = attributes->size[0], width = attributes->size[1];
    const struct shape *x = inputs[0];
    if (x->rank != 1) return op_refuse(ctx, "slice", count, inputs, "rows or a vector of rank 1");
    if (width == 0 || begin > x->dims[0] || width > x->dims[0] - begin) {
        char text[SHAPE_TEXT_SIZE];
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "slice: expected size[0] (begin) + size[1] (count >= 1) within %s, found %zu + %zu",
                           shape_text(x, text), begin, width);
    }
    *output = *x;
    output->dims[0] = width;
    return STRATA_OK;
}

static void slice_copy(const struct op_call *call, const real *x, real *y) {
    size_t total = call->input_shapes[0]->dims[0], begin = call->attributes->size[0], width = call->attributes->size[1];
    size_t lines = call_size(call, call->output_shape) / width;
    for (size_t line = 0; line < lines; ++line) real_add(width, 1, x + line * total + begin, false, y + line * width);
}

static void slice_forward(const struct op_call *call) { slice_copy(call, call->inputs[0], call->output); }

static void slice_tangent(const struct op_call *call) {
    if (call->input_tangents[0])
        slice_copy(call, call->input_tangents[0], call->output_tangent);
    else
        real_add_constant(call_size(call, call->output_shape), 0, false, call->output_tangent);
}

static void slice_backward(const struct op_call *call) {
    const real *g = call->output_gradient;
    real *to = call->input_gradients[0];
    size_t total = call->input_shapes[0]->dims[0], begin = call->attributes->size[0], width = call->attributes->size[1];
    size_t lines = call_size(call, call->output_shape) / width;
    if (!to) return;
    if (!call->keep[0]) real_add_constant(lines * total, 0, false, to);
    for (size_t line = 0; line < lines; ++line) real_add(width, 1, g + line * width, true, to + line * total + begin);
}

static const struct op_probe slice_probe[4] = {
    {.input_count = 1, .inputs = {{true, 1, {1}}}, .attributes = {.size = {0, 1}}, .next = &slice_probe[1]},
    {.input_count = 1, .inputs = {{true, 1, {19}}}, .attributes = {.size = {7, 5}}, .next = &slice_probe[2]},
    {.input_count = 1, .inputs = {{true, 1, {19}}}, .attributes = {.size = {18, 1}}, .next = &slice_probe[3]},
    {.input_count = 1, .inputs = {{false, 1, {11}}}, .attributes = {.size = {2, 9}}},
};

const struct op_class OP_CLASS(slice) = {
    .name = "slice",
    .formula = "y = x[begin .. begin + count)",
    .min_inputs = 1,
    .max_inputs = 1,
    .shape = slice_shape,
    .forward = slice_forward,
    .tangent = slice_tangent,
    .backward = slice_backward,
    .probe = slice_probe,
};
