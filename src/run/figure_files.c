/* SPDX-License-Identifier: MIT */
/*
 * Figure data to files and back; formats in figure_data.h. CSV as in RFC 4180, except that a quoted field
 * holds no line break (names never do), so that one line is one row and a fault can name it.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "run/figure_data.h"
#include "run/figure_tiles.h"

enum { FIGURE_FIELDS = 6, FIGURE_FILE_LIMIT = 64 << 20 };

/** One kind's columns. */
struct csv_format {
    const char *header;
    size_t fields, value; /* low and high follow the column of the value */
    const char *value_expected;
};

static const struct csv_format point_format = {"series,x,y,low,high,label", 6, 2, "a number or nothing in column y"};
static const struct csv_format bar_format = {"series,category,y,low,high", 5, 2, "a number or nothing in column y"};
static const struct csv_format ranking_format = {"series,x,low,high", 4, 1, "a number or nothing in column x"};

static const char marker_series[] = "@marker";

static const struct csv_format *csv_format_of(enum figure_kind kind) {
    return kind == FIGURE_BARS ? &bar_format : kind == FIGURE_RANKING ? &ranking_format : &point_format;
}

/* ---- writing ---- */

/** DIRECTORY/figures/ID[.PANEL]EXTENSION as a fresh string. */
static strata_status figure_path(strata_context *ctx, const char *directory, const char *id, const char *panel,
                                 const char *extension, char **path) {
    *path = panel ? string_format("%s/figures/%s.%s%s", directory, id, panel, extension)
                  : string_format("%s/figures/%s%s", directory, id, extension);
    return *path ? STRATA_OK : strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: path of figure '%s'", id);
}

static strata_status csv_text(strata_context *ctx, struct buffer *out, const char *text) {
    if (!strpbrk(text, ",\"") && *text != ' ' && *text != '\t') return buffer_append(ctx, out, text, strlen(text));
    STRATA_TRY(buffer_append(ctx, out, "\"", 1));
    for (const char *c = text; *c; c++) STRATA_TRY(buffer_append(ctx, out, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1));
    return buffer_append(ctx, out, "\"", 1);
}

/** ",NUMBER", or "," for what is not finite. */
static strata_status csv_number(strata_context *ctx, struct buffer *out, double value) {
    char text[32] = "";
    if (isfinite(value)) number_format(value, text);
    return buffer_print(ctx, out, ",%s", text);
}

static strata_status csv_point(strata_context *ctx, const struct figure_data *data, const struct figure_point *point,
                               struct buffer *out) {
    bool points = csv_format_of(data->kind) == &point_format;
    STRATA_TRY(csv_text(ctx, out, data->series.names[point->series]));
    if (points) STRATA_TRY(csv_number(ctx, out, point->x));
    if (data->kind == FIGURE_BARS) {
        STRATA_TRY(buffer_append(ctx, out, ",", 1));
        STRATA_TRY(csv_text(ctx, out, data->categories.names[point->category]));
    }
    STRATA_TRY(csv_number(ctx, out, point->y));
    STRATA_TRY(csv_number(ctx, out, point->low));
    STRATA_TRY(csv_number(ctx, out, point->high));
    return buffer_print(ctx, out, points ? ",\n" : "\n");
}

static strata_status csv_write(strata_context *ctx, const struct figure_data *data, const char *path) {
    struct buffer out = {0};
    strata_status status;
    STRATA_GO(buffer_print(ctx, &out, "%s\n", csv_format_of(data->kind)->header));
    for (size_t i = 0; i < data->point_count; i++) STRATA_GO(csv_point(ctx, data, &data->points[i], &out));
    for (size_t i = 0; i < data->marker_count; i++) {
        STRATA_GO(buffer_print(ctx, &out, "%s", marker_series));
        STRATA_GO(csv_number(ctx, &out, data->markers[i].x));
        STRATA_GO(buffer_print(ctx, &out, ",,,,"));
        STRATA_GO(csv_text(ctx, &out, data->markers[i].label));
        STRATA_GO(buffer_print(ctx, &out, "\n"));
    }
    STRATA_GO(file_write_atomic(ctx, path, out.data, out.size));
cleanup:
    buffer_destroy(&out);
    return status;
}

static strata_status panel_write(strata_context *ctx, const struct figure_panel *panel, const char *directory,
                                 const char *id) {
    char *path;
    STRATA_TRY(figure_path(ctx, directory, id, panel->name, ".npy", &path));
    strata_status status = tiles_write(ctx, path, (const size_t[3]){panel->count, panel->height, panel->width},
                                       panel->values);
    mem_free(path);
    return status;
}

