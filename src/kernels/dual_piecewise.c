/* SPDX-License-Identifier: MIT */
/*
 * Activations of two straight pieces, low min(x, 0) + high max(x, 0): ReLU, leaky ReLU, absolute value, identity. With
 * root = sqrt(ab - c^2), angle = atan2(root, c), g = (low - high)^2 / 2 pi:
 *
 *     E = (low^2 + high^2) / 2 - g angle,    D = g root + E c.
 *
 * Source: Cho & Saul, NIPS 2009, by linearity.
 */
#include <math.h>

#include "core/clones.h"
#include "kernels/dual.h"
#include "kernels/vector_angle.h"

static const double pi = 3.14159265358979323846;

STRATA_CLONES static void pieces_loop(double half, double g, size_t count, double a, const double *restrict b,
                                      const double *restrict c, double *restrict d, double *restrict e) {
    for (size_t j = 0; j < count; ++j) {
        double square = a * b[j] - c[j] * c[j], root = __builtin_sqrt(square > 0.0 ? square : 0.0);
        double slope = half - g * vector_angle(c[j], root);
        e[j] = slope;
        d[j] = g * root + slope * c[j];
    }
}

static void pieces_row(double low, double high, size_t count, double a, const double *restrict b,
                       const double *restrict c, double *restrict d, double *restrict e) {
    pieces_loop(0.5 * (low * low + high * high), (low - high) * (low - high) / (2 * pi), count, a, b, c, d, e);
}

static void pieces_diagonal(double low, double high, double a, double *d, double *e) {
    *e = 0.5 * (low * low + high * high);
    *d = *e * a;
}

static double pieces_value(double low, double high, double x) { return x > 0 ? high * x : low * x; }
static double pieces_slope(double low, double high, double x) { return x > 0 ? high : low; }

/* `low` may be the activation's number. */
#define PIECEWISE(which, low, high, ...)                                                                               \
    static void which##_row(double number, size_t count, double a, const double *restrict b, const double *restrict c, \
                            double *restrict d, double *restrict e) {                                                  \
        (void)number;                                                                                                  \
        pieces_row(low, high, count, a, b, c, d, e);                                                                   \
    }                                                                                                                  \
    static void which##_diagonal(double number, double a, double *d, double *e) {                                      \
        (void)number;                                                                                                  \
        pieces_diagonal(low, high, a, d, e);                                                                           \
    }                                                                                                                  \
    static double which##_value(double number, double x) { return (void)number, pieces_value(low, high, x); }          \
    static double which##_slope(double number, double x) { return (void)number, pieces_slope(low, high, x); }          \
    extern const struct dual_class dual_##which;                                                                       \
    const struct dual_class dual_##which = {.name = #which,                                                            \
                                            .domain = "any",                                                           \
                                            .source = "Cho & Saul 2009",                                               \
                                            .row = which##_row,                                                        \
                                            .diagonal = which##_diagonal,                                              \
                                            .value = which##_value,                                                    \
                                            .slope = which##_slope,                                                    \
                                            __VA_ARGS__}

PIECEWISE(relu, 0.0, 1.0, .formula = "max(x, 0)", .dual = "root / 2 pi + E c, root = sqrt(ab - c^2)",
          .derivative = "1/2 - angle / 2 pi, angle = atan2(root, c)", .gain = 2, .homogeneous = true);
PIECEWISE(leaky_relu, number, 1.0, .formula = "max(x, slope x)", .dual = "g root + E c, g = (1 - slope)^2 / 2 pi",
          .derivative = "(1 + slope^2) / 2 - g angle", .gain = 2, .homogeneous = true, .number_name = "slope",
          .number_fallback = 0.01, .number_low = -100, .number_high = 100);
PIECEWISE(abs, -1.0, 1.0, .formula = "|x|", .dual = "2 root / pi + E c", .derivative = "1 - 2 angle / pi", .gain = 1,
          .homogeneous = true);
PIECEWISE(identity, 1.0, 1.0, .formula = "x", .dual = "c", .derivative = "1", .gain = 1);
