/* SPDX-License-Identifier: MIT */
/* Numeric tables as comma-separated values (RFC 4180 fields, one number each). */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "data/dataset.h"

enum { MAX_COLUMNS = 1 << 20, MAX_FIELD = 4096 };
static const size_t MAX_BYTES = (size_t)1 << 31;

struct reader {
    strata_context *ctx;
    const char *path, *next, *end;
    size_t line, column;   /* of the field last read, from 1 */
    char field[MAX_FIELD]; /* its text, blanks trimmed unless quoted */
    bool ends_line;
};

static strata_status reader_fault(const struct reader *reader, const char *expected) {
    return strata_fail(reader->ctx, STRATA_ERR_FORMAT, "%s:%zu: column %zu: expected %s, got '%.40s'", reader->path,
                       reader->line, reader->column, expected, reader->field);
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* Skips blank lines; false at the end of the text. */
static bool start_line(struct reader *reader) {
    for (;;) {
        const char *at = reader->next;
        while (at < reader->end && (is_blank(*at) || *at == '\r')) ++at;
        if (at == reader->end) return false;
        ++reader->line;
        reader->column = 0;
        if (*at != '\n') return true;
        reader->next = at + 1;
    }
}

static strata_status put(struct reader *reader, size_t *length, char c) {
    if (c == '\0') return reader_fault(reader, "text without NUL bytes");
    if (*length + 1 == MAX_FIELD) return reader_fault(reader, "a field of at most 4095 bytes");
    reader->field[(*length)++] = c;
    reader->field[*length] = '\0';
    return STRATA_OK;
}

/* The inside of a quoted field, up to and with the closing quote. */
static strata_status read_quoted(struct reader *reader, size_t *length) {
    for (++reader->next; reader->next < reader->end; ++reader->next) {
        if (*reader->next == '"') {
            ++reader->next;
            if (reader->next == reader->end || *reader->next != '"') return STRATA_OK;
        }
        if (*reader->next == '\n') break;
        STRATA_TRY(put(reader, length, *reader->next));
    }
    return reader_fault(reader, "a closing quote on the same line");
}

static strata_status read_field(struct reader *reader) {
    size_t length = 0;
    bool quoted;
    reader->field[0] = '\0';
    ++reader->column;
    while (reader->next < reader->end && is_blank(*reader->next)) ++reader->next;
    quoted = reader->next < reader->end && *reader->next == '"';
    if (quoted) STRATA_TRY(read_quoted(reader, &length));
    for (; reader->next < reader->end && *reader->next != ',' && *reader->next != '\n'; ++reader->next) {
        bool line_feed_follows = reader->next + 1 == reader->end || reader->next[1] == '\n';
        if (*reader->next == '\r' && line_feed_follows) continue;
        if (quoted && !is_blank(*reader->next)) return reader_fault(reader, "a comma after the closing quote");
        if (!quoted) STRATA_TRY(put(reader, &length, *reader->next));
    }
    while (!quoted && length && is_blank(reader->field[length - 1])) reader->field[--length] = '\0';
    reader->ends_line = reader->next == reader->end || *reader->next == '\n';
    if (reader->next < reader->end) ++reader->next;
    return STRATA_OK;
}

/* ---- the table ---- */

static strata_status grow(strata_context *ctx, void **block, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) return STRATA_OK;
    size_t wanted = *capacity ? 2 * *capacity : 8;
    void *larger = mem_resize(*block, wanted, size);
    if (!larger) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a table of %zu cells", wanted);
    *block = larger;
    *capacity = wanted;
    return STRATA_OK;
}

/* Reads the first line as texts: names for now. */
static strata_status read_first_line(struct reader *reader, struct csv_table *table) {
    size_t capacity = 0;
    do {
        STRATA_TRY(read_field(reader));
        if (table->columns == MAX_COLUMNS) return reader_fault(reader, "at most 1048576 columns");
        void *names = table->names;
        strata_status status = grow(reader->ctx, &names, table->columns, &capacity, sizeof *table->names);
        table->names = names;
        STRATA_TRY(status);
        table->names[table->columns] = mem_string(reader->field);
        if (!table->names[table->columns])
            return strata_fail(reader->ctx, STRATA_ERR_MEMORY, "%s: no memory for %zu columns", reader->path,
                               table->columns);
        ++table->columns;
    } while (!reader->ends_line);
    return STRATA_OK;
}

static bool all_numbers(const struct csv_table *table) {
    double value;
    for (size_t i = 0; i < table->columns; ++i)
        if (!number_parse(table->names[i], &value)) return false;
    return true;
}

