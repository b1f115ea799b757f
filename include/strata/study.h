/* SPDX-License-Identifier: MIT */
/** @file
 * Studies: whole experiments, from settings to verdicts, in a run directory of their own.
 */
#ifndef STRATA_STUDY_H
#define STRATA_STUDY_H

#include <stdbool.h>
#include <stddef.h>

#include <strata/context.h>

STRATA_BEGIN

/** How many studies there are. */
size_t strata_study_count(void);

/** Name of study `index` ("bfc"); NULL past the last one. Static storage. */
const char *strata_study_name(size_t index);

/** One line about study `index`; NULL past the last one. Static storage. */
const char *strata_study_summary(size_t index);

/** How far a run is. */
typedef struct strata_study_progress {
    size_t tasks;       /**< of the run */
    size_t tasks_done;  /**< finished ones */
    double fraction;    /**< of all work, 0 to 1 */
    double seconds;     /**< since the run began, over all sessions */
    double eta_seconds; /**< left; below 0: not known yet */
    const char *task;   /**< id of a task that just moved; NULL: none; valid during the call */
} strata_study_progress;

/** How a study is run. Begin with strata_study_options_default(). */
typedef struct strata_study_options {
    const char *preset; /**< "smoke", "default" or "paper"; NULL: default. Not read by resume. */
    /** "section.key=value", or "@FILE" for an INI file, from left to right, ended by NULL; NULL: none. Not read by
     * resume. */
    const char *const *settings;
    const char *directory;   /**< new or empty; NULL: runs/STUDY-YYYYMMDD-HHMMSS-HASH. Not read by resume. */
    const char *data_folder; /**< where data sets are looked for first; NULL: the usual places only */
    size_t threads;          /**< 0: as many as there are processors. No result depends on it. */
    /** Called from worker threads, one at a time, at most ten times a second, and at begin and end; NULL: none. */
    void (*progress)(void *user, const strata_study_progress *progress);
    void *user; /**< passed to `progress` */
} strata_study_options;

/** The default preset on all processors, in a new folder below runs/. */
strata_study_options strata_study_options_default(void);

/** A finished run. */
typedef struct strata_run strata_run;

/**
 * Runs a study. Cancellation (strata_context_set_cancel) leaves a directory that strata_study_resume goes on with.
 *
 * @param name     one of strata_study_name.
 * @param options  borrowed during the call; NULL: the default.
 * @param run      out; freed by strata_run_destroy.
 * @return STRATA_OK, whatever the verdicts; STRATA_ERR_NOT_FOUND (no such study); STRATA_ERR_CONFIG (a setting);
 *         STRATA_ERR_ARGUMENT (the directory is not empty); STRATA_ERR_INTERRUPTED (how to go on is in the message);
 *         STRATA_ERR_DISK_FULL; STRATA_ERR_IO; STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_study_run(strata_context *ctx, const char *name,
                                               const strata_study_options *options, strata_run **run);

/**
 * Goes on with an interrupted run, to the same bits as if it had not been; a finished one is only read.
 *
 * @param directory  of the run.
 * @param options    data folder, threads and progress are read; NULL: the default.
 * @return as strata_study_run; STRATA_ERR_NOT_FOUND (no run there); STRATA_ERR_BUSY (another process has it);
 *         STRATA_ERR_FORMAT (a damaged file); STRATA_ERR_CONFIG (config.ini changed); STRATA_ERR_UNSUPPORTED (another
 *         version of Strata made it).
 */
STRATA_MUST_USE strata_status strata_study_resume(strata_context *ctx, const char *directory,
                                                  const strata_study_options *options, strata_run **run);

/**
 * Rebuilds report.html and the figures of a finished run from its stored numbers.
 *
 * @return STRATA_OK; STRATA_ERR_NOT_FOUND (no finished run there); STRATA_ERR_FORMAT; STRATA_ERR_IO;
 *         STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_study_report(strata_context *ctx, const char *directory);

/** The run's directory; valid as long as the run. */
const char *strata_run_directory(const strata_run *run);

/** What result.json holds, as text; valid as long as the run. */
const char *strata_run_json(const strata_run *run);

/** A claim or control with its verdict. Texts are valid as long as the run. */
typedef struct strata_claim {
    const char *id;        /**< "bfc.correction"; of a control "bfc.correction.frozen" */
    const char *statement; /**< what is measured, in a sentence */
    const char *source;    /**< where it is claimed */
    bool control;          /**< the same measurement where theory says that the bound must not hold */
    const char *expected;  /**< "holds", "fails" or "open" */
    const char *verdict;   /**< "holds", "fails" or "inconclusive" */
    const char *bound;     /**< ">= 20", "<= 0.001" or "in [1.2, 2.4]" */
    const char *unit;      /**< of measured, low and high */
    double measured;       /**< NaN: a fit diverged */
    double low;            /**< of the 95 % interval over seeds; NaN: none */
    double high;           /**< of the 95 % interval over seeds; NaN: none */
} strata_claim;

/** Claims and controls of the run. */
size_t strata_run_claim_count(const strata_run *run);

/** Claim `index`, 0 .. strata_run_claim_count - 1, in declared order; false and an empty claim outside. */
bool strata_run_claim(const strata_run *run, size_t index, strata_claim *claim);

/** Frees a run, not its directory; NULL is fine. */
void strata_run_destroy(strata_run *run);

STRATA_END
#endif
