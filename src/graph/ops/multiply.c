/* SPDX-License-Identifier: MIT */
/*
 * y = x_1 x_2 elementwise, equal row shapes; an unbatched factor multiplies every row of a batched
 * output. No attributes.
 */
#include "graph/ops/kernels.h"

static strata_status multiply_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                    const struct shape *const *inputs, struct shape *output) {
    (void)attributes;
    return op_shape_broadcast(ctx, "multiply", count, inputs, output);
}

/* y (+)= a x_i, row by row only where x_i or a (the value of input `other`) is broadcast. */
static void multiply_by(const struct op_call *call, const real *a, size_t other, const real *x, size_t i, bool keep,
                        real *y) {
    bool rowwise = call_broadcasts(call, i) || call_broadcasts(call, other);
    size_t width = rowwise ? shape_size(call->output_shape) : call_size(call, call->output_shape);
    size_t rows = rowwise ? call->rows : 1;
    size_t a_step = call_broadcasts(call, other) ? 0 : width, x_step = call_broadcasts(call, i) ? 0 : width;
    for (size_t row = 0; row < rows; ++row)
        real_add_product(width, a + row * a_step, x + row * x_step, keep, y + row * width);
}

static void multiply_forward(const struct op_call *call) {
    multiply_by(call, call->inputs[1], 1, call->inputs[0], 0, false, call->output);
}

static void multiply_tangent(const struct op_call *call) {
    bool keep = false;
    for (size_t i = 0; i < 2; ++i) {
        if (!call->input_tangents[i]) continue;
        multiply_by(call, call->inputs[1 - i], 1 - i, call->input_tangents[i], i, keep, call->output_tangent);
        keep = true;
    }
    if (!keep) real_add_constant(call_size(call, call->output_shape), 0, false, call->output_tangent);
}

/* to (+)= g * other, for an input that has the output's shape. */
static void multiply_gradient(const struct op_call *call, size_t other, bool keep, real *to) {
    const real *g = call->output_gradient, *a = call->inputs[other];
    if (!call_broadcasts(call, other)) {
        real_add_product(call_size(call, call->output_shape), g, a, keep, to);
        return;
    }
    size_t size = shape_size(call->output_shape);
    for (size_t row = 0; row < call->rows; ++row) real_add_product(size, g + row * size, a, keep, to + row * size);
}

static void multiply_backward(const struct op_call *call) {
    for (size_t i = 0; i < 2; ++i) {
        real *to = call->input_gradients[i];
        if (!to) continue;
        if (call_broadcasts(call, i))
            real_column_product(call->rows, shape_size(call->output_shape), call->output_gradient, call->inputs[1 - i],
                                NULL, call->keep[i], to);
        else
            multiply_gradient(call, 1 - i, call->keep[i], to);
    }
}

static void multiply_backward_rows(const struct op_call *call, const size_t *stride) {
    const real *g = call->output_gradient;
    size_t size = shape_size(call->output_shape);
    for (size_t i = 0; i < 2; ++i) {
        real *to = call->input_gradients[i];
        const real *a = call->inputs[1 - i];
        if (!to) continue;
        if (!call_broadcasts(call, i)) {
            multiply_gradient(call, 1 - i, call->keep[i], to);
            continue;
        }
        for (size_t row = 0; row < call->rows; ++row)
            real_add_product(size, g + row * size, a + row * size, call->keep[i], to + row * stride[i]);
    }
}

static const struct op_probe multiply_probe[6] = {
    {.input_count = 2, .inputs = {{true, 1, {1}}, {true, 1, {1}}}, .next = &multiply_probe[1]},
    {.input_count = 2, .inputs = {{true, 1, {23}}, {true, 1, {23}}}, .next = &multiply_probe[2]},
    {.input_count = 2, .inputs = {{true, 1, {71}}, {false, 1, {71}}}, .next = &multiply_probe[3]},
    {.input_count = 2, .inputs = {{false, 2, {3, 2}}, {true, 2, {3, 2}}}, .next = &multiply_probe[4]},
    {.input_count = 2, .inputs = {{false, 1, {5}}, {false, 1, {5}}}, .next = &multiply_probe[5]},
    {.input_count = 2, .inputs = {{false, 1, {1}}, {true, 1, {1}}}},
};

const struct op_class OP_CLASS(multiply) = {
    .name = "multiply",
    .formula = "y = x_1 x_2",
    .min_inputs = 2,
    .max_inputs = 2,
    .reads = OP_READS_INPUTS,
    .shape = multiply_shape,
    .forward = multiply_forward,
    .tangent = multiply_tangent,
    .backward = multiply_backward,
    .backward_rows = multiply_backward_rows,
    .probe = multiply_probe,
};
