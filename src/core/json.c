/* SPDX-License-Identifier: MIT */
/*
 * JSON (RFC 8259). Jansson parses; printing is our own, as jansson's 17 digits turn 0.1 into
 * 0.10000000000000001 where number_format gives the shortest text of the same double.
 */
#include "core/json.h"

#include <math.h>
#include <string.h>

#include "core/c_locale.h"

enum { JSON_FILE_LIMIT = 64 << 20, JSON_DEPTH_LIMIT = 512 };

json_t *json_number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

double json_number_read(const json_t *value) { return json_is_number(value) ? json_number_value(value) : NAN; }

json_t *json_numbers(const double *values, size_t count) {
    json_t *array = json_array();
    for (size_t i = 0; array && i < count; ++i)
        if (json_array_append_new(array, json_number(values[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

json_t *json_list_add(json_t *list, json_t *item) {
    if (list && json_array_append_new(list, item) == 0) return list;
    if (!list) json_decref(item);
    json_decref(list);
    return NULL;
}

static strata_status print_text(strata_context *ctx, struct buffer *buffer, const char *text) {
    return buffer_append(ctx, buffer, text, strlen(text));
}

static strata_status print_string(strata_context *ctx, struct buffer *buffer, const char *text) {
    STRATA_TRY(print_text(ctx, buffer, "\""));
    for (const char *start = text; *start;) {
        size_t plain = 0;
        while ((unsigned char)start[plain] >= ' ' && start[plain] != '"' && start[plain] != '\\') ++plain;
        STRATA_TRY(buffer_append(ctx, buffer, start, plain));
        start += plain;
        if (!*start) break;
        if (*start == '"' || *start == '\\')
            STRATA_TRY(buffer_print(ctx, buffer, "\\%c", *start));
        else if (*start == '\n')
            STRATA_TRY(print_text(ctx, buffer, "\\n"));
        else
            STRATA_TRY(buffer_print(ctx, buffer, "\\u%04x", (unsigned)(unsigned char)*start));
        ++start;
    }
    return print_text(ctx, buffer, "\"");
}

static strata_status print_real(strata_context *ctx, struct buffer *buffer, double value) {
    char text[32];
    number_format(value, text);
    STRATA_TRY(print_text(ctx, buffer, text));
    return strpbrk(text, ".e") ? STRATA_OK : print_text(ctx, buffer, ".0"); /* so that it reads back as a real */
}

static strata_status print_break(strata_context *ctx, struct buffer *buffer, size_t indent, size_t depth) {
    return indent ? buffer_print(ctx, buffer, "\n%*s", (int)(indent * depth), "") : STRATA_OK;
}

static strata_status print_value(strata_context *ctx, const json_t *value, size_t indent, size_t depth,
                                 struct buffer *buffer);

static strata_status print_array(strata_context *ctx, const json_t *array, size_t indent, size_t depth,
                                 struct buffer *buffer) {
    size_t count = json_array_size(array);
    STRATA_TRY(print_text(ctx, buffer, "["));
    for (size_t i = 0; i < count; ++i) {
        if (i) STRATA_TRY(print_text(ctx, buffer, ","));
        STRATA_TRY(print_break(ctx, buffer, indent, depth + 1));
        STRATA_TRY(print_value(ctx, json_array_get(array, i), indent, depth + 1, buffer));
    }
    if (count) STRATA_TRY(print_break(ctx, buffer, indent, depth));
    return print_text(ctx, buffer, "]");
}

static strata_status print_object(strata_context *ctx, const json_t *object, size_t indent, size_t depth,
                                  struct buffer *buffer) {
    json_t *mutable_object = (json_t *)(uintptr_t)object; /* jansson's iterator lacks const; nothing is changed */
    const char *key;
    json_t *member;
    bool first = true;
    STRATA_TRY(print_text(ctx, buffer, "{"));
    json_object_foreach(mutable_object, key, member) {
        if (!first) STRATA_TRY(print_text(ctx, buffer, ","));
        first = false;
        STRATA_TRY(print_break(ctx, buffer, indent, depth + 1));
        STRATA_TRY(print_string(ctx, buffer, key));
        STRATA_TRY(print_text(ctx, buffer, indent ? ": " : ":"));
        STRATA_TRY(print_value(ctx, member, indent, depth + 1, buffer));
    }
    if (!first) STRATA_TRY(print_break(ctx, buffer, indent, depth));
    return print_text(ctx, buffer, "}");
}

static strata_status print_value(strata_context *ctx, const json_t *value, size_t indent, size_t depth,
                                 struct buffer *buffer) {
    if (depth > JSON_DEPTH_LIMIT)
        return strata_fail(ctx, STRATA_ERR_TOO_LARGE, "JSON nested deeper than %d cannot be printed", JSON_DEPTH_LIMIT);
    switch (json_typeof(value)) {
    case JSON_OBJECT: return print_object(ctx, value, indent, depth, buffer);
    case JSON_ARRAY: return print_array(ctx, value, indent, depth, buffer);
    case JSON_STRING: return print_string(ctx, buffer, json_string_value(value));
    case JSON_INTEGER: return buffer_print(ctx, buffer, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_REAL: return print_real(ctx, buffer, json_real_value(value));
    case JSON_TRUE: return print_text(ctx, buffer, "true");
    case JSON_FALSE: return print_text(ctx, buffer, "false");
    case JSON_NULL: return print_text(ctx, buffer, "null");
    }
    return strata_fail(ctx, STRATA_ERR_INTERNAL, "unknown JSON type %d", (int)json_typeof(value));
}

strata_status json_print(strata_context *ctx, const json_t *value, size_t indent, struct buffer *buffer) {
    if (!value) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: a JSON value");
    return print_value(ctx, value, indent, 0, buffer);
}

strata_status json_parse(strata_context *ctx, const char *path, const char *text, size_t size, json_t **value) {
    json_error_t error;
    struct c_locale scope = c_locale_enter(); /* jansson knows only one-byte decimal points */
    json_t *parsed = json_loadb(size ? text : "", size, JSON_REJECT_DUPLICATES, &error);
    c_locale_leave(scope);
    /* Jansson reports a failed allocation by its code, or not at all. */
    if (!parsed && (!*error.text || json_error_code(&error) == json_error_out_of_memory))
        return strata_fail(ctx, STRATA_ERR_MEMORY, "%s: out of memory", path);
    if (!parsed) return strata_fail(ctx, STRATA_ERR_FORMAT, "%s:%d:%d: %s", path, error.line, error.column, error.text);
    *value = parsed;
    return STRATA_OK;
}

strata_status json_read(strata_context *ctx, const char *path, json_t **value) {
    struct buffer text = {0};
    strata_status status = file_read(ctx, path, JSON_FILE_LIMIT, &text);
    if (status == STRATA_OK) status = json_parse(ctx, path, text.data, text.size, value);
    buffer_destroy(&text);
    return status;
}

strata_status json_write(strata_context *ctx, const json_t *value, size_t indent, const char *path) {
    struct buffer text = {0};
    strata_status status = json_print(ctx, value, indent, &text);
    if (status == STRATA_OK) status = buffer_append(ctx, &text, "\n", 1);
    if (status == STRATA_OK) status = file_write_atomic(ctx, path, text.data, text.size);
    buffer_destroy(&text);
    return status;
}
