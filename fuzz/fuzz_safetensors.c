/* SPDX-License-Identifier: MIT */
/* Any bytes as a safetensors file: refused, or every tensor lies inside the file's bytes, to the last one. */
#include <stdint.h>
#include <stdlib.h>

#include "core/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned char sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buffer bytes = {0};
    struct tensor_file file = {0};
    if (buffer_append(NULL, &bytes, data, size) != STRATA_OK) return 0;
    if (tensor_file_parse(NULL, "fuzz", &bytes, &file) == STRATA_OK)
        for (size_t i = 0; i < file.tensor_count; ++i) {
            const struct tensor *tensor = &file.tensors[i];
            size_t length = tensor_count(tensor) * tensor_type_size(tensor->type);
            if ((uintptr_t)tensor->data % tensor_type_size(tensor->type)) abort();
            for (size_t j = 0; j < length; ++j) sink = ((const unsigned char *)tensor->data)[j];
        }
    tensor_file_destroy(&file);
    buffer_destroy(&bytes);
    return 0;
}
