/* SPDX-License-Identifier: MIT */
/* What the terminal shows of a finished run. */
#ifndef CLI_OUTCOME_H
#define CLI_OUTCOME_H

#include <jansson.h>
#include <stdio.h>

#include "core/status.h"

/** Verdicts with their controls, the learners, what was not as expected, and where the report is. */
STRATA_MUST_USE strata_status outcome_print(strata_context *ctx, FILE *out, const json_t *result, const char *directory);

/** One line a claim whose verdict is not the expected one; says so when there is none. Returns their number. */
size_t outcome_unexpected(FILE *out, const json_t *result);

/** Colour of a verdict cell; cells may begin with a symbol. */
const char *verdict_paint(size_t column, const char *text);
/** "holds" with its symbol where `symbols`. */
const char *verdict_text(const char *verdict, bool symbols);

/** Measured value of a claim ("diverged" when it has none) and its interval "[low, high]". */
void claim_measured_text(const json_t *claim, char text[24]);
void claim_interval_text(const json_t *claim, char text[64]);

#endif
