/* SPDX-License-Identifier: MIT */
/*
 * The safetensors format (Hugging Face, safetensors 0.4): 8 bytes little-endian header length, a JSON
 * header {"name": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {...}}, then the
 * tensors' bytes, little-endian, covering the rest of the file without gap or overlap.
 * What the writer (safetensors_write.c) and the reader (safetensors_read.c) share.
 */
#ifndef CORE_SAFETENSORS_PARTS_H
#define CORE_SAFETENSORS_PARTS_H

#include "core/safetensors.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors are little-endian: big-endian machines need a byte swap here"
#endif

#define TENSOR_METADATA_KEY "__metadata__"
#define TENSOR_CHECKSUM_KEY "checksum"

enum { TENSOR_LENGTH_SIZE = 8, TENSOR_CHECKSUM_DIGITS = 16, TENSOR_TYPES = TENSOR_U8 + 1 };

extern const struct tensor_type_row {
    const char *name;
    size_t size;
} tensor_types[TENSOR_TYPES];

size_t tensor_size(const struct tensor *tensor); /* bytes */

/* Bytes of a shape, refused when they do not fit. */
STRATA_MUST_USE strata_status tensor_shape_size(strata_context *ctx, const struct tensor *tensor, size_t *size);

/* Appends a tensor with a copy of `name`. */
STRATA_MUST_USE strata_status tensor_file_append(strata_context *ctx, struct tensor_file *file, const char *name,
                                                 struct tensor tensor);
STRATA_MUST_USE strata_status tensor_file_append_text(strata_context *ctx, struct tensor_file *file, const char *key,
                                                      const char *value);

strata_status tensor_fail_memory(strata_context *ctx);

#endif
