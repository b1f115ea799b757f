/* SPDX-License-Identifier: MIT */
/*
 * The plain files of a ustar archive: headers of 512 bytes with a name, an octal size and a checksum, each followed by
 * the file's bytes, filled up to 512.
 */
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "core/memory.h"
#include "data/fetch.h"

enum { BLOCK = 512, NAME = 0, NAME_SIZE = 100, SIZE = 124, SIZE_DIGITS = 12, CHECKSUM = 148, TYPE = 156 };
static const uint64_t LARGEST = UINT64_C(256) << 20;

static bool octal(const unsigned char *digits, size_t count, uint64_t *value) {
    size_t i = 0, seen = 0;
    *value = 0;
    while (i < count && digits[i] == ' ') ++i;
    for (; i < count && digits[i] >= '0' && digits[i] <= '7'; ++i, ++seen) *value = 8 * *value + (digits[i] - '0');
    return seen > 0 && (i == count || digits[i] == ' ' || digits[i] == '\0');
}

static bool header_right(const unsigned char header[BLOCK]) {
    uint64_t said, sum = 0;
    for (size_t i = 0; i < BLOCK; ++i) sum += i >= CHECKSUM && i < CHECKSUM + 8 ? ' ' : header[i];
    return octal(header + CHECKSUM, 8, &said) && said == sum;
}

static bool all_zero(const unsigned char header[BLOCK]) {
    for (size_t i = 0; i < BLOCK; ++i)
        if (header[i]) return false;
    return true;
}

/* The last part of the name, a word of plain characters; false for what has no place in a folder of data. */
static bool last_name(const unsigned char header[BLOCK], char name[NAME_SIZE + 1]) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    char whole[NAME_SIZE + 1] = {0};
    memcpy(whole, header + NAME, NAME_SIZE);
    const char *slash = strrchr(whole, '/');
    snprintf(name, NAME_SIZE + 1, "%s", slash ? slash + 1 : whole);
    return *name && *name != '.' && name[strspn(name, plain)] == '\0';
}

static strata_status write_member(strata_context *ctx, gzFile archive, const char *path, const char *folder,
                                  const char *name, uint64_t size) {
    enum { PIECE = 1 << 16 };
    unsigned char fill[BLOCK];
    unsigned rest = (unsigned)((BLOCK - size % BLOCK) % BLOCK);
    char *target = string_format("%s/%s", folder, name);
    struct buffer bytes = {0};
    strata_status status = STRATA_OK;
    if (!target) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %s", name));
    for (uint64_t left = size; left;) { /* memory for what is there, whatever the header says */
        unsigned piece = left < PIECE ? (unsigned)left : PIECE;
        STRATA_GO(buffer_reserve(ctx, &bytes, piece));
        if (gzread(archive, bytes.data + bytes.size, piece) != (int)piece)
            STRATA_GO(strata_fail(ctx, STRATA_ERR_FORMAT, "%s: ends within %s", path, name));
        bytes.size += piece;
        left -= piece;
    }
    if (gzread(archive, fill, rest) != (int)rest)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_FORMAT, "%s: ends within %s", path, name));
    STRATA_GO(file_write_atomic(ctx, target, bytes.data, bytes.size));
cleanup:
    mem_free(target);
    buffer_destroy(&bytes);
    return status;
}

static strata_status unpack_members(strata_context *ctx, gzFile archive, const char *path, const char *folder) {
    unsigned char header[BLOCK];
    char name[NAME_SIZE + 1];
    for (;;) {
        uint64_t size;
        long at = (long)gztell(archive);
        int got = gzread(archive, header, BLOCK);
        if (got == 0 || (got == BLOCK && all_zero(header))) return STRATA_OK;
        if (got != BLOCK || !header_right(header) || !octal(header + SIZE, SIZE_DIGITS, &size) || size > LARGEST)
            return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: byte %ld: expected a tar header of a file below 256 MiB",
                               path, at);
        bool plain = header[TYPE] == '0' || header[TYPE] == '\0';
        if (!plain && size > 0)
            return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: byte %ld: expected plain files and folders", path, at);
        if (!plain) continue;
        if (!last_name(header, name))
            return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: byte %ld: expected a plain file name", path, at);
        STRATA_TRY(write_member(ctx, archive, path, folder, name, size));
    }
}

strata_status tar_unpack(strata_context *ctx, const char *path, const char *folder) {
    gzFile archive = gzopen(path, "rb");
    if (!archive) return strata_fail(ctx, STRATA_ERR_NOT_FOUND, "%s: cannot be opened", path);
    strata_status status = unpack_members(ctx, archive, path, folder);
    gzclose(archive);
    return status;
}
