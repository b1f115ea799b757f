/* SPDX-License-Identifier: MIT */
#include "cli/settings_arguments.h"

#include <stdbool.h>
#include <string.h>

#include "core/file.h"
#include "core/memory.h"

/* What stands before an option's argument: "--OPTION " for messages, and the key where the argument has none. */
static const struct {
    const char *option, *before;
    bool pair; /* the argument is SECTION.KEY=VALUE */
} assignments_of[] = {
    {"set", "--set ", true},
    {"seed", "--seed study.seed=", false},
    {"seeds", "--seeds study.seeds=", false},
};
enum { ASSIGNING_OPTIONS = sizeof assignments_of / sizeof *assignments_of };

static size_t assigning_option(const char *option) {
    size_t i = 0;
    while (i < ASSIGNING_OPTIONS && strcmp(option, assignments_of[i].option) != 0) ++i;
    return i;
}

static strata_status add(strata_context *ctx, char **list, size_t *count, char *text) {
    if (!text) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the settings given");
    list[(*count)++] = text;
    return STRATA_OK;
}

static strata_status collect(strata_context *ctx, const struct arguments *arguments, size_t extra_count,
                             const char *const *extra, char **list, size_t *count) {
    const char *config = argument_value(arguments, "config");
    if (config) STRATA_TRY(add(ctx, list, count, string_format("@%s", config)));
    for (size_t i = 0; i < arguments->given_count; ++i) {
        const struct given_option *given = &arguments->given[i];
        size_t option = assigning_option(given->option->name);
        if (option == ASSIGNING_OPTIONS) continue;
        if (assignments_of[option].pair && !strchr(given->value, '='))
            return strata_fail(ctx, STRATA_ERR_ARGUMENT, "--%s: expected %s, found '%s'", given->option->name,
                               given->option->argument, given->value);
        STRATA_TRY(add(ctx, list, count, string_format("%s%s", assignments_of[option].before, given->value)));
    }
    for (size_t i = 0; i < extra_count; ++i) STRATA_TRY(add(ctx, list, count, string_format("--grid %s", extra[i])));
    return STRATA_OK;
}

strata_status settings_from_arguments(strata_context *ctx, const struct study *study, const struct arguments *arguments,
                                      size_t extra_count, const char *const *extra, struct settings **settings) {
    size_t count = 0;
    char **list = mem_zero(arguments->given_count + extra_count + 1, sizeof *list);
    if (!list) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the settings given");
    strata_status status = collect(ctx, arguments, extra_count, extra, list, &count);
    if (status == STRATA_OK)
        status = run_settings(ctx, study, argument_value(arguments, "preset"), count, (const char *const *)list,
                              settings);
    for (size_t i = 0; i < count; ++i) mem_free(list[i]);
    mem_free(list);
    return status;
}
