/* SPDX-License-Identifier: MIT */
/*
 * y = [x_1 | ... | x_k], 2 <= k <= 12, batched rows [n_i] side by side: [n_1 + ... + n_k]. No attributes.
 */
#include "graph/ops/kernels.h"

static strata_status concat_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                  const struct shape *const *inputs, struct shape *output) {
    (void)attributes;
    size_t width = 0;
    for (size_t i = 0; i < count; ++i) {
        if (!inputs[i]->batched || inputs[i]->rank != 1)
            return op_refuse(ctx, "concat", count, inputs, "batched rows [batch, n_i]");
        if (inputs[i]->dims[0] > SIZE_MAX - width)
            return strata_fail(ctx, STRATA_ERR_TOO_LARGE,
                               "concat: expected a width that fits size_t, found more at input %zu", i);
        width += inputs[i]->dims[0];
    }
    *output = shape_rows(width);
    return STRATA_OK;
}

/* Copies one input into its columns of the output; from NULL = zero. */
static void concat_place(const struct op_call *call, size_t begin, size_t width, const real *from, real *y) {
    size_t total = call->output_shape->dims[0];
    for (size_t row = 0; row < call->rows; ++row) {
        if (from)
            real_add(width, 1, from + row * width, false, y + row * total + begin);
        else
            real_add_constant(width, 0, false, y + row * total + begin);
    }
}

static void concat_all(const struct op_call *call, const void *const *from, real *y) {
    size_t begin = 0;
    for (size_t i = 0; i < call->input_count; ++i) {
        size_t width = call->input_shapes[i]->dims[0];
        concat_place(call, begin, width, from[i], y);
        begin += width;
    }
}

static void concat_forward(const struct op_call *call) { concat_all(call, call->inputs, call->output); }

static void concat_tangent(const struct op_call *call) { concat_all(call, call->input_tangents, call->output_tangent); }

static void concat_backward(const struct op_call *call) {
    const real *g = call->output_gradient;
    size_t total = call->output_shape->dims[0], begin = 0;
    for (size_t i = 0; i < call->input_count; ++i) {
        size_t width = call->input_shapes[i]->dims[0];
        real *to = call->input_gradients[i];
        for (size_t row = 0; to && row < call->rows; ++row)
            real_add(width, 1, g + row * total + begin, call->keep[i], to + row * width);
        begin += width;
    }
}

static const struct op_probe concat_probe[3] = {
    {.input_count = 2, .inputs = {{true, 1, {1}}, {true, 1, {1}}}, .next = &concat_probe[1]},
    {.input_count = 2, .inputs = {{true, 1, {13}}, {true, 1, {5}}}, .next = &concat_probe[2]},
    {.input_count = 4, .inputs = {{true, 1, {2}}, {true, 1, {1}}, {true, 1, {31}}, {true, 1, {3}}}},
};

const struct op_class OP_CLASS(concat) = {
    .name = "concat",
    .formula = "y = [x_1 | ... | x_k]",
    .min_inputs = 2,
    .max_inputs = OP_MAX_INPUTS,
    .shape = concat_shape,
    .forward = concat_forward,
    .tangent = concat_tangent,
    .backward = concat_backward,
    .probe = concat_probe,
};
