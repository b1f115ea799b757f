/* SPDX-License-Identifier: MIT */
/* The part of the paper's algorithm that stands alone. */
#ifndef LEARN_PAPER_H
#define LEARN_PAPER_H

#include <stddef.h>

#include "core/status.h"

/**
 * Best rank-k stand-in of a wide layer: narrow narrow' is the part of wide wide' with the k largest eigenvalues.
 *
 * @param wide    [inputs, wide_width].
 * @param narrow  [inputs, k] out; columns past the rank are zero.
 */
STRATA_MUST_USE strata_status paper_narrow_from_wide(strata_context *ctx, size_t inputs, size_t wide_width, size_t k,
                                                     const double *wide, double *narrow);

#endif
