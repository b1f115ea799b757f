/* SPDX-License-Identifier: MIT */
/*
 * Compositional kernels: a kernel of kernels, layer after layer, from x.z / d. Each layer is the arc-cosine kernel of
 * order 1 of the layer below, or s exp(rate (k / s - 1)) with s the geometric mean of the two rows' own values; both
 * keep the diagonal. Sources: Daniely, Frostig & Singer, NIPS 2016; Shankar et al., arXiv 2003.02237, sec. 3.
 */
#include <math.h>

#include "core/clones.h"
#include "kernels/kernel.h"
#include "kernels/vector_exp.h"

enum { LAYERS, NONLINEARITY, RATE };
enum { ARC_COSINE, EXPONENTIAL };
enum { CHUNK = 256 };

static const double pi = 3.14159265358979323846;

static const struct kernel_parameter comp_parameters[] = {
    [LAYERS] = {"layers", 3, 1, 1000, true, NULL, "layers"},
    [NONLINEARITY] = {"nonlinearity", ARC_COSINE, 0, 0, false, "arc_cosine|exponential", "of every layer"},
    [RATE] = {"rate", 1, 1e-6, 1e3, false, NULL, "of the exponential one"},
    {0},
};

STRATA_CLONES static void root_loop(size_t count, double a, const double *restrict b, const double *restrict c,
                                    double *restrict root, double *restrict angle) {
    for (size_t j = 0; j < count; ++j) {
        double square = a * b[j] - c[j] * c[j];
        root[j] = angle[j] = __builtin_sqrt(square > 0.0 ? square : 0.0);
    }
}

STRATA_CLONES static void arc_loop(size_t count, const double *restrict root, const double *restrict angle,
                                   double *restrict c) {
    for (size_t j = 0; j < count; ++j) c[j] = (root[j] + (pi - angle[j]) * c[j]) * (1 / pi);
}

STRATA_CLONES static void exponential_loop(size_t count, double a, double rate, const double *restrict b,
                                           double *restrict c) {
    for (size_t j = 0; j < count; ++j) {
        double s = __builtin_sqrt(a * b[j]);
        c[j] = s > 0 ? s * vector_exp(rate * (c[j] / s - 1)) : 0;
    }
}

static void comp_row(const struct kernel *kernel, size_t count, double xx, const double *zz, double *values) {
    double root[CHUNK], angle[CHUNK], b[CHUNK], scale = 1 / (double)kernel->dimension, a = xx * scale;
    bool exponential = kernel->number[NONLINEARITY] == EXPONENTIAL;
    for (size_t first = 0; first < count; first += CHUNK) {
        size_t rest = count - first < CHUNK ? count - first : CHUNK;
        double *c = values + first;
        for (size_t j = 0; j < rest; ++j) {
            c[j] *= scale;
            b[j] = zz[first + j] * scale;
        }
        for (size_t l = 0; l < (size_t)kernel->number[LAYERS]; ++l) {
            if (exponential) {
                exponential_loop(rest, a, kernel->number[RATE], b, c);
                continue;
            }
            root_loop(rest, a, b, c, root, angle);
            dual_angles(rest, c, angle);
            arc_loop(rest, root, angle, c);
        }
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
