/* SPDX-License-Identifier: MIT */
#include "cli/terminal.h"

#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/file.h"
#include "core/memory.h"

enum { GAP = 2, WIDTH_LEAST = 40, WIDTH_USUAL = 80 };

size_t terminal_columns(FILE *stream) {
    struct winsize size;
    if (!isatty(fileno(stream))) return 0;
    return ioctl(fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0 ? WIDTH_USUAL : size.ws_col;
}

size_t terminal_width(FILE *stream, size_t otherwise) {
    size_t columns = terminal_columns(stream);
    if (columns == 0) return otherwise;
    return columns < WIDTH_LEAST ? WIDTH_LEAST : columns;
}

bool terminal_escapes(FILE *stream) {
    const char *terminal = getenv("TERM");
    return isatty(fileno(stream)) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
}

bool terminal_colour(FILE *stream) {
    const char *refused = getenv("NO_COLOR");
    return terminal_escapes(stream) && !(refused && *refused);
}

bool terminal_symbols(FILE *stream) { return isatty(fileno(stream)) && strcmp(nl_langinfo(CODESET), "UTF-8") == 0; }

size_t text_width(const char *text) {
    size_t width = 0;
    for (; *text; ++text) width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

void text_clean(char *text) {
    for (size_t left = strlen(text), size; left; text += size, left -= size) {
        size = utf8_length(text, left);
        unsigned char first = (unsigned char)text[0], second = (unsigned char)text[size > 1];
        bool control = first < 0x20 || first == 0x7F || (first == 0xC2 && second < 0xA0); /* C0, DEL, C1 */
        if (size == 0) control = true, size = 1;                                          /* no UTF-8 */
        if (control) memset(text, '?', size);
    }
}

void text_say_list(const char *format, va_list values) {
    char *line = string_format_list(format, values);
    if (line) text_clean(line);
    fprintf(stderr, "strata: %s\n", line ? line : "out of memory");
    mem_free(line);
}

void text_say(const char *format, ...) {
    va_list values;
    va_start(values, format);
    text_say_list(format, values);
    va_end(values);
}

static size_t word_bytes(const char *text) { return strcspn(text, " \n"); }

void text_wrap(FILE *out, const char *text, size_t column, size_t indent, size_t width) {
    bool first = true;
    if (column < indent) {
        fprintf(out, "%*s", (int)(indent - column), "");
        column = indent;
    }
    for (text += strspn(text, " \n"); *text; text += strspn(text, " \n")) {
        size_t bytes = word_bytes(text), columns = 0;
        for (size_t i = 0; i < bytes; ++i) columns += ((unsigned char)text[i] & 0xC0) != 0x80;
        if (!first && column + 1 + columns > width) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!first) {
            fputc(' ', out);
            ++column;
        }
        fwrite(text, 1, bytes, out);
        column += columns;
        text += bytes;
        first = false;
    }
    fputc('\n', out);
}

void number_short(double value, char text[24]) {
    double size = fabs(value);
    if (isnan(value)) {
        snprintf(text, 24, "-");
        return;
    }
    snprintf(text, 24, size >= 100 && size < 1e6 ? "%.0f" : "%.3g", value);
    char *exponent = strchr(text, 'e'); /* 1.2e-05 is 1.2e-5 */
    if (!exponent) return;
    char *digits = exponent + 1 + (exponent[1] == '-' || exponent[1] == '+'), *significant = digits;
    while (*significant == '0' && significant[1]) ++significant;
    memmove(digits, significant, strlen(significant) + 1);
    if (exponent[1] == '+') memmove(exponent + 1, exponent + 2, strlen(exponent + 2) + 1);
}

strata_status text_table_add(strata_context *ctx, struct text_table *table, const char *format, ...) {
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? 2 * table->capacity : 64;
        char **cells = mem_resize(table->cells, capacity, sizeof *cells);
        if (!cells) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a table of %zu cells", capacity);
        table->cells = cells;
        table->capacity = capacity;
    }
    va_list values;
    va_start(values, format);
    char *cell = string_format_list(format, values);
    va_end(values);
    if (!cell) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a cell of a table");
    text_clean(cell);
    table->cells[table->count++] = cell;
    return STRATA_OK;
}

strata_status text_table_add_number(strata_context *ctx, struct text_table *table, double value) {
    char text[24];
    number_short(value, text);
    return text_table_add(ctx, table, "%s", text);
}

void text_table_destroy(struct text_table *table) {
    for (size_t i = 0; i < table->count; ++i) mem_free(table->cells[i]);
    mem_free(table->cells);
    *table = (struct text_table){0};
}

static size_t column_width(const struct text_table *table, size_t column) {
    size_t widest = 0;
    for (size_t i = column; i < table->count; i += table->columns) {
        size_t width = text_width(table->cells[i]);
        if (width > widest) widest = width;
    }
    return widest;
}

size_t text_table_width(const struct text_table *table) {
    size_t width = 0;
    for (size_t column = 0; column < table->columns; ++column)
        width += column_width(table, column) + (column ? GAP : 0);
    return width;
}

/* A column of numbers: every cell below the header is a number, "-" or empty, and one is a number. */
static bool column_is_numeric(const struct text_table *table, size_t column) {
    bool numeric = false;
    double value;
    for (size_t i = column + table->columns; i < table->count; i += table->columns) {
        const char *cell = table->cells[i];
        if (*cell == '\0' || strcmp(cell, "-") == 0) continue;
        if (!number_parse(cell, &value)) return false;
        numeric = true;
    }
    return numeric;
}

static void print_cell(FILE *out, const char *text, size_t width, bool right, bool last, const char *colour) {
    size_t blanks = width - text_width(text);
    if (right) fprintf(out, "%*s", (int)blanks, "");
    fprintf(out, "%s%s%s", colour ? colour : "", text, colour ? "\033[0m" : "");
    if (!right && !last) fprintf(out, "%*s", (int)blanks, "");
    if (!last) fprintf(out, "%*s", GAP, "");
}

size_t text_table_print_row(const struct text_table *table, FILE *out, size_t row, size_t indent, size_t width,
                            cell_paint paint) {
    size_t shown = 0, used = indent;
    char *const *cells = table->cells + row * table->columns;
    while (shown < table->columns) {
        size_t wanted = column_width(table, shown) + (shown ? GAP : 0);
        if (shown >= 2 && used + wanted > width) break;
        used += wanted;
        ++shown;
    }
    fprintf(out, "%*s", (int)indent, "");
    for (size_t column = 0; column < shown; ++column) {
        const char *colour = !paint ? NULL : row == 0 ? "\033[1m" : paint(column, cells[column]);
        print_cell(out, cells[column], column_width(table, column), column_is_numeric(table, column),
                   column + 1 == shown, colour);
    }
    fputc('\n', out);
    return table->columns - shown;
}

size_t text_table_print(const struct text_table *table, FILE *out, size_t width, cell_paint paint) {
    size_t hidden = 0;
    for (size_t row = 0; row < table->count / table->columns; ++row)
        hidden = text_table_print_row(table, out, row, 0, width, paint);
    return hidden;
}
