/* SPDX-License-Identifier: MIT */
/*
 * With the band form K = Q B Q' everything at one ridge costs a band factor and one pass over Q: weights
 * alpha = Q (B + ridge I)^-1 Q'y, leave-one-out residuals alpha_i / [(K + ridge I)^-1]_ii, and
 * degrees = n - ridge trace (K + ridge I)^-1. Predictions at all ridges are one product a block of test rows.
 */
#include "kernels/ridge_scan.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "linalg/band.h"
#include "linalg/linalg.h"

enum { TEST_ROWS = 1024 };

struct scan {
    struct thread_pool *pool;
    const struct kernel *kernel;
    size_t n, outputs, m, count;
    const double *x, *y;
    double unit; /* mean diagonal of the Gram matrix */
    struct band_form form;
    struct band_factor factor;
    double *rotated;          /* [outputs, n]: Q'y */
    double *solution;         /* [outputs, n] */
    double *diagonal;         /* [n]: of the inverse */
    double *weights;          /* [count, outputs, n] */
    double *cross, *forecast; /* [TEST_ROWS, n], [TEST_ROWS, count, outputs] */
};

static void scan_destroy(struct scan *s) {
    band_form_destroy(&s->form);
    band_factor_destroy(&s->factor);
    double *const all[] = {s->rotated, s->solution, s->diagonal, s->weights, s->cross, s->forecast};
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i) mem_free(all[i]);
}

static strata_status scan_allocate(strata_context *ctx, struct scan *s) {
    size_t rows = s->m < TEST_ROWS ? s->m : TEST_ROWS, columns, cells;
    STRATA_TRY(mem_product(ctx, s->count, s->outputs, "ridges", &columns));
    STRATA_TRY(mem_product(ctx, s->n, columns, "weights", &cells));
    s->rotated = mem_zero(s->n * s->outputs, sizeof(double));
    s->solution = mem_zero(s->n * s->outputs, sizeof(double));
    s->diagonal = mem_zero(s->n, sizeof(double));
    s->weights = mem_zero(cells, sizeof(double));
    s->cross = mem_zero(rows * s->n, sizeof(double));
    s->forecast = mem_zero(rows * columns, sizeof(double));
    if (s->rotated && s->solution && s->diagonal && s->weights && s->cross && s->forecast) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu rows at %zu ridges", s->n, s->count);
}

/* No eigenvalue below -1e-12 n times the largest: what rounding of a positive semidefinite matrix stays within. */
static strata_status check_semidefinite(strata_context *ctx, struct scan *s) {
    double slack = 1e-12 * (double)s->n * s->form.norm;
    if (s->n == 0 || s->form.norm <= 0 || band_factorise(&s->form, slack, &s->factor)) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_CONVERGENCE,
                       "Gram matrix of %zu rows: an eigenvalue is below %g: not positive semidefinite", s->n, -slack);
}

/* From a Gram matrix, which is destroyed. */
static strata_status decompose(strata_context *ctx, struct scan *s, double *gram) {
    for (size_t i = 0; i < s->n; ++i) s->unit += gram[i * s->n + i] / (double)s->n;
    STRATA_TRY(band_form_create(ctx, s->pool, s->n, gram, &s->form));
    STRATA_TRY(band_factor_create(ctx, &s->form, &s->factor));
    linalg_gemm_f64(TRANSPOSED, TRANSPOSED, s->outputs, s->n, s->n, 1.0, s->y, s->outputs, s->form.basis, s->n, 0.0,
                    s->rotated, s->n);
    return check_semidefinite(ctx, s);
}

static strata_status decompose_kernel(strata_context *ctx, struct scan *s) {
    size_t cells;
    STRATA_TRY(mem_product(ctx, s->n, s->n, "Gram matrix", &cells));
    double *gram = mem_zero(cells, sizeof *gram);
    if (!gram) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the Gram matrix of %zu rows", s->n);
    strata_status status = kernel_gram(ctx, s->pool, s->kernel, s->n, s->x, s->n, s->x, gram);
    if (status == STRATA_OK) status = decompose(ctx, s, gram);
    mem_free(gram);
    return status;
}

