/* SPDX-License-Identifier: MIT */
/* Progress on standard error: one live line on a terminal, else a plain line now and then. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>

#include <strata/context.h>

#include "run/run.h"

struct progress {
    pthread_mutex_t mutex;  /* of standard error: progress and log lines come from several threads */
    bool quiet, live, shown;
    bool *started;          /* set at the first report */
    double last_line;       /* seconds of the last plain line */
};

void progress_begin(struct progress *progress, bool *started);
/** A run_options.progress callback; `user` is a struct progress. */
void progress_show(void *user, const struct run_progress *now);
/** Wipes the live line. Fine to call twice. */
void progress_end(struct progress *progress);
/** A strata_log_callback; `user` is a struct progress. Warnings only. */
void progress_log(void *user, strata_log_level level, const char *text);

#endif
