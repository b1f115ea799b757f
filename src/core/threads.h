/* SPDX-License-Identifier: MIT */
/* A fixed set of worker threads that run indexed jobs. Which thread runs a job never changes a result. */
#ifndef CORE_THREADS_H
#define CORE_THREADS_H

#include <stddef.h>

#include "core/status.h"

struct thread_pool;

/** Job number `index` of a run; `worker` in [0, thread_pool_size) may address per-thread scratch. */
typedef void (*thread_job)(void *user, size_t index, size_t worker);

/** A pool of `threads` >= 1 including the caller's own thread. */
STRATA_MUST_USE strata_status thread_pool_create(strata_context *ctx, size_t threads, struct thread_pool **pool);

void thread_pool_destroy(struct thread_pool *pool);

size_t thread_pool_size(const struct thread_pool *pool);

/**
 * Runs jobs 0..count-1 and returns when all are done. The caller works too. Jobs are handed out in
 * order. Allocates nothing; waiting threads spin briefly, then sleep. Not reentrant.
 * A NULL pool runs the jobs in the caller's thread.
 */
void thread_pool_run(struct thread_pool *pool, size_t count, thread_job job, void *user);

/** Processors this process may run on, at least 1. */
size_t thread_available(void);

#endif
