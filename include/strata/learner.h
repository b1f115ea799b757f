/* SPDX-License-Identifier: MIT */
/** @file
 * Learners: gradient descent on all layers, layer by layer, the algorithm of the paper, kernel ridge regression,
 * random features, behind one interface.
 */
#ifndef STRATA_LEARNER_H
#define STRATA_LEARNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strata/context.h>
#include <strata/dataset.h>
#include <strata/function.h>
#include <strata/teacher.h>

STRATA_BEGIN

/** A learner with what it is to learn, and what it has learnt. */
typedef struct strata_learner strata_learner;

/** How many learners there are. */
size_t strata_learner_count(void);

/** Name of learner `index` ("sgd_joint"); NULL past the last one. Static storage. */
const char *strata_learner_name(size_t index);

/** One line about learner `index`, with source; NULL past the last one. Static storage. */
const char *strata_learner_summary(size_t index);

/** How a learner is set up. Begin with strata_learner_options_default(). */
typedef struct strata_learner_options {
    /** "section.key=value", ended by NULL: rows of [network], [train] and the learner's own; NULL: all defaults. */
    const char *const *settings;
    uint64_t seed;      /**< of initial weights, shuffling, fresh samples */
    uint64_t replicate; /**< another set of random streams of the same seed for every value */
} strata_learner_options;

/** All settings at their defaults, seed 1, replicate 1. */
strata_learner_options strata_learner_options_default(void);

/**
 * A learner for the rows of a data set, reshuffled every epoch.
 *
 * @param name     one of strata_learner_name.
 * @param options  borrowed during the call; NULL: the default.
 * @param data     borrowed for the learner's life.
 * @param learner  out; freed by strata_learner_destroy.
 * @return STRATA_OK; STRATA_ERR_NOT_FOUND (no learner of that name: the nearest is named); STRATA_ERR_CONFIG (key,
 *         type or range of a setting); STRATA_ERR_UNSUPPORTED (a task it cannot learn); STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_learner_create(strata_context *ctx, const char *name,
                                                    const strata_learner_options *options, const strata_dataset *data,
                                                    strata_learner **learner);

/**
 * A learner for endless fresh training samples of a teacher, with its noise.
 *
 * @param teacher  borrowed for the learner's life.
 * @return as strata_learner_create. Learners that need a finite set fail in strata_learner_fit
 *         (STRATA_ERR_UNSUPPORTED).
 */
STRATA_MUST_USE strata_status strata_learner_create_from_teacher(strata_context *ctx, const char *name,
                                                                 const strata_learner_options *options,
                                                                 const strata_teacher *teacher,
                                                                 strata_learner **learner);

/** Frees a learner; NULL is fine. */
void strata_learner_destroy(strata_learner *learner);

/** Where a fit is. */
typedef struct strata_fit_progress {
    size_t step;  /**< steps done */
    size_t total; /**< of all stages */
    size_t stage; /**< from 1 */
    double loss;  /**< of the last batch */
} strata_fit_progress;

/** Called after every step from the fitting thread; returning false stops the fit with STRATA_ERR_INTERRUPTED. */
typedef bool (*strata_fit_callback)(void *user, const strata_fit_progress *progress);

/**
 * Trains to the end, from where the learner is: after STRATA_ERR_INTERRUPTED a second call goes on with the same bits
 * as if nothing had happened.
 *
 * @param callback  NULL: none.
 * @param user      passed to the callback.
 * @return STRATA_OK; STRATA_ERR_DIVERGED (step in the message); STRATA_ERR_INTERRUPTED (callback or cancellation);
 *         STRATA_ERR_UNSUPPORTED (a finite set is needed; opened from a file); STRATA_ERR_TOO_LARGE;
 *         STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_learner_fit(strata_context *ctx, strata_learner *learner,
                                                 strata_fit_callback callback, void *user);

/** Numbers of an input row. */
size_t strata_learner_inputs(const strata_learner *learner);

/** Numbers of an output row: targets of a regression, 1 logit of a binary task, a logit for each of more classes. */
size_t strata_learner_outputs(const strata_learner *learner);

/**
 * Outputs: values, or logits (the class is 1 where the logit is above 0; the largest of several).
 *
 * @param x    [rows, inputs].
 * @param out  [rows, outputs] out.
 * @return STRATA_OK; STRATA_ERR_ARGUMENT (a kernel machine that is not fitted); STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_learner_predict(strata_context *ctx, strata_learner *learner, size_t rows,
                                                     const float *x, float *out);

/** Hidden layers; 0 for learners without. */
size_t strata_learner_layer_count(const strata_learner *learner);

/** Units of hidden layer 1..strata_learner_layer_count; 0 outside. */
size_t strata_learner_layer_width(const strata_learner *learner, size_t layer);

/**
 * Activations of a hidden layer.
 *
 * @param layer     from 1 upwards, as seen from the input.
 * @param x         [rows, inputs].
 * @param features  [rows, strata_learner_layer_width(learner, layer)] out.
 * @return STRATA_OK; STRATA_ERR_ARGUMENT (no such layer yet); STRATA_ERR_UNSUPPORTED (no layers); STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_learner_features(strata_context *ctx, strata_learner *learner, size_t layer,
                                                      size_t rows, const float *x, float *features);

/**
 * Error on a data set: mean squared error over the variance of the targets (1 is the best constant), or the share of
 * rows in the wrong class.
 *
 * @param error  out; NaN when the targets are constant or a prediction is not a number.
 * @return STRATA_OK; STRATA_ERR_ARGUMENT (other inputs, targets or task); STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_learner_test_error(strata_context *ctx, strata_learner *learner,
                                                        const strata_dataset *data, double *error);

/**
 * The learner as a function of its inputs, at the weights of each call.
 *
 * Borrows the learner, and like it serves one call at a time. Kernel machines and random features have no derivative:
 * their vjp returns STRATA_ERR_UNSUPPORTED.
 */
strata_function strata_learner_function(strata_learner *learner);

/**
 * Writes name, settings, sizes and state to one safetensors file, by rename.
 *
 * @return STRATA_OK; STRATA_ERR_IO; STRATA_ERR_DISK_FULL; STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_learner_save(strata_context *ctx, strata_learner *learner, const char *path);

/**
 * Brings a learner to a saved state; a fit goes on from there. On failure its state is undefined.
 *
 * @return STRATA_OK; STRATA_ERR_NOT_FOUND; STRATA_ERR_FORMAT (a damaged file, another learner or other sizes: what was
 *         expected and found); STRATA_ERR_IO; STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_learner_load(strata_context *ctx, strata_learner *learner, const char *path);

/**
 * A learner from its file alone: it predicts as the saved one, and cannot be fitted, having no data.
 *
 * @return as strata_learner_load.
 */
STRATA_MUST_USE strata_status strata_learner_open(strata_context *ctx, const char *path, strata_learner **learner);

STRATA_END
#endif
