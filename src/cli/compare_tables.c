/* SPDX-License-Identifier: MIT */
/*
 * Tables and curves of several runs. Rows of a table are matched by their text cells (and, among equal ones, by
 * their order); whole numbers that are the same everywhere join the label, so that only what differs takes a line.
 */
#include <math.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/compare.h"
#include "cli/terminal.h"
#include "core/json.h"
#include "core/memory.h"
#include "run/figure_data.h"

static const json_t *table_of(const struct compared_run *run, const char *id) {
    return json_with_id(json_object_get(run->result, "tables"), id);
}

static bool same_texts(const json_t *a, const json_t *b) {
    for (size_t i = 0; i < json_array_size(a); ++i) {
        const json_t *cell = json_array_get(a, i), *other = json_array_get(b, i);
        if (json_is_string(cell) != json_is_string(other) || (json_is_string(cell) && !json_equal(cell, other)))
            return false;
    }
    return json_array_size(a) == json_array_size(b);
}

/* How many rows before `index` have the same text cells as `row`. */
static size_t occurrence(const json_t *rows, size_t index, const json_t *row) {
    size_t count = 0;
    for (size_t i = 0; i < index; ++i) count += same_texts(json_array_get(rows, i), row);
    return count;
}

static const json_t *matching_row(const json_t *table, const json_t *row, size_t skip) {
    size_t i;
    json_t *other;
    json_array_foreach(json_object_get(table, "rows"), i,
                       other) if (same_texts(other, row) && skip-- == 0) return other;
    return NULL;
}

static bool same_value(const json_t *a, const json_t *b) {
    double x = json_number_read(a), y = json_number_read(b);
    return json_is_string(a) ? json_equal(a, b) : x == y || (isnan(x) && isnan(y));
}

/* A table of the first run, and which of the others' rows are like its own: found once, for that takes rows^2 looks. */
struct matched_table {
    const json_t *table, *rows, *names;
    size_t count, columns;
    const json_t **others; /* [count, runs]; NULL: none */
    bool *common;          /* [columns]: equal cells wherever rows match, so it belongs to the label */
};

static bool column_is_common(const struct comparison *comparison, const struct matched_table *matched, size_t column) {
    for (size_t i = 0; i < matched->count; ++i)
        for (size_t run = 1; run < comparison->count; ++run) {
            const json_t *other = matched->others[i * comparison->count + run], *row = json_array_get(matched->rows, i);
            if (other && !same_value(json_array_get(row, column), json_array_get(other, column))) return false;
        }
    return true;
}

static void matched_table_destroy(struct matched_table *matched) {
    mem_free(matched->others);
    mem_free(matched->common);
}

static strata_status matched_table_create(strata_context *ctx, const struct comparison *comparison, const json_t *table,
                                          struct matched_table *matched) {
    const json_t *rows = json_object_get(table, "rows");
    size_t cells = 0;
    *matched = (struct matched_table){
        .table = table, .rows = rows, .names = json_object_get(table, "columns"), .count = json_array_size(rows)};
    for (size_t i = 0; i < matched->count; ++i) {
        size_t columns = json_array_size(json_array_get(rows, i));
        if (columns > matched->columns) matched->columns = columns;
    }
    STRATA_TRY(mem_product(ctx, matched->count, comparison->count, "rows to compare", &cells));
    matched->others = mem_zero(cells, sizeof *matched->others);
    matched->common = mem_zero(matched->columns, sizeof *matched->common);
    if (!matched->others || !matched->common)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu rows to compare", matched->count);
    for (size_t i = 0; i < matched->count; ++i) {
        const json_t *row = json_array_get(rows, i);
        size_t before = occurrence(rows, i, row);
        for (size_t run = 0; run < comparison->count; ++run)
            matched->others[i * comparison->count + run] = matching_row(
                table_of(&comparison->runs[run], json_text(table, "id", "")), row, before);
    }
    for (size_t column = 0; column < matched->columns; ++column)
        matched->common[column] = column_is_common(comparison, matched, column);
    return STRATA_OK;
}

static strata_status row_label(strata_context *ctx, const struct matched_table *matched, const json_t *row,
                               struct buffer *label) {
    buffer_clear(label);
    for (size_t column = 0; column < json_array_size(row); ++column) {
        const json_t *cell = json_array_get(row, column);
        const char *name = json_string_value(json_array_get(matched->names, column)), *gap = label->size ? " " : "";
        char number[24];
        if (!matched->common[column]) continue;
        double value = json_number_read(cell);
        if (!json_is_string(cell) && value != floor(value)) continue;
        number_short(value, number);
        if (json_is_string(cell))
            STRATA_TRY(buffer_print(ctx, label, "%s%s", gap, json_string_value(cell)));
        else
            STRATA_TRY(buffer_print(ctx, label, "%s%s=%s", gap, name ? name : "?", number));
    }
    return buffer_print(ctx, label, "%s", "");
}

/* One line for each number of the row that is not common. */
static strata_status add_row(strata_context *ctx, const struct comparison *comparison, struct text_table *text,
                             const struct matched_table *matched, size_t index, const char *label) {
    const json_t *row = json_array_get(matched->rows, index);
    for (size_t column = 0; column < json_array_size(row); ++column) {
        const char *name = json_string_value(json_array_get(matched->names, column));
        if (json_is_string(json_array_get(row, column)) || matched->common[column]) continue;
        STRATA_TRY(text_table_add(ctx, text, "%s", label));
        STRATA_TRY(text_table_add(ctx, text, "%s", name ? name : "?"));
        for (size_t run = 0; run < comparison->count; ++run) {
            const json_t *other = matched->others[index * comparison->count + run];
            STRATA_TRY(text_table_add_number(ctx, text, other ? json_number_read(json_array_get(other, column)) : NAN));
        }
    }
    return STRATA_OK;
}

