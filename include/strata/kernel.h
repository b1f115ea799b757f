/* SPDX-License-Identifier: MIT */
/** @file
 * Kernels: polynomial, Gaussian, Laplace, Matérn, arc-cosine and compositional ones, and those of infinitely wide
 * networks (NNGP, NTK, convolutional ones), with Gram matrices, ridge regression, and Gaussian-process variances.
 */
#ifndef STRATA_KERNEL_H
#define STRATA_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

#include <strata/context.h>

STRATA_BEGIN

/** A kernel with its parameters resolved, and the threads its Gram matrices are computed on. */
typedef struct strata_kernel strata_kernel;

/** How many kernels there are. */
size_t strata_kernel_count(void);

/** Name of kernel `index` ("ntk"); NULL past the last one. Static storage. */
const char *strata_kernel_name(size_t index);

/** Its formula; NULL past the last one. Static storage. */
const char *strata_kernel_formula(size_t index);

/** Where it comes from: paper and section; NULL past the last one. Static storage. */
const char *strata_kernel_source(size_t index);

/** How a kernel is set up. Begin with strata_kernel_options_default(). */
typedef struct strata_kernel_options {
    const size_t *image; /**< channels, height and width of a row, for kernels of pictures; NULL: rows are none */
    size_t threads;      /**< at least 1; no bit of any result depends on it */
} strata_kernel_options;

/** No pictures, one thread. */
strata_kernel_options strata_kernel_options_default(void);

/**
 * A kernel from its text.
 *
 * @param text     "rbf", "poly4", "ntk(layers=3, activation=gelu, bias_variance=0)".
 * @param options  borrowed during the call; NULL: the default.
 * @param n        rows that data-dependent parameters, such as a median bandwidth, come from; 0 when there are none.
 * @param inputs   numbers of a row.
 * @param x        [n, inputs].
 * @param kernel   out; freed by strata_kernel_destroy.
 * @return STRATA_OK; STRATA_ERR_NOT_FOUND (no kernel of that name: the nearest is named); STRATA_ERR_CONFIG (parameter,
 *         value or activation, with what was expected; an activation without tangent kernel, and why);
 *         STRATA_ERR_ARGUMENT (rows outside the kernel's domain, with their number); STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_kernel_create(strata_context *ctx, const char *text,
                                                   const strata_kernel_options *options, size_t n, size_t inputs,
                                                   const double *x, strata_kernel **kernel);

/** Frees a kernel; NULL is fine. */
void strata_kernel_destroy(strata_kernel *kernel);

/** The kernel with all its parameters as text that strata_kernel_create reads back; valid as long as the kernel. */
const char *strata_kernel_text(const strata_kernel *kernel);

/**
 * out[i, j] = k(x_i, z_j). Where `x` and `z` are the same array the result is symmetric to the bit.
 *
 * @param x    [n, inputs], finite and in the kernel's domain.
 * @param z    [m, inputs].
 * @param out  [n, m] out.
 * @return STRATA_OK; STRATA_ERR_ARGUMENT (a row outside the domain, with its number); STRATA_ERR_INTERRUPTED;
 *         STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_kernel_gram(strata_context *ctx, const strata_kernel *kernel, size_t n,
                                                 const double *x, size_t m, const double *z, double *out);

/** out[i] = k(x_i, x_i), [n]; otherwise as strata_kernel_gram. */
STRATA_MUST_USE strata_status strata_kernel_diagonal(strata_context *ctx, const strata_kernel *kernel, size_t n,
                                                     const double *x, double *out);

/** Kernel ridge regression, which is the posterior mean of a Gaussian process whose noise variance is the ridge. */
typedef struct strata_kernel_fit strata_kernel_fit;

/** How a fit is set up. Begin with strata_kernel_fit_options_default(). */
typedef struct strata_kernel_fit_options {
    const double *ridges; /**< [ridge_count], >= 0, in units of the Gram matrix's mean diagonal; NULL: 1e-10 to 10 */
    size_t ridge_count;   /**< of several the one of least leave-one-out error is taken */
    double jitter;        /**< most that may be added, in the same units, where the matrix is singular; 0: nothing */
} strata_kernel_fit_options;

/** The ridge of least leave-one-out error among 23 from 1e-10 to 10; no jitter. */
strata_kernel_fit_options strata_kernel_fit_options_default(void);

