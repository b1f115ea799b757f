/* SPDX-License-Identifier: MIT */
/* Collecting what summarise says, and printing it as the lower half of result.json. */
#include "run/summary.h"

#include <math.h>
#include <string.h>

#include "core/json.h"
#include "core/memory.h"

/* ---- life ---- */

strata_status summary_create(strata_context *ctx, const struct study *study, enum preset_kind preset,
                             struct summary *summary) {
    *summary = (struct summary){.study = study, .preset = preset};
    while (study->claims && study->claims[summary->claim_count].id) summary->claim_count++;
    while (study->tables && study->tables[summary->table_count].id) summary->table_count++;
    while (study->figures && study->figures[summary->figure_count].id) summary->figure_count++;
    summary->claims = mem_zero(summary->claim_count, sizeof *summary->claims);
    summary->tables = mem_zero(summary->table_count, sizeof *summary->tables);
    summary->figures = mem_zero(summary->figure_count, sizeof *summary->figures);
    if (!summary->claims || !summary->tables || !summary->figures) {
        summary_destroy(summary);
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: summary of study '%s'", study->name);
    }
    for (size_t i = 0; study->figures && i < summary->figure_count; ++i)
        summary->figures[i].kind = study->figures[i].kind;
    return STRATA_OK;
}

void summary_destroy(struct summary *summary) {
    for (size_t i = 0; summary->claims && i < summary->claim_count; ++i) mem_free(summary->claims[i].note);
    for (size_t i = 0; summary->tables && i < summary->table_count; ++i) {
        json_decref(summary->tables[i].columns);
        json_decref(summary->tables[i].rows);
    }
    for (size_t i = 0; summary->figures && i < summary->figure_count; ++i) figure_data_destroy(&summary->figures[i]);
    mem_free(summary->claims);
    mem_free(summary->tables);
    mem_free(summary->figures);
    *summary = (struct summary){0};
}

static strata_status undeclared(strata_context *ctx, const struct summary *summary, const char *what, const char *id) {
    return strata_fail(ctx, STRATA_ERR_INTERNAL, "study '%s' declares no %s '%s'", summary->study->name, what, id);
}

static strata_status short_of_memory(strata_context *ctx, const char *what, const char *id) {
    return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: %s '%s'", what, id);
}

/* ---- claims ---- */

/* The note of a diverged claim, when the study gave none: the first seed whose value is missing. */
static char *diverged_note(size_t count, const double *values) {
    size_t i = 0;
    while (i < count && isfinite(values[i])) ++i;
    return string_format("seed %zu diverged", i + 1);
}

strata_status summary_claim(strata_context *ctx, struct summary *summary, const char *id, size_t count,
                            const double *values, const char *note) {
    size_t i = 0;
    while (i < summary->claim_count && strcmp(summary->study->claims[i].id, id) != 0) ++i;
    if (i == summary->claim_count) return undeclared(ctx, summary, "claim", id);
    const struct claim *claim = &summary->study->claims[i];
    struct claim_row *row = &summary->claims[i];
    if (!(claim->presets & (1u << summary->preset))) return STRATA_OK;
    if (row->measured)
        return strata_fail(ctx, STRATA_ERR_INTERNAL, "study '%s': claim '%s' is summarised twice", summary->study->name,
                           id);
    claim_evaluate(claim, count, values, &row->result);
    if (row->result.diverged || (note && *note)) {
        row->note = note && *note ? mem_string(note) : diverged_note(count, values);
        if (!row->note) return short_of_memory(ctx, "note of claim", id);
    }
    row->measured = true;
    return STRATA_OK;
}

/* Ids of the controls of a claim that were measured: CLAIM.NAME. */
static json_t *claim_controls(const struct summary *summary, const struct claim *claim) {
    json_t *ids = json_array();
    size_t size = strlen(claim->id);
    for (size_t i = 0; ids && i < summary->claim_count; ++i) {
        const struct claim *other = &summary->study->claims[i];
        if (claim->control || !other->control || !summary->claims[i].measured) continue;
        if (strncmp(other->id, claim->id, size) != 0 || other->id[size] != '.') continue;
        if (json_array_append_new(ids, json_string(other->id)) == 0) continue;
        json_decref(ids);
        ids = NULL;
    }
    return ids;
}

