/* SPDX-License-Identifier: MIT */
/* Deep networks on real pictures, layer by layer and together: what the files of this study share. */
#ifndef STUDIES_DEPTH_DEPTH_H
#define STUDIES_DEPTH_DEPTH_H

#include "data/dataset.h"
#include "run/study.h"

/* Kinds of tasks (task->kind). */
#define DEPTH_FIT    "fit"    /* one network under one rule */
#define DEPTH_KERNEL "kernel" /* tangent kernels of the network, before and after training */

/* Case of a task id, "NAME/n=SIZE/seed=N". */
#define DEPTH_CASE "n=%zu"

enum { DEPTH_MAX_SIZES = 16, DEPTH_UNITS = 3 };

/* One way to train; the first part of task ids. */
struct depth_regime {
    const char *name, *title, *learner;
    double steps;            /* times picture.steps; 0: times the units, equal epochs for every parameter */
    const char *head_layers; /* NULL: picture.head_layers */
    bool curves;             /* its probes are taken over time */
    bool one_unit;           /* on the same network as one unit */
    bool many_seeds;         /* correction.seeds in place of study.seeds */
};
extern const struct depth_regime depth_regimes[];
extern const size_t depth_regime_count;

extern const struct setting depth_settings[];
extern const struct claim depth_claims[];
extern const struct figure depth_figures[];
extern const struct table_title depth_tables[];

strata_status depth_plan(strata_context *ctx, const struct settings *settings, enum preset_kind preset,
                         struct task_list *list);
strata_status depth_run_fit(strata_context *ctx, struct task_run *run);
strata_status depth_run_kernel(strata_context *ctx, struct task_run *run);
strata_status depth_summarise(strata_context *ctx, const struct records *records, struct summary *summary);
strata_status depth_draw(strata_context *ctx, const struct records *records, struct summary *summary);

/** Training sizes of the few-shot curves, rising; the last is data.train_size. */
size_t depth_sizes(const struct settings *settings, size_t sizes[DEPTH_MAX_SIZES]);

/** A number of seeds of its own, "correction.seeds" or "layers.seeds", or study.seeds where that is more. */
size_t depth_seeds(const struct settings *settings, const char *key);

/** Units of the network: picture.units, or one a resolution. */
size_t depth_units(const struct settings *settings);

/** Channels, height and width of the pictures that the networks see. */
void depth_shape(const struct settings *settings, size_t shape[3]);

/**
 * `train_rows` training pictures drawn for the seed (a smaller set is part of a larger one) and the test pictures,
 * shrunk, less the mean pixel and over the standard deviation of the training pictures.
 */
STRATA_MUST_USE strata_status depth_load(strata_context *ctx, const struct task_run *run, size_t train_rows,
                                         size_t test_rows, struct dataset *train, struct dataset *test);

#endif
