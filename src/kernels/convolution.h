/* SPDX-License-Identifier: MIT */
/*
 * What kernels of convolutional networks share: for two pictures, the covariance of every pixel of one with every pixel
 * of the other, layer after layer. A convolution averages it over equal shifts of both pixels, with zeros around the
 * pictures; a nonlinearity acts on each pair of pixels; a halving averages 2 x 2 squares in both.
 */
#ifndef KERNELS_CONVOLUTION_H
#define KERNELS_CONVOLUTION_H

#include "kernels/kernel.h"

struct convolution {
    const struct kernel *kernel;
    size_t channels, height, width;
    size_t radius;   /* filters are (2 radius + 1)^2 pixels */
    size_t layers;   /* each a convolution, then a nonlinearity */
    size_t halvings; /* of the first layers, which are each followed by one */
    double scale;    /* factor of a convolution's sum */
    bool average;    /* output: mean over all pairs of pixels; otherwise over equal pixels */
    bool tangent, train_input, train_readout;
    /* D and, with `tangent`, E for one a and many b, c. */
    void (*layer)(const struct kernel *kernel, size_t count, double a, const double *b, const double *c, double *d,
                  double *e);
};

/* The second form of a kernel class that gives its `convolution`. */
size_t convolution_state_size(const struct kernel *kernel);
size_t convolution_scratch_size(const struct kernel *kernel);
void convolution_state(const struct kernel *kernel, const double *x, double *state, double *scratch);
double convolution_pair(const struct kernel *kernel, const double *x, const double *x_state, const double *z,
                        const double *z_state, double *scratch);

#define CONVOLUTION_FORM                                                                              \
    .pictures = true, .state_size = convolution_state_size, .scratch_size = convolution_scratch_size, \
    .state = convolution_state, .pair = convolution_pair

#endif
