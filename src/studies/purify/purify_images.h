/* SPDX-License-Identifier: MIT */
/* The image part of study `purify`: small convolutional networks, clean and made robust, side by side. */
#ifndef STUDIES_PURIFY_IMAGES_H
#define STUDIES_PURIFY_IMAGES_H

#include "attack/attack.h"
#include "data/dataset.h"
#include "learn/learner.h"
#include "run/study.h"

#define PURIFY_IMAGES "images"

enum {
    IMAGES_CLEAN,
    IMAGES_ROBUST,
    IMAGES_CONTINUED,
    IMAGES_OTHER,
    IMAGES_NETWORKS,
    IMAGES_LAYERS = 3,
    IMAGES_TILES = 16
};

/** Names of the networks in records and figures. */
extern const char *const images_names[IMAGES_NETWORKS];

extern const struct setting purify_image_settings[];

/** What a task's measures share. */
struct images {
    struct dataset train, test;
    struct sample_source *source;
    struct learner *networks[IMAGES_NETWORKS];
    double *start[IMAGES_LAYERS]; /* initial weights of each layer */
    uint32_t *labels;             /* of the test pictures */
};

strata_status purify_images_check(strata_context *ctx, const struct settings *settings);
strata_status purify_images_plan(strata_context *ctx, const struct settings *settings, size_t seed,
                                 struct task_list *list);
strata_status purify_images_run(strata_context *ctx, struct task_run *run);
strata_status purify_images_summarise(strata_context *ctx, const struct records *records, struct summary *summary);

/** Weights of layer 1.. of a network: [channels, count / channels]; the caller frees. */
STRATA_MUST_USE strata_status images_weights(strata_context *ctx, struct learner *network, size_t layer, size_t *count,
                                             double **weights);

/** Robust accuracy, transfer between the networks, closeness of their weights, feature tiles, gradients. */
STRATA_MUST_USE strata_status images_measure_attacks(strata_context *ctx, struct task_run *run, struct images *images);
STRATA_MUST_USE strata_status images_measure_weights(strata_context *ctx, struct task_run *run, struct images *images);
STRATA_MUST_USE strata_status images_measure_features(strata_context *ctx, struct task_run *run, struct images *images);

enum { IMAGES_RANKS = 4 };
extern const size_t images_ranks[IMAGES_RANKS];

/** Low-rank adversarial training from the clean network, one fit a rank; on the first seed alone. */
STRATA_MUST_USE strata_status images_measure_ranks(strata_context *ctx, struct task_run *run, struct images *images);

/** to [units, size] = from + the best approximation of to - from by a matrix of the rank. Errors: MEMORY. */
STRATA_MUST_USE strata_status images_project(strata_context *ctx, size_t units, size_t size, size_t rank,
                                             const double *from, double *to);

/** A robust network at its first step, with the clean one's weights; the caller destroys both, also on failure. */
STRATA_MUST_USE strata_status images_begin_robust(strata_context *ctx, const struct task_run *run,
                                                  const struct images *images, struct settings **settings,
                                                  struct learner **network);

/** Records NAME.accuracy and NAME.pgd of a network. */
STRATA_MUST_USE strata_status images_keep_robustness(strata_context *ctx, struct task_run *run, struct images *images,
                                                     size_t network, const char *name);

/** A network as a function of test pictures; the learner stays its owner. */
strata_function images_function(const struct images *images, size_t network);

/** Attacks of the image part, at images.epsilon. */
struct attack_options images_options(const struct task_run *run);
struct attack_target images_target(const struct images *images, const strata_function *function);

#endif
