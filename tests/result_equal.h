/* SPDX-License-Identifier: MIT */
/*
 * The contract's equality of two results: all but seconds, threads, host, started, finished, and table columns ending
 * in _seconds.
 */
#ifndef TESTS_RESULT_EQUAL_H
#define TESTS_RESULT_EQUAL_H

#include <stdbool.h>
#include <string.h>

#include <jansson.h>

static inline bool ends_with_seconds(const char *name) {
    static const char ending[] = "_seconds";
    size_t size = strlen(name), ending_size = sizeof ending - 1;
    return size >= ending_size && strcmp(name + size - ending_size, ending) == 0;
}

/* A copy without what may differ; NULL when `result` is. */
static inline json_t *result_comparable(const json_t *result) {
    static const char *const ignored[] = {"seconds", "threads", "host", "started", "finished"};
    json_t *copy = json_deep_copy(result), *table, *row, *name;
    size_t t, r, c;
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; ++i) json_object_del(copy, ignored[i]);
    json_array_foreach(json_object_get(copy, "tables"), t, table) {
        json_array_foreach(json_object_get(table, "columns"), c, name) {
            if (!ends_with_seconds(json_string_value(name))) continue;
            json_array_foreach(json_object_get(table, "rows"), r, row) json_array_set_new(row, c, json_null());
        }
    }
    return copy;
}

static inline bool result_equal(const json_t *a, const json_t *b) {
    json_t *x = result_comparable(a), *y = result_comparable(b);
    bool equal = x && y && json_equal(x, y);
    json_decref(x);
    json_decref(y);
    return equal;
}

#endif
