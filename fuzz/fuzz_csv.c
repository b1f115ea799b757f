/* SPDX-License-Identifier: MIT */
/* libFuzzer entry of the CSV reader: any bytes give a result or a refusal, never a fault or a leak. */
#include <stddef.h>
#include <stdint.h>

#include "data/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct csv_table table;
    if (csv_parse(NULL, "fuzz.csv", size ? (const char *)data : "", size, &table) == STRATA_OK) csv_destroy(&table);
    return 0;
}
