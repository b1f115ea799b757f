/* SPDX-License-Identifier: MIT */
/* Whole files: bounded reading (plain or gzip, RFC 1952 by zlib) and writing by rename. */
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "core/memory.h"

enum { CHUNK = 1 << 16, GZIP_WINDOW = 15 + 16 /* zlib: 32 KiB window, gzip header wanted */ };

static strata_status fail_over_limit(strata_context *ctx, const char *path, size_t limit) {
    return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: expected at most %zu bytes, got more", path, limit);
}

/** Opens a regular file; O_NONBLOCK so that a named pipe is refused and does not hang. */
static strata_status file_open(strata_context *ctx, const char *path, int *descriptor, size_t *size) {
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return strata_fail_errno(ctx, errno, "open", path);
    struct stat state;
    strata_status status = STRATA_OK;
    if (fstat(file, &state) != 0)
        status = strata_fail_errno(ctx, errno, "look at", path);
    else if (S_ISDIR(state.st_mode))
        status = strata_fail(ctx, STRATA_ERR_FORMAT, "%s: expected a file, got a folder", path);
    else if (!S_ISREG(state.st_mode))
        status = strata_fail(ctx, STRATA_ERR_FORMAT, "%s: expected a regular file", path);
    if (status != STRATA_OK) {
        close(file);
        return status;
    }
    *descriptor = file;
    *size = (size_t)state.st_size;
    return STRATA_OK;
}

/** One read, again after a signal. *got = 0 at the end of the file. */
static strata_status read_some(strata_context *ctx, const char *path, int file, void *bytes, size_t size, size_t *got) {
    ssize_t count;
    do count = read(file, bytes, size);
    while (count < 0 && errno == EINTR);
    if (count < 0) return strata_fail_errno(ctx, errno, "read", path);
    *got = (size_t)count;
    return STRATA_OK;
}

/** Appends the rest of the file. `size` is what the system says it holds: a hint, for files of /proc say 0. */
static strata_status read_plain(strata_context *ctx, const char *path, int file, size_t size, size_t limit,
                                struct buffer *buffer) {
    if (size > limit) return fail_over_limit(ctx, path, limit);
    size_t room = size + 1, total = 0, got = 0; /* the one more finds the end without growing */
    do {
        STRATA_TRY(buffer_reserve(ctx, buffer, room));
        STRATA_TRY(read_some(ctx, path, file, buffer->data + buffer->size, room, &got));
        if (got > limit - total) return fail_over_limit(ctx, path, limit);
        total += got;
        buffer->size += got;
        buffer->data[buffer->size] = '\0';
        room = got < room ? room - got : CHUNK;
    } while (got);
    return STRATA_OK;
}

static void *zlib_alloc(void *user, unsigned count, unsigned size) {
    (void)user;
    return mem_zero(count, size);
}

static void zlib_free(void *user, void *block) {
    (void)user;
    mem_free(block);
}

/** Inflates all input that the stream holds; *ended says whether a gzip member ended with it. */
static strata_status inflate_chunk(strata_context *ctx, const char *path, z_stream *stream, size_t start, size_t limit,
                                   struct buffer *buffer, bool *ended) {
    int code = Z_OK;
    do {
        if (*ended) {
            if (inflateReset(stream) != Z_OK)
                return strata_fail(ctx, STRATA_ERR_INTERNAL, "%s: zlib refused a reset", path);
            *ended = false;
        }
        STRATA_TRY(buffer_reserve(ctx, buffer, CHUNK));
        stream->next_out = (unsigned char *)buffer->data + buffer->size;
        stream->avail_out = CHUNK;
        code = inflate(stream, Z_NO_FLUSH);
        size_t made = CHUNK - stream->avail_out;
        if (code == Z_MEM_ERROR) return strata_fail(ctx, STRATA_ERR_MEMORY, "%s: out of memory while inflating", path);
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: corrupt gzip data after %zu inflated bytes: %s", path,
                               buffer->size - start + made, stream->msg ? stream->msg : "unknown fault");
        buffer->size += made;
        buffer->data[buffer->size] = '\0';
        if (buffer->size - start > limit) return fail_over_limit(ctx, path, limit);
        *ended = code == Z_STREAM_END;
    } while (stream->avail_in || (stream->avail_out == 0 && !*ended));
    return STRATA_OK;
}

/* `start_only`: the first `limit` bytes are enough, and more are no fault. */
static strata_status read_gzip(strata_context *ctx, const char *path, int file, size_t limit, bool start_only,
                               struct buffer *buffer) {
    z_stream stream = {.zalloc = zlib_alloc, .zfree = zlib_free};
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "%s: out of memory while inflating", path);
    strata_status status = STRATA_OK;
    size_t start = buffer->size, got = 0;
    bool ended = false;
    unsigned char *chunk = mem_alloc(CHUNK);
    if (!chunk) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "%s: out of memory while inflating", path));
    for (;;) {
        STRATA_GO(read_some(ctx, path, file, chunk, CHUNK, &got));
        if (!got) break;
        stream.next_in = chunk;
        stream.avail_in = (unsigned)got;
        STRATA_GO(inflate_chunk(ctx, path, &stream, start, start_only ? SIZE_MAX : limit, buffer, &ended));
        if (!start_only || buffer->size - start < limit) continue;
        buffer->size = start + limit;
        ended = true;
        break;
    }
    if (!ended)
        status = strata_fail(ctx, STRATA_ERR_FORMAT, "%s: truncated gzip data after %zu inflated bytes", path,
                             buffer->size - start);
