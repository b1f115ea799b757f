/* SPDX-License-Identifier: MIT */
#include "cli/outcome.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/terminal.h"
#include "core/json.h"
#include "core/memory.h"
#include "learn/learner.h"

enum { ROWS_MOST = 20 };
#define UNLIMITED ((size_t)1 << 20)

const char *json_text(const json_t *object, const char *key, const char *fallback) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : fallback;
}

strata_status json_clean(const struct cli *cli, json_t *value) {
    const char *key;
    json_t *item;
    size_t i;
    if (json_is_string(value)) {
        char *text = mem_string(json_string_value(value));
        if (text) text_clean(text);
        int failed = !text || json_string_set_nocheck(value, text);
        mem_free(text);
        return failed ? strata_fail(cli->ctx, STRATA_ERR_MEMORY, "out of memory for a result") : STRATA_OK;
    }
    json_array_foreach(value, i, item) STRATA_TRY(json_clean(cli, item));
    json_object_foreach(value, key, item) STRATA_TRY(json_clean(cli, item));
    return STRATA_OK;
}

const json_t *json_with_id(const json_t *array, const char *id) {
    size_t i;
    json_t *object;
    json_array_foreach(array, i, object) if (strcmp(json_text(object, "id", ""), id) == 0) return object;
    return NULL;
}

strata_status cli_print_json(const struct cli *cli, json_t *object) {
    struct buffer text = {0};
    if (!object) return strata_fail(cli->ctx, STRATA_ERR_MEMORY, "no memory for the result");
    strata_status status = json_print(cli->ctx, object, 1, &text);
    if (status == STRATA_OK) printf("%s\n", text.data);
    buffer_destroy(&text);
    json_decref(object);
    return status;
}

bool claim_unexpected(const json_t *claim) {
    const char *expected = json_text(claim, "expected", "open");
    return strcmp(expected, "open") != 0 && strcmp(expected, json_text(claim, "verdict", "")) != 0;
}

static const struct {
    const char *verdict, *symbol;
} verdict_symbols[] = {
    {"holds", "\u2713 holds"},
    {"fails", "\u2717 fails"},
    {"inconclusive", "? inconclusive"},
};
enum { VERDICTS = sizeof verdict_symbols / sizeof *verdict_symbols };

void claim_verdict_text(const json_t *claim, bool symbols, char text[64]) {
    const char *verdict = json_text(claim, "verdict", "?"), *shown = verdict;
    for (size_t i = 0; symbols && i < VERDICTS; ++i)
        if (strcmp(verdict, verdict_symbols[i].verdict) == 0) shown = verdict_symbols[i].symbol;
    snprintf(text, 64, "%s%s", shown, claim_unexpected(claim) ? " (!)" : "");
}

const char *verdict_paint(size_t column, const char *text) {
    if (column != 0) return NULL;
    if (strstr(text, "(!)")) return "\033[31m";
    return strstr(text, "inconclusive") ? "\033[33m" : "\033[32m";
}

void claim_measured_text(const json_t *claim, char text[24]) {
    double measured = json_number_read(json_object_get(claim, "measured"));
    if (isnan(measured))
        snprintf(text, 24, "diverged");
    else
        number_short(measured, text);
}

void claim_interval_text(const json_t *claim, char text[64]) {
    char low[24], high[24];
    double bottom = json_number_read(json_object_get(claim, "low")),
           top = json_number_read(json_object_get(claim, "high"));
    number_short(bottom, low);
    number_short(top, high);
    if (isnan(bottom) || isnan(top))
        snprintf(text, 64, "-");
    else
        snprintf(text, 64, "[%s, %s]", low, high);
}

static bool is_control(const json_t *claim) { return strcmp(json_text(claim, "role", "claim"), "control") == 0; }

/* ".frozen" for a control of the claim above it, else the whole id. */
static const char *short_id(const json_t *claim, const char *parent) {
    const char *id = json_text(claim, "id", "?");
    size_t size = strlen(parent);
    return is_control(claim) && size > 0 && strncmp(id, parent, size) == 0 && id[size] == '.' ? id + size : id;
}

