/* SPDX-License-Identifier: MIT */
/* Failing, and passing a failure on. Every fallible function returns strata_status. */
#ifndef CORE_STATUS_H
#define CORE_STATUS_H

#include <stdarg.h>
#include <stdbool.h>

#include <strata/context.h>
#include <strata/status.h>

/* Passes a failure to the caller; for functions that own nothing yet. */
#define STRATA_TRY(call)                                  \
    do {                                                  \
        strata_status try_status_ = (call);               \
        if (try_status_ != STRATA_OK) return try_status_; \
    } while (0)

/* The same for functions with a `cleanup:` label and a local `status`. */
#define STRATA_GO(call)                        \
    do {                                       \
        status = (call);                       \
        if (status != STRATA_OK) goto cleanup; \
    } while (0)

/** Records the message in the context (NULL is fine) and returns `status`, so that a fault is one line. */
STRATA_MUST_USE strata_status strata_fail(strata_context *ctx, strata_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#if defined(__clang_analyzer__) /* what no analyzer sees across files: a failure is never STRATA_OK */
#define strata_fail(ctx, status, ...) ((void)(strata_fail)((ctx), (status), __VA_ARGS__), (status))
#endif

/** strata_fail for a failed system call: picks NOT_FOUND, DISK_FULL, MEMORY or IO from `error_number`. */
STRATA_MUST_USE strata_status strata_fail_errno(strata_context *ctx, int error_number, const char *action,
                                                const char *path);

/** Copies the last error of `from` into `to` and returns its status: for work done in child contexts. */
strata_status strata_fail_copy(strata_context *to, const strata_context *from);

/** The last error is of the device or of the process (EIO, too many open files), not of the path asked for. */
bool context_device_failed(const strata_context *ctx);

/** Forgets the last error, for callers that recover from it. */
void context_clear(strata_context *ctx);

/** A child that logs and is cancelled like its parent, for one worker thread; the caller destroys it. */
STRATA_MUST_USE strata_status context_child(const strata_context *parent, strata_context **child);

/** True once the caller asked to stop. */
bool context_cancelled(const strata_context *ctx);

/** One log line. */
void context_log(const strata_context *ctx, strata_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
