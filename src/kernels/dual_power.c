/* SPDX-License-Identifier: MIT */
/*
 * Powers: squared ReLU, square, normalised Hermite polynomials. Sources: Cho & Saul 2009 (order 2); Isserlis 1918;
 * Mehler 1866.
 */
#include <math.h>

#include "core/clones.h"
#include "kernels/dual.h"

static const double pi = 3.14159265358979323846;

/* ---- max(x, 0)^2: D = (3 c root + (pi - angle)(ab + 2 c^2)) / 2 pi, E = 4 D of ReLU */

STRATA_CLONES static void root_row(size_t count, double a, const double *restrict b, const double *restrict c,
                                   double *restrict root, double *restrict angle) {
    for (size_t j = 0; j < count; ++j) {
        double square = a * b[j] - c[j] * c[j];
        root[j] = angle[j] = __builtin_sqrt(square > 0.0 ? square : 0.0);
    }
}

STRATA_CLONES static void relu_squared_finish(size_t count, double a, const double *restrict b,
                                              const double *restrict c, double *restrict d, double *restrict e) {
    for (size_t j = 0; j < count; ++j) {
        double root = d[j], rest = pi - e[j];
        d[j] = (3 * c[j] * root + rest * (a * b[j] + 2 * c[j] * c[j])) * (0.5 / pi);
        e[j] = 4 * (root + rest * c[j]) * (0.5 / pi);
    }
}

static void relu_squared_row(double number, size_t count, double a, const double *restrict b, const double *restrict c,
                             double *restrict d, double *restrict e) {
    (void)number;
    root_row(count, a, b, c, d, e);
    dual_angles(count, c, e);
    relu_squared_finish(count, a, b, c, d, e);
}

static void relu_squared_diagonal(double number, double a, double *d, double *e) {
    (void)number;
    *d = 1.5 * a * a;
    *e = 2 * a;
}

static double relu_squared_value(double number, double x) { return (void)number, x > 0 ? x * x : 0; }
static double relu_squared_slope(double number, double x) { return (void)number, x > 0 ? 2 * x : 0; }

/* ---- x^2 */

STRATA_CLONES static void square_loop(size_t count, double a, const double *restrict b, const double *restrict c,
                                      double *restrict d, double *restrict e) {
    for (size_t j = 0; j < count; ++j) {
        d[j] = a * b[j] + 2 * c[j] * c[j];
        e[j] = 4 * c[j];
    }
}

static void square_row(double number, size_t count, double a, const double *restrict b, const double *restrict c,
                       double *restrict d, double *restrict e) {
    (void)number;
    square_loop(count, a, b, c, d, e);
}

static void square_diagonal(double number, double a, double *d, double *e) {
    (void)number;
    *d = 3 * a * a;
    *e = 4 * a;
}

static double square_value(double number, double x) { return (void)number, x * x; }
static double square_slope(double number, double x) { return (void)number, 2 * x; }

/* ---- He_q(x) / sqrt(q!), orthonormal for unit variance: D = c^q, E = q c^(q-1) */

STRATA_CLONES static void power_loop(size_t degree, size_t count, const double *restrict c, double *restrict d,
                                     double *restrict e) {
    for (size_t j = 0; j < count; ++j) {
        double power = 1;
        for (size_t i = 1; i < degree; ++i) power *= c[j];
        e[j] = (double)degree * power;
        d[j] = c[j] * power;
    }
}

static void hermite_row(double number, size_t count, double a, const double *restrict b, const double *restrict c,
                        double *restrict d, double *restrict e) {
    (void)a, (void)b;
    power_loop((size_t)number, count, c, d, e);
}

static void hermite_diagonal(double number, double a, double *d, double *e) {
    (void)a;
    *d = 1;
    *e = number;
}

/* He_q(x) / sqrt(q!) by the three-term recursion of the normalised polynomials. */
static double hermite(size_t degree, double x) {
    double before = 0, now = 1;
    for (size_t k = 0; k < degree; ++k) {
        double next = (x * now - sqrt((double)k) * before) / sqrt((double)k + 1);
        before = now;
        now = next;
    }
    return now;
}

static double hermite_value(double number, double x) { return hermite((size_t)number, x); }
static double hermite_slope(double number, double x) { return sqrt(number) * hermite((size_t)number - 1, x); }

extern const struct dual_class dual_relu_squared, dual_square, dual_hermite;

const struct dual_class dual_relu_squared = {
    .name = "relu_squared",
    .formula = "max(x, 0)^2",
    .dual = "(3 c root + (pi - angle)(ab + 2 c^2)) / 2 pi",
    .derivative = "4 D of relu",
    .domain = "any",
    .source = "Cho & Saul 2009 (order 2)",
    .gain = 1,
    .row = relu_squared_row,
    .diagonal = relu_squared_diagonal,
    .value = relu_squared_value,
    .slope = relu_squared_slope,
};

const struct dual_class dual_square = {
    .name = "square",
    .formula = "x^2",
    .dual = "ab + 2 c^2",
    .derivative = "4 c",
    .domain = "any",
    .source = "Isserlis 1918",
    .gain = 1,
    .row = square_row,
    .diagonal = square_diagonal,
    .value = square_value,
    .slope = square_slope,
};

const struct dual_class dual_hermite = {
    .name = "hermite",
    .formula = "He_degree(x) / sqrt(degree!)",
    .dual = "c^degree",
    .derivative = "degree c^(degree-1)",
    .domain = "a = b = 1",
    .source = "Mehler 1866",
    .gain = 1,
    .number_name = "degree",
    .number_fallback = 2,
    .number_low = 1,
    .number_high = 64,
    .number_whole = true,
    .unit_variance = true,
    .row = hermite_row,
    .diagonal = hermite_diagonal,
    .value = hermite_value,
    .slope = hermite_slope,
};
