/* SPDX-License-Identifier: MIT */
/*
 * Windows of a stride s > 1 without dilation, read from phases: the padded picture is taken apart into s x s planes of
 * every s-th line and column, in which the pixels that a tap reads at neighbouring windows are neighbours.
 *
 * Lines are copied in pieces of a constant size, which costs one load and one store each. The surplus of a piece lies
 * where the next line is written after it, or in the slack behind the end.
 */
#ifndef GRAPH_OPS_PHASES_H
#define GRAPH_OPS_PHASES_H

#include <string.h>

#include "graph/ops/windows.h"

enum { PHASE_PIECE = 16 }; /* numbers: one vector of the widest registers in float32 */

struct phases {
    size_t stride, padding;
    size_t line, plane; /* numbers of a line and of a plane of one phase */
    size_t picture;     /* of all phases of all channels, with the slack */
    size_t matrix;      /* of the matrix of taps, with the slack */
};

static inline bool phases_fit(const struct windows *w) { return w->stride > 1 && w->dilation == 1; }

static inline struct phases phases_of(const struct windows *w) {
    size_t s = w->stride;
    struct phases p = {.stride = s, .padding = w->padding, .line = (w->width + 2 * w->padding + s - 1) / s};
    p.plane = p.line * ((w->height + 2 * w->padding + s - 1) / s);
    p.picture = w->channels * s * s * p.plane + PHASE_PIECE;
    p.matrix = w->channels * w->kernel_height * w->kernel_width * w->out_height * w->out_width + PHASE_PIECE;
    return p;
}

/* A division costs as much as a line. */
static inline size_t phase_quotient(const struct phases *p, size_t number) {
    return p->stride == 2 ? number / 2 : number / p->stride;
}

/* Where line y of channel k begins in the phase of column residue 0, and the residue's plane step. */
static inline size_t phase_line(const struct phases *p, size_t k, size_t y) {
    size_t padded = y + p->padding, s = p->stride, place = phase_quotient(p, padded);
    return (k * s * s + (padded - place * s) * s) * p->plane + place * p->line;
}

/* Column x stands at phase_line + this. */
static inline size_t phase_column(const struct phases *p, size_t x) {
    size_t padded = x + p->padding, place = phase_quotient(p, padded);
    return (padded - place * p->stride) * p->plane + place;
}

/* Both residues of stride 2 at once, so that vectors are read and written whole. */
static inline void phase_part(size_t pairs, const real *restrict from, real *restrict even, real *restrict odd) {
    for (size_t j = 0; j < pairs; ++j) even[j] = from[2 * j], odd[j] = from[2 * j + 1];
}

static inline void phase_join(size_t pairs, bool keep, const real *restrict even, const real *restrict odd,
                              real *restrict to) {
    if (keep)
        for (size_t j = 0; j < pairs; ++j) to[2 * j] += even[j], to[2 * j + 1] += odd[j];
    else
        for (size_t j = 0; j < pairs; ++j) to[2 * j] = even[j], to[2 * j + 1] = odd[j];
}

/** Inside of the phases; what is padding stays as it is (zero). */
static inline void phases_split(const struct windows *w, const struct phases *p, const real *restrict x,
                                real *restrict to) {
    size_t s = p->stride, pairs = s == 2 ? w->width / 2 : 0, even = phase_column(p, 0), odd = phase_column(p, 1);
    for (size_t k = 0; k < w->channels; ++k)
        for (size_t y = 0; y < w->height; ++y, x += w->width) {
            real *line = to + phase_line(p, k, y);
            phase_part(pairs, x, line + even, line + odd);
            for (size_t j = 2 * pairs; j < w->width; ++j) line[phase_column(p, j)] = x[j];
        }
}

