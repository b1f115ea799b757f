/* SPDX-License-Identifier: MIT */
/* libFuzzer entry of the IDX reader: any bytes give a result or a refusal, never a fault or a leak. */
#include <stddef.h>
#include <stdint.h>

#include "core/memory.h"
#include "data/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    unsigned rank;
    size_t dims[4];
    uint8_t *values;
    if (idx_parse(NULL, "fuzz.idx", data, size, &rank, dims, &values) == STRATA_OK) mem_free(values);
    return 0;
}
