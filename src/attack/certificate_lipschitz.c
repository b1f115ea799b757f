/* SPDX-License-Identifier: MIT */
/*
 * Radii from Lipschitz constants. The difference of two logits changes by at most sqrt 2 L |delta|. Sums are rounded
 * up: n terms without sign lose at most n half-units of the last place, and a bound must not.
 */
#include <float.h>
#include <math.h>

#include "attack/attack.h"
#include "attack/certificate.h"

double certificate_operator_norm(size_t rows, size_t columns, const double *weights) {
    double square = 0, widest = 0, tallest = 0;
    for (size_t i = 0; i < rows; ++i) {
        double sum = 0;
        for (size_t j = 0; j < columns; ++j) {
            double weight = weights[i * columns + j];
            square += weight * weight;
            sum += fabs(weight);
        }
        widest = fmax(widest, sum);
    }
    for (size_t j = 0; j < columns; ++j) {
        double sum = 0;
        for (size_t i = 0; i < rows; ++i) sum += fabs(weights[i * columns + j]);
        tallest = fmax(tallest, sum);
    }
    double least = fmin(sqrt(square), sqrt(widest * tallest));
    return isnan(square) ? NAN : least * (1 + DBL_EPSILON * (double)(rows * columns + 4));
}

double certificate_lipschitz(size_t outputs, const float *logits, uint32_t label, double lipschitz) {
    if (!(lipschitz >= 0) || attack_broken(outputs, logits, label)) return 0;
    double margin = -attack_loss_margin.value(outputs, logits, label, 0, NULL);
    double radius = margin / ((outputs == 1 ? 1 : M_SQRT2) * lipschitz);
    return isnan(radius) ? 0 : radius; /* infinite logits; a margin of 0 over a constant of 0 */
}
