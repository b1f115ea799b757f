/* SPDX-License-Identifier: MIT */
/*
 * The safetensors format (Hugging Face, safetensors 0.4): 8 bytes little-endian header length, a JSON
 * header {"name": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {...}}, then the
 * tensors' bytes, little-endian, covering the rest of the file without gap or overlap.
 */
#include "core/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ini.h"
#include "core/json.h"
#include "core/memory.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors are little-endian: big-endian machines need a byte swap here"
#endif

enum { LENGTH_SIZE = 8, HEADER_LIMIT = 16 << 20, CHECKSUM_DIGITS = 16 };

static const size_t TENSOR_FILE_LIMIT = (size_t)1 << 35;
static const char METADATA_KEY[] = "__metadata__", CHECKSUM_KEY[] = "checksum";

static const struct {
    const char *name;
    size_t size;
} types[] = {[TENSOR_F32] = {"F32", 4}, [TENSOR_F64] = {"F64", 8}, [TENSOR_I64] = {"I64", 8}, [TENSOR_U8] = {"U8", 1}};

enum { TYPE_COUNT = sizeof types / sizeof *types };

size_t tensor_type_size(enum tensor_type type) { return types[type].size; }

size_t tensor_count(const struct tensor *tensor) {
    size_t count = 1;
    for (unsigned i = 0; i < tensor->rank; ++i) count *= tensor->dims[i];
    return count;
}

static size_t tensor_size(const struct tensor *tensor) { return tensor_count(tensor) * tensor_type_size(tensor->type); }

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

static strata_status fail_memory(strata_context *ctx) {
    return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: tensors");
}

/* ---- collecting ---- */

/** True when count is 0 or a power of two, that is when a list that doubles is full. */
static bool list_full(size_t count) { return (count & (count - 1)) == 0; }

/** Appends a tensor with a copy of `name`. */
static strata_status tensors_append(strata_context *ctx, struct tensor_file *file, const char *name,
                                    struct tensor tensor) {
    if (list_full(file->tensor_count)) {
        struct tensor *tensors = mem_resize(file->tensors, file->tensor_count ? 2 * file->tensor_count : 1,
                                            sizeof *tensors);
        if (!tensors) return fail_memory(ctx);
        file->tensors = tensors;
    }
    tensor.name = mem_string(name);
    if (!tensor.name) return fail_memory(ctx);
    file->tensors[file->tensor_count++] = tensor;
    return STRATA_OK;
}

static strata_status metadata_append(strata_context *ctx, struct tensor_file *file, const char *key,
                                     const char *value) {
    if (list_full(file->metadata_count)) {
        size_t capacity = file->metadata_count ? 2 * file->metadata_count : 1;
        char **keys = mem_resize(file->keys, capacity, sizeof *keys);
        if (keys) file->keys = keys;
        char **values = mem_resize(file->values, capacity, sizeof *values);
        if (values) file->values = values;
        if (!keys || !values) return fail_memory(ctx);
    }
    char *key_copy = mem_string(key), *value_copy = mem_string(value);
    if (!key_copy || !value_copy) {
        mem_free(key_copy);
        mem_free(value_copy);
        return fail_memory(ctx);
    }
    file->keys[file->metadata_count] = key_copy;
    file->values[file->metadata_count++] = value_copy;
    return STRATA_OK;
}

/** Bytes of a shape, refused when they do not fit. */
static strata_status shape_size(strata_context *ctx, const struct tensor *tensor, size_t *size) {
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
    if (!*name || strcmp(name, METADATA_KEY) == 0 || ini_text_fault(name, strlen(name)))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "tensor '%s': expected a name in UTF-8 other than '' and '%s'",
                           name, METADATA_KEY);
    if (tensor_file_find(file, name))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "tensor '%s' is in the file already", name);
    struct tensor tensor = {.type = type, .rank = rank, .data = data};
    if (rank) memcpy(tensor.dims, dims, rank * sizeof *dims);
    size_t size;
    STRATA_TRY(shape_size(ctx, &tensor, &size));
    return tensors_append(ctx, file, name, tensor);
}

strata_status tensor_file_set(strata_context *ctx, struct tensor_file *file, const char *key, const char *value) {
    if (!utf8_valid(key) || !utf8_valid(value))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "metadata '%s': expected UTF-8", key);
    for (size_t i = 0; i < file->metadata_count; ++i) {
        if (strcmp(file->keys[i], key) != 0) continue;
        char *copy = mem_string(value);
        if (!copy) return fail_memory(ctx);
        mem_free(file->values[i]);
        file->values[i] = copy;
        return STRATA_OK;
    }
    return metadata_append(ctx, file, key, value);
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

/* ---- writing ---- */

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
    char digits[CHECKSUM_DIGITS + 1];
    snprintf(digits, sizeof digits, "%016" PRIx64, checksum);
    json_t *metadata = json_object();
    bool good = metadata != NULL;
    for (size_t i = 0; i < file->metadata_count; ++i)
        if (strcmp(file->keys[i], CHECKSUM_KEY) != 0)
            good = good && json_object_set_new(metadata, file->keys[i], json_string(file->values[i])) == 0;
    good = good && json_object_set_new(metadata, CHECKSUM_KEY, json_string(digits)) == 0;
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
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", types[tensor->type].name, "shape", shape, "data_offsets", first,
                     first + size);
}

