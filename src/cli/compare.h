/* SPDX-License-Identifier: MIT */
/* Several finished runs side by side. */
#ifndef CLI_COMPARE_H
#define CLI_COMPARE_H

#include <jansson.h>
#include <stdio.h>

#include "core/status.h"
#include "run/study.h"

struct compared_run {
    const char *directory; /* borrowed */
    json_t *result;        /* parsed result.json */
};

struct comparison {
    struct compared_run *runs;
    size_t count;
    const struct study *study; /* the one study of all, or NULL */
    FILE *out;
    size_t width;
};

/** What a result.json holds that differs: settings, then claims, tables, and the ends of curves. */
STRATA_MUST_USE strata_status compare_settings(strata_context *ctx, const struct comparison *comparison);
STRATA_MUST_USE strata_status compare_claims(strata_context *ctx, const struct comparison *comparison);
STRATA_MUST_USE strata_status compare_tables(strata_context *ctx, const struct comparison *comparison);
STRATA_MUST_USE strata_status compare_curves(strata_context *ctx, const struct comparison *comparison);

struct text_table;
/** Header: the `names`, then a column "A", "B", ... for each run. */
STRATA_MUST_USE strata_status compare_header(strata_context *ctx, const struct comparison *comparison,
                                             struct text_table *table, size_t count, const char *const *names);

/** A run's column: "A".."Z", then "27". */
void compare_letter(size_t run, char text[24]);

#endif
