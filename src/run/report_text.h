/* SPDX-License-Identifier: MIT */
/* How reports and figures write numbers and foreign text: the only place that formats or escapes either. */
#ifndef RUN_REPORT_TEXT_H
#define RUN_REPORT_TEXT_H

#include "core/file.h"
#include "core/status.h"

enum { NUMBER_TEXT_SIZE = 48 };

/**
 * A number for people, UTF-8: three significant digits (fewer when the value has fewer), whole numbers below
 * 10^7 in full with grouped thousands, 1.2×10⁻³ outside [10^-3, 10^6), a true minus sign, "diverged" for what
 * is not finite.
 */
void number_text(double value, char text[NUMBER_TEXT_SIZE]);

/** A tic of a linear axis whose tics are `step` apart: as many decimals as the step needs. */
void number_tic(double value, double step, char text[NUMBER_TEXT_SIZE]);

/** 10ⁿ, and 1 for n = 0. */
void number_power(int exponent, char text[NUMBER_TEXT_SIZE]);

/**
 * Appends text with & < > " ' as entities, fit for HTML or XML text and quoted attributes; control bytes become
 * spaces.
 */
STRATA_MUST_USE strata_status text_escape(strata_context *ctx, struct buffer *out, const char *text);

/** buffer_print whose %s arguments are escaped: the format takes %s and %% only. */
STRATA_MUST_USE strata_status text_print(strata_context *ctx, struct buffer *out, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** "test_error" to "Test error": for keys and names that have no title. */
STRATA_MUST_USE strata_status text_humanise(strata_context *ctx, struct buffer *out, const char *name);

/** Appends escaped text that begins with a capital: summaries stand in lists with a small one. */
STRATA_MUST_USE strata_status text_sentence(strata_context *ctx, struct buffer *out, const char *text);

/** Characters (not bytes) of UTF-8 text, for estimates of its width. */
size_t text_length(const char *text);

#endif
