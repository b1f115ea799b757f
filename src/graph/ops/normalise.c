/* SPDX-License-Identifier: MIT */
/*
 * y = (x - m) s along the last axis: x [.., n] batched or not, mean m [n] and inverse standard deviation
 * s [n] unbatched (constants as a rule; their derivatives are there all the same). No attributes.
 */
#include "graph/ops/kernels.h"

static strata_status normalise_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                     const struct shape *const *inputs, struct shape *output) {
    (void)attributes;
    const struct shape *x = inputs[0], vector = shape_vector(shape_last(x));
    if (x->rank == 0 || !shape_equal(inputs[1], &vector) || !shape_equal(inputs[2], &vector))
        return op_refuse(ctx, "normalise", count, inputs, "x [.., n] and two unbatched vectors [n]");
    *output = *x;
    return STRATA_OK;
}

static void normalise_line(size_t width, const real *restrict x, const real *restrict m, const real *restrict s,
                           real *restrict y) {
    for (size_t j = 0; j < width; ++j) y[j] = (x[j] - m[j]) * s[j];
}

static void normalise_forward(const struct op_call *call) {
    const real *x = call->inputs[0];
    size_t width = shape_last(call->output_shape), count = call_size(call, call->output_shape);
    for (size_t at = 0; at < count; at += width)
        normalise_line(width, x + at, call->inputs[1], call->inputs[2], (real *)call->output + at);
}

static void normalise_tangent(const struct op_call *call) {
    const real *x = call->inputs[0], *m = call->inputs[1], *s = call->inputs[2];
    const real *dx = call->input_tangents[0], *dm = call->input_tangents[1], *ds = call->input_tangents[2];
    real *dy = call->output_tangent;
    size_t width = shape_last(call->output_shape), count = call_size(call, call->output_shape);
    for (size_t at = 0; at < count; at += width)
        for (size_t j = 0; j < width; ++j) {
            real shift = (dx ? dx[at + j] : 0) - (dm ? dm[j] : 0);
            dy[at + j] = shift * s[j] + (ds ? (x[at + j] - m[j]) * ds[j] : 0);
        }
}

/* Gradients of the two vectors over some lines; NULL = not wanted. */
static void normalise_vectors(const struct op_call *call, size_t lines, const real *g, const real *x, real *to_mean,
                              real *to_scale) {
    size_t width = shape_last(call->output_shape);
    const real *m = call->inputs[1], *s = call->inputs[2];
    if (to_mean) real_column_sum(lines, width, -1, s, g, call->keep[1], to_mean);
    if (to_scale) real_column_product(lines, width, g, x, m, call->keep[2], to_scale);
}

static void normalise_rows(const struct op_call *call) {
    const real *g = call->output_gradient, *s = call->inputs[2];
    real *to = call->input_gradients[0];
    size_t width = shape_last(call->output_shape), count = call_size(call, call->output_shape);
    for (size_t at = 0; to && at < count; at += width) real_add_product(width, g + at, s, call->keep[0], to + at);
}

static void normalise_backward(const struct op_call *call) {
    size_t lines = call_size(call, call->output_shape) / shape_last(call->output_shape);
    normalise_rows(call);
    normalise_vectors(call, lines, call->output_gradient, call->inputs[0], call->input_gradients[1],
                      call->input_gradients[2]);
}

static void normalise_backward_rows(const struct op_call *call, const size_t *stride) {
    const real *g = call->output_gradient, *x = call->inputs[0];
    real *const *to = (real *const *)call->input_gradients;
    size_t size = shape_size(call->output_shape), lines = size / shape_last(call->output_shape);
    normalise_rows(call);
    for (size_t row = 0; row < call->rows; ++row)
        normalise_vectors(call, lines, g + row * size, x + row * size, to[1] ? to[1] + row * stride[1] : NULL,
                          to[2] ? to[2] + row * stride[2] : NULL);
}

static const struct op_probe normalise_probe[4] = {
    {.input_count = 3, .inputs = {{true, 1, {1}}, {false, 1, {1}}, {false, 1, {1}}}, .next = &normalise_probe[1]},
    {.input_count = 3, .inputs = {{true, 1, {73}}, {false, 1, {73}}, {false, 1, {73}}}, .next = &normalise_probe[2]},
    {.input_count = 3, .inputs = {{true, 2, {2, 5}}, {false, 1, {5}}, {false, 1, {5}}}, .next = &normalise_probe[3]},
    {.input_count = 3, .inputs = {{false, 1, {3}}, {false, 1, {3}}, {false, 1, {3}}}},
};

const struct op_class OP_CLASS(normalise) = {
    .name = "normalise",
    .formula = "y = (x - m) s",
    .min_inputs = 3,
    .max_inputs = 3,
    .reads = OP_READS_INPUTS,
    .shape = normalise_shape,
    .forward = normalise_forward,
    .tangent = normalise_tangent,
    .backward = normalise_backward,
    .backward_rows = normalise_backward_rows,
    .probe = normalise_probe,
};
