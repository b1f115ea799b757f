/* SPDX-License-Identifier: MIT */
/* The table of commands and options: parsing, --help, the manual page and the completion all read it. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/cli.h"

struct option_row {
    const char *name;     /* "seed": typed as --seed */
    const char *argument; /* NULL: a flag. "N", "FILE", "DIR", "SECTION.KEY=VALUE"; "a|b|c": one of these words */
    const char *meaning;
    bool repeated; /* may be given several times */
};

struct command {
    const char *name;
    const char *operands; /* "STUDY", "[STUDY]", "DIR DIR...", "list|show [NAME]"; then options it cannot do without */
    size_t least, most;   /* operands */
    const char *summary;  /* one line, no full stop */
    const char *details;  /* a paragraph for --help and the manual */
    const struct option_row *const *options; /* NULL-terminated */
    strata_status (*run)(struct cli *cli, const struct arguments *arguments);
};

extern const struct command command_table[];
extern const size_t command_table_size;

/** Options that stand in place of a command; NULL-terminated. Those with an empty meaning are not shown. */
extern const struct option_row *const program_options[];

/** What every exit status means, in order 0 to 3. */
extern const char *const exit_status_meanings[4];

struct given_option {
    const struct option_row *option;
    const char *value; /* NULL for a flag; points into argv */
};

/** A parsed command line. All strings point into argv. */
struct arguments {
    const struct command *command;
    struct given_option *given;
    size_t given_count;
    const char **operands;
    size_t operand_count;
    bool help;
};

/**
 * Parses what follows the command's name. `--name VALUE` and `--name=VALUE`; operands may stand anywhere;
 * `--` ends options.
 * ERR_ARGUMENT: unknown (with the nearest), abbreviated or repeated option, missing or superfluous argument,
 * a word that is not among an option's choices, number of operands.
 */
STRATA_MUST_USE strata_status arguments_parse(strata_context *ctx, const struct command *command, int argc, char **argv,
                                              struct arguments *arguments);
void arguments_destroy(struct arguments *arguments);

/** Value of an option, NULL when it was not given. */
const char *argument_value(const struct arguments *arguments, const char *name);
bool argument_given(const struct arguments *arguments, const char *name);

/** Command of that name; ERR_ARGUMENT with the nearest one. */
STRATA_MUST_USE strata_status command_find(strata_context *ctx, const char *name, const struct command **command);

void help_program(FILE *out);
void help_command(FILE *out, const struct command *command);
void print_manual(FILE *out);
void print_bash_completion(FILE *out);

#endif
