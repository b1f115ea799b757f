/* SPDX-License-Identifier: MIT */
#include "kernels/gaussian_process.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "kernels/ridge_scan.h"
#include "linalg/linalg.h"

/* ---- refusals */

static strata_status check_gram(strata_context *ctx, size_t n, const double *gram) {
    double largest = 0;
    for (size_t i = 0; i < n; ++i) largest = fmax(largest, fabs(gram[i * n + i]));
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j <= i; ++j) {
            double a = gram[i * n + j], b = gram[j * n + i];
            if (!isfinite(a) || !isfinite(b))
                return strata_fail(ctx, STRATA_ERR_ARGUMENT, "Gram matrix: entry (%zu, %zu) is not finite",
                                   isfinite(a) ? j : i, isfinite(a) ? i : j);
            if (!(fabs(a - b) <= 1e-10 * largest))
                return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                                   "Gram matrix: entries (%zu, %zu) = %.17g and (%zu, %zu) = %.17g: expected a "
                                   "symmetric matrix",
                                   i, j, a, j, i, b);
        }
    return STRATA_OK;
}

static strata_status check_ridges(strata_context *ctx, const struct gaussian_process_options *options) {
    if (options->ridge_count == 0 || !(options->jitter >= 0))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "expected at least one ridge, and a jitter >= 0, got %zu and %g",
                           options->ridge_count, options->jitter);
    for (size_t i = 0; i < options->ridge_count; ++i)
        if (!(options->ridges[i] >= 0) || !isfinite(options->ridges[i]))
            return strata_fail(ctx, STRATA_ERR_ARGUMENT, "ridge %zu is %g: expected a number >= 0", i,
                               options->ridges[i]);
    return STRATA_OK;
}

/* ---- fit */

/* The ridge of least leave-one-out error; the larger one among equals. */
static strata_status choose_ridge(strata_context *ctx, const struct gaussian_process_options *options, size_t n,
                                  const double *gram, size_t outputs, const double *y, double *ridge) {
    *ridge = options->ridges[0];
    if (options->ridge_count == 1) return STRATA_OK;
    strata_status status = STRATA_OK;
    double *copy = mem_zero(n * n, sizeof *copy), least = INFINITY;
    struct ridge_point *points = mem_zero(options->ridge_count, sizeof *points);
    if (!copy || !points)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu ridges", options->ridge_count));
    memcpy(copy, gram, n * n * sizeof *copy);
    STRATA_GO(ridge_scan_gram(ctx, options->pool, n, copy, outputs, y, options->ridge_count, options->ridges, points));
    for (size_t i = 0; i < options->ridge_count; ++i) {
        double loss = points[i].leave_one_out;
        if (!(loss < least || (loss == least && points[i].ridge > *ridge))) continue;
        least = loss;
        *ridge = points[i].ridge;
    }
    if (!isfinite(least))
        STRATA_GO(strata_fail(ctx, STRATA_ERR_CONVERGENCE, "Gram matrix of %zu rows: singular at every ridge", n));
cleanup:
    mem_free(copy);
    mem_free(points);
    return status;
}

/* Factor of gram + ridge; where that is singular, of as little more as is allowed. */
static strata_status factorise(strata_context *ctx, const struct gaussian_process_options *options, double unit,
                               const double *gram, struct gaussian_process *p) {
    size_t n = p->n;
    for (double jitter = 0;; jitter = jitter > 0 ? 10 * jitter : 1e-14) {
        memcpy(p->factor, gram, n * n * sizeof *p->factor);
        p->jitter = jitter;
        p->ridge = (p->relative_ridge + jitter) * unit;
        for (size_t i = 0; i < n; ++i) p->factor[i * n + i] += p->ridge;
        strata_status status = linalg_cholesky(ctx, n, p->factor);
        double next = jitter > 0 ? 10 * jitter : 1e-14;
        if (status != STRATA_ERR_CONVERGENCE || next > options->jitter) return status;
        context_clear(ctx);
    }
}

static void measure(const double *y, struct gaussian_process *p) {
    const double log_two_pi = 1.83787706640934548356;
    size_t n = p->n, cells = n * p->outputs;
    double fit = 0, determinant = 0;
    memcpy(p->weights, y, cells * sizeof *y);
    linalg_cholesky_solve(n, p->factor, p->outputs, p->weights);
    for (size_t i = 0; i < cells; ++i) fit += y[i] * p->weights[i];
    for (size_t i = 0; i < n; ++i) determinant += 2 * log(p->factor[i * n + i]);
    p->log_marginal = -0.5 * fit - 0.5 * (double)p->outputs * (determinant + (double)n * log_two_pi);
}

strata_status gaussian_process_fit(strata_context *ctx, const struct gaussian_process_options *options, size_t n,
                                   const double *gram, size_t outputs, const double *y, struct gaussian_process *p) {
    strata_status status = STRATA_OK;
    double unit = 0;
    size_t cells;
    *p = (struct gaussian_process){.n = n, .outputs = outputs};
    STRATA_TRY(check_ridges(ctx, options));
    STRATA_TRY(check_gram(ctx, n, gram));
    STRATA_TRY(mem_product(ctx, n, outputs, "weights", &cells));
    for (size_t i = 0; i < n; ++i) unit += gram[i * n + i] / (double)n;
    STRATA_GO(choose_ridge(ctx, options, n, gram, outputs, y, &p->relative_ridge));
    p->factor = mem_zero(n * n, sizeof *p->factor);
    p->weights = mem_zero(cells, sizeof *p->weights);
    if (!p->factor || !p->weights)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a Gaussian process of %zu rows", n));
    if (options->pool) linalg_set_blas_threads((int)thread_pool_size(options->pool));
    status = factorise(ctx, options, unit, gram, p);
    if (status == STRATA_OK) measure(y, p);
    if (options->pool) linalg_set_blas_threads(1);
cleanup:
    if (status != STRATA_OK) gaussian_process_destroy(p);
    return status;
}

