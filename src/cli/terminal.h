/* SPDX-License-Identifier: MIT */
/* What a terminal can show; wrapped text and aligned tables. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/status.h"

/** Columns of a terminal, 0 for a file or pipe. */
size_t terminal_columns(FILE *stream);
/** Columns to write for: those of a terminal, 40 at least; `otherwise` for a file or pipe. */
size_t terminal_width(FILE *stream, size_t otherwise);
/** A terminal that obeys escapes (TERM is neither empty nor dumb). */
bool terminal_escapes(FILE *stream);
/** A terminal that shows colours, and NO_COLOR is not set. */
bool terminal_colour(FILE *stream);
/** A terminal in a UTF-8 locale: symbols beyond ASCII may be used. */
bool terminal_symbols(FILE *stream);

/** Replaces control characters, which a terminal would obey, and bytes that are no UTF-8 by '?'. */
void text_clean(char *text);

/** One line "strata: ..." on standard error, through text_clean: it may name what a file holds. */
void text_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void text_say_list(const char *format, va_list values) __attribute__((format(printf, 1, 0)));

/** Columns that UTF-8 text takes (one a code point: our texts have no wide ones). */
size_t text_width(const char *text);

/**
 * Words of `text` broken before column `width`, continuation lines indented; `column` is where the cursor
 * stands. Ends the line.
 */
void text_wrap(FILE *out, const char *text, size_t column, size_t indent, size_t width);

/** Three significant digits in at most 10 columns; "-" for NaN. */
void number_short(double value, char text[24]);

/** Cells in row-major order, the first row is the header. Zero-initialise, then set `columns`. */
struct text_table {
    size_t columns, count, capacity;
    char **cells;
};

/** The next cell; through text_clean. */
STRATA_MUST_USE strata_status text_table_add(strata_context *ctx, struct text_table *table, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
STRATA_MUST_USE strata_status text_table_add_number(strata_context *ctx, struct text_table *table, double value);
void text_table_destroy(struct text_table *table);

/** Columns the table takes without indent. */
size_t text_table_width(const struct text_table *table);

/** Terminal escape that opens a cell ("\033[32m"), or NULL. */
typedef const char *(*cell_paint)(size_t column, const char *text);

/**
 * Prints one row (0 is the header) with two blanks between columns; cells that look like numbers, and their
 * headers, stand right. Columns that do not fit in `width` are left out from the right (at least two stay).
 * Returns how many were.
 */
size_t text_table_print_row(const struct text_table *table, FILE *out, size_t row, size_t indent, size_t width,
                            cell_paint paint);

/** The same for all rows. */
size_t text_table_print(const struct text_table *table, FILE *out, size_t width, cell_paint paint);

#endif
