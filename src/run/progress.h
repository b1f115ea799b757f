/* SPDX-License-Identifier: MIT */
/* How far a run is: fractions of tasks by weight, the time left, and a callback that is not called too often. */
#ifndef RUN_PROGRESS_H
#define RUN_PROGRESS_H

#include <pthread.h>

#include "run/run.h"
#include "run/tasks.h"

struct progress_meter {
    void (*callback)(void *user, const struct run_progress *progress);
    void *user;
    const struct task_list *tasks;         /* borrowed */
    _Atomic double *fractions;             /* [tasks] */
    double weight;                         /* of all tasks */
    double begin, begin_fraction, earlier; /* this session's start; seconds of sessions before it */
    _Atomic double next;                   /* time before which no call is due */
    _Atomic size_t done;
    pthread_mutex_t mutex;
};

STRATA_MUST_USE strata_status progress_create(strata_context *ctx, const struct run_options *options,
                                              const struct task_list *tasks, double earlier,
                                              struct progress_meter *meter);

/** Counts a task that an earlier session finished, before progress_begin. */
void progress_skip(struct progress_meter *meter, size_t task);

/** From here on time counts; calls back once. */
void progress_begin(struct progress_meter *meter);

/** A task moved to `fraction`; calls back when a tenth of a second has passed. */
void progress_move(struct progress_meter *meter, size_t task, double fraction);

/** A task is done; the last one always calls back. */
void progress_done(struct progress_meter *meter, size_t task);

/** Seconds of this session and those before it. */
double progress_seconds(const struct progress_meter *meter);

void progress_destroy(struct progress_meter *meter);

#endif
