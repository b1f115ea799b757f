/* SPDX-License-Identifier: MIT */
/* A figure from its numbers to its picture, by gnuplot. */
#ifndef RUN_FIGURE_DRAW_H
#define RUN_FIGURE_DRAW_H

#include "core/file.h"
#include "run/figure_data.h"

struct figure_request {
    const struct figure *spec;
    const struct figure_data *data;
    const char *directory; /* run directory: DIRECTORY/figures/ID.svg is written, by rename */
    const char *gnuplot;   /* program: a name to look for in PATH, or a path */
    bool png;              /* also ID.png */
};

/**
 * Draws one figure. The SVG has a viewBox, role, title and description, fonts by family only, and no
 * address outside itself.
 *
 * @param page  NULL, or appended: the same drawing as an element to set into HTML, without its title (the
 *              page has one), its ids prefixed with the figure's.
 * @return STRATA_OK; STRATA_ERR_NOT_FOUND: no such program; STRATA_ERR_UNSUPPORTED: gnuplot failed (its first
 *         message is in ours) or the data cannot be drawn; errors of files and memory.
 */
STRATA_MUST_USE strata_status figure_draw(strata_context *ctx, const struct figure_request *request,
                                          struct buffer *page);

/** Feeds a script to gnuplot's standard input and appends what it writes; no shell is involved. */
STRATA_MUST_USE strata_status gnuplot_run(strata_context *ctx, const char *program, const struct buffer *script,
                                          struct buffer *out);

#endif
