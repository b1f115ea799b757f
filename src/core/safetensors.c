/* SPDX-License-Identifier: MIT */
/* Tensors and texts of a file, in memory. */
#include "core/safetensors.h"

#include <string.h>

#include "core/ini.h"
#include "core/memory.h"
#include "core/safetensors_parts.h"

const struct tensor_type_row tensor_types[TENSOR_TYPES] = {
    [TENSOR_F32] = {"F32", 4}, [TENSOR_F64] = {"F64", 8}, [TENSOR_I64] = {"I64", 8}, [TENSOR_U8] = {"U8", 1}};

size_t tensor_type_size(enum tensor_type type) { return tensor_types[type].size; }

size_t tensor_count(const struct tensor *tensor) {
    size_t count = 1;
    for (unsigned i = 0; i < tensor->rank; ++i) count *= tensor->dims[i];
    return count;
}

size_t tensor_size(const struct tensor *tensor) { return tensor_count(tensor) * tensor_type_size(tensor->type); }

const struct tensor *tensor_file_find(const struct tensor_file *file, const char *name) {
    for (size_t i = 0; i < file->tensor_count; ++i)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    return NULL;
}

const char *tensor_file_get(const struct tensor_file *file, const char *key) {
    for (size_t i = 0; i < file->metadata_count; ++i)
        if (strcmp(file->keys[i], key) == 0) return file->values[i];
    return NULL;
}

strata_status tensor_fail_memory(strata_context *ctx) {
    return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: tensors");
}

/** True when count is 0 or a power of two, that is when a list that doubles is full. */
static bool list_full(size_t count) { return (count & (count - 1)) == 0; }

strata_status tensor_file_append(strata_context *ctx, struct tensor_file *file, const char *name,
                                 struct tensor tensor) {
    if (list_full(file->tensor_count)) {
        struct tensor *tensors = mem_resize(file->tensors, file->tensor_count ? 2 * file->tensor_count : 1,
                                            sizeof *tensors);
        if (!tensors) return tensor_fail_memory(ctx);
        file->tensors = tensors;
    }
    tensor.name = mem_string(name);
    if (!tensor.name) return tensor_fail_memory(ctx);
    file->tensors[file->tensor_count++] = tensor;
    return STRATA_OK;
}

strata_status tensor_file_append_text(strata_context *ctx, struct tensor_file *file, const char *key,
                                      const char *value) {
    if (list_full(file->metadata_count)) {
        size_t capacity = file->metadata_count ? 2 * file->metadata_count : 1;
        char **keys = mem_resize(file->keys, capacity, sizeof *keys);
        if (keys) file->keys = keys;
        char **values = mem_resize(file->values, capacity, sizeof *values);
        if (values) file->values = values;
        if (!keys || !values) return tensor_fail_memory(ctx);
    }
    char *key_copy = mem_string(key), *value_copy = mem_string(value);
    if (!key_copy || !value_copy) {
        mem_free(key_copy);
        mem_free(value_copy);
        return tensor_fail_memory(ctx);
    }
    file->keys[file->metadata_count] = key_copy;
    file->values[file->metadata_count++] = value_copy;
    return STRATA_OK;
}

strata_status tensor_shape_size(strata_context *ctx, const struct tensor *tensor, size_t *size) {
    *size = tensor_type_size(tensor->type);
    for (unsigned i = 0; i < tensor->rank; ++i) /* zeros last, so that an overflow of the others shows */
        if (tensor->dims[i]) STRATA_TRY(mem_product(ctx, *size, tensor->dims[i], "tensor", size));
    for (unsigned i = 0; i < tensor->rank; ++i) *size *= tensor->dims[i] != 0;
    return STRATA_OK;
}

strata_status tensor_file_add(strata_context *ctx, struct tensor_file *file, const char *name, enum tensor_type type,
                              unsigned rank, const size_t *dims, const void *data) {
    if (rank > TENSOR_MAX_RANK)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "tensor '%s': expected at most %d dimensions, got %u", name,
                           TENSOR_MAX_RANK, rank);
    if (!*name || strcmp(name, TENSOR_METADATA_KEY) == 0 || ini_text_fault(name, strlen(name)))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "tensor '%s': expected a name in UTF-8 other than '' and '%s'",
                           name, TENSOR_METADATA_KEY);
    if (tensor_file_find(file, name))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "tensor '%s' is in the file already", name);
    struct tensor tensor = {.type = type, .rank = rank, .data = data};
    if (rank) memcpy(tensor.dims, dims, rank * sizeof *dims);
    size_t size;
    STRATA_TRY(tensor_shape_size(ctx, &tensor, &size));
    return tensor_file_append(ctx, file, name, tensor);
}

strata_status tensor_file_set(strata_context *ctx, struct tensor_file *file, const char *key, const char *value) {
    if (!utf8_valid(key) || !utf8_valid(value))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "metadata '%s': expected UTF-8", key);
    for (size_t i = 0; i < file->metadata_count; ++i) {
        if (strcmp(file->keys[i], key) != 0) continue;
        char *copy = mem_string(value);
        if (!copy) return tensor_fail_memory(ctx);
        mem_free(file->values[i]);
        file->values[i] = copy;
        return STRATA_OK;
    }
    return tensor_file_append_text(ctx, file, key, value);
}

void tensor_file_destroy(struct tensor_file *file) {
    for (size_t i = 0; i < file->tensor_count; ++i) mem_free(file->tensors[i].name);
    for (size_t i = 0; i < file->metadata_count; ++i) {
        mem_free(file->keys[i]);
        mem_free(file->values[i]);
    }
    mem_free(file->tensors);
    mem_free(file->keys);
    mem_free(file->values);
    buffer_destroy(&file->bytes);
    *file = (struct tensor_file){0};
}
