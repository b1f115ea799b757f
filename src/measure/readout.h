/* SPDX-License-Identifier: MIT */
/* Linear readouts of features: ridge regression with an intercept, and what it leaves unexplained. */
#ifndef MEASURE_READOUT_H
#define MEASURE_READOUT_H

#include "core/status.h"

/** Moments of features and targets, from which a readout follows for any ridge. Zero-initialised is empty. */
struct readout_moments {
    size_t width, outputs;
    double *mean, *scale; /* [width]: features are standardised; a constant one has scale 0 and is left out */
    double *target_mean;  /* [outputs] */
    double *gram, *cross; /* [width, width], [width, outputs] of standardised features, sums over rows / rows */
};

/** features @ weights + offset. Zero-initialised is empty. */
struct readout {
    size_t width, outputs;
    double *weights; /* [width, outputs] in the units of the raw features */
    double *offset;  /* [outputs] */
};

/**
 * @param features  [rows, width]; @param targets [rows, outputs]; rows >= 2; borrowed.
 * Errors: ARGUMENT (a non-finite value, with its place; too few rows), MEMORY.
 */
STRATA_MUST_USE strata_status readout_moments_create(strata_context *ctx, size_t rows, size_t width,
                                                     const double *features, size_t outputs, const double *targets,
                                                     struct readout_moments *moments);
void readout_moments_destroy(struct readout_moments *moments);

/**
 * The readout that minimises the mean squared error + ridge |weights of standardised features|^2. ERR_CONVERGENCE
 * when ridge is too small.
 */
STRATA_MUST_USE strata_status readout_solve(strata_context *ctx, const struct readout_moments *moments, double ridge,
                                            struct readout *readout);
void readout_destroy(struct readout *readout);

/** out [rows, outputs] = features @ weights + offset. */
void readout_apply(const struct readout *readout, size_t rows, const double *features, double *out);

/**
 * Fraction of the targets' variance, pooled over all their coordinates, that a ridge (1e-8 * rows) linear
 * readout with intercept of the features does NOT explain: fitted on the first half of the rows, scored
 * on the second. 0: the features span the targets; about 1: they say nothing of them (above 1: the
 * readout overfits noise).
 *
 * @param features  [rows, width]; @param targets [rows, target_width]; rows >= 4.
 * @param error     out.
 * Errors: ARGUMENT (non-finite values, too few rows, constant targets), MEMORY.
 */
STRATA_MUST_USE strata_status feature_error(strata_context *ctx, size_t rows, size_t width, const float *features,
                                            size_t target_width, const double *targets, double *error);
STRATA_MUST_USE strata_status feature_error_f64(strata_context *ctx, size_t rows, size_t width, const double *features,
                                                size_t target_width, const double *targets, double *error);

#endif
