/* SPDX-License-Identifier: MIT */
/*
 * The body of y = REDUCE_SCALE(call, x_shape) * sum of all numbers of x, output []. An op file defines
 * that scale (a double) and includes this file once.
 */
#include "graph/ops/kernels.h"

static strata_status reduce_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                  const struct shape *const *inputs, struct shape *output) {
    (void)ctx, (void)attributes, (void)count, (void)inputs;
    *output = shape_scalar();
    return STRATA_OK;
}

static void reduce_into(const struct op_call *call, const real *x, real *y) {
    const struct shape *shape = call->input_shapes[0];
    *y = x ? (real)(REDUCE_SCALE(call, shape) * real_sum(call_size(call, shape), x)) : 0;
}

static void reduce_forward(const struct op_call *call) { reduce_into(call, call->inputs[0], call->output); }

static void reduce_tangent(const struct op_call *call) {
    reduce_into(call, call->input_tangents[0], call->output_tangent);
}

static void reduce_backward(const struct op_call *call) {
    const struct shape *shape = call->input_shapes[0];
    const real *g = call->output_gradient;
    if (call->input_gradients[0])
        real_add_constant(call_size(call, shape), (real)(REDUCE_SCALE(call, shape) * (double)*g), call->keep[0],
                          call->input_gradients[0]);
}

static const struct op_probe reduce_probe[4] = {
    {.input_count = 1, .inputs = {{true, 1, {1}}}, .next = &reduce_probe[1]},
    {.input_count = 1, .inputs = {{true, 1, {29}}}, .next = &reduce_probe[2]},
    {.input_count = 1, .inputs = {{true, 2, {2, 7}}}, .next = &reduce_probe[3]},
    {.input_count = 1, .inputs = {{false, 2, {3, 17}}}},
};

/* For the op's class, beside its name and formula. */
#define REDUCE_RULES                                                                                          \
    .min_inputs = 1, .max_inputs = 1, .reduces_rows = true, .shape = reduce_shape, .forward = reduce_forward, \
    .tangent = reduce_tangent, .backward = reduce_backward, .probe = reduce_probe
