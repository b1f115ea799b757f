/* SPDX-License-Identifier: MIT */
/*
 * Sign and step: their slope is a Dirac pulse, so that its dual grows as 1 / angle near the diagonal. Source: Cho &
 * Saul 2009 (order 0).
 */
#include <math.h>

#include "core/clones.h"
#include "kernels/dual.h"

static const double pi = 3.14159265358979323846;

STRATA_CLONES static void root_row(size_t count, double a, const double *restrict b, const double *restrict c,
                                   double *restrict root) {
    for (size_t j = 0; j < count; ++j) {
        double square = a * b[j] - c[j] * c[j];
        root[j] = __builtin_sqrt(square > 0.0 ? square : 0.0);
    }
}

/* D = offset - slope angle; E is not defined: zeros. */
static void jump_row(double offset, double slope, size_t count, double a, const double *restrict b,
                     const double *restrict c, double *restrict d, double *restrict e) {
    root_row(count, a, b, c, d);
    dual_angles(count, c, d);
    for (size_t j = 0; j < count; ++j) {
        d[j] = offset - slope * d[j];
        e[j] = 0;
    }
}

#define JUMP(which, offset, per_angle, value_low, value_high, ...)                                                     \
    static void which##_row(double number, size_t count, double a, const double *restrict b, const double *restrict c, \
                            double *restrict d, double *restrict e) {                                                  \
        (void)number;                                                                                                  \
        jump_row(offset, per_angle, count, a, b, c, d, e);                                                             \
    }                                                                                                                  \
    static void which##_diagonal(double number, double a, double *d, double *e) {                                      \
        (void)number, (void)a;                                                                                         \
        *d = offset;                                                                                                   \
        *e = 0;                                                                                                        \
    }                                                                                                                  \
    static double which##_value(double number, double x) { return (void)number, x > 0 ? value_high : value_low; }      \
    static double which##_slope(double number, double x) { return (void)number, (void)x, 0; }                          \
    extern const struct dual_class dual_##which;                                                                       \
    const struct dual_class dual_##which = {                                                                           \
        .name = #which,                                                                                                \
        .derivative = "none",                                                                                          \
        .domain = "any but zero rows",                                                                                 \
        .source = "Cho & Saul 2009",                                                                                   \
        .gain = 1,                                                                                                     \
        .homogeneous = true,                                                                                           \
        .no_tangent = "its slope is a pulse at 0, so the dual of the slope diverges on the diagonal",                  \
        .row = which##_row,                                                                                            \
        .diagonal = which##_diagonal,                                                                                  \
        .value = which##_value,                                                                                        \
        .slope = which##_slope,                                                                                        \
        __VA_ARGS__}

JUMP(sign, 1.0, 2.0 / pi, -1.0, 1.0, .formula = "sign(x)", .dual = "1 - 2 angle / pi");
JUMP(step, 0.5, 0.5 / pi, 0.0, 1.0, .formula = "1 for x > 0, else 0", .dual = "(pi - angle) / 2 pi");
