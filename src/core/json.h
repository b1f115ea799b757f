/* SPDX-License-Identifier: MIT */
/* Thin helpers over jansson: 17 digits, non-finite numbers as null, file:line:column in messages. */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "core/file.h"
#include "core/status.h"

/** A real, or null when `value` is not finite. NULL when memory is short. */
json_t *json_number(double value);

/** Value of a real, integer or null (as NaN). */
double json_number_read(const json_t *value);

/** Array of `count` numbers. */
json_t *json_numbers(const double *values, size_t count);

/**
 * `list` with `item` behind it, both taken over: NULL when either is NULL or memory is short, so that lists are built
 * without a look at each item and checked once.
 */
json_t *json_list_add(json_t *list, json_t *item);

/** Appends compact (indent = 0) or indented text with a stable key order (insertion order). */
STRATA_MUST_USE strata_status json_print(strata_context *ctx, const json_t *value, size_t indent,
                                         struct buffer *buffer);

/** Reads and parses a file of at most 64 MiB; duplicate keys refused; message has path:line:column. */
STRATA_MUST_USE strata_status json_read(strata_context *ctx, const char *path, json_t **value);
STRATA_MUST_USE strata_status json_parse(strata_context *ctx, const char *path, const char *text, size_t size,
                                         json_t **value);

/** json_print, then file_write_atomic. */
STRATA_MUST_USE strata_status json_write(strata_context *ctx, const json_t *value, size_t indent, const char *path);

#endif
