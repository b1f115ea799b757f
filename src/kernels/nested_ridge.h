/* SPDX-License-Identifier: MIT */
/* A learning curve from one factorisation: kernel ridge regression on the first rows of one training set. */
#ifndef KERNELS_NESTED_RIDGE_H
#define KERNELS_NESTED_RIDGE_H

#include "kernels/kernel.h"

/**
 * Test errors of kernel ridge regression on the first sizes[0] < sizes[1] < ... training rows, with the same ridge for
 * all. The leading block of the Cholesky factor of a matrix is the factor of its leading block, so one serves all.
 *
 * @param pool    borrowed; NULL: the caller's thread.
 * @param x, y    [n, kernel's dimension], [n, outputs]; @param test_x, test_y the same of m rows.
 * @param ridge   added to the Gram matrix, >= 0.
 * @param sizes   [count], rising, the last at most n.
 * @param errors  [count, outputs] out: mean squares over the test rows.
 * Errors: ARGUMENT (sizes), CONVERGENCE (Gram matrix not positive definite, with the pivot), INTERRUPTED, MEMORY.
 */
STRATA_MUST_USE strata_status nested_ridge(strata_context *ctx, struct thread_pool *pool, const struct kernel *kernel,
                                           size_t n, const double *x, size_t outputs, const double *y, size_t m,
                                           const double *test_x, const double *test_y, double ridge, size_t count,
                                           const size_t *sizes, double *errors);

#endif