cleanup:
    mem_free(chunk);
    inflateEnd(&stream);
    return status;
}

strata_status file_read(strata_context *ctx, const char *path, size_t limit, struct buffer *buffer) {
    int file = -1;
    size_t size = 0;
    STRATA_TRY(file_open(ctx, path, &file, &size));
    strata_status status = read_plain(ctx, path, file, size, limit, buffer);
    close(file);
    return status;
}

/* Of a plain file, up to its end or `size` bytes. */
static strata_status read_start(strata_context *ctx, const char *path, int file, size_t size, struct buffer *buffer) {
    size_t got = 1;
    STRATA_TRY(buffer_reserve(ctx, buffer, size));
    for (size_t left = size; left && got; left -= got) {
        STRATA_TRY(read_some(ctx, path, file, buffer->data + buffer->size, left, &got));
        buffer->size += got;
    }
    buffer->data[buffer->size] = '\0';
    return STRATA_OK;
}

/* The whole of a file, plain or gzip, of at most `limit` bytes; or its first `limit` bytes. */
static strata_status read_either(strata_context *ctx, const char *path, size_t limit, bool start_only,
                                 struct buffer *buffer) {
    int file = -1;
    size_t size = 0;
    STRATA_TRY(file_open(ctx, path, &file, &size));
    unsigned char magic[2] = {0};
    bool zipped = pread(file, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
    strata_status status = zipped     ? read_gzip(ctx, path, file, limit, start_only, buffer)
                         : start_only ? read_start(ctx, path, file, limit, buffer)
                                      : read_plain(ctx, path, file, size, limit, buffer);
    close(file);
    return status;
}

strata_status file_read_gzip(strata_context *ctx, const char *path, size_t limit, struct buffer *buffer) {
    return read_either(ctx, path, limit, false, buffer);
}

strata_status file_read_gzip_start(strata_context *ctx, const char *path, size_t size, struct buffer *buffer) {
    return read_either(ctx, path, size, true, buffer);
}

static strata_status write_all(strata_context *ctx, const char *path, int file, const unsigned char *bytes,
                               size_t size) {
    while (size) {
        ssize_t count = write(file, bytes, size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return strata_fail_errno(ctx, errno, "write", path);
        bytes += count;
        size -= (size_t)count;
    }
    if (fsync(file) != 0 && errno != EINVAL && errno != EROFS) return strata_fail_errno(ctx, errno, "flush", path);
    return STRATA_OK;
}

strata_status file_write_atomic(strata_context *ctx, const char *path, const void *bytes, size_t size) {
    char *temporary = string_format("%s.tmp-%ld", path, (long)getpid());
    if (!temporary) return strata_fail(ctx, STRATA_ERR_MEMORY, "%s: out of memory", path);
    strata_status status = STRATA_OK;
    int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) {
        status = strata_fail_errno(ctx, errno, "create", path); /* the name that the caller knows */
    } else {
        status = write_all(ctx, path, file, bytes, size);
        if (close(file) != 0 && status == STRATA_OK) status = strata_fail_errno(ctx, errno, "write", path);
        if (status == STRATA_OK && rename(temporary, path) != 0)
            status = strata_fail_errno(ctx, errno, "replace", path);
        if (status != STRATA_OK) unlink(temporary);
    }
    mem_free(temporary);
    return status;
}

static strata_status make_one_folder(strata_context *ctx, const char *path) {
    if (mkdir(path, 0777) == 0) return STRATA_OK;
    int error = errno;
    struct stat state;
    if (stat(path, &state) == 0) {
        if (S_ISDIR(state.st_mode)) return STRATA_OK;
        return strata_fail(ctx, STRATA_ERR_IO, "%s: cannot make the folder: a file of that name is in the way", path);
    }
    return strata_fail_errno(ctx, error, "make the folder", path);
}

strata_status file_make_folder(strata_context *ctx, const char *path) {
    if (!*path) return strata_fail(ctx, STRATA_ERR_ARGUMENT, "cannot make a folder without a name");
    char *copy = mem_string(path);
    if (!copy) return strata_fail(ctx, STRATA_ERR_MEMORY, "%s: out of memory", path);
    strata_status status = STRATA_OK;
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        STRATA_GO(make_one_folder(ctx, copy));
        *slash = '/';
    }
    status = make_one_folder(ctx, copy);
cleanup:
    mem_free(copy);
    return status;
}

bool file_is_folder(const char *path) {
    struct stat state;
    return stat(path, &state) == 0 && S_ISDIR(state.st_mode);
}

bool file_is_regular(const char *path) {
    struct stat state;
    return stat(path, &state) == 0 && S_ISREG(state.st_mode);
}

bool file_exists(const char *path) {
    struct stat state;
    return stat(path, &state) == 0;
}

/* FNV-1a, 64 bits. */
uint64_t file_checksum(const void *bytes, size_t size) {
    const uint64_t prime = UINT64_C(0x100000001b3);
    const unsigned char *byte = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; ++i) hash = (hash ^ byte[i]) * prime;
    return hash;
}
