/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <string.h>

#include "cli/terminal.h"

enum { HELP_WIDTH = 80, HELP_INDENT = 4, COMMAND_COLUMN = 12 };

static size_t help_width(FILE *out) {
    size_t width = terminal_width(out, HELP_WIDTH);
    return width < HELP_WIDTH ? width : HELP_WIDTH;
}

static void help_option(FILE *out, const struct option_row *option) {
    fprintf(out, "  --%s%s%s%s\n", option->name, option->argument ? " " : "", option->argument ? option->argument : "",
            option->repeated ? "   (may be repeated)" : "");
    text_wrap(out, option->meaning, 0, HELP_INDENT + 2, help_width(out));
}

void help_program(FILE *out) {
    fputs("usage: strata COMMAND [OPTIONS]\n       strata --version | --help | COMMAND --help\n\n", out);
    text_wrap(out,
              "Turns statements of deep-learning theory into claims: programs that train, measure, and say holds, "
              "fails or inconclusive.",
              0, 0, help_width(out));
    fputs("\nCommands:\n", out);
    for (size_t i = 0; i < command_table_size; ++i) {
        fprintf(out, "  %-*s", COMMAND_COLUMN - 2, command_table[i].name);
        text_wrap(out, command_table[i].summary, COMMAND_COLUMN, COMMAND_COLUMN, help_width(out));
    }
    fputs("\nTo begin: strata run bfc\n", out);
}

void help_command(FILE *out, const struct command *command) {
    bool options = command->options[0] != NULL;
    fprintf(out, "usage: strata %s%s%s%s\n\n", command->name, *command->operands ? " " : "", command->operands,
            options ? " [OPTIONS]" : "");
    text_wrap(out, command->details, 0, 0, help_width(out));
    if (options) fputs("\nOptions:\n", out);
    for (size_t i = 0; command->options[i]; ++i) help_option(out, command->options[i]);
    fputs("\nExit status:\n", out);
    for (size_t i = 0; i < 4; ++i) {
        if (i == STATUS_UNEXPECTED && strcmp(command->name, "run") != 0 && strcmp(command->name, "resume") != 0 &&
            strcmp(command->name, "sweep") != 0)
            continue;
        fprintf(out, "  %zu ", i);
        text_wrap(out, exit_status_meanings[i], HELP_INDENT, HELP_INDENT, help_width(out));
    }
}
