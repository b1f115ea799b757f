/* SPDX-License-Identifier: MIT */
/* What a series is called and how it looks: the same in every figure of every study. */
#ifndef RUN_FIGURE_STYLE_H
#define RUN_FIGURE_STYLE_H

#include "run/figure_data.h"

/** Colour, dash and marker together, so that series stay apart in grey and for colour-blind readers. */
struct series_style {
    const char *name;   /* "sgd_joint"; NULL: for series of no known name */
    const char *colour; /* "#0072b2" */
    const char *dash;   /* gnuplot's dash lengths "(8,4)"; "" = solid */
    int point;          /* gnuplot's filled point type; one less is its outline */
};

/** A series of one figure. */
struct series_look {
    const struct series_style *style;
    size_t variant; /* 0, 1, ...: how many series before share the style (other depths, other widths) */
    size_t parent;  /* of a NAME:fit: index of NAME, or its own index */
    bool fit;
};

/** "#rrggbb" mixed with white: density 1 is the colour, 0 is white. */
void colour_tint(const char *colour, double density, char tint[8]);

/** Title of a learner's name, else NULL. */
const char *series_title(const char *name);

/**
 * Appends the text people read: the title of the leading name, the rest ("/depth=3") with blanks; ":fit" is
 * dropped.
 */
STRATA_MUST_USE strata_status series_label(strata_context *ctx, struct buffer *out, const char *series);

/** Looks of all series, in order; `looks` [series->count] is owned by the caller (mem_free). */
STRATA_MUST_USE strata_status series_looks(strata_context *ctx, const struct figure_names *series,
                                           struct series_look **looks);

#endif
