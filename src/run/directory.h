/* SPDX-License-Identifier: MIT */
/* The run directory: its name, its lock, config.ini, and checkpoint/run.json that says what it was made for. */
#ifndef RUN_DIRECTORY_H
#define RUN_DIRECTORY_H

#include "run/study.h"

struct run_directory {
    char *path;
    int lock; /* descriptor of checkpoint/lock, held */
    char *study, *preset;
    double seconds;  /* of earlier sessions that ended by themselves */
    uint64_t config; /* checksum of config.ini */
    uint64_t data;   /* checksum of the data sets; 0: none */
};

/**
 * Makes a directory for a run and locks it.
 *
 * @param path      NULL: a new name under runs/; else one that is not there yet or empty.
 * @param settings  go to config.ini.
 * @param data      checksum of the data sets.
 * @param directory out; directory->path is set as soon as it is known; closed by the caller, also on failure.
 * Errors: ERR_ARGUMENT (not empty), ERR_BUSY, IO, DISK_FULL, MEMORY.
 */
STRATA_MUST_USE strata_status directory_create(strata_context *ctx, const char *path, const struct study *study,
                                               const struct settings *settings, uint64_t data,
                                               struct run_directory *directory);

/**
 * Opens and locks the directory of an earlier run, and removes files that a killed process was writing;
 * `directory` as above.
 * Errors: ERR_NOT_FOUND (no run there), ERR_BUSY (another process has the lock), ERR_FORMAT (damaged),
 * ERR_CONFIG (config.ini changed since), ERR_UNSUPPORTED (another version made it).
 */
STRATA_MUST_USE strata_status directory_open(strata_context *ctx, const char *path, struct run_directory *directory);

/** Only what checkpoint/run.json says, without the lock; no version is refused. */
STRATA_MUST_USE strata_status directory_describe(strata_context *ctx, const char *path,
                                                 struct run_directory *directory);

/** Stores directory->seconds. */
STRATA_MUST_USE strata_status directory_save(strata_context *ctx, const struct run_directory *directory);

/** Releases the lock and frees what it owns; zero-initialised with lock -1 is fine. */
void directory_close(struct run_directory *directory);

/** DIRECTORY/NAME as a fresh string; ERR_MEMORY. */
STRATA_MUST_USE strata_status directory_file(strata_context *ctx, const char *directory, const char *name, char **path);

/** DIRECTORY/checkpoint/TASK.EXTENSION ("done.json", "safetensors") as a fresh string. */
STRATA_MUST_USE strata_status directory_task_file(strata_context *ctx, const char *directory, const char *task,
                                                  const char *extension, char **path);

enum clock_style { CLOCK_NAME, CLOCK_LOG };

/** UTC now: 20260131-235959 or 2026-01-31T23:59:59Z. */
void clock_text(enum clock_style style, char text[32]);

#endif
