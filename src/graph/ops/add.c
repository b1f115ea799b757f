/* SPDX-License-Identifier: MIT */
/*
 * y = x_1 + ... + x_k, 2 <= k <= 12, equal row shapes; an unbatched input is added to every row of a
 * batched output. No attributes. The inputs are added in their order.
 */
#include "graph/ops/kernels.h"

static strata_status add_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                               const struct shape *const *inputs, struct shape *output) {
    (void)attributes;
    return op_shape_broadcast(ctx, "add", count, inputs, output);
}

/* y = sum of the non-NULL terms. Rows outermost, so that a row stays in cache while its terms are added. */
static void add_terms(const struct op_call *call, const void *const *terms, real *y) {
    size_t width = call_size(call, call->output_shape), rows = 1;
    for (size_t i = 0; i < call->input_count; ++i)
        if (call_broadcasts(call, i)) width = shape_size(call->output_shape), rows = call->rows;
    for (size_t row = 0; row < rows; ++row, y += width) {
        bool keep = false;
        for (size_t i = 0; i < call->input_count; ++i) {
            const real *term = terms[i];
            if (!term) continue;
            real_add(width, 1, call_broadcasts(call, i) ? term : term + row * width, keep, y);
            keep = true;
        }
        if (!keep) real_add_constant(width, 0, false, y);
    }
}

static void add_forward(const struct op_call *call) { add_terms(call, call->inputs, call->output); }

static void add_tangent(const struct op_call *call) { add_terms(call, call->input_tangents, call->output_tangent); }

static void add_backward(const struct op_call *call) {
    size_t size = shape_size(call->output_shape);
    for (size_t i = 0; i < call->input_count; ++i) {
        real *to = call->input_gradients[i];
        if (!to) continue;
        if (call_broadcasts(call, i))
            real_column_sum(call->rows, size, 1, NULL, call->output_gradient, call->keep[i], to);
        else
            real_add(call_size(call, call->output_shape), 1, call->output_gradient, call->keep[i], to);
    }
}

static void add_backward_rows(const struct op_call *call, const size_t *stride) {
    const real *g = call->output_gradient;
    size_t size = shape_size(call->output_shape);
    for (size_t i = 0; i < call->input_count; ++i) {
        real *to = call->input_gradients[i];
        size_t step = call_broadcasts(call, i) ? stride[i] : size;
        for (size_t row = 0; to && row < call->rows; ++row)
            real_add(size, 1, g + row * size, call->keep[i], to + row * step);
    }
}

static const struct op_probe add_probe[6] = {
    {.input_count = 2, .inputs = {{true, 1, {1}}, {true, 1, {1}}}, .next = &add_probe[1]},
    {.input_count = 3, .inputs = {{true, 1, {19}}, {true, 1, {19}}, {true, 1, {19}}}, .next = &add_probe[2]},
    {.input_count = 2, .inputs = {{true, 1, {67}}, {false, 1, {67}}}, .next = &add_probe[3]},
    {.input_count = 3, .inputs = {{false, 2, {2, 3}}, {true, 2, {2, 3}}, {false, 2, {2, 3}}}, .next = &add_probe[4]},
    {.input_count = 2, .inputs = {{false, 1, {7}}, {false, 1, {7}}}, .next = &add_probe[5]},
    {.input_count = 2, .inputs = {{false, 0, {0}}, {false, 0, {0}}}},
};

const struct op_class OP_CLASS(add) = {
    .name = "add",
    .formula = "y = x_1 + ... + x_k",
    .min_inputs = 2,
    .max_inputs = OP_MAX_INPUTS,
    .shape = add_shape,
    .forward = add_forward,
    .tangent = add_tangent,
    .backward = add_backward,
    .backward_rows = add_backward_rows,
    .probe = add_probe,
};
