/* SPDX-License-Identifier: MIT */
/*
 * With A = K + ridge I, b = A^-1 f and s = f.b, the kernel k + f f' has weights (A + f f')^-1 f = b / (1 + s) (Sherman
 * and Morrison) and predicts (k(x, X) + f(x) f') b / (1 + s) = (prediction of k + f(x) s) / (1 + s).
 */
#include "kernels/dimension.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "data/harmonic.h"
#include "linalg/linalg.h"

enum { TEST_BLOCK = 1024 };

struct bound {
    size_t dimension, degree, targets, n, tests;
    double *x, *test_x;       /* [n, dimension], [tests, dimension] */
    double *factor;           /* [n, n] */
    double *y, *weights;      /* [n, targets] */
    double *overlap;          /* [targets]: f.b */
    double *cross, *forecast; /* [TEST_BLOCK, n], [TEST_BLOCK, targets] */
    double *truth;            /* [TEST_BLOCK, targets] */
};

double dimension_bound(double n, double count) { return fmax(0, 1 - n / count); }

static void bound_destroy(struct bound *b) {
    double *const all[] = {b->x, b->test_x, b->factor, b->y, b->weights, b->overlap, b->cross, b->forecast, b->truth};
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i) mem_free(all[i]);
}

static strata_status matrix(strata_context *ctx, size_t rows, size_t columns, double **out) {
    size_t cells;
    STRATA_TRY(mem_product(ctx, rows, columns, "dimension bound", &cells));
    *out = mem_zero(cells, sizeof **out);
    return *out ? STRATA_OK
                : strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu x %zu numbers of a dimension bound", rows,
                              columns);
}

static strata_status bound_allocate(strata_context *ctx, struct bound *b) {
    STRATA_TRY(matrix(ctx, b->n, b->dimension, &b->x));
    STRATA_TRY(matrix(ctx, b->tests, b->dimension, &b->test_x));
    STRATA_TRY(matrix(ctx, b->n, b->n, &b->factor));
    STRATA_TRY(matrix(ctx, b->n, b->targets, &b->y));
    STRATA_TRY(matrix(ctx, b->n, b->targets, &b->weights));
    STRATA_TRY(matrix(ctx, b->targets, 1, &b->overlap));
    STRATA_TRY(matrix(ctx, TEST_BLOCK, b->n, &b->cross));
    STRATA_TRY(matrix(ctx, TEST_BLOCK, b->targets, &b->forecast));
    return matrix(ctx, TEST_BLOCK, b->targets, &b->truth);
}

/* All monomials as columns: out [n, targets]. */
static void all_monomials(const struct bound *b, size_t n, const double *x, double *out) {
    size_t index[64];
    for (size_t i = 0; i < n; ++i) {
        size_t target = 0;
        monomial_first(b->degree, index);
        do monomial_values(1, b->dimension, x + i * b->dimension, b->degree, index, out + i * b->targets + target++);
        while (monomial_next(b->dimension, b->degree, index));
    }
}

static strata_status bound_fit(strata_context *ctx, struct thread_pool *pool, const struct kernel *kernel, double ridge,
                               struct bound *b) {
    double diagonal = 0;
    STRATA_TRY(kernel_gram(ctx, pool, kernel, b->n, b->x, b->n, b->x, b->factor));
    for (size_t i = 0; i < b->n; ++i) diagonal += b->factor[i * b->n + i] / (double)b->n;
    for (size_t i = 0; i < b->n; ++i) b->factor[i * b->n + i] += ridge * diagonal;
    STRATA_TRY(linalg_cholesky(ctx, b->n, b->factor));
    all_monomials(b, b->n, b->x, b->y);
    memcpy(b->weights, b->y, b->n * b->targets * sizeof *b->y);
    linalg_cholesky_solve(b->n, b->factor, b->targets, b->weights);
    for (size_t i = 0; i < b->n * b->targets; ++i) b->overlap[i % b->targets] += b->y[i] * b->weights[i];
    return STRATA_OK;
}

static strata_status bound_test(strata_context *ctx, struct thread_pool *pool, const struct kernel *kernel,
                                struct bound *b, double *error, double *label_dependent) {
    double plain = 0, known = 0;
    for (size_t first = 0; first < b->tests; first += TEST_BLOCK) {
        size_t rows = b->tests - first < TEST_BLOCK ? b->tests - first : TEST_BLOCK;
        const double *x = b->test_x + first * b->dimension;
        STRATA_TRY(kernel_gram(ctx, pool, kernel, rows, x, b->n, b->x, b->cross));
        linalg_gemm_f64(AS_IS, AS_IS, rows, b->targets, b->n, 1.0, b->cross, b->n, b->weights, b->targets, 0.0,
                        b->forecast, b->targets);
        all_monomials(b, rows, x, b->truth);
        for (size_t i = 0; i < rows * b->targets; ++i) {
            double residual = b->forecast[i] - b->truth[i], s = b->overlap[i % b->targets];
            plain += residual * residual;
            known += residual * residual / ((1 + s) * (1 + s));
        }
    }
    *error = plain / ((double)b->tests * (double)b->targets);
    *label_dependent = known / ((double)b->tests * (double)b->targets);
    return STRATA_OK;
}

strata_status kernel_dimension_errors(strata_context *ctx, struct thread_pool *pool, const struct kernel *kernel,
                                      struct rng_stream stream, size_t degree, size_t n, size_t test_rows, double ridge,
                                      double *error, double *label_dependent) {
    double count = binomial(kernel->dimension, degree);
    if (degree == 0 || degree > 64 || count > 1e6 || count < 1)
        return strata_fail(ctx, STRATA_ERR_TOO_LARGE,
                           "dimension bound: %g monomials of degree %zu in %zu dimensions: expected 1 to 1e6", count,
                           degree, kernel->dimension);
    struct bound b = {
        .dimension = kernel->dimension, .degree = degree, .targets = (size_t)count, .n = n, .tests = test_rows};
    strata_status status = STRATA_OK;
    STRATA_GO(bound_allocate(ctx, &b));
    hypercube_inputs(stream, n, b.dimension, b.x);
    hypercube_inputs(rng_stream_sub(stream, 1), test_rows, b.dimension, b.test_x);
    STRATA_GO(bound_fit(ctx, pool, kernel, ridge, &b));
    STRATA_GO(bound_test(ctx, pool, kernel, &b, error, label_dependent));
cleanup:
    bound_destroy(&b);
    return status;
}
