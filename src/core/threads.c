/* SPDX-License-Identifier: MIT */
/*
 * A training step of small networks takes 100 microseconds, so waking a worker must take about one:
 * who waits spins for a while, then sleeps on a condition variable. With more threads than processors
 * a spinner would only keep another thread from its work, so there nobody spins.
 *
 * Jobs are claimed by counting `remaining` down, and a run ends when `unfinished` is zero. A worker that
 * wakes late finds nothing left, or work of a later run, which it may as well do; nobody waits for it.
 * Who holds a claim keeps the run from ending, hence job, user and count from changing.
 */
#include "core/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "core/memory.h"

enum { SPIN_ROUNDS = 20000 }; /* about 100 microseconds */

struct worker {
    struct thread_pool *pool;
    size_t number;
    pthread_t thread;
};

struct thread_pool {
    size_t threads, started;
    int spin_rounds;
    struct worker *workers;
    pthread_mutex_t mutex;
    pthread_cond_t wake, done;
    thread_job job;
    void *user;
    size_t count;
    _Atomic size_t remaining, unfinished; /* jobs of this run that nobody has claimed; that are not done */
    atomic_bool stop;
};

static inline void spin_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Runs jobs until none is left to claim. */
static void run_jobs(struct thread_pool *pool, size_t worker) {
    size_t done = 0, left = atomic_load(&pool->remaining);
    while (left > 0) {
        if (!atomic_compare_exchange_weak(&pool->remaining, &left, left - 1)) continue;
        pool->job(pool->user, pool->count - left, worker);
        ++done;
        left = atomic_load(&pool->remaining);
    }
    if (done == 0 || atomic_fetch_sub(&pool->unfinished, done) != done) return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_signal(&pool->done);
    pthread_mutex_unlock(&pool->mutex);
}

static bool has_work(struct thread_pool *pool) {
    return atomic_load(&pool->remaining) != 0 || atomic_load(&pool->stop);
}

static bool is_done(struct thread_pool *pool) { return atomic_load(&pool->unfinished) == 0; }

/* What makes `ready` true is followed by a signal under the mutex, so that it is never missed. */
static void wait_until(struct thread_pool *pool, bool (*ready)(struct thread_pool *), pthread_cond_t *signal) {
    for (int round = 0; round < pool->spin_rounds; ++round) {
        if (ready(pool)) return;
        spin_pause();
    }
    pthread_mutex_lock(&pool->mutex);
    while (!ready(pool)) pthread_cond_wait(signal, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
}

static void *worker_main(void *argument) {
    struct worker *worker = argument;
    struct thread_pool *pool = worker->pool;
    for (;;) {
        wait_until(pool, has_work, &pool->wake);
        if (atomic_load(&pool->stop)) return NULL;
        run_jobs(pool, worker->number);
    }
}

strata_status thread_pool_create(strata_context *ctx, size_t threads, struct thread_pool **result) {
    struct thread_pool *pool = mem_zero(1, sizeof *pool);
    struct worker *workers = mem_zero(threads, sizeof *workers);
    if (!pool || !workers) {
        mem_free(pool);
        mem_free(workers);
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu threads", threads);
    }
    pool->threads = threads;
    pool->spin_rounds = threads <= thread_available() ? SPIN_ROUNDS : 0;
    pool->workers = workers;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    for (size_t i = 1; i < threads; ++i) {
        workers[i] = (struct worker){.pool = pool, .number = i};
        int error = pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]);
        if (error) {
            thread_pool_destroy(pool);
            return strata_fail(ctx, STRATA_ERR_MEMORY, "cannot start thread %zu of %zu (error %d)", i + 1, threads,
                               error);
        }
        pool->started = i;
    }
    *result = pool;
    return STRATA_OK;
}

void thread_pool_destroy(struct thread_pool *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->stop, true);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 1; i <= pool->started; ++i) pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_cond_destroy(&pool->done);
    pthread_mutex_destroy(&pool->mutex);
    mem_free(pool->workers);
    mem_free(pool);
}

size_t thread_pool_size(const struct thread_pool *pool) { return pool ? pool->threads : 1; }

void thread_pool_run(struct thread_pool *pool, size_t count, thread_job job, void *user) {
    if (!pool || pool->threads == 1 || count <= 1) {
        for (size_t i = 0; i < count; ++i) job(user, i, 0);
        return;
    }
    pool->job = job;
    pool->user = user;
    pool->count = count;
    atomic_store(&pool->unfinished, count);
    atomic_store(&pool->remaining, count);
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    run_jobs(pool, 0);
    wait_until(pool, is_done, &pool->done);
}

size_t thread_available(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? (size_t)count : 1;
}
