/* SPDX-License-Identifier: MIT */
/* Summaries of few numbers: mean, spread, Student and Wilson intervals, slopes. */
#ifndef MEASURE_INTERVAL_H
#define MEASURE_INTERVAL_H

#include <stddef.h>

enum interval_scale { INTERVAL_LINEAR, INTERVAL_LOG };

/** low <= mean <= high. */
struct interval {
    double mean, low, high;
};

/** Arithmetic mean; NaN when count is 0. */
double interval_mean(size_t count, const double *values);

/** Standard deviation with divisor count - 1; NaN when count < 2. */
double interval_sd(size_t count, const double *values);

/**
 * The regularised incomplete beta function I_x(a, b), a, b > 0, 0 <= x <= 1: the chance that a beta variable is below
 * x.
 *
 * @param rest  1 - x, formed without cancellation where x is near 1.
 */
double incomplete_beta(double a, double b, double x, double rest);

/**
 * Student's t with the tail `upper` in (0, 0.5] above it: 0.025 gives the 97.5 % quantile. `df` > 0, whole or not;
 * 1e-12 relative.
 */
double student_quantile(double upper, double df);

/**
 * 95 % interval of the mean by Student's t. On INTERVAL_LOG everything is done on logs of
 * max(value, 1e-12), so that `mean` is the geometric one. NaN bounds when count < 2, all NaN when 0.
 */
struct interval interval_student(size_t count, const double *values, enum interval_scale scale);

/** 95 % interval of a proportion (Wilson 1927); `mean` is successes / trials. All NaN when trials is 0. */
struct interval interval_wilson(size_t successes, size_t trials);

/** Slope of the least-squares line through (x, y); NaN when all x are equal or count < 2. */
double least_squares_slope(size_t count, const double *x, const double *y);

#endif
