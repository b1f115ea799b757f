/* SPDX-License-Identifier: MIT */
/* strata compare DIR DIR...: which settings differ, then claims side by side. */
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/compare.h"
#include "cli/outcome.h"
#include "cli/terminal.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "studies/studies.h"

#define UNLIMITED ((size_t)1 << 20)

void compare_letter(size_t run, char text[24]) {
    if (run < 26)
        snprintf(text, 24, "%c", (char)('A' + run));
    else
        snprintf(text, 24, "%zu", run + 1);
}

strata_status compare_header(strata_context *ctx, const struct comparison *comparison, struct text_table *table,
                             size_t count, const char *const *names) {
    char letter[24];
    table->columns = count + comparison->count;
    for (size_t i = 0; i < count; ++i) STRATA_TRY(text_table_add(ctx, table, "%s", names[i]));
    for (size_t run = 0; run < comparison->count; ++run) {
        compare_letter(run, letter);
        STRATA_TRY(text_table_add(ctx, table, "%s", letter));
    }
    return STRATA_OK;
}

/* ---- settings ---- */

static bool is_new(const struct comparison *comparison, size_t run, const char *key) {
    for (size_t i = 0; i < run; ++i)
        if (json_object_get(json_object_get(comparison->runs[i].result, "config"), key)) return false;
    return true;
}

static bool setting_differs(const struct comparison *comparison, const char *key) {
    const json_t *first = json_object_get(json_object_get(comparison->runs[0].result, "config"), key);
    for (size_t i = 1; i < comparison->count; ++i) {
        const json_t *other = json_object_get(json_object_get(comparison->runs[i].result, "config"), key);
        if (!first || !other || !json_equal(first, other)) return true;
    }
    return false;
}

/* A setting of result.json: a number, text (lists too), true or false; "-" when it has none. */
static strata_status add_value(strata_context *ctx, struct text_table *table, const json_t *value) {
    char number[32];
    if (!json_is_number(value))
        return text_table_add(ctx, table, "%s",
                              json_is_true(value)     ? "true"
                              : json_is_false(value)  ? "false"
                              : json_is_string(value) ? json_string_value(value)
                                                      : "-");
    number_format(json_number_read(value), number);
    return text_table_add(ctx, table, "%s", number);
}

static strata_status add_setting(strata_context *ctx, const struct comparison *comparison, struct text_table *table,
                                 const char *key) {
    STRATA_TRY(text_table_add(ctx, table, "%s", key));
    for (size_t i = 0; i < comparison->count; ++i)
        STRATA_TRY(add_value(ctx, table, json_object_get(json_object_get(comparison->runs[i].result, "config"), key)));
    return STRATA_OK;
}

strata_status compare_settings(strata_context *ctx, const struct comparison *comparison) {
    struct text_table table = {0};
    strata_status status = STRATA_OK;
    const char *key;
    json_t *value;
    STRATA_GO(compare_header(ctx, comparison, &table, 1, (const char *const[]){"setting"}));
    for (size_t run = 0; run < comparison->count; ++run)
        json_object_foreach(json_object_get(comparison->runs[run].result, "config"), key,
                            value) if (is_new(comparison, run, key) && setting_differs(comparison, key))
            STRATA_GO(add_setting(ctx, comparison, &table, key));
    if (table.count == table.columns)
        fputs("\nSettings: the same in all.\n", comparison->out);
    else
        fputs("\nSettings that differ:\n", comparison->out);
    if (table.count > table.columns) text_table_print(&table, comparison->out, comparison->width, NULL);
cleanup:
    text_table_destroy(&table);
    return status;
}

/* ---- claims ---- */

static bool claim_is_new(const struct comparison *comparison, size_t run, const char *id) {
    for (size_t i = 0; i < run; ++i)
        if (json_with_id(json_object_get(comparison->runs[i].result, "claims"), id)) return false;
    return true;
}

static strata_status add_claim(strata_context *ctx, const struct comparison *comparison, struct text_table *table,
                               const json_t *like) {
    const char *id = json_text(like, "id", "?");
    STRATA_TRY(text_table_add(ctx, table, "%s", id));
    STRATA_TRY(text_table_add(ctx, table, "%s", json_text(like, "bound", "?")));
    for (size_t i = 0; i < comparison->count; ++i) {
        const json_t *claim = json_with_id(json_object_get(comparison->runs[i].result, "claims"), id);
        char verdict[64] = "-", measured[24] = "";
        if (claim) claim_verdict_text(claim, false, verdict);
        if (claim) claim_measured_text(claim, measured);
        STRATA_TRY(text_table_add(ctx, table, claim ? "%s %s" : "%s%s", verdict, measured));
    }
    return STRATA_OK;
}

