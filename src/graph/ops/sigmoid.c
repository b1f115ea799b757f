/* SPDX-License-Identifier: MIT */
/*
 * y = 1 / (1 + exp(-x)), elementwise on any shape. No attributes. y' = y (1 - y).
 */
#include "graph/op.h"
#include "graph/ops/vector_math.h"
#include "graph/real.h"

static inline real unary_value(real x, const real *number) {
    (void)number;
    return 1 / (1 + real_exp(-x));
}

static inline real unary_slope(real y, const real *number) {
    (void)number;
    return y * (1 - y);
}

#define UNARY_READS  OP_READS_OUTPUT
#define UNARY_ADJUST NULL
#include "graph/ops/unary.h"

const struct op_class OP_CLASS(sigmoid) = {
    .name = "sigmoid",
    .formula = "y = 1 / (1 + exp(-x))",
    UNARY_RULES,
};
