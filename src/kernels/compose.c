/* SPDX-License-Identifier: MIT */
#include "kernels/compose.h"

#include "core/clones.h"
#include "kernels/dual.h"
#include "kernels/vector_exp.h"

enum { CHUNK = 256 };

static const double pi = 3.14159265358979323846;

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

void compose_row(enum compose_kind kind, double rate, size_t count, double a, const double *b, double *c) {
    double root[CHUNK], angle[CHUNK];
    if (kind == COMPOSE_EXPONENTIAL) {
        exponential_loop(count, a, rate, b, c);
        return;
    }
    for (size_t first = 0; first < count; first += CHUNK) {
        size_t rest = count - first < CHUNK ? count - first : CHUNK;
        root_loop(rest, a, b + first, c + first, root, angle);
        dual_angles(rest, c + first, angle);
        arc_loop(rest, root, angle, c + first);
    }
}
