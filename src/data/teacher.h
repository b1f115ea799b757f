/* SPDX-License-Identifier: MIT */
/*
 * Synthetic targets with known hidden features. A teacher is one function: its weights and its
 * calibration constants come from streams of their own, so nothing asked of it changes it, and a
 * row's target has the same bits whatever rows are asked for with it.
 */
#ifndef DATA_TEACHER_H
#define DATA_TEACHER_H

#include "core/rng.h"
#include "core/settings.h"
#include "core/status.h"
#include "data/dataset.h"

/** Calibrated and constant: safe to use from any number of threads. */
struct teacher;

/** Rows of [teacher] and of the [data] keys that a teacher reads (dimension, task, margin, noise). */
extern const struct setting teacher_settings[];

/** data.train_size (0 = fresh samples) and data.test_size, for studies that draw their sets from teachers. */
extern const struct setting teacher_size_settings[];

/**
 * Everything teacher_create would refuse before it calibrates: for a study's check.
 *
 * @param settings  has teacher_settings; borrowed during the call.
 * Errors: ERR_CONFIG (width > dimension, degree over 64, tensor shapes), those of reading teacher.file.
 */
STRATA_MUST_USE strata_status teacher_check(strata_context *ctx, const struct settings *settings);

/**
 * Draws the weights from (seed, replicate, RNG_TEACHER) and calibrates on 200,000 draws of RNG_CALIBRATION.
 *
 * @param settings  has teacher_settings; borrowed during the call.
 * Errors: those of teacher_check; ERR_CONFIG when a unit is constant or the margin keeps too few samples.
 */
STRATA_MUST_USE strata_status teacher_create(strata_context *ctx, const struct settings *settings, uint64_t seed,
                                             uint64_t replicate, struct teacher **teacher);
void teacher_destroy(struct teacher *teacher);

size_t teacher_dimension(const struct teacher *teacher);
size_t teacher_depth(const struct teacher *teacher);
/** TASK_REGRESSION, or TASK_BINARY when data.task is classification. */
enum learning_task teacher_task(const struct teacher *teacher);
/** Width of G_l, 1 <= l <= depth. */
size_t teacher_layer_width(const struct teacher *teacher, size_t layer);
/** Median of the standardised y on the calibration sample: labels are y > median. */
double teacher_median(const struct teacher *teacher);

/**
 * Inputs of samples first..first+rows-1 of a purpose (RNG_TRAIN_INPUT, RNG_TEST_INPUT) under the
 * teacher's own seed and replicate: [rows, dimension]. Mean 0 and covariance I for every teacher.input.
 * With a margin, a sample with |y - median| < margin is replaced by the first of its own retries outside.
 */
void teacher_inputs(const struct teacher *teacher, enum rng_purpose purpose, uint64_t first, size_t rows, float *x);

/** The same from a stream of the caller's; sample i is the stream at index i. */
void teacher_inputs_from(const struct teacher *teacher, struct rng_stream stream, uint64_t first, size_t rows,
                         float *x);

/**
 * Targets without noise: standardised y for regression, 0/1 labels (y > median) for classification; [rows].
 * The fast path: float32.
 */
void teacher_targets(const struct teacher *teacher, size_t rows, const float *x, float *y);

/** The regression value for either task, float32. */
void teacher_values(const struct teacher *teacher, size_t rows, const float *x, float *y);

/** The same in float64. */
void teacher_targets_f64(const struct teacher *teacher, size_t rows, const double *x, double *y);

/** G_layer, float64: [rows, teacher_layer_width]. */
void teacher_features(const struct teacher *teacher, size_t layer, size_t rows, const double *x, double *features);

/**
 * The quadratic form Q* = W^T W of layer 1 (W^T diag(output) W with output weights): [dimension, dimension].
 * ERR_UNSUPPORTED where layer 1 is not ||Wx||^2.
 */
STRATA_MUST_USE strata_status teacher_form(strata_context *ctx, const struct teacher *teacher, double *form);

#endif
