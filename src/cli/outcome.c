/* SPDX-License-Identifier: MIT */
#include "cli/outcome.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/terminal.h"
#include "core/json.h"

enum { ROWS_MOST = 20 };
#define UNLIMITED ((size_t)1 << 20)

const char *json_text(const json_t *object, const char *key, const char *fallback) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : fallback;
}

bool claim_unexpected(const json_t *claim) {
    const char *expected = json_text(claim, "expected", "open");
    return strcmp(expected, "open") != 0 && strcmp(expected, json_text(claim, "verdict", "")) != 0;
}

static const struct { const char *verdict, *plain, *symbol, *colour; } verdict_styles[] = {
    {"holds", "holds", "\u2713 holds", "\033[32m"},
    {"fails", "fails", "\u2717 fails", "\033[31m"},
    {"inconclusive", "inconclusive", "? inconclusive", "\033[33m"},
};
enum { VERDICT_STYLES = sizeof verdict_styles / sizeof *verdict_styles };

const char *verdict_text(const char *verdict, bool symbols) {
    for (size_t i = 0; i < VERDICT_STYLES; ++i)
        if (strcmp(verdict, verdict_styles[i].verdict) == 0) return symbols ? verdict_styles[i].symbol : verdict_styles[i].plain;
    return verdict;
}

const char *verdict_paint(size_t column, const char *text) {
    for (size_t i = 0; column == 0 && i < VERDICT_STYLES; ++i)
        if (strstr(text, verdict_styles[i].verdict)) return verdict_styles[i].colour;
    return NULL;
}

void claim_measured_text(const json_t *claim, char text[24]) {
    double measured = json_number_read(json_object_get(claim, "measured"));
    if (isnan(measured)) snprintf(text, 24, "diverged");
    else number_short(measured, text);
}

void claim_interval_text(const json_t *claim, char text[64]) {
    char low[24], high[24];
    double bottom = json_number_read(json_object_get(claim, "low")), top = json_number_read(json_object_get(claim, "high"));
    number_short(bottom, low);
    number_short(top, high);
    if (isnan(bottom) || isnan(top)) snprintf(text, 64, "-");
    else snprintf(text, 64, "[%s, %s]", low, high);
}

/* "  .frozen" for a control of the claim above it, else the whole id. */
static strata_status add_id(strata_context *ctx, struct text_table *table, const json_t *claim, const char *parent) {
    const char *id = json_text(claim, "id", "?");
    size_t size = strlen(parent);
    bool control = strcmp(json_text(claim, "role", "claim"), "control") == 0;
    if (control && size > 0 && strncmp(id, parent, size) == 0 && id[size] == '.') return text_table_add(ctx, table, "  %s", id + size);
    return text_table_add(ctx, table, control ? "  %s" : "%s", id);
}

static strata_status add_claim(strata_context *ctx, struct text_table *table, const json_t *claim, const char *parent, bool symbols) {
    char measured[24], interval[64];
    claim_measured_text(claim, measured);
    claim_interval_text(claim, interval);
    STRATA_TRY(text_table_add(ctx, table, "%s", verdict_text(json_text(claim, "verdict", "?"), symbols)));
    STRATA_TRY(add_id(ctx, table, claim, parent));
    STRATA_TRY(text_table_add(ctx, table, "%s", measured));
    STRATA_TRY(text_table_add(ctx, table, "%s", interval));
    STRATA_TRY(text_table_add(ctx, table, "%s", json_text(claim, "bound", "?")));
    return text_table_add(ctx, table, "%s%s", json_text(claim, "expected", "?"), claim_unexpected(claim) ? " (!)" : "");
}

/* On a narrow terminal a claim takes two lines: verdict, id and expected; then the numbers. */
static void print_narrow(FILE *out, const struct text_table *table, cell_paint paint) {
    for (size_t i = table->columns; i + table->columns <= table->count; i += table->columns) {
        char **cell = table->cells + i;
        const char *colour = paint ? paint(0, cell[0]) : NULL;
        fprintf(out, "%s%s%s  %s\n    measured %s, interval %s, bound %s\n    expected %s\n", colour ? colour : "", cell[0],
            colour ? "\033[0m" : "", cell[1], cell[2], cell[3], cell[4], cell[5]);
    }
}

