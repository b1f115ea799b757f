/* SPDX-License-Identifier: MIT */
#include "core/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"

#ifndef STRATA_VERSION
#define STRATA_VERSION "unversioned"
#endif

struct strata_context {
    strata_status status;
    bool device_failed; /* the last error is none of the path's */
    strata_log_callback log;
    void *log_user;
    const volatile int *cancel;
    char message[1024];
};

#define STATUS_TEXT(name, text) text,
static const char *const status_texts[STRATA_STATUS_COUNT] = {STRATA_STATUS_LIST(STATUS_TEXT)};
#undef STATUS_TEXT

const char *strata_status_text(strata_status status) {
    return (unsigned)status < STRATA_STATUS_COUNT ? status_texts[status] : "unknown status";
}

const char *strata_version(void) { return STRATA_VERSION; }

strata_status strata_context_create(strata_context **context) {
    *context = mem_zero(1, sizeof **context);
    return *context ? STRATA_OK : STRATA_ERR_MEMORY;
}

void strata_context_destroy(strata_context *context) { mem_free(context); }

const char *strata_context_message(const strata_context *context) { return context->message; }

strata_status strata_context_status(const strata_context *context) { return context->status; }

void strata_context_set_log(strata_context *context, strata_log_callback callback, void *user) {
    context->log = callback;
    context->log_user = user;
}

void strata_context_set_cancel(strata_context *context, const volatile int *flag) { context->cancel = flag; }

strata_status(strata_fail)(strata_context *ctx, strata_status status, const char *format, ...) {
    if (!ctx) return status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ctx->message, sizeof ctx->message, format, arguments);
    va_end(arguments);
    ctx->status = status;
    ctx->device_failed = false;
    return status;
}

strata_status strata_fail_errno(strata_context *ctx, int error_number, const char *action, const char *path) {
    strata_status status = STRATA_ERR_IO;
    if (error_number == ENOENT || error_number == ENOTDIR) status = STRATA_ERR_NOT_FOUND;
    if (error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG) status = STRATA_ERR_DISK_FULL;
    if (error_number == ENOMEM) status = STRATA_ERR_MEMORY;
    status = strata_fail(ctx, status, "%s: cannot %s: %s", path, action, strerror(error_number));
    if (ctx) ctx->device_failed = error_number == EIO || error_number == EMFILE || error_number == ENFILE;
    return status;
}

strata_status strata_fail_copy(strata_context *to, const strata_context *from) {
    if (!to || to == from) return from->status;
    memcpy(to->message, from->message, sizeof to->message);
    to->status = from->status;
    to->device_failed = from->device_failed;
    return from->status;
}

bool context_device_failed(const strata_context *ctx) { return ctx->device_failed; }

void context_clear(strata_context *ctx) {
    ctx->status = STRATA_OK;
    ctx->message[0] = '\0';
}

strata_status context_child(const strata_context *parent, strata_context **child) {
    STRATA_TRY(strata_context_create(child));
    (*child)->log = parent->log;
    (*child)->log_user = parent->log_user;
    (*child)->cancel = parent->cancel;
    return STRATA_OK;
}

bool context_cancelled(const strata_context *ctx) { return ctx && ctx->cancel && *ctx->cancel; }

void context_log(const strata_context *ctx, strata_log_level level, const char *format, ...) {
    if (!ctx || !ctx->log) return;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ctx->log(ctx->log_user, level, text);
}
