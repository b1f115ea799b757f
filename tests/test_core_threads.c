/* SPDX-License-Identifier: MIT */
/* The pool: every job exactly once, by a worker in range, run after run. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/threads.h"

enum { JOBS = 1000, THREADS = 4, REUSES = 10000 };

static strata_context *ctx;

/** What the jobs leave behind; asserts only run in the main thread. */
struct tally {
    _Atomic unsigned done[JOBS];
    _Atomic unsigned bad_workers, total;
    size_t workers;
    unsigned plain; /* written by job 0 alone: must be seen by the caller without further ado */
};

static struct tally tally;

static int setup(void **state) {
    (void)state;
    return strata_context_create(&ctx) == STRATA_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    strata_context_destroy(ctx);
    return 0;
}

static void count_job(void *user, size_t index, size_t worker) {
    struct tally *into = user;
    atomic_fetch_add(&into->done[index], 1);
    atomic_fetch_add(&into->total, 1);
    if (worker >= into->workers) atomic_fetch_add(&into->bad_workers, 1);
    if (index == 0) ++into->plain;
}

static struct thread_pool *pool_of(size_t threads) {
    struct thread_pool *pool = NULL;
    assert_int_equal(thread_pool_create(ctx, threads, &pool), STRATA_OK);
    assert_int_equal(thread_pool_size(pool), threads);
    return pool;
}

static void all_jobs_run_once(void **state) {
    (void)state;
    for (size_t threads = 1; threads <= THREADS; ++threads) {
        struct thread_pool *pool = pool_of(threads);
        for (size_t count = 0; count <= JOBS; count = count * 3 + 1) {
            memset(&tally, 0, sizeof tally);
            tally.workers = threads;
            thread_pool_run(pool, count, count_job, &tally);
            for (size_t i = 0; i < JOBS; ++i) assert_int_equal(tally.done[i], i < count);
            assert_int_equal(tally.bad_workers, 0);
        }
        thread_pool_destroy(pool);
    }
}

static void pool_is_reused_many_times(void **state) {
    (void)state;
    struct thread_pool *pool = pool_of(2); /* as many as the smallest machine has cores */
    memset(&tally, 0, sizeof tally);
    tally.workers = 2;
    uint64_t allocations = mem_count();
    for (unsigned run = 1; run <= REUSES; ++run) {
        thread_pool_run(pool, 5, count_job, &tally);
        assert_int_equal(tally.plain, run);
        assert_int_equal(tally.total, 5 * run);
    }
    assert_true(mem_count() == allocations);
    assert_int_equal(tally.bad_workers, 0);
    thread_pool_destroy(pool);
}

/* No job ends before all have begun, so each worker must have taken one. */
static void meet_job(void *user, size_t index, size_t worker) {
    struct tally *into = user;
    (void)index;
    if (worker >= into->workers) atomic_fetch_add(&into->bad_workers, 1);
    atomic_fetch_add(&into->total, 1);
    while (atomic_load(&into->total) < into->workers) sched_yield();
}

/* Also with more threads than processors, when a waiting thread must give way to one that works. */
static void every_worker_takes_part(void **state) {
    (void)state;
    for (size_t threads = 2; threads <= 4 * THREADS; threads *= 2) {
        struct thread_pool *pool = pool_of(threads);
        for (int run = 0; run < 20; ++run) {
            memset(&tally, 0, sizeof tally);
            tally.workers = threads;
            thread_pool_run(pool, threads, meet_job, &tally);
            assert_int_equal(tally.total, threads);
            assert_int_equal(tally.bad_workers, 0);
        }
        thread_pool_destroy(pool);
    }
}

/* A run of one kind follows upon another, while workers may still be waking up for the first. */
static void late_workers_do_the_next_run(void **state) {
    (void)state;
    struct thread_pool *pool = pool_of(2 * THREADS);
    static struct tally other;
    memset(&tally, 0, sizeof tally);
    memset(&other, 0, sizeof other);
    tally.workers = other.workers = 2 * THREADS;
    for (unsigned run = 1; run <= 500; ++run) {
        thread_pool_run(pool, 2, count_job, &tally);
        thread_pool_run(pool, 3, count_job, &other);
        assert_int_equal(tally.total, 2 * run);
        assert_int_equal(other.total, 3 * run);
    }
    for (size_t i = 0; i < 3; ++i) {
        assert_int_equal(tally.done[i], i < 2 ? 500 : 0);
        assert_int_equal(other.done[i], 500);
    }
    thread_pool_destroy(pool);
}

static void no_pool_means_the_callers_thread(void **state) {
    (void)state;
    memset(&tally, 0, sizeof tally);
    tally.workers = 1;
    thread_pool_run(NULL, JOBS, count_job, &tally);
    assert_int_equal(tally.total, JOBS);
    assert_int_equal(tally.bad_workers, 0);
    assert_int_equal(thread_pool_size(NULL), 1);
    thread_pool_destroy(NULL);
    assert_true(thread_available() >= 1);
}

static void idle_pools_can_be_destroyed(void **state) {
    (void)state;
    for (int i = 0; i < 20; ++i) thread_pool_destroy(pool_of(THREADS));
}

static void allocations_may_fail(void **state) {
    (void)state;
    for (uint64_t n = 1; n <= 2; ++n) {
        struct thread_pool *pool = NULL;
        mem_fail_from(n);
        strata_status status = thread_pool_create(ctx, 2, &pool);
        mem_fail_from(0);
        assert_int_equal(status, STRATA_ERR_MEMORY);
        assert_null(pool);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_jobs_run_once),
        cmocka_unit_test(pool_is_reused_many_times),
        cmocka_unit_test(every_worker_takes_part),
        cmocka_unit_test(late_workers_do_the_next_run),
        cmocka_unit_test(no_pool_means_the_callers_thread),
        cmocka_unit_test(idle_pools_can_be_destroyed),
        cmocka_unit_test(allocations_may_fail),
    };
    return cmocka_run_group_tests_name("core threads", tests, setup, teardown);
}
