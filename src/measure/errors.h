/* SPDX-License-Identifier: MIT */
/* How far predictions are from targets. */
#ifndef MEASURE_ERRORS_H
#define MEASURE_ERRORS_H

#include <stddef.h>

/**
 * Mean squared error over the variance of the targets, pooled over outputs: 1 is the best constant.
 *
 * @param prediction, target  [rows, outputs]. Sums in float64, in row order.
 * @return NaN when a prediction is NaN or the targets are constant.
 */
double relative_error(size_t rows, size_t outputs, const float *prediction, const float *target);

/** Share of rows where the class of the logit (1 when > 0, else 0) is not the label 0/1. A NaN logit is wrong. */
double binary_error_rate(size_t rows, const float *logits, const float *labels);

/**
 * Share of rows where the largest of [rows, classes] logits (the first among equals) is not the label's. A row with
 * NaN is wrong.
 */
double multiclass_error_rate(size_t rows, size_t classes, const float *logits, const float *labels);

#endif
