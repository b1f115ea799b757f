/* SPDX-License-Identifier: MIT */
/*
 * y = log(1 + exp(z)) - t z, the logistic loss of logit z [rows, 1] for label t [rows, 1], t in [0, 1]
 * (0 or 1 as a rule) -> [rows, 1]. No attributes.
 *
 * Stable: log(1 + exp(z)) = max(z, 0) + log1p(exp(-|z|)); dy/dz = (1 - t) s(z) - t s(-z), s the
 * sigmoid, does not cancel where the label is nearly certain. dy/dt = -z.
 */
#include "graph/ops/kernels.h"

static strata_status logistic_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                    const struct shape *const *inputs, struct shape *output) {
    (void)attributes;
    const struct shape rows = shape_rows(1);
    if (!shape_equal(inputs[0], &rows) || !shape_equal(inputs[1], &rows))
        return op_refuse(ctx, "logistic", count, inputs, "logit [batch, 1] and label [batch, 1]");
    *output = rows;
    return STRATA_OK;
}

static real logistic_sigmoid(real z) { return 1 / (1 + REAL(exp)(-z)); }

static real logistic_slope(real z, real t) { return (1 - t) * logistic_sigmoid(z) - t * logistic_sigmoid(-z); }

static void logistic_forward(const struct op_call *call) {
    const real *z = call->inputs[0], *t = call->inputs[1];
    real *y = call->output;
    for (size_t row = 0; row < call->rows; ++row) {
        /* max(z, 0) - t z, so that a certain and right logit gives exactly 0 here */
        real linear = z[row] > 0 ? (1 - t[row]) * z[row] : -t[row] * z[row];
        y[row] = linear + REAL(log1p)(REAL(exp)(-REAL(fabs)(z[row])));
    }
}

static void logistic_tangent(const struct op_call *call) {
    const real *z = call->inputs[0], *t = call->inputs[1], *dz = call->input_tangents[0], *dt = call->input_tangents[1];
    real *y = call->output_tangent;
    for (size_t row = 0; row < call->rows; ++row)
        y[row] = (dz ? logistic_slope(z[row], t[row]) * dz[row] : 0) - (dt ? z[row] * dt[row] : 0);
}

static void logistic_backward(const struct op_call *call) {
    const real *z = call->inputs[0], *t = call->inputs[1], *g = call->output_gradient;
    real *const *to = (real *const *)call->input_gradients;
    for (size_t row = 0; to[0] && row < call->rows; ++row) {
        real old = call->keep[0] ? to[0][row] : 0;
        to[0][row] = old + g[row] * logistic_slope(z[row], t[row]);
    }
    for (size_t row = 0; to[1] && row < call->rows; ++row) {
        real old = call->keep[1] ? to[1][row] : 0;
        to[1][row] = old - g[row] * z[row];
    }
}

/* Labels in [0, 1]: soft ones too, since the formula is differentiable in them. */
static void logistic_adjust(size_t input, size_t count, double *values) {
    for (size_t i = 0; input == 1 && i < count; ++i)
        values[i] = i % 3 == 0 ? 0 : i % 3 == 1 ? 1 : 1 / (1 + exp(-values[i]));
}

static const struct op_probe logistic_probe[1] = {
    {.input_count = 2, .inputs = {{true, 1, {1}}, {true, 1, {1}}}, .adjust = logistic_adjust},
};

const struct op_class OP_CLASS(logistic) = {
    .name = "logistic",
    .formula = "y = log(1 + exp(z)) - t z",
    .min_inputs = 2,
    .max_inputs = 2,
    .reads = OP_READS_INPUTS,
    .shape = logistic_shape,
    .forward = logistic_forward,
    .tangent = logistic_tangent,
    .backward = logistic_backward,
    .probe = logistic_probe,
};
