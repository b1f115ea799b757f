/* SPDX-License-Identifier: MIT */
/* What strata attack found, as a table, as result.json, and as a page with pictures. */
#ifndef CLI_ATTACK_REPORT_H
#define CLI_ATTACK_REPORT_H

#include <stdio.h>

#include "attack/suite.h"

enum { ATTACK_MOST_RADII = 32 };

/** All borrowed but the numbers. */
struct attack_outcome {
    const struct attack_norm *norm;
    const struct attack_target *target;
    const struct attack_options *options;
    const struct attack_rows *rows;
    const char *model, *data; /* as typed */
    size_t radius_count, check_count;
    double radii[ATTACK_MOST_RADII], seconds;
    struct suite_report reports[ATTACK_MOST_RADII];
    struct attack_check checks[SUITE_MOST_CHECKS];
    float *points; /* [rows, inputs]: breaking points at the largest radius, x where none was found */
};

/** Robust accuracy over the radii with intervals, the attacks at each, and the trust checks. */
STRATA_MUST_USE strata_status attack_report_print(strata_context *ctx, const struct attack_outcome *outcome, FILE *out,
                                                  size_t width);

/** The text of result.json. */
STRATA_MUST_USE strata_status attack_report_json(strata_context *ctx, const struct attack_outcome *outcome, FILE *out);

/** Refuses a folder that is there and not empty, before any work. ARGUMENT. */
STRATA_MUST_USE strata_status attack_report_begin(strata_context *ctx, const char *directory);

/** adversarial.npy, figures, report.html and, last, result.json; each by rename. */
STRATA_MUST_USE strata_status attack_report_write(strata_context *ctx, const struct attack_outcome *outcome,
                                                  const char *directory);

#endif
