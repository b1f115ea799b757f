/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer entry of the reader of an IDX file's first rows: the first byte says how many, the rest is the file, which
 * may be gzip. Any bytes give a result or a refusal; of a file that is whole, the rows are those that idx_read finds.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/memory.h"
#include "data/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct found {
    strata_status status;
    unsigned rank;
    size_t dims[4];
    uint8_t *values;
};

static size_t count_of(const struct found *found) {
    return found->dims[0] * found->dims[1] * found->dims[2] * found->dims[3];
}

/* A whole file gives its first rows; of one that is not, the rows asked for may still be there. */
static void compare(size_t rows, const struct found *whole, const struct found *some) {
    if (some->status == STRATA_OK && rows > 0 && some->dims[0] > rows && whole->status != STRATA_OK) abort();
    if (whole->status != STRATA_OK) return;
    size_t wanted = rows > 0 && rows < whole->dims[0] ? rows : whole->dims[0];
    if (some->status != STRATA_OK || some->rank != whole->rank) abort();
    /* Without numbers in a row, or with more than a file may have, nothing is cut off. */
    if (some->dims[0] != wanted && count_of(whole) > 0) abort();
    if (memcmp(some->dims + 1, whole->dims + 1, 3 * sizeof *some->dims) != 0) abort();
    if (memcmp(some->values, whole->values, count_of(some)) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct found whole = {0}, some = {0};
    char path[64];
    if (size == 0) return 0;
    int file = memfd_create("fuzz", MFD_CLOEXEC);
    if (file < 0 || write(file, data + 1, size - 1) != (ssize_t)(size - 1)) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    whole.status = idx_read(NULL, path, &whole.rank, whole.dims, &whole.values);
    some.status = idx_read_rows(NULL, path, data[0], &some.rank, some.dims, &some.values);
    compare(data[0], &whole, &some);
    if (whole.status == STRATA_OK) mem_free(whole.values);
    if (some.status == STRATA_OK) mem_free(some.values);
    close(file);
    return 0;
}
