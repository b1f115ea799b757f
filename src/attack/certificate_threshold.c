/* SPDX-License-Identifier: MIT */
/*
 * Unit i sees t = y u_i in [l, u] = c -+ r |w_i|, c = y <w_i, x>, and h is odd, so that y f = sum_i h(t_i). Lines below
 * h: where it is convex on the interval, its tangent at c; where it is concave, the chord; else the line through
 * (l, h(l)) and the kink (b, 0).
 */
#include <math.h>
#include <string.h>

#include "attack/certificate.h"

struct line {
    double slope, offset;
};

static double unit(double t, double b) { return t > b ? t - b : t < -b ? t + b : 0; }

static struct line line_below(double low, double centre, double high, double b) {
    if (low >= -b) return centre > b ? (struct line){1, -b} : (struct line){0, 0};
    if (high <= b) {
        if (!(high > low)) return (struct line){0, unit(low, b)};
        double slope = (unit(high, b) - unit(low, b)) / (high - low);
        return (struct line){slope, unit(low, b) - slope * low};
    }
    double slope = -unit(low, b) / (b - low);
    return (struct line){slope, -slope * b};
}

double certificate_threshold(const struct threshold_weights *net, const float *x, double y, double radius,
                             double *scratch, double *interval) {
    double bound = 0, crude = 0, square = 0;
    memset(scratch, 0, net->inputs * sizeof *scratch);
    for (size_t i = 0; i < net->width; ++i) {
        const float *row = net->weights + i * net->inputs;
        double centre = 0, norm = 0, b = (double)net->thresholds[i];
        for (size_t j = 0; j < net->inputs; ++j) {
            centre += (double)row[j] * (double)x[j];
            norm += (double)row[j] * (double)row[j];
        }
        centre *= y;
        norm = sqrt(norm);
        const struct line line = line_below(centre - radius * norm, centre, centre + radius * norm, b);
        crude += unit(centre - radius * norm, b);
        bound += line.slope * centre + line.offset;
        if (line.slope != 0)
            for (size_t j = 0; j < net->inputs; ++j) scratch[j] += line.slope * (double)row[j];
    }
    for (size_t j = 0; j < net->inputs; ++j) square += scratch[j] * scratch[j];
    if (interval) *interval = crude;
    return fmax(bound - radius * sqrt(square), crude);
}
