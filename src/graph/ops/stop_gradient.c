/* SPDX-License-Identifier: MIT */
/*
 * y = x on any shape, and nothing flows back: gradient and tangent are zero. No attributes.
 */
#include "graph/ops/kernels.h"

static strata_status stop_gradient_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                         const struct shape *const *inputs, struct shape *output) {
    (void)ctx, (void)attributes, (void)count;
    *output = *inputs[0];
    return STRATA_OK;
}

static void stop_gradient_forward(const struct op_call *call) {
    real_add(call_size(call, call->output_shape), 1, call->inputs[0], false, call->output);
}

static void stop_gradient_tangent(const struct op_call *call) {
    real_add_constant(call_size(call, call->output_shape), 0, false, call->output_tangent);
}

static void stop_gradient_backward(const struct op_call *call) {
    real *to = call->input_gradients[0];
    if (to && !call->keep[0]) real_add_constant(call_size(call, call->output_shape), 0, false, to);
}

static const struct op_probe stop_gradient_probe[2] = {
    {.input_count = 1, .inputs = {{true, 1, {7}}}, .next = &stop_gradient_probe[1]},
    {.input_count = 1, .inputs = {{false, 2, {3, 4}}}},
};

const struct op_class OP_CLASS(stop_gradient) = {
    .name = "stop_gradient",
    .formula = "y = x, dy/dx = 0",
    .min_inputs = 1,
    .max_inputs = 1,
    .stops_gradient = true,
    .shape = stop_gradient_shape,
    .forward = stop_gradient_forward,
    .tangent = stop_gradient_tangent,
    .backward = stop_gradient_backward,
    .probe = stop_gradient_probe,
};
