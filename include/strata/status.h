/* SPDX-License-Identifier: MIT */
#ifndef STRATA_STATUS_H
#define STRATA_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* One list makes both the enum and the texts, so they cannot drift. */
#define STRATA_STATUS_LIST(X)                                            \
    X(OK, "success")                                                     \
    X(ERR_ARGUMENT, "invalid argument")                                  \
    X(ERR_MEMORY, "out of memory")                                       \
    X(ERR_NOT_FOUND, "not found")                                        \
    X(ERR_FORMAT, "malformed input")                                     \
    X(ERR_CONFIG, "invalid setting")                                     \
    X(ERR_IO, "input or output failed")                                  \
    X(ERR_DISK_FULL, "no space left on the device")                      \
    X(ERR_BUSY, "in use by another process")                             \
    X(ERR_TOO_LARGE, "request too large")                                \
    X(ERR_UNSUPPORTED, "not supported")                                  \
    X(ERR_CONVERGENCE, "did not converge")                               \
    X(ERR_DIVERGED, "diverged")                                          \
    X(ERR_INTERRUPTED, "interrupted")                                    \
    X(ERR_INTERNAL, "internal error")

#define STRATA_STATUS_ENUM(name, text) STRATA_##name,
typedef enum strata_status { STRATA_STATUS_LIST(STRATA_STATUS_ENUM) STRATA_STATUS_COUNT } strata_status;
#undef STRATA_STATUS_ENUM

#if defined(__GNUC__) || defined(__clang__)
#define STRATA_MUST_USE __attribute__((warn_unused_result))
#else
#define STRATA_MUST_USE
#endif

/** Short English text of a status ("out of memory"); never NULL, static storage. */
const char *strata_status_text(strata_status status);

#ifdef __cplusplus
}
#endif
#endif
