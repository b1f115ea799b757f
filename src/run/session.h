/* SPDX-License-Identifier: MIT */
/* One sitting of a run: everything its tasks share. */
#ifndef RUN_SESSION_H
#define RUN_SESSION_H

#include "run/directory.h"
#include "run/metrics.h"
#include "run/progress.h"

struct session {
    const struct study *study;
    const struct run_options *options;
    const struct settings *settings;
    uint64_t data; /* checksum of the data sets that the settings name; 0: none */
    struct run_directory directory;
    struct task_list tasks;
    struct record_set *records; /* [tasks.count] */
    struct task_mark *marks;    /* [tasks.count] */
    bool *done;                 /* [tasks.count] */
    struct line_file metrics, log;
    struct progress_meter meter;
    double checkpoint_seconds;
    strata_context *ctx; /* the caller's; written under `mutex` by the first task that fails */
    pthread_mutex_t mutex;
    strata_status failure; /* of the first task that failed */
    _Atomic int stop;      /* no further task begins; running ones save and end */
};

/** An empty session; closed by the caller. `ctx` and `options` are borrowed. */
void session_open(strata_context *ctx, const struct run_options *options, struct session *session);
void session_close(struct session *session);

/** The task list of `settings` (borrowed), with every task's own settings checked; writes nothing. */
STRATA_MUST_USE strata_status session_plan(strata_context *ctx, struct session *session,
                                           const struct settings *settings);

/** Reads what earlier sessions left in the directory and settles metrics.jsonl. ERR_FORMAT names a damaged file. */
STRATA_MUST_USE strata_status session_load(strata_context *ctx, struct session *session);

/** Opens metrics.jsonl and log.txt for appending. */
STRATA_MUST_USE strata_status session_open_files(strata_context *ctx, struct session *session);

/** Runs all tasks that are not done. ERR_INTERRUPTED, or the first failure of a task; both say how to resume. */
STRATA_MUST_USE strata_status session_run(strata_context *ctx, struct session *session);

/** One timestamped line of log.txt, and of the caller's log. */
STRATA_MUST_USE strata_status session_log(strata_context *ctx, struct session *session, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** True when a stop was asked for, by the caller or because a task failed. */
bool session_stopping(struct session *session);

/**
 * Runs task `index` from its state, if it has one, to its .done.json. Called from any thread; `ctx` is that
 * thread's.
 */
STRATA_MUST_USE strata_status session_run_task(strata_context *ctx, struct session *session, size_t index);

#endif
