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
    /**
     * Inputs are brought to mean 0 and deviation 1 by the columns of the training set. It becomes part of the learner:
     * every call, and the saved file, goes on taking rows in the units of the data set.
     */
    bool standardise;
    /**
     * For the parts of a batch (setting train.shards) and the optimizer; 0: one. No bit of any result depends on it.
     */
    size_t threads;
} strata_learner_options;

/** All settings at their defaults, seed 1, replicate 1, one thread. */
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

/** What the outputs are. */
strata_task strata_learner_task(const strata_learner *learner);

/** Of how many classes the outputs speak; 0 for a regression. */
size_t strata_learner_classes(const strata_learner *learner);

/** Channels, height and width of an input row; zeros where the rows are no pictures. */
void strata_learner_picture(const strata_learner *learner, size_t picture[3]);

/** Least and largest value that an input may take, in the user's units: 0 and 1 for pictures, else infinite. */
void strata_learner_box(const strata_learner *learner, double *low, double *high);

/**
 * Text that stays with the learner and its file ("target": the name of the column that it predicts). NULL: none of that
 * name. Valid until it is set again.
 */
const char *strata_learner_note(const strata_learner *learner, const char *name);

/** @return STRATA_OK; STRATA_ERR_ARGUMENT (a name outside a-z, 0-9, _ or text that is not UTF-8); STRATA_ERR_MEMORY. */
STRATA_MUST_USE strata_status strata_learner_set_note(strata_context *ctx, strata_learner *learner, const char *name,
                                                      const char *text);

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
 * the vjp of theirs is NULL, and strata_function_vjp returns STRATA_ERR_UNSUPPORTED.
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

/** What a plain file of weights does not say about its network. Begin with strata_import_default(). */
typedef struct strata_import {
    const char *architecture; /**< "mlp_relu" or "cnn_small" */
    size_t picture[3];        /**< cnn_small: channels, height, width of its pictures */
    size_t moments;           /**< numbers in mean and sd: 0 (none), 1, one a channel, or one an input */
    const double *mean;       /**< [moments] what it was trained on is (input - mean) / sd; borrowed */
    const double *sd;         /**< [moments], above 0; borrowed */
} strata_import;

/** No preprocessing. */
strata_import strata_import_default(const char *architecture);

/**
 * A learner from the weights of a PyTorch network, saved by safetensors.torch.save_file(network.state_dict(), path):
 * a weight and a bias for each layer, under any names. Layers stand in the order of the file's tensors; where that is
 * the alphabetical order, as that function writes, numbers in the names count as numbers ("2.weight" before
 * "10.weight"), and convolutions come before dense layers.
 *
 * mlp_relu: nn.Linear layers with ReLU between them, hidden ones of one width. cnn_small: three nn.Conv2d of 5, 3 and 3
 * pixels, stride 2, padding 2, 1 and 1, of c, 2 c and 4 c channels, then nn.Flatten and nn.Linear. One output is the
 * logit of two classes; more are logits of classes.
 *
 * @return STRATA_OK; STRATA_ERR_FORMAT (a tensor too many, too few, or of a shape that does not fit: what was expected
 *         and found); STRATA_ERR_NOT_FOUND; STRATA_ERR_ARGUMENT (no such architecture); STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_learner_open_weights(strata_context *ctx, const char *path,
                                                          const strata_import *import, strata_learner **learner);

STRATA_END
#endif
