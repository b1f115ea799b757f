/* SPDX-License-Identifier: MIT */
/* Growing text and fresh strings; both print numbers in the C locale. */
#include "core/file.h"

#include <stdio.h>
#include <string.h>

#include "core/c_locale.h"
#include "core/memory.h"

strata_status buffer_reserve(strata_context *ctx, struct buffer *buffer, size_t extra) {
    size_t wanted; /* with the NUL */
    if (__builtin_add_overflow(buffer->size, extra, &wanted) || __builtin_add_overflow(wanted, 1, &wanted))
        return strata_fail(ctx, STRATA_ERR_TOO_LARGE, "a text of %zu and %zu bytes does not fit in memory",
                           buffer->size, extra);
    if (wanted <= buffer->capacity) return STRATA_OK;
    size_t doubled = buffer->capacity > SIZE_MAX / 2 ? SIZE_MAX : 2 * buffer->capacity;
    size_t capacity = wanted < doubled ? doubled : wanted;
    if (capacity < 64) capacity = 64;
    char *data = mem_resize(buffer->data, capacity, 1);
    if (!data) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: a text of %zu bytes", capacity);
    data[buffer->size] = '\0';
    buffer->data = data;
    buffer->capacity = capacity;
    return STRATA_OK;
}

strata_status buffer_append(strata_context *ctx, struct buffer *buffer, const void *bytes, size_t size) {
    STRATA_TRY(buffer_reserve(ctx, buffer, size));
    if (size) memcpy(buffer->data + buffer->size, bytes, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return STRATA_OK;
}

static int length_of(const char *format, va_list arguments) {
    va_list copy;
    va_copy(copy, arguments);
    int length = vsnprintf(NULL, 0, format, copy);
    va_end(copy);
    return length;
}

static strata_status buffer_print_list(strata_context *ctx, struct buffer *buffer, const char *format,
                                       va_list arguments) {
    int length = length_of(format, arguments);
    if (length < 0) return strata_fail(ctx, STRATA_ERR_INTERNAL, "cannot print with the format '%s'", format);
    STRATA_TRY(buffer_reserve(ctx, buffer, (size_t)length));
    vsnprintf(buffer->data + buffer->size, (size_t)length + 1, format, arguments);
    buffer->size += (size_t)length;
    return STRATA_OK;
}

strata_status buffer_print(strata_context *ctx, struct buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    struct c_locale scope = c_locale_enter();
    strata_status status = buffer_print_list(ctx, buffer, format, arguments);
    c_locale_leave(scope);
    va_end(arguments);
    return status;
}

void buffer_clear(struct buffer *buffer) {
    buffer->size = 0;
    if (buffer->data) buffer->data[0] = '\0';
}

void buffer_destroy(struct buffer *buffer) {
    mem_free(buffer->data);
    *buffer = (struct buffer){0};
}

char *string_format_list(const char *format, va_list arguments) {
    struct c_locale scope = c_locale_enter();
    int length = length_of(format, arguments);
    char *text = length < 0 ? NULL : mem_alloc((size_t)length + 1);
    if (text) vsnprintf(text, (size_t)length + 1, format, arguments);
    c_locale_leave(scope);
    return text;
}

char *string_format(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = string_format_list(format, arguments);
    va_end(arguments);
    return text;
}