void gaussian_process_destroy(struct gaussian_process *p) {
    mem_free(p->factor);
    mem_free(p->weights);
    *p = (struct gaussian_process){0};
}

strata_status gaussian_process_leave_one_out(strata_context *ctx, const struct gaussian_process *p, double *residuals) {
    double *diagonal = mem_zero(p->n, sizeof *diagonal);
    if (!diagonal) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu rows", p->n);
    strata_status status = linalg_cholesky_inverse_diagonal(ctx, p->n, p->factor, diagonal);
    for (size_t i = 0; status == STRATA_OK && i < p->n * p->outputs; ++i)
        residuals[i] = p->weights[i] / diagonal[i / p->outputs];
    mem_free(diagonal);
    return status;
}

/* ---- prediction */

strata_status gaussian_process_predict(strata_context *ctx, const struct gaussian_process *p, size_t m,
                                       const double *cross, const double *own, double *mean, double *variance) {
    size_t n = p->n, cells;
    linalg_gemm_f64(AS_IS, AS_IS, m, p->outputs, n, 1.0, cross, n, p->weights, p->outputs, 0.0, mean, p->outputs);
    if (!variance) return STRATA_OK;
    STRATA_TRY(mem_product(ctx, n, m, "posterior variances", &cells));
    double *solved = mem_zero(cells, sizeof *solved); /* [n, m]: L^-1 of the columns */
    if (!solved) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu posterior variances", m);
    for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < n; ++j) solved[j * m + i] = cross[i * n + j];
    linalg_lower_solve(AS_IS, n, p->factor, m, solved);
    memcpy(variance, own, m * sizeof *own);
    for (size_t j = 0; j < n; ++j)
        for (size_t i = 0; i < m; ++i) variance[i] -= solved[j * m + i] * solved[j * m + i];
    for (size_t i = 0; i < m; ++i) variance[i] = fmax(variance[i], 0);
    mem_free(solved);
    return STRATA_OK;
}

/* ---- ensembles of trained networks */

/* (1 - exp(-time w)) / w, whose limit at w = 0 is `time`. */
static double response(double time, double w, double floor) {
    if (w <= floor) return isinf(time) ? 0 : time;
    return isinf(time) ? 1 / w : -expm1(-time * w) / w;
}

/* a [m, n] = T_mn V response(w) V'. */
static strata_status trained_weights(strata_context *ctx, double time, size_t n, double *ntk, size_t m,
                                     const double *cross, double *a) {
    strata_status status = STRATA_OK;
    double *values = mem_zero(n, sizeof *values), *vectors = mem_zero(n * n, sizeof *vectors),
           *along = mem_zero(m * n, sizeof *along);
    if (!values || !vectors || !along)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for an ensemble of %zu rows", n));
    STRATA_GO(linalg_eigen_symmetric(ctx, n, ntk, values, vectors));
    double floor = 1e-14 * (double)n * (n ? values[n - 1] : 0);
    linalg_gemm_f64(AS_IS, TRANSPOSED, m, n, n, 1.0, cross, n, vectors, n, 0.0, along, n);
    for (size_t i = 0; i < m; ++i)
        for (size_t k = 0; k < n; ++k) along[i * n + k] *= response(time, values[k], floor);
    linalg_gemm_f64(AS_IS, AS_IS, m, n, n, 1.0, along, n, vectors, n, 0.0, a, n);
cleanup:
    mem_free(values);
    mem_free(vectors);
    mem_free(along);
    return status;
}

strata_status ntk_ensemble_predict(strata_context *ctx, double time, size_t n, double *ntk, const double *nngp,
                                   size_t outputs, const double *y, size_t m, const double *ntk_cross,
                                   const double *nngp_cross, const double *own, double *mean, double *variance) {
    strata_status status = STRATA_OK;
    size_t cells;
    if (!(time >= 0)) return strata_fail(ctx, STRATA_ERR_ARGUMENT, "training time is %g: expected >= 0", time);
    STRATA_TRY(mem_product(ctx, m, n, "an ensemble", &cells));
    double *a = mem_zero(cells, sizeof *a), *product = mem_zero(cells, sizeof *product);
    if (!a || !product) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for an ensemble of %zu rows", n));
    STRATA_GO(trained_weights(ctx, time, n, ntk, m, ntk_cross, a));
    linalg_gemm_f64(AS_IS, AS_IS, m, outputs, n, 1.0, a, n, y, outputs, 0.0, mean, outputs);
    linalg_gemm_f64(AS_IS, AS_IS, m, n, n, 1.0, a, n, nngp, n, 0.0, product, n);
    for (size_t i = 0; i < m; ++i) {
        double sum = own[i];
        for (size_t j = 0; j < n; ++j) sum += a[i * n + j] * (product[i * n + j] - 2 * nngp_cross[i * n + j]);
        variance[i] = fmax(sum, 0);
    }
cleanup:
    mem_free(a);
    mem_free(product);
    return status;
}
