/* SPDX-License-Identifier: MIT */
/* y = mean over a window, zeros of the padding included. Attributes: pool.h. */
#include <string.h>

#include "graph/ops/pool.h"

static strata_status average_pool_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                        const struct shape *const *inputs, struct shape *output) {
    return pool_shape(ctx, "average_pool", attributes, count, inputs, output);
}

static void average(const struct op_call *call, const real *x, real *y) {
    struct windows w = pool_windows(call->attributes, call->input_shapes[0]);
    size_t *places = call->scratch, plane = w.height * w.width, planes = call->rows * w.channels;
    real share = (real)(1 / ((double)w.kernel_height * (double)w.kernel_width));
    for (size_t p = 0; p < planes; ++p, x += x ? plane : 0)
        for (size_t i = 0; i < w.out_height; ++i)
            for (size_t j = 0; j < w.out_width; ++j) {
                size_t count = x ? pool_taps(&w, i, j, places) : 0;
                real sum = 0;
                for (size_t k = 0; k < count; ++k) sum += x[places[k]];
                *y++ = share * sum;
            }
}

static void average_pool_forward(const struct op_call *call) { average(call, call->inputs[0], call->output); }

static void average_pool_tangent(const struct op_call *call) {
    average(call, call->input_tangents[0], call->output_tangent);
}

static void average_pool_backward(const struct op_call *call) {
    struct windows w = pool_windows(call->attributes, call->input_shapes[0]);
    size_t *places = call->scratch, plane = w.height * w.width, planes = call->rows * w.channels;
    real *to = call->input_gradients[0], share = (real)(1 / ((double)w.kernel_height * (double)w.kernel_width));
    const real *grad = call->output_gradient;
    if (!to) return;
    if (!call->keep[0]) memset(to, 0, planes * plane * sizeof *to);
    for (size_t p = 0; p < planes; ++p, to += plane)
        for (size_t i = 0; i < w.out_height; ++i)
            for (size_t j = 0; j < w.out_width; ++j, ++grad) {
                size_t count = pool_taps(&w, i, j, places);
                for (size_t k = 0; k < count; ++k) to[places[k]] += share * *grad;
            }
}

const struct op_class OP_CLASS(average_pool) = {
    .name = "average_pool",
    .formula = "y = mean of x over a window",
    .min_inputs = 1,
    .max_inputs = 1,
    .shape = average_pool_shape,
    .scratch = pool_scratch,
    .forward = average_pool_forward,
    .tangent = average_pool_tangent,
    .backward = average_pool_backward,
    .probe = pool_probe,
};
