/* SPDX-License-Identifier: MIT */
/*
 * y = sum_j (p_j - t_j)^2 per row: prediction p [rows, n], target t [rows, n] -> [rows, 1]. No attributes.
 */
#include "graph/ops/kernels.h"

static strata_status squared_error_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                         const struct shape *const *inputs, struct shape *output) {
    (void)attributes;
    if (!inputs[0]->batched || inputs[0]->rank != 1 || !shape_equal(inputs[0], inputs[1]))
        return op_refuse(ctx, "squared_error", count, inputs, "prediction [batch, n] and target [batch, n]");
    *output = shape_rows(1);
    return STRATA_OK;
}

/* sum_j (p_j - t_j) (u_j - v_j) over one row; u, v NULL = zero. */
static double squared_error_row(size_t width, const real *p, const real *t, const real *u, const real *v) {
    double lanes[SUM_LANES] = {0};
    for (size_t j = 0; j < width; ++j) {
        double other = (u ? (double)u[j] : 0) - (v ? (double)v[j] : 0);
        lanes[j % SUM_LANES] += ((double)p[j] - (double)t[j]) * other;
    }
    return lanes_total(lanes);
}

static void squared_error_forward(const struct op_call *call) {
    const real *p = call->inputs[0], *t = call->inputs[1];
    size_t width = call->input_shapes[0]->dims[0];
    real *y = call->output;
    for (size_t row = 0; row < call->rows; ++row, p += width, t += width)
        y[row] = (real)squared_error_row(width, p, t, p, t);
}

static void squared_error_tangent(const struct op_call *call) {
    const real *p = call->inputs[0], *t = call->inputs[1], *u = call->input_tangents[0], *v = call->input_tangents[1];
    size_t width = call->input_shapes[0]->dims[0];
    real *y = call->output_tangent;
    for (size_t row = 0; row < call->rows; ++row) {
        size_t at = row * width;
        y[row] = (real)(2 * squared_error_row(width, p + at, t + at, u ? u + at : NULL, v ? v + at : NULL));
    }
}

/* to (+)= scale * (x - y). */
static void squared_error_pull(size_t width, real scale, const real *restrict x, const real *restrict y, bool keep,
                               real *restrict to) {
    for (size_t j = 0; j < width; ++j) {
        real old = keep ? to[j] : 0;
        to[j] = old + scale * (x[j] - y[j]);
    }
}

static void squared_error_backward(const struct op_call *call) {
    const real *g = call->output_gradient;
    size_t width = call->input_shapes[0]->dims[0];
    for (size_t i = 0; i < 2; ++i) {
        const real *mine = call->inputs[i], *other = call->inputs[1 - i];
        real *to = call->input_gradients[i];
        for (size_t row = 0; to && row < call->rows; ++row) {
            size_t at = row * width;
            squared_error_pull(width, 2 * g[row], mine + at, other + at, call->keep[i], to + at);
        }
    }
}

static const struct op_probe squared_error_probe[3] = {
    {.input_count = 2, .inputs = {{true, 1, {1}}, {true, 1, {1}}}, .next = &squared_error_probe[1]},
    {.input_count = 2, .inputs = {{true, 1, {5}}, {true, 1, {5}}}, .next = &squared_error_probe[2]},
    {.input_count = 2, .inputs = {{true, 1, {37}}, {true, 1, {37}}}},
};

const struct op_class OP_CLASS(squared_error) = {
    .name = "squared_error",
    .formula = "y = sum_j (p_j - t_j)^2",
    .min_inputs = 2,
    .max_inputs = 2,
    .reads = OP_READS_INPUTS,
    .shape = squared_error_shape,
    .forward = squared_error_forward,
    .tangent = squared_error_tangent,
    .backward = squared_error_backward,
    .probe = squared_error_probe,
};
