/* SPDX-License-Identifier: MIT */
/** @file
 * Teachers: synthetic targets y(x) whose hidden features are known.
 *
 * Source: Allen-Zhu & Li 2020, sec. 1 and 2 (chains and dense nets of quadratic layers).
 */
#ifndef STRATA_TEACHER_H
#define STRATA_TEACHER_H

#include <stddef.h>
#include <stdint.h>

#include <strata/context.h>

STRATA_BEGIN

/** A calibrated function of x. Constant: any number of threads may ask it, each with a context of its own. */
typedef struct strata_teacher strata_teacher;

/** What a teacher is made from. Begin with strata_teacher_options_default(). */
typedef struct strata_teacher_options {
    const char *kind;   /**< "chain", "densenet" or "matrix" */
    size_t depth;       /**< quadratic layers; the degree 2^depth is at most 64 */
    size_t width;       /**< units of a layer, at most `dimension` */
    size_t dimension;   /**< inputs */
    double gap;         /**< in [0, 1]: weight of a layer's term in y over that of the layer below */
    double noise;       /**< sd of Gaussian noise added to y of training samples, in sd of y */
    uint64_t seed;      /**< base of every random stream; at most 2^53 */
    uint64_t replicate; /**< another teacher of the same seed for every value */
    /** Further settings of [teacher] and [data] as "section.key=value", ended by NULL; above the fields. NULL: none. */
    const char *const *settings;
} strata_teacher_options;

/** A chain of depth 2, width 6, dimension 20, gap 0.3, without noise, of seed 1 and replicate 1. */
strata_teacher_options strata_teacher_options_default(void);

/** Which of a teacher's endless samples: the two share nothing. */
typedef enum strata_part {
    STRATA_PART_TRAIN, /**< what learners are fitted to; targets carry the noise */
    STRATA_PART_TEST   /**< held out, without noise */
} strata_part;

/**
 * Draws the weights and standardises y (mean 0, variance 1) on 200,000 samples.
 *
 * @param ctx      last error.
 * @param options  borrowed during the call; NULL: the default.
 * @param teacher  out; freed by strata_teacher_destroy.
 * @return STRATA_OK; STRATA_ERR_CONFIG (unknown key, value out of range, width > dimension, a constant unit);
 *         STRATA_ERR_MEMORY; what reading teacher.file gives.
 *
 * Same options, same teacher, bit for bit.
 */
STRATA_MUST_USE strata_status strata_teacher_create(strata_context *ctx, const strata_teacher_options *options,
                                                    strata_teacher **teacher);

/** Frees a teacher; NULL is fine. Learners and data streams made from it must be gone. */
void strata_teacher_destroy(strata_teacher *teacher);

/** Inputs of a row. */
size_t strata_teacher_dimension(const strata_teacher *teacher);

/** Layers. */
size_t strata_teacher_depth(const strata_teacher *teacher);

/** Features of layer 1 <= `layer` <= depth; 0 outside. */
size_t strata_teacher_layer_width(const strata_teacher *teacher, size_t layer);

/**
 * Inputs of samples `first`..`first + rows - 1`: mean 0, covariance I. Sample i is the same whatever rows are asked
 * for with it.
 *
 * @param x  [rows, dimension] out.
 * @return STRATA_OK; STRATA_ERR_ARGUMENT (no such part).
 */
STRATA_MUST_USE strata_status strata_teacher_inputs(strata_context *ctx, const strata_teacher *teacher,
                                                    strata_part part, uint64_t first, size_t rows, float *x);

/**
 * Targets without noise: y in its standard deviations, or labels 0/1 (y above its median) for classification.
 *
 * @param x  [rows, dimension].
 * @param y  [rows] out.
 * @return STRATA_OK.
 */
STRATA_MUST_USE strata_status strata_teacher_targets(strata_context *ctx, const strata_teacher *teacher, size_t rows,
                                                     const float *x, float *y);

/**
 * Hidden features of a layer, in float64.
 *
 * @param layer     1..depth, from the input upwards.
 * @param x         [rows, dimension].
 * @param features  [rows, strata_teacher_layer_width(teacher, layer)] out.
 * @return STRATA_OK; STRATA_ERR_ARGUMENT (no such layer); STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_teacher_features(strata_context *ctx, const strata_teacher *teacher, size_t layer,
                                                      size_t rows, const float *x, double *features);

STRATA_END
#endif
