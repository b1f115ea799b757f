/* SPDX-License-Identifier: MIT */
/* The two files a task leaves below checkpoint/: its state while it runs, its records when it is done. */
#ifndef RUN_CHECKPOINT_H
#define RUN_CHECKPOINT_H

#include "core/safetensors.h"
#include "run/records.h"

/** How far a task's lines in metrics.jsonl reach, and its time so far. */
struct task_mark {
    size_t lines, bytes;
    size_t step; /* of the last line */
    double seconds;
};

/** Whose file it is: a file of another task or another configuration is refused. */
struct checkpoint_owner {
    const char *path;
    const char *task;
    uint64_t config; /* checksum of config.ini */
};

/** Writes TASK.done.json with a checksum, by rename. */
STRATA_MUST_USE strata_status done_write(strata_context *ctx, const struct checkpoint_owner *owner,
                                         const struct record_set *records, const struct task_mark *mark);

/**
 * Reads it back into empty `records`. ERR_FORMAT (damaged, cut short, edited, another task's) says how to redo the
 * task.
 */
STRATA_MUST_USE strata_status done_read(strata_context *ctx, const struct checkpoint_owner *owner,
                                        struct record_set *records, struct task_mark *mark);

/** Writes TASK.safetensors by rename: `state` with one more metadata entry for step, records and mark. */
STRATA_MUST_USE strata_status state_write(strata_context *ctx, const struct checkpoint_owner *owner, size_t step,
                                          const struct record_set *records, const struct task_mark *mark,
                                          struct tensor_file *state);

/** Reads it back into empty `records` and `state` (destroyed by the caller, also on failure). Errors as done_read. */
STRATA_MUST_USE strata_status state_read(strata_context *ctx, const struct checkpoint_owner *owner,
                                         struct record_set *records, struct task_mark *mark, struct tensor_file *state);

/** Adds the member "checksum" to an object, over its compact text; ERR_MEMORY. */
STRATA_MUST_USE strata_status json_seal(strata_context *ctx, json_t *object);

/** Takes "checksum" out and compares; false when it is missing or differs. */
STRATA_MUST_USE strata_status json_unseal(strata_context *ctx, json_t *object, bool *whole);

/** 16 hexadecimal digits. */
void checksum_text(uint64_t checksum, char text[17]);

#endif
