/* SPDX-License-Identifier: MIT */
/* Whole files: bounded reading, atomic writing, growing text. */
#ifndef CORE_FILE_H
#define CORE_FILE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/** A growing text or byte buffer; zero-initialised is empty. `data` stays NUL-terminated. */
struct buffer {
    char *data;
    size_t size, capacity;
};

/** Room for `extra` more bytes and the NUL behind `size`: data + size may then be written directly. */
STRATA_MUST_USE strata_status buffer_reserve(strata_context *ctx, struct buffer *buffer, size_t extra);
STRATA_MUST_USE strata_status buffer_append(strata_context *ctx, struct buffer *buffer, const void *bytes, size_t size);
STRATA_MUST_USE strata_status buffer_print(strata_context *ctx, struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void buffer_clear(struct buffer *buffer);
void buffer_destroy(struct buffer *buffer);

/**
 * Reads a whole regular file (a folder or device is refused) of at most `limit` bytes; appends to `buffer`.
 * Errors: NOT_FOUND, FORMAT (folder, over the limit), IO, MEMORY; each names the path.
 */
STRATA_MUST_USE strata_status file_read(strata_context *ctx, const char *path, size_t limit, struct buffer *buffer);

/**
 * The same, inflating when the file starts with the gzip magic; `limit` bounds the inflated size. Truncated gzip:
 * FORMAT.
 */
STRATA_MUST_USE strata_status file_read_gzip(strata_context *ctx, const char *path, size_t limit,
                                             struct buffer *buffer);

/**
 * The first `size` bytes of it, fewer where it ends before them; what comes after is neither inflated nor looked at.
 */
STRATA_MUST_USE strata_status file_read_gzip_start(strata_context *ctx, const char *path, size_t size,
                                                   struct buffer *buffer);

/** Writes PATH.tmp-PID, flushes it to disk, renames it to PATH: a reader sees the old file or the whole new one. */
STRATA_MUST_USE strata_status file_write_atomic(strata_context *ctx, const char *path, const void *bytes, size_t size);

/** Makes a folder and its missing parents; an existing folder is fine. */
STRATA_MUST_USE strata_status file_make_folder(strata_context *ctx, const char *path);

bool file_exists(const char *path);
bool file_is_folder(const char *path);
bool file_is_regular(const char *path);

/** 64-bit checksum of bytes (xxhash-like quality is not needed: detects truncation and hand edits). */
uint64_t file_checksum(const void *bytes, size_t size);

/* printf in the C locale into a fresh string owned by the caller (mem_free); NULL when memory is short. */
char *string_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *string_format_list(const char *format, va_list arguments);

/** `path` as one word of a shell command line; fresh string, NULL when memory is short. */
char *shell_word(const char *path);

/** Number in the C locale whatever the environment says. False when `text` is not wholly one finite number. */
bool number_parse(const char *text, double *value);

/** Of two doubles, for qsort in rising order. */
int number_compare(const void *a, const void *b);

/**
 * Shortest text that reads back as the same double ("%.17g" at most), '.' as the point in any locale; `text` holds
 * 32.
 */
void number_format(double value, char text[32]);

/**
 * Bytes of the UTF-8 character that `bytes` (size >= 1) starts with (RFC 3629: no overlong form, no surrogate); 0 if
 * there is none.
 */
size_t utf8_length(const char *bytes, size_t size);
bool utf8_valid(const char *text);

/** Equal but for upper and lower case? */
bool names_alike(const char *a, const char *b);

/** One of the words of "a|b|c"? */
bool word_among(const char *words, const char *word);

/**
 * The member of `names` nearest to `word` by edit distance, in upper or lower case, NULL when none is close: for "did
 * you mean".
 */
const char *name_nearest(const char *word, const char *const *names, size_t count);

#endif