static json_t *claim_print(const struct summary *summary, size_t i) {
    const struct claim *claim = &summary->study->claims[i];
    const struct claim_result *result = &summary->claims[i].result;
    const char *note = summary->claims[i].note;
    char bound[64];
    claim_bound_text(claim, bound);
    json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:s, s:I, s:s, s:s}", "id", claim->id,
                            "role", claim->control ? "control" : "claim", "expected", expectation_name(claim->expected),
                            "statement", claim->statement, "source", claim->source, "measured",
                            json_number(result->measured), "low", json_number(result->low), "high",
                            json_number(result->high), "unit", claim->unit, "scale",
                            claim->scale == SCALE_LOG ? "log" : "linear", "seeds", (json_int_t)result->seeds, "bound",
                            bound, "verdict", verdict_name(result->verdict));
    bool whole = row && (!note || json_object_set_new(row, "note", json_string(note)) == 0);
    if (whole && json_object_set_new(row, "controls", claim_controls(summary, claim)) == 0) return row;
    json_decref(row);
    return NULL;
}

/* ---- tables ---- */

static strata_status table_find(strata_context *ctx, const struct summary *summary, const char *id,
                                struct table_rows **table) {
    size_t i = 0;
    while (i < summary->table_count && strcmp(summary->study->tables[i].id, id) != 0) ++i;
    if (i == summary->table_count) return undeclared(ctx, summary, "table", id);
    *table = &summary->tables[i];
    return STRATA_OK;
}

strata_status summary_table(strata_context *ctx, struct summary *summary, const char *id, size_t columns,
                            const char *const *names) {
    struct table_rows *table = NULL;
    STRATA_TRY(table_find(ctx, summary, id, &table));
    if (table->columns)
        return strata_fail(ctx, STRATA_ERR_INTERNAL, "study '%s': table '%s' is begun twice", summary->study->name, id);
    table->columns = json_array();
    table->rows = json_array();
    int failed = !table->columns || !table->rows;
    for (size_t i = 0; i < columns && !failed; ++i)
        failed = json_array_append_new(table->columns, json_string(names[i]));
    return failed ? short_of_memory(ctx, "table", id) : STRATA_OK;
}

strata_status summary_row(strata_context *ctx, struct summary *summary, const char *id) {
    struct table_rows *table = NULL;
    STRATA_TRY(table_find(ctx, summary, id, &table));
    if (!table->columns)
        return strata_fail(ctx, STRATA_ERR_INTERNAL, "study '%s': table '%s' has no columns yet", summary->study->name,
                           id);
    return json_array_append_new(table->rows, json_array()) == 0 ? STRATA_OK : short_of_memory(ctx, "table", id);
}

static strata_status cell_add(strata_context *ctx, const struct summary *summary, const char *id, json_t *cell) {
    struct table_rows *table = NULL;
    strata_status status = table_find(ctx, summary, id, &table);
    size_t rows = status == STRATA_OK ? json_array_size(table->rows) : 0;
    if (status == STRATA_OK && rows == 0)
        status = strata_fail(ctx, STRATA_ERR_INTERNAL, "study '%s': table '%s' has no row yet", summary->study->name,
                             id);
    if (status != STRATA_OK) {
        json_decref(cell);
        return status;
    }
    return json_array_append_new(json_array_get(table->rows, rows - 1), cell) == 0
             ? STRATA_OK
             : short_of_memory(ctx, "cell of table", id);
}

/* Whole numbers as such: 4096, not 4096.0. */
strata_status summary_cell(strata_context *ctx, struct summary *summary, const char *id, double value) {
    bool whole = value == floor(value) && fabs(value) < 9007199254740992.0;
    return cell_add(ctx, summary, id, whole ? json_integer((json_int_t)value) : json_number(value));
}

strata_status summary_cell_text(strata_context *ctx, struct summary *summary, const char *id, const char *text) {
    return cell_add(ctx, summary, id, json_string(text));
}

