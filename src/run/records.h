/* SPDX-License-Identifier: MIT */
/* What a task found: named numbers and lists of numbers, kept in TASK.done.json. */
#ifndef RUN_RECORDS_H
#define RUN_RECORDS_H

#include <jansson.h>

#include "run/tasks.h"

struct record {
    char *key;
    double *values;
    size_t count;
    bool list; /* false: one number */
};

/** Zero-initialised is empty. */
struct record_set {
    struct record *items;
    size_t count, capacity;
    bool diverged;
    size_t diverged_step;
};

/** Adds or replaces; what is not finite is kept as NaN. */
STRATA_MUST_USE strata_status record_set_put(strata_context *ctx, struct record_set *set, const char *key, bool list,
                                             size_t count, const double *values);

/** The record of that key, or NULL. */
const struct record *record_set_find(const struct record_set *set, const char *key);

/** {"KEY": number or [numbers], ...} in the order they were made; NULL when memory is short. */
json_t *record_set_json(const struct record_set *set);

/** Reads them back into an empty set; `path` opens the message of ERR_FORMAT. */
STRATA_MUST_USE strata_status record_set_read(strata_context *ctx, const char *path, const json_t *object,
                                              struct record_set *set);

void record_set_destroy(struct record_set *set);

/** All of a run; everything is borrowed. `sets[i]` belongs to `tasks->tasks[i]`. */
struct records {
    const struct task_list *tasks;
    const struct record_set *sets;
    const struct settings *settings;
};

#endif
