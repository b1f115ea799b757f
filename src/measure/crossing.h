/* SPDX-License-Identifier: MIT */
/* Where a falling curve reaches a level. */
#ifndef MEASURE_CROSSING_H
#define MEASURE_CROSSING_H

#include <stddef.h>

/**
 * The x at which y last falls through `level`, between two points on logarithmic axes.
 *
 * @param x, y  [count], x rising, both > 0 (what is smaller counts as 1e-12).
 * @return x[0] when y is below from the start; NaN when the last y is above, or a y is NaN.
 */
double level_crossing(size_t count, const double *x, const double *y, double level);

#endif
