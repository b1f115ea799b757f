/* SPDX-License-Identifier: MIT */
/*
 * Convolutions 3 x 3 of stride 1 by Winograd's F(2 x 2, 3 x 3): tiles of 4 x 4 inputs and the kernels are transformed,
 * 16 products over channels stand in for 36, and their results are transformed back to 2 x 2 outputs. Channels lie side
 * by side inside, so that every transform is a few sums of whole vectors. Float32; sums of fixed order. Source: Lavin &
 * Gray, CVPR 2016, section 4.1; the gradient to the weights is the transposed map.
 */
#ifndef LINALG_WINOGRAD_H
#define LINALG_WINOGRAD_H

#include "linalg/linalg.h"
#include "linalg/shift_conv.h"

struct winograd {
    struct shift_shape shape;
    size_t out_height, out_width;
    size_t tile_lines, tile_columns; /* of a picture */
    size_t block;                    /* tile lines that are transformed and multiplied at once, over pictures */
    size_t tiles;                    /* in a block */
    struct gemm_plan product, outer; /* over channels; over tiles */
};

/** Plans it. False for shapes other than 3 x 3, channels that are no multiples of 16, or a CPU without AVX-512. */
bool winograd_plan(struct winograd *plan, const struct shift_shape *shape);

/** As shift_conv_scratch. */
size_t winograd_scratch(const struct winograd *plan);

/** As shift_conv_apply. */
void winograd_apply(const struct winograd *plan, size_t rows, const float *x, const float *weight, bool transposed,
                    bool keep, float *y, void *scratch);

/** As shift_conv_weights. */
void winograd_weights(const struct winograd *plan, size_t rows, const float *x, const float *gradient, bool keep,
                      float *weight, void *scratch);

#endif
