/* SPDX-License-Identifier: MIT */
/* Limits of kernels: what the files of this study share. */
#ifndef STUDIES_KERNELS_KERNELS_H
#define STUDIES_KERNELS_KERNELS_H

#include "kernels/kernel.h"
#include "run/study.h"

/* Kinds of tasks (task->kind). */
#define KERNELS_SPHERE    "sphere"    /* a kernel on harmonics of the sphere, every sample size */
#define KERNELS_EXPONENT  "exponent"  /* samples that it needs in one dimension */
#define KERNELS_MONOMIALS "monomials" /* a kernel on all monomials of one degree at once */
#define KERNELS_POWERS    "powers"    /* how much of the hierarchical target each degree carries */
#define KERNELS_FAMILY    "family"    /* a kernel on the hierarchical target, every ridge */
#define KERNELS_LEARNER   "learner"   /* a learner on the hierarchical target */
#define KERNELS_LIMIT     "limit"     /* tangent kernels of finite networks */
#define KERNELS_PICTURES  "pictures"  /* a learner on pictures */

/* The middle part of task ids, "NAME/CASE/seed=N". */
#define CASE_SPHERE         "sphere"
#define CASE_PROJECTED      "projected"
#define CASE_EXPONENT       "exponent/dimension=%zu"
#define CASE_KNOWN          "known_direction/dimension=%zu"
#define CASE_MONOMIALS      "monomials"
#define CASE_POWERS         "powers"
#define CASE_FAMILY         "samples=%zu"
#define LINEAR              "gap=0/"
#define ALL_DIRECTIONS      "all_directions/"
#define CASE_LINEAR         LINEAR CASE_FAMILY
#define CASE_STACK          "%s/%s" CASE_FAMILY /* construction, "" or LINEAR, samples */
#define CASE_LIMIT          "limit"
#define CASE_MEAN_FIELD     "mean_field"
#define CASE_PICTURES       "%s/samples=%zu"
#define CASE_SMALL_PICTURES "%s/small/samples=%zu"

enum { KERNELS_DEGREES = 3, KERNELS_MAX_SIZES = 64, KERNELS_SLUG = 96 };

extern const struct setting kernels_settings[];
extern const struct claim kernels_claims[];
extern const struct figure kernels_figures[];
extern const struct table_title kernels_tables[];

strata_status kernels_plan(strata_context *ctx, const struct settings *settings, enum preset_kind preset,
                           struct task_list *list);
strata_status kernels_run_sphere(strata_context *ctx, struct task_run *run);
strata_status kernels_run_exponent(strata_context *ctx, struct task_run *run);
strata_status kernels_run_monomials(strata_context *ctx, struct task_run *run);
strata_status kernels_run_powers(strata_context *ctx, struct task_run *run);
strata_status kernels_run_family(strata_context *ctx, struct task_run *run);
strata_status kernels_run_learner(strata_context *ctx, struct task_run *run);
strata_status kernels_run_limit(strata_context *ctx, struct task_run *run);
strata_status kernels_run_pictures(strata_context *ctx, struct task_run *run);
strata_status kernels_summarise(strata_context *ctx, const struct records *records, struct summary *summary);
strata_status kernels_draw(strata_context *ctx, const struct records *records, struct summary *summary);

/** Item `i` of a list of kernels as text that kernel_create reads. */
void kernels_text(const struct settings *settings, const char *key, size_t i, char text[KERNEL_TEXT]);

/** The same as part of a task's id: "ntk-layers=3-bias_variance=0.1". */
void kernels_slug(const char *text, char slug[KERNELS_SLUG]);

/** Sizes of a list of numbers, rounded; at most KERNELS_MAX_SIZES. */
size_t kernels_sizes(const struct settings *settings, const char *key, size_t sizes[KERNELS_MAX_SIZES]);

/** The largest sample size of the hierarchical target: where claims are measured. */
size_t kernels_most_samples(const struct settings *settings);

#endif
