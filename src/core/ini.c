/* SPDX-License-Identifier: MIT */
/*
 * inih reads a line after we have checked it, because it cuts long lines and sections, counts the pieces
 * of a cut line as lines, joins indented lines to the one before, takes ':' for '=' and ends a value at
 * ' ;'. So every line goes through checks first, and ';' and ':' go to inih as control bytes, which the
 * checks keep out of the text.
 */
#include "core/ini.h"

#include <ini.h>
#include <stdint.h>
#include <string.h>

#include "core/c_locale.h"
#include "core/file.h"
#include "core/memory.h"

enum { INI_FILE_LIMIT = 1 << 20, MASKED_SEMICOLON = 1, MASKED_COLON = 2 };

/** One parse: what is left of the text, and what has been found. */
struct reader {
    strata_context *ctx;
    strata_status status;
    const char *path, *next, *end;
    size_t line;
    bool in_section;
    struct ini_file file;
    size_t capacity;
};

bool ini_name_valid(const char *name, size_t size) {
    if (size == 0 || size > INI_NAME_LIMIT || name[0] < 'a' || name[0] > 'z') return false;
    for (size_t i = 0; i < size; ++i)
        if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') || name[i] == '_')) return false;
    return true;
}

const char *ini_text_fault(const char *text, size_t size) {
    for (size_t i = 0; i < size;) {
        unsigned char byte = (unsigned char)text[i];
        if ((byte < ' ' && byte != '\t') || byte == 0x7f) return byte ? "a control byte" : "a NUL byte";
        size_t length = utf8_length(text + i, size - i);
        if (!length) return "bytes that are not UTF-8";
        i += length;
    }
    return NULL;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/** The text without blanks at its ends. */
static const char *trim(const char *text, size_t *size) {
    while (*size && is_blank(text[0])) ++text, --*size;
    while (*size && is_blank(text[*size - 1])) --*size;
    return text;
}

static strata_status check_section(struct reader *reader, const char *text, size_t size) {
    if (text[size - 1] != ']')
        return strata_fail(reader->ctx, STRATA_ERR_FORMAT, "%s:%zu: expected '[section]', got '%.*s'", reader->path,
                           reader->line, (int)size, text);
    size_t name_size = size - 2;
    const char *name = trim(text + 1, &name_size);
    if (name != text + 1 || name_size != size - 2 || !ini_name_valid(name, name_size))
        return strata_fail(reader->ctx, STRATA_ERR_FORMAT,
                           "%s:%zu: expected a section of at most %d characters a-z, 0-9 and _, got '%.*s'",
                           reader->path, reader->line, INI_NAME_LIMIT, (int)size, text);
    reader->in_section = true;
    return STRATA_OK;
}

static strata_status check_pair(struct reader *reader, const char *text, size_t size) {
    const char *equals = memchr(text, '=', size);
    if (!equals)
        return strata_fail(reader->ctx, STRATA_ERR_FORMAT, "%s:%zu: expected 'key = value', got '%.*s'", reader->path,
                           reader->line, (int)size, text);
    size_t key_size = (size_t)(equals - text), value_size = size - key_size - 1;
    const char *key = trim(text, &key_size);
    if (!ini_name_valid(key, key_size))
        return strata_fail(reader->ctx, STRATA_ERR_FORMAT,
                           "%s:%zu: expected a key of at most %d characters a-z, 0-9 and _, got '%.*s'", reader->path,
                           reader->line, INI_NAME_LIMIT, (int)key_size, key);
    trim(equals + 1, &value_size);
    if (!value_size)
        return strata_fail(reader->ctx, STRATA_ERR_FORMAT, "%s:%zu: key '%.*s' has no value", reader->path,
                           reader->line, (int)key_size, key);
    if (!reader->in_section)
        return strata_fail(reader->ctx, STRATA_ERR_FORMAT, "%s:%zu: key '%.*s' stands before any [section]",
                           reader->path, reader->line, (int)key_size, key);
    return STRATA_OK;
}

static strata_status check_line(struct reader *reader, const char *line, size_t size) {
    const char *fault = ini_text_fault(line, size);
    if (fault)
        return strata_fail(reader->ctx, STRATA_ERR_FORMAT, "%s:%zu: expected UTF-8 text, got %s", reader->path,
                           reader->line, fault);
    if (size > INI_LINE_LIMIT)
        return strata_fail(reader->ctx, STRATA_ERR_FORMAT, "%s:%zu: expected at most %d bytes on a line, got %zu",
                           reader->path, reader->line, INI_LINE_LIMIT, size);
    size_t trimmed_size = size;
    const char *trimmed = trim(line, &trimmed_size);
    if (!trimmed_size || *trimmed == '#' || *trimmed == ';') return STRATA_OK;
    if (is_blank(*line))
        return strata_fail(reader->ctx, STRATA_ERR_FORMAT,
                           "%s:%zu: a line may not begin with a blank (continuation lines are not allowed): '%.*s'",
                           reader->path, reader->line, (int)trimmed_size, trimmed);
    return *trimmed == '[' ? check_section(reader, trimmed, trimmed_size) : check_pair(reader, trimmed, trimmed_size);
}

/** inih's fgets: one checked line, comments emptied. NULL at the end and at a fault. */
static char *read_line(char *target, int room, void *user) {
    struct reader *reader = user;
    if (reader->next == reader->end) return NULL;
    if (room < INI_LINE_LIMIT + 2) {
        reader->status = strata_fail(reader->ctx, STRATA_ERR_INTERNAL,
                                     "inih was built for lines of %d bytes, %d are needed", room - 2, INI_LINE_LIMIT);
        return NULL;
    }
    const char *line = reader->next, *newline = memchr(line, '\n', (size_t)(reader->end - line));
    size_t size = (size_t)((newline ? newline : reader->end) - line);
    reader->next = newline ? newline + 1 : reader->end;
    ++reader->line;
    if (newline && size && line[size - 1] == '\r') --size;
    reader->status = check_line(reader, line, size);
    if (reader->status != STRATA_OK) return NULL;
    memcpy(target, line, size);
    memcpy(target + size, "\n", 2);
    if (strchr("#;", target[strspn(target, " \t")])) memcpy(target, "\n", 2);
    for (char *c = target; *c; ++c) {
        if (*c == ';') *c = MASKED_SEMICOLON;
        if (*c == ':') *c = MASKED_COLON;
    }
    return target;
}

static strata_status check_new(struct reader *reader, const char *section, const char *key) {
    for (size_t i = 0; i < reader->file.count; ++i) {
        const struct ini_entry *entry = &reader->file.entries[i];
        if (strcmp(entry->key, key) == 0 && strcmp(entry->section, section) == 0)
            return strata_fail(reader->ctx, STRATA_ERR_FORMAT, "%s:%zu: key '%s.%s' is repeated, first set on line %zu",
                               reader->path, reader->line, section, key, entry->line);
    }
    return STRATA_OK;
}

static strata_status entry_add(struct reader *reader, const char *section, const char *key, const char *value) {
    struct ini_file *file = &reader->file;
    STRATA_TRY(check_new(reader, section, key));
    if (file->count == INI_ENTRY_LIMIT)
        return strata_fail(reader->ctx, STRATA_ERR_FORMAT, "%s:%zu: expected at most %d keys, got more", reader->path,
                           reader->line, INI_ENTRY_LIMIT);
    if (file->count == reader->capacity) {
        size_t capacity = reader->capacity ? 2 * reader->capacity : 32;
        struct ini_entry *entries = mem_resize(file->entries, capacity, sizeof *entries);
        if (!entries) return strata_fail(reader->ctx, STRATA_ERR_MEMORY, "%s: out of memory", reader->path);
        file->entries = entries;
        reader->capacity = capacity;
    }
    struct ini_entry *entry = &file->entries[file->count++];
    *entry = (struct ini_entry){
        .section = mem_string(section), .key = mem_string(key), .value = mem_string(value), .line = reader->line};
    if (!entry->section || !entry->key || !entry->value)
        return strata_fail(reader->ctx, STRATA_ERR_MEMORY, "%s: out of memory", reader->path);
    for (char *c = entry->value; *c; ++c) {
        if (*c == MASKED_SEMICOLON) *c = ';';
        if (*c == MASKED_COLON) *c = ':';
    }
    return STRATA_OK;
}

/** inih's handler. Goes on after a fault only to find, in read_line, that nothing is left. */
static int take_entry(void *user, const char *section, const char *key, const char *value) {
    struct reader *reader = user;
    if (reader->status != STRATA_OK) return 0;
    reader->status = entry_add(reader, section, key, value);
    if (reader->status != STRATA_OK) reader->next = reader->end;
    return reader->status == STRATA_OK;
}

static int parse_stream(struct reader *reader) {
    struct c_locale scope = c_locale_enter(); /* inih asks isspace */
    int bad_line = ini_parse_stream(read_line, reader, take_entry, reader);
    c_locale_leave(scope);
    return bad_line;
}

strata_status ini_read_bytes(strata_context *ctx, const char *path, const char *text, size_t size,
                             struct ini_file *file) {
    static const unsigned char byte_order_mark[3] = {0xef, 0xbb, 0xbf};
    text = size ? text : ""; /* no arithmetic on NULL */
    struct reader reader = {.ctx = ctx, .path = path, .next = text, .end = text + size};
    if (size >= 3 && memcmp(text, byte_order_mark, 3) == 0) reader.next += 3;
    reader.file.path = mem_string(path);
    if (!reader.file.path) return strata_fail(ctx, STRATA_ERR_MEMORY, "%s: out of memory", path);
    int bad_line = parse_stream(&reader);
    if (reader.status == STRATA_OK && bad_line != 0)
        reader.status = strata_fail(ctx, STRATA_ERR_FORMAT, "%s:%d: expected '[section]' or 'key = value'", path,
                                    bad_line);
    if (reader.status != STRATA_OK) {
        ini_destroy(&reader.file);
        return reader.status;
    }
    *file = reader.file;
    return STRATA_OK;
}

strata_status ini_read(strata_context *ctx, const char *path, struct ini_file *file) {
    struct buffer text = {0};
    strata_status status = file_read(ctx, path, INI_FILE_LIMIT, &text);
    if (status == STRATA_OK) status = ini_read_bytes(ctx, path, text.data, text.size, file);
    buffer_destroy(&text);
    return status;
}

void ini_destroy(struct ini_file *file) {
    for (size_t i = 0; i < file->count; ++i) {
        mem_free(file->entries[i].section);
        mem_free(file->entries[i].key);
        mem_free(file->entries[i].value);
    }
    mem_free(file->entries);
    mem_free(file->path);
    *file = (struct ini_file){0};
}
