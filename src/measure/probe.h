/* SPDX-License-Identifier: MIT */
/* How much a linear classifier reads from frozen features. */
#ifndef MEASURE_PROBE_H
#define MEASURE_PROBE_H

#include "core/status.h"

/** Frozen features of labelled rows; all borrowed. Labels are class numbers 0..classes-1 as floats. */
struct probe_rows {
    size_t rows;
    const float *features; /* [rows, width] */
    const float *labels;   /* [rows] */
};

/**
 * Test accuracy of a linear probe: one-against-rest ridge regression of the class indicators. The
 * ridge (1e-6 .. 1e1 of the standardised features' mean square) is the one that classifies every fifth
 * training row best when fitted to the others (the larger among equals); then all rows are fitted.
 * Deterministic: no draws.
 *
 * @param accuracy  out, in [0, 1].
 * Errors: ARGUMENT (fewer than 10 training rows, no test rows, a label out of range or a non-finite feature, with its
 * row), MEMORY.
 */
STRATA_MUST_USE strata_status probe_accuracy(strata_context *ctx, size_t width, size_t classes,
                                             const struct probe_rows *train, const struct probe_rows *test,
                                             double *accuracy);

#endif
