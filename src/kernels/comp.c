/* SPDX-License-Identifier: MIT */
/*
 * Compositional kernels: a kernel of kernels, layer after layer, from x.z / d. Each layer is the arc-cosine kernel of
 * order 1 of the layer below, or s exp(rate (k / s - 1)) with s the geometric mean of the two rows' own values; both
 * keep the diagonal. Sources: Daniely, Frostig & Singer, NIPS 2016; Shankar et al., arXiv 2003.02237, sec. 3.
 */
#include "kernels/compose.h"
#include "kernels/kernel.h"

enum { LAYERS, NONLINEARITY, RATE };
enum { CHUNK = 256 };

static const struct kernel_parameter comp_parameters[] = {
    [LAYERS] = {"layers", 3, 1, 1000, true, NULL, "layers"},
    [NONLINEARITY] = {"nonlinearity", COMPOSE_ARC_COSINE, 0, 0, false, COMPOSE_CHOICES, "of every layer"},
    [RATE] = {"rate", 1, 1e-6, 1e3, false, NULL, "of the exponential one"},
    {0},
};

static void comp_row(const struct kernel *kernel, size_t count, double xx, const double *zz, double *values) {
    double b[CHUNK], scale = 1 / (double)kernel->dimension;
    enum compose_kind kind = (enum compose_kind)kernel->number[NONLINEARITY];
    for (size_t first = 0; first < count; first += CHUNK) {
        size_t rest = count - first < CHUNK ? count - first : CHUNK;
        double *c = values + first;
        for (size_t j = 0; j < rest; ++j) {
            c[j] *= scale;
            b[j] = zz[first + j] * scale;
        }
        for (size_t l = 0; l < (size_t)kernel->number[LAYERS]; ++l)
            compose_row(kind, kernel->number[RATE], rest, xx * scale, b, c);
    }
}

static double comp_diagonal(const struct kernel *kernel, double xx) { return xx / (double)kernel->dimension; }

extern const struct kernel_class kernel_comp;
const struct kernel_class kernel_comp = {
    .name = "comp",
    .formula = "k <- arc-cosine of order 1, or s exp(rate (k / s - 1)); k_0 = x.z / d",
    .derivative = "(pi - angle) / pi, or rate k / s, a layer",
    .domain = "any",
    .source = "Daniely et al. 2016; Shankar et al. 2020, sec. 3",
    .parameters = comp_parameters,
    .shorthand = "layers",
    .row = comp_row,
    .diagonal = comp_diagonal,
};
