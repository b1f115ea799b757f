/* SPDX-License-Identifier: MIT */
/** @file
 * The context of a line of calls: last error, log, cancellation.
 */
#ifndef STRATA_CONTEXT_H
#define STRATA_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strata/status.h>

STRATA_BEGIN

/** Last error, log callback and cancellation of a line of calls. One call at a time per context. */
typedef struct strata_context strata_context;

/** How much a log line matters. */
typedef enum strata_log_level { STRATA_LOG_DEBUG, STRATA_LOG_INFO, STRATA_LOG_WARNING } strata_log_level;

/** Receives log lines; `text` is valid during the call only. Called from the thread that logs. */
typedef void (*strata_log_callback)(void *user, strata_log_level level, const char *text);

/**
 * A new context with no error, no log and no cancellation.
 *
 * @param context  out; owned by the caller, freed by strata_context_destroy. NULL on failure.
 * @return STRATA_OK or STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_context_create(strata_context **context);

/** Frees a context; NULL is fine. */
void strata_context_destroy(strata_context *context);

/** Message of the last failed call ("" if none failed); valid until the next call on the context. */
const char *strata_context_message(const strata_context *context);

/** Status of the last failed call, STRATA_OK if none failed. */
strata_status strata_context_status(const strata_context *context);

/** Sends the library's log lines to `callback` (NULL: nowhere). `user` is passed through, borrowed. */
void strata_context_set_log(strata_context *context, strata_log_callback callback, void *user);

/**
 * Lets a long call stop early: it returns STRATA_ERR_INTERRUPTED soon after `*flag` becomes non-zero.
 *
 * @param flag  borrowed; may be written from a signal handler; NULL: never stop.
 */
void strata_context_set_cancel(strata_context *context, const volatile int *flag);

/** The library's version, such as "0.1.0"; static storage. */
const char *strata_version(void);

STRATA_END
#endif
