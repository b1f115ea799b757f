/* SPDX-License-Identifier: MIT */
#include "kernels/nested_ridge.h"

#include <string.h>

#include "core/memory.h"
#include "linalg/linalg.h"

struct curve {
    size_t rows, outputs, tests; /* rows: of the largest size */
    double *factor, *cross;      /* [rows, rows], [tests, rows] */
    double *weights, *forecast;  /* [rows, outputs], [tests, outputs] */
};

static void curve_destroy(struct curve *curve) {
    mem_free(curve->factor);
    mem_free(curve->cross);
    mem_free(curve->weights);
    mem_free(curve->forecast);
}

static strata_status curve_create(strata_context *ctx, struct curve *curve) {
    size_t square, rectangle, weights, forecast;
    STRATA_TRY(mem_product(ctx, curve->rows, curve->rows, "learning curve", &square));
    STRATA_TRY(mem_product(ctx, curve->tests, curve->rows, "learning curve", &rectangle));
    STRATA_TRY(mem_product(ctx, curve->rows, curve->outputs, "learning curve", &weights));
    STRATA_TRY(mem_product(ctx, curve->tests, curve->outputs, "learning curve", &forecast));
    curve->factor = mem_zero(square, sizeof(double));
    curve->cross = mem_zero(rectangle, sizeof(double));
    curve->weights = mem_zero(weights, sizeof(double));
    curve->forecast = mem_zero(forecast, sizeof(double));
    if (curve->factor && curve->cross && curve->weights && curve->forecast) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a learning curve of %zu rows", curve->rows);
}

static void curve_measure(const struct curve *curve, size_t size, const double *y, const double *test_y,
                          double *errors) {
    size_t outputs = curve->outputs;
    memcpy(curve->weights, y, size * outputs * sizeof *y);
    linalg_cholesky_solve_leading(size, curve->rows, curve->factor, outputs, curve->weights);
    linalg_gemm_f64(AS_IS, AS_IS, curve->tests, outputs, size, 1.0, curve->cross, curve->rows, curve->weights, outputs,
                    0.0, curve->forecast, outputs);
    memset(errors, 0, outputs * sizeof *errors);
    for (size_t i = 0; i < curve->tests * outputs; ++i) {
        double residual = curve->forecast[i] - test_y[i];
        errors[i % outputs] += residual * residual / (double)curve->tests;
    }
}

strata_status nested_ridge(strata_context *ctx, struct thread_pool *pool, const struct kernel *kernel, size_t n,
                           const double *x, size_t outputs, const double *y, size_t m, const double *test_x,
                           const double *test_y, double ridge, size_t count, const size_t *sizes, double *errors) {
    strata_status status = STRATA_OK;
    for (size_t s = 0; s < count; ++s)
        if (sizes[s] == 0 || sizes[s] > n || (s && sizes[s] <= sizes[s - 1]))
            return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                               "learning curve: size %zu of %zu: expected rising sizes from 1 to %zu, got %zu", s,
                               count, n, sizes[s]);
    if (count == 0) return STRATA_OK;
    struct curve curve = {.rows = sizes[count - 1], .outputs = outputs, .tests = m};
    STRATA_GO(curve_create(ctx, &curve));
    STRATA_GO(kernel_gram(ctx, pool, kernel, curve.rows, x, curve.rows, x, curve.factor));
    for (size_t i = 0; i < curve.rows; ++i) curve.factor[i * curve.rows + i] += ridge;
    STRATA_GO(linalg_cholesky(ctx, curve.rows, curve.factor));
    STRATA_GO(kernel_gram(ctx, pool, kernel, m, test_x, curve.rows, x, curve.cross));
    for (size_t s = 0; s < count; ++s) curve_measure(&curve, sizes[s], y, test_y, errors + s * outputs);
cleanup:
    curve_destroy(&curve);
    return status;
}
