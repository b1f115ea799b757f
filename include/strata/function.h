/* SPDX-License-Identifier: MIT */
/** @file
 * A function of input rows with its derivative: what attacks and explanations work on. A fitted learner gives one
 * (strata_learner_function); a program may fill in its own.
 */
#ifndef STRATA_FUNCTION_H
#define STRATA_FUNCTION_H

#include <stddef.h>

#include <strata/context.h>

STRATA_BEGIN

/**
 * Writes the seeds of rows first..first+rows-1 from their outputs: `out` and `seed` [rows, outputs]. Called in order of
 * the rows, from the thread of the call.
 */
typedef void (*strata_seeds)(void *user, size_t first, size_t rows, const float *out, float *seed);

/** Outputs and vector-Jacobian product. A plain value: copy it freely, nothing is to be freed. */
typedef struct strata_function {
    void *user;     /**< passed to the calls; borrowed */
    size_t inputs;  /**< numbers of an input row */
    size_t outputs; /**< numbers of an output row: values, one logit, or one logit a class */

    /** out[r] = f(x[r]): `x` [rows, inputs], `out` [rows, outputs]. */
    strata_status (*evaluate)(strata_context *ctx, void *user, size_t rows, const float *x, float *out);

    /**
     * gradient[r] = J(x[r])' seed[r], with J the derivative of f: the gradient of <seed[r], f(x[r])> to the input.
     * `seed` [rows, outputs], `gradient` [rows, inputs]; `out` [rows, outputs] as by evaluate, NULL: not wanted.
     * The member is NULL for a function without derivative.
     */
    strata_status (*vjp)(strata_context *ctx, void *user, size_t rows, const float *x, const float *seed, float *out,
                         float *gradient);

    /**
     * As vjp, with seeds that `seeds` makes from the outputs: one forward pass less where the seed is the derivative of
     * a loss. Optional: without it strata_function_pull calls evaluate, then vjp.
     */
    strata_status (*pull)(strata_context *ctx, void *user, size_t rows, const float *x, strata_seeds seeds,
                          void *seeds_user, float *out, float *gradient);
} strata_function;

/**
 * Calls `function->evaluate`.
 *
 * @param x    [rows, inputs].
 * @param out  [rows, outputs] out.
 * @return what the function gives; STRATA_ERR_UNSUPPORTED without the entry.
 */
STRATA_MUST_USE strata_status strata_function_evaluate(strata_context *ctx, const strata_function *function,
                                                       size_t rows, const float *x, float *out);

/**
 * Calls `function->vjp`.
 *
 * @param x         [rows, inputs].
 * @param seed      [rows, outputs].
 * @param out       [rows, outputs] out; NULL: not wanted.
 * @param gradient  [rows, inputs] out.
 * @return what the function gives; STRATA_ERR_UNSUPPORTED without a derivative.
 */
STRATA_MUST_USE strata_status strata_function_vjp(strata_context *ctx, const strata_function *function, size_t rows,
                                                  const float *x, const float *seed, float *out, float *gradient);

/**
 * Gradients with seeds made from the outputs, such as those of a loss.
 *
 * @param x           [rows, inputs].
 * @param seeds       called with the outputs of all rows, in one or several parts.
 * @param seeds_user  passed to it.
 * @param out         [rows, outputs] out; NULL: not wanted.
 * @param gradient    [rows, inputs] out.
 * @return what the function gives; STRATA_ERR_UNSUPPORTED without a derivative; STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_function_pull(strata_context *ctx, const strata_function *function, size_t rows,
                                                   const float *x, strata_seeds seeds, void *seeds_user, float *out,
                                                   float *gradient);

STRATA_END
#endif
