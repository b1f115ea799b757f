/* SPDX-License-Identifier: MIT */
/** @file
 * What a call returns. Every call that can fail returns a strata_status; the message is in its context.
 */
#ifndef STRATA_STATUS_H
#define STRATA_STATUS_H

/** @cond */
/* Around the declarations of every public header: C linkage, and the only symbols that the library shows. */
#if defined(__GNUC__)
#define STRATA_SHOW_ _Pragma("GCC visibility push(default)")
#define STRATA_HIDE_ _Pragma("GCC visibility pop")
#else
#define STRATA_SHOW_
#define STRATA_HIDE_
#endif
#ifdef __cplusplus
#define STRATA_BEGIN \
    extern "C" {     \
    STRATA_SHOW_
#define STRATA_END \
    STRATA_HIDE_   \
    }
#else
#define STRATA_BEGIN STRATA_SHOW_
#define STRATA_END   STRATA_HIDE_
#endif

/** @endcond */

STRATA_BEGIN

/** All statuses, X(name, text): one list makes both the enum and the texts, so they cannot drift. */
#define STRATA_STATUS_LIST(X)                       \
    X(OK, "success")                                \
    X(ERR_ARGUMENT, "invalid argument")             \
    X(ERR_MEMORY, "out of memory")                  \
    X(ERR_NOT_FOUND, "not found")                   \
    X(ERR_FORMAT, "malformed input")                \
    X(ERR_CONFIG, "invalid setting")                \
    X(ERR_IO, "input or output failed")             \
    X(ERR_DISK_FULL, "no space left on the device") \
    X(ERR_BUSY, "in use by another process")        \
    X(ERR_TOO_LARGE, "request too large")           \
    X(ERR_UNSUPPORTED, "not supported")             \
    X(ERR_CONVERGENCE, "did not converge")          \
    X(ERR_DIVERGED, "diverged")                     \
    X(ERR_INTERRUPTED, "interrupted")               \
    X(ERR_INTERNAL, "internal error")

/** @cond */
#define STRATA_STATUS_ENUM(name, text) STRATA_##name,
/** @endcond */
/** Outcome of a call; STRATA_OK is 0. */
typedef enum strata_status { STRATA_STATUS_LIST(STRATA_STATUS_ENUM) STRATA_STATUS_COUNT } strata_status;
#undef STRATA_STATUS_ENUM

/** The compiler warns where the result of such a call is not used. */
#if defined(__GNUC__)
#define STRATA_MUST_USE __attribute__((warn_unused_result))
#else
#define STRATA_MUST_USE
#endif

/** Short English text of a status ("out of memory"); never NULL, static storage. */
const char *strata_status_text(strata_status status);

STRATA_END
#endif
