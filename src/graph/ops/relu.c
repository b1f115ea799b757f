/* SPDX-License-Identifier: MIT */
/*
 * y = max(x, 0), elementwise on any shape. No attributes. The slope at 0 is 0.
 */
#include "graph/op.h"
#include "graph/real.h"

static inline real unary_value(real x, const real *number) {
    (void)number;
    return x < 0 ? 0 : x; /* NaN stays NaN */
}

static inline real unary_slope(real y, const real *number) {
    (void)number;
    return y > 0 ? 1 : 0;
}

/* Away from the kink at 0. */
static void relu_adjust(size_t input, size_t count, double *values) {
    (void)input;
    for (size_t i = 0; i < count; ++i) values[i] += values[i] < 0 ? -0.1 : 0.1;
}

#define UNARY_READS  OP_READS_OUTPUT
#define UNARY_ADJUST relu_adjust
#include "graph/ops/unary.h"

const struct op_class OP_CLASS(relu) = {
    .name = "relu",
    .formula = "y = max(x, 0)",
    UNARY_RULES,
};
