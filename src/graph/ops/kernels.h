/* SPDX-License-Identifier: MIT */
/*
 * Loops that several ops share, over `real`. Every sum has a fixed order and double accumulators.
 * In all of them keep = true adds to the target and keep = false overwrites it without reading it.
 */
#ifndef GRAPH_OPS_KERNELS_H
#define GRAPH_OPS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

#include "graph/op.h"
#include "graph/op_shapes.h"
#include "graph/real.h"

enum { SUM_LANES = 16, COLUMN_BLOCK = 64 };

/** Numbers of a value of this shape that a call over call->rows rows sees. */
static inline size_t call_size(const struct op_call *call, const struct shape *shape) {
    size_t size = shape_size(shape);
    return shape->batched ? call->rows * size : size;
}

/** True when input i is one row that is used for every row of a batched output. */
static inline bool call_broadcasts(const struct op_call *call, size_t i) {
    return call->output_shape->batched && !call->input_shapes[i]->batched;
}

/** target (+)= scale * source, [count]. */
static inline void real_add(size_t count, real scale, const real *restrict source, bool keep, real *restrict target) {
    for (size_t i = 0; i < count; ++i) {
        real old = keep ? target[i] : 0;
        target[i] = old + scale * source[i];
    }
}

/** target (+)= x * y, [count]. */
static inline void real_add_product(size_t count, const real *restrict x, const real *restrict y, bool keep,
                                    real *restrict target) {
    for (size_t i = 0; i < count; ++i) {
        real old = keep ? target[i] : 0;
        target[i] = old + x[i] * y[i];
    }
}

/** target (+)= value, [count]. */
static inline void real_add_constant(size_t count, real value, bool keep, real *restrict target) {
    for (size_t i = 0; i < count; ++i) {
        real old = keep ? target[i] : 0;
        target[i] = old + value;
    }
}

static inline double lanes_total(const double *lanes) {
    double total = 0;
    for (int lane = 0; lane < SUM_LANES; ++lane) total += lanes[lane];
    return total;
}

/** Sum of x[count]: number i goes to accumulator i mod SUM_LANES. */
static inline double real_sum(size_t count, const real *restrict x) {
    double lanes[SUM_LANES] = {0};
    size_t whole = count - count % SUM_LANES;
    for (size_t i = 0; i < whole; i += SUM_LANES)
        for (size_t lane = 0; lane < SUM_LANES; ++lane) lanes[lane] += (double)x[i + lane];
    for (size_t i = whole; i < count; ++i) lanes[i - whole] += (double)x[i];
    return lanes_total(lanes);
}

/** target[j] (+)= scale * weights[j] * sum over lines of x[line, j]; x [lines, width], weights [width] or NULL (1). */
static inline void real_column_sum(size_t lines, size_t width, real scale, const real *restrict weights,
                                   const real *restrict x, bool keep, real *restrict target) {
    for (size_t begin = 0; begin < width; begin += COLUMN_BLOCK) {
        size_t count = width - begin < COLUMN_BLOCK ? width - begin : COLUMN_BLOCK;
        double sums[COLUMN_BLOCK] = {0};
        for (size_t line = 0; line < lines; ++line) {
            const real *from = x + line * width + begin;
            for (size_t j = 0; j < count; ++j) sums[j] += (double)from[j];
        }
        for (size_t j = 0; j < count; ++j) {
            real old = keep ? target[begin + j] : 0, weight = weights ? weights[begin + j] : 1;
            target[begin + j] = old + scale * weight * (real)sums[j];
        }
    }
}

/** target[j] (+)= sum over lines of x[line, j] * (y[line, j] - shift[j]); x, y [lines, width]; shift NULL = 0. */
static inline void real_column_product(size_t lines, size_t width, const real *restrict x, const real *restrict y,
                                       const real *restrict shift, bool keep, real *restrict target) {
    for (size_t begin = 0; begin < width; begin += COLUMN_BLOCK) {
        size_t count = width - begin < COLUMN_BLOCK ? width - begin : COLUMN_BLOCK;
        double sums[COLUMN_BLOCK] = {0}, origin[COLUMN_BLOCK] = {0};
        for (size_t j = 0; shift && j < count; ++j) origin[j] = (double)shift[begin + j];
        for (size_t line = 0; line < lines; ++line) {
            const real *a = x + line * width + begin, *b = y + line * width + begin;
            for (size_t j = 0; j < count; ++j) sums[j] += (double)a[j] * ((double)b[j] - origin[j]);
        }
        for (size_t j = 0; j < count; ++j) {
            real old = keep ? target[begin + j] : 0;
            target[begin + j] = old + (real)sums[j];
        }
    }
}

#endif
