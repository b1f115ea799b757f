/* SPDX-License-Identifier: MIT */
/* Windows that slide over the pixels of [channels, height, width]: what convolution and pooling share. */
#ifndef GRAPH_OPS_WINDOWS_H
#define GRAPH_OPS_WINDOWS_H

#include "graph/ops/kernels.h"

struct windows {
    size_t channels, height, width; /* of the input */
    size_t kernel_height, kernel_width, stride, padding, dilation;
    size_t out_height, out_width;
};

/** Fills out_height and out_width; false where no window fits. */
static inline bool windows_fit(struct windows *w) {
    size_t tall = w->dilation * (w->kernel_height - 1) + 1, wide = w->dilation * (w->kernel_width - 1) + 1;
    if (tall > w->height + 2 * w->padding || wide > w->width + 2 * w->padding) return false;
    w->out_height = (w->height + 2 * w->padding - tall) / w->stride + 1;
    w->out_width = (w->width + 2 * w->padding - wide) / w->stride + 1;
    return true;
}

/** Input line of window line `at` and tap `tap`; false in the padding. */
static inline bool window_place(size_t at, size_t tap, size_t stride, size_t dilation, size_t padding, size_t size,
                                size_t *place) {
    size_t padded = at * stride + tap * dilation;
    *place = padded - padding;
    return padded >= padding && *place < size;
}

/** Whole rows of a tap: outputs [first, last) read inside the picture. */
static inline void window_span(const struct windows *w, size_t tap, size_t *first, size_t *last) {
    size_t offset = tap * w->dilation, begin = 0, end;
    if (offset < w->padding) begin = (w->padding - offset + w->stride - 1) / w->stride;
    end = w->width + w->padding > offset ? (w->width + w->padding - offset - 1) / w->stride + 1 : 0;
    *last = end < w->out_width ? end : w->out_width;
    *first = begin < *last ? begin : *last;
}

#endif
