/* SPDX-License-Identifier: MIT */
/* strata studies [STUDY]. */
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "core/settings.h"
#include "run/run.h"
#include "studies/studies.h"

enum { NAME_COLUMN = 12, WIDTH_MOST = 100, WIDTH_PIPED = 80 };

static const char *const preset_names[PRESET_COUNT] = {
    [PRESET_SMOKE] = "smoke", [PRESET_DEFAULT] = "default", [PRESET_PAPER] = "paper"};

static const char *const type_names[] = {
    [SETTING_NUMBER] = "number",      [SETTING_COUNT] = "count",   [SETTING_FLAG] = "true or false",
    [SETTING_TEXT] = "text",          [SETTING_CHOICE] = "choice", [SETTING_NUMBERS] = "list of numbers",
    [SETTING_NAMES] = "list of names"};

static size_t page_width(void) {
    size_t width = terminal_width(stdout, WIDTH_PIPED);
    return width < WIDTH_MOST ? width : WIDTH_MOST;
}

static void list_studies(void) {
    for (size_t i = 0; i < study_table_size; ++i) {
        printf("%-*s", NAME_COLUMN, study_table[i]->name);
        text_wrap(stdout, study_table[i]->summary, NAME_COLUMN, NAME_COLUMN, page_width());
    }
    if (study_table_size == 0) puts("This version has no study.");
}

/* What a setting may be: "number in [0, 1]", "adam|sgd". */
static void print_range(const struct setting *row) {
    char low[24], high[24];
    bool names = row->choices && (row->type == SETTING_CHOICE || row->type == SETTING_NAMES);
    number_short(row->low, low);
    number_short(row->high, high);
    printf("%s", type_names[row->type]);
    if (names)
        printf(" of %s", row->choices);
    else if (row->low < row->high)
        printf(" in [%s, %s]", low, high);
}

static void print_setting(const struct setting *row) {
    printf("  %s = %s\n", row->key, row->fallback);
    printf("      ");
    print_range(row);
    putchar('\n');
    text_wrap(stdout, row->meaning, 0, 6, page_width());
}

/* Rows are merged by key by the settings themselves, so a key of two tables is shown once. */
static strata_status print_settings(const struct cli *cli, const struct study *study) {
    struct settings *settings = NULL;
    STRATA_TRY(run_settings(cli->ctx, study, "default", 0, NULL, &settings));
    puts("\nSettings (KEY = DEFAULT):");
    for (size_t i = 0; i < settings_size(settings); ++i) print_setting(settings_row(settings, i));
    settings_destroy(settings);
    return STRATA_OK;
}

static void print_presets(const struct study *study) {
    puts("\nPresets (what they change):");
    for (int preset = 0; preset < PRESET_COUNT; ++preset) {
        const struct setting_pair *pair = study->presets[preset];
        printf("  %s%s\n", preset_names[preset], pair && pair->key ? "" : ": nothing");
        for (; pair && pair->key; ++pair) printf("      %s = %s\n", pair->key, pair->value);
    }
}

static strata_status print_claim(const struct cli *cli, const struct claim *claim) {
    struct buffer line = {0};
    char bound[64];
    size_t indent = claim->control ? 6 : 4;
    strata_status status = STRATA_OK;
    claim_bound_text(claim, bound);
    STRATA_GO(buffer_print(cli->ctx, &line, "%s, expected %s; %s %s (%s scale%s); presets",
                           claim->control ? "control" : "claim", expectation_name(claim->expected), claim->unit, bound,
                           claim->scale == SCALE_LOG ? "log" : "linear", claim->exact ? ", exact" : ""));
    for (int preset = 0; preset < PRESET_COUNT; ++preset)
        if (claim->presets & (1u << preset)) STRATA_GO(buffer_print(cli->ctx, &line, " %s", preset_names[preset]));
    printf("%*s%s\n", (int)indent - 2, "", claim->id);
    text_wrap(stdout, line.data, 0, indent, page_width());
    text_wrap(stdout, claim->statement, 0, indent, page_width());
    printf("%*sSource: ", (int)indent, "");
    text_wrap(stdout, claim->source, indent + 8, indent + 8, page_width());
cleanup:
    buffer_destroy(&line);
    return status;
}

strata_status command_studies(struct cli *cli, const struct arguments *arguments) {
    const struct study *study;
    if (arguments->operand_count == 0) {
        list_studies();
        return STRATA_OK;
    }
    STRATA_TRY(cli_study(cli, arguments->operands[0], &study));
    printf("%s: ", study->name);
    text_wrap(stdout, study->summary, strlen(study->name) + 2, 0, page_width());
    printf("Source: ");
    text_wrap(stdout, study->source, 8, 8, page_width());
    putchar('\n');
    text_wrap(stdout, study->question, 0, 0, page_width());
    STRATA_TRY(print_settings(cli, study));
    print_presets(study);
    puts("\nClaims, each followed by its controls:");
    for (const struct claim *claim = study->claims; claim && claim->id; ++claim) STRATA_TRY(print_claim(cli, claim));
    return STRATA_OK;
}
