/* SPDX-License-Identifier: MIT */
/* strata data list|show|get NAME. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "core/memory.h"
#include "cli/live.h"
#include "core/file.h"
#include "data/dataset.h"
#include "data/fetch.h"

enum { NAMES_MOST = 64, INDENT = 4, WIDTH_PIPED = 80 };

const char *data_name(size_t i) { return i < data_table_size ? data_table[i]->name : NULL; }

static strata_status list_data(struct cli *cli, const char *folder) {
    for (size_t i = 0; i < data_table_size; ++i) {
        char *path = NULL;
        strata_status status = data_locate(cli->ctx, data_table[i], folder, &path);
        if (status != STRATA_OK && status != STRATA_ERR_NOT_FOUND) return status;
        printf("%s\n", data_table[i]->name);
        text_wrap(stdout, data_table[i]->summary, 0, INDENT, terminal_width(stdout, WIDTH_PIPED));
        if (path)
            printf("%*sfound in %s\n", INDENT, "", path);
        else
            text_wrap(stdout, strata_context_message(cli->ctx), 0, INDENT, terminal_width(stdout, WIDTH_PIPED));
        mem_free(path);
        context_clear(cli->ctx);
    }
    return STRATA_OK;
}

static void print_part(const char *name, const struct dataset *data) {
    printf("%-6s %zu rows, %zu inputs", name, data->rows, data->inputs);
    if (data->image[0])
        printf(" (%zu x %zu x %zu: channels, height, width)", data->image[0], data->image[1], data->image[2]);
    if (data->classes)
        printf(", %zu classes\n", data->classes);
    else
        printf(", %zu targets\n", data->outputs);
}

void data_suggestion(const char *word, char text[128]) {
    const char *names[NAMES_MOST];
    size_t count = 0;
    for (; count < data_table_size && count < NAMES_MOST; ++count) names[count] = data_table[count]->name;
    cli_suggestion(word, names, count, text);
}

static strata_status find_data(const struct cli *cli, const char *name, const struct data_source **source) {
    char suggestion[128];
    *source = data_find(name);
    if (*source) return STRATA_OK;
    data_suggestion(name, suggestion);
    return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "data: unknown data set '%s'%s; see: strata data list", name,
                       suggestion);
}

static strata_status show_data(struct cli *cli, const char *name, const char *folder) {
    const struct data_source *source;
    struct dataset train = {0}, test = {0};
    char *path = NULL;
    STRATA_TRY(find_data(cli, name, &source));
    STRATA_TRY(data_locate(cli->ctx, source, folder, &path));
    strata_status status = data_load(cli->ctx, name, folder, &train, &test);
    if (status == STRATA_OK) {
        printf("%s\n%s\nfolder %s\n", source->name, source->summary, path);
        print_part("train", &train);
        print_part("test", &test);
        if (source->package) printf("Debian package %s\n", source->package);
    }
    dataset_destroy(&train);
    dataset_destroy(&test);
    mem_free(path);
    return status;
}

/* ---- get */

struct fetching {
    struct cli *cli;
    double begun, shown;
};

static bool show_bytes(void *user, const char *file, uint64_t done, uint64_t total) {
    struct fetching *self = user;
    double passed = clock_seconds() - self->begun, share = total ? (double)done / (double)total : 0;
    const struct run_progress now = {.tasks = (size_t)(total >> 10),
                                     .tasks_done = (size_t)(done >> 10),
                                     .unit = "KiB",
                                     .task = file,
                                     .fraction = share,
                                     .seconds = passed,
                                     .eta_seconds = share > 0 ? passed * (1 - share) / share : -1};
    if (passed - self->shown > 0.1 && total > 0) {
        live_show(self->cli->live, &now);
        self->shown = passed;
    }
    return true;
}

/* --data DIR/FOLDER, or the user's own folder of data sets. */
static char *target_folder(const struct data_source *source, const char *folder) {
    const char *home = getenv("HOME");
    if (folder) return string_format("%s/%s", folder, source->folder);
    return home && *home ? string_format("%s/.local/share/strata/%s", home, source->folder) : NULL;
}

static strata_status get_data(struct cli *cli, const char *name, const char *data_folder, const char *mirror) {
    const struct data_source *source;
    struct fetching fetching = {.cli = cli, .begun = clock_seconds()};
    STRATA_TRY(find_data(cli, name, &source));
    char *folder = target_folder(source, data_folder);
    if (!folder)
        return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "data get: no home folder; say where with --data DIR");
    strata_status status = STRATA_OK;
    if (mirror && (!*mirror || mirror[strlen(mirror) - 1] != '/'))
        status = strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "--mirror: expected an address ending in '/', got '%s'",
                             mirror);
    if (status == STRATA_OK) status = data_fetch(cli->ctx, source, folder, mirror, show_bytes, &fetching);
    live_end(cli->live);
    if (status == STRATA_OK) printf("%s: in %s\n", source->name, folder);
    mem_free(folder);
    return status;
}

strata_status command_data(struct cli *cli, const struct arguments *arguments) {
    const char *const *words = arguments->operands;
    const char *folder = argument_value(arguments, "data"), *verbs[] = {"list", "show", "get"};
    char suggestion[128];
    if (strcmp(words[0], "list") == 0) {
        if (arguments->operand_count == 1) return list_data(cli, folder);
        return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "data list: '%s' is one word too many", words[1]);
    }
    bool show = strcmp(words[0], "show") == 0, get = strcmp(words[0], "get") == 0;
    if ((show || get) && arguments->operand_count != 2)
        return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT,
                           "data %s: expected the name of a data set; see: strata data list", words[0]);
    if (show) return show_data(cli, words[1], folder);
    if (get) return get_data(cli, words[1], folder, argument_value(arguments, "mirror"));
    cli_suggestion(words[0], verbs, 3, suggestion);
    return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "data: expected list, show or get, found '%s'%s", words[0],
                       suggestion);
}
