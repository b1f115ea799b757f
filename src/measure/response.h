/* SPDX-License-Identifier: MIT */
/* What a unit responds to: inputs averaged with its activation as weight. */
#ifndef MEASURE_RESPONSE_H
#define MEASURE_RESPONSE_H

#include <stddef.h>

/**
 * For the first `units` of a layer: sum over rows of activation * (input - mean input), divided by the sum of
 * |activation|; zeros for a unit that is silent on all rows.
 *
 * @param x         [rows, inputs].
 * @param features  [rows, width], units <= width.
 * @param means     [units, inputs] out, in the units of x.
 */
void response_means(size_t rows, size_t inputs, const float *x, size_t width, const float *features, size_t units,
                    double *means);

#endif
