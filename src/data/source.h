/* SPDX-License-Identifier: MIT */
/*
 * Where training rows come from, addressed by step: batch number `step` is the same whatever was
 * asked before, so a resumed fit continues exactly.
 */
#ifndef DATA_SOURCE_H
#define DATA_SOURCE_H

#include "data/augment.h"
#include "data/dataset.h"
#include "data/sparse_coding.h"
#include "data/teacher.h"

struct sample_source;

/**
 * Endless fresh samples of a teacher (borrowed): inputs from (seed, replicate, RNG_TRAIN_INPUT). Noise of sd
 * `noise` is added to y: to regression targets, and before the label y > median is taken for TASK_BINARY.
 * Errors: ERR_ARGUMENT for another task.
 */
STRATA_MUST_USE strata_status source_from_teacher(strata_context *ctx, const struct teacher *teacher, uint64_t seed,
                                                  uint64_t replicate, double noise, enum learning_task task,
                                                  struct sample_source **source);

/** Endless fresh rows of a sparse-coding model (borrowed), of two classes, from sample `first` on. Errors: MEMORY. */
STRATA_MUST_USE strata_status source_from_sparse_coding(strata_context *ctx, const struct sparse_coding *coding,
                                                        uint64_t first, struct sample_source **source);

/**
 * A finite set (borrowed), reshuffled each epoch by the stream (seed, replicate, RNG_SHUFFLE, epoch).
 * Errors: ERR_ARGUMENT for an empty set, ERR_TOO_LARGE for 2^32 rows or more.
 */
STRATA_MUST_USE strata_status source_from_dataset(strata_context *ctx, const struct dataset *data, uint64_t seed,
                                                  uint64_t replicate, struct sample_source **source);
/**
 * From now on the pictures of a finite set are changed at random, each time they are read; before source_reserve. With
 * mixup a batch's targets are rows of three numbers: label, label of the picture that was mixed in, share of the first
 * (Zhang et al. 2018). Mixup is for several classes: else it is left out.
 */
void source_augment(struct sample_source *source, const struct augmentation *augmentation);
void source_destroy(struct sample_source *source);

enum learning_task source_task(const struct sample_source *source);
size_t source_inputs(const struct sample_source *source);
size_t source_outputs(const struct sample_source *source); /* targets a row */
size_t source_classes(const struct sample_source *source); /* 2 for TASK_BINARY, 0 for regression */
/** Numbers of a target row of source_batch: those of source_outputs, 3 with mixup. */
size_t source_target_width(const struct sample_source *source);
/** Rows of the finite set, 0 = endless. */
size_t source_rows(const struct sample_source *source);
/** The finite set, or NULL. */
const struct dataset *source_dataset(const struct sample_source *source);

/** Makes room for batches of at most `rows`; call once before source_batch, which allocates nothing. */
STRATA_MUST_USE strata_status source_reserve(strata_context *ctx, struct sample_source *source, size_t rows);

/**
 * Batch number `step` of `rows` rows: [rows, inputs] and [rows, outputs], valid until the next call.
 * Finite sets: epochs are walked whole; the last batch of an epoch takes its missing rows from the next one.
 */
void source_batch(struct sample_source *source, uint64_t step, size_t rows, const float **x, const float **y);

/**
 * Samples first..first+rows-1 of a purpose as a set of their own: inputs from (seed, replicate, purpose),
 * targets and noise as in source_from_teacher. `data` is overwritten; owned by the caller.
 */
STRATA_MUST_USE strata_status dataset_from_teacher(strata_context *ctx, const struct teacher *teacher,
                                                   enum rng_purpose purpose, uint64_t first, size_t rows, double noise,
                                                   enum learning_task task, uint64_t seed, uint64_t replicate,
                                                   struct dataset *data);

#endif
