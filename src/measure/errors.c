/* SPDX-License-Identifier: MIT */
/* Relative test error and error rates. */
#include "measure/errors.h"

#include <math.h>
#include <stdbool.h>

double relative_error(size_t rows, size_t outputs, const float *prediction, const float *target) {
    double residual = 0.0, variance = 0.0;
    for (size_t j = 0; j < outputs; ++j) {
        double mean = 0.0;
        for (size_t i = 0; i < rows; ++i) mean += (double)target[i * outputs + j];
        mean /= (double)rows;
        for (size_t i = 0; i < rows; ++i) {
            double y = (double)target[i * outputs + j], error = (double)prediction[i * outputs + j] - y;
            residual += error * error;
            variance += (y - mean) * (y - mean);
        }
    }
    return variance > 0.0 ? residual / variance : NAN;
}

double binary_error_rate(size_t rows, const float *logits, const float *labels) {
    size_t wrong = 0;
    for (size_t i = 0; i < rows; ++i) wrong += isnan(logits[i]) || (logits[i] > 0.0f) != (labels[i] > 0.5f);
    return (double)wrong / (double)rows;
}

double multiclass_error_rate(size_t rows, size_t classes, const float *logits, const float *labels) {
    size_t wrong = 0;
    for (size_t i = 0; i < rows; ++i) {
        const float *row = logits + i * classes;
        size_t best = 0;
        bool defined = !isnan(row[0]);
        for (size_t j = 1; j < classes; ++j) {
            defined = defined && !isnan(row[j]);
            if (row[j] > row[best]) best = j;
        }
        wrong += !defined || (float)best != labels[i];
    }
    return (double)wrong / (double)rows;
}
