/* SPDX-License-Identifier: MIT */
/*
 * Parses a command line against the command table. Not getopt_long: it accepts abbreviations (a script
 * that works today breaks with tomorrow's option) and cannot name what it expected.
 */
#include "cli/command.h"

#include <string.h>

#include "core/file.h"
#include "core/memory.h"

enum { NAMES_MOST = 32 };

void cli_suggestion(const char *word, const char *const *names, size_t count, char text[128]) {
    const char *nearest = name_nearest(word, names, count);
    snprintf(text, 128, nearest ? " (did you mean '%s'?)" : "%.0s", nearest ? nearest : "");
}

/* The same among the words of "a|b|c". */
static void suggest_word(const char *words, const char *word, char text[128]) {
    char copy[128];
    const char *names[NAMES_MOST];
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *rest = copy, *name; count < NAMES_MOST && (name = strsep(&rest, "|"));) names[count++] = name;
    cli_suggestion(word, names, count, text);
}

strata_status command_find(strata_context *ctx, const char *name, const struct command **command) {
    const char *names[NAMES_MOST] = {"--help", "--version"};
    char suggestion[128];
    size_t count = 2;
    for (size_t i = 0; i < command_table_size && count < NAMES_MOST; ++i) {
        *command = &command_table[i];
        if (strcmp(command_table[i].name, name) == 0) return STRATA_OK;
        names[count++] = command_table[i].name;
    }
    cli_suggestion(name, names, count, suggestion);
    return strata_fail(ctx, STRATA_ERR_ARGUMENT, "unknown command '%s'%s; see: strata --help", name, suggestion);
}

static strata_status unknown_option(strata_context *ctx, const struct command *command, const char *word) {
    char names[NAMES_MOST][40], suggestion[128], typed[64];
    const char *pointers[NAMES_MOST];
    size_t count = 0;
    for (; count < NAMES_MOST - 1 && command->options[count]; ++count)
        snprintf(names[count], 40, "--%s", command->options[count]->name);
    snprintf(names[count++], 40, "--help");
    for (size_t i = 0; i < count; ++i) pointers[i] = names[i];
    snprintf(typed, sizeof typed, "%.*s", (int)strcspn(word, "="), word);
    cli_suggestion(typed, pointers, count, suggestion);
    return strata_fail(ctx, STRATA_ERR_ARGUMENT, "%s: unknown option '%s'%s; see: strata %s --help", command->name,
                       typed, suggestion, command->name);
}

static const struct option_row *find_option(const struct command *command, const char *name, size_t size) {
    for (size_t i = 0; command->options[i]; ++i)
        if (strlen(command->options[i]->name) == size && strncmp(command->options[i]->name, name, size) == 0)
            return command->options[i];
    return NULL;
}

/* One option at argv[*at]; moves *at to the last word it used. */
static strata_status parse_option(strata_context *ctx, struct arguments *arguments, int argc, char **argv, int *at) {
    const struct command *command = arguments->command;
    const char *word = argv[*at], *equals = strchr(word, '=');
    size_t size = equals ? (size_t)(equals - word) : strlen(word);
    const struct option_row *option = size > 2 && word[1] == '-' ? find_option(command, word + 2, size - 2) : NULL;
    if (!option) return unknown_option(ctx, command, word);
    if (!option->repeated && argument_given(arguments, option->name))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "%s: option '--%s' is given twice", command->name, option->name);
    const char *value = equals ? equals + 1 : NULL;
    if (!option->argument && value)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "%s: option '--%s' takes no argument, found '%s'", command->name,
                           option->name, value);
    if (option->argument && !value) value = *at + 1 < argc ? argv[++*at] : NULL;
    if (option->argument && (!value || !*value))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "%s: option '--%s' needs an argument: %s", command->name,
                           option->name, option->argument);
    if (option->argument && strchr(option->argument, '|') && !word_among(option->argument, value)) {
        char suggestion[128];
        suggest_word(option->argument, value, suggestion);
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "%s: --%s: expected %s, found '%s'%s", command->name, option->name,
                           option->argument, value, suggestion);
    }
    arguments->given[arguments->given_count++] = (struct given_option){option, value};
    return STRATA_OK;
}

static strata_status check_operands(strata_context *ctx, const struct arguments *arguments) {
    const struct command *command = arguments->command;
    if (arguments->operand_count < command->least)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "%s: expected %s; see: strata %s --help", command->name,
                           command->operands, command->name);
    if (arguments->operand_count > command->most)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "%s: '%s' is one word too many; see: strata %s --help",
                           command->name, arguments->operands[command->most], command->name);
    return STRATA_OK;
}

strata_status arguments_parse(strata_context *ctx, const struct command *command, int argc, char **argv,
                              struct arguments *arguments) {
    size_t room = (size_t)argc + 1;
    *arguments = (struct arguments){.command = command};
    arguments->given = mem_zero(room, sizeof *arguments->given);
    arguments->operands = mem_zero(room, sizeof *arguments->operands);
    if (!arguments->given || !arguments->operands)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the command line");
    bool options_over = false;
    for (int i = 0; i < argc; ++i) {
        const char *word = argv[i];
        if (options_over || word[0] != '-' || word[1] == '\0') {
            arguments->operands[arguments->operand_count++] = word;
        } else if (strcmp(word, "--") == 0) {
            options_over = true;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            arguments->help = true;
            return STRATA_OK;
        } else {
            STRATA_TRY(parse_option(ctx, arguments, argc, argv, &i));
        }
    }
    return check_operands(ctx, arguments);
}

void arguments_destroy(struct arguments *arguments) {
    mem_free(arguments->given);
    mem_free(arguments->operands);
    *arguments = (struct arguments){0};
}

const char *argument_value(const struct arguments *arguments, const char *name) {
    for (size_t i = 0; i < arguments->given_count; ++i)
        if (strcmp(arguments->given[i].option->name, name) == 0) return arguments->given[i].value;
    return NULL;
}

bool argument_given(const struct arguments *arguments, const char *name) {
    for (size_t i = 0; i < arguments->given_count; ++i)
        if (strcmp(arguments->given[i].option->name, name) == 0) return true;
    return false;
}
