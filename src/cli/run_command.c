/* SPDX-License-Identifier: MIT */
/* run, resume, report. */
#include <math.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/outcome.h"
#include "cli/live.h"
#include "cli/settings_arguments.h"
#include "cli/terminal.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/threads.h"
#include "run/run.h"
#include "studies/studies.h"

enum { NAMES_MOST = 64, RESULT_LIMIT = 64 << 20, THREADS_MOST = 4096 };

strata_status cli_study(const struct cli *cli, const char *name, const struct study **study) {
    const char *names[NAMES_MOST];
    char suggestion[128];
    size_t count = 0;
    *study = study_find(name);
    if (*study) return STRATA_OK;
    for (; count < study_table_size && count < NAMES_MOST; ++count) names[count] = study_table[count]->name;
    cli_suggestion(name, names, count, suggestion);
    return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "unknown study '%s'%s; see: strata studies", name, suggestion);
}

strata_status cli_threads(const struct cli *cli, const struct arguments *arguments, size_t *threads) {
    const char *text = argument_value(arguments, "threads");
    size_t most = thread_available();
    double wanted = (double)most;
    if (text && (!number_parse(text, &wanted) || wanted < 1 || wanted > THREADS_MOST || wanted != floor(wanted)))
        return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT,
                           "--threads: expected a whole number from 1 to %d, found '%.60s'", THREADS_MOST, text);
    *threads = wanted > (double)most ? most : (size_t)wanted;
    if (wanted > (double)most) cli_note(cli, "--threads %s: this machine has %zu for us, using %zu", text, most, most);
    return STRATA_OK;
}

/* result.json as it stands in the run directory. */
static strata_status print_result_file(const struct cli *cli, const char *directory) {
    struct buffer text = {0};
    char *path = string_format("%s/result.json", directory);
    strata_status status = STRATA_OK;
    if (!path) return strata_fail(cli->ctx, STRATA_ERR_MEMORY, "out of memory for a path");
    STRATA_GO(file_read(cli->ctx, path, RESULT_LIMIT, &text));
    fwrite(text.data, 1, text.size, stdout);
cleanup:
    buffer_destroy(&text);
    mem_free(path);
    return status;
}

/* Shows the result and sets the exit status of --check. */
static strata_status show_result(struct cli *cli, const struct arguments *arguments, json_t *result,
                                 const char *directory) {
    size_t i;
    json_t *claim;
    live_end(cli->live);
    if (argument_given(arguments, "json")) {
        STRATA_TRY(print_result_file(cli, directory));
    } else if (!cli->quiet) {
        STRATA_TRY(json_clean(cli, result));
        STRATA_TRY(outcome_print(cli->ctx, stdout, result, directory));
    }
    json_array_foreach(json_object_get(result, "claims"), i, claim) {
        if (!claim_unexpected(claim)) continue;
        if (argument_given(arguments, "check")) cli->exit_status = STATUS_UNEXPECTED;
        if (argument_given(arguments, "json") || cli->quiet)
            text_say("%s: %s, expected %s", json_text(claim, "id", "?"), json_text(claim, "verdict", "?"),
                     json_text(claim, "expected", "?"));
    }
    return STRATA_OK;
}

/* A run that stopped half-way says how to go on (an interrupted one has said so); a fault of usage does not. */
static strata_status end_run(struct cli *cli, strata_status status, const char *directory) {
    live_end(cli->live);
    if (status == STRATA_OK || !directory || exit_status_of(cli, status) != STATUS_STOPPED) return status;
    char *word = strstr(strata_context_message(cli->ctx), "strata resume ") ? NULL : shell_word(directory);
    if (word) fprintf(stderr, "strata: go on with: strata resume %s\n", word);
    mem_free(word);
    return status;
}

static struct run_options options_of(struct cli *cli, const struct arguments *arguments, const struct study *study,
                                     size_t threads) {
    live_begin(cli->live, &cli->started);
    return (struct run_options){.study = study,
                                .out = argument_value(arguments, "out"),
                                .data_folder = argument_value(arguments, "data"),
                                .threads = threads,
                                .progress = live_show,
                                .user = cli->live};
}

strata_status command_run(struct cli *cli, const struct arguments *arguments) {
    const struct study *study;
    struct settings *settings = NULL;
    struct run_options options;
    size_t threads = 1;
    char *directory = NULL;
    json_t *result = NULL;
    strata_status status = STRATA_OK;
    STRATA_TRY(cli_study(cli, arguments->operands[0], &study));
    STRATA_TRY(cli_threads(cli, arguments, &threads));
    STRATA_GO(settings_from_arguments(cli->ctx, study, arguments, 0, NULL, &settings));
    options = options_of(cli, arguments, study, threads);
    status = run_study(cli->ctx, &options, settings, &directory, &result);
    status = end_run(cli, status, directory);
    if (status == STRATA_OK) status = show_result(cli, arguments, result, directory);
cleanup:
    json_decref(result);
    mem_free(directory);
    settings_destroy(settings);
    return status;
}

/* The study that a run directory was made for. */
static strata_status study_of(struct cli *cli, const char *directory, const struct study **study) {
    char *name = NULL;
    STRATA_TRY(run_study_name(cli->ctx, directory, &name));
    *study = study_find(name);
    strata_status status = STRATA_OK;
    if (!*study)
        status = strata_fail(cli->ctx, STRATA_ERR_FORMAT, "%s: its study '%s' is not one of this version", directory,
                             name);
    mem_free(name);
    return status;
}

strata_status command_resume(struct cli *cli, const struct arguments *arguments) {
    const char *directory = arguments->operands[0];
    const struct study *study;
    size_t threads = 1;
    json_t *result = NULL;
    STRATA_TRY(cli_threads(cli, arguments, &threads));
    STRATA_TRY(study_of(cli, directory, &study));
    struct run_options options = options_of(cli, arguments, study, threads);
    strata_status status = end_run(cli, run_resume(cli->ctx, directory, &options, &result), directory);
    if (status == STRATA_OK) status = show_result(cli, arguments, result, directory);
    json_decref(result);
    return status;
}

strata_status command_report(struct cli *cli, const struct arguments *arguments) {
    const char *directory = arguments->operands[0];
    const struct study *study;
    STRATA_TRY(study_of(cli, directory, &study));
    STRATA_TRY(run_report(cli->ctx, study, directory));
    if (!cli->quiet) printf("Report: %s/report.html\n", directory);
    return STRATA_OK;
}
