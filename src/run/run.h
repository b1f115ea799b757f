/* SPDX-License-Identifier: MIT */
/* Runs a study in a run directory: tasks in parallel, checkpoints, resume, result.json, report. */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include <jansson.h>

#include "run/study.h"

struct run_progress {
    size_t tasks, tasks_done;
    double fraction;             /* of the total weight */
    double seconds, eta_seconds; /* eta < 0: not known yet */
    const char *task;            /* one that just moved */
    const char *unit;            /* what `tasks` counts; NULL: "tasks" */
};

struct run_options {
    const struct study *study;
    const char *out;         /* run directory; NULL: runs/STUDY-YYYYMMDD-HHMMSS-HASH */
    const char *data_folder; /* NULL: none */
    size_t threads;
    /** Called from worker threads, one at a time, at most ten times a second, and at the begin and end. NULL: none. */
    void (*progress)(void *user, const struct run_progress *progress);
    void *user;
};

/** "smoke", "default", "paper". */
const char *preset_name(enum preset_kind preset);

/** What study.preset says. */
enum preset_kind settings_preset(const struct settings *settings);

/**
 * Settings of a run: the tables, then the preset's values, then the `assignments` from left to right.
 *
 * @param preset       NULL: what the assignments say study.preset is, else "default". An assignment of
 *                     study.preset (a stored config.ini has one) stands above it, as for every key.
 * @param assignments  [count] "@FILE" reads an INI file, anything else is "section.key=value", after
 *                     "--OPTION " where messages are to name another option than --set.
 * @param settings     out; owned by the caller. The study's own check has passed.
 * Errors: ERR_CONFIG (key, type, range, contradiction), ERR_FORMAT and the like for a file; the message says where.
 */
STRATA_MUST_USE strata_status run_settings(strata_context *ctx, const struct study *study, const char *preset,
                                           size_t count, const char *const *assignments, struct settings **settings);

/**
 * A whole run in a directory of its own.
 *
 * @param settings   from run_settings; borrowed.
 * @param directory  out; fresh string, set as soon as it is known, also on failure; else NULL.
 * @param result     out; what result.json holds, owned by the caller; NULL on failure.
 * Errors: ERR_ARGUMENT (--out is not empty), ERR_INTERRUPTED (cancelled: the message says how to go on),
 * ERR_DISK_FULL, ERR_IO, ERR_MEMORY, and the first failure of a task, which ends the run; what is done is kept.
 * A fit that diverged is no failure.
 */
STRATA_MUST_USE strata_status run_study(strata_context *ctx, const struct run_options *options,
                                        const struct settings *settings, char **directory, json_t **result);

/**
 * Continues an interrupted run; a finished one returns its result. options->study is the one run_study_name
 * names, options->out is not read. Errors as run_study, and: ERR_NOT_FOUND (no run there), ERR_BUSY (it runs),
 * ERR_FORMAT (a damaged file, named), ERR_CONFIG (config.ini changed), ERR_UNSUPPORTED (another version).
 */
STRATA_MUST_USE strata_status run_resume(strata_context *ctx, const char *directory, const struct run_options *options,
                                         json_t **result);

/** Name of the study a directory was made for (fresh string), read from its checkpoint/run.json. */
STRATA_MUST_USE strata_status run_study_name(strata_context *ctx, const char *directory, char **name);

/** Rebuilds figures and report.html from the stored numbers. */
STRATA_MUST_USE strata_status run_report(strata_context *ctx, const struct study *study, const char *directory);

struct claim_result {
    double measured, low, high;
    size_t seeds;
    bool diverged;
    enum verdict verdict;
};
/**
 * Interval and verdict of one number per seed; a value that is not finite is a fit that diverged: fails,
 * with NaN numbers. NaN bounds, too, for one seed (it has no interval) and for none.
 */
void claim_evaluate(const struct claim *claim, size_t count, const double *values, struct claim_result *result);

/** ">= 20", "<= 0.001" or "in [1.2, 2.4]". */
void claim_bound_text(const struct claim *claim, char text[64]);
const char *verdict_name(enum verdict verdict);
const char *expectation_name(enum expectation expected);

#endif
