/* SPDX-License-Identifier: MIT */
/*
 * The IDX format of MNIST: bytes 0 0 TYPE RANK, RANK big-endian 32-bit dimensions, the numbers.
 * TYPE 8 (unsigned bytes) is the only one in use. Source: Y. LeCun, "The MNIST database".
 */
#include <string.h>

#include "core/memory.h"
#include "data/dataset.h"

enum { UNSIGNED_BYTE = 8, MAX_RANK = 4 };
static const size_t MAX_BYTES = (size_t)1 << 31;

static size_t big_endian(const unsigned char *bytes) {
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

strata_status idx_parse(strata_context *ctx, const char *path, const void *bytes, size_t size, unsigned *rank,
                        size_t dims[4], uint8_t **values) {
    const unsigned char *file = bytes;
    size_t sizes[MAX_RANK] = {1, 1, 1, 1}, count = 1;
    if (size < 4)
        return strata_fail(ctx, STRATA_ERR_FORMAT,
                           "%s: byte 0: expected the four bytes of an IDX magic number, got a file of %zu", path, size);
    if (file[0] || file[1] || file[2] != UNSIGNED_BYTE)
        return strata_fail(ctx, STRATA_ERR_FORMAT,
                           "%s: byte 0: expected the IDX magic number 00 00 08 (unsigned bytes), got %02x %02x %02x",
                           path, file[0], file[1], file[2]);
    if (file[3] < 1 || file[3] > MAX_RANK)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: byte 3: expected 1 to 4 dimensions, got %u", path, file[3]);
    size_t start = 4 + 4 * (size_t)file[3];
    if (size < start)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: byte %zu: the file ends inside its %u dimensions", path, size,
                           file[3]);
    for (unsigned i = 0; i < file[3]; ++i) {
        sizes[i] = big_endian(file + 4 + 4 * (size_t)i);
        STRATA_TRY(mem_product(ctx, count, sizes[i], path, &count));
    }
    if (size - start != count)
        return strata_fail(ctx, STRATA_ERR_FORMAT,
                           "%s: byte %zu: expected %zu bytes of numbers for its dimensions, got %zu", path, start,
                           count, size - start);
    uint8_t *copy = mem_alloc(count ? count : 1);
    if (!copy) return strata_fail(ctx, STRATA_ERR_MEMORY, "%s: no memory for %zu numbers", path, count);
    if (count) memcpy(copy, file + start, count);
    memcpy(dims, sizes, sizeof sizes);
    *rank = file[3];
    *values = copy;
    return STRATA_OK;
}

strata_status idx_read(strata_context *ctx, const char *path, unsigned *rank, size_t dims[4], uint8_t **values) {
    struct buffer buffer = {0};
    strata_status status = file_read_gzip(ctx, path, MAX_BYTES, &buffer);
    if (status == STRATA_OK) status = idx_parse(ctx, path, buffer.data, buffer.size, rank, dims, values);
    buffer_destroy(&buffer);
    return status;
}

/* Bytes of the file up to the end of row `rows`; 0: it has no more rows, or its head is for idx_parse to refuse. */
static size_t start_of_rows(const unsigned char *head, size_t size, size_t rows) {
    size_t start = 4 + 4 * (size_t)head[3], row = 1;
    if (size < start || head[3] < 1 || head[3] > MAX_RANK || big_endian(head + 4) <= rows) return 0;
    for (unsigned i = 1; i < head[3]; ++i) {
        row *= big_endian(head + 4 + 4 * (size_t)i);
        if (row > MAX_BYTES) return 0;
    }
    return row && rows < MAX_BYTES / row ? start + rows * row : 0;
}

strata_status idx_read_rows(strata_context *ctx, const char *path, size_t rows, unsigned *rank, size_t dims[4],
                            uint8_t **values) {
    enum { HEAD = 4 + 4 * MAX_RANK };
    struct buffer head = {0}, bytes = {0};
    strata_status status = file_read_gzip_start(ctx, path, HEAD, &head);
    size_t size = status == STRATA_OK && head.size >= 4 && rows
                    ? start_of_rows((const unsigned char *)head.data, head.size, rows)
                    : 0;
    if (status == STRATA_OK && size == 0) {
        status = idx_read(ctx, path, rank, dims, values);
    } else if (status == STRATA_OK) {
        status = file_read_gzip_start(ctx, path, size, &bytes);
        /* A file of fewer rows, cut here: the parser sees whether all its numbers are there. */
        for (size_t i = 0; status == STRATA_OK && bytes.size == size && i < 4; ++i)
            bytes.data[4 + i] = (char)(rows >> (24 - 8 * i) & 0xff);
        if (status == STRATA_OK) status = idx_parse(ctx, path, bytes.data, bytes.size, rank, dims, values);
    }
    buffer_destroy(&head);
    buffer_destroy(&bytes);
    return status;
}
