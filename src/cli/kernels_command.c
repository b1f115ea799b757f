/* SPDX-License-Identifier: MIT */
/* strata kernels [NAME]: what `kernel.name` and lists of kernels may hold. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "kernels/kernel.h"

enum { NAMES_MOST = 64, COLUMN = 14, INDENT = 6, WIDTH_PIPED = 80 };

static void print_line(const char *label, const char *text) {
    if (!text || !*text) return;
    printf("%-*s", COLUMN, label);
    text_wrap(stdout, text, COLUMN, COLUMN, terminal_width(stdout, WIDTH_PIPED));
}

static void print_parameter(const struct kernel_class *class_, const struct kernel_parameter *row) {
    char fallback[32], low[32], high[32];
    printf("  %s = ", row->name);
    if (class_->network && strcmp(row->name, "activation") == 0) {
        printf("%s\n      one of the activations below", dual_table[0]->name);
    } else if (row->choices) {
        const char *choice = row->choices;
        for (size_t i = 0; i < (size_t)row->fallback; ++i) choice = strchr(choice, '|') + 1;
        printf("%.*s\n      %s", (int)strcspn(choice, "|"), choice, row->choices);
    } else {
        number_short(row->fallback, fallback);
        number_short(row->low, low);
        number_short(row->high, high);
        printf("%s\n      %s in [%s, %s]", fallback, row->whole ? "whole number" : "number", low, high);
    }
    printf("\n      ");
    text_wrap(stdout, row->meaning, INDENT, INDENT, terminal_width(stdout, WIDTH_PIPED));
}

static void print_indented(const char *label, const char *text) {
    printf("%*s%s", INDENT, "", label);
    text_wrap(stdout, text, INDENT + strlen(label), INDENT + 4, terminal_width(stdout, WIDTH_PIPED));
}

static void print_activations(void) {
    puts("\nActivations (their duals D = E phi(u) phi(v), E = E phi'(u) phi'(v)):");
    for (size_t i = 0; i < dual_table_size; ++i) {
        const struct dual_class *dual = dual_table[i];
        printf("  %s", dual->name);
        if (dual->number_name) printf(" (%s)", dual->number_name);
        printf(": %s\n", dual->formula);
        print_indented("D = ", dual->dual);
        print_indented(dual->no_tangent ? "E missing: " : "E = ",
                       dual->no_tangent ? dual->no_tangent : dual->derivative);
    }
}

static void print_kernel(const struct kernel_class *class_) {
    printf("%s\n", class_->name);
    print_line("formula", class_->formula);
    print_line("derivative", class_->derivative);
    print_line("rows", class_->domain);
    print_line("source", class_->source);
    if (class_->shorthand)
        printf("%-*s%sN is %s(%s=N)\n", COLUMN, "shorthand", class_->name, class_->name, class_->shorthand);
    if (class_->parameters[0].name) puts("\nParameters (NAME = DEFAULT):");
    for (size_t i = 0; class_->parameters[i].name; ++i) print_parameter(class_, &class_->parameters[i]);
    if (class_->network) print_activations();
}

strata_status command_kernels(struct cli *cli, const struct arguments *arguments) {
    const char *names[NAMES_MOST];
    char suggestion[128];
    size_t count = 0;
    for (; count < kernel_table_size && count < NAMES_MOST; ++count) names[count] = kernel_table[count]->name;
    for (size_t i = 0; i < kernel_table_size; ++i) {
        if (arguments->operand_count == 0)
            print_line(kernel_table[i]->name, kernel_table[i]->formula);
        else if (strcmp(arguments->operands[0], kernel_table[i]->name) == 0)
            return print_kernel(kernel_table[i]), STRATA_OK;
    }
    if (arguments->operand_count == 0) return STRATA_OK;
    cli_suggestion(arguments->operands[0], names, count, suggestion);
    return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "unknown kernel '%s'%s; see: strata kernels",
                       arguments->operands[0], suggestion);
}