strata_status summary_check(strata_context *ctx, const struct summary *summary) {
    for (size_t i = 0; i < summary->table_count; ++i) {
        const struct table_rows *table = &summary->tables[i];
        size_t wanted = json_array_size(table->columns);
        for (size_t row = 0; row < json_array_size(table->rows); ++row) {
            size_t found = json_array_size(json_array_get(table->rows, row));
            if (found == wanted) continue;
            return strata_fail(ctx, STRATA_ERR_INTERNAL,
                               "study '%s': table '%s', row %zu: expected %zu cells, found %zu", summary->study->name,
                               summary->study->tables[i].id, row + 1, wanted, found);
        }
    }
    return STRATA_OK;
}

/* ---- figures ---- */

static strata_status figure_find(strata_context *ctx, const struct summary *summary, const char *id,
                                 struct figure_data **figure) {
    size_t i = 0;
    while (i < summary->figure_count && strcmp(summary->study->figures[i].id, id) != 0) ++i;
    if (i == summary->figure_count) return undeclared(ctx, summary, "figure", id);
    *figure = &summary->figures[i];
    return STRATA_OK;
}

strata_status summary_point(strata_context *ctx, struct summary *summary, const char *figure, const char *series,
                            double x, double y, double low, double high) {
    struct figure_data *data = NULL;
    STRATA_TRY(figure_find(ctx, summary, figure, &data));
    return figure_data_point(ctx, data, series, x, y, low, high);
}

strata_status summary_bar(strata_context *ctx, struct summary *summary, const char *figure, const char *series,
                          const char *category, double y, double low, double high) {
    struct figure_data *data = NULL;
    STRATA_TRY(figure_find(ctx, summary, figure, &data));
    return figure_data_bar(ctx, data, series, category, y, low, high);
}

strata_status summary_rank(strata_context *ctx, struct summary *summary, const char *figure, const char *series,
                           double value, double low, double high) {
    struct figure_data *data = NULL;
    STRATA_TRY(figure_find(ctx, summary, figure, &data));
    return figure_data_rank(ctx, data, series, value, low, high);
}

strata_status summary_marker(strata_context *ctx, struct summary *summary, const char *figure, const char *label,
                             double x) {
    struct figure_data *data = NULL;
    STRATA_TRY(figure_find(ctx, summary, figure, &data));
    return figure_data_marker(ctx, data, label, x);
}

strata_status summary_tiles(strata_context *ctx, struct summary *summary, const char *figure, const char *panel,
                            size_t count, size_t height, size_t width, const double *values) {
    struct figure_data *data = NULL;
    STRATA_TRY(figure_find(ctx, summary, figure, &data));
    return figure_data_tiles(ctx, data, panel, count, height, width, values);
}

static bool figure_drawn(const struct figure_data *data) { return data->point_count > 0 || data->panel_count > 0; }

strata_status summary_write_figures(strata_context *ctx, const struct summary *summary, const char *directory) {
    for (size_t i = 0; i < summary->figure_count; ++i)
        if (figure_drawn(&summary->figures[i]))
            STRATA_TRY(figure_data_write(ctx, &summary->figures[i], directory, summary->study->figures[i].id));
    return STRATA_OK;
}

/* ---- printing ---- */

strata_status summary_print(strata_context *ctx, const struct summary *summary, json_t *result) {
    json_t *claims = json_array(), *tables = json_array(), *figures = json_array();
    int failed = !claims || !tables || !figures;
    for (size_t i = 0; i < summary->claim_count && !failed; ++i)
        if (summary->claims[i].measured) failed = json_array_append_new(claims, claim_print(summary, i));
    for (size_t i = 0; i < summary->table_count && !failed; ++i)
        if (summary->tables[i].columns)
            failed = json_array_append_new(tables,
                                           json_pack("{s:s, s:O, s:O}", "id", summary->study->tables[i].id, "columns",
                                                     summary->tables[i].columns, "rows", summary->tables[i].rows));
    for (size_t i = 0; i < summary->figure_count && !failed; ++i)
        if (figure_drawn(&summary->figures[i]))
            failed = json_array_append_new(figures, json_sprintf("figures/%s.svg", summary->study->figures[i].id));
    failed = failed || json_object_set(result, "claims", claims) || json_object_set(result, "tables", tables) ||
             json_object_set(result, "figures", figures);
    json_decref(claims);
    json_decref(tables);
    json_decref(figures);
    return failed ? short_of_memory(ctx, "summary of study", summary->study->name) : STRATA_OK;
}
