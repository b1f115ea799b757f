/* SPDX-License-Identifier: MIT */
/*
 * A picture as the matrix [channels x kernel height x kernel width, output pixels] of what every window reads at every
 * tap, and back. Source of the method: Chellapilla, Puri & Simard 2006.
 */
#ifndef GRAPH_OPS_UNFOLD_H
#define GRAPH_OPS_UNFOLD_H

#include <string.h>

#include "graph/ops/windows.h"

/** Attributes that are 0 where 1 is meant. */
static inline size_t at_least_one(size_t value) { return value ? value : 1; }

static inline void unfold_tap(const struct windows *w, const real *restrict plane, size_t v, size_t u,
                              real *restrict line) {
    size_t first, last;
    window_span(w, u, &first, &last);
    for (size_t i = 0; i < w->out_height; ++i, line += w->out_width) {
        size_t y;
        if (!window_place(i, v, w->stride, w->dilation, w->padding, w->height, &y)) {
            memset(line, 0, w->out_width * sizeof *line);
            continue;
        }
        const real *from = plane + y * w->width + u * w->dilation - w->padding;
        for (size_t j = 0; j < first; ++j) line[j] = 0;
        if (w->stride == 1 && last > first)
            memcpy(line + first, from + first, (last - first) * sizeof *line);
        else
            for (size_t j = first; j < last; ++j) line[j] = from[j * w->stride];
        for (size_t j = last; j < w->out_width; ++j) line[j] = 0;
    }
}

static inline void unfold(const struct windows *w, const real *x, real *matrix) {
    size_t pixels = w->out_height * w->out_width;
    for (size_t k = 0; k < w->channels; ++k)
        for (size_t v = 0; v < w->kernel_height; ++v)
            for (size_t u = 0; u < w->kernel_width; ++u, matrix += pixels)
                unfold_tap(w, x + k * w->height * w->width, v, u, matrix);
}

/* The transposed map: adds every tap back to where it was read. */
static inline void fold(const struct windows *w, const real *restrict matrix, real *restrict x) {
    size_t pixels = w->out_height * w->out_width;
    for (size_t k = 0; k < w->channels; ++k)
        for (size_t v = 0; v < w->kernel_height; ++v)
            for (size_t u = 0; u < w->kernel_width; ++u, matrix += pixels) {
                size_t first, last;
                window_span(w, u, &first, &last);
                for (size_t i = 0; i < w->out_height; ++i) {
                    size_t y;
                    if (!window_place(i, v, w->stride, w->dilation, w->padding, w->height, &y)) continue;
                    real *to = x + (k * w->height + y) * w->width + u * w->dilation - w->padding;
                    const real *line = matrix + i * w->out_width;
                    for (size_t j = first; j < last; ++j) to[j * w->stride] += line[j];
                }
            }
}

/** y [lines of `pixels` numbers], channel after channel and row after row, (+)= the channel's number; NULL: zero. */
static inline void channel_spread(size_t rows, size_t channels, size_t pixels, const real *bias, bool keep, real *y) {
    for (size_t line = 0; line < rows * channels; ++line)
        real_add_constant(pixels, bias ? bias[line % channels] : 0, keep, y + line * pixels);
}

/** The transposed map: to[c] (+)= sum of all numbers of channel c. */
static inline void channel_sums(size_t rows, size_t channels, size_t pixels, const real *y, bool keep, real *to) {
    for (size_t c = 0; c < channels; ++c) {
        double sum = 0;
        for (size_t r = 0; r < rows; ++r) sum += real_sum(pixels, y + (r * channels + c) * pixels);
        to[c] = (keep ? to[c] : 0) + (real)sum;
    }
}

#endif
