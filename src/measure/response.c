/* SPDX-License-Identifier: MIT */
#include "measure/response.h"

#include <math.h>
#include <string.h>

/* Adds one unit's weighted rows; returns the sum of |activation| and the sum of activations. */
static double add_rows(size_t rows, size_t inputs, const float *x, size_t width, const float *feature, double *mean,
                       double *signed_sum) {
    double total = 0;
    *signed_sum = 0;
    for (size_t r = 0; r < rows; ++r) {
        double activation = (double)feature[r * width];
        total += fabs(activation);
        *signed_sum += activation;
        for (size_t i = 0; activation != 0 && i < inputs; ++i) mean[i] += activation * (double)x[r * inputs + i];
    }
    return total;
}

void response_means(size_t rows, size_t inputs, const float *x, size_t width, const float *features, size_t units,
                    double *means) {
    memset(means, 0, units * inputs * sizeof *means);
    for (size_t u = 0; u < units; ++u) {
        double *mean = means + u * inputs, signed_sum;
        double total = add_rows(rows, inputs, x, width, features + u, mean, &signed_sum);
        for (size_t i = 0; i < inputs; ++i) {
            double input_mean = 0;
            for (size_t r = 0; r < rows; ++r) input_mean += (double)x[r * inputs + i];
            mean[i] = total > 0 ? (mean[i] - signed_sum * input_mean / (double)rows) / total : 0;
        }
    }
}