/* Columns of the usual table, and of the narrow one, where the claim and its bound stand on a line above. */
static const char *const wide_names[] = {"verdict", "claim", "measured", "interval", "bound", "expected"};
static const char *const narrow_names[] = {"verdict", "control", "measured", "expected", "interval"};
enum { WIDE_COLUMNS = 6, NARROW_COLUMNS = 5 };

static strata_status add_claim(strata_context *ctx, struct text_table *table, const json_t *claim, const char *parent,
                               bool symbols) {
    bool wide = table->columns == WIDE_COLUMNS;
    char verdict[64], measured[24], interval[64];
    const char *expected = json_text(claim, "expected", "?");
    claim_verdict_text(claim, symbols, verdict);
    claim_measured_text(claim, measured);
    claim_interval_text(claim, interval);
    STRATA_TRY(text_table_add(ctx, table, "%s", verdict));
    if (wide)
        STRATA_TRY(text_table_add(ctx, table, is_control(claim) ? "  %s" : "%s", short_id(claim, parent)));
    else
        STRATA_TRY(text_table_add(ctx, table, "%s", is_control(claim) ? short_id(claim, parent) : ""));
    STRATA_TRY(text_table_add(ctx, table, "%s", measured));
    STRATA_TRY(text_table_add(ctx, table, "%s", wide ? interval : expected));
    if (!wide) return text_table_add(ctx, table, "%s", interval);
    STRATA_TRY(text_table_add(ctx, table, "%s", json_text(claim, "bound", "?")));
    return text_table_add(ctx, table, "%s", expected);
}

static strata_status add_claims(strata_context *ctx, struct text_table *table, const json_t *claims, bool symbols) {
    const char *parent = "";
    size_t i;
    json_t *claim;
    for (size_t column = 0; column < table->columns; ++column)
        STRATA_TRY(text_table_add(ctx, table, "%s",
                                  table->columns == WIDE_COLUMNS ? wide_names[column] : narrow_names[column]));
    json_array_foreach(claims, i, claim) {
        if (!is_control(claim)) parent = json_text(claim, "id", "");
        STRATA_TRY(add_claim(ctx, table, claim, parent, symbols));
    }
    return STRATA_OK;
}

static void print_narrow(FILE *out, const struct text_table *table, const json_t *claims, size_t width,
                         cell_paint paint) {
    text_table_print_row(table, out, 0, 2, width, paint);
    for (size_t i = 0; i < json_array_size(claims); ++i) {
        const json_t *claim = json_array_get(claims, i);
        if (!is_control(claim)) fprintf(out, "%s (%s)\n", json_text(claim, "id", "?"), json_text(claim, "bound", "?"));
        text_table_print_row(table, out, i + 1, 2, width, paint);
    }
}

static strata_status print_claims(strata_context *ctx, FILE *out, const json_t *claims, size_t width) {
    struct text_table wide = {.columns = WIDE_COLUMNS}, narrow = {.columns = NARROW_COLUMNS};
    strata_status status = STRATA_OK;
    cell_paint paint = terminal_colour(out) ? verdict_paint : NULL;
    STRATA_GO(add_claims(ctx, &wide, claims, terminal_symbols(out)));
    STRATA_GO(add_claims(ctx, &narrow, claims, terminal_symbols(out)));
    if (text_table_width(&wide) <= width)
        text_table_print(&wide, out, width, paint);
    else
        print_narrow(out, &narrow, claims, width, paint);
cleanup:
    text_table_destroy(&wide);
    text_table_destroy(&narrow);
    return status;
}

/* A text cell as it is, or the title of the learner that it names. */
static const char *cell_text(const json_t *cell, bool titles) {
    const struct learner_class *learner = titles ? learner_find(json_string_value(cell)) : NULL;
    return learner ? learner->title : json_string_value(cell);
}

