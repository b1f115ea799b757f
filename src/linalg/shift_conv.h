/* SPDX-License-Identifier: MIT */
/*
 * Convolutions of stride 1 as sums of shifted products, without a matrix of taps. A picture is padded once; tap (v, u)
 * then reads it from v lines and u places further on, so that its share of all output pixels is one product
 * [outputs, inputs] x [inputs, pixels], and the generated kernel sums all taps in registers. Float32, row by row, sums
 * of fixed order. Source of the method: Heinecke et al. 2016 (batch-reduce kernels of libxsmm).
 */
#ifndef LINALG_SHIFT_CONV_H
#define LINALG_SHIFT_CONV_H

#include <stdbool.h>
#include <stddef.h>

enum { SHIFT_MOST_TAPS = 49 };

/** What is wanted; zeros are added around the picture. */
struct shift_shape {
    size_t inputs, outputs; /* channels */
    size_t height, width;   /* of the picture */
    size_t kernel_height, kernel_width, pad_height, pad_width;
};

struct shift_conv {
    struct shift_shape shape;
    size_t out_height, out_width;
    size_t line, plane;   /* numbers of a padded line, of a padded picture */
    size_t block, blocks; /* output lines that one kernel call computes, so that it works in cache; calls a picture */
    /* Kernels over taps into pixels, and over pixels into one tap's weights; for a block and for the last one. */
    void *sum[2], *outer[2];
};

/**
 * Plans it; the kernel has to fit the padded picture. False where this CPU or build has no such kernels, or the shape
 * has more taps than SHIFT_MOST_TAPS.
 */
bool shift_conv_plan(struct shift_conv *plan, const struct shift_shape *shape);

/** Bytes of scratch for the calls below, aligned to 64. */
size_t shift_conv_scratch(const struct shift_conv *plan);

/**
 * y [rows, outputs, out_height, out_width] (+)= W * x, with x [rows, inputs, height, width]. `weight` as
 * [outputs, inputs, kernel_height, kernel_width], or `transposed`: as [inputs, outputs, ...] with both kernel axes
 * turned round, which makes the plan with padding kernel - 1 - padding the gradient to the inputs.
 */
void shift_conv_apply(const struct shift_conv *plan, size_t rows, const float *x, const float *weight, bool transposed,
                      bool keep, float *y, void *scratch);

/** weight [outputs, inputs, kernel_height, kernel_width] (+)= sum over rows and pixels of gradient times x. */
void shift_conv_weights(const struct shift_conv *plan, size_t rows, const float *x, const float *gradient, bool keep,
                        float *weight, void *scratch);

#endif
