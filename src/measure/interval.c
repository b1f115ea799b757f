/* SPDX-License-Identifier: MIT */
/*
 * Student's t from the incomplete beta function, P(T > t) = I_{df / (df + t^2)}(df / 2, 1/2) / 2, by
 * its continued fraction (Lentz), inverted by bisection on log t: slow and sure, for a few calls a run.
 * Sources: Abramowitz & Stegun 26.5.8, 26.7; Wilson, J. Am. Stat. Assoc. 22 (1927) 209.
 */
#include "measure/interval.h"

#include <float.h>
#include <math.h>

double interval_mean(size_t count, const double *values) {
    double sum = 0.0;
    for (size_t i = 0; i < count; ++i) sum += values[i];
    return count ? sum / (double)count : NAN;
}

double interval_sd(size_t count, const double *values) {
    double mean = interval_mean(count, values), sum = 0.0;
    for (size_t i = 0; i < count; ++i) sum += (values[i] - mean) * (values[i] - mean);
    return count > 1 ? sqrt(sum / (double)(count - 1)) : NAN;
}

/* The factor after x^a (1-x)^b / (a B(a, b)) in I_x(a, b); converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double x, double a, double b) {
    enum { TERMS = 10000 };
    const double tiny = 1e-300;
    double c = 1.0, d = 1.0 - (a + b) * x / (a + 1.0);
    d = 1.0 / (fabs(d) < tiny ? tiny : d);
    double value = d;
    for (int m = 1; m < TERMS; ++m) {
        double even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        double change = 1.0;
        for (int half = 0; half < 2; ++half) {
            double term = half ? odd : even;
            d = 1.0 + term * d;
            d = 1.0 / (fabs(d) < tiny ? tiny : d);
            c = 1.0 + term / c;
            if (fabs(c) < tiny) c = tiny;
            change = c * d;
            value *= change;
        }
        if (fabs(change - 1.0) < DBL_EPSILON) break;
    }
    return value;
}

static double log_gamma(double x) {
    int sign; /* lgamma would write the global signgam */
    return lgamma_r(x, &sign);
}

double incomplete_beta(double a, double b, double x, double rest) {
    if (!(x > 0.0)) return 0.0;
    if (!(rest > 0.0)) return 1.0;
    double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log(rest));
    return x < (a + 1.0) / (a + b + 2.0) ? front * beta_fraction(x, a, b) / a
                                         : 1.0 - front * beta_fraction(rest, b, a) / b;
}

/* P(T > t) for t > 0. x and 1 - x are formed without cancellation. */
static double student_tail(double t, double df) {
    return 0.5 * incomplete_beta(0.5 * df, 0.5, df / (df + t * t), t * t / (df + t * t));
}

double student_quantile(double upper, double df) {
    if (!(upper > 0.0 && upper <= 0.5 && df > 0.0)) return NAN;
    if (upper == 0.5) return 0.0;
    double low = -50.0, high = 300.0; /* of log t */
    for (int i = 0; i < 200 && high - low > 1e-14; ++i) {
        double middle = 0.5 * (low + high);
        if (student_tail(exp(middle), df) > upper)
            low = middle;
        else
            high = middle;
    }
    return exp(0.5 * (low + high));
}

struct interval interval_student(size_t count, const double *values, enum interval_scale scale) {
    const double floor_of_logs = 1e-12;
    double mean = 0.0, squares = 0.0;
    for (size_t i = 0; i < count; ++i) { /* Welford: one pass, no copy of the logs */
        double value = scale == INTERVAL_LOG ? log(values[i] < floor_of_logs ? floor_of_logs : values[i]) : values[i];
        double change = value - mean;
        mean += change / (double)(i + 1);
        squares += change * (value - mean);
    }
    if (count == 0) mean = NAN;
    double half = NAN;
    if (count > 1)
        half = student_quantile(0.025, (double)(count - 1)) * sqrt(squares / (double)(count - 1) / (double)count);
    struct interval interval = {mean, mean - half, mean + half};
    if (scale == INTERVAL_LOG) interval = (struct interval){exp(interval.mean), exp(interval.low), exp(interval.high)};
    return interval;
}

struct interval interval_wilson(size_t successes, size_t trials) {
    const double z = 1.959963984540054; /* normal quantile at 97.5 % */
    if (trials == 0) return (struct interval){NAN, NAN, NAN};
    double n = (double)trials, p = (double)successes / n;
    double scale = 1.0 / (1.0 + z * z / n), centre = scale * (p + z * z / (2.0 * n));
    double half = scale * z * sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n));
    double low = successes == 0 ? 0.0 : centre - half, high = successes == trials ? 1.0 : centre + half;
    return (struct interval){p, low, high};
}

double least_squares_slope(size_t count, const double *x, const double *y) {
    double mean_x = interval_mean(count, x), xx = 0.0, xy = 0.0;
    for (size_t i = 0; i < count; ++i) {
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        xy += (x[i] - mean_x) * (y[i] - y[0]); /* any level will do; with this one equal y give 0, not rounding */
    }
    return xx > 0.0 ? xy / xx : NAN;
}