static strata_status check_names(const struct reader *reader, const struct csv_table *table) {
    for (size_t i = 0; i < table->columns; ++i) {
        if (!*table->names[i])
            return strata_fail(reader->ctx, STRATA_ERR_FORMAT, "%s:%zu: column %zu: expected a name, got nothing",
                               reader->path, reader->line, i + 1);
        for (size_t j = 0; j < i && table->columns <= 4096; ++j)
            if (!strcmp(table->names[i], table->names[j]))
                return strata_fail(reader->ctx, STRATA_ERR_FORMAT,
                                   "%s:%zu: column %zu: the name '%s' is already that of column %zu", reader->path,
                                   reader->line, i + 1, table->names[i], j + 1);
    }
    return STRATA_OK;
}

/* The first line held numbers: they are row 1, and columns are named by number. */
static strata_status first_line_to_row(const struct reader *reader, struct csv_table *table) {
    for (size_t i = 0; i < table->columns; ++i) {
        if (!number_parse(table->names[i], &table->values[i]))
            return strata_fail(reader->ctx, STRATA_ERR_INTERNAL, "%s: line 1 changed", reader->path);
        mem_free(table->names[i]);
        table->names[i] = string_format("column_%zu", i + 1);
        if (!table->names[i])
            return strata_fail(reader->ctx, STRATA_ERR_MEMORY, "%s: no memory for %zu columns", reader->path,
                               table->columns);
    }
    table->rows = 1;
    return STRATA_OK;
}

static strata_status read_row(struct reader *reader, const struct csv_table *table, double *row) {
    for (size_t i = 0; i < table->columns; ++i) {
        STRATA_TRY(read_field(reader));
        if (!number_parse(reader->field, &row[i])) return reader_fault(reader, "a finite number");
        if (reader->ends_line != (i + 1 == table->columns))
            return strata_fail(reader->ctx, STRATA_ERR_FORMAT,
                               "%s:%zu: expected %zu columns as on the first line, got %s%zu", reader->path,
                               reader->line, table->columns, reader->ends_line ? "" : "more than ",
                               reader->ends_line ? i + 1 : table->columns);
    }
    return STRATA_OK;
}

/* Room for one row more. */
static strata_status reserve_row(const struct reader *reader, struct csv_table *table, size_t *capacity) {
    void *values = table->values;
    strata_status status = grow(reader->ctx, &values, table->rows, capacity, table->columns * sizeof *table->values);
    table->values = values;
    return status;
}

static strata_status read_table(struct reader *reader, struct csv_table *table) {
    size_t capacity = 0;
    if (!start_line(reader))
        return strata_fail(reader->ctx, STRATA_ERR_FORMAT, "%s: expected a table of numbers, got an empty file",
                           reader->path);
    STRATA_TRY(read_first_line(reader, table));
    STRATA_TRY(reserve_row(reader, table, &capacity));
    if (all_numbers(table))
        STRATA_TRY(first_line_to_row(reader, table));
    else
        STRATA_TRY(check_names(reader, table));
    while (start_line(reader)) {
        STRATA_TRY(reserve_row(reader, table, &capacity));
        STRATA_TRY(read_row(reader, table, table->values + table->rows * table->columns));
        ++table->rows;
    }
    if (table->rows) return STRATA_OK;
    return strata_fail(reader->ctx, STRATA_ERR_FORMAT, "%s:%zu: expected rows of numbers below the header, got none",
                       reader->path, reader->line);
}

strata_status csv_parse(strata_context *ctx, const char *path, const char *text, size_t size, struct csv_table *table) {
    static const char BOM[] = "\xef\xbb\xbf";
    struct csv_table result = {0};
    struct reader reader = {.ctx = ctx, .path = path, .next = text, .end = text + size};
    if (size >= 3 && !memcmp(text, BOM, 3)) reader.next += 3;
    strata_status status = read_table(&reader, &result);
    if (status == STRATA_OK)
        *table = result;
    else
        csv_destroy(&result);
    return status;
}

strata_status csv_read(strata_context *ctx, const char *path, struct csv_table *table) {
    struct buffer buffer = {0};
    strata_status status = file_read_gzip(ctx, path, MAX_BYTES, &buffer);
    if (status == STRATA_OK) status = csv_parse(ctx, path, buffer.size ? buffer.data : "", buffer.size, table);
    buffer_destroy(&buffer);
    return status;
}

void csv_destroy(struct csv_table *table) {
    if (!table) return;
    for (size_t i = 0; i < table->columns; ++i) mem_free(table->names[i]);
    mem_free(table->names);
    mem_free(table->values);
    *table = (struct csv_table){0};
}
