/* SPDX-License-Identifier: MIT */
/*
 * NumPy's .npy format: "\x93NUMPY", two version bytes, the header's length (2 bytes in version 1, else 4,
 * little-endian), a Python dict {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }, raw numbers.
 * Source: numpy.lib.format.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "data/dataset.h"

enum { MAX_RANK = 8, MAX_HEADER = 65536 };
static const char MAGIC[] = "\x93NUMPY";
static const size_t MAX_BYTES = (size_t)4 << 30;

static double read_f4(const unsigned char *p) {
    float v;
    memcpy(&v, p, sizeof v);
    return (double)v;
}
static double read_f8(const unsigned char *p) {
    double v;
    memcpy(&v, p, sizeof v);
    return v;
}
static double read_i4(const unsigned char *p) {
    int32_t v;
    memcpy(&v, p, sizeof v);
    return (double)v;
}
static double read_i8(const unsigned char *p) {
    int64_t v;
    memcpy(&v, p, sizeof v);
    return (double)v;
}
static double read_u1(const unsigned char *p) { return (double)*p; }
static double read_b1(const unsigned char *p) { return *p ? 1 : 0; }

static const struct number_type {
    const char *descr;
    size_t size;
    double (*read)(const unsigned char *bytes);
} number_types[] = {
    {"<f4", 4, read_f4}, {"<f8", 8, read_f8}, {"<i4", 4, read_i4},
    {"<i8", 8, read_i8}, {"|u1", 1, read_u1}, {"|b1", 1, read_b1},
};
_Static_assert(sizeof(float) == 4 && sizeof(double) == 8, "IEEE 754 numbers");

/* The header's dict: three keys, each once, in any order. */
struct header {
    const struct number_type *type;
    bool has_order, fortran, has_shape;
    unsigned rank;
    size_t dims[MAX_RANK];
};

struct cursor {
    const char *path, *text, *end;
    size_t origin; /* byte of the file where `text` began */
    const char *begin;
};

static strata_status header_fault(strata_context *ctx, const struct cursor *at, const char *expected) {
    return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: byte %zu: .npy header: expected %s", at->path,
                       at->origin + (size_t)(at->text - at->begin), expected);
}

static void skip_blanks(struct cursor *at) {
    while (at->text < at->end && (*at->text == ' ' || *at->text == '\n' || *at->text == '\t')) ++at->text;
}

/* Takes `c` after blanks. */
static bool take(struct cursor *at, char c) {
    skip_blanks(at);
    if (at->text == at->end || *at->text != c) return false;
    ++at->text;
    return true;
}

static bool take_word(struct cursor *at, const char *word) {
    size_t length = strlen(word);
    skip_blanks(at);
    if ((size_t)(at->end - at->text) < length || memcmp(at->text, word, length)) return false;
    at->text += length;
    return true;
}

/* A quoted string of fewer than `capacity` bytes. */
static bool take_string(struct cursor *at, size_t capacity, char *text) {
    char quote = take(at, '\'') ? '\'' : take(at, '"') ? '"' : '\0';
    size_t length = 0;
    while (quote && at->text < at->end && *at->text != quote && length + 1 < capacity) text[length++] = *at->text++;
    text[length] = '\0';
    return quote && at->text < at->end && *at->text++ == quote;
}

static bool take_size(struct cursor *at, size_t *value) {
    skip_blanks(at);
    const char *start = at->text;
    *value = 0;
    for (; at->text < at->end && isdigit((unsigned char)*at->text); ++at->text) {
        if (*value > (SIZE_MAX - 9) / 10) return false;
        *value = *value * 10 + (size_t)(*at->text - '0');
    }
    return at->text > start;
}

static strata_status parse_shape(strata_context *ctx, struct cursor *at, struct header *header) {
    if (header->has_shape || !take(at, '(')) return header_fault(ctx, at, "one shape such as (3, 4)");
    header->has_shape = true;
    while (!take(at, ')')) {
        if (header->rank == MAX_RANK) return header_fault(ctx, at, "at most 8 dimensions");
        if (!take_size(at, &header->dims[header->rank]))
            return header_fault(ctx, at, "a dimension that fits in memory");
        ++header->rank;
        if (take(at, ',')) continue;
        if (!take(at, ')')) return header_fault(ctx, at, "',' or ')' in the shape");
        break;
    }
    return STRATA_OK;
}

