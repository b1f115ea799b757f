/* SPDX-License-Identifier: MIT */
/*
 * Pictures with a frame: x [batch, C, H, W] to [batch, C, top + H + bottom, left + W + right]. size[0..3]: top, bottom,
 * left, right; number[0]: what the frame holds.
 */
#include "graph/ops/kernels.h"

static strata_status pad_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                               const struct shape *const *inputs, struct shape *output) {
    if (!inputs[0]->batched || inputs[0]->rank != 3) return op_refuse(ctx, "pad", count, inputs, "[batch, C, H, W]");
    *output = *inputs[0];
    for (size_t i = 0; i < 4; ++i) {
        if (attributes->size[i] > 65536) return op_refuse(ctx, "pad", count, inputs, "at most 65536 pixels on a side");
        output->dims[1 + i / 2] += attributes->size[i];
    }
    return STRATA_OK;
}

static void fill_framed(const struct op_call *call, const real *x, real frame, real *y) {
    const struct shape *in = call->input_shapes[0], *out = call->output_shape;
    const size_t *size = call->attributes->size;
    for (size_t line = 0; line < call->rows * out->dims[0] * out->dims[1]; ++line, y += out->dims[2]) {
        size_t place = line % out->dims[1], plane = line / out->dims[1];
        bool inside = x && place >= size[0] && place - size[0] < in->dims[1];
        real_add_constant(inside ? size[2] : out->dims[2], frame, false, y);
        if (!inside) continue;
        real_add(in->dims[2], 1, x + (plane * in->dims[1] + place - size[0]) * in->dims[2], false, y + size[2]);
        real_add_constant(size[3], frame, false, y + size[2] + in->dims[2]);
    }
}

static void pad_forward(const struct op_call *call) {
    fill_framed(call, call->inputs[0], (real)call->attributes->number[0], call->output);
}

static void pad_tangent(const struct op_call *call) {
    fill_framed(call, call->input_tangents[0], 0, call->output_tangent);
}

static void pad_backward(const struct op_call *call) {
    const struct shape *in = call->input_shapes[0], *out = call->output_shape;
    const size_t *size = call->attributes->size;
    const real *grad = call->output_gradient;
    real *to = call->input_gradients[0];
    for (size_t line = 0; to && line < call->rows * in->dims[0] * in->dims[1]; ++line) {
        size_t framed = line / in->dims[1] * out->dims[1] + size[0] + line % in->dims[1];
        real_add(in->dims[2], 1, grad + framed * out->dims[2] + size[2], call->keep[0], to + line * in->dims[2]);
    }
}

static const struct op_probe pad_probe[3] = {
    {.input_count = 1,
     .inputs = {{true, 3, {2, 3, 5}}},
     .attributes = {.number = {0.5}, .size = {1, 0, 2, 3}},
     .next = &pad_probe[1]},
    {.input_count = 1, .inputs = {{true, 3, {3, 1, 1}}}, .attributes = {.size = {0, 2, 0, 1}}, .next = &pad_probe[2]},
    {.input_count = 1, .inputs = {{true, 3, {1, 2, 2}}}},
};

const struct op_class OP_CLASS(pad) = {
    .name = "pad",
    .formula = "y = x inside a frame of number[0]",
    .min_inputs = 1,
    .max_inputs = 1,
    .shape = pad_shape,
    .forward = pad_forward,
    .tangent = pad_tangent,
    .backward = pad_backward,
    .probe = pad_probe,
};
