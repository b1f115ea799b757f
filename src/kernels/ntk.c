/* SPDX-License-Identifier: MIT */
/*
 * Neural tangent kernel of a fully connected network of infinite width, by the recursion over layers. With w, b the
 * variances of weights (times fan-in) and biases, D and E the duals of the activation and of its derivative:
 *
 *   S_0 = T_0 = w x.z / d + b;   S_l = w D(S_{l-1}) + b;   T_l = S_l + w E(S_{l-1}) T_{l-1},  l = 1..layers
 *
 * k = T_layers. Source: Jacot, Gabriel & Hongler, NeurIPS 2018, eq. (6).
 */
#include <math.h>

#include "core/clones.h"
#include "kernels/kernel.h"

enum { LAYERS, ACTIVATION, WEIGHT_VARIANCE, BIAS_VARIANCE };
enum { CHUNK = 256 };

static const struct kernel_parameter ntk_parameters[] = {
    [LAYERS] = {"layers", 3, 1, 1000, true, NULL, "hidden layers"},
    [ACTIVATION] = {"activation", 0, 0, 0, false, NULL, "of hidden layers"},
    [WEIGHT_VARIANCE] = {"weight_variance", -1, 0, 1e6, false, NULL,
                         "of a weight times its fan-in; by default the activation's gain"},
    [BIAS_VARIANCE] = {"bias_variance", 0.1, 0, 1e6, false, NULL, "of a bias"},
    {0},
};

static strata_status ntk_prepare(strata_context *ctx, struct kernel *kernel, size_t n, const double *x) {
    (void)ctx, (void)n, (void)x;
    if (kernel->number[WEIGHT_VARIANCE] < 0.0) kernel->number[WEIGHT_VARIANCE] = kernel->dual.class_->gain;
    return STRATA_OK;
}

static void chunk_run(const struct kernel *kernel, size_t count, double own, double *other, double *c, double *t) {
    double w = kernel->number[WEIGHT_VARIANCE], b = kernel->number[BIAS_VARIANCE], d[CHUNK], e[CHUNK];
    const struct dual *dual = &kernel->dual;
    for (size_t l = 0; l < (size_t)kernel->number[LAYERS]; ++l) {
        double unused;
        dual->class_->row(dual->number, count, own, other, c, d, e);
        for (size_t j = 0; j < count; ++j) {
            c[j] = w * d[j] + b;
            t[j] = c[j] + w * e[j] * t[j];
            dual->class_->diagonal(dual->number, other[j], &other[j], &unused);
            other[j] = w * other[j] + b;
        }
        dual->class_->diagonal(dual->number, own, &own, &unused);
        own = w * own + b;
    }
}

static void ntk_row(const struct kernel *kernel, size_t count, double xx, const double *zz, double *values) {
    double b = kernel->number[BIAS_VARIANCE], per_input = kernel->number[WEIGHT_VARIANCE] / (double)kernel->dimension;
    double other[CHUNK], c[CHUNK];
    for (size_t first = 0; first < count; first += CHUNK) {
        size_t rest = count - first < CHUNK ? count - first : CHUNK;
        double *t = values + first;
        for (size_t j = 0; j < rest; ++j) {
            t[j] = c[j] = per_input * t[j] + b;
            other[j] = per_input * zz[first + j] + b;
        }
        chunk_run(kernel, rest, per_input * xx + b, other, c, t);
    }
}

static double ntk_diagonal(const struct kernel *kernel, double xx) {
    double w = kernel->number[WEIGHT_VARIANCE], b = kernel->number[BIAS_VARIANCE], d, e;
    double s = w / (double)kernel->dimension * xx + b, t = s;
    for (size_t l = 0; l < (size_t)kernel->number[LAYERS]; ++l) {
        kernel->dual.class_->diagonal(kernel->dual.number, s, &d, &e);
        s = w * d + b;
        t = s + w * e * t;
    }
    return t;
}

extern const struct kernel_class kernel_ntk;
const struct kernel_class kernel_ntk = {
    .name = "ntk",
    .formula = "T_L: T <- S + w E(S) T, S <- w D(S) + b",
    .derivative = "",
    .domain = "any",
    .source = "Jacot, Gabriel & Hongler 2018, eq. (6)",
    .parameters = ntk_parameters,
    .shorthand = "layers",
    .network = true,
    .prepare = ntk_prepare,
    .row = ntk_row,
    .diagonal = ntk_diagonal,
};
