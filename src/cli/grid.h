/* SPDX-License-Identifier: MIT */
/* The combinations of a sweep: --grid SECTION.KEY=V1,V2, the last grid moving fastest. */
#ifndef CLI_GRID_H
#define CLI_GRID_H

#include "cli/command.h"

struct grid_axis {
    char *key;
    char **values;
    size_t count;
};

struct grid {
    struct grid_axis *axes;
    size_t axis_count, combinations;
};

/**
 * Reads every --grid. ERR_ARGUMENT: no grid, no '=', an empty value, a key twice; ERR_TOO_LARGE: over 10,000
 * combinations.
 */
STRATA_MUST_USE strata_status grid_create(strata_context *ctx, const struct arguments *arguments, struct grid *grid);
void grid_destroy(struct grid *grid);

/** Value of an axis in a combination, in [0, combinations). */
const char *grid_value(const struct grid *grid, size_t combination, size_t axis);

/**
 * Folder name of a combination, unique in its grid: "003-gap=0.1,hidden_width=40". Fresh string, NULL when
 * memory is short.
 */
char *grid_folder(const struct grid *grid, size_t combination);

#endif
