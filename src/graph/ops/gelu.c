/* SPDX-License-Identifier: MIT */
/*
 * y = x Phi(x), Phi the standard normal distribution function (the exact GELU, not its tanh fit),
 * elementwise on any shape. No attributes. y' = Phi(x) + x phi(x).
 * Source: Hendrycks & Gimpel 2016.
 */
#include "graph/op.h"
#include "graph/ops/vector_math.h"
#include "graph/real.h"

static inline real unary_value(real x, const real *number) {
    (void)number;
    return x * real_normal_cdf(x);
}

static inline real unary_slope(real x, const real *number) {
    (void)number;
    return real_normal_cdf(x) + x * (REAL_CONSTANT(0.39894228040143267794) * real_exp(REAL_CONSTANT(-0.5) * x * x));
}

#define UNARY_READS  OP_READS_INPUTS
#define UNARY_ADJUST NULL
#include "graph/ops/unary.h"

const struct op_class OP_CLASS(gelu) = {
    .name = "gelu",
    .formula = "y = x Phi(x)",
    UNARY_RULES,
};
