/* SPDX-License-Identifier: MIT */
/*
 * What the pooling ops share. Input: x [batch, C, H, W]. size[0..3]: window height and width (0: the whole picture,
 * which is global pooling), stride (0: the window's height), padding. An op file includes this once.
 */
#include "graph/ops/windows.h"

static struct windows pool_windows(const struct op_attributes *attributes, const struct shape *x) {
    const size_t *size = attributes->size;
    struct windows w = {.channels = x->dims[0],
                        .height = x->dims[1],
                        .width = x->dims[2],
                        .kernel_height = size[0] ? size[0] : x->dims[1],
                        .kernel_width = size[1] ? size[1] : x->dims[2],
                        .padding = size[3],
                        .dilation = 1};
    w.stride = size[2] ? size[2] : w.kernel_height;
    if (!windows_fit(&w)) w.out_height = w.out_width = 0;
    return w;
}

static strata_status pool_shape(strata_context *ctx, const char *name, const struct op_attributes *attributes,
                                size_t count, const struct shape *const *inputs, struct shape *output) {
    if (!inputs[0]->batched || inputs[0]->rank != 3) return op_refuse(ctx, name, count, inputs, "[batch, C, H, W]");
    struct windows w = pool_windows(attributes, inputs[0]);
    if (w.out_height == 0 || 2 * w.padding > w.kernel_height || 2 * w.padding > w.kernel_width)
        return op_refuse(ctx, name, count, inputs, "a window within the padded picture, padding at most half of it");
    *output = (struct shape){.batched = true, .rank = 3, .dims = {w.channels, w.out_height, w.out_width}};
    return STRATA_OK;
}

/* Where a window's taps lie in a plane; returns how many are inside. `places` [kernel height x width]. */
static inline size_t pool_taps(const struct windows *w, size_t i, size_t j, size_t *places) {
    size_t count = 0, y, x;
    for (size_t v = 0; v < w->kernel_height; ++v)
        for (size_t u = 0; u < w->kernel_width; ++u)
            if (window_place(i, v, w->stride, 1, w->padding, w->height, &y) &&
                window_place(j, u, w->stride, 1, w->padding, w->width, &x))
                places[count++] = y * w->width + x;
    return count;
}

static size_t pool_scratch(const struct op_call *planned, size_t rows) {
    (void)rows;
    struct windows w = pool_windows(planned->attributes, planned->input_shapes[0]);
    return w.kernel_height * w.kernel_width * sizeof(size_t);
}

/* Numbers of a window at least 0.3 apart: away from the kinks of a maximum. */
static void pool_adjust(size_t input, size_t count, double *values) {
    (void)input;
    for (size_t i = 0; i < count; ++i) values[i] = 0.02 * values[i] + 0.5 * (double)(i * 37 % 211) - 50;
}

static const struct op_probe pool_probe[4] = {
    {.input_count = 1,
     .inputs = {{true, 3, {2, 6, 5}}},
     .attributes = {.size = {2, 2, 2}},
     .adjust = pool_adjust,
     .next = &pool_probe[1]},
    {.input_count = 1,
     .inputs = {{true, 3, {3, 7, 7}}},
     .attributes = {.size = {3, 3, 2, 1}},
     .adjust = pool_adjust,
     .next = &pool_probe[2]},
    {.input_count = 1, .inputs = {{true, 3, {2, 5, 3}}}, .adjust = pool_adjust, .next = &pool_probe[3]},
    {.input_count = 1, .inputs = {{true, 3, {1, 1, 1}}}, .attributes = {.size = {1, 1, 3}}},
};
