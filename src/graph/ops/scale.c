/* SPDX-License-Identifier: MIT */
/*
 * y = a x + b, elementwise on any shape; a = number[0], b = number[1], both finite.
 */
#include "graph/op.h"
#include "graph/real.h"

static inline real unary_value(real x, const real *number) { return number[0] * x + number[1]; }

static inline real unary_slope(real y, const real *number) {
    (void)y;
    return number[0];
}

#define UNARY_READS  0
#define UNARY_ADJUST NULL
#include "graph/ops/unary.h"

static strata_status scale_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                 const struct shape *const *inputs, struct shape *output) {
    const double *number = attributes->number;
    if (!isfinite(number[0]) || !isfinite(number[1]))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "scale: expected finite number[0] and number[1], found %g and %g",
                           number[0], number[1]);
    return unary_shape(ctx, attributes, count, inputs, output);
}

static const struct op_probe scale_probe[2] = {
    {.input_count = 1, .inputs = {{true, 1, {11}}}, .attributes = {.number = {-1.5, 0.25}}, .next = &scale_probe[1]},
    {.input_count = 1, .inputs = {{false, 1, {3}}}, .attributes = {.number = {0.3, -2}}, .next = unary_probe},
};

const struct op_class OP_CLASS(scale) = {
    .name = "scale",
    .formula = "y = a x + b",
    .min_inputs = 1,
    .max_inputs = 1,
    .reads = UNARY_READS,
    .shape = scale_shape,
    .forward = unary_forward,
    .tangent = unary_tangent,
    .backward = unary_backward,
    .probe = scale_probe,
};
