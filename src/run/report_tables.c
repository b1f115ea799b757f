/* SPDX-License-Identifier: MIT */
/* Tables of result.json. */
#include <string.h>

#include "core/json.h"
#include "run/figure_style.h"
#include "run/report.h"
#include "run/report_text.h"

static const struct table_title *title_find(const struct study *study, const char *id) {
    for (const struct table_title *title = study->tables; title && title->id; title++)
        if (strcmp(title->id, id) == 0) return title;
    return NULL;
}

/** Escapes a name after making it readable. */
static strata_status name_write(struct report *report, const char *name) {
    struct buffer text = {0};
    strata_status status = text_humanise(report->ctx, &text, name);
    if (status == STRATA_OK && text.size) status = text_escape(report->ctx, &report->page, text.data);
    buffer_destroy(&text);
    return status;
}

/** A column of numbers (null: diverged, "": none) is set to the right. */
static bool column_numeric(const json_t *rows, size_t column) {
    bool any = false;
    for (size_t r = 0; r < json_array_size(rows); r++) {
        const json_t *cell = json_array_get(json_array_get(rows, r), column);
        if (json_is_string(cell) && *json_string_value(cell)) return false;
        any = any || json_is_number(cell);
    }
    return any;
}

/** True of the columns that hold the ends of an interval, which one seed does not give. */
static bool interval_end(const json_t *column) {
    const char *name = json_string_value(column);
    return name && (strcmp(name, "low") == 0 || strcmp(name, "high") == 0);
}

static strata_status cell_write(struct report *report, const json_t *cell, const json_t *column, bool numeric,
                                bool first) {
    char number[NUMBER_TEXT_SIZE];
    const char *text = json_string_value(cell);
    if (text && series_title(text)) text = series_title(text);
    if (json_is_null(cell) && interval_end(column)) text = "none";
    if (!text) {
        number_text(json_number_read(cell), number);
        text = number;
    }
    const char *tag = first && !numeric ? "th scope=\"row\"" : "td";
    STRATA_TRY(buffer_print(report->ctx, &report->page, "<%s%s>", tag, numeric ? " class=\"n\"" : ""));
    STRATA_TRY(text_escape(report->ctx, &report->page, text));
    return buffer_print(report->ctx, &report->page, "</%.2s>", tag);
}

static strata_status rows_write(struct report *report, const char *id, const json_t *columns, const json_t *rows) {
    size_t count = json_array_size(columns);
    STRATA_TRY(buffer_print(report->ctx, &report->page, "<thead><tr>"));
    for (size_t c = 0; c < count; c++) {
        const char *name = json_string_value(json_array_get(columns, c));
        STRATA_TRY(buffer_print(report->ctx, &report->page, "<th scope=\"col\"%s>",
                                column_numeric(rows, c) ? " class=\"n\"" : ""));
        STRATA_TRY(name_write(report, name ? name : ""));
        STRATA_TRY(buffer_print(report->ctx, &report->page, "</th>"));
    }
    STRATA_TRY(buffer_print(report->ctx, &report->page, "</tr></thead>\n<tbody>\n"));
    for (size_t r = 0; r < json_array_size(rows); r++) {
        const json_t *row = json_array_get(rows, r);
        if (json_array_size(row) != count)
            return strata_fail(report->ctx, STRATA_ERR_FORMAT, "%s: table '%s': row %zu: expected %zu cells, found %zu",
                               report->result_path, id, r + 1, count, json_array_size(row));
        STRATA_TRY(buffer_print(report->ctx, &report->page, "<tr>"));
        for (size_t c = 0; c < count; c++)
            STRATA_TRY(cell_write(report, json_array_get(row, c), json_array_get(columns, c), column_numeric(rows, c),
                                  c == 0));
        STRATA_TRY(buffer_print(report->ctx, &report->page, "</tr>\n"));
    }
    return buffer_print(report->ctx, &report->page, "</tbody>\n");
}

static strata_status table_write(struct report *report, size_t index) {
    const json_t *table = json_array_get(json_object_get(report->result, "tables"), index);
    char place[32];
    const char *id;
    snprintf(place, sizeof place, "tables[%zu]", index);
    STRATA_TRY(report_text(report, table, place, "id", &id));
    const struct table_title *title = title_find(report->study, id);
    STRATA_TRY(buffer_print(report->ctx, &report->page,
                            "<div class=\"table\"><div class=\"scroll\" tabindex=\"0\" role=\"region\""));
    STRATA_TRY(
        text_print(report->ctx, &report->page, " aria-label=\"%s\">\n<table>\n<caption>", title ? title->title : id));
    STRATA_TRY(title ? text_escape(report->ctx, &report->page, title->title) : name_write(report, id));
    STRATA_TRY(buffer_print(report->ctx, &report->page, "</caption>\n"));
    STRATA_TRY(rows_write(report, id, json_object_get(table, "columns"), json_object_get(table, "rows")));
    STRATA_TRY(buffer_print(report->ctx, &report->page, "</table></div>\n"));
    if (title && title->caption)
        STRATA_TRY(text_print(report->ctx, &report->page, "<p class=\"note\">%s</p>\n", title->caption));
    return buffer_print(report->ctx, &report->page, "</div>\n");
}

strata_status report_tables(struct report *report) {
    size_t count = json_array_size(json_object_get(report->result, "tables"));
    STRATA_TRY(buffer_print(report->ctx, &report->page, "<section>\n<h2 id=\"tables\">Tables</h2>\n%s",
                            count ? "" : "<p>This study makes no tables.</p>\n"));
    for (size_t i = 0; i < count; i++) STRATA_TRY(table_write(report, i));
    return buffer_print(report->ctx, &report->page, "</section>\n");
}