static strata_status add_learners(strata_context *ctx, struct text_table *table, const json_t *from, bool titles) {
    const json_t *rows = json_object_get(from, "rows"), *names = json_object_get(from, "columns");
    for (size_t column = 0; column < table->columns; ++column) {
        const char *name = json_string_value(json_array_get(names, column));
        STRATA_TRY(text_table_add(ctx, table, "%s", name ? name : "?"));
    }
    for (size_t row = 0; row < json_array_size(rows) && row < ROWS_MOST; ++row) {
        for (size_t column = 0; column < table->columns; ++column) {
            const json_t *cell = json_array_get(json_array_get(rows, row), column);
            if (json_is_string(cell))
                STRATA_TRY(text_table_add(ctx, table, "%s", cell_text(cell, titles)));
            else
                STRATA_TRY(text_table_add_number(ctx, table, json_number_read(cell)));
        }
    }
    return STRATA_OK;
}

/* With the learners' titles as in the report; where these take too much room, with their names. */
static strata_status print_learners(strata_context *ctx, FILE *out, const json_t *from, size_t width) {
    const json_t *rows = json_object_get(from, "rows");
    struct text_table table = {.columns = json_array_size(json_object_get(from, "columns"))};
    strata_status status = STRATA_OK;
    STRATA_GO(add_learners(ctx, &table, from, true));
    if (text_table_width(&table) > width) {
        text_table_destroy(&table);
        table.columns = json_array_size(json_object_get(from, "columns"));
        STRATA_GO(add_learners(ctx, &table, from, false));
    }
    if (table.columns == 0 || json_array_size(rows) == 0) goto cleanup;
    fputc('\n', out);
    size_t hidden = text_table_print(&table, out, width, NULL);
    size_t more = json_array_size(rows) > ROWS_MOST ? json_array_size(rows) - ROWS_MOST : 0;
    if (more) fprintf(out, "(%zu further row%s in the report)\n", more, more == 1 ? "" : "s");
    if (hidden) fprintf(out, "(%zu further column%s in the report)\n", hidden, hidden == 1 ? "" : "s");
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

static void print_unexpected(FILE *out, const json_t *claims, size_t width) {
    size_t i, unexpected = 0;
    json_t *claim;
    json_array_foreach(claims, i, claim) {
        if (!claim_unexpected(claim)) continue;
        char text[512], measured[24];
        claim_measured_text(claim, measured);
        if (unexpected++ == 0) fputs("NOT AS EXPECTED:\n", out);
        snprintf(text, sizeof text, "%s: %s, expected %s (measured %s, bound %s)", json_text(claim, "id", "?"),
                 json_text(claim, "verdict", "?"), json_text(claim, "expected", "?"), measured,
                 json_text(claim, "bound", "?"));
        text_wrap(out, text, 0, 2, width);
    }
    if (unexpected == 0) fprintf(out, "All %zu verdicts are as expected.\n", json_array_size(claims));
}

strata_status outcome_print(strata_context *ctx, FILE *out, const json_t *result, const char *directory) {
    size_t width = terminal_width(out, UNLIMITED);
    const json_t *claims = json_object_get(result, "claims"),
                 *learners = json_with_id(json_object_get(result, "tables"), "learners");
    long long seeds = json_integer_value(json_object_get(result, "seeds"));
    fprintf(out, "%s, preset %s, %lld seed%s, %.1f s\n\n", json_text(result, "study", "?"),
            json_text(result, "preset", "?"), seeds, seeds == 1 ? "" : "s",
            json_number_read(json_object_get(result, "seconds")));
    STRATA_TRY(print_claims(ctx, out, claims, width));
    if (learners) STRATA_TRY(print_learners(ctx, out, learners, width));
    fputc('\n', out);
    print_notes(out, claims, width);
    print_unexpected(out, claims, width);
    fprintf(out, "Report: %s/report.html\n", directory);
    return STRATA_OK;
}
