/* SPDX-License-Identifier: MIT */
/* y = largest of a window, the first one among equals; padding never wins. Attributes: pool.h. */
#include <string.h>

#include "graph/ops/pool.h"

static strata_status max_pool_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                    const struct shape *const *inputs, struct shape *output) {
    return pool_shape(ctx, "max_pool", attributes, count, inputs, output);
}

/* Place of the largest tap of window (i, j); a NaN wins. */
static size_t largest(const struct windows *w, size_t i, size_t j, const real *x, size_t *places) {
    size_t count = pool_taps(w, i, j, places), best = places[0];
    for (size_t k = 1; k < count; ++k)
        if (!(x[places[k]] <= x[best])) best = places[k];
    return best;
}

/* y (+)= or = of what `from` holds where x is largest; `back`: the other way round. */
static void carry(const struct op_call *call, const real *from, real *to, bool back) {
    struct windows w = pool_windows(call->attributes, call->input_shapes[0]);
    size_t plane = w.height * w.width, pixels = w.out_height * w.out_width, planes = call->rows * w.channels;
    const real *x = call->inputs[0];
    for (size_t p = 0; p < planes; ++p)
        for (size_t k = 0; k < pixels; ++k) {
            size_t best = p * plane + largest(&w, k / w.out_width, k % w.out_width, x + p * plane, call->scratch);
            if (back)
                to[best] += from[p * pixels + k];
            else
                to[p * pixels + k] = from[best];
        }
}

static void max_pool_forward(const struct op_call *call) { carry(call, call->inputs[0], call->output, false); }

static void max_pool_tangent(const struct op_call *call) {
    if (call->input_tangents[0])
        carry(call, call->input_tangents[0], call->output_tangent, false);
    else
        real_add_constant(call_size(call, call->output_shape), 0, false, call->output_tangent);
}

static void max_pool_backward(const struct op_call *call) {
    real *to = call->input_gradients[0];
    if (!to) return;
    if (!call->keep[0]) memset(to, 0, call_size(call, call->input_shapes[0]) * sizeof *to);
    carry(call, call->output_gradient, to, true);
}

const struct op_class OP_CLASS(max_pool) = {
    .name = "max_pool",
    .formula = "y = max of x over a window",
    .min_inputs = 1,
    .max_inputs = 1,
    .reads = OP_READS_INPUTS,
    .shape = max_pool_shape,
    .scratch = pool_scratch,
    .forward = max_pool_forward,
    .tangent = max_pool_tangent,
    .backward = max_pool_backward,
    .probe = pool_probe,
};
