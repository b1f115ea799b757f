/* SPDX-License-Identifier: MIT */
/* Fractions are read and written by all threads, so they are atomic; everything else is under the mutex. */
#include "run/progress.h"

#include <stdatomic.h>

#include "core/clock.h"
#include "core/memory.h"
#include "run/directory.h"

static const double seconds_between_calls = 0.1;

strata_status progress_create(strata_context *ctx, const struct run_options *options, const struct task_list *tasks,
                              double earlier, struct progress_meter *meter) {
    *meter = (struct progress_meter){
        .callback = options->progress, .user = options->user, .tasks = tasks, .earlier = earlier};
    meter->fractions = mem_zero(tasks->count, sizeof *meter->fractions);
    if (!meter->fractions)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: progress of %zu tasks", tasks->count);
    for (size_t i = 0; i < tasks->count; ++i) meter->weight += tasks->tasks[i].weight;
    pthread_mutex_init(&meter->mutex, NULL);
    return STRATA_OK;
}

static double progress_fraction(const struct progress_meter *meter) {
    double sum = 0;
    for (size_t i = 0; i < meter->tasks->count; ++i)
        sum += meter->tasks->tasks[i].weight * atomic_load(&meter->fractions[i]);
    return meter->weight > 0 ? sum / meter->weight : 1;
}

double progress_seconds(const struct progress_meter *meter) {
    return meter->earlier + (clock_seconds() - meter->begin);
}

/* Under the mutex, so that calls come one at a time. */
static void progress_call(struct progress_meter *meter, const char *task) {
    double spent = clock_seconds() - meter->begin, fraction = progress_fraction(meter),
           gained = fraction - meter->begin_fraction;
    const struct run_progress now = {.tasks = meter->tasks->count,
                                     .tasks_done = atomic_load(&meter->done),
                                     .fraction = fraction,
                                     .seconds = meter->earlier + spent,
                                     .eta_seconds = gained > 0 ? spent * (1 - fraction) / gained : -1,
                                     .task = task};
    meter->callback(meter->user, &now);
    atomic_store(&meter->next, clock_seconds() + seconds_between_calls);
}

static void progress_tell(struct progress_meter *meter, const char *task, bool always) {
    if (!meter->callback || (!always && clock_seconds() < atomic_load(&meter->next))) return;
    pthread_mutex_lock(&meter->mutex);
    if (always || clock_seconds() >= atomic_load(&meter->next)) progress_call(meter, task);
    pthread_mutex_unlock(&meter->mutex);
}

void progress_skip(struct progress_meter *meter, size_t task) {
    atomic_store(&meter->fractions[task], 1.0);
    atomic_fetch_add(&meter->done, 1);
}

void progress_begin(struct progress_meter *meter) {
    meter->begin = clock_seconds();
    meter->begin_fraction = progress_fraction(meter);
    progress_tell(meter, NULL, true);
}

void progress_move(struct progress_meter *meter, size_t task, double fraction) {
    atomic_store(&meter->fractions[task], fraction > 0 ? fraction < 1 ? fraction : 1 : 0);
    progress_tell(meter, meter->tasks->tasks[task].id, false);
}

void progress_done(struct progress_meter *meter, size_t task) {
    atomic_store(&meter->fractions[task], 1.0);
    size_t done = atomic_fetch_add(&meter->done, 1) + 1;
    progress_tell(meter, meter->tasks->tasks[task].id, done == meter->tasks->count);
}

void progress_destroy(struct progress_meter *meter) {
    if (meter->fractions) pthread_mutex_destroy(&meter->mutex);
    mem_free((void *)meter->fractions);
    meter->fractions = NULL;
}
