/* SPDX-License-Identifier: MIT */
/*
 * The body of an elementwise op y = f(x) of any shape, batched or not. An op file first defines
 *
 *     static inline real unary_value(real x, const real *number);   f(x)
 *     static inline real unary_slope(real v, const real *number);   f', from v = x or v = y:
 *     #define UNARY_READS OP_READS_INPUTS                           or OP_READS_OUTPUT
 *     #define UNARY_ADJUST NULL                                     or what moves probes off the kinks
 *
 * and then includes this file. `number` holds the first two attributes. One include per op file.
 */
#include "graph/ops/kernels.h"

static strata_status unary_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                 const struct shape *const *inputs, struct shape *output) {
    (void)ctx, (void)attributes, (void)count;
    *output = *inputs[0];
    return STRATA_OK;
}

static void unary_map(size_t count, const real *number, const real *restrict x, real *restrict y) {
    for (size_t i = 0; i < count; ++i) y[i] = unary_value(x[i], number);
}

/* target (+)= f' * source: both the tangent and the backward rule of an elementwise op. */
static void unary_push(size_t count, const real *number, const real *restrict from, const real *restrict source,
                       bool keep, real *restrict target) {
    if (keep)
        for (size_t i = 0; i < count; ++i) target[i] += source[i] * unary_slope(from[i], number);
    else
        for (size_t i = 0; i < count; ++i) target[i] = source[i] * unary_slope(from[i], number);
}

static void unary_forward(const struct op_call *call) {
    const real number[2] = {(real)call->attributes->number[0], (real)call->attributes->number[1]};
    unary_map(call_size(call, call->output_shape), number, call->inputs[0], call->output);
}

static void unary_transport(const struct op_call *call, const real *source, bool keep, real *target) {
    const real number[2] = {(real)call->attributes->number[0], (real)call->attributes->number[1]};
    const unsigned reads = UNARY_READS;
    const real *from = reads == OP_READS_OUTPUT ? call->output : call->inputs[0];
    unary_push(call_size(call, call->output_shape), number, from, source, keep, target);
}

static void unary_tangent(const struct op_call *call) {
    if (call->input_tangents[0])
        unary_transport(call, call->input_tangents[0], false, call->output_tangent);
    else
        real_add_constant(call_size(call, call->output_shape), 0, false, call->output_tangent);
}

static void unary_backward(const struct op_call *call) {
    if (call->input_gradients[0]) unary_transport(call, call->output_gradient, call->keep[0], call->input_gradients[0]);
}

static const struct op_probe unary_probe[5] = {
    {.input_count = 1, .inputs = {{true, 1, {1}}}, .adjust = UNARY_ADJUST, .next = &unary_probe[1]},
    {.input_count = 1, .inputs = {{true, 1, {37}}}, .adjust = UNARY_ADJUST, .next = &unary_probe[2]},
    {.input_count = 1, .inputs = {{true, 2, {3, 5}}}, .adjust = UNARY_ADJUST, .next = &unary_probe[3]},
    {.input_count = 1, .inputs = {{false, 1, {13}}}, .adjust = UNARY_ADJUST, .next = &unary_probe[4]},
    {.input_count = 1, .inputs = {{false, 0, {0}}}, .adjust = UNARY_ADJUST},
};

/* For the op's class, beside its name and formula. */
#define UNARY_RULES                                                                                         \
    .min_inputs = 1, .max_inputs = 1, .reads = UNARY_READS, .shape = unary_shape, .forward = unary_forward, \
    .tangent = unary_tangent, .backward = unary_backward, .probe = unary_probe