/** The transposed map: x (+)= the inside of the phases. */
static inline void phases_merge(const struct windows *w, const struct phases *p, const real *restrict from, bool keep,
                                real *restrict x) {
    size_t s = p->stride, pairs = s == 2 ? w->width / 2 : 0, even = phase_column(p, 0), odd = phase_column(p, 1);
    for (size_t k = 0; k < w->channels; ++k)
        for (size_t y = 0; y < w->height; ++y, x += w->width) {
            const real *line = from + phase_line(p, k, y);
            phase_join(pairs, keep, line + even, line + odd, x);
            for (size_t j = 2 * pairs; j < w->width; ++j) x[j] = (keep ? x[j] : 0) + line[phase_column(p, j)];
        }
}

/* First number that a tap reads in the phases of a channel. */
static inline size_t phase_tap(const struct phases *p, size_t k, size_t v, size_t u) {
    size_t s = p->stride, i = phase_quotient(p, v), j = phase_quotient(p, u);
    return (k * s * s + (v - i * s) * s + u - j * s) * p->plane + i * p->line + j;
}

/* `piece` is a constant in the calls below: lines of at most so many numbers are one load and one store each. */
static inline void phase_copy(size_t height, size_t width, size_t piece, size_t step, const real *restrict lines,
                              real *restrict to) {
    for (size_t i = 0; i < height; ++i, lines += step, to += width) memcpy(to, lines, piece * sizeof *to);
}

static inline void phase_copy_long(size_t height, size_t width, size_t step, const real *restrict lines,
                                   real *restrict to) {
    for (size_t i = 0; i < height; ++i, lines += step, to += width)
        for (size_t j = 0; j < width; j += PHASE_PIECE) memcpy(to + j, lines + j, PHASE_PIECE * sizeof *to);
}

/** The matrix [taps, output pixels] of unfold, from the phases; writes up to PHASE_PIECE numbers behind it. */
static inline void phases_unfold(const struct windows *w, const struct phases *p, const real *restrict from,
                                 real *restrict matrix) {
    const size_t height = w->out_height, width = w->out_width, step = p->line;
    for (size_t k = 0; k < w->channels; ++k)
        for (size_t v = 0; v < w->kernel_height; ++v)
            for (size_t u = 0; u < w->kernel_width; ++u, matrix += height * width) {
                const real *lines = from + phase_tap(p, k, v, u);
                if (width <= 4)
                    phase_copy(height, width, 4, step, lines, matrix);
                else if (width <= 8)
                    phase_copy(height, width, 8, step, lines, matrix);
                else if (width <= PHASE_PIECE)
                    phase_copy(height, width, PHASE_PIECE, step, lines, matrix);
                else
                    phase_copy_long(height, width, step, lines, matrix);
            }
}

/* `width` is a constant in the calls below, so that a line is a few vectors. */
static inline void phase_add(size_t height, size_t width, size_t stride, const real *restrict lines,
                             real *restrict to) {
    for (size_t i = 0; i < height; ++i, lines += width, to += stride)
        for (size_t j = 0; j < width; ++j) to[j] += lines[j];
}

/** The transposed map: adds every tap of the matrix to the phases. */
static inline void phases_fold(const struct windows *w, const struct phases *p, const real *restrict matrix,
                               real *restrict to) {
    size_t height = w->out_height, width = w->out_width;
    for (size_t k = 0; k < w->channels; ++k)
        for (size_t v = 0; v < w->kernel_height; ++v)
            for (size_t u = 0; u < w->kernel_width; ++u, matrix += height * width) {
                real *tap = to + phase_tap(p, k, v, u);
                switch (width) {
                case 4: phase_add(height, 4, p->line, matrix, tap); break;
                case 7: phase_add(height, 7, p->line, matrix, tap); break;
                case 8: phase_add(height, 8, p->line, matrix, tap); break;
                case 14: phase_add(height, 14, p->line, matrix, tap); break;
                case 16: phase_add(height, 16, p->line, matrix, tap); break;
                default: phase_add(height, width, p->line, matrix, tap); break;
                }
            }
}

#endif