strata_status compare_claims(strata_context *ctx, const struct comparison *comparison) {
    struct text_table table = {0};
    strata_status status = STRATA_OK;
    size_t i;
    json_t *claim;
    STRATA_GO(compare_header(ctx, comparison, &table, 2, (const char *const[]){"claim", "bound"}));
    for (size_t run = 0; run < comparison->count; ++run)
        json_array_foreach(json_object_get(comparison->runs[run].result, "claims"), i,
                           claim) if (claim_is_new(comparison, run, json_text(claim, "id", "?")))
            STRATA_GO(add_claim(ctx, comparison, &table, claim));
    fputs("\nClaims (verdict, measured; (!) is not as expected):\n", comparison->out);
    text_table_print(&table, comparison->out, comparison->width, NULL);
cleanup:
    text_table_destroy(&table);
    return status;
}

/* ---- the command ---- */

static strata_status load_run(const struct cli *cli, const char *directory, struct compared_run *run) {
    strata_context *ctx = cli->ctx;
    char *path = string_format("%s/result.json", directory);
    if (!path) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a path");
    run->directory = directory;
    strata_status status = json_read(ctx, path, &run->result);
    if (status == STRATA_ERR_NOT_FOUND)
        status = strata_fail(ctx, status,
                             "%s: no result.json: not a run directory, or a run that is not finished (strata resume)",
                             directory);
    if (status == STRATA_OK && !(json_is_string(json_object_get(run->result, "study")) &&
                                 json_is_array(json_object_get(run->result, "claims"))))
        status = strata_fail(ctx, STRATA_ERR_FORMAT, "%s: not the result of a run: 'study' or 'claims' is missing",
                             path);
    if (status == STRATA_OK) status = json_clean(cli, run->result);
    mem_free(path);
    return status;
}

static void print_runs(const struct comparison *comparison) {
    for (size_t i = 0; i < comparison->count; ++i) {
        const json_t *result = comparison->runs[i].result;
        char letter[24];
        compare_letter(i, letter);
        fprintf(comparison->out, "%s  %s: %s, preset %s, seed %lld, %lld seeds, %.1f s\n", letter,
                comparison->runs[i].directory, json_text(result, "study", "?"), json_text(result, "preset", "?"),
                (long long)json_integer_value(json_object_get(result, "seed")),
                (long long)json_integer_value(json_object_get(result, "seeds")),
                json_number_read(json_object_get(result, "seconds")));
    }
}

static const struct study *common_study(const struct comparison *comparison) {
    const char *name = json_text(comparison->runs[0].result, "study", "");
    for (size_t i = 1; i < comparison->count; ++i)
        if (strcmp(name, json_text(comparison->runs[i].result, "study", "")) != 0) return NULL;
    return study_find(name);
}

strata_status command_compare(struct cli *cli, const struct arguments *arguments) {
    struct comparison comparison = {
        .count = arguments->operand_count, .out = stdout, .width = terminal_width(stdout, UNLIMITED)};
    strata_status status = STRATA_OK;
    comparison.runs = mem_zero(comparison.count, sizeof *comparison.runs);
    if (!comparison.runs)
        return strata_fail(cli->ctx, STRATA_ERR_MEMORY, "out of memory for %zu runs", comparison.count);
    for (size_t i = 0; i < comparison.count; ++i) STRATA_GO(load_run(cli, arguments->operands[i], &comparison.runs[i]));
    comparison.study = common_study(&comparison);
    print_runs(&comparison);
    STRATA_GO(compare_settings(cli->ctx, &comparison));
    STRATA_GO(compare_claims(cli->ctx, &comparison));
    STRATA_GO(compare_tables(cli->ctx, &comparison));
    STRATA_GO(compare_curves(cli->ctx, &comparison));
cleanup:
    for (size_t i = 0; i < comparison.count; ++i) json_decref(comparison.runs[i].result);
    mem_free(comparison.runs);
    return status;
}
