/* SPDX-License-Identifier: MIT */
/* From the numbers of a figure to the gnuplot script that draws it. Pure: no files, no processes. */
#ifndef RUN_FIGURE_SCRIPT_H
#define RUN_FIGURE_SCRIPT_H

#include "core/file.h"
#include "run/figure_axis.h"
#include "run/figure_data.h"
#include "run/figure_style.h"

enum figure_format { FORMAT_SVG, FORMAT_PNG };

enum {
    FIGURE_WIDTH = 760, /* pixels of the drawing; text is FIGURE_FONT pixels high */
    FIGURE_FONT = 14,
    FIGURE_MARGIN = 12,      /* left of texts and legend */
    FIGURE_TITLE_HEIGHT = 38 /* above the drawing: by gnuplot in a PNG, by figure_draw in an SVG */
};

/** What is being drawn, and where on the canvas (pixels from its lower left corner). */
struct sketch {
    strata_context *ctx;
    struct buffer *out;
    const struct figure *spec;
    const struct figure_data *data;
    enum figure_format format;
    struct series_look *looks;       /* [series count] */
    char **labels;                   /* [series count]: what the legend says */
    double height;                   /* of the canvas, with the title in a PNG */
    double left, right, bottom, top; /* of the plot's area */
};

/** Appends the script; it writes the picture to standard output. `height`: of the canvas, in pixels. */
STRATA_MUST_USE strata_status figure_script(strata_context *ctx, const struct figure *spec,
                                            const struct figure_data *data, enum figure_format format,
                                            struct buffer *out, double *height);

/* ---- shared by the kinds ---- */

/** Width of text in pixels, estimated: fonts differ. */
double sketch_text_width(const char *text);

/** Appends text as a gnuplot literal: single quotes, in which gnuplot substitutes nothing. */
STRATA_MUST_USE strata_status sketch_literal(const struct sketch *sketch, const char *text);

/** Sets one margin of the next plot: side 'l', 'r', 't' or 'b', as a share of the screen. */
STRATA_MUST_USE strata_status sketch_margin(const struct sketch *sketch, char side, double share);

/** Appends " NUMBER". */
STRATA_MUST_USE strata_status sketch_number(const struct sketch *sketch, double value);

/** "screen X,screen Y" of a place in pixels. */
STRATA_MUST_USE strata_status sketch_place(const struct sketch *sketch, double x, double y);

/** A line of text; `how` holds alignment and colour ("right tc rgb '#444444'"). */
STRATA_MUST_USE strata_status sketch_text(const struct sketch *sketch, double x, double y, const char *how,
                                          const char *text);

/** Terminal, title of a PNG and common styles; sketch->height must be set. */
STRATA_MUST_USE strata_status sketch_open(const struct sketch *sketch);

/** The plot's area, ranges, tics and grid (`grid`: "xtics ytics"). */
STRATA_MUST_USE strata_status sketch_axes(const struct sketch *sketch, const struct axis *x, const struct axis *y,
                                          const char *grid, const char *x_tic_style);

/**
 * Height of the legend in pixels, and (draw) the legend itself at the canvas's foot: swatches for bars, else lines;
 * a ranking has none.
 */
double legend_height(const struct sketch *sketch);
STRATA_MUST_USE strata_status legend_draw(const struct sketch *sketch);

/** Style of `with vectors` that draws an interval with short caps. */
extern const char whisker_style[];

/** How a bar of series `i` is filled: 1 = solid, less when series before it have the same colour. */
double bar_density(const struct sketch *sketch, size_t i);

STRATA_MUST_USE strata_status script_curves(struct sketch *sketch); /* FIGURE_LINES, FIGURE_POINTS */
STRATA_MUST_USE strata_status script_bars(struct sketch *sketch);
STRATA_MUST_USE strata_status script_ranking(struct sketch *sketch);
STRATA_MUST_USE strata_status script_tiles(struct sketch *sketch);

/** Appends what the figure shows: its caption, then its main numbers in words. */
STRATA_MUST_USE strata_status figure_describe(strata_context *ctx, const struct figure *spec,
                                              const struct figure_data *data, struct buffer *out);

#endif
