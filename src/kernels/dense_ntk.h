/* SPDX-License-Identifier: MIT */
/*
 * Tangent kernels of dense networks of finite width, layer by layer and without their Jacobian: a weight matrix from a
 * to h adds (delta.delta')(a.a'), where delta is the derivative of the output by h; a bias adds delta.delta'.
 * O(L (n^2 width + n width^2)) instead of n^2 times the number of parameters. Source: Novak, Sohl-Dickstein &
 * Schoenholz, ICML 2022, sec. 3 (structured derivatives).
 */
#ifndef KERNELS_DENSE_NTK_H
#define KERNELS_DENSE_NTK_H

#include "kernels/kernel.h"
#include "model/network.h"

/** A network with its weights, in float64. */
struct dense_ntk;

/** Fills a named parameter of the network ("layer2.layer1", "readout1", ...), [fan-in, units] or [units]. */
typedef strata_status (*parameter_reader)(strata_context *ctx, void *user, const char *name, size_t count,
                                          double *values);

/**
 * @param network  copied; @param read  called once a parameter with `user`.
 * Errors: those of `read`; TOO_LARGE, MEMORY.
 */
STRATA_MUST_USE strata_status dense_ntk_create(strata_context *ctx, const struct network *network,
                                               parameter_reader read, void *user, struct dense_ntk **ntk);
void dense_ntk_destroy(struct dense_ntk *ntk);

/**
 * out[i, j] = grad f_output(x_i) . grad f_output(z_j) over all parameters.
 *
 * @param output  which, or SIZE_MAX: the mean over all (the mean of the diagonal blocks).
 * @param x [n, inputs], z [m, inputs]; out [n, m].
 * Errors: ARGUMENT (output), MEMORY.
 */
STRATA_MUST_USE strata_status dense_ntk_gram(strata_context *ctx, const struct dense_ntk *ntk, size_t output, size_t n,
                                             const double *x, size_t m, const double *z, double *out);

/**
 * The tangent kernel, in the scaling under which it has a limit, of one random network with the layers, activation and
 * variances of a kernel 'ntk'; out [n, n].
 *
 * @param width       units of each hidden layer.
 * @param mean_field  the output is divided by the width instead of its root: the kernel vanishes with the width.
 * @param stream      of the weights.
 * Errors: UNSUPPORTED (another kernel; residual, partly trained, several readouts), MEMORY.
 */
STRATA_MUST_USE strata_status finite_ntk_gram(strata_context *ctx, const struct kernel *kernel, size_t width,
                                              bool mean_field, struct rng_stream stream, size_t n, const double *x,
                                              double *out);

#endif