/** What a fit found. */
typedef struct strata_kernel_fit_measures {
    double ridge;        /**< chosen, in units of the Gram matrix's mean diagonal */
    double jitter;       /**< added to it because the matrix was singular, in the same units; 0 unless asked for */
    double noise;        /**< both together as a variance: what was added to the diagonal */
    double log_marginal; /**< log evidence of y under the Gaussian process, summed over outputs */
} strata_kernel_fit_measures;

/**
 * Fits y = f(x) by one Cholesky factor; with several ridges also one band reduction. 16 n^2 bytes (24 n^2 while a ridge
 * is chosen).
 *
 * @param kernel   borrowed for the fit's life.
 * @param options  borrowed during the call; NULL: the default.
 * @param x        [n, inputs] of the kernel; copied.
 * @param y        [n, outputs]; take its mean off first when that is not to be learned.
 * @param fit      out; freed by strata_kernel_fit_destroy.
 * @return STRATA_OK; STRATA_ERR_ARGUMENT (a ridge below 0, a row outside the domain); STRATA_ERR_CONVERGENCE (not
 *         positive definite, with the pivot); STRATA_ERR_INTERRUPTED; STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_kernel_fit_create(strata_context *ctx, const strata_kernel *kernel,
                                                       const strata_kernel_fit_options *options, size_t n,
                                                       const double *x, size_t outputs, const double *y,
                                                       strata_kernel_fit **fit);

/**
 * The same from a Gram matrix of the caller's own; such a fit predicts by strata_kernel_fit_predict_gram alone.
 *
 * @param gram  [n, n].
 * @return as strata_kernel_fit_create; STRATA_ERR_ARGUMENT also where the matrix is not symmetric or not finite.
 */
STRATA_MUST_USE strata_status strata_kernel_fit_create_from_gram(strata_context *ctx,
                                                                 const strata_kernel_fit_options *options, size_t n,
                                                                 const double *gram, size_t outputs, const double *y,
                                                                 strata_kernel_fit **fit);

/** Frees a fit; NULL is fine. */
void strata_kernel_fit_destroy(strata_kernel_fit *fit);

/** What the fit found. */
strata_kernel_fit_measures strata_kernel_fit_get_measures(const strata_kernel_fit *fit);

/**
 * Leave-one-out residuals y_i - f(x_i without row i) in closed form, at the cost of another factor.
 *
 * @param residuals  [n, outputs] out.
 * @return STRATA_OK or STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_kernel_fit_leave_one_out(strata_context *ctx, const strata_kernel_fit *fit,
                                                              double *residuals);

/**
 * Posterior mean and variance.
 *
 * @param x         [rows, inputs].
 * @param mean      [rows, outputs] out.
 * @param variance  [rows] out, of f, without noise; NULL: not wanted.
 * @return STRATA_OK; STRATA_ERR_UNSUPPORTED (made from a Gram matrix); STRATA_ERR_ARGUMENT; STRATA_ERR_INTERRUPTED;
 *         STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_kernel_fit_predict(strata_context *ctx, const strata_kernel_fit *fit, size_t rows,
                                                        const double *x, double *mean, double *variance);

/**
 * The same from kernel values.
 *
 * @param cross     [rows, n]: of new rows with the training rows.
 * @param own       [rows]: of new rows with themselves; NULL when `variance` is.
 * @return STRATA_OK; STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_kernel_fit_predict_gram(strata_context *ctx, const strata_kernel_fit *fit,
                                                             size_t rows, const double *cross, const double *own,
                                                             double *mean, double *variance);

/**
 * Mean and variance, over random initial weights, of infinitely wide networks trained by gradient flow on half the
 * summed squared error. Source: Lee et al., NeurIPS 2019, eqs. (13) to (15).
 *
 * @param nngp, ntk  kernels of the same network.
 * @param time       of training; INFINITY: to the end.
 * @param x, y       [n, inputs], [n, outputs]: training rows.
 * @param z          [rows, inputs].
 * @param mean       [rows, outputs] out.
 * @param variance   [rows] out.
 * @return STRATA_OK; STRATA_ERR_ARGUMENT (time below 0, a row outside the domain, kernels of different inputs);
 *         STRATA_ERR_CONVERGENCE; STRATA_ERR_INTERRUPTED; STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_kernel_ensemble(strata_context *ctx, const strata_kernel *nngp,
                                                     const strata_kernel *ntk, double time, size_t n, const double *x,
                                                     size_t outputs, const double *y, size_t rows, const double *z,
                                                     double *mean, double *variance);

STRATA_END
#endif
