/* SPDX-License-Identifier: MIT */
#include "run/figure_axis.h"

#include <math.h>

const struct extent extent_empty = {INFINITY, -INFINITY, INFINITY};

void extent_add(struct extent *extent, double value) {
    if (!isfinite(value)) return;
    extent->low = fmin(extent->low, value);
    extent->high = fmax(extent->high, value);
    if (value > 0) extent->positive = fmin(extent->positive, value);
}

static void tic_power(struct axis *axis, double exponent, bool plain) {
    double value = pow(10, exponent);
    char *label = axis->labels[axis->tic_count];
    axis->tics[axis->tic_count++] = value;
    if (plain)
        number_text(value, label);
    else
        number_power((int)exponent, label);
}

static const double fine_steps[] = {1, 2, 5};

/** The next number below (or above) of 1, 2 or 5 times a power of ten. */
static double fine_below(double value) {
    double power = pow(10, floor(log10(value) + 1e-9));
    for (size_t i = 3; i-- > 0;)
        if (fine_steps[i] * power <= value * (1 + 1e-9)) return fine_steps[i] * power;
    return power;
}

static double fine_above(double value) {
    double power = pow(10, floor(log10(value) + 1e-9));
    for (size_t i = 0; i < 3; i++)
        if (fine_steps[i] * power >= value * (1 - 1e-9)) return fine_steps[i] * power;
    return 10 * power;
}

/** Whole decades, every second (third, ...) one when there are many. Plain numbers when all are easy to read. */
static void decades_make(struct axis *axis) {
    double first = floor(log10(axis->low) + 1e-9), last = ceil(log10(axis->high) - 1e-9);
    double step = ceil((last - first) / 8);
    bool plain = first >= -2 && last <= 5;
    for (double at = first; at <= last + 0.5 && axis->tic_count < AXIS_MAX_TICS; at += step)
        if (pow(10, at) >= axis->low * (1 - 1e-9) && pow(10, at) <= axis->high * (1 + 1e-9)) tic_power(axis, at, plain);
}

/** 1, 2, 5 in each decade. */
static void fine_make(struct axis *axis) {
    int first = (int)floor(log10(axis->low) + 1e-9), last = (int)ceil(log10(axis->high) - 1e-9);
    for (int exponent = first; exponent <= last; exponent++) {
        for (size_t i = 0; i < 3 && axis->tic_count < AXIS_MAX_TICS; i++) {
            double value = fine_steps[i] * pow(10, exponent);
            if (value < axis->low * (1 - 1e-9) || value > axis->high * (1 + 1e-9)) continue;
            number_text(value, axis->labels[axis->tic_count]);
            axis->tics[axis->tic_count++] = value;
        }
    }
}

static void log_make(const struct extent *extent, bool tight, struct axis *axis) {
    axis->low = isfinite(extent->positive) ? extent->positive : 0.1;
    axis->high = fmax(extent->high, axis->low);
    if (axis->high < axis->low * 1.2) { /* (nearly) one value: half a decade around it */
        axis->low /= 2;
        axis->high *= 2;
    }
    if (!tight) {
        axis->low = fine_below(axis->low);
        axis->high = fine_above(axis->high);
    }
    if (axis->high / axis->low <= 100)
        fine_make(axis);
    else
        decades_make(axis);
}

/** 1, 2, 2.5 or 5 times a power of ten, at least `least`. */
static double step_round(double least) {
    static const double steps[] = {1, 2, 2.5, 5, 10};
    double power = pow(10, floor(log10(least)));
    for (size_t i = 0; i < 5; i++)
        if (steps[i] * power >= least * (1 - 1e-9)) return steps[i] * power;
    return 10 * power;
}

static void linear_make(const struct extent *extent, bool tight, struct axis *axis) {
    bool none = extent->low > extent->high;
    axis->low = none ? 0 : extent->low;
    axis->high = none ? 1 : extent->high;
    if (axis->low > 0 && axis->low < 0.4 * axis->high && !tight) axis->low = 0;
    if (axis->high - axis->low <= 1e-9 * fmax(fabs(axis->low), fabs(axis->high))) {
        double room = axis->high != 0 ? fabs(axis->high) / 2 : 1;
        axis->low -= room;
        axis->high += room;
    }
    double step = step_round((axis->high - axis->low) / 6);
    if (!tight) {
        axis->low = step * floor(axis->low / step + 1e-9);
        axis->high = step * ceil(axis->high / step - 1e-9);
    }
    for (double n = ceil(axis->low / step - 1e-9);
         n * step <= axis->high + 1e-9 * step && axis->tic_count < AXIS_MAX_TICS; n++) {
        number_tic(n * step, step, axis->labels[axis->tic_count]);
        axis->tics[axis->tic_count++] = n * step;
    }
}

void axis_make(const struct extent *extent, bool log, bool tight, struct axis *axis) {
    *axis = (struct axis){.log = log};
    if (log)
        log_make(extent, tight, axis);
    else
        linear_make(extent, tight, axis);
}

void axis_at(const double *values, size_t count, bool log, struct axis *axis) {
    *axis = (struct axis){.log = log, .low = values[0], .high = values[count - 1], .tic_count = count};
    double margin = 0.06;
    for (size_t i = 0; i < count; i++) {
        axis->tics[i] = values[i];
        number_text(values[i], axis->labels[i]);
    }
    if (log) {
        double ratio = count > 1 ? pow(axis->high / axis->low, margin) : 2;
        axis->low /= ratio;
        axis->high *= ratio;
    } else {
        double room = count > 1 ? margin * (axis->high - axis->low) : fmax(fabs(axis->low), 1) / 2;
        axis->low -= room;
        axis->high += room;
    }
}

double axis_clamp(const struct axis *axis, double value) { return fmin(fmax(value, axis->low), axis->high); }

double axis_place(const struct axis *axis, double value) {
    value = axis_clamp(axis, value);
    return axis->log ? log(value / axis->low) / log(axis->high / axis->low)
                     : (value - axis->low) / (axis->high - axis->low);
}
