/* SPDX-License-Identifier: MIT */
#include "measure/crossing.h"

#include <math.h>

static double floored_log(double value) { return log(fmax(value, 1e-12)); }

double level_crossing(size_t count, const double *x, const double *y, double level) {
    for (size_t i = 0; i < count; ++i)
        if (isnan(y[i])) return NAN;
    if (count == 0 || y[count - 1] > level) return NAN;
    size_t below = count - 1;
    while (below > 0 && y[below - 1] <= level) --below;
    if (below == 0) return x[0];
    double high = floored_log(y[below - 1]), low = floored_log(y[below]);
    double part = (high - floored_log(level)) / (high - low);
    return exp(floored_log(x[below - 1]) + part * (floored_log(x[below]) - floored_log(x[below - 1])));
}
