/* SPDX-License-Identifier: MIT */
/*
 * Pictures size[0] times as high and as wide: x [batch, C, H, W] to [batch, C, s H, s W]. size[1] = 0: every pixel
 * repeated; 1: bilinear between pixel centres, edges held.
 */
#include <string.h>

#include "graph/ops/kernels.h"

struct upsample {
    size_t height, width, planes, factor;
    bool bilinear;
};

static struct upsample upsample_of(const struct op_call *call) {
    const struct shape *x = call->input_shapes[0];
    return (struct upsample){.height = x->dims[1],
                             .width = x->dims[2],
                             .planes = call->rows * x->dims[0],
                             .factor = call->attributes->size[0],
                             .bilinear = call->attributes->size[1] == 1};
}

static strata_status upsample_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                    const struct shape *const *inputs, struct shape *output) {
    size_t factor = attributes->size[0];
    if (!inputs[0]->batched || inputs[0]->rank != 3)
        return op_refuse(ctx, "upsample", count, inputs, "[batch, C, H, W]");
    if (factor < 1 || factor > 64 || attributes->size[1] > 1)
        return op_refuse(ctx, "upsample", count, inputs, "size[0] from 1 to 64 and size[1] 0 or 1");
    *output = *inputs[0];
    output->dims[1] *= factor;
    output->dims[2] *= factor;
    return STRATA_OK;
}

/* Output line `at` of `size` input ones: between `low` and `high`, `share` of the latter. */
static void between(const struct upsample *u, size_t at, size_t size, size_t *low, size_t *high, real *share) {
    double place = ((double)at + 0.5) / (double)u->factor - 0.5;
    if (!u->bilinear) place = (double)(at / u->factor);
    if (place < 0) place = 0;
    *low = (size_t)place;
    *high = *low + 1 < size ? *low + 1 : *low;
    *share = (real)(place - (double)*low);
}

/* Forward: `to` gets the mixtures of `from`; `back`: `from` is the gradient, whose parts are added to `to`. */
static void resample(const struct upsample *u, const real *from, real *to, bool back) {
    size_t out_width = u->width * u->factor, out_height = u->height * u->factor;
    for (size_t p = 0; p < u->planes; ++p) {
        real *small = back ? to + p * u->height * u->width : NULL;
        const real *x = back ? NULL : from + p * u->height * u->width;
        for (size_t k = 0; k < out_height * out_width; ++k) {
            size_t low[2], high[2], place = p * out_height * out_width + k;
            real share[2];
            between(u, k / out_width, u->height, &low[0], &high[0], &share[0]);
            between(u, k % out_width, u->width, &low[1], &high[1], &share[1]);
            real total = 0;
            for (size_t corner = 0; corner < 4; ++corner) {
                size_t y = corner / 2 ? high[0] : low[0], z = corner % 2 ? high[1] : low[1];
                real weight = (corner / 2 ? share[0] : 1 - share[0]) * (corner % 2 ? share[1] : 1 - share[1]);
                if (back)
                    small[y * u->width + z] += weight * from[place];
                else
                    total += weight * x[y * u->width + z];
            }
            if (!back) to[place] = total;
        }
    }
}

static void upsample_forward(const struct op_call *call) {
    struct upsample u = upsample_of(call);
    resample(&u, call->inputs[0], call->output, false);
}

static void upsample_tangent(const struct op_call *call) {
    struct upsample u = upsample_of(call);
    if (call->input_tangents[0])
        resample(&u, call->input_tangents[0], call->output_tangent, false);
    else
        real_add_constant(call_size(call, call->output_shape), 0, false, call->output_tangent);
}

static void upsample_backward(const struct op_call *call) {
    struct upsample u = upsample_of(call);
    real *to = call->input_gradients[0];
    if (!to) return;
    if (!call->keep[0]) memset(to, 0, call_size(call, call->input_shapes[0]) * sizeof *to);
    resample(&u, call->output_gradient, to, true);
}

static const struct op_probe upsample_probe[3] = {
    {.input_count = 1, .inputs = {{true, 3, {2, 3, 5}}}, .attributes = {.size = {2, 0}}, .next = &upsample_probe[1]},
    {.input_count = 1, .inputs = {{true, 3, {2, 4, 3}}}, .attributes = {.size = {3, 1}}, .next = &upsample_probe[2]},
    {.input_count = 1, .inputs = {{true, 3, {1, 1, 1}}}, .attributes = {.size = {2, 1}}},
};

const struct op_class OP_CLASS(upsample) = {
    .name = "upsample",
    .formula = "y = x at size[0] times the resolution, repeated or bilinear",
    .min_inputs = 1,
    .max_inputs = 1,
    .shape = upsample_shape,
    .forward = upsample_forward,
    .tangent = upsample_tangent,
    .backward = upsample_backward,
    .probe = upsample_probe,
};
