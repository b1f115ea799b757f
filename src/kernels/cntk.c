/* SPDX-License-Identifier: MIT */
/*
 * Convolutional networks of infinitely many channels, NNGP and tangent kernel, with global average pooling or a readout
 * of every pixel. With P(M)(p, p') = sum_o M(p + o, p' + o) / filter^2 over the shifts of a filter, w the weight
 * variance, D and E the activation's duals:
 *
 *   S = w P(sum_channels x_p z_p'),  T = S (0 when the first layer is not trained);
 *   T <- w P(D(S) + E(S) T),  S <- w P(D(S)), a layer;
 *   output: D(S) + E(S) T after the last activation (without D when the readout is not trained), averaged over pixels.
 *
 * Source: Arora et al., NeurIPS 2019, sec. 4.
 */
#include "kernels/convolution.h"

enum { LAYERS, ACTIVATION, FILTER, POOLING, WEIGHT_VARIANCE, TRAIN_INPUT, TRAIN_READOUT };
enum { AVERAGE, FLAT };

#define CNN_PARAMETERS                                                                                          \
    [LAYERS] = {"layers", 3, 1, 100, true, NULL, "convolutions, each with an activation"},                      \
    [ACTIVATION] = {"activation", 0, 0, 0, false, NULL, "of every layer"},                                      \
    [FILTER] = {"filter", 3, 1, 63, true, NULL, "side of the filters in pixels, odd"},                          \
    [POOLING] = {"pooling", AVERAGE, 0, 0, false, "gap|flat", "average over all pixels, or a readout of each"}, \
    [WEIGHT_VARIANCE] = {                                                                                       \
        "weight_variance", -1, -1, 1e6, false, NULL, "of a weight times its fan-in; -1: the activation's gain"}

static const struct kernel_parameter cnngp_parameters[] = {CNN_PARAMETERS, {0}};
static const struct kernel_parameter cntk_parameters[] = {
    CNN_PARAMETERS,
    [TRAIN_INPUT] = {"train_input", 1, 0, 1, true, NULL, "1: the first layer is trained, 0: it is not"},
    [TRAIN_READOUT] = {"train_readout", 1, 0, 1, true, NULL, "1: the output layer is trained, 0: it is not"},
    {0},
};

extern const struct kernel_class kernel_cntk, kernel_cnngp;

static void dual_layer(const struct kernel *kernel, size_t count, double a, const double *b, const double *c, double *d,
                       double *e) {
    kernel->dual.class_->row(kernel->dual.number, count, a, b, c, d, e);
}

static struct convolution convolution_of(const struct kernel *kernel) {
    const double *number = kernel->number;
    bool tangent = kernel->class_ == &kernel_cntk;
    return (struct convolution){.kernel = kernel,
                                .channels = kernel->image[0],
                                .height = kernel->image[1],
                                .width = kernel->image[2],
                                .radius = (size_t)number[FILTER] / 2,
                                .layers = (size_t)number[LAYERS],
                                .scale = number[WEIGHT_VARIANCE] / (number[FILTER] * number[FILTER]),
                                .average = number[POOLING] == AVERAGE,
                                .tangent = tangent,
                                .train_input = tangent && number[TRAIN_INPUT] > 0,
                                .train_readout = tangent && number[TRAIN_READOUT] > 0,
                                .layer = dual_layer};
}

static strata_status cnn_prepare(strata_context *ctx, struct kernel *kernel, size_t n, const double *x) {
    const struct dual_class *dual = kernel->dual.class_;
    (void)n, (void)x;
    if (kernel->number[WEIGHT_VARIANCE] < 0) kernel->number[WEIGHT_VARIANCE] = dual->gain;
    if ((size_t)kernel->number[FILTER] % 2 == 0)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "kernel '%s': filter is %g: expected an odd side",
                           kernel->class_->name, kernel->number[FILTER]);
    if (dual->unit_variance)
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "kernel '%s': activation %s needs unit variances, which pixels do not keep: take another",
                           kernel->class_->name, dual->name);
    if (kernel->class_ == &kernel_cntk && dual->no_tangent)
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "kernel 'cntk': activation %s has no tangent kernel: %s; cnngp takes it", dual->name,
                           dual->no_tangent);
    return STRATA_OK;
}

#define CNN_CLASS                                                                                                    \
    .shorthand = "layers", .network = true, .prepare = cnn_prepare, .convolution = convolution_of, CONVOLUTION_FORM, \
    .domain = "pictures", .source = "Arora et al. 2019, sec. 4"

const struct kernel_class kernel_cntk = {.name = "cntk",
                                         .formula = "mean of D(S) + E(S) T over pixels: T <- w P(D(S) + E(S) T)",
                                         .derivative = "",
                                         .parameters = cntk_parameters,
                                         CNN_CLASS};

const struct kernel_class kernel_cnngp = {.name = "cnngp",
                                          .formula = "mean of D(S) over pixels: S <- w P(D(S))",
                                          .derivative = "w P(E(S)), layer by layer",
                                          .parameters = cnngp_parameters,
                                          CNN_CLASS};
