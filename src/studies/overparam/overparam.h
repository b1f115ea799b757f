/* SPDX-License-Identifier: MIT */
/* Over-parameterised convergence: what the files of this study share. */
#ifndef STUDIES_OVERPARAM_OVERPARAM_H
#define STUDIES_OVERPARAM_OVERPARAM_H

#include "model/wide_network.h"
#include "run/study.h"

/* Kinds of tasks (task->kind). */
#define OVERPARAM_FIT        "fit"        /* gradient descent on one network */
#define OVERPARAM_SEPARATION "separation" /* the kernel's least eigenvalue against the distance of a close pair */
#define OVERPARAM_SMOOTHNESS "smoothness" /* semi-smoothness probed around the start */
#define OVERPARAM_NORMS      "norms"      /* the norm of the top layer over random networks */
#define OVERPARAM_DEPTH      "depth"      /* norms along the depth of residual and plain networks */

/* Names of fits: the first part of task ids, "NAME/width=M/seed=N". */
#define CASE_WIDTH "width=%zu"
#define CASE_ONLY  "start"

enum { OVERPARAM_MAX_WIDTHS = 16, OVERPARAM_CURVE = 101 };

/* n samples of unit norm, the last number 1 / sqrt(2), with labels. Zero-initialised is empty. */
struct wide_data {
    size_t n, inputs, pixels;
    double *x; /* [n, pixels, inputs] */
    double *y; /* [n] */
};

extern const struct setting overparam_settings[];
extern const struct claim overparam_claims[];
extern const struct figure overparam_figures[];
extern const struct table_title overparam_tables[];

strata_status overparam_plan(strata_context *ctx, const struct settings *settings, enum preset_kind preset,
                             struct task_list *list);
strata_status overparam_summarise(strata_context *ctx, const struct records *records, struct summary *summary);
strata_status overparam_run_fit(strata_context *ctx, struct task_run *run);
strata_status overparam_run_separation(strata_context *ctx, struct task_run *run);
strata_status overparam_run_smoothness(strata_context *ctx, struct task_run *run);
strata_status overparam_run_norms(strata_context *ctx, struct task_run *run);
strata_status overparam_run_depth(strata_context *ctx, struct task_run *run);

/** Data of a task: [data], and pictures when data.name says so. Errors: CONFIG (a separation out of reach), MEMORY. */
STRATA_MUST_USE strata_status wide_data_create(strata_context *ctx, const struct task_run *run, struct wide_data *data);
void wide_data_destroy(struct wide_data *data);

/** The network of a task's settings at network.width; its stream depends on seed and replicate alone. */
struct wide_shape overparam_shape(const struct settings *settings, const struct wide_data *data);
/** Widths of network.widths, rounded. */
size_t overparam_widths(const struct settings *settings, size_t widths[OVERPARAM_MAX_WIDTHS]);

/** Row `to` at `distance` from `from`, both of norm 1 with the bias coordinate, towards `direction` (may be `to`). */
void wide_neighbour(size_t inputs, const double *from, const double *direction, double distance, double *to);

#endif
