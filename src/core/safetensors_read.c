/* SPDX-License-Identifier: MIT */
/* Reading tensors: nothing that the header says is believed before it is checked. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/memory.h"
#include "core/safetensors_parts.h"

enum { HEADER_LIMIT = 16 << 20 };

static const size_t TENSOR_FILE_LIMIT = (size_t)1 << 35;

/** Where the parser is, for messages. */
struct parse {
    strata_context *ctx;
    const char *path;
    size_t data_size;
};

static strata_status fail_tensor(const struct parse *parse, const char *name, const char *expected) {
    return strata_fail(parse->ctx, STRATA_ERR_FORMAT, "%s: tensor '%.100s': expected %s", parse->path, name, expected);
}

/** A whole number >= 0 of an array; false when it is something else. */
static bool size_at(const json_t *array, size_t i, size_t *value) {
    const json_t *item = json_array_get(array, i);
    if (!json_is_integer(item) || json_integer_value(item) < 0) return false;
    *value = (size_t)json_integer_value(item);
    return true;
}

static bool type_find(const json_t *name, enum tensor_type *type) {
    for (int i = 0; i < TENSOR_TYPES; ++i)
        if (json_is_string(name) && strcmp(json_string_value(name), tensor_types[i].name) == 0) {
            *type = (enum tensor_type)i;
            return true;
        }
    return false;
}

static strata_status parse_tensor(const struct parse *parse, const char *name, const json_t *value,
                                  struct tensor *tensor, size_t *begin) {
    const json_t *shape = json_object_get(value, "shape"), *offsets = json_object_get(value, "data_offsets");
    if (!*name || !json_is_object(value) || json_object_size(value) != 3 || !json_is_array(shape) ||
        !json_is_array(offsets))
        return fail_tensor(parse, name, "a name and exactly dtype, shape and data_offsets");
    if (!type_find(json_object_get(value, "dtype"), &tensor->type))
        return fail_tensor(parse, name, "dtype F32, F64, I64 or U8");
    if (json_array_size(shape) > TENSOR_MAX_RANK) return fail_tensor(parse, name, "a shape of at most 8 dimensions");
    tensor->rank = (unsigned)json_array_size(shape);
    for (unsigned i = 0; i < tensor->rank; ++i)
        if (!size_at(shape, i, &tensor->dims[i])) return fail_tensor(parse, name, "a shape of whole numbers >= 0");
    size_t end, size;
    if (json_array_size(offsets) != 2 || !size_at(offsets, 0, begin) || !size_at(offsets, 1, &end) || *begin > end ||
        end > parse->data_size)
        return fail_tensor(parse, name, "data_offsets [begin, end] within the file");
    if (tensor_shape_size(NULL, tensor, &size) != STRATA_OK || size != end - *begin)
        return fail_tensor(parse, name, "data_offsets as far apart as the shape needs bytes");
    if (*begin % tensor_type_size(tensor->type))
        return fail_tensor(parse, name, "data_offsets that are aligned to the element");
    return STRATA_OK;
}

static strata_status parse_metadata(const struct parse *parse, json_t *metadata, struct tensor_file *file) {
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return strata_fail(parse->ctx, STRATA_ERR_FORMAT, "%s: expected an object as %s", parse->path,
                           TENSOR_METADATA_KEY);
    json_object_foreach(metadata, key, value) {
        if (!json_is_string(value))
            return strata_fail(parse->ctx, STRATA_ERR_FORMAT, "%s: metadata '%.100s': expected a string", parse->path,
                               key);
        STRATA_TRY(tensor_file_append_text(parse->ctx, file, key, json_string_value(value)));
    }
    return STRATA_OK;
}

struct span {
    size_t begin, end;
};