/** The list of panels goes last: once it is there, so are they. */
static strata_status panels_write(strata_context *ctx, const struct figure_data *data, const char *directory,
                                  const char *id, const char *path) {
    for (size_t i = 0; i < data->panel_count; i++) STRATA_TRY(panel_write(ctx, &data->panels[i], directory, id));
    json_t *names = json_array();
    int failed = names == NULL;
    for (size_t i = 0; i < data->panel_count && !failed; i++)
        failed = json_array_append_new(names, json_string(data->panels[i].name));
    json_t *list = json_object();
    failed = failed || json_object_set(list, "panels", names);
    strata_status status = failed ? strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: panels of figure '%s'", id)
                                  : json_write(ctx, list, 0, path);
    json_decref(names);
    json_decref(list);
    return status;
}

strata_status figure_data_write(strata_context *ctx, const struct figure_data *data, const char *directory,
                                const char *id) {
    bool tiles = data->kind == FIGURE_TILES;
    char *folder = string_format("%s/figures", directory), *path = NULL;
    strata_status status = folder ? STRATA_OK
                                  : strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: path of figure '%s'", id);
    if (status != STRATA_OK) goto cleanup;
    STRATA_GO(file_make_folder(ctx, folder));
    STRATA_GO(figure_path(ctx, directory, id, NULL, tiles ? ".json" : ".csv", &path));
    STRATA_GO(tiles ? panels_write(ctx, data, directory, id, path) : csv_write(ctx, data, path));
cleanup:
    mem_free(folder);
    mem_free(path);
    return status;
}

/* ---- reading ---- */

/** One row of a CSV file, split in place. */
struct csv_row {
    const char *path;
    size_t line, count;
    char *fields[FIGURE_FIELDS];
};

static strata_status row_fail(strata_context *ctx, const struct csv_row *row, const char *expected, const char *found) {
    return strata_fail(ctx, STRATA_ERR_FORMAT, "%s:%zu: expected %s, found '%s'", row->path, row->line, expected,
                       found);
}

/** Unquotes the field that starts at `from` in place; returns what follows it, or NULL when a quote is not closed. */
static char *field_unquote(char *from) {
    char *to = from;
    for (char *c = from + 1; *c; c++) {
        if (*c == '"' && *++c != '"') {
            *to = '\0';
            return c;
        }
        *to++ = *c;
    }
    return NULL;
}

/** Splits `text` at its commas into row->fields; the count goes one past the format's when there are too many. */
static strata_status row_split(strata_context *ctx, struct csv_row *row, char *text, size_t wanted) {
    for (row->count = 0; text; row->count++) {
        if (row->count == wanted)
            return strata_fail(ctx, STRATA_ERR_FORMAT, "%s:%zu: expected %zu fields, found more", row->path, row->line,
                               wanted);
        row->fields[row->count] = text;
        char *end = text;
        if (*text == '"') {
            end = field_unquote(text);
            if (!end)
                return strata_fail(ctx, STRATA_ERR_FORMAT, "%s:%zu: field %zu: quote is not closed", row->path,
                                   row->line, row->count + 1);
            if (*end && *end != ',') return row_fail(ctx, row, "a comma after the closing quote", end);
        } else {
            end += strcspn(text, ",");
        }
        text = *end ? end + 1 : NULL;
        *end = '\0';
    }
    if (row->count == wanted) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_FORMAT, "%s:%zu: expected %zu fields, found %zu", row->path, row->line, wanted,
                       row->count);
}

/** A number, or NaN for an empty field. */
static strata_status row_number(strata_context *ctx, const struct csv_row *row, size_t field, const char *what,
                                double *value) {
    *value = NAN;
    if (!*row->fields[field] || number_parse(row->fields[field], value)) return STRATA_OK;
    return row_fail(ctx, row, what, row->fields[field]);
}

static strata_status row_add(strata_context *ctx, struct figure_data *data, const struct csv_row *row) {
    const struct csv_format *format = csv_format_of(data->kind);
    bool bars = data->kind == FIGURE_BARS;
    double x = 0, y, low, high;
    if (format == &point_format) {
        STRATA_TRY(row_number(ctx, row, 1, "a number in column x", &x));
        if (isnan(x)) return row_fail(ctx, row, "a number in column x", "");
    }
    STRATA_TRY(row_number(ctx, row, format->value, format->value_expected, &y));
    STRATA_TRY(row_number(ctx, row, format->value + 1, "a number or nothing in column low", &low));
    STRATA_TRY(row_number(ctx, row, format->value + 2, "a number or nothing in column high", &high));
    if (isnan(low) != isnan(high))
        return row_fail(ctx, row, "both ends of the interval or none",
                        row->fields[format->value + (isnan(low) ? 2 : 1)]);
    if (!*row->fields[0]) return row_fail(ctx, row, "a name in column series", "");
    if (bars && !*row->fields[1]) return row_fail(ctx, row, "a name in column category", "");
    if (bars) return figure_data_bar(ctx, data, row->fields[0], row->fields[1], y, low, high);
    if (data->kind == FIGURE_RANKING) return figure_data_rank(ctx, data, row->fields[0], y, low, high);
    if (strcmp(row->fields[0], marker_series) != 0) {
        if (*row->fields[0] == '@') return row_fail(ctx, row, "a series or @marker", row->fields[0]);
        return figure_data_point(ctx, data, row->fields[0], x, y, low, high);
    }
    if (!*row->fields[5]) return row_fail(ctx, row, "a marker's name in column label", "");
    return figure_data_marker(ctx, data, row->fields[5], x);
}