static strata_status print_claims(strata_context *ctx, FILE *out, const json_t *claims, size_t width) {
    static const char *const names[] = {"verdict", "claim", "measured", "interval", "bound", "expected"};
    struct text_table table = {.columns = 6};
    strata_status status = STRATA_OK;
    cell_paint paint = terminal_colour(out) ? verdict_paint : NULL;
    const char *parent = "";
    size_t i;
    json_t *claim;
    for (size_t column = 0; column < table.columns; ++column) STRATA_GO(text_table_add(ctx, &table, "%s", names[column]));
    json_array_foreach(claims, i, claim) {
        if (strcmp(json_text(claim, "role", "claim"), "control") != 0) parent = json_text(claim, "id", "");
        STRATA_GO(add_claim(ctx, &table, claim, parent, terminal_symbols(out)));
    }
    if (text_table_width(&table) <= width) text_table_print(&table, out, 0, width, paint);
    else print_narrow(out, &table, paint);
cleanup:
    text_table_destroy(&table);
    return status;
}

static const json_t *find_table(const json_t *result, const char *id) {
    size_t i;
    json_t *table;
    json_array_foreach(json_object_get(result, "tables"), i, table)
        if (strcmp(json_text(table, "id", ""), id) == 0) return table;
    return NULL;
}

static strata_status print_learners(strata_context *ctx, FILE *out, const json_t *from, size_t width) {
    const json_t *rows = json_object_get(from, "rows"), *names = json_object_get(from, "columns");
    struct text_table table = {.columns = json_array_size(names)};
    strata_status status = STRATA_OK;
    for (size_t column = 0; column < table.columns; ++column) {
        const char *name = json_string_value(json_array_get(names, column));
        STRATA_GO(text_table_add(ctx, &table, "%s", name ? name : "?"));
    }
    for (size_t row = 0; row < json_array_size(rows) && row < ROWS_MOST; ++row) {
        for (size_t column = 0; column < table.columns; ++column) {
            const json_t *cell = json_array_get(json_array_get(rows, row), column);
            if (json_is_string(cell)) STRATA_GO(text_table_add(ctx, &table, "%s", json_string_value(cell)));
            else STRATA_GO(text_table_add_number(ctx, &table, json_number_read(cell)));
        }
    }
    if (table.columns == 0 || json_array_size(rows) == 0) goto cleanup;
    fputc('\n', out);
    size_t hidden = text_table_print(&table, out, 0, width, NULL);
    size_t more = json_array_size(rows) > ROWS_MOST ? json_array_size(rows) - ROWS_MOST : 0;
    if (hidden || more) fprintf(out, "(%zu more rows and %zu more columns in the report)\n", more, hidden);
cleanup:
    text_table_destroy(&table);
    return status;
}

static void print_notes(FILE *out, const json_t *claims, size_t width) {
    size_t i;
    json_t *claim;
    json_array_foreach(claims, i, claim) {
        const char *note = json_text(claim, "note", "");
        if (!*note) continue;
        int used = fprintf(out, "note: %s: ", json_text(claim, "id", "?"));
        text_wrap(out, note, used > 0 ? (size_t)used - 1 : 0, 2, width);
    }
}

size_t outcome_unexpected(FILE *out, const json_t *result) {
    const json_t *claims = json_object_get(result, "claims");
    size_t i, unexpected = 0;
    json_t *claim;
    json_array_foreach(claims, i, claim) {
        if (!claim_unexpected(claim)) continue;
        char measured[24];
        claim_measured_text(claim, measured);
        if (unexpected++ == 0) fputs("NOT AS EXPECTED:\n", out);
        fprintf(out, "  %s: %s, expected %s (measured %s, bound %s)\n", json_text(claim, "id", "?"),
            json_text(claim, "verdict", "?"), json_text(claim, "expected", "?"), measured, json_text(claim, "bound", "?"));
    }
    if (unexpected == 0) fprintf(out, "All %zu verdicts are as expected.\n", json_array_size(claims));
    return unexpected;
}

strata_status outcome_print(strata_context *ctx, FILE *out, const json_t *result, const char *directory) {
    size_t width = terminal_width(out, UNLIMITED);
    const json_t *claims = json_object_get(result, "claims"), *learners = find_table(result, "learners");
    fprintf(out, "%s, preset %s, %lld seeds, %.1f s\n\n", json_text(result, "study", "?"), json_text(result, "preset", "?"),
        (long long)json_integer_value(json_object_get(result, "seeds")), json_number_read(json_object_get(result, "seconds")));
    STRATA_TRY(print_claims(ctx, out, claims, width));
    if (learners) STRATA_TRY(print_learners(ctx, out, learners, width));
    fputc('\n', out);
    print_notes(out, claims, width);
    outcome_unexpected(out, result);
    fprintf(out, "Report: %s/report.html\n", directory);
    return STRATA_OK;
}
