/* SPDX-License-Identifier: MIT */
/* ReLU. With root = sqrt(ab - c^2): E = 1/2 - angle / 2 pi, D = root / 2 pi + E c. Source: Cho & Saul, NIPS 2009. */
#include <math.h>

#include "core/clones.h"
#include "kernels/dual.h"

static const double pi = 3.14159265358979323846;

STRATA_CLONES static void root_row(size_t count, double a, const double *restrict b, const double *restrict c,
                                   double *restrict root, double *restrict angle) {
    for (size_t j = 0; j < count; ++j) {
        double square = a * b[j] - c[j] * c[j];
        root[j] = angle[j] = __builtin_sqrt(square > 0.0 ? square : 0.0);
    }
}

STRATA_CLONES static void relu_finish(size_t count, const double *restrict c, double *restrict d, double *restrict e) {
    for (size_t j = 0; j < count; ++j) {
        e[j] = 0.5 - e[j] * (0.5 / pi);
        d[j] = d[j] * (0.5 / pi) + e[j] * c[j];
    }
}

static void relu_row(double number, size_t count, double a, const double *restrict b, const double *restrict c,
                     double *restrict d, double *restrict e) {
    (void)number;
    root_row(count, a, b, c, d, e);
    dual_angles(count, c, e);
    relu_finish(count, c, d, e);
}

static void relu_diagonal(double number, double a, double *d, double *e) {
    (void)number;
    *d = 0.5 * a;
    *e = 0.5;
}

static double relu_value(double number, double x) { return (void)number, fmax(x, 0.0); }
static double relu_slope(double number, double x) { return (void)number, x > 0.0 ? 1.0 : 0.0; }

extern const struct dual_class dual_relu;
const struct dual_class dual_relu = {
    .name = "relu",
    .formula = "max(x, 0)",
    .dual = "root / 2 pi + E c, root = sqrt(ab - c^2)",
    .derivative = "1/2 - angle(c, root) / 2 pi",
    .domain = "any",
    .source = "Cho & Saul 2009",
    .gain = 2.0,
    .homogeneous = true,
    .row = relu_row,
    .diagonal = relu_diagonal,
    .value = relu_value,
    .slope = relu_slope,
};