static int span_compare(const void *a, const void *b) {
    const struct span *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/** The spans must cover the data: no overlap, no hole. */
static strata_status check_cover(const struct parse *parse, struct span *spans, size_t count) {
    size_t end = 0;
    qsort(spans, count, sizeof *spans, span_compare);
    for (size_t i = 0; i < count; ++i) {
        if (spans[i].begin != end)
            return strata_fail(parse->ctx, STRATA_ERR_FORMAT,
                               "%s: expected a tensor at data byte %zu, got %s up to byte %zu", parse->path, end,
                               spans[i].begin > end ? "a hole" : "an overlap",
                               spans[i].begin > end ? spans[i].begin : spans[i].end);
        end = spans[i].end;
    }
    if (end == parse->data_size) return STRATA_OK;
    return strata_fail(parse->ctx, STRATA_ERR_FORMAT, "%s: expected %zu data bytes as the header says, got %zu",
                       parse->path, end, parse->data_size);
}

static strata_status parse_header(const struct parse *parse, json_t *header, const char *data,
                                  struct tensor_file *file) {
    strata_status status = STRATA_OK;
    const char *name;
    json_t *value;
    size_t count = 0;
    struct span *spans = mem_zero(json_object_size(header), sizeof *spans);
    if (!spans) return tensor_fail_memory(parse->ctx);
    json_object_foreach(header, name, value) {
        if (strcmp(name, TENSOR_METADATA_KEY) == 0) {
            STRATA_GO(parse_metadata(parse, value, file));
            continue;
        }
        struct tensor tensor = {0};
        size_t begin = 0;
        STRATA_GO(parse_tensor(parse, name, value, &tensor, &begin));
        tensor.data = data + begin;
        spans[count++] = (struct span){begin, begin + tensor_size(&tensor)};
        STRATA_GO(tensor_file_append(parse->ctx, file, name, tensor));
    }
    status = check_cover(parse, spans, count);
cleanup:
    mem_free(spans);
    return status;
}

static strata_status check_checksum(const struct parse *parse, const struct tensor_file *file, const char *data) {
    const char *expected = tensor_file_get(file, TENSOR_CHECKSUM_KEY);
    if (!expected) return STRATA_OK;
    char digits[TENSOR_CHECKSUM_DIGITS + 1];
    snprintf(digits, sizeof digits, "%016" PRIx64, file_checksum(data, parse->data_size));
    if (strcmp(expected, digits) == 0) return STRATA_OK;
    return strata_fail(parse->ctx, STRATA_ERR_FORMAT, "%s: damaged: expected checksum %.32s, got %s", parse->path,
                       expected, digits);
}

/** Bytes of the header, checked against the file and the limit. */
static strata_status header_size(strata_context *ctx, const char *path, const struct buffer *bytes, size_t *size) {
    if (bytes->size < TENSOR_LENGTH_SIZE)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: expected a safetensors file, got only %zu bytes", path,
                           bytes->size);
    uint64_t length;
    memcpy(&length, bytes->data, TENSOR_LENGTH_SIZE);
    if (length > HEADER_LIMIT || length > bytes->size - TENSOR_LENGTH_SIZE)
        return strata_fail(ctx, STRATA_ERR_FORMAT,
                           "%s: expected a safetensors header within %zu bytes of file, got a length of %" PRIu64, path,
                           bytes->size - TENSOR_LENGTH_SIZE, length);
    *size = (size_t)length;
    if (length && bytes->data[TENSOR_LENGTH_SIZE] == '{') return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: expected a safetensors header that begins with '{'", path);
}

strata_status tensor_file_parse(strata_context *ctx, const char *path, struct buffer *bytes, struct tensor_file *file) {
    size_t length = 0;
    STRATA_TRY(header_size(ctx, path, bytes, &length));
    size_t start = TENSOR_LENGTH_SIZE + length,
           aligned = start / 8 * 8; /* where data move to, behind a header of odd length */
    const struct parse parse = {.ctx = ctx, .path = path, .data_size = bytes->size - start};
    json_t *header = NULL;
    struct tensor_file made = {0};
    strata_status status = json_parse(ctx, path, bytes->data + TENSOR_LENGTH_SIZE, length, &header);
    if (status == STRATA_OK) status = parse_header(&parse, header, bytes->data + aligned, &made);
    if (status == STRATA_OK) status = check_checksum(&parse, &made, bytes->data + start);
    json_decref(header);
    if (status != STRATA_OK) {
        tensor_file_destroy(&made);
        return status;
    }
    memmove(bytes->data + aligned, bytes->data + start, parse.data_size);
    made.bytes = *bytes;
    *bytes = (struct buffer){0};
    *file = made;
    return STRATA_OK;
}

strata_status tensor_file_read(strata_context *ctx, const char *path, struct tensor_file *file) {
    struct buffer bytes = {0};
    strata_status status = file_read(ctx, path, TENSOR_FILE_LIMIT, &bytes);
    if (status == STRATA_OK) status = tensor_file_parse(ctx, path, &bytes, file);
    buffer_destroy(&bytes);
    return status;
}
