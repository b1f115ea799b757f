/* SPDX-License-Identifier: MIT */
#include "cli/sweep_table.h"

#include <math.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/outcome.h"
#include "cli/terminal.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"

#define UNLIMITED ((size_t)1 << 20)

static const json_t *claim_of(const struct sweep_run *run, size_t index) {
    return json_array_get(json_object_get(run->result, "claims"), index);
}

/* Claims of one study and preset are the same in every run; a grid over presets may differ. */
static size_t claims_most(const struct grid *grid, const struct sweep_run *runs) {
    size_t most = 0;
    for (size_t i = 0; i < grid->combinations; ++i) {
        size_t count = json_array_size(json_object_get(runs[i].result, "claims"));
        if (count > most) most = count;
    }
    return most;
}

static strata_status add_row(strata_context *ctx, struct text_table *table, const struct grid *grid, size_t combination,
                             const json_t *claim, bool symbols) {
    char verdict[64], measured[24], interval[64];
    claim_verdict_text(claim, symbols, verdict);
    claim_measured_text(claim, measured);
    claim_interval_text(claim, interval);
    STRATA_TRY(text_table_add(ctx, table, "%s", verdict));
    STRATA_TRY(text_table_add(ctx, table, "%s", json_text(claim, "id", "?")));
    for (size_t axis = 0; axis < grid->axis_count; ++axis)
        STRATA_TRY(text_table_add(ctx, table, "%s", grid_value(grid, combination, axis)));
    STRATA_TRY(text_table_add(ctx, table, "%s", measured));
    STRATA_TRY(text_table_add(ctx, table, "%s", interval));
    return text_table_add(ctx, table, "%s", json_text(claim, "bound", "?"));
}

static strata_status add_header(strata_context *ctx, struct text_table *table, const struct grid *grid) {
    STRATA_TRY(text_table_add(ctx, table, "verdict"));
    STRATA_TRY(text_table_add(ctx, table, "claim"));
    for (size_t axis = 0; axis < grid->axis_count; ++axis) {
        const char *dot = strrchr(grid->axes[axis].key, '.');
        STRATA_TRY(text_table_add(ctx, table, "%s", dot ? dot + 1 : grid->axes[axis].key));
    }
    STRATA_TRY(text_table_add(ctx, table, "measured"));
    STRATA_TRY(text_table_add(ctx, table, "interval"));
    return text_table_add(ctx, table, "bound");
}

strata_status sweep_print(strata_context *ctx, FILE *out, const struct grid *grid, const struct sweep_run *runs) {
    struct text_table table = {.columns = grid->axis_count + 5};
    strata_status status = STRATA_OK;
    STRATA_GO(add_header(ctx, &table, grid));
    for (size_t claim = 0; claim < claims_most(grid, runs); ++claim)
        for (size_t i = 0; i < grid->combinations; ++i)
            if (claim_of(&runs[i], claim))
                STRATA_GO(add_row(ctx, &table, grid, i, claim_of(&runs[i], claim), terminal_symbols(out)));
    text_table_print(&table, out, terminal_width(out, UNLIMITED), terminal_colour(out) ? verdict_paint : NULL);
cleanup:
    text_table_destroy(&table);
    return status;
}

static json_t *run_json(const struct grid *grid, size_t combination, const struct sweep_run *run) {
    json_t *set = json_object();
    for (size_t axis = 0; set && axis < grid->axis_count; ++axis)
        if (json_object_set_new(set, grid->axes[axis].key, json_string(grid_value(grid, combination, axis))) != 0) {
            json_decref(set);
            return NULL;
        }
    return json_pack("{s:s, s:o, s:O}", "directory", run->folder, "set", set, "claims",
                     json_object_get(run->result, "claims"));
}

strata_status sweep_print_json(strata_context *ctx, FILE *out, const char *study, const struct grid *grid,
                               const struct sweep_run *runs) {
    struct buffer text = {0};
    json_t *list = json_array(), *whole = NULL;
    bool complete = list != NULL;
    for (size_t i = 0; complete && i < grid->combinations; ++i)
        complete = json_array_append_new(list, run_json(grid, i, &runs[i])) == 0;
    whole = complete ? json_pack("{s:s, s:O}", "study", study, "runs", list) : NULL;
    strata_status status = whole ? json_print(ctx, whole, 1, &text)
                                 : strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the table as JSON");
    if (status == STRATA_OK) fprintf(out, "%s\n", text.data);
    buffer_destroy(&text);
    json_decref(whole);
    json_decref(list);
    return status;
}

/* ---- CSV ---- */

static strata_status csv_text(strata_context *ctx, struct buffer *buffer, const char *text, char end) {
    if (!strpbrk(text, ",\"\n")) return buffer_print(ctx, buffer, "%s%c", text, end);
    STRATA_TRY(buffer_append(ctx, buffer, "\"", 1));
    for (; *text; ++text) STRATA_TRY(buffer_print(ctx, buffer, *text == '"' ? "\"%c" : "%c", *text));
    return buffer_print(ctx, buffer, "\"%c", end);
}

static strata_status csv_number(strata_context *ctx, struct buffer *buffer, const json_t *claim, const char *key) {
    char text[32] = "";
    double value = json_number_read(json_object_get(claim, key));
    if (!isnan(value)) number_format(value, text);
    return csv_text(ctx, buffer, text, ',');
}

static strata_status csv_row(strata_context *ctx, struct buffer *buffer, const struct grid *grid, size_t combination,
                             const json_t *claim) {
    static const char *const texts[] = {"id", "role", "verdict", "expected"}, *const numbers[] = {"measured", "low",
                                                                                                  "high"};
    for (size_t axis = 0; axis < grid->axis_count; ++axis)
        STRATA_TRY(csv_text(ctx, buffer, grid_value(grid, combination, axis), ','));
    for (size_t i = 0; i < 4; ++i) STRATA_TRY(csv_text(ctx, buffer, json_text(claim, texts[i], ""), ','));
    for (size_t i = 0; i < 3; ++i) STRATA_TRY(csv_number(ctx, buffer, claim, numbers[i]));
    return csv_text(ctx, buffer, json_text(claim, "bound", ""), '\n');
}

static strata_status csv_all(strata_context *ctx, struct buffer *buffer, const struct grid *grid,
                             const struct sweep_run *runs) {
    for (size_t axis = 0; axis < grid->axis_count; ++axis) STRATA_TRY(csv_text(ctx, buffer, grid->axes[axis].key, ','));
    STRATA_TRY(buffer_print(ctx, buffer, "claim,role,verdict,expected,measured,low,high,bound\n"));
    for (size_t i = 0; i < grid->combinations; ++i)
        for (size_t claim = 0; claim_of(&runs[i], claim); ++claim)
            STRATA_TRY(csv_row(ctx, buffer, grid, i, claim_of(&runs[i], claim)));
    return STRATA_OK;
}

strata_status sweep_write_csv(strata_context *ctx, const struct grid *grid, const struct sweep_run *runs,
                              const char *folder) {
    struct buffer buffer = {0};
    strata_status status = STRATA_OK;
    char *path = string_format("%s/sweep.csv", folder);
    if (!path) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a path");
    STRATA_GO(csv_all(ctx, &buffer, grid, runs));
    STRATA_GO(file_write_atomic(ctx, path, buffer.data, buffer.size));
cleanup:
    buffer_destroy(&buffer);
    mem_free(path);
    return status;
}
