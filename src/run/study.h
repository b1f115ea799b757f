/* SPDX-License-Identifier: MIT */
/*
 * What a study is: settings, presets, tasks, claims, figures. Everything that takes a decision is in
 * const tables; the functions only plan tasks, run one, and turn all records into numbers per seed.
 */
#ifndef RUN_STUDY_H
#define RUN_STUDY_H

#include "core/rng.h"
#include "core/safetensors.h"
#include "core/settings.h"
#include "core/status.h"

enum preset_kind { PRESET_SMOKE, PRESET_DEFAULT, PRESET_PAPER, PRESET_COUNT };

enum verdict { VERDICT_HOLDS, VERDICT_FAILS, VERDICT_INCONCLUSIVE };
enum expectation { EXPECT_HOLDS, EXPECT_FAILS, EXPECT_OPEN };
enum claim_scale { SCALE_LINEAR, SCALE_LOG };

/** One claim or control. A control's id is CLAIM.NAME and shares the claim's bound. */
struct claim {
    const char *id;        /* "bfc.correction", or "bfc.correction.frozen" for a control */
    const char *statement; /* one sentence with what is measured */
    const char *source;    /* "Allen-Zhu & Li 2020, sec. 1" */
    const char *unit;      /* "ratio", "relative error", "points", "exponent" */
    enum claim_scale scale;
    enum expectation expected;
    double low, high; /* bound: [low, high]; -INFINITY or INFINITY = one-sided */
    bool control;
    bool exact;       /* low = high = worst case, no interval */
    unsigned presets; /* bit set of 1 << PRESET_...: where it runs */
};

/** A task is named by its id; `fields` are what the study planned it with. */
struct task {
    const char *id;      /* "sgd_joint/depth=2/seed=3": [a-z0-9_.=/-]+, unique */
    const char *kind;    /* study's own: which experiment */
    const char *learner; /* may be NULL */
    uint64_t replicate;  /* 1..seeds */
    double weight;       /* relative cost, for order and ETA; > 0 */
    /** Settings changed for this task: pairs "section.key", "value"; owned by the task list. */
    const struct setting_pair *overrides;
    size_t override_count;
};

/** study.preset, study.seed, study.seeds, report.png, checkpoint.seconds: every study has these rows before its own. */
extern const struct setting run_setting_table[];

struct task_list;
/**
 * Adds a task; all strings are copied. `overrides` ends with {NULL, NULL}; may be NULL. Duplicate ids:
 * ERR_INTERNAL.
 */
STRATA_MUST_USE strata_status task_list_add(strata_context *ctx, struct task_list *list, const char *kind,
                                            const char *learner, uint64_t replicate, double weight,
                                            const struct setting_pair *overrides, const char *id_format, ...)
    __attribute__((format(printf, 8, 9)));

/* ---- inside a task ---- */

struct task_run;
const struct task *task_run_task(const struct task_run *run);
const struct settings *task_run_settings(const struct task_run *run); /* the run's settings with the task's overrides */
/** Random numbers of a task: those of study.seed and its replicate. */
struct rng_stream task_run_stream(const struct task_run *run, enum rng_purpose purpose);
const char *task_run_data_folder(const struct task_run *run); /* --data, or NULL */

/** One line of metrics.jsonl: {"task":..., "step":..., "series":..., name: value, ...}. Steps must not fall. */
STRATA_MUST_USE strata_status task_metric(strata_context *ctx, struct task_run *run, size_t step, const char *series,
                                          size_t count, const char *const *names, const double *values);

/** A result kept in TASK.done.json: replaces an earlier one of the same key. NaN and Inf are kept as null (NaN). */
STRATA_MUST_USE strata_status task_record(strata_context *ctx, struct task_run *run, const char *key, double value);
STRATA_MUST_USE strata_status task_record_array(strata_context *ctx, struct task_run *run, const char *key,
                                                size_t count, const double *values);
/** Records made before a checkpoint are part of it. Reads one back (NaN when absent). */
double task_recorded(const struct task_run *run, const char *key);
size_t task_recorded_array(const struct task_run *run, const char *key, const double **values);

/**
 * Marks the task as diverged at a step; its row says so, the run goes on. run_task returning ERR_DIVERGED does it
 * at the last metric's step.
 */
STRATA_MUST_USE strata_status task_diverged(strata_context *ctx, struct task_run *run, size_t step);

/**
 * Progress 0..1 of this task. Cheap: call after every step. Returns true when a checkpoint is due (20 s passed, or
 * stop asked).
 */
bool task_progress(struct task_run *run, double fraction);

/** State to start from, or NULL: what task_checkpoint wrote, verified. */
const struct tensor_file *task_state(const struct task_run *run);

/** Writes the state by rename; ERR_INTERRUPTED afterwards when a stop was asked. */
STRATA_MUST_USE strata_status task_checkpoint(strata_context *ctx, struct task_run *run, struct tensor_file *state,
                                              size_t step);

