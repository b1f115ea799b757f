/* SPDX-License-Identifier: MIT */
/* What the commands share: one context, how to talk to the user, and the exit status. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/status.h"

/* The contract with scripts; names of our own because <stdlib.h> has EXIT_FAILURE only. */
enum exit_status {
    STATUS_DONE = 0,      /* whatever the verdicts */
    STATUS_STOPPED = 1,   /* interrupted, disk full, out of memory, internal error */
    STATUS_USAGE = 2,     /* usage, settings, data files, damaged run directory, request too large */
    STATUS_UNEXPECTED = 3 /* --check: a verdict other than expected */
};

struct live_line;
struct arguments;
struct study;

struct cli {
    strata_context *ctx;
    struct live_line *live;
    bool quiet;
    bool started;    /* tasks have begun: a failed write is no longer wrong usage */
    int exit_status; /* of a command that succeeded */
};

/** Exit status of a failed command. */
int exit_status_of(const struct cli *cli, strata_status status);

/** One line on standard error unless --quiet. */
void cli_note(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The study of that name; ERR_ARGUMENT offers the nearest. */
STRATA_MUST_USE strata_status cli_study(const struct cli *cli, const char *name, const struct study **study);

/** " (did you mean 'NEAREST'?)" into `text`, or "". */
void cli_suggestion(const char *word, const char *const *names, size_t count, char text[128]);

/** --threads: every processor by default; more than there are is clamped, and said. ERR_ARGUMENT: no such number. */
STRATA_MUST_USE strata_status cli_threads(const struct cli *cli, const struct arguments *arguments, size_t *threads);

/** A string member of a JSON object, or `fallback`. */
const char *json_text(const json_t *object, const char *key, const char *fallback);

/** Replaces control characters in all strings of a foreign file, which a terminal would obey. ERR_MEMORY. */
STRATA_MUST_USE strata_status json_clean(const struct cli *cli, json_t *value);

/** The object of an array whose "id" that is; NULL: none. */
const json_t *json_with_id(const json_t *array, const char *id);

/** Prints an object of the caller's, indented, and frees it; NULL is ERR_MEMORY. */
STRATA_MUST_USE strata_status cli_print_json(const struct cli *cli, json_t *object);

/** True for a row of `claims` whose verdict is not the expected one ("open" accepts all). */
bool claim_unexpected(const json_t *claim);

/** Name of the i-th known data set, NULL after the last. */
const char *data_name(size_t i);

/** cli_suggestion among the known data sets. */
void data_suggestion(const char *word, char text[128]);

/* ---- commands ---- */

strata_status command_run(struct cli *cli, const struct arguments *arguments);
strata_status command_resume(struct cli *cli, const struct arguments *arguments);
strata_status command_report(struct cli *cli, const struct arguments *arguments);
strata_status command_studies(struct cli *cli, const struct arguments *arguments);
strata_status command_sweep(struct cli *cli, const struct arguments *arguments);
strata_status command_compare(struct cli *cli, const struct arguments *arguments);
strata_status command_kernels(struct cli *cli, const struct arguments *arguments);
strata_status command_data(struct cli *cli, const struct arguments *arguments);
strata_status command_fit(struct cli *cli, const struct arguments *arguments);
strata_status command_predict(struct cli *cli, const struct arguments *arguments);
strata_status command_evaluate(struct cli *cli, const struct arguments *arguments);
strata_status command_attack(struct cli *cli, const struct arguments *arguments);
strata_status command_certify(struct cli *cli, const struct arguments *arguments);
strata_status command_bench(struct cli *cli, const struct arguments *arguments);

#endif
