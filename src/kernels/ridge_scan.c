/* SPDX-License-Identifier: MIT */
/* With K = sum_k w_k u_k u_kᵀ, everything at one ridge is a sum over k; predictions at all ridges are two products. */
#include "kernels/ridge_scan.h"

#include <math.h>

#include "core/memory.h"
#include "kernels/ridge_path.h"
#include "linalg/linalg.h"

struct scan {
    size_t n, outputs, m, count;
    double unit; /* mean diagonal of the Gram matrix */
    struct ridge_path path;
    double *rotated;          /* [rank, outputs]: u_k . y */
    double *solution;         /* [rank, count, outputs]: rotated / (w + ridge) */
    double *weights;          /* [n, count, outputs] */
    double *cross, *forecast; /* [m, n], [m, count, outputs] */
};

static void scan_destroy(struct scan *s) {
    ridge_path_destroy(&s->path);
    mem_free(s->rotated);
    mem_free(s->solution);
    mem_free(s->weights);
    mem_free(s->cross);
    mem_free(s->forecast);
}

static strata_status decompose(strata_context *ctx, struct thread_pool *pool, const struct kernel *kernel,
                               const double *x, const double *y, struct scan *s) {
    size_t cells;
    STRATA_TRY(mem_product(ctx, s->n, s->n, "Gram matrix", &cells));
    double *gram = mem_zero(cells, sizeof *gram);
    if (!gram) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the Gram matrix of %zu rows", s->n);
    strata_status status = kernel_gram(ctx, pool, kernel, s->n, x, s->n, x, gram);
    for (size_t i = 0; i < s->n; ++i) s->unit += gram[i * s->n + i] / (double)s->n;
    if (status == STRATA_OK) status = ridge_path_from_gram(ctx, s->n, gram, &s->path);
    mem_free(gram);
    STRATA_TRY(status);
    s->rotated = mem_zero(s->path.rank * s->outputs, sizeof(double));
    if (!s->rotated) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu ridges", s->count);
    linalg_gemm_f64(AS_IS, AS_IS, s->path.rank, s->outputs, s->n, 1.0, s->path.vectors, s->n, y, s->outputs, 0.0,
                    s->rotated, s->outputs);
    return STRATA_OK;
}

/* Singular to working precision: the system has no solution worth its name. */
static bool singular(const struct scan *s, double ridge) {
    double largest = s->n ? s->path.values[s->path.rank - 1] : 0, least = s->n ? s->path.values[0] : 0;
    return !(least + ridge > 1e-16 * largest);
}

/* Sums over the spectrum at one absolute ridge. */
static void point_measure(const struct scan *s, double ridge, struct ridge_point *point) {
    const double log_two_pi = 1.83787706640934548356;
    double residual = 0, degrees = 0, fit = 0, determinant = 0, n = (double)s->n;
    for (size_t k = 0; k < s->path.rank; ++k) {
        double w = s->path.values[k], kept = ridge / (w + ridge), square = 0;
        for (size_t o = 0; o < s->outputs; ++o)
            square += s->rotated[k * s->outputs + o] * s->rotated[k * s->outputs + o];
        residual += kept * kept * square;
        fit += square / (w + ridge);
        determinant += log(w + ridge);
        degrees += w / (w + ridge);
    }
    point->effective_dimension = degrees;
    point->gcv = residual / n / ((1 - degrees / n) * (1 - degrees / n));
    point->log_marginal = -0.5 * fit - 0.5 * (double)s->outputs * (determinant + n * log_two_pi);
}

static strata_status predict(strata_context *ctx, struct thread_pool *pool, const struct kernel *kernel,
                             const double *x, const double *test_x, const double *ridges, struct scan *s) {
    size_t columns = s->count * s->outputs, cells, out_cells, weight_cells;
    STRATA_TRY(mem_product(ctx, s->m, s->n, "Gram matrix", &cells));
    STRATA_TRY(mem_product(ctx, s->m, columns, "predictions", &out_cells));
    STRATA_TRY(mem_product(ctx, s->n, columns, "weights", &weight_cells));
    s->solution = mem_zero(weight_cells, sizeof(double));
    s->weights = mem_zero(weight_cells, sizeof(double));
    s->cross = mem_zero(cells, sizeof(double));
    s->forecast = mem_zero(out_cells, sizeof(double));
    if (!s->solution || !s->weights || !s->cross || !s->forecast)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for predictions at %zu ridges", s->count);
    for (size_t k = 0; k < s->path.rank; ++k)
        for (size_t c = 0; c < columns; ++c) {
            double ridge = ridges[c / s->outputs] * s->unit;
            s->solution[k * columns + c] = singular(s, ridge) ? 0
                                                              : s->rotated[k * s->outputs + c % s->outputs] /
                                                                    (s->path.values[k] + ridge);
        }
    linalg_gemm_f64(TRANSPOSED, AS_IS, s->n, columns, s->path.rank, 1.0, s->path.vectors, s->n, s->solution, columns,
                    0.0, s->weights, columns);
    STRATA_TRY(kernel_gram(ctx, pool, kernel, s->m, test_x, s->n, x, s->cross));
    linalg_gemm_f64(AS_IS, AS_IS, s->m, columns, s->n, 1.0, s->cross, s->n, s->weights, columns, 0.0, s->forecast,
                    columns);
    return STRATA_OK;
}

static double test_error(const struct scan *s, size_t point, const double *test_y) {
    double sum = 0;
    for (size_t i = 0; i < s->m; ++i)
        for (size_t o = 0; o < s->outputs; ++o) {
            double residual = s->forecast[(i * s->count + point) * s->outputs + o] - test_y[i * s->outputs + o];
            sum += residual * residual / (double)s->m;
        }
    return s->m ? sum : NAN;
}

static strata_status points_fill(strata_context *ctx, const struct scan *s, const double *y, const double *test_y,
                                 const double *ridges, struct ridge_point *points) {
    for (size_t i = 0; i < s->count; ++i) {
        double ridge = ridges[i] * s->unit;
        points[i] = (struct ridge_point){ridges[i], NAN, NAN, NAN, NAN, NAN};
        if (singular(s, ridge)) continue;
        point_measure(s, ridge, &points[i]);
        points[i].test_error = test_error(s, i, test_y);
        if (ridge > 0)
            STRATA_TRY(ridge_path_leave_one_out(ctx, &s->path, s->outputs, y, 1, &ridge, &points[i].leave_one_out));
    }
    return STRATA_OK;
}

strata_status ridge_scan(strata_context *ctx, struct thread_pool *pool, const struct kernel *kernel, size_t n,
                         const double *x, size_t outputs, const double *y, size_t m, const double *test_x,
                         const double *test_y, size_t count, const double *ridges, struct ridge_point *points) {
    strata_status status = STRATA_OK;
    for (size_t i = 0; i < count; ++i)
        if (!(ridges[i] >= 0))
            return strata_fail(ctx, STRATA_ERR_ARGUMENT, "ridge %zu is %g: expected >= 0", i, ridges[i]);
    struct scan s = {.n = n, .outputs = outputs, .m = m, .count = count};
    STRATA_GO(decompose(ctx, pool, kernel, x, y, &s));
    if (m) STRATA_GO(predict(ctx, pool, kernel, x, test_x, ridges, &s));
    STRATA_GO(points_fill(ctx, &s, y, test_y, ridges, points));
cleanup:
    scan_destroy(&s);
    return status;
}
