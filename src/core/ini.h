/* SPDX-License-Identifier: MIT */
/* INI text to (section, key, value, line) entries; rules of the command-line contract. Over inih. */
#ifndef CORE_INI_H
#define CORE_INI_H

#include <stddef.h>

#include "core/status.h"

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
 * lines of their own (# or ;), a value may contain ' ;' and '#'. Refused with path:line: a line over 190 bytes,
 * a continuation line, a key before any section, a repeated key, a NUL or control byte, a name that is not lower_snake_case,
 * an empty value, a folder, a file over 1 MiB.
 */
STRATA_MUST_USE strata_status ini_read(strata_context *ctx, const char *path, struct ini_file *file);

/** The same on bytes in memory; `path` only names them in messages. */
STRATA_MUST_USE strata_status ini_parse(strata_context *ctx, const char *path, const char *text, size_t size, struct ini_file *file);

void ini_destroy(struct ini_file *file);

#endif
