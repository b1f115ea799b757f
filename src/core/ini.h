/* SPDX-License-Identifier: MIT */
/* INI text to (section, key, value, line) entries; rules of the command-line contract. Over inih. */
#ifndef CORE_INI_H
#define CORE_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

enum {
    INI_LINE_LIMIT = 190, /* bytes of a line without its end; inih cuts lines of 198 silently */
    INI_NAME_LIMIT = 48,  /* bytes of a section or key; inih cuts sections of 50 silently */
    INI_ENTRY_LIMIT = 4096
};

struct ini_entry {
    char *section, *key, *value;
    size_t line;
};

struct ini_file {
    char *path;
    struct ini_entry *entries; /* in file order */
    size_t count;
};

/**
 * Parses and checks: `[section]`, `key = value`, two levels, lower_snake_case names, UTF-8, comments on
 * lines of their own (# or ;), a value may contain ' ;' and '#'. LF or CRLF, with or without a byte order mark.
 * Refused with path:line: a line over 190 bytes, a continuation line, a key before any section, a repeated
 * key, a NUL or control byte, a name that is not lower_snake_case, an empty value, a folder, a file over 1 MiB.
 * Errors: NOT_FOUND, IO, FORMAT, MEMORY; `file` is then untouched.
 */
STRATA_MUST_USE strata_status ini_read(strata_context *ctx, const char *path, struct ini_file *file);

/** The same on bytes in memory (inih owns the name ini_parse); `path` only names them in messages. */
STRATA_MUST_USE strata_status ini_read_bytes(strata_context *ctx, const char *path, const char *text, size_t size,
                                             struct ini_file *file);

void ini_destroy(struct ini_file *file);

/** True for [a-z][a-z0-9_]* of at most INI_NAME_LIMIT bytes. */
bool ini_name_valid(const char *name, size_t size);

/** Why the bytes cannot stand on a line ("a control byte", "bytes that are not UTF-8"); NULL when they can. */
const char *ini_text_fault(const char *text, size_t size);

#endif
