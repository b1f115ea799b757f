/* SPDX-License-Identifier: MIT */
/*
 * y = erf(x) = 2 / sqrt(pi) * integral of exp(-t^2) from 0 to x, elementwise on any shape. No attributes.
 */
#include "graph/op.h"
#include "graph/ops/vector_math.h"
#include "graph/real.h"

static inline real unary_value(real x, const real *number) {
    (void)number;
    return real_erf(x);
}

static inline real unary_slope(real x, const real *number) {
    (void)number;
    return REAL_CONSTANT(1.12837916709551257390) * real_exp(-x * x);
}

#define UNARY_READS  OP_READS_INPUTS
#define UNARY_ADJUST NULL
#include "graph/ops/unary.h"

const struct op_class OP_CLASS(erf) = {
    .name = "erf",
    .formula = "y = erf(x)",
    UNARY_RULES,
};
