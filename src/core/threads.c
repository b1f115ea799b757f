/* SPDX-License-Identifier: MIT */
/*
 * A training step of small networks takes 100 microseconds, so waking a worker must take about one:
 * workers spin for a while on the generation counter before they sleep on a condition variable.
 */
#include "core/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

#include "core/memory.h"

enum { SPIN_ROUNDS = 20000 }; /* about 100 microseconds */

struct worker {
    struct thread_pool *pool;
    size_t number;
    pthread_t thread;
};

struct thread_pool {
    size_t threads, started;
    struct worker *workers;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    thread_job job;
    void *user;
    size_t count;
    _Atomic size_t next, busy;
    _Atomic uint64_t generation;
    _Atomic int stop;
};

static inline void spin_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void run_jobs(struct thread_pool *pool, size_t worker) {
    for (;;) {
        size_t index = atomic_fetch_add(&pool->next, 1);
        if (index >= pool->count) return;
        pool->job(pool->user, index, worker);
    }
}

static void wait_for_generation(struct thread_pool *pool, uint64_t seen) {
    for (int round = 0; round < SPIN_ROUNDS; ++round) {
        if (atomic_load(&pool->generation) != seen || atomic_load(&pool->stop)) return;
        spin_pause();
    }
    pthread_mutex_lock(&pool->mutex);
    while (atomic_load(&pool->generation) == seen && !atomic_load(&pool->stop)) pthread_cond_wait(&pool->wake, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
}

static void *worker_main(void *argument) {
    struct worker *worker = argument;
    struct thread_pool *pool = worker->pool;
    uint64_t seen = 0;
    for (;;) {
        wait_for_generation(pool, seen);
        if (atomic_load(&pool->stop)) return NULL;
        seen = atomic_load(&pool->generation);
        run_jobs(pool, worker->number);
        atomic_fetch_sub(&pool->busy, 1);
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
    pool->workers = workers;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    for (size_t i = 1; i < threads; ++i) {
        workers[i] = (struct worker){.pool = pool, .number = i};
        int error = pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]);
        if (error) {
            thread_pool_destroy(pool);
            return strata_fail(ctx, STRATA_ERR_MEMORY, "cannot start thread %zu of %zu (error %d)", i + 1, threads, error);
        }
        pool->started = i;
    }
    *result = pool;
    return STRATA_OK;
}

void thread_pool_destroy(struct thread_pool *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->stop, 1);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 1; i <= pool->started; ++i) pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    mem_free(pool->workers);
    mem_free(pool);
}

size_t thread_pool_size(const struct thread_pool *pool) { return pool ? pool->threads : 1; }

void thread_pool_run(struct thread_pool *pool, size_t count, thread_job job, void *user) {
    if (!pool || pool->threads == 1 || count == 1) {
        for (size_t i = 0; i < count; ++i) job(user, i, 0);
        return;
    }
    pool->job = job;
    pool->user = user;
    pool->count = count;
    atomic_store(&pool->busy, pool->threads - 1);
    atomic_store(&pool->next, 0);
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->generation, 1);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    run_jobs(pool, 0);
    /* A caller that waits for long jobs yields its core instead of burning it. */
    for (int round = 0; atomic_load(&pool->busy) != 0; ++round) round < SPIN_ROUNDS ? spin_pause() : (void)sched_yield();
}

size_t thread_available(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? (size_t)count : 1;
}