/* ---- after all tasks: records to numbers, tables, figures ---- */

/** A finished task has the record "seconds" of its own: wall time over all sessions. */
struct records;
/** Value of a record; NaN when absent or diverged. `task_id` is a printf format. */
double records_get(const struct records *records, const char *key, const char *id_format, ...)
    __attribute__((format(printf, 3, 4)));
size_t records_array(const struct records *records, const char *key, const double **values, const char *id_format, ...)
    __attribute__((format(printf, 4, 5)));
/** True and the step when that task diverged. */
bool records_diverged(const struct records *records, size_t *step, const char *id_format, ...)
    __attribute__((format(printf, 3, 4)));
bool records_has(const struct records *records, const char *id_format, ...) __attribute__((format(printf, 2, 3)));
const struct settings *records_settings(const struct records *records);
enum preset_kind records_preset(const struct records *records);

struct summary;

/**
 * One number per seed for a declared claim, in order of seeds; ignored in presets where the claim does not run.
 * NaN = that seed's fit diverged (`note` says where; may be NULL).
 */
STRATA_MUST_USE strata_status summary_claim(strata_context *ctx, struct summary *summary, const char *id, size_t count,
                                            const double *values, const char *note);

/** Declared tables: rows of cells, text or number (NaN: null). */
STRATA_MUST_USE strata_status summary_table(strata_context *ctx, struct summary *summary, const char *id,
                                            size_t columns, const char *const *names);
STRATA_MUST_USE strata_status summary_row(strata_context *ctx, struct summary *summary, const char *id);
STRATA_MUST_USE strata_status summary_cell(strata_context *ctx, struct summary *summary, const char *id, double value);
STRATA_MUST_USE strata_status summary_cell_text(strata_context *ctx, struct summary *summary, const char *id,
                                                const char *text);

/**
 * A point of a declared figure: CSV row series,x,y,low,high (NaN low/high: no interval). Bars use `category` in
 * place of x.
 */
STRATA_MUST_USE strata_status summary_point(strata_context *ctx, struct summary *summary, const char *figure,
                                            const char *series, double x, double y, double low, double high);
STRATA_MUST_USE strata_status summary_bar(strata_context *ctx, struct summary *summary, const char *figure,
                                          const char *series, const char *category, double y, double low, double high);
/** A row of a ranking; rows stand in the order in which they come. */
STRATA_MUST_USE strata_status summary_rank(strata_context *ctx, struct summary *summary, const char *figure,
                                           const char *series, double value, double low, double high);
/** A vertical line with a label ("stage 2 begins"). */
STRATA_MUST_USE strata_status summary_marker(strata_context *ctx, struct summary *summary, const char *figure,
                                             const char *label, double x);
/** Picture tiles: [count, height, width]; one named panel of a tiles figure, stored as .npy. */
STRATA_MUST_USE strata_status summary_tiles(strata_context *ctx, struct summary *summary, const char *figure,
                                            const char *panel, size_t count, size_t height, size_t width,
                                            const double *values);

/** Ranking: one row a series (a learner), its value on the x axis. */
enum figure_kind { FIGURE_LINES, FIGURE_POINTS, FIGURE_BARS, FIGURE_RANKING, FIGURE_TILES };

struct figure {
    const char *id; /* "correction": figures/correction.svg */
    enum figure_kind kind;
    const char *title, *x_label, *y_label;
    bool log_x, log_y;
    const char *caption; /* how to read it */
};

struct table_title {
    const char *id, *title, *caption;
};

struct study {
    const char *name, *summary, *source;
    const char *question;                        /* what was asked: a paragraph for the report */
    const struct setting *const *setting_tables; /* NULL-terminated list of tables */
    bool learners;                               /* settings also have the rows of every learner in the table */
    /** Settings that name data sets, ends with NULL: missing ones are refused, and on resume changed ones. */
    const char *const *data_keys; /* may be NULL */
    const struct setting_pair *presets[PRESET_COUNT];
    const struct claim *claims;       /* ends with id NULL; a control follows its claim */
    const struct figure *figures;     /* ends with id NULL */
    const struct table_title *tables; /* ends with id NULL */

    /** Refuses settings that contradict each other (k > d), before anything is written. May be NULL. */
    strata_status (*check)(strata_context *ctx, const struct settings *settings);
    strata_status (*plan)(strata_context *ctx, const struct settings *settings, enum preset_kind preset,
                          struct task_list *list);
    strata_status (*run_task)(strata_context *ctx, struct task_run *run);
    strata_status (*summarise)(strata_context *ctx, const struct records *records, struct summary *summary);
};

/**
 * All tables of a study's settings: run_setting_table, its own, those of the learners.
 * @param tables  [capacity] out; NULL counts only.
 * @return how many there are.
 */
size_t study_setting_tables(const struct study *study, size_t capacity, const struct setting **tables);

#endif
