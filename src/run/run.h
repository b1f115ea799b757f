/* SPDX-License-Identifier: MIT */
/* Runs a study in a run directory: tasks in parallel, checkpoints, resume, result.json, report. */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include <jansson.h>

#include "run/study.h"

struct run_progress {
    size_t tasks, tasks_done;
    double fraction;       /* of the total weight */
    double seconds, eta_seconds; /* eta < 0: not known yet */
    const char *task;      /* one that just moved */
};

struct run_options {
    const struct study *study;
    const char *out;          /* run directory; NULL: runs/STUDY-YYYYMMDD-HHMMSS-HASH */
    const char *data_folder;  /* NULL: none */
    size_t threads;
    /** Called from worker threads, one at a time, at most ten times a second. NULL: none. */
    void (*progress)(void *user, const struct run_progress *progress);
    void *user;
};

/** Resolves table, preset, and the `assignments` in order ("@FILE" reads an INI file, else "section.key=value"). */
STRATA_MUST_USE strata_status run_settings(strata_context *ctx, const struct study *study, const char *preset,
    size_t count, const char *const *assignments, struct settings **settings);

/** A whole run. `directory` (fresh string) is set as soon as it is known, also on failure; `result` is the parsed result.json. */
STRATA_MUST_USE strata_status run_study(strata_context *ctx, const struct run_options *options, const struct settings *settings, char **directory, json_t **result);

/** Continues an interrupted run; a finished one returns its result. */
STRATA_MUST_USE strata_status run_resume(strata_context *ctx, const char *directory, const struct run_options *options, json_t **result); /* options->study is found by the caller from run_study_name */

/** Name of the study a directory was made for (fresh string), read from its checkpoint/run.json. */
STRATA_MUST_USE strata_status run_study_name(strata_context *ctx, const char *directory, char **name);

/** Rebuilds figures and report.html from the stored numbers. */
STRATA_MUST_USE strata_status run_report(strata_context *ctx, const struct study *study, const char *directory);

/** 95 % Student t interval, verdict: pure, for tests. */
struct claim_result {
    double measured, low, high;
    size_t seeds;
    bool diverged;
    enum verdict verdict;
};
void claim_evaluate(const struct claim *claim, size_t count, const double *values, struct claim_result *result);
void claim_bound_text(const struct claim *claim, char text[64]);
const char *verdict_name(enum verdict verdict);
const char *expectation_name(enum expectation expected);
double student_t_975(size_t degrees_of_freedom);


#endif