static strata_status parse_descr(strata_context *ctx, struct cursor *at, struct header *header) {
    char descr[16];
    if (header->type || !take_string(at, sizeof descr, descr)) return header_fault(ctx, at, "one type such as '<f8'");
    for (size_t i = 0; i < sizeof number_types / sizeof *number_types; ++i)
        if (!strcmp(descr, number_types[i].descr)) header->type = &number_types[i];
    if (header->type) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: numbers of type '%s': expected <f4, <f8, <i4, <i8, |u1 or |b1",
                       at->path, descr);
}

static strata_status parse_order(strata_context *ctx, struct cursor *at, struct header *header) {
    bool fortran = take_word(at, "True");
    if (header->has_order || (!fortran && !take_word(at, "False")))
        return header_fault(ctx, at, "one fortran_order, True or False");
    header->has_order = true;
    header->fortran = fortran;
    return STRATA_OK;
}

static const struct {
    const char *key;
    strata_status (*parse)(strata_context *ctx, struct cursor *at, struct header *header);
} header_keys[] = {{"descr", parse_descr}, {"fortran_order", parse_order}, {"shape", parse_shape}};

static strata_status parse_header(strata_context *ctx, struct cursor *at, struct header *header) {
    if (!take(at, '{')) return header_fault(ctx, at, "'{'");
    while (!take(at, '}')) {
        char key[16];
        size_t k = 0, count = sizeof header_keys / sizeof *header_keys;
        if (!take_string(at, sizeof key, key)) return header_fault(ctx, at, "a quoted key");
        while (k < count && strcmp(key, header_keys[k].key)) ++k;
        if (k == count || !take(at, ':')) return header_fault(ctx, at, "'descr', 'fortran_order' or 'shape', and ':'");
        STRATA_TRY(header_keys[k].parse(ctx, at, header));
        if (take(at, ',')) continue;
        if (!take(at, '}')) return header_fault(ctx, at, "',' or '}'");
        break;
    }
    skip_blanks(at);
    if (at->text != at->end) return header_fault(ctx, at, "nothing after '}'");
    if (header->type && header->has_order && header->has_shape) return STRATA_OK;
    return header_fault(ctx, at, "all of 'descr', 'fortran_order' and 'shape'");
}

/* Finds the header and its end; checks magic, version and length. */
static strata_status open_header(strata_context *ctx, const char *path, const unsigned char *bytes, size_t size,
                                 struct cursor *at) {
    if (size < 10 || memcmp(bytes, MAGIC, 6))
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: byte 0: expected the .npy signature \\x93NUMPY", path);
    unsigned version = bytes[6];
    if (version < 1 || version > 3)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: byte 6: expected .npy version 1, 2 or 3, got %u", path,
                           version);
    size_t start = version == 1 ? 10 : 12, length = bytes[8] | (size_t)bytes[9] << 8;
    if (version > 1 && size >= start) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (size < start || length > size - start)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: byte 8: a .npy header of %zu bytes in a file of %zu", path,
                           length, size);
    if (length > MAX_HEADER)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: byte 8: expected a .npy header of at most %d bytes, got %zu",
                           path, (int)MAX_HEADER, length);
    const char *text = (const char *)bytes + start;
    *at = (struct cursor){.path = path, .text = text, .begin = text, .end = text + length, .origin = start};
    return STRATA_OK;
}

/* Fortran order to C order: walks the output in C order with the input's strides. */
static void convert(const struct header *header, const unsigned char *data, size_t count, double *values) {
    size_t strides[MAX_RANK] = {0}, index[MAX_RANK] = {0}, stride = 1;
    for (unsigned i = 0; i < header->rank; ++i) {
        unsigned axis = header->fortran ? i : header->rank - 1 - i;
        strides[axis] = stride;
        stride *= header->dims[axis];
    }
    size_t from = 0;
    for (size_t i = 0; i < count; ++i) {
        values[i] = header->type->read(data + from * header->type->size);
        for (unsigned axis = header->rank; axis-- > 0;) {
            from += strides[axis];
            if (++index[axis] < header->dims[axis]) break;
            from -= strides[axis] * header->dims[axis];
            index[axis] = 0;
        }
    }
}

