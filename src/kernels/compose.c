/* SPDX-License-Identifier: MIT */
#include "kernels/compose.h"

#include "core/clones.h"
#include "kernels/vector_angle.h"
#include "kernels/vector_exp.h"

static const double pi = 3.14159265358979323846;

STRATA_CLONES static void arc_loop(size_t count, double a, const double *restrict b, double *restrict c) {
    for (size_t j = 0; j < count; ++j) {
        double square = a * b[j] - c[j] * c[j], root = __builtin_sqrt(square > 0.0 ? square : 0.0);
        c[j] = (root + (pi - vector_angle(c[j], root)) * c[j]) * (1 / pi);
    }
}

STRATA_CLONES static void exponential_loop(size_t count, double a, double rate, const double *restrict b,
                                           double *restrict c) {
    for (size_t j = 0; j < count; ++j) {
        double s = __builtin_sqrt(a * b[j]);
        c[j] = s > 0 ? s * vector_exp(rate * (c[j] / s - 1)) : 0;
    }
}

void compose_row(enum compose_kind kind, double rate, size_t count, double a, const double *b, double *c) {
    if (kind == COMPOSE_EXPONENTIAL)
        exponential_loop(count, a, rate, b, c);
    else
        arc_loop(count, a, b, c);
}
