/* SPDX-License-Identifier: MIT */
/*
 * y = the same numbers as rows of other dims: size[0] is the rank (1 to 4), size[1..] the dims, whose product is that
 * of the row's. Flattening a picture is rank 1.
 */
#include "graph/ops/kernels.h"

static strata_status reshape_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                   const struct shape *const *inputs, struct shape *output) {
    size_t rank = attributes->size[0], size = 1;
    if (rank < 1 || rank > SHAPE_MAX_RANK) return op_refuse(ctx, "reshape", count, inputs, "size[0] from 1 to 4");
    *output = (struct shape){.batched = inputs[0]->batched, .rank = (unsigned)rank};
    for (size_t i = 0; i < rank; ++i) size *= output->dims[i] = attributes->size[1 + i];
    if (size != shape_size(inputs[0])) return op_refuse(ctx, "reshape", count, inputs, "as many numbers as size[1..]");
    return STRATA_OK;
}

static void reshape_forward(const struct op_call *call) {
    real_add(call_size(call, call->output_shape), 1, call->inputs[0], false, call->output);
}

static void reshape_tangent(const struct op_call *call) {
    if (call->input_tangents[0])
        real_add(call_size(call, call->output_shape), 1, call->input_tangents[0], false, call->output_tangent);
    else
        real_add_constant(call_size(call, call->output_shape), 0, false, call->output_tangent);
}

static void reshape_backward(const struct op_call *call) {
    if (call->input_gradients[0])
        real_add(call_size(call, call->output_shape), 1, call->output_gradient, call->keep[0],
                 call->input_gradients[0]);
}

static const struct op_probe reshape_probe[2] = {
    {.input_count = 1, .inputs = {{true, 3, {2, 3, 5}}}, .attributes = {.size = {1, 30}}, .next = &reshape_probe[1]},
    {.input_count = 1, .inputs = {{true, 1, {12}}}, .attributes = {.size = {3, 3, 2, 2}}},
};

const struct op_class OP_CLASS(reshape) = {
    .name = "reshape",
    .formula = "y = x in other dims",
    .min_inputs = 1,
    .max_inputs = 1,
    .shape = reshape_shape,
    .forward = reshape_forward,
    .tangent = reshape_tangent,
    .backward = reshape_backward,
    .probe = reshape_probe,
};
