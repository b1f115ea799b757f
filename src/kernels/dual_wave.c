/* SPDX-License-Identifier: MIT */
/*
 * Waves: sin, cos, and the shifted cosine whose dual is the RBF kernel. Source: Rahimi & Recht, NIPS 2007; Louart et
 * al. 2018.
 */
#include <math.h>

#include "core/clones.h"
#include "kernels/dual.h"
#include "kernels/vector_exp.h"

static const double pi = 3.14159265358979323846;

/* exp(-(a+b)/2) sinh(c) and cosh(c), as two exponentials each at most 1: no overflow. */
STRATA_CLONES static void wave_loop(size_t count, double a, const double *restrict b, const double *restrict c,
                                    double *restrict sinh_part, double *restrict cosh_part) {
    for (size_t j = 0; j < count; ++j) {
        double middle = 0.5 * (a + b[j]), near = vector_exp(c[j] - middle), far = vector_exp(-c[j] - middle);
        sinh_part[j] = 0.5 * (near - far);
        cosh_part[j] = 0.5 * (near + far);
    }
}

static void sin_row(double number, size_t count, double a, const double *restrict b, const double *restrict c,
                    double *restrict d, double *restrict e) {
    (void)number;
    wave_loop(count, a, b, c, d, e);
}

static void cos_row(double number, size_t count, double a, const double *restrict b, const double *restrict c,
                    double *restrict d, double *restrict e) {
    (void)number;
    wave_loop(count, a, b, c, e, d);
}

static void sin_diagonal(double number, double a, double *d, double *e) {
    (void)number;
    *d = -0.5 * expm1(-2 * a);
    *e = 1 - *d;
}

static void cos_diagonal(double number, double a, double *d, double *e) { sin_diagonal(number, a, e, d); }

static double sin_value(double number, double x) { return (void)number, sin(x); }
static double sin_slope(double number, double x) { return (void)number, cos(x); }
static double cos_value(double number, double x) { return (void)number, cos(x); }
static double cos_slope(double number, double x) { return (void)number, -sin(x); }

/* sqrt 2 sin(sqrt(2 gamma) x + pi/4): D = exp(-gamma (a + b - 2c)), E = 2 gamma D */
STRATA_CLONES static void rbf_loop(double gamma, size_t count, double a, const double *restrict b,
                                   const double *restrict c, double *restrict d, double *restrict e) {
    for (size_t j = 0; j < count; ++j) {
        d[j] = vector_exp(-gamma * (a + b[j] - 2 * c[j]));
        e[j] = 2 * gamma * d[j];
    }
}

static void rbf_row(double number, size_t count, double a, const double *restrict b, const double *restrict c,
                    double *restrict d, double *restrict e) {
    rbf_loop(number, count, a, b, c, d, e);
}

static void rbf_diagonal(double number, double a, double *d, double *e) {
    (void)a;
    *d = 1;
    *e = 2 * number;
}

static double rbf_value(double number, double x) { return sqrt(2.0) * sin(sqrt(2 * number) * x + 0.25 * pi); }
static double rbf_slope(double number, double x) { return 2 * sqrt(number) * cos(sqrt(2 * number) * x + 0.25 * pi); }

#define WAVE(which, formula_, own_, derivative_, ...)                        \
    extern const struct dual_class dual_##which;                             \
    const struct dual_class dual_##which = {.name = #which,                  \
                                            .formula = (formula_),           \
                                            .dual = (own_),                  \
                                            .derivative = (derivative_),     \
                                            .domain = "any",                 \
                                            .source = "Rahimi & Recht 2007", \
                                            .gain = 1,                       \
                                            .row = which##_row,              \
                                            .diagonal = which##_diagonal,    \
                                            .value = which##_value,          \
                                            .slope = which##_slope,          \
                                            __VA_ARGS__}

WAVE(sin, "sin(x)", "exp(-(a + b) / 2) sinh(c)", "exp(-(a + b) / 2) cosh(c)", .number_name = NULL);
WAVE(cos, "cos(x)", "exp(-(a + b) / 2) cosh(c)", "exp(-(a + b) / 2) sinh(c)", .number_name = NULL);
WAVE(rbf, "sqrt(2) sin(sqrt(2 gamma) x + pi/4)", "exp(-gamma (a + b - 2c))", "2 gamma D", .number_name = "gamma",
     .number_fallback = 1, .number_low = 1e-6, .number_high = 1e6);
