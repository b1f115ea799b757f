/* SPDX-License-Identifier: MIT */
/*
 * Synthetic targets with known hidden features. A teacher is one function: its weights and its
 * calibration constants come from streams of their own, so nothing asked of it changes it.
 */
#ifndef DATA_TEACHER_H
#define DATA_TEACHER_H

#include "core/rng.h"
#include "core/settings.h"
#include "core/status.h"

struct teacher;

struct teacher_class {
    const char *name, *summary;
    strata_status (*create)(strata_context *ctx, const struct settings *settings, uint64_t seed, uint64_t replicate, void **state);
    /* Activations G_1..G_q side by side: `layers[l]` [rows, width] doubles (NULL: not wanted), raw output `y` [rows]. */
    strata_status (*evaluate)(strata_context *ctx, const void *state, size_t rows, const double *x, double *const *layers, double *y);
    void (*destroy)(void *state);
};

/** Rows of [teacher] and of the [data] keys that a teacher reads (dimension, noise, margin, task, ...). */
extern const struct setting teacher_settings[];

/**
 * @param settings  has teacher_settings; borrowed during the call.
 * Errors: ERR_CONFIG (width > dimension, degree over 64, gap, file shapes).
 */
STRATA_MUST_USE strata_status teacher_create(strata_context *ctx, const struct settings *settings, uint64_t seed, uint64_t replicate, struct teacher **teacher);
void teacher_destroy(struct teacher *teacher);

size_t teacher_dimension(const struct teacher *teacher);
size_t teacher_depth(const struct teacher *teacher);
/** Width of G_l, 1 <= l <= depth. */
size_t teacher_layer_width(const struct teacher *teacher, size_t layer);

/** Inputs of samples first..first+rows-1 of a purpose (RNG_TRAIN_INPUT, RNG_TEST_INPUT): [rows, dimension]. */
void teacher_inputs(const struct teacher *teacher, enum rng_purpose purpose, uint64_t first, size_t rows, float *x);

/** Targets without noise: standardised y for regression, 0/1 labels (sign(y - median)) for classification; [rows]. The fast path: float32. */
void teacher_targets(const struct teacher *teacher, size_t rows, const float *x, float *y);

/** The same in float64, always the regression value. */
void teacher_targets_f64(const struct teacher *teacher, size_t rows, const double *x, double *y);

/** G_layer, float64: [rows, teacher_layer_width]. */
void teacher_features(const struct teacher *teacher, size_t layer, size_t rows, const double *x, double *features);

/** The quadratic form Q* = W^T W of layer 1: [dimension, dimension]. ERR_UNSUPPORTED where layer 1 is not ||Wx||^2. */
STRATA_MUST_USE strata_status teacher_form(strata_context *ctx, const struct teacher *teacher, double *form);

#endif
