/* SPDX-License-Identifier: MIT */
/*
 * Arc-cosine kernels (|x| |z|)^order J_order(angle) / pi with J_0 = pi - angle, J_1 = sin + (pi - angle) cos,
 * J_2 = 3 sin cos + (pi - angle)(1 + 2 cos^2): features max(w.x, 0)^order of random w, times 2.
 * Source: Cho & Saul, NIPS 2009, eq. (3) to (6).
 */
#include <math.h>

#include "core/clones.h"
#include "kernels/kernel.h"

enum { ORDER };
enum { CHUNK = 256 };

static const double pi = 3.14159265358979323846;

static const struct kernel_parameter arc_cosine_parameters[] = {
    [ORDER] = {"order", 1, 0, 2, true, NULL, "power of the features: 0, 1 or 2"}, {0}};

STRATA_CLONES static void root_loop(size_t count, double xx, const double *restrict zz, const double *restrict c,
                                    double *restrict root, double *restrict angle) {
    for (size_t j = 0; j < count; ++j) {
        double square = xx * zz[j] - c[j] * c[j];
        root[j] = angle[j] = __builtin_sqrt(square > 0.0 ? square : 0.0);
    }
}

STRATA_CLONES static void order_loop(int order, size_t count, double xx, const double *restrict zz,
                                     const double *restrict root, const double *restrict angle, double *restrict c) {
    for (size_t j = 0; j < count; ++j) {
        double rest = pi - angle[j], zero = rest, one = root[j] + rest * c[j];
        double two = 3 * root[j] * c[j] + rest * (xx * zz[j] + 2 * c[j] * c[j]);
        c[j] = (order == 0 ? zero : order == 1 ? one : two) / pi;
    }
}

static void arc_cosine_row(const struct kernel *kernel, size_t count, double xx, const double *zz, double *values) {
    double root[CHUNK], angle[CHUNK];
    for (size_t first = 0; first < count; first += CHUNK) {
        size_t rest = count - first < CHUNK ? count - first : CHUNK;
        root_loop(rest, xx, zz + first, values + first, root, angle);
        dual_angles(rest, values + first, angle);
        order_loop((int)kernel->number[ORDER], rest, xx, zz + first, root, angle, values + first);
    }
}

static double arc_cosine_diagonal(const struct kernel *kernel, double xx) {
    int order = (int)kernel->number[ORDER];
    return order == 0 ? 1 : order == 1 ? xx : 3 * xx * xx;
}

static strata_status arc_cosine_check(strata_context *ctx, const struct kernel *kernel, const char *what, size_t n,
                                      const double *x) {
    for (size_t i = 0; i < n; ++i) {
        double square = 0;
        for (size_t k = 0; k < kernel->dimension; ++k)
            square += x[i * kernel->dimension + k] * x[i * kernel->dimension + k];
        if (square == 0)
            return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                               "kernel 'arc_cosine': %s %zu is zero and has no angle to others: expected no such row",
                               what, i);
    }
    return STRATA_OK;
}

extern const struct kernel_class kernel_arc_cosine;
const struct kernel_class kernel_arc_cosine = {
    .name = "arc_cosine",
    .formula = "(|x| |z|)^order J_order(angle) / pi",
    .derivative = "order 1: (pi - angle) / pi",
    .domain = "no zero rows",
    .source = "Cho & Saul 2009, eq. (3) to (6)",
    .parameters = arc_cosine_parameters,
    .shorthand = "order",
    .check = arc_cosine_check,
    .row = arc_cosine_row,
    .diagonal = arc_cosine_diagonal,
};
