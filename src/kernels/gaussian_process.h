/* SPDX-License-Identifier: MIT */
/*
 * Kernel ridge regression as a Gaussian process: y = f + noise of variance `ridge`, f of covariance K. Mean, posterior
 * variance, leave-one-out residuals and evidence. Source: Rasmussen & Williams 2006, ch. 2 and sec. 5.4.2.
 */
#ifndef KERNELS_GAUSSIAN_PROCESS_H
#define KERNELS_GAUSSIAN_PROCESS_H

#include "core/threads.h"

/** Zero-initialised is not fitted. */
struct gaussian_process {
    size_t n, outputs;
    double ridge;          /* on the diagonal, jitter included */
    double relative_ridge; /* what was chosen, in units of the Gram matrix's mean diagonal */
    double jitter;         /* what had to be added, in the same units */
    double log_marginal;   /* summed over outputs */
    double *factor;        /* [n, n]: Cholesky factor of K + ridge I */
    double *weights;       /* [n, outputs] */
};

struct gaussian_process_options {
    struct thread_pool *pool; /* borrowed; NULL: the caller's thread */
    size_t ridge_count;       /* several: the one of least leave-one-out error is taken */
    const double *ridges;     /* >= 0, in units of the mean diagonal */
    double jitter;            /* most that may be added, in the same units, where K + ridge I is singular; 0: nothing */
};

/**
 * @param gram  [n, n] symmetric, positive semidefinite.
 * @param y     [n, outputs].
 * Errors: ARGUMENT (a negative ridge; not symmetric or not finite, with the entry); CONVERGENCE (not positive definite,
 * with the pivot); MEMORY.
 */
STRATA_MUST_USE strata_status gaussian_process_fit(strata_context *ctx, const struct gaussian_process_options *options,
                                                   size_t n, const double *gram, size_t outputs, const double *y,
                                                   struct gaussian_process *process);
void gaussian_process_destroy(struct gaussian_process *process);

/** residuals [n, outputs] = y_i - f(x_i without row i), at the cost of another factor. Errors: MEMORY. */
STRATA_MUST_USE strata_status gaussian_process_leave_one_out(strata_context *ctx,
                                                             const struct gaussian_process *process, double *residuals);

/**
 * @param cross  [m, n]: kernel of new rows with the training rows.
 * @param own    [m]: their own kernel values; read only with `variance`.
 * @param mean   [m, outputs] out; @param variance [m] out, of f without noise; NULL: not wanted.
 * Errors: MEMORY.
 */
STRATA_MUST_USE strata_status gaussian_process_predict(strata_context *ctx, const struct gaussian_process *process,
                                                       size_t m, const double *cross, const double *own, double *mean,
                                                       double *variance);

/**
 * Mean and variance, over random initial weights, of very wide networks trained for `time` by gradient flow on half the
 * summed squared error (INFINITY: to the end): with A = T_mn T_nn^-1 (1 - exp(-time T_nn)), mean A y and variance of
 * N_mm + A N_nn A' - A N_nm - (A N_nm)'. Source: Lee et al., NeurIPS 2019, eqs. (13) to (15).
 *
 * @param ntk, nngp  [n, n] each, symmetric; `ntk` is destroyed. @param ntk_cross, nngp_cross [m, n]; @param own [m]:
 * of nngp. Errors: ARGUMENT (time < 0), CONVERGENCE, MEMORY.
 */
STRATA_MUST_USE strata_status ntk_ensemble_predict(strata_context *ctx, double time, size_t n, double *ntk,
                                                   const double *nngp, size_t outputs, const double *y, size_t m,
                                                   const double *ntk_cross, const double *nngp_cross, const double *own,
                                                   double *mean, double *variance);

#endif
