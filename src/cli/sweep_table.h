/* SPDX-License-Identifier: MIT */
/* One table over the runs of a sweep: for a terminal, as JSON, as CSV. */
#ifndef CLI_SWEEP_TABLE_H
#define CLI_SWEEP_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/grid.h"
#include "core/settings.h"

struct sweep;

struct sweep_run {
    struct sweep *sweep;
    struct settings *settings;
    char *folder; /* run directory */
    bool resumed; /* the directory holds an earlier run of the same settings */
    strata_context *ctx;
    strata_status status;
    json_t *result;
    double fraction;
};

/** Rows in order of claims, then combinations. */
STRATA_MUST_USE strata_status sweep_print(strata_context *ctx, FILE *out, const struct grid *grid,
                                          const struct sweep_run *runs);

/** {"study", "runs": [{"directory", "set": {key: value}, "claims"}]} */
STRATA_MUST_USE strata_status sweep_print_json(strata_context *ctx, FILE *out, const char *study,
                                               const struct grid *grid, const struct sweep_run *runs);

/** FOLDER/sweep.csv: the grid's keys, then claim, role, verdict, expected, measured, low, high, bound. */
STRATA_MUST_USE strata_status sweep_write_csv(strata_context *ctx, const struct grid *grid,
                                              const struct sweep_run *runs, const char *folder);

#endif
