/* SPDX-License-Identifier: MIT */
/* The exact radius of linear functions: |<w, x> + b| / |w|_2 or |w|_1 without a box, by coordinate with one. */
#include <math.h>

#include "attack/certificate.h"
#include "attack/hyperplane.h"

double certificate_linear(size_t inputs, const double *weights, double offset, bool linf, double low, double high,
                          const float *x) {
    double value = offset;
    for (size_t j = 0; j < inputs; ++j) value += weights[j] * (double)x[j];
    return hyperplane_project(inputs, weights, value, linf, low, high, x, NULL);
}
