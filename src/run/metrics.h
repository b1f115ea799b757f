/* SPDX-License-Identifier: MIT */
/* Files that grow by whole lines, and the rules of metrics.jsonl. */
#ifndef RUN_METRICS_H
#define RUN_METRICS_H

#include <pthread.h>

#include "run/checkpoint.h"

/** A file that several threads append to. A line is one write: whole or absent. */
struct line_file {
    char *path;
    int descriptor;
    size_t size;
    pthread_mutex_t mutex;
};

/** Opens, or makes, `path` at its end. Close with line_file_close, also after a failure. */
STRATA_MUST_USE strata_status line_file_open(strata_context *ctx, const char *path, struct line_file *file);

/**
 * Appends `text`, which ends with its newline. What was written of a line that does not fit is taken back:
 * ERR_DISK_FULL.
 */
STRATA_MUST_USE strata_status line_file_append(strata_context *ctx, struct line_file *file, const char *text,
                                               size_t size);

/** Brings the lines to the disk, before a checkpoint counts on them. */
STRATA_MUST_USE strata_status line_file_sync(strata_context *ctx, struct line_file *file);

void line_file_close(struct line_file *file);

/** {"task":ID,"step":N,"series":NAME,NAME:VALUE,...} and a newline, appended to `line`. */
STRATA_MUST_USE strata_status metric_print(strata_context *ctx, struct buffer *line, const char *task, size_t step,
                                           const char *series, size_t count, const char *const *names,
                                           const double *values);

/**
 * Replaces metrics.jsonl by the lines its tasks' marks vouch for, sorted by (task, step): what a task wrote
 * after its last checkpoint is dropped, so is a last line cut short.
 *
 * @param marks  [tasks->count] in.
 * Errors: ERR_FORMAT names the file and the line, or the task whose lines are missing.
 */
STRATA_MUST_USE strata_status metrics_settle(strata_context *ctx, const char *path, const struct task_list *tasks,
                                             const struct task_mark *marks);

#endif
