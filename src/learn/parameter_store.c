/* SPDX-License-Identifier: MIT */
#include "learn/parameter_store.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* Parameters are read through their shapes; the graph that holds them is the program's. */
strata_status store_create(strata_context *ctx, const struct program *program, size_t slot_count,
                           struct parameter_store *store) {
    *store = (struct parameter_store){.slot_count = slot_count};
    store->items = mem_zero(program_parameter_count(program), sizeof *store->items);
    if (!store->items) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the weights of a network");
    for (size_t i = 0; i < program_parameter_count(program); ++i) {
        struct stored_parameter *item = &store->items[i];
        store->count = i + 1;
        item->count = program_parameter_size(program, i);
        item->group = program_parameter_group(program, i);
        item->tracked = program_parameter_tracked(program, i);
        item->name = mem_string(program_parameter_name(program, i));
        item->values = mem_zero(item->count, sizeof *item->values);
        item->slots = mem_zero(item->count * slot_count, sizeof *item->slots);
        if (item->name && item->values && item->slots) continue;
        store_destroy(store);
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the weights of a network");
    }
    return STRATA_OK;
}

void store_destroy(struct parameter_store *store) {
    for (size_t i = 0; i < store->count; ++i) {
        mem_free(store->items[i].name);
        mem_free(store->items[i].values);
        mem_free(store->items[i].slots);
    }
    mem_free(store->items);
    *store = (struct parameter_store){0};
}

struct stored_parameter *store_find(const struct parameter_store *store, const char *name) {
    for (size_t i = 0; i < store->count; ++i)
        if (strcmp(store->items[i].name, name) == 0) return &store->items[i];
    return NULL;
}

bool store_finite(const struct parameter_store *store) {
    for (size_t i = 0; i < store->count; ++i)
        for (size_t k = 0; k < store->items[i].count; ++k)
            if (!isfinite(store->items[i].values[k])) return false;
    return true;
}

void store_to_program(const struct parameter_store *store, struct program *program, bool state) {
    for (size_t i = 0; i < program_parameter_count(program); ++i) {
        const struct stored_parameter *item = store_find(store, program_parameter_name(program, i));
        program_set_parameter(program, program_parameter(program, i), item->values);
        for (size_t s = 0; state && s < program_slots(program); ++s)
            program_set_slot(program, program_parameter(program, i), s, item->slots + s * item->count);
    }
}

void store_from_program(struct parameter_store *store, const struct program *program, bool state) {
    for (size_t i = 0; i < program_parameter_count(program); ++i) {
        struct stored_parameter *item = store_find(store, program_parameter_name(program, i));
        program_read_parameter(program, program_parameter(program, i), item->values);
        for (size_t s = 0; state && s < program_slots(program); ++s)
            program_read_slot(program, program_parameter(program, i), s, item->slots + s * item->count);
    }
}

enum { TENSOR_NAME = 96 };

strata_status store_save(strata_context *ctx, const struct parameter_store *store, struct tensor_file *file) {
    char name[TENSOR_NAME];
    for (size_t i = 0; i < store->count; ++i) {
        const struct stored_parameter *item = &store->items[i];
        snprintf(name, sizeof name, "parameter.%s", item->name);
        STRATA_TRY(tensor_file_add(ctx, file, name, TENSOR_F64, 1, &item->count, item->values));
        for (size_t s = 0; s < store->slot_count; ++s) {
            snprintf(name, sizeof name, "slot%zu.%s", s, item->name);
            STRATA_TRY(tensor_file_add(ctx, file, name, TENSOR_F64, 1, &item->count, item->slots + s * item->count));
        }
    }
    return STRATA_OK;
}

/* Checks a tensor; copies it when `copy`. */
static strata_status load_array(strata_context *ctx, const struct tensor_file *file, const char *name, size_t count,
                                bool copy, double *values) {
    const struct tensor *tensor = tensor_file_find(file, name);
    if (!tensor || tensor->type != TENSOR_F64 || tensor_count(tensor) != count)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "checkpoint: expected tensor '%s' of %zu float64 numbers", name,
                           count);
    if (copy) memcpy(values, tensor->data, count * sizeof *values);
    return STRATA_OK;
}

static strata_status load_pass(strata_context *ctx, struct parameter_store *store, const struct tensor_file *file,
                               bool copy) {
    char name[TENSOR_NAME];
    for (size_t i = 0; i < store->count; ++i) {
        struct stored_parameter *item = &store->items[i];
        snprintf(name, sizeof name, "parameter.%s", item->name);
        STRATA_TRY(load_array(ctx, file, name, item->count, copy, item->values));
        for (size_t s = 0; s < store->slot_count; ++s) {
            snprintf(name, sizeof name, "slot%zu.%s", s, item->name);
            STRATA_TRY(load_array(ctx, file, name, item->count, copy, item->slots + s * item->count));
        }
    }
    return STRATA_OK;
}

strata_status store_load(strata_context *ctx, struct parameter_store *store, const struct tensor_file *file) {
    STRATA_TRY(load_pass(ctx, store, file, false));
    return load_pass(ctx, store, file, true);
}

strata_status state_set_count(strata_context *ctx, struct tensor_file *file, const char *key, uint64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return tensor_file_set(ctx, file, key, text);
}

strata_status state_get_count(strata_context *ctx, const struct tensor_file *file, const char *key, uint64_t *value) {
    const char *text = tensor_file_get(file, key);
    errno = 0;
    if (text) *value = strtoull(text, NULL, 10);
    if (!text || !*text || text[strspn(text, "0123456789")] || errno)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "checkpoint: expected a whole number '%s' in the metadata", key);
    return STRATA_OK;
}
