/* SPDX-License-Identifier: MIT */
/* Records of tasks, and how a study asks for them. */
#include "run/records.h"

#include <math.h>
#include <string.h>

#include "core/json.h"
#include "core/memory.h"
#include "run/run.h"

const struct record *record_set_find(const struct record_set *set, const char *key) {
    for (size_t i = 0; i < set->count; ++i)
        if (strcmp(set->items[i].key, key) == 0) return &set->items[i];
    return NULL;
}

static void record_destroy(struct record *record) {
    mem_free(record->key);
    mem_free(record->values);
}

strata_status record_set_put(strata_context *ctx, struct record_set *set, const char *key, bool list, size_t count,
                             const double *values) {
    struct record made = {
        .key = mem_string(key), .values = mem_zero(count, sizeof *values), .count = count, .list = list};
    struct record *place = (struct record *)record_set_find(set, key);
    if (!place && set->count == set->capacity) {
        size_t capacity = set->capacity ? 2 * set->capacity : 16;
        struct record *items = mem_resize(set->items, capacity, sizeof *items);
        if (items) {
            set->items = items;
            set->capacity = capacity;
        }
    }
    if (!made.key || !made.values || (!place && set->count == set->capacity)) {
        record_destroy(&made);
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: record '%s' of %zu numbers", key, count);
    }
    for (size_t i = 0; i < count; ++i) made.values[i] = isfinite(values[i]) ? values[i] : NAN;
    if (place)
        record_destroy(place);
    else
        place = &set->items[set->count++];
    *place = made;
    return STRATA_OK;
}

json_t *record_set_json(const struct record_set *set) {
    json_t *object = json_object();
    for (size_t i = 0; object && i < set->count; ++i) {
        const struct record *record = &set->items[i];
        json_t *value = record->list ? json_numbers(record->values, record->count) : json_number(record->values[0]);
        if (json_object_set_new(object, record->key, value) == 0) continue;
        json_decref(object);
        object = NULL;
    }
    return object;
}

static strata_status record_read(strata_context *ctx, const char *path, const char *key, const json_t *value,
                                 struct record_set *set) {
    bool list = json_is_array(value);
    size_t count = list ? json_array_size(value) : 1;
    strata_status status = STRATA_OK;
    double *values = mem_zero(count, sizeof *values);
    if (!values) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: record '%s' of %zu numbers", key, count);
    for (size_t i = 0; i < count && status == STRATA_OK; ++i) {
        const json_t *item = list ? json_array_get(value, i) : value;
        values[i] = json_number_read(item);
        if (!json_is_number(item) && !json_is_null(item))
            status = strata_fail(ctx, STRATA_ERR_FORMAT, "%s: record '%s': expected numbers", path, key);
    }
    if (status == STRATA_OK) status = record_set_put(ctx, set, key, list, count, values);
    mem_free(values);
    return status;
}

strata_status record_set_read(strata_context *ctx, const char *path, const json_t *object, struct record_set *set) {
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: key 'records': expected an object", path);
    json_object_foreach((json_t *)object, key, value) STRATA_TRY(record_read(ctx, path, key, value, set));
    return STRATA_OK;
}

void record_set_destroy(struct record_set *set) {
    for (size_t i = 0; i < set->count; ++i) record_destroy(&set->items[i]);
    mem_free(set->items);
    *set = (struct record_set){0};
}

/* ---- what a study asks ---- */

static const struct record_set *records_find(const struct records *records, const char *format, va_list arguments) {
    char id[TASK_ID_SIZE];
    if (!task_id_print(id, format, arguments)) return NULL;
    size_t i = task_list_find(records->tasks, id);
    return i < records->tasks->count ? &records->sets[i] : NULL;
}

double records_get(const struct records *records, const char *key, const char *id_format, ...) {
    va_list arguments;
    va_start(arguments, id_format);
    const struct record_set *set = records_find(records, id_format, arguments);
    va_end(arguments);
    const struct record *record = set && !set->diverged ? record_set_find(set, key) : NULL;
    return record && record->count ? record->values[0] : NAN;
}

size_t records_array(const struct records *records, const char *key, const double **values, const char *id_format,
                     ...) {
    va_list arguments;
    va_start(arguments, id_format);
    const struct record_set *set = records_find(records, id_format, arguments);
    va_end(arguments);
    const struct record *record = set ? record_set_find(set, key) : NULL;
    *values = record ? record->values : NULL;
    return record ? record->count : 0;
}

bool records_diverged(const struct records *records, size_t *step, const char *id_format, ...) {
    va_list arguments;
    va_start(arguments, id_format);
    const struct record_set *set = records_find(records, id_format, arguments);
    va_end(arguments);
    if (!set || !set->diverged) return false;
    if (step) *step = set->diverged_step;
    return true;
}

bool records_has(const struct records *records, const char *id_format, ...) {
    va_list arguments;
    va_start(arguments, id_format);
    const struct record_set *set = records_find(records, id_format, arguments);
    va_end(arguments);
    return set != NULL;
}

const struct settings *records_settings(const struct records *records) { return records->settings; }

enum preset_kind records_preset(const struct records *records) { return settings_preset(records->settings); }
