/* SPDX-License-Identifier: MIT */
/*
 * y = tanh(x), elementwise on any shape. No attributes. y' = 1 - y^2.
 */
#include "graph/op.h"
#include "graph/ops/vector_math.h"
#include "graph/real.h"

static inline real unary_value(real x, const real *number) {
    (void)number;
    return real_tanh(x);
}

static inline real unary_slope(real y, const real *number) {
    (void)number;
    return (1 - y) * (1 + y);
}

#define UNARY_READS  OP_READS_OUTPUT
#define UNARY_ADJUST NULL
#include "graph/ops/unary.h"

const struct op_class OP_CLASS(tanh) = {
    .name = "tanh",
    .formula = "y = tanh(x)",
    UNARY_RULES,
};
