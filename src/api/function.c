/* SPDX-License-Identifier: MIT */
/* Calls through a strata_function. */
#include <strata/function.h>

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
