/* SPDX-License-Identifier: MIT */
/*
 * Compositional kernels of pictures: layers of a convolution, a nonlinearity that keeps the diagonal, and for the first
 * ones a 2 x 2 average in both pictures; then the average over all pixels.
 * Source: Shankar et al., arXiv 2003.02237, sec. 3.
 */
#include <string.h>

#include "kernels/compose.h"
#include "kernels/convolution.h"

enum { LAYERS, FILTER, NONLINEARITY, RATE, HALVINGS, POOLING };
enum { AVERAGE, FLAT };

static const struct kernel_parameter conv_comp_parameters[] = {
    [LAYERS] = {"layers", 3, 1, 100, true, NULL, "convolutions, each with a nonlinearity"},
    [FILTER] = {"filter", 3, 1, 63, true, NULL, "side of the filters in pixels, odd"},
    [NONLINEARITY] = {"nonlinearity", COMPOSE_ARC_COSINE, 0, 0, false, COMPOSE_CHOICES, "of every layer"},
    [RATE] = {"rate", 1, 1e-6, 1e3, false, NULL, "of the exponential one"},
    [HALVINGS] = {"halvings", 0, 0, 20, true, NULL, "of the first layers, followed by 2 x 2 averages"},
    [POOLING] = {"pooling", AVERAGE, 0, 0, false, "gap|flat", "average over all pixels, or over equal ones"},
    {0},
};

static void compose(const struct kernel *kernel, size_t count, double a, const double *b, const double *c, double *d,
                    double *e) {
    (void)e;
    memcpy(d, c, count * sizeof *d);
    compose_row((enum compose_kind)kernel->number[NONLINEARITY], kernel->number[RATE], count, a, b, d);
}

static struct convolution convolution_of(const struct kernel *kernel) {
    const double *number = kernel->number;
    return (struct convolution){.kernel = kernel,
                                .channels = kernel->image[0],
                                .height = kernel->image[1],
                                .width = kernel->image[2],
                                .radius = (size_t)number[FILTER] / 2,
                                .layers = (size_t)number[LAYERS],
                                .halvings = (size_t)number[HALVINGS],
                                .scale = 1 / (number[FILTER] * number[FILTER]),
                                .average = number[POOLING] == AVERAGE,
                                .layer = compose};
}

static strata_status conv_comp_prepare(strata_context *ctx, struct kernel *kernel, size_t n, const double *x) {
    const double *number = kernel->number;
    size_t side = (size_t)1 << (size_t)number[HALVINGS];
    (void)n, (void)x;
    if ((size_t)number[FILTER] % 2 == 0)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "kernel 'conv_comp': filter is %g: expected an odd side",
                           number[FILTER]);
    if (number[HALVINGS] >= number[LAYERS])
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "kernel 'conv_comp': %g halvings of %g layers: expected fewer halvings than layers",
                           number[HALVINGS], number[LAYERS]);
    if (kernel->image[1] % side || kernel->image[2] % side)
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "kernel 'conv_comp': pictures of %zu x %zu pixels cannot be halved %g times",
                           kernel->image[1], kernel->image[2], number[HALVINGS]);
    return STRATA_OK;
}

extern const struct kernel_class kernel_conv_comp;
const struct kernel_class kernel_conv_comp = {
    .name = "conv_comp",
    .formula = "k <- arc-cosine of order 1, or s exp(rate (k / s - 1)), of P(k), a layer",
    .derivative = "",
    .domain = "pictures",
    .source = "Shankar et al. 2020, sec. 3",
    .parameters = conv_comp_parameters,
    .shorthand = "layers",
    .prepare = conv_comp_prepare,
    .convolution = convolution_of,
    CONVOLUTION_FORM,
};