strata_status npy_parse(strata_context *ctx, const char *path, const void *bytes, size_t size,
                        struct npy_array *array) {
    struct cursor at;
    struct header header = {0};
    STRATA_TRY(open_header(ctx, path, bytes, size, &at));
    STRATA_TRY(parse_header(ctx, &at, &header));
    size_t count = 1, wanted;
    for (unsigned i = 0; i < header.rank; ++i) STRATA_TRY(mem_product(ctx, count, header.dims[i], path, &count));
    STRATA_TRY(mem_product(ctx, count, header.type->size, path, &wanted));
    size_t start = (size_t)(at.end - (const char *)bytes);
    if (size - start != wanted)
        return strata_fail(ctx, STRATA_ERR_FORMAT,
                           "%s: byte %zu: expected %zu bytes of numbers for the shape in the header, got %zu", path,
                           start, wanted, size - start);
    struct npy_array result = {.rank = header.rank, .values = mem_zero(count ? count : 1, sizeof(double))};
    if (!result.values) return strata_fail(ctx, STRATA_ERR_MEMORY, "%s: no memory for %zu numbers", path, count);
    memcpy(result.dims, header.dims, sizeof result.dims);
    convert(&header, (const unsigned char *)bytes + start, count, result.values);
    *array = result;
    return STRATA_OK;
}

strata_status npy_read(strata_context *ctx, const char *path, struct npy_array *array) {
    struct buffer buffer = {0};
    strata_status status = file_read(ctx, path, MAX_BYTES, &buffer);
    if (status == STRATA_OK) status = npy_parse(ctx, path, buffer.data, buffer.size, array);
    buffer_destroy(&buffer);
    return status;
}

void npy_destroy(struct npy_array *array) {
    if (!array) return;
    mem_free(array->values);
    *array = (struct npy_array){0};
}

/* The header with its length and padding: numbers begin at a multiple of 64. */
static strata_status print_header(strata_context *ctx, unsigned rank, const size_t *dims, bool single,
                                  struct buffer *buffer) {
    STRATA_TRY(buffer_append(ctx, buffer, "\x93NUMPY\x01\x00\x00\x00", 10));
    STRATA_TRY(buffer_print(ctx, buffer, "{'descr': '<f%d', 'fortran_order': False, 'shape': (", single ? 4 : 8));
    for (unsigned i = 0; i < rank; ++i)
        STRATA_TRY(buffer_print(ctx, buffer, i + 1 < rank || rank == 1 ? "%zu, " : "%zu", dims[i]));
    STRATA_TRY(buffer_print(ctx, buffer, "), }"));
    while (buffer->size % 64 != 63) STRATA_TRY(buffer_append(ctx, buffer, " ", 1));
    STRATA_TRY(buffer_append(ctx, buffer, "\n", 1));
    buffer->data[8] = (char)((buffer->size - 10) & 0xff);
    buffer->data[9] = (char)((buffer->size - 10) >> 8);
    return STRATA_OK;
}

strata_status npy_write(strata_context *ctx, const char *path, unsigned rank, const size_t *dims, const double *values,
                        bool single) {
    struct buffer buffer = {0};
    strata_status status = STRATA_OK;
    size_t count = 1;
    if (rank > MAX_RANK)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "%s: expected at most %d dimensions, got %u", path, (int)MAX_RANK,
                           rank);
    for (unsigned i = 0; i < rank; ++i) STRATA_TRY(mem_product(ctx, count, dims[i], path, &count));
    STRATA_GO(print_header(ctx, rank, dims, single, &buffer));
    for (size_t i = 0; i < count && single; ++i) {
        float value = (float)values[i];
        STRATA_GO(buffer_append(ctx, &buffer, &value, sizeof value));
    }
    if (!single) STRATA_GO(buffer_append(ctx, &buffer, values, count * sizeof *values));
    STRATA_GO(file_write_atomic(ctx, path, buffer.data, buffer.size));
cleanup:
    buffer_destroy(&buffer);
    return status;
}
