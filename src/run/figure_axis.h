/* SPDX-License-Identifier: MIT */
/* Ranges and tics of an axis: round numbers that a reader can interpolate between. */
#ifndef RUN_FIGURE_AXIS_H
#define RUN_FIGURE_AXIS_H

#include <stdbool.h>
#include <stddef.h>

#include "run/report_text.h"

enum { AXIS_MAX_TICS = 16 };

struct axis {
    bool log;
    double low, high; /* the range drawn; low < high, both > 0 when log */
    size_t tic_count;
    double tics[AXIS_MAX_TICS];
    char labels[AXIS_MAX_TICS][NUMBER_TEXT_SIZE];
};

/** What an axis must show; start from `extent_empty`. */
struct extent {
    double low, high; /* of all values; low > high: none seen */
    double positive;  /* smallest value > 0, for log axes */
};

extern const struct extent extent_empty;

/** Widens the extent to hold a value; what is not finite is passed over. */
void extent_add(struct extent *extent, double value);

/**
 * An axis over an extent. Logarithmic: tics at decades, or at 1-2-5 when there are fewer than two. Linear: about
 * five round steps.
 *
 * @param tight  the range ends at the data (x of curves), else at the next tic.
 */
void axis_make(const struct extent *extent, bool log, bool tight, struct axis *axis);

/** Tics at given values (ascending, at most AXIS_MAX_TICS), with a margin on both sides. */
void axis_at(const double *values, size_t count, bool log, struct axis *axis);

/** Where a value lies: 0 at the low end, 1 at the high end; values off the range are clamped. */
double axis_place(const struct axis *axis, double value);

/** The value, moved into the range. */
double axis_clamp(const struct axis *axis, double value);

#endif
