/* SPDX-License-Identifier: MIT */
/* What the terminal shows of a finished run. */
#ifndef CLI_OUTCOME_H
#define CLI_OUTCOME_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "core/status.h"

/** Verdicts with their controls, the learners, what was not as expected, and where the report is. */
STRATA_MUST_USE strata_status outcome_print(strata_context *ctx, FILE *out, const json_t *result,
                                            const char *directory);

/** Verdict of a claim, with a symbol where `symbols`, and "(!)" when it is not the expected one. */
void claim_verdict_text(const json_t *claim, bool symbols, char text[64]);

/** Colour of such a text in column 0: red not as expected, yellow inconclusive, else green. */
const char *verdict_paint(size_t column, const char *text);

/** Measured value of a claim ("diverged" when it has none) and its interval "[low, high]". */
void claim_measured_text(const json_t *claim, char text[24]);
void claim_interval_text(const json_t *claim, char text[64]);

#endif
