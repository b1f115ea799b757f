/* SPDX-License-Identifier: MIT */
/* The manual page and the bash completion, printed from the command table; installed by the build. */
#include "cli/command.h"

#include <string.h>
#include <strata/context.h>

#include "studies/studies.h"

/* ---- manual page: man(7) macros ---- */

/* Text as roff: '-' stays a hyphen that can be copied, a line never begins with a control character. */
static void roff(FILE *out, const char *text) {
    if (*text == '.' || *text == '\'') fputs("\\&", out);
    for (; *text; ++text) {
        if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\\')
            fputs("\\e", out);
        else
            fputc(*text, out);
    }
}

static void manual_option(FILE *out, const struct option_row *option) {
    fputs(".TP\n\\fB\\-\\-", out);
    roff(out, option->name);
    fputs("\\fR", out);
    if (option->argument) {
        fputs(" \\fI", out);
        roff(out, option->argument);
        fputs("\\fR", out);
    }
    fputs(option->repeated ? " (may be repeated)\n" : "\n", out);
    roff(out, option->meaning);
    fputc('\n', out);
}

static void manual_command(FILE *out, const struct command *command) {
    fputs(".SS \"", out);
    roff(out, command->name);
    fputc(' ', out);
    roff(out, command->operands);
    fputs("\"\n", out);
    roff(out, command->summary);
    fputs(".\n.PP\n", out);
    roff(out, command->details);
    fputc('\n', out);
    for (size_t i = 0; command->options[i]; ++i) manual_option(out, command->options[i]);
}

void print_manual(FILE *out) {
    fprintf(out, ".TH STRATA 1 \"\" \"Strata %s\" \"User Commands\"\n", strata_version());
    fputs(".SH NAME\nstrata \\- statements of deep\\-learning theory as programs that measure them\n", out);
    fputs(".SH SYNOPSIS\n\\fBstrata\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n.br\n"
          "\\fBstrata\\fR \\-\\-version | \\-\\-help | \\fICOMMAND\\fR \\-\\-help\n",
          out);
    fputs(".SH DESCRIPTION\nA study trains learners, measures them and judges claims: each \\fIholds\\fR, "
          "\\fIfails\\fR or is "
          "\\fIinconclusive\\fR.\n.SH COMMANDS\n",
          out);
    for (size_t i = 0; i < command_table_size; ++i) manual_command(out, &command_table[i]);
    fputs(".SH \"EXIT STATUS\"\n", out);
    for (size_t i = 0; i < 4; ++i) {
        fprintf(out, ".TP\n%zu\n", i);
        roff(out, exit_status_meanings[i]);
        fputc('\n', out);
    }
    fputs(".SH ENVIRONMENT\n.TP\nSTRATA_DATA\nfolder of data sets, after \\-\\-data\n"
          ".TP\nNO_COLOR\nno colours on a terminal when not empty\n",
          out);
    fputs(".SH EXAMPLES\n.nf\nstrata run bfc \\-\\-preset smoke\n"
          "strata sweep bfc \\-\\-preset smoke \\-\\-grid teacher.gap=0.1,0.3,1\nstrata resume runs/bfc\n.fi\n",
          out);
}

/* ---- bash completion ---- */

/* The words an argument or operand may be, blank-separated; nothing for free text. */
static void print_words(FILE *out, const char *argument) {
    if (strstr(argument, "STUDY"))
        for (size_t i = 0; i < study_table_size; ++i) fprintf(out, "%s ", study_table[i]->name);
    else if (strchr(argument, '|'))
        for (const char *at = argument; *at && *at != ' '; ++at) fputc(*at == '|' ? ' ' : *at, out);
}

/* Shell code that completes one word by the kind of argument ("FILE", "DIR", "STUDY", "a|b"). */
static void complete_argument(FILE *out, const char *argument) {
    const char *kind = strstr(argument, "DIR") ? "-d" : strstr(argument, "FILE") ? "-f" : NULL;
    if (kind)
        fprintf(out, "compopt -o filenames; mapfile -t COMPREPLY < <(compgen %s -- \"$word\")", kind);
    else {
        fputs("mapfile -t COMPREPLY < <(compgen -W \"", out);
        print_words(out, argument);
        fputs("\" -- \"$word\")", out);
    }
}

static void completion_command(FILE *out, const struct command *command) {
    fprintf(out, "    %s)\n        case $previous in\n", command->name);
    for (size_t i = 0; command->options[i]; ++i) {
        if (!command->options[i]->argument) continue;
        fprintf(out, "        --%s) ", command->options[i]->name);
        complete_argument(out, command->options[i]->argument);
        fputs("; return ;;\n", out);
    }
    if (strstr(command->operands, "show")) {
        fputs("        show) mapfile -t COMPREPLY < <(compgen -W \"", out);
        for (size_t i = 0; data_name(i); ++i) fprintf(out, "%s ", data_name(i));
        fputs("\" -- \"$word\"); return ;;\n", out);
    }
    fputs("        esac\n        if [[ $word == -* ]]; then\n            mapfile -t COMPREPLY < <(compgen -W \"--help",
          out);
    for (size_t i = 0; command->options[i]; ++i) fprintf(out, " --%s", command->options[i]->name);
    fputs("\" -- \"$word\")\n        else\n            ", out);
    complete_argument(out, command->most ? command->operands : "");
    fputs("\n        fi ;;\n", out);
}

void print_bash_completion(FILE *out) {
    fputs("# bash completion of strata; printed by `strata --completion bash`\n_strata() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n    COMPREPLY=()\n"
          "    if ((COMP_CWORD == 1)); then\n        mapfile -t COMPREPLY < <(compgen -W \"",
          out);
    for (size_t i = 0; i < command_table_size; ++i) fprintf(out, "%s ", command_table[i].name);
    fputs("--help --version\" -- \"$word\")\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n", out);
    for (size_t i = 0; i < command_table_size; ++i) completion_command(out, &command_table[i]);
    fputs("    esac\n}\ncomplete -F _strata strata\n", out);
}
