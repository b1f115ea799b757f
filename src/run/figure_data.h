/* SPDX-License-Identifier: MIT */
/*
 * The numbers behind one figure, in memory and in its files: the one place that knows their format.
 *
 *   FIGURE_LINES, FIGURE_POINTS   figures/ID.csv: series,x,y,low,high,label
 *   FIGURE_BARS                   figures/ID.csv: series,category,y,low,high
 *   FIGURE_RANKING                figures/ID.csv: series,x,low,high
 *   FIGURE_TILES                  figures/ID.json: {"panels":["before","after"]}, and for each panel
 *                                 figures/ID.PANEL.npy: float64 [count, height, width]
 *
 * Empty number = none: no interval, or (y, a ranking's x) a fit that diverged. The row `@marker,X,,,,LABEL` is a
 * vertical line at X. A series `NAME:fit` is a line fitted to NAME: drawn in NAME's colour, dashed, its
 * slope in the legend when both axes are logarithmic. Series, categories and panels keep the order in
 * which they first appear.
 */
#ifndef RUN_FIGURE_DATA_H
#define RUN_FIGURE_DATA_H

#include "run/study.h"

struct figure_point {
    size_t series;    /* index into names of series */
    size_t category;  /* bars: index into names of categories; else 0 */
    double x;         /* lines and points; else 0 */
    double y;         /* NaN: diverged; a ranking's value, which its file calls x */
    double low, high; /* interval, both NaN: none */
};

struct figure_marker {
    char *label;
    double x;
};

/** Pictures of one size, row-major, drawn as a grid under the panel's name. */
struct figure_panel {
    char *name;
    size_t count, height, width;
    double *values; /* [count, height, width] */
};

/** Names in order of first appearance. */
struct figure_names {
    char **names;
    size_t count, capacity;
};

/** Zero-initialised but for `kind` is empty. Owns everything it points to. */
struct figure_data {
    enum figure_kind kind;
    struct figure_names series, categories;
    struct figure_point *points;
    struct figure_marker *markers;
    struct figure_panel *panels;
    size_t point_count, point_capacity;
    size_t marker_count, marker_capacity;
    size_t panel_count, panel_capacity;
};

/** Adds a point to a figure of lines or points. `x` finite; `low`, `high` both NaN: no interval. Strings are copied. */
STRATA_MUST_USE strata_status figure_data_point(strata_context *ctx, struct figure_data *data, const char *series,
                                                double x, double y, double low, double high);

/** Adds a bar to a figure of bars. */
STRATA_MUST_USE strata_status figure_data_bar(strata_context *ctx, struct figure_data *data, const char *series,
                                              const char *category, double y, double low, double high);

/** Adds a row to a ranking. */
STRATA_MUST_USE strata_status figure_data_rank(strata_context *ctx, struct figure_data *data, const char *series,
                                               double value, double low, double high);

/** Adds a labelled vertical line to a figure of lines or points; the same line twice is one. */
STRATA_MUST_USE strata_status figure_data_marker(strata_context *ctx, struct figure_data *data, const char *label,
                                                 double x);

/** Adds a panel of tiles; `values` [count, height, width] is copied; `panel` matches [a-z0-9_]+ and is new. */
STRATA_MUST_USE strata_status figure_data_tiles(strata_context *ctx, struct figure_data *data, const char *panel,
                                                size_t count, size_t height, size_t width, const double *values);

/** Writes the files of figure `id` below DIRECTORY/figures, making the folder. Each by rename. */
STRATA_MUST_USE strata_status figure_data_write(strata_context *ctx, const struct figure_data *data,
                                                const char *directory, const char *id);

/**
 * Reads them back; `data` (kind included) is set and owned by the caller, empty on failure.
 * Errors: NOT_FOUND, FORMAT (path, line, what was expected and found), MEMORY.
 */
STRATA_MUST_USE strata_status figure_data_read(strata_context *ctx, enum figure_kind kind, const char *directory,
                                               const char *id, struct figure_data *data);

/** The parser of the CSV kinds, for fuzzing; `text` [size] need not be terminated; `path` names it in messages. */
STRATA_MUST_USE strata_status figure_data_parse(strata_context *ctx, enum figure_kind kind, const char *path,
                                                const char *text, size_t size, struct figure_data *data);

void figure_data_destroy(struct figure_data *data);

#endif