/** Length and header, padded with blanks to a multiple of MEM_ALIGNMENT. */
static strata_status header_print(strata_context *ctx, const struct tensor_file *file, const size_t *begins,
                                  uint64_t checksum, struct buffer *text) {
    strata_status status = STRATA_OK;
    json_t *header = json_object();
    bool good = json_object_set_new(header, METADATA_KEY, metadata_json(file, checksum)) == 0;
    for (size_t i = 0; i < file->tensor_count && good; ++i)
        good = json_object_set_new(header, file->tensors[i].name, tensor_json(&file->tensors[i], begins[i])) == 0;
    if (!good) STRATA_GO(fail_memory(ctx));
    STRATA_GO(buffer_append(ctx, text, "\0\0\0\0\0\0\0", LENGTH_SIZE));
    STRATA_GO(json_print(ctx, header, 0, text));
    while (text->size % MEM_ALIGNMENT) STRATA_GO(buffer_append(ctx, text, " ", 1));
    uint64_t length = text->size - LENGTH_SIZE;
    memcpy(text->data, &length, LENGTH_SIZE);
cleanup:
    json_decref(header);
    return status;
}

strata_status tensor_file_write(strata_context *ctx, const struct tensor_file *file, const char *path) {
    strata_status status = STRATA_OK;
    struct buffer data = {0}, whole = {0};
    size_t *begins = mem_zero(file->tensor_count, sizeof *begins);
    if (!begins) STRATA_GO(fail_memory(ctx));
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

/* ---- reading ---- */

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
    for (int i = 0; i < TYPE_COUNT; ++i)
        if (json_is_string(name) && strcmp(json_string_value(name), types[i].name) == 0) {
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
    if (shape_size(NULL, tensor, &size) != STRATA_OK || size != end - *begin)
        return fail_tensor(parse, name, "data_offsets as far apart as the shape needs bytes");
    if (*begin % tensor_type_size(tensor->type))
        return fail_tensor(parse, name, "data_offsets that are aligned to the element");
    return STRATA_OK;
}

static strata_status parse_metadata(const struct parse *parse, json_t *metadata, struct tensor_file *file) {
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return strata_fail(parse->ctx, STRATA_ERR_FORMAT, "%s: expected an object as %s", parse->path, METADATA_KEY);
    json_object_foreach(metadata, key, value) {
        if (!json_is_string(value))
            return strata_fail(parse->ctx, STRATA_ERR_FORMAT, "%s: metadata '%.100s': expected a string", parse->path,
                               key);
        STRATA_TRY(metadata_append(parse->ctx, file, key, json_string_value(value)));
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
    if (!spans) return fail_memory(parse->ctx);
    json_object_foreach(header, name, value) {
        if (strcmp(name, METADATA_KEY) == 0) {
            STRATA_GO(parse_metadata(parse, value, file));
            continue;
        }
        struct tensor tensor = {0};
        size_t begin = 0;
        STRATA_GO(parse_tensor(parse, name, value, &tensor, &begin));
        tensor.data = data + begin;
        spans[count++] = (struct span){begin, begin + tensor_size(&tensor)};
        STRATA_GO(tensors_append(parse->ctx, file, name, tensor));
    }
    status = check_cover(parse, spans, count);
cleanup:
    mem_free(spans);
    return status;
}

static strata_status check_checksum(const struct parse *parse, const struct tensor_file *file, const char *data) {
    const char *expected = tensor_file_get(file, CHECKSUM_KEY);
    if (!expected) return STRATA_OK;
    char digits[CHECKSUM_DIGITS + 1];
    snprintf(digits, sizeof digits, "%016" PRIx64, file_checksum(data, parse->data_size));
    if (strcmp(expected, digits) == 0) return STRATA_OK;
    return strata_fail(parse->ctx, STRATA_ERR_FORMAT, "%s: damaged: expected checksum %.32s, got %s", parse->path,
                       expected, digits);
}

/** Bytes of the header, checked against the file and the limit. */
static strata_status header_size(strata_context *ctx, const char *path, const struct buffer *bytes, size_t *size) {
    if (bytes->size < LENGTH_SIZE)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: expected a safetensors file, got only %zu bytes", path,
                           bytes->size);
    uint64_t length;
    memcpy(&length, bytes->data, LENGTH_SIZE);
    if (length > HEADER_LIMIT || length > bytes->size - LENGTH_SIZE)
        return strata_fail(ctx, STRATA_ERR_FORMAT,
                           "%s: expected a safetensors header within %zu bytes of file, got a length of %" PRIu64, path,
                           bytes->size - LENGTH_SIZE, length);
    *size = (size_t)length;
    if (length && bytes->data[LENGTH_SIZE] == '{') return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: expected a safetensors header that begins with '{'", path);
}

strata_status tensor_file_parse(strata_context *ctx, const char *path, struct buffer *bytes, struct tensor_file *file) {
    size_t length = 0;
    STRATA_TRY(header_size(ctx, path, bytes, &length));
    size_t start = LENGTH_SIZE + length,
           aligned = start / 8 * 8; /* where data move to, behind a header of odd length */
    const struct parse parse = {.ctx = ctx, .path = path, .data_size = bytes->size - start};
    json_t *header = NULL;
    struct tensor_file made = {0};
    strata_status status = json_parse(ctx, path, bytes->data + LENGTH_SIZE, length, &header);
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
