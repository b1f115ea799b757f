/* SPDX-License-Identifier: MIT */
/*
 * erf, GELU and the Gaussian bump. Sources: Williams, NIPS 1996 (erf); Tsuchida et al. 2020 (GELU); Gaussian
 * integrals (bump).
 */
#include <math.h>

#include "core/clones.h"
#include "kernels/dual.h"

static const double pi = 3.14159265358979323846;

/* ---- erf: R = sqrt((1 + 2a)(1 + 2b) - 4 c^2), D = 2/pi atan2(2c, R), E = 4 / pi R */

STRATA_CLONES static void erf_root(size_t count, double a, const double *restrict b, const double *restrict c,
                                   double *restrict root) {
    for (size_t j = 0; j < count; ++j) root[j] = __builtin_sqrt((1 + 2 * a) * (1 + 2 * b[j]) - 4 * c[j] * c[j]);
}

/* asin-like angle of c from that of R: atan2(2c, R) = pi/2 - atan2(R, 2c). */
STRATA_CLONES static void erf_finish(size_t count, const double *restrict angle, double *restrict d,
                                     double *restrict e) {
    for (size_t j = 0; j < count; ++j) {
        e[j] = 4 / (pi * e[j]);
        d[j] = (2 / pi) * (0.5 * pi - angle[j]);
    }
}

static void erf_row(double number, size_t count, double a, const double *restrict b, const double *restrict c,
                    double *restrict d, double *restrict e) {
    enum { PART = 256 };
    double twice[PART], angle[PART];
    (void)number;
    for (size_t first = 0; first < count; first += PART) {
        size_t rest = count - first < PART ? count - first : PART;
        erf_root(rest, a, b + first, c + first, e + first);
        for (size_t j = 0; j < rest; ++j) {
            twice[j] = 2 * c[first + j];
            angle[j] = e[first + j];
        }
        dual_angles(rest, twice, angle);
        erf_finish(rest, angle, d + first, e + first);
    }
}

static void erf_diagonal(double number, double a, double *d, double *e) {
    double root = sqrt(1 + 4 * a);
    (void)number;
    *d = 2 / pi * atan2(2 * a, root);
    *e = 4 / (pi * root);
}

static double erf_value(double number, double x) { return (void)number, erf(x); }
static double erf_slope(double number, double x) { return (void)number, 2 / sqrt(pi) * exp(-x * x); }

/* ---- x Phi(x): P = (1 + a)(1 + b), Q = P - c^2, w = atan2(c, sqrt Q) */

STRATA_CLONES static void gelu_root(size_t count, double a, const double *restrict b, const double *restrict c,
                                    double *restrict root) {
    for (size_t j = 0; j < count; ++j) root[j] = __builtin_sqrt((1 + a) * (1 + b[j]) - c[j] * c[j]);
}

/* `e` holds pi/2 - w on entry. */
STRATA_CLONES static void gelu_finish(size_t count, double a, const double *restrict b, const double *restrict c,
                                      double *restrict d, double *restrict e) {
    for (size_t j = 0; j < count; ++j) {
        double p = (1 + a) * (1 + b[j]), q = p - c[j] * c[j], root = __builtin_sqrt(q), w = 0.5 * pi - e[j],
               ab = a * b[j];
        d[j] = 0.25 * c[j] + (c[j] * w + (c[j] * c[j] + ab * q) / (p * root)) * (0.5 / pi);
        e[j] = 0.25 + w * (0.5 / pi) + c[j] / (2 * pi * root) * (1 / q + (1 - ab) / p + 1);
    }
}

static void gelu_row(double number, size_t count, double a, const double *restrict b, const double *restrict c,
                     double *restrict d, double *restrict e) {
    (void)number;
    gelu_root(count, a, b, c, e);
    dual_angles(count, c, e);
    gelu_finish(count, a, b, c, d, e);
}

static void gelu_diagonal(double number, double a, double *d, double *e) {
    double p = (1 + a) * (1 + a), q = 1 + 2 * a, root = sqrt(q), w = atan2(a, root);
    (void)number;
    *d = 0.25 * a + (a * w + (a * a + a * a * q) / (p * root)) / (2 * pi);
    *e = 0.25 + w / (2 * pi) + a / (2 * pi * root) * (1 / q + (1 - a * a) / p + 1);
}

static double normal_cdf(double x) { return 0.5 * erfc(-x / sqrt(2.0)); }
static double gelu_value(double number, double x) { return (void)number, x * normal_cdf(x); }
static double gelu_slope(double number, double x) {
    return (void)number, normal_cdf(x) + x * exp(-0.5 * x * x) / sqrt(2 * pi);
}

/* ---- exp(-x^2): D = 1 / R, E = 4 c / R^3, R as for erf */

STRATA_CLONES static void gaussian_loop(size_t count, double a, const double *restrict b, const double *restrict c,
                                        double *restrict d, double *restrict e) {
    for (size_t j = 0; j < count; ++j) {
        double square = (1 + 2 * a) * (1 + 2 * b[j]) - 4 * c[j] * c[j];
        d[j] = 1 / __builtin_sqrt(square);
        e[j] = 4 * c[j] * d[j] / square;
    }
}

static void gaussian_row(double number, size_t count, double a, const double *restrict b, const double *restrict c,
                         double *restrict d, double *restrict e) {
    (void)number;
    gaussian_loop(count, a, b, c, d, e);
}

static void gaussian_diagonal(double number, double a, double *d, double *e) {
    (void)number;
    *d = 1 / sqrt(1 + 4 * a);
    *e = 4 * a * *d * *d * *d;
}

static double gaussian_value(double number, double x) { return (void)number, exp(-x * x); }
static double gaussian_slope(double number, double x) { return (void)number, -2 * x * exp(-x * x); }

#define SMOOTH(which, formula_, own_, derivative_, source_)               \
    extern const struct dual_class dual_##which;                          \
    const struct dual_class dual_##which = {.name = #which,               \
                                            .formula = (formula_),        \
                                            .dual = (own_),               \
                                            .derivative = (derivative_),  \
                                            .domain = "any",              \
                                            .source = (source_),          \
                                            .gain = 1,                    \
                                            .row = which##_row,           \
                                            .diagonal = which##_diagonal, \
                                            .value = which##_value,       \
                                            .slope = which##_slope}

SMOOTH(erf, "erf(x)", "2/pi atan2(2c, R), R = sqrt((1 + 2a)(1 + 2b) - 4 c^2)", "4 / pi R", "Williams 1996");
SMOOTH(gelu, "x Phi(x)",
       "c/4 + (c w + (c^2 + ab Q) / P sqrt(Q)) / 2 pi, P = (1 + a)(1 + b), Q = P - c^2, w = atan2(c, sqrt(Q))",
       "1/4 + w / 2 pi + c / (2 pi sqrt(Q)) (1/Q + (1 - ab) / P + 1)", "Tsuchida et al. 2020");
SMOOTH(gaussian, "exp(-x^2)", "1 / R", "4 c / R^3", "Gaussian integral");