/** The first byte of a line that is no UTF-8 text or a control byte; NULL when there is none. */
static const char *line_fault(const char *line, size_t size) {
    for (size_t at = 0, length; at < size; at += length) {
        length = utf8_length(line + at, size - at);
        if (!length || (unsigned char)line[at] < ' ' || line[at] == 127) return line + at;
    }
    return NULL;
}

/** One line without its end; the first must be the header. */
static strata_status line_parse(strata_context *ctx, struct figure_data *data, struct csv_row *row, char *line,
                                size_t size) {
    const struct csv_format *format = csv_format_of(data->kind);
    const char *fault = line_fault(line, size);
    if (fault)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s:%zu: expected UTF-8 text, found byte 0x%02x", row->path,
                           row->line, (unsigned char)*fault);
    if (row->line == 1) return strcmp(line, format->header) == 0 ? STRATA_OK : row_fail(ctx, row, format->header, line);
    STRATA_TRY(row_split(ctx, row, line, format->fields));
    return row_add(ctx, data, row);
}

strata_status figure_data_parse(strata_context *ctx, enum figure_kind kind, const char *path, const char *text,
                                size_t size, struct figure_data *data) {
    *data = (struct figure_data){.kind = kind};
    strata_status status = STRATA_OK;
    struct csv_row row = {.path = path};
    struct buffer line = {0};
    for (size_t at = 0; at < size || row.line == 0;) {
        const char *end = at < size ? memchr(text + at, '\n', size - at) : NULL;
        size_t length = end ? (size_t)(end - text) - at : size - at, kept = length;
        if (kept && text[at + kept - 1] == '\r') kept--;
        row.line++;
        buffer_clear(&line);
        STRATA_GO(buffer_append(ctx, &line, kept ? text + at : "", kept));
        assert(line.data);
        STRATA_GO(line_parse(ctx, data, &row, line.data, line.size));
        at += length + 1;
    }
cleanup:
    buffer_destroy(&line);
    if (status != STRATA_OK) figure_data_destroy(data);
    return status;
}

static strata_status csv_load(strata_context *ctx, enum figure_kind kind, const char *path, struct figure_data *data) {
    struct buffer bytes = {0};
    strata_status status = file_read(ctx, path, FIGURE_FILE_LIMIT, &bytes);
    if (status == STRATA_OK) status = figure_data_parse(ctx, kind, path, bytes.data, bytes.size, data);
    buffer_destroy(&bytes);
    return status;
}

static strata_status panel_load(strata_context *ctx, const char *directory, const char *id, const char *panel,
                                struct figure_data *data) {
    size_t dims[3];
    double *values = NULL;
    char *path;
    STRATA_TRY(figure_path(ctx, directory, id, panel, ".npy", &path));
    strata_status status = tiles_read(ctx, path, dims, &values);
    if (status == STRATA_OK) status = figure_data_tiles(ctx, data, panel, dims[0], dims[1], dims[2], values);
    mem_free(values);
    mem_free(path);
    return status;
}

static strata_status panels_load(strata_context *ctx, const char *directory, const char *id, const char *path,
                                 struct figure_data *data) {
    json_t *list = NULL;
    strata_status status;
    STRATA_GO(json_read(ctx, path, &list));
    const json_t *names = json_object_get(list, "panels");
    if (!json_is_array(names)) {
        status = strata_fail(ctx, STRATA_ERR_FORMAT, "%s: key 'panels': expected a list of names", path);
        goto cleanup;
    }
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (!name || !*name || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")]) {
            status = strata_fail(ctx, STRATA_ERR_FORMAT,
                                 "%s: key 'panels': item %zu: expected a name of a-z, 0-9 and _, found '%s'", path,
                                 i + 1, name ? name : "no text");
            goto cleanup;
        }
        STRATA_GO(panel_load(ctx, directory, id, name, data));
    }
cleanup:
    json_decref(list);
    return status;
}

strata_status figure_data_read(strata_context *ctx, enum figure_kind kind, const char *directory, const char *id,
                               struct figure_data *data) {
    bool tiles = kind == FIGURE_TILES;
    char *path;
    *data = (struct figure_data){.kind = kind};
    STRATA_TRY(figure_path(ctx, directory, id, NULL, tiles ? ".json" : ".csv", &path));
    strata_status status = tiles ? panels_load(ctx, directory, id, path, data) : csv_load(ctx, kind, path, data);
    if (status != STRATA_OK) figure_data_destroy(data);
    mem_free(path);
    return status;
}
