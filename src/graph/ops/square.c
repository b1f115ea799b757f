/* SPDX-License-Identifier: MIT */
/*
 * y = x^2 - number[1], elementwise on any shape; truncated where number[0] = B > 0: y = B^2 - number[1] with
 * slope 0 for |x| > B.
 * Source of the truncation: Allen-Zhu & Li 2020 (sigma(z) = z^2 made Lipschitz).
 */
#include "graph/op.h"
#include "graph/real.h"

static inline real unary_value(real x, const real *number) {
    real limit = number[0] > 0 ? number[0] : (real)INFINITY;
    return (REAL(fabs)(x) > limit ? limit * limit : x * x) - number[1]; /* NaN stays NaN */
}

static inline real unary_slope(real x, const real *number) {
    real limit = number[0] > 0 ? number[0] : (real)INFINITY;
    return REAL(fabs)(x) > limit ? 0 : 2 * x;
}

#define UNARY_READS  OP_READS_INPUTS
#define UNARY_ADJUST NULL
#include "graph/ops/unary.h"

static strata_status square_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                  const struct shape *const *inputs, struct shape *output) {
    double limit = attributes->number[0], offset = attributes->number[1];
    if (!(limit >= 0))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "square: expected a truncation number[0] >= 0 (0 = none), found %g", limit);
    if (!isfinite(offset))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "square: expected a finite offset number[1], found %g", offset);
    return unary_shape(ctx, attributes, count, inputs, output);
}

/* Away from the kinks at |x| = 1. */
static void square_adjust(size_t input, size_t count, double *values) {
    (void)input;
    for (size_t i = 0; i < count; ++i)
        if (fabs(fabs(values[i]) - 1) < 0.1) values[i] *= 1.25;
}

static const struct op_probe square_probe[2] = {
    {.input_count = 1,
     .inputs = {{true, 1, {23}}},
     .attributes = {.number = {1, 0.5}},
     .adjust = square_adjust,
     .next = &square_probe[1]},
    {.input_count = 1,
     .inputs = {{false, 2, {4, 7}}},
     .attributes = {.number = {1}},
     .adjust = square_adjust,
     .next = unary_probe},
};

const struct op_class OP_CLASS(square) = {
    .name = "square",
    .formula = "y = min(|x|, B)^2 - c",
    .min_inputs = 1,
    .max_inputs = 1,
    .reads = UNARY_READS,
    .shape = square_shape,
    .forward = unary_forward,
    .tangent = unary_tangent,
    .backward = unary_backward,
    .probe = square_probe,
};
