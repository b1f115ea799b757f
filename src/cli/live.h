/* SPDX-License-Identifier: MIT */
/* Progress on standard error: one live line on a terminal, else a plain line now and then. */
#ifndef CLI_LIVE_H
#define CLI_LIVE_H

#include <pthread.h>
#include <stdbool.h>

#include <strata/context.h>

#include "run/run.h"

struct live_line {
    pthread_mutex_t mutex; /* of standard error: progress and log lines come from several threads */
    bool quiet, terminal, shown;
    bool complete;    /* the last report said that all is done */
    bool *started;    /* set at the first report */
    double last_line; /* seconds of the last plain line */
};

void live_begin(struct live_line *live, bool *started);
/** A run_options.progress callback; `user` is a struct live_line. */
void live_show(void *user, const struct run_progress *now);
/** Wipes the live line. Fine to call twice. */
void live_end(struct live_line *live);
/** A strata_log_callback; `user` is a struct live_line. Warnings only. */
void live_log(void *user, strata_log_level level, const char *text);

#endif
