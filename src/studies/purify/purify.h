/* SPDX-License-Identifier: MIT */
/* What the parts of study `purify` share. */
#ifndef STUDIES_PURIFY_PURIFY_H
#define STUDIES_PURIFY_PURIFY_H

#include "attack/attack.h"
#include "data/sparse_coding.h"
#include "model/threshold_net.h"
#include "run/study.h"

/* Kinds of tasks; those of pictures are in purify_images.h. */
#define PURIFY_NETWORKS "networks"
#define PURIFY_CONTROLS "controls"
#define PURIFY_SCAN     "scan"
#define PURIFY_BASELINE "baseline"
#define PURIFY_EXACT    "exact"

enum { PURIFY_MOST_RADII = 16, PURIFY_MOST_CASES = 16, PURIFY_LOOKS = 20, PURIFY_PICTURE_UNITS = 48 };

extern const struct setting purify_settings[];
extern const struct claim purify_claims[];
extern const struct figure purify_figures[];
extern const struct table_title purify_tables[];

/** The model of a task's rows; `dense` codes, or another replicate's atoms for controls. */
STRATA_MUST_USE strata_status purify_coding(strata_context *ctx, const struct task_run *run, bool dense, bool other,
                                            struct sparse_coding *coding);

/** Rows that networks are measured on, with their codes. Owned by the caller. */
struct purify_test {
    size_t rows, inputs;
    float *x, *z;     /* [rows, inputs] */
    uint32_t *labels; /* [rows] */
    float *others;    /* [other_rows, inputs]: what universal perturbations are learned from */
    uint32_t *other_labels;
    size_t other_rows;
};
STRATA_MUST_USE strata_status purify_test_create(strata_context *ctx, const struct task_run *run,
                                                 const struct sparse_coding *coding, struct purify_test *test);
void purify_test_destroy(struct purify_test *test);

/* ---- networks ---- */

/** One training of a task: where it begins and how it goes. */
struct purify_phase {
    const char *name, *title;
    const char *begins; /* phase whose weights it goes on from; NULL: random ones */
    const char *method; /* NULL: what adversarial.method says */
    double share;       /* of train.steps */
    bool linearised;    /* thresholds at 0 */
    bool shuffled;      /* labels by a coin */
    bool dense, other;  /* of the model: see purify_coding */
};

enum { PURIFY_MOST_PHASES = 6 };

/** Phases of a kind of task, ended by name NULL. */
const struct purify_phase *purify_phases(const char *kind);

/** The networks of a task, in the order of its phases. */
struct purify_trained {
    const struct purify_phase *phases;
    size_t count;
    struct threshold_net nets[PURIFY_MOST_PHASES];
};

/** The network of that name. */
struct threshold_net *purify_find(struct purify_trained *trained, const char *name);

/** Trains every phase, with curves, progress and checkpoints; also on failure the caller destroys. */
STRATA_MUST_USE strata_status purify_train(strata_context *ctx, struct task_run *run, struct purify_trained *trained);
void purify_trained_destroy(struct purify_trained *trained);

strata_status purify_run_networks(strata_context *ctx, struct task_run *run);
strata_status purify_run_controls(strata_context *ctx, struct task_run *run);
strata_status purify_run_scan(strata_context *ctx, struct task_run *run);
strata_status purify_run_baseline(strata_context *ctx, struct task_run *run);
strata_status purify_run_exact(strata_context *ctx, struct task_run *run);

/* ---- measures: each keeps its numbers as records NAME.KEY ---- */

/**
 * Clean accuracy, accuracy under every attack of attack.names and the worst of all (records "accuracy", names of
 * attacks, "worst"). `surrogate` may be NULL: then no transfer.
 */
STRATA_MUST_USE strata_status purify_attack(strata_context *ctx, struct task_run *run, const char *name,
                                            const strata_function *function, const strata_function *surrogate,
                                            const struct purify_test *test);

/** Accuracy under one attack of norm l2 at a radius. */
STRATA_MUST_USE strata_status purify_accuracy(strata_context *ctx, const struct task_run *run, const char *attack,
                                              const strata_function *function, const struct purify_test *test,
                                              double epsilon, double *accuracy);

/** The same, and which rows stand: `alive` [rows] out. */
STRATA_MUST_USE strata_status purify_survivors(strata_context *ctx, const struct task_run *run, const char *attack,
                                               const strata_function *function, const struct purify_test *test,
                                               double epsilon, bool *alive, double *accuracy);

/** Where PGD moves the rows to, [rows, inputs]. */
STRATA_MUST_USE strata_status purify_points(strata_context *ctx, const struct task_run *run,
                                            const strata_function *function, const struct purify_test *test,
                                            double epsilon, float *points);

/** Accuracy on x - epsilon y `direction` ("along"). */
STRATA_MUST_USE strata_status purify_along(strata_context *ctx, struct task_run *run, const char *name,
                                           const strata_function *function, const struct sparse_coding *coding,
                                           const struct purify_test *test);

/** Purity, coherent share, residual norms, and what the perturbations of PGD look like. */
STRATA_MUST_USE strata_status purify_geometry(strata_context *ctx, struct task_run *run, const char *name,
                                              struct threshold_net *net, const struct sparse_coding *coding,
                                              const struct purify_test *test);

/** PGD and certified accuracy over attack.radii, and the certified accuracy at certificate.radius. */
STRATA_MUST_USE strata_status purify_radii(strata_context *ctx, struct task_run *run, const char *name,
                                           struct threshold_net *net, const struct purify_test *test);

/** Networks changed by hand: what deleting and adding dense mixtures does. */
STRATA_MUST_USE strata_status purify_interventions(strata_context *ctx, struct task_run *run,
                                                   struct purify_trained *trained, const struct sparse_coding *coding,
                                                   const struct purify_test *test);

/** Cosines between clean, robust and initial weights, and how low the rank of what adversarial training changed is. */
STRATA_MUST_USE strata_status purify_principle(strata_context *ctx, struct task_run *run,
                                               struct purify_trained *trained, const struct sparse_coding *coding);

/**
 * |M|^2 of a matrix [rows, columns], which is overwritten, and its part in the first ranks[k] singular directions.
 */
STRATA_MUST_USE strata_status purify_spectrum(strata_context *ctx, size_t rows, size_t columns, double *matrix,
                                              size_t count, const size_t *ranks, double *parts, double *all);

/** task_record under NAME.KEY. */
STRATA_MUST_USE strata_status purify_keep(strata_context *ctx, struct task_run *run, const char *name, const char *key,
                                          double value);

/* ---- whole study ---- */

strata_status purify_plan(strata_context *ctx, const struct settings *settings, enum preset_kind preset,
                          struct task_list *list);
strata_status purify_summarise(strata_context *ctx, const struct records *records, struct summary *summary);

#endif