/* Everything but the test error. */
static strata_status measure(strata_context *ctx, struct scan *s, double ridge, double *weights,
                             struct ridge_point *point) {
    const double log_two_pi = 1.83787706640934548356;
    double fit = 0, squares = 0, loss = 0, trace = 0, n = (double)s->n;
    size_t cells = s->n * s->outputs;
    memcpy(s->solution, s->rotated, cells * sizeof *s->solution);
    band_solve(&s->factor, s->outputs, s->solution);
    for (size_t i = 0; i < cells; ++i) fit += s->rotated[i] * s->solution[i];
    linalg_gemm_f64(AS_IS, AS_IS, s->outputs, s->n, s->n, 1.0, s->solution, s->n, s->form.basis, s->n, 0.0, weights,
                    s->n);
    STRATA_TRY(band_inverse_diagonal(ctx, s->pool, &s->form, &s->factor, s->diagonal));
    for (size_t i = 0; i < s->n; ++i) trace += s->diagonal[i];
    for (size_t i = 0; i < cells; ++i) {
        double left_out = weights[i] / s->diagonal[i % s->n];
        squares += weights[i] * weights[i];
        loss += left_out * left_out / n;
    }
    point->leave_one_out = loss;
    point->gcv = squares / n / ((trace / n) * (trace / n));
    point->effective_dimension = n - ridge * trace;
    point->log_marginal = -0.5 * fit - 0.5 * (double)s->outputs * (s->factor.log_determinant + n * log_two_pi);
    return STRATA_OK;
}

static void add_test_errors(struct scan *s, size_t rows, const double *test_y, struct ridge_point *points) {
    for (size_t i = 0; i < rows; ++i)
        for (size_t c = 0; c < s->count * s->outputs; ++c) {
            double residual = s->forecast[i * s->count * s->outputs + c] - test_y[i * s->outputs + c % s->outputs];
            points[c / s->outputs].test_error += residual * residual / (double)s->m;
        }
}

static strata_status predict(strata_context *ctx, struct scan *s, const double *test_x, const double *test_y,
                             struct ridge_point *points) {
    size_t columns = s->count * s->outputs;
    for (size_t first = 0; first < s->m; first += TEST_ROWS) {
        size_t rows = s->m - first < TEST_ROWS ? s->m - first : TEST_ROWS;
        STRATA_TRY(
            kernel_gram(ctx, s->pool, s->kernel, rows, test_x + first * s->kernel->dimension, s->n, s->x, s->cross));
        linalg_gemm_f64(AS_IS, TRANSPOSED, rows, columns, s->n, 1.0, s->cross, s->n, s->weights, s->n, 0.0, s->forecast,
                        columns);
        add_test_errors(s, rows, test_y + first * s->outputs, points);
    }
    return STRATA_OK;
}

static strata_status scan_points(strata_context *ctx, struct scan *s, const double *ridges,
                                 struct ridge_point *points) {
    for (size_t i = 0; i < s->count; ++i) {
        double ridge = ridges[i] * s->unit;
        points[i] = (struct ridge_point){ridges[i], NAN, NAN, NAN, NAN, NAN};
        if (!band_factorise(&s->form, ridge, &s->factor)) continue;
        STRATA_TRY(measure(ctx, s, ridge, s->weights + i * s->outputs * s->n, &points[i]));
        if (s->m) points[i].test_error = 0;
        if (context_cancelled(ctx)) return strata_fail(ctx, STRATA_ERR_INTERRUPTED, "interrupted");
    }
    return STRATA_OK;
}

static strata_status check_ridges(strata_context *ctx, size_t count, const double *ridges) {
    for (size_t i = 0; i < count; ++i)
        if (!(ridges[i] >= 0))
            return strata_fail(ctx, STRATA_ERR_ARGUMENT, "ridge %zu is %g: expected >= 0", i, ridges[i]);
    return STRATA_OK;
}

strata_status ridge_scan(strata_context *ctx, struct thread_pool *pool, const struct kernel *kernel, size_t n,
                         const double *x, size_t outputs, const double *y, size_t m, const double *test_x,
                         const double *test_y, size_t count, const double *ridges, struct ridge_point *points) {
    strata_status status = STRATA_OK;
    struct scan s = {
        .pool = pool, .kernel = kernel, .n = n, .outputs = outputs, .m = m, .count = count, .x = x, .y = y};
    STRATA_TRY(check_ridges(ctx, count, ridges));
    STRATA_GO(scan_allocate(ctx, &s));
    STRATA_GO(decompose_kernel(ctx, &s));
    STRATA_GO(scan_points(ctx, &s, ridges, points));
    STRATA_GO(predict(ctx, &s, test_x, test_y, points));
cleanup:
    scan_destroy(&s);
    return status;
}

strata_status ridge_scan_gram(strata_context *ctx, struct thread_pool *pool, size_t n, double *gram, size_t outputs,
                              const double *y, size_t count, const double *ridges, struct ridge_point *points) {
    strata_status status = STRATA_OK;
    struct scan s = {.pool = pool, .n = n, .outputs = outputs, .count = count, .y = y};
    STRATA_TRY(check_ridges(ctx, count, ridges));
    STRATA_GO(scan_allocate(ctx, &s));
    STRATA_GO(decompose(ctx, &s, gram));
    STRATA_GO(scan_points(ctx, &s, ridges, points));
cleanup:
    scan_destroy(&s);
    return status;
}