static strata_status compare_table(strata_context *ctx, const struct comparison *comparison, const json_t *table) {
    struct text_table text = {0};
    struct buffer label = {0};
    struct matched_table matched;
    strata_status status = STRATA_OK;
    STRATA_GO(matched_table_create(ctx, comparison, table, &matched));
    STRATA_GO(compare_header(ctx, comparison, &text, 2, (const char *const[]){"row", "column"}));
    for (size_t i = 0; i < matched.count; ++i) {
        STRATA_GO(row_label(ctx, &matched, json_array_get(matched.rows, i), &label));
        STRATA_GO(add_row(ctx, comparison, &text, &matched, i, label.data));
    }
    fprintf(comparison->out, "\nTable %s%s\n", json_text(table, "id", "?"),
            text.count > text.columns ? ":" : ": the same in all.");
    if (text.count > text.columns) text_table_print(&text, comparison->out, comparison->width, NULL);
cleanup:
    matched_table_destroy(&matched);
    buffer_destroy(&label);
    text_table_destroy(&text);
    return status;
}

strata_status compare_tables(strata_context *ctx, const struct comparison *comparison) {
    size_t i;
    json_t *table;
    json_array_foreach(json_object_get(comparison->runs[0].result, "tables"), i, table) {
        size_t having = 0;
        for (size_t run = 0; run < comparison->count; ++run)
            having += table_of(&comparison->runs[run], json_text(table, "id", "")) != NULL;
        if (having > 1) STRATA_TRY(compare_table(ctx, comparison, table));
    }
    return STRATA_OK;
}

/* ---- curves ---- */

/* Last point of a series, or of one bar of it. */
static const struct figure_point *last_point(const struct figure_data *data, const char *series, const char *category) {
    const struct figure_point *found = NULL;
    for (size_t i = 0; i < data->point_count; ++i) {
        const struct figure_point *point = &data->points[i];
        bool same = strcmp(data->series.names[point->series], series) == 0;
        if (same && category) same = strcmp(data->categories.names[point->category], category) == 0;
        if (same) found = point;
    }
    return found;
}

/* Values have an x of their own. */
static bool has_curves(enum figure_kind kind) { return kind == FIGURE_LINES || kind == FIGURE_POINTS; }

static strata_status add_end(strata_context *ctx, const struct comparison *comparison, struct text_table *text,
                             const struct figure_data *data, const char *series, const char *category) {
    STRATA_TRY(text_table_add(ctx, text, "%s%s%s", series, category ? ", " : "", category ? category : ""));
    for (size_t run = 0; run < comparison->count; ++run) {
        const struct figure_point *point = last_point(&data[run], series, category);
        char x[24] = "", y[24] = "-";
        if (point) number_short(point->x, x);
        if (point) number_short(point->y, y);
        STRATA_TRY(text_table_add(ctx, text, point && has_curves(data[run].kind) ? "%s at %s" : "%s%.0s", y, x));
    }
    return STRATA_OK;
}

static strata_status print_ends(strata_context *ctx, const struct comparison *comparison, const struct figure *figure,
                                const struct figure_data *data) {
    struct text_table text = {0};
    strata_status status = STRATA_OK;
    STRATA_GO(compare_header(ctx, comparison, &text, 1, (const char *const[]){"series"}));
    for (size_t series = 0; series < data[0].series.count; ++series) {
        const char *name = data[0].series.names[series];
        if (data[0].categories.count == 0) STRATA_GO(add_end(ctx, comparison, &text, data, name, NULL));
        for (size_t i = 0; i < data[0].categories.count; ++i)
            STRATA_GO(add_end(ctx, comparison, &text, data, name, data[0].categories.names[i]));
    }
    if (text.count > text.columns) {
        fprintf(comparison->out, "\nFigure %s (%s)%s:\n", figure->id,
                figure->kind == FIGURE_RANKING ? figure->x_label : figure->y_label,
                has_curves(figure->kind) ? ", ends of the curves" : "");
        text_table_print(&text, comparison->out, comparison->width, NULL);
    }
cleanup:
    text_table_destroy(&text);
    return status;
}

strata_status compare_curves(strata_context *ctx, const struct comparison *comparison) {
    strata_status status = STRATA_OK;
    if (!comparison->study) return STRATA_OK;
    struct figure_data *data = mem_zero(comparison->count, sizeof *data);
    if (!data) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for curves of %zu runs", comparison->count);
    for (const struct figure *figure = comparison->study->figures; figure && figure->id && status == STRATA_OK;
         ++figure) {
        for (size_t run = 0; run < comparison->count && status == STRATA_OK && figure->kind != FIGURE_TILES; ++run) {
            status = figure_data_read(ctx, figure->kind, comparison->runs[run].directory, figure->id, &data[run]);
            if (status == STRATA_ERR_NOT_FOUND) {
                context_clear(ctx); /* a figure of another preset */
                status = STRATA_OK;
            }
        }
        if (status == STRATA_OK) status = print_ends(ctx, comparison, figure, data);
        for (size_t run = 0; run < comparison->count; ++run) figure_data_destroy(&data[run]);
    }
    mem_free(data);
    return status;
}
