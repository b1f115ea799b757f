/* SPDX-License-Identifier: MIT */
/* What a study's summarise collects: claims, tables, figures. Kept and printed in declared order. */
#ifndef RUN_SUMMARY_H
#define RUN_SUMMARY_H

#include <jansson.h>

#include "run/figure_data.h"
#include "run/run.h"

struct claim_row {
    bool measured;
    struct claim_result result;
    char *note; /* NULL: none */
};

struct table_rows {
    json_t *columns, *rows; /* arrays; NULL: the table was not begun */
};

struct summary {
    const struct study *study;
    enum preset_kind preset;
    struct claim_row *claims;    /* one for each of study->claims */
    struct table_rows *tables;   /* one for each of study->tables */
    struct figure_data *figures; /* one for each of study->figures */
    size_t claim_count, table_count, figure_count;
};

STRATA_MUST_USE strata_status summary_create(strata_context *ctx, const struct study *study, enum preset_kind preset,
                                             struct summary *summary);
void summary_destroy(struct summary *summary);

/** Every row has all its cells; ERR_INTERNAL otherwise. */
STRATA_MUST_USE strata_status summary_check(strata_context *ctx, const struct summary *summary);

/** "claims", "tables" and "figures" of result.json, added to `result`. */
STRATA_MUST_USE strata_status summary_print(strata_context *ctx, const struct summary *summary, json_t *result);

/** The numbers behind the figures that have any, below DIRECTORY/figures. */
STRATA_MUST_USE strata_status summary_write_figures(strata_context *ctx, const struct summary *summary,
                                                    const char *directory);

#endif
