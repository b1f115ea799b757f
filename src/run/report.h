/* SPDX-License-Identifier: MIT */
/* A finished run as figures and one HTML page, from the files of its directory alone. */
#ifndef RUN_REPORT_H
#define RUN_REPORT_H

#include <jansson.h>

#include "core/file.h"
#include "core/ini.h"
#include "run/study.h"

/**
 * Draws every figure that result.json lists (figures/ID.svg, with `report.png = true` also ID.png) and writes
 * DIRECTORY/report.html, each by rename. Reads result.json, config.ini and the files beside the figures only.
 * Without gnuplot, or where it fails, the report is still written, says which figures are missing, and a
 * warning is logged.
 *
 * @param study  titles, captions and specifications; its name must be the one in result.json.
 * @return NOT_FOUND or FORMAT for a damaged run directory (path, line or key, what was expected and found).
 */
STRATA_MUST_USE strata_status report_build(strata_context *ctx, const struct study *study, const char *directory);

/** The same from a result (borrowed) that is not in result.json yet: a run writes that file last. */
STRATA_MUST_USE strata_status report_write(strata_context *ctx, const struct study *study, const char *directory,
                                           json_t *result);

/** report_build with another gnuplot: a name to look for in PATH, or a path. */
STRATA_MUST_USE strata_status report_build_with(strata_context *ctx, const struct study *study, const char *directory,
                                                const char *gnuplot);

/* ---- parts of the page ---- */

/** What the parts write from. */
struct report {
    strata_context *ctx;
    const struct study *study;
    const char *directory;
    const char *result_path;
    json_t *result;
    struct ini_file config;
    struct buffer page;    /* the HTML so far */
    struct buffer figures; /* <figure> elements, drawn first */
    bool keep_figures;     /* without gnuplot an old page with its figures is not replaced by one without */
};

/** One row of result.json's "claims", checked; strings are borrowed from the JSON. */
struct report_claim {
    const char *id, *role, *expected, *verdict, *statement, *source, *unit, *bound, *note;
    double measured, low, high; /* NaN: diverged */
    size_t seeds;
    bool log_scale, control;
    const json_t *controls;
};

STRATA_MUST_USE strata_status report_claim_read(const struct report *report, size_t index, struct report_claim *claim);

/** True when the verdict is the expected one, or nothing was expected. */
bool report_claim_expected(const struct report_claim *claim);

/** Bound text of result.json as an interval; an open end is infinite. False when it is not one. */
bool bound_parse(const char *text, double *low, double *high);

STRATA_MUST_USE strata_status report_head(struct report *report);   /* style, title, question, summary in a sentence */
STRATA_MUST_USE strata_status report_claims(struct report *report); /* verdicts, unexpected ones first */
STRATA_MUST_USE strata_status report_tables(struct report *report);
STRATA_MUST_USE strata_status report_settings(struct report *report); /* settings, how to repeat, versions */

/** Strip with the bound shaded and the interval over it, as an inline SVG; appended to the page. */
STRATA_MUST_USE strata_status report_strip(struct report *report, const struct report_claim *claim,
                                           const double range[2]);

/** Style sheet of the page, in pieces up to NULL: screens from 320 px, print, forced colours. */
extern const char *const report_style[];

/** A text member of a JSON object; FORMAT names file, place ("claims[3]") and key. */
STRATA_MUST_USE strata_status report_text(const struct report *report, const json_t *object, const char *place,
                                          const char *key, const char **text);

#endif
