/* SPDX-License-Identifier: MIT */
/* The safetensors format: 8-byte little-endian header length, JSON header, raw tensors. */
#ifndef CORE_SAFETENSORS_H
#define CORE_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "core/file.h"
#include "core/status.h"

enum tensor_type { TENSOR_F32, TENSOR_F64, TENSOR_I64, TENSOR_U8 };

enum { TENSOR_MAX_RANK = 8 };

struct tensor {
    char *name;
    enum tensor_type type;
    unsigned rank;
    size_t dims[TENSOR_MAX_RANK];
    const void *data; /* borrowed by a writer; points into the file's bytes after reading */
};

/** Tensors and string metadata of one file. Zero-initialised is empty. */
struct tensor_file {
    struct tensor *tensors;
    size_t tensor_count;
    char **keys, **values; /* "__metadata__" */
    size_t metadata_count;
    struct buffer bytes; /* owns the data after reading */
};

/**
 * Adds a tensor whose data is borrowed until the file is written; NULL only without elements. The name is copied.
 * Errors: ARGUMENT (rank over TENSOR_MAX_RANK, a name that is empty, taken, reserved or not UTF-8), TOO_LARGE, MEMORY.
 */
STRATA_MUST_USE strata_status tensor_file_add(strata_context *ctx, struct tensor_file *file, const char *name,
                                              enum tensor_type type, unsigned rank, const size_t *dims,
                                              const void *data);

/** Adds or replaces a metadata string; both are copied. */
STRATA_MUST_USE strata_status tensor_file_set(strata_context *ctx, struct tensor_file *file, const char *key,
                                              const char *value);

/** Metadata value, or NULL. */
const char *tensor_file_get(const struct tensor_file *file, const char *key);

/** Tensor by name, or NULL. */
const struct tensor *tensor_file_find(const struct tensor_file *file, const char *name);

size_t tensor_count(const struct tensor *tensor); /* elements */
size_t tensor_type_size(enum tensor_type type);

/**
 * Writes atomically; metadata gets "checksum" over the data. The header lists tensors in the order added; the data
 * begin at a multiple of 64 bytes and hold the wider types first, so that every element is aligned without the holes
 * that the format forbids.
 */
STRATA_MUST_USE strata_status tensor_file_write(strata_context *ctx, const struct tensor_file *file, const char *path);

/**
 * Reads and checks everything: header length, UTF-8, duplicate keys, types, offsets (in range, aligned
 * to the element, no overlap, no hole), shape products. A "checksum" in the metadata must match.
 * Files without one (from other writers) are accepted.
 */
STRATA_MUST_USE strata_status tensor_file_read(strata_context *ctx, const char *path, struct tensor_file *file);

/**
 * The parser behind tensor_file_read, for fuzzing; takes the buffer's bytes over on success, leaves both as they were
 * else.
 */
STRATA_MUST_USE strata_status tensor_file_parse(strata_context *ctx, const char *path, struct buffer *bytes,
                                                struct tensor_file *file);

void tensor_file_destroy(struct tensor_file *file);

#endif
