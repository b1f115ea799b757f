/* SPDX-License-Identifier: MIT */
/* What kernels of the distance r = |x - z| share: their length scale. */
#ifndef KERNELS_RADIAL_H
#define KERNELS_RADIAL_H

#include "kernels/kernel.h"

/* Every radial kernel's first parameter. */
enum { RADIAL_BANDWIDTH };
#define RADIAL_PARAMETER \
    [RADIAL_BANDWIDTH] = {"bandwidth", 0, 0, 1e12, false, NULL, "length l; 0: the median distance of the training rows"}

/**
 * A bandwidth of 0 becomes the median distance of different ones of at most 500 evenly spaced rows. Errors: ARGUMENT,
 * MEMORY.
 */
STRATA_MUST_USE strata_status radial_prepare(strata_context *ctx, struct kernel *kernel, size_t n, const double *x);

/** values[j] = max(0, xx + zz[j] - 2 values[j]): from products to squared distances. */
void radial_squares(size_t count, double xx, const double *zz, double *values);

/** 1: the diagonal of every radial kernel. */
double radial_diagonal(const struct kernel *kernel, double xx);

#endif
