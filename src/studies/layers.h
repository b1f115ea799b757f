/* SPDX-License-Identifier: MIT */
/* What a hidden layer of a learner shows, recorded by a task: probes of it, and how far it is from what it was. */
#ifndef STUDIES_LAYERS_H
#define STUDIES_LAYERS_H

#include "learn/learner.h"
#include "run/study.h"

/** Features of the first `rows` rows of x: [rows, width of the layer], owned by the caller (NULL on failure). */
STRATA_MUST_USE strata_status layer_features(strata_context *ctx, struct learner *learner, size_t layer, size_t rows,
                                             const float *x, float **features);

/** Records what a linear probe, fitted to at most `train_rows` rows of `train`, reads from at most `test_rows`. */
STRATA_MUST_USE strata_status layer_probe(strata_context *ctx, struct task_run *run, struct learner *learner,
                                          size_t layer, const struct dataset *train, size_t train_rows,
                                          const struct dataset *test, size_t test_rows, const char *key);

/** Keeps the features of at most `rows` rows as a record, and so in every checkpoint from now on. */
STRATA_MUST_USE strata_status layer_keep(strata_context *ctx, struct task_run *run, struct learner *learner,
                                         size_t layer, const struct dataset *data, size_t rows, const char *key);

/** Records the linear CKA of those with the features of now; nothing where none were kept. */
STRATA_MUST_USE strata_status layer_alignment(strata_context *ctx, struct task_run *run, struct learner *learner,
                                              size_t layer, const struct dataset *data, size_t rows, const char *kept,
                                              const char *key);

#endif
