/* SPDX-License-Identifier: MIT */
/*
 * Smooth activations without a closed form, by Gauss-Hermite quadrature on 64 x 64 nodes: u = sqrt(a) s,
 * v = (c / sqrt(a)) s + sqrt(b - c^2 / a) t with s, t standard normal. Errors of 1e-10 and less up to unit variance;
 * they grow with the variance, as the functions become steps. 4,096 evaluations a pair: a hundred times the cost of a
 * closed form. Source: Abramowitz & Stegun 1964, 25.4.46.
 */
#include <math.h>

#include "kernels/dual.h"

enum { NODES = 64 };

struct rule {
    double node[NODES], weight[NODES]; /* of the standard normal */
};

/* Roots of He_64 by Newton's method on the normalised polynomials, each from the spacing of those before. */
static void rule_make(struct rule *rule) {
    const double n = NODES;
    *rule = (struct rule){{0}, {0}};
    for (size_t i = 0; i < NODES / 2; ++i) {
        double z = i == 0 ? sqrt(2 * n + 1) - 1.85575 * pow(2 * n + 1, -1.0 / 6)
                 : i == 1 ? rule->node[0] / sqrt(2.0) - 1.14 * pow(n, 0.426) / (rule->node[0] / sqrt(2.0))
                 : i == 2 ? (1.86 * rule->node[1] - 0.86 * rule->node[0]) / sqrt(2.0)
                 : i == 3 ? (1.91 * rule->node[2] - 0.91 * rule->node[1]) / sqrt(2.0)
                          : (2 * rule->node[i - 1] - rule->node[i - 2]) / sqrt(2.0);
        double x = z * sqrt(2.0), step = 1, before = 0;
        for (int round = 0; round < 50 && fabs(step) > 1e-15 * fabs(x) + 1e-300; ++round) {
            double now = 1;
            before = 0;
            for (size_t k = 0; k < NODES; ++k) {
                double next = (x * now - sqrt((double)k) * before) / sqrt((double)k + 1);
                before = now;
                now = next;
            }
            step = now / (sqrt(n) * before);
            x -= step;
        }
        rule->node[i] = x;
        rule->node[NODES - 1 - i] = -x;
        rule->weight[i] = rule->weight[NODES - 1 - i] = 1 / (n * before * before);
    }
}

typedef double (*function)(double number, double x);

static void pair_duals(const struct rule *rule, function value, function slope, double number, double a, double b,
                       double c, double *d, double *e) {
    double root = sqrt(a), along = a > 0 ? c / root : 0, square = b - along * along;
    double across = sqrt(square > 0 ? square : 0), sum_d = 0, sum_e = 0;
    for (size_t i = 0; i < NODES; ++i) {
        double inner_d = 0, inner_e = 0;
        for (size_t j = 0; j < NODES; ++j) {
            double v = along * rule->node[i] + across * rule->node[j];
            inner_d += rule->weight[j] * value(number, v);
            inner_e += rule->weight[j] * slope(number, v);
        }
        sum_d += rule->weight[i] * value(number, root * rule->node[i]) * inner_d;
        sum_e += rule->weight[i] * slope(number, root * rule->node[i]) * inner_e;
    }
    *d = sum_d;
    *e = sum_e;
}

static double logistic(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }

static double tanh_value(double number, double x) { return (void)number, tanh(x); }
static double tanh_slope(double number, double x) { return (void)number, 1 - tanh(x) * tanh(x); }
static double sigmoid_value(double number, double x) { return (void)number, logistic(x); }
static double sigmoid_slope(double number, double x) { return (void)number, logistic(x) * logistic(-x); }
static double softplus_value(double number, double x) { return (void)number, fmax(x, 0) + log1p(exp(-fabs(x))); }
static double softplus_slope(double number, double x) { return (void)number, logistic(x); }
static double silu_value(double number, double x) { return (void)number, x * logistic(x); }
static double silu_slope(double number, double x) { return (void)number, logistic(x) * (1 + x * logistic(-x)); }

#define QUADRATURE(which, formula_)                                                                                    \
    static void which##_row(double number, size_t count, double a, const double *restrict b, const double *restrict c, \
                            double *restrict d, double *restrict e) {                                                  \
        struct rule rule;                                                                                              \
        rule_make(&rule);                                                                                              \
        for (size_t j = 0; j < count; ++j)                                                                             \
            pair_duals(&rule, which##_value, which##_slope, number, a, b[j], c[j], d + j, e + j);                      \
    }                                                                                                                  \
    static void which##_diagonal(double number, double a, double *d, double *e) {                                      \
        which##_row(number, 1, a, &a, &a, d, e);                                                                       \
    }                                                                                                                  \
    extern const struct dual_class dual_##which;                                                                       \
    const struct dual_class dual_##which = {.name = #which,                                                            \
                                            .formula = (formula_),                                                     \
                                            .dual = "64 x 64 Gauss-Hermite quadrature",                                \
                                            .derivative = "the same of the slope",                                     \
                                            .domain = "variances of order 1",                                          \
                                            .source = "Abramowitz & Stegun 1964, 25.4.46",                             \
                                            .gain = 1,                                                                 \
                                            .row = which##_row,                                                        \
                                            .diagonal = which##_diagonal,                                              \
                                            .value = which##_value,                                                    \
                                            .slope = which##_slope}

QUADRATURE(tanh, "tanh(x)");
QUADRATURE(sigmoid, "1 / (1 + exp(-x))");
QUADRATURE(softplus, "log(1 + exp(x))");
QUADRATURE(silu, "x / (1 + exp(-x))");
