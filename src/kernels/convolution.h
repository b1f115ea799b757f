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

/** Doubles that a picture's own variances take, all layers; doubles of scratch. */
size_t convolution_state_size(const struct convolution *c);
size_t convolution_scratch_size(const struct convolution *c);

/** A picture's variances, what `layer` takes as a and b. @param x [channels, height, width]. */
void convolution_state(const struct convolution *c, const double *x, double *state, double *scratch);

/** The kernel of two pictures with their states. */
double convolution_pair(const struct convolution *c, const double *x, const double *x_state, const double *z,
                        const double *z_state, double *scratch);

#endif
