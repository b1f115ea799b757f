/* SPDX-License-Identifier: MIT */
/* Calls through a strata_function. */
#include <strata/function.h>

#include <string.h>

#include "core/memory.h"
#include "core/status.h"

strata_status strata_function_evaluate(strata_context *ctx, const strata_function *function, size_t rows,
                                       const float *x, float *out) {
    if (!function->evaluate) return strata_fail(ctx, STRATA_ERR_UNSUPPORTED, "the function cannot be evaluated");
    return function->evaluate(ctx, function->user, rows, x, out);
}

strata_status strata_function_vjp(strata_context *ctx, const strata_function *function, size_t rows, const float *x,
                                  const float *seed, float *out, float *gradient) {
    if (!function->vjp) return strata_fail(ctx, STRATA_ERR_UNSUPPORTED, "the function has no derivative to its inputs");
    return function->vjp(ctx, function->user, rows, x, seed, out, gradient);
}

strata_status strata_function_pull(strata_context *ctx, const strata_function *function, size_t rows, const float *x,
                                   strata_seeds seeds, void *seeds_user, float *out, float *gradient) {
    if (function->pull) return function->pull(ctx, function->user, rows, x, seeds, seeds_user, out, gradient);
    float *values = mem_zero(rows * function->outputs, sizeof *values),
          *seed = mem_zero(rows * function->outputs, sizeof *seed);
    strata_status status = STRATA_OK;
    if (!values || !seed) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for seeds of %zu rows", rows));
    STRATA_GO(strata_function_evaluate(ctx, function, rows, x, values));
    seeds(seeds_user, 0, rows, values, seed);
    STRATA_GO(strata_function_vjp(ctx, function, rows, x, seed, NULL, gradient));
    if (out) memcpy(out, values, rows * function->outputs * sizeof *out);
cleanup:
    mem_free(values);
    mem_free(seed);
    return status;
}
