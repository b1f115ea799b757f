/* SPDX-License-Identifier: MIT */
#include "kernels/learning_curve.h"

#include <assert.h>
#include <math.h>

#include "data/harmonic.h"
#include "kernels/sphere.h"

strata_status learning_curve_create(strata_context *ctx, const struct kernel *kernel, struct learning_curve *curve) {
    double at_one;
    STRATA_TRY(sphere_eigenvalues(ctx, kernel, LEARNING_CURVE_DEGREES, curve->eigenvalue, &at_one));
    curve->tail = at_one;
    for (size_t q = 0; q < LEARNING_CURVE_DEGREES; ++q) {
        curve->multiplicity[q] = harmonic_count(kernel->dimension, q);
        double power = curve->multiplicity[q] * curve->eigenvalue[q];
        if (power < -1e-8 * at_one)
            return strata_fail(
                ctx, STRATA_ERR_CONVERGENCE,
                "kernel '%s': eigenvalue %g of degree %zu: not positive semidefinite on the sphere in %zu "
                "dimensions",
                kernel->class_->name, curve->eigenvalue[q], q, kernel->dimension);
        if (power < 1e-13 * at_one) curve->eigenvalue[q] = power = 0; /* rounding of the quadrature */
        curve->tail -= power;
    }
    curve->tail = fmax(curve->tail, 0);
    return STRATA_OK;
}

/* The effective ridge kappa: ridge / kappa + sum_q B_q lambda_q / (kappa + n lambda_q) = 1, falling in kappa. */
static double effective_ridge(const struct learning_curve *curve, double n, double ridge) {
    double total = ridge;
    for (size_t q = 0; q < LEARNING_CURVE_DEGREES; ++q) total += curve->multiplicity[q] * curve->eigenvalue[q];
    double low = log(total) - 700, high = log(total);
    for (int round = 0; round < 200 && high - low > 1e-14 * fabs(high) + 1e-15; ++round) {
        double middle = 0.5 * (low + high), kappa = exp(middle), sum = ridge / kappa;
        for (size_t q = 0; q < LEARNING_CURVE_DEGREES; ++q)
            sum += curve->multiplicity[q] * curve->eigenvalue[q] / (kappa + n * curve->eigenvalue[q]);
        if (sum > 1)
            low = middle;
        else
            high = middle;
    }
    return exp(0.5 * (low + high));
}

double learning_curve_error(const struct learning_curve *curve, double n, double ridge, size_t degrees,
                            const double *power, double noise) {
    assert(degrees <= LEARNING_CURVE_DEGREES);
    double kappa = effective_ridge(curve, n, ridge + curve->tail), gamma = 0, error = noise;
    for (size_t q = 0; q < LEARNING_CURVE_DEGREES; ++q) {
        double part = curve->eigenvalue[q] / (kappa + n * curve->eigenvalue[q]);
        double missed = kappa / (kappa + n * curve->eigenvalue[q]);
        gamma += n * curve->multiplicity[q] * part * part;
        if (q < degrees) error += power[q] * missed * missed;
    }
    return error / (1 - gamma) - noise;
}

double learning_curve_degree(const struct learning_curve *curve, double n, double ridge, size_t degree) {
    double power[LEARNING_CURVE_DEGREES] = {0};
    assert(degree < LEARNING_CURVE_DEGREES);
    power[degree] = 1;
    return learning_curve_error(curve, n, ridge, degree + 1, power, 0);
}

double learning_curve_samples(const struct learning_curve *curve, double ridge, size_t degree, double level) {
    const double most = log(1e15), step = 0.05;
    double above = NAN;
    for (double at = 0; at <= most; at += step)
        if (learning_curve_degree(curve, exp(at), ridge, degree) > level) above = at;
    if (isnan(above)) return 1;
    if (above + step > most) return NAN;
    double low = above, high = above + step;
    for (int round = 0; round < 60; ++round) {
        double middle = 0.5 * (low + high);
        if (learning_curve_degree(curve, exp(middle), ridge, degree) > level)
            low = middle;
        else
            high = middle;
    }
    return exp(0.5 * (low + high));
}
