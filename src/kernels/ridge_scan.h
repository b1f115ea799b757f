/* SPDX-License-Identifier: MIT */
/* Kernel ridge regression at many ridges, with every criterion by which one may be chosen. */
#ifndef KERNELS_RIDGE_SCAN_H
#define KERNELS_RIDGE_SCAN_H

#include "kernels/kernel.h"

/** One ridge; errors are means over rows of the sum over outputs. NaN in all but `ridge`: K + ridge I is singular. */
struct ridge_point {
    double ridge;               /* in units of the Gram matrix's mean diagonal */
    double leave_one_out;       /* Allen 1974 */
    double gcv;                 /* generalised cross-validation; Golub, Heath & Wahba 1979 */
    double log_marginal;        /* of y under the Gaussian process with noise `ridge`, summed over outputs */
    double effective_dimension; /* trace of K (K + ridge I)^-1 */
    double test_error;          /* on the test rows */
};

/**
 * @param pool     borrowed; NULL: the caller's thread.
 * @param x, y     [n, kernel's dimension], [n, outputs]; @param test_x, test_y the same of m rows; m may be 0.
 * @param ridges   [count], >= 0, in units of the Gram matrix's mean diagonal.
 * @param points   [count] out.
 * Errors: ARGUMENT (a negative ridge), CONVERGENCE (Gram matrix not positive semidefinite), INTERRUPTED, MEMORY.
 */
STRATA_MUST_USE strata_status ridge_scan(strata_context *ctx, struct thread_pool *pool, const struct kernel *kernel,
                                         size_t n, const double *x, size_t outputs, const double *y, size_t m,
                                         const double *test_x, const double *test_y, size_t count, const double *ridges,
                                         struct ridge_point *points);

/** The same from a Gram matrix [n, n], which is destroyed, without test rows. */
STRATA_MUST_USE strata_status ridge_scan_gram(strata_context *ctx, struct thread_pool *pool, size_t n, double *gram,
                                              size_t outputs, const double *y, size_t count, const double *ridges,
                                              struct ridge_point *points);

#endif
