/* SPDX-License-Identifier: MIT */
/* Writing tensors: header, then data, in one atomic file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/json.h"
#include "core/memory.h"
#include "core/safetensors_parts.h"

/** The tensors' bytes behind each other, wider types first; begins[i] is where tensor i starts. */
static strata_status data_print(strata_context *ctx, const struct tensor_file *file, size_t *begins,
                                struct buffer *data) {
    for (size_t width = 8; width; width /= 2)
        for (size_t i = 0; i < file->tensor_count; ++i) {
            if (tensor_type_size(file->tensors[i].type) != width) continue;
            begins[i] = data->size;
            STRATA_TRY(buffer_append(ctx, data, file->tensors[i].data, tensor_size(&file->tensors[i])));
        }
    return STRATA_OK;
}

static json_t *metadata_json(const struct tensor_file *file, uint64_t checksum) {
    char digits[TENSOR_CHECKSUM_DIGITS + 1];
    snprintf(digits, sizeof digits, "%016" PRIx64, checksum);
    json_t *metadata = json_object();
    bool good = metadata != NULL;
    for (size_t i = 0; i < file->metadata_count; ++i)
        if (strcmp(file->keys[i], TENSOR_CHECKSUM_KEY) != 0)
            good = good && json_object_set_new(metadata, file->keys[i], json_string(file->values[i])) == 0;
    good = good && json_object_set_new(metadata, TENSOR_CHECKSUM_KEY, json_string(digits)) == 0;
    if (good) return metadata;
    json_decref(metadata);
    return NULL;
}

static json_t *tensor_json(const struct tensor *tensor, size_t begin) {
    json_t *shape = json_array();
    bool good = shape != NULL;
    for (unsigned i = 0; i < tensor->rank; ++i)
        good = good && json_array_append_new(shape, json_integer((json_int_t)tensor->dims[i])) == 0;
    if (!good) {
        json_decref(shape);
        return NULL;
    }
    json_int_t first = (json_int_t)begin, size = (json_int_t)tensor_size(tensor);
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", tensor_types[tensor->type].name, "shape", shape, "data_offsets",
                     first, first + size);
}

/** Length and header, padded with blanks to a multiple of MEM_ALIGNMENT. */
static strata_status header_print(strata_context *ctx, const struct tensor_file *file, const size_t *begins,
                                  uint64_t checksum, struct buffer *text) {
    strata_status status = STRATA_OK;
    json_t *header = json_object();
    bool good = json_object_set_new(header, TENSOR_METADATA_KEY, metadata_json(file, checksum)) == 0;
    for (size_t i = 0; i < file->tensor_count && good; ++i)
        good = json_object_set_new(header, file->tensors[i].name, tensor_json(&file->tensors[i], begins[i])) == 0;
    if (!good) STRATA_GO(tensor_fail_memory(ctx));
    STRATA_GO(buffer_append(ctx, text, "\0\0\0\0\0\0\0", TENSOR_LENGTH_SIZE));
    STRATA_GO(json_print(ctx, header, 0, text));
    while (text->size % MEM_ALIGNMENT) STRATA_GO(buffer_append(ctx, text, " ", 1));
    uint64_t length = text->size - TENSOR_LENGTH_SIZE;
    memcpy(text->data, &length, TENSOR_LENGTH_SIZE);
cleanup:
    json_decref(header);
    return status;
}

strata_status tensor_file_write(strata_context *ctx, const struct tensor_file *file, const char *path) {
    strata_status status = STRATA_OK;
    struct buffer data = {0}, whole = {0};
    size_t *begins = mem_zero(file->tensor_count, sizeof *begins);
    if (!begins) return tensor_fail_memory(ctx);
    STRATA_GO(data_print(ctx, file, begins, &data));
    STRATA_GO(header_print(ctx, file, begins, file_checksum(data.data, data.size), &whole));
    STRATA_GO(buffer_append(ctx, &whole, data.data, data.size));
    status = file_write_atomic(ctx, path, whole.data, whole.size);
cleanup:
    mem_free(begins);
    buffer_destroy(&data);
    buffer_destroy(&whole);
    return status;
}
