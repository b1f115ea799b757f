/* SPDX-License-Identifier: MIT */
/* libFuzzer entry of the NPY reader: any bytes give a result or a refusal, never a fault or a leak. */
#include <stddef.h>
#include <stdint.h>

#include "data/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct npy_array array;
    if (npy_parse(NULL, "fuzz.npy", data, size, &array) == STRATA_OK) npy_destroy(&array);
    return 0;
}
