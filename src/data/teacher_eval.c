/* SPDX-License-Identifier: MIT */
/* Teachers evaluated in float32 (training samples) and float64 (calibration, features, proofs) from one source. */
#include <assert.h>
#include <string.h>

#include "core/clones.h"
#include "data/teacher_net.h"

enum { LANES = TEACHER_LANES, PANEL = 64 };

#define real             float
#define NAME(symbol)     symbol##_f32
#define WEIGHTS(weights) ((weights).f32)
#include "data/teacher_block.inc"
#undef real
#undef NAME
#undef WEIGHTS

#define real             double
#define NAME(symbol)     symbol##_f64
#define WEIGHTS(weights) ((weights).f64)
#include "data/teacher_block.inc"

/* G_1 of a net whose first layer is fixed. */
static void fixed_features(size_t count, const double *x, double *features) {
    for (size_t i = 0; i < count; ++i) features[i] = (x[i] * x[i] - 1) * 0.70710678118654752440;
}

static void block_features(const struct teacher_net *net, size_t layer, size_t rows, const double *x,
                           double *features) {
    double h[TEACHER_MAX_DEPTH][TEACHER_MAX_WIDTH][LANES], sums[LANES];
    read_inputs_f64(net, net->first, layer - net->first + 1, rows, x, h);
    for (size_t l = net->first; l <= layer; ++l) {
        size_t at = l - net->first;
        finish_level_f64(net, l, at ? (const double(*)[LANES])h[at - 1] : NULL, h[at], sums);
    }
    size_t width = net->levels[layer].width;
    for (size_t r = 0; r < rows; ++r)
        for (size_t i = 0; i < width; ++i) features[r * width + i] = h[layer - net->first][i][r];
}

void teacher_net_features(const struct teacher_net *net, size_t layer, size_t rows, const double *x, double *features) {
    if (layer < net->first) {
        fixed_features(rows * net->dimension, x, features);
        return;
    }
    for (size_t row = 0; row < rows; row += LANES)
        block_features(net, layer, rows - row < LANES ? rows - row : LANES, x + row * net->dimension,
                       features + row * net->levels[layer].width);
}

void teacher_net_level(const struct teacher_net *net, size_t layer, const double *x, double *state, double *sums) {
    double h[1][TEACHER_MAX_WIDTH][LANES];
    read_inputs_f64(net, layer, 1, LANES, x, h);
    finish_level_f64(net, layer, (const double(*)[LANES])state, h[0], sums);
    memcpy(state, h[0], net->levels[layer].width * sizeof h[0][0]);
}
