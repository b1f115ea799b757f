/* SPDX-License-Identifier: MIT */
/* The list of tasks that a study plans. */
#ifndef RUN_TASKS_H
#define RUN_TASKS_H

#include <stdarg.h>
#include <stdbool.h>

#include "run/study.h"

/* With ".safetensors.tmp-PID" behind it an id still is one file name. */
enum { TASK_ID_SIZE = 200 };

/** Zero-initialised is empty. */
struct task_list {
    struct task *tasks;
    size_t count, capacity;
};

/** An id printed in the C locale whatever the environment says; false when it does not fit. */
bool task_id_print(char id[TASK_ID_SIZE], const char *format, va_list arguments);

/** Index of the task of that id, `list->count` when there is none. */
size_t task_list_find(const struct task_list *list, const char *id);

/** The run's settings with the task's overrides; the caller destroys them. ERR_CONFIG names the task. */
STRATA_MUST_USE strata_status task_settings(strata_context *ctx, const struct task *task, const struct settings *base,
                                            struct settings **settings);

void task_list_destroy(struct task_list *list);

#endif
