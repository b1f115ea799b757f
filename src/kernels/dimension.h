/* SPDX-License-Identifier: MIT */
/*
 * The dimension argument, measured: from n samples a kernel's predictions lie in n dimensions that it chose without the
 * labels, so of M orthonormal targets it misses 1 - n / M on average. Source: Allen-Zhu & Li 2020, sec. 5 (lower
 * bounds).
 */
#ifndef KERNELS_DIMENSION_H
#define KERNELS_DIMENSION_H

#include "core/rng.h"
#include "kernels/kernel.h"

/** max(0, 1 - n / count). */
double dimension_bound(double n, double count);

/**
 * Mean squared test error of kernel ridge regression over all monomials of one degree on {-1, 1}^d, d = the kernel's
 * dimension, each fitted on the same n samples: one factorisation, C(d, degree) right-hand sides.
 *
 * @param stream  of the inputs: training rows at index 0.., test rows of a stream of their own.
 * @param ridge   in units of the Gram matrix's mean diagonal.
 * @param error   out: of the kernel.
 * @param label_dependent  out: of k + f f' for each target f, which knows what it is to learn; mean over all.
 * Errors: those of kernel_gram; CONVERGENCE; TOO_LARGE; MEMORY.
 */
STRATA_MUST_USE strata_status kernel_dimension_errors(strata_context *ctx, struct thread_pool *pool,
                                                      const struct kernel *kernel, struct rng_stream stream,
                                                      size_t degree, size_t n, size_t test_rows, double ridge,
                                                      double *error, double *label_dependent);

#endif
