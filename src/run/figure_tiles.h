/* SPDX-License-Identifier: MIT */
/* Tiles as .npy files, over the readers of data. */
#ifndef RUN_FIGURE_TILES_H
#define RUN_FIGURE_TILES_H

#include <stddef.h>

#include "core/status.h"

/** Writes float64 [count, height, width] by rename. */
STRATA_MUST_USE strata_status tiles_write(strata_context *ctx, const char *path, const size_t dims[3],
                                          const double *values);

/** Reads them; `values` is owned by the caller (mem_free). FORMAT when the array has not three dimensions. */
STRATA_MUST_USE strata_status tiles_read(strata_context *ctx, const char *path, size_t dims[3], double **values);

#endif
