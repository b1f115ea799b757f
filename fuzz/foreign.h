/* SPDX-License-Identifier: MIT */
/* Foreign bytes as files, for targets whose readers take a path. */
#ifndef FUZZ_FOREIGN_H
#define FUZZ_FOREIGN_H

#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <strata/context.h>

#include "core/json.h"
#include "core/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of the process, so that messages are written too. */
static inline strata_context *foreign_context(void) {
    static strata_context *context;
    if (!context && strata_context_create(&context) != STRATA_OK) abort();
    return context;
}

/* A file without a folder; closed by the caller. */
static inline int foreign_open(const void *bytes, size_t size, char path[64]) {
    int file = memfd_create("fuzz", MFD_CLOEXEC);
    if (file < 0 || write(file, size ? bytes : "", size) != (ssize_t)size) abort();
    snprintf(path, 64, "/proc/self/fd/%d", file);
    return file;
}

static inline int foreign_remove(const char *path, const struct stat *about, int kind, struct FTW *walk) {
    (void)about, (void)kind;
    if (walk->level > 0) remove(path);
    return 0;
}

/* Removes what is in the folder. */
static inline void foreign_empty(const char *folder) { nftw(folder, foreign_remove, 8, FTW_DEPTH | FTW_PHYS); }

static char foreign_place[64];

static inline void foreign_end(void) {
    foreign_empty(foreign_place);
    rmdir(foreign_place);
}

/* A folder of this process, in memory where there is one. */
static inline const char *foreign_folder(void) {
    if (*foreign_place) return foreign_place;
    snprintf(foreign_place, sizeof foreign_place, "%s/strata-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(foreign_place) || atexit(foreign_end) != 0) abort();
    return foreign_place;
}

/* FOLDER/NAME with these bytes. */
static inline void foreign_write(const char *name, const void *bytes, size_t size, char path[128]) {
    snprintf(path, 128, "%s/%s", foreign_folder(), name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(size ? bytes : "", 1, size, file) != size || fclose(file) != 0) abort();
}

/* The first part of `size` bytes up to a NUL, which it leaves out; the rest begins behind it. */
static inline size_t foreign_part(const uint8_t **data, size_t *size) {
    const uint8_t *end = *size ? memchr(*data, 0, *size) : NULL;
    size_t part = end ? (size_t)(end - *data) : *size, skip = end ? part + 1 : part;
    *data += skip;
    *size -= skip;
    return part;
}

/*
 * HEADER NUL DATA as a safetensors file: the length put before it, the data filled up to where the header says that
 * they end. A mutation of one number is then not lost on the lengths. The caller frees it.
 */
static inline uint8_t *foreign_tensors(const uint8_t *data, size_t size, size_t *total) {
    enum { MOST = 1 << 20 };
    const uint8_t *header = data;
    size_t length = foreign_part(&data, &size), end = size;
    json_t *object = NULL, *tensor;
    const char *name;
    uint64_t count = length;
    if (json_parse(foreign_context(), "fuzz", (const char *)header, length, &object) == STRATA_OK &&
        json_is_object(object)) {
        end = 0;
        json_object_foreach(object, name, tensor) {
            json_int_t to = json_integer_value(json_array_get(json_object_get(tensor, "data_offsets"), 1));
            if (to > (json_int_t)end && to <= MOST) end = (size_t)to;
        }
    }
    json_decref(object);
    *total = sizeof count + length + end;
    uint8_t *bytes = calloc(1, *total);
    if (!bytes) abort();
    memcpy(bytes, &count, sizeof count);
    if (length) memcpy(bytes + sizeof count, header, length);
    if (size && end) memcpy(bytes + sizeof count + length, data, size < end ? size : end);
    return bytes;
}

#endif
