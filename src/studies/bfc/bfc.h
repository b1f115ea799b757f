/* SPDX-License-Identifier: MIT */
/* Backward feature correction: what the files of this study share. */
#ifndef STUDIES_BFC_BFC_H
#define STUDIES_BFC_BFC_H

#include "run/study.h"
#include "studies/look.h"

enum { BFC_MAX_DEPTH = 6 };

/* Kinds of tasks (task->kind). */
#define BFC_TEACHER "teacher" /* a learner on a synthetic teacher */
#define BFC_IMAGES  "images"  /* a dense network on pictures */

/* Where a task's learner stands among experiments; the middle part of task ids, "LEARNER/CASE/seed=N". */
#define BFC_DEPTH                 "depth=%zu"
#define BFC_LONGER                "longer/depth=%zu"
#define BFC_GAP                   "gap=%s"
#define BFC_NO_UPPER              "no_upper/gap=%s"
#define BFC_LINEAR_TEACHER        "linear_teacher"
#define BFC_LABELS                "labels"
#define BFC_LABELS_LINEAR_TEACHER "labels_linear_teacher"
#define BFC_SAMPLES               "dimension=%zu/samples=%zu"
#define BFC_FEW                   "samples=%zu"
#define BFC_FEW_GAP_ZERO          "samples=%zu/gap=0"

extern const struct setting bfc_settings[];
extern const struct claim bfc_claims[];
extern const struct figure bfc_figures[];
extern const struct table_title bfc_tables[];

strata_status bfc_plan(strata_context *ctx, const struct settings *settings, enum preset_kind preset,
                       struct task_list *list);
strata_status bfc_run_teacher(strata_context *ctx, struct task_run *run);
strata_status bfc_run_images(strata_context *ctx, struct task_run *run);
strata_status bfc_summarise(strata_context *ctx, const struct records *records, struct summary *summary);
strata_status bfc_draw(strata_context *ctx, const struct records *records, struct summary *summary);

/** A setting's number list as text items, the same in ids and overrides: "0.3". `text` holds 32. */
void bfc_number_text(double value, char text[32]);

/*
 * Layers of the teacher that the network is given: the dense-block teacher's first is made of the inputs' squares,
 * which its networks see. Learner layer l answers to teacher layer l + this.
 */
size_t bfc_given_layers(const struct settings *settings);

/* How many seeds an experiment runs on. */
enum bfc_seeds {
    SEEDS_USUAL, /* study.seeds */
    SEEDS_FEW,   /* study.few_seeds: costly fits on finite data */
    SEEDS_WIDE   /* study.wide_seeds: effects with a wide spread */
};
size_t bfc_seed_count(const struct settings *settings, enum bfc_seeds seeds);

/* Seeds that a learner runs on at the first depth: all that any claim about it asks for. */
enum bfc_seeds bfc_learner_seeds(const char *learner);

/* The case of a learner at a gap and depth 2: the fits at the first depth serve where they are the same. */
void bfc_gap_case(const struct settings *settings, double gap, const char *learner, char case_[64]);

/*
 * Training samples at which a learner's error falls through 1 % in a dimension: +-Inf outside the grid `size_key`,
 * NaN after a divergence.
 */
double bfc_samples_needed(struct look *look, const char *learner, const char *size_key, size_t dimension);

#endif
