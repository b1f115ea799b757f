/* SPDX-License-Identifier: MIT */
/*
 * With K = U diag(w) Uᵀ and s_k = ridge / (w_k + ridge), the residual is sum_k s_k u_k (u_k.y) and
 * 1 - H_ii = sum_k s_k U_ki^2, to both of which the complement of a thin U adds its projection. No
 * difference of near-equal numbers is formed, so small ridges keep their digits.
 */
#include "kernels/ridge_path.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "linalg/linalg.h"

strata_status ridge_path_from_gram(strata_context *ctx, size_t rows, double *gram, struct ridge_path *path) {
    strata_status status = STRATA_OK;
    size_t cells = 0;
    STRATA_TRY(mem_product(ctx, rows, rows, "ridge path", &cells));
    *path = (struct ridge_path){.rows = rows,
                                .rank = rows,
                                .values = mem_zero(rows, sizeof(double)),
                                .vectors = mem_zero(cells, sizeof(double))};
    if (!path->values || !path->vectors) {
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the spectrum of a %zu x %zu Gram matrix", rows,
                             rows);
        goto cleanup;
    }
    STRATA_GO(linalg_eigen_symmetric(ctx, rows, gram, path->values, path->vectors));
    double largest = rows ? fmax(path->values[rows - 1], 0.0) : 0.0;
    for (size_t k = 0; k < rows; ++k) {
        if (path->values[k] >= 0.0) break;
        if (path->values[k] <= -1e-12 * (double)rows * largest) {
            status = strata_fail(
                ctx, STRATA_ERR_CONVERGENCE,
                "Gram matrix of %zu rows: eigenvalue %g against a largest of %g: not positive semidefinite", rows,
                path->values[k], largest);
            goto cleanup;
        }
        path->values[k] = 0.0;
    }
cleanup:
    if (status != STRATA_OK) ridge_path_destroy(path);
    return status;
}

/* u_k = features v_k / sqrt(w_k) from the eigenpairs of featuresᵀ features, for width < rows. */
static strata_status path_from_covariance(strata_context *ctx, size_t rows, size_t width, const double *features,
                                          struct ridge_path *path) {
    strata_status status = STRATA_OK;
    struct ridge_path small = {0};
    double *covariance = mem_zero(width * width, sizeof *covariance);
    if (!covariance)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the spectrum of %zu features", width);
    linalg_syrk_f64(TRANSPOSED, width, rows, 1.0, features, width, 0.0, covariance);
    STRATA_GO(ridge_path_from_gram(ctx, width, covariance, &small));
    size_t dropped = 0;
    while (dropped < width && small.values[dropped] <= 1e-12 * small.values[width - 1]) ++dropped;
    size_t rank = width - dropped;
    *path = (struct ridge_path){.rows = rows,
                                .rank = rank,
                                .values = mem_zero(rank, sizeof(double)),
                                .vectors = mem_zero(rank * rows, sizeof(double))};
    if (!path->values || !path->vectors) {
        ridge_path_destroy(path);
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the spectrum of %zu features on %zu rows",
                             width, rows);
        goto cleanup;
    }
    memcpy(path->values, small.values + dropped, rank * sizeof(double));
    linalg_gemm_f64(AS_IS, TRANSPOSED, rank, rows, width, 1.0, small.vectors + dropped * width, width, features, width,
                    0.0, path->vectors, rows);
    for (size_t k = 0; k < rank; ++k)
        for (size_t i = 0; i < rows; ++i) path->vectors[k * rows + i] /= sqrt(path->values[k]);
cleanup:
    mem_free(covariance);
    ridge_path_destroy(&small);
    return status;
}

strata_status ridge_path_from_features(strata_context *ctx, size_t rows, size_t width, const double *features,
                                       struct ridge_path *path) {
    if (width < rows) return path_from_covariance(ctx, rows, width, features, path);
    size_t cells = 0;
    STRATA_TRY(mem_product(ctx, rows, rows, "ridge path", &cells));
    double *gram = mem_zero(cells, sizeof *gram);
    if (!gram) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a Gram matrix of %zu rows", rows);
    linalg_syrk_f64(AS_IS, rows, width, 1.0, features, width, 0.0, gram);
    strata_status status = ridge_path_from_gram(ctx, rows, gram, path);
    mem_free(gram);
    return status;
}

void ridge_path_destroy(struct ridge_path *path) {
    mem_free(path->values);
    mem_free(path->vectors);
    *path = (struct ridge_path){0};
}

/* What the leave-one-out errors of every ridge share. */
struct loo_work {
    double *outside;    /* [rows, outputs]: y less its projection on the vectors */
    double *leverage;   /* [rows]: 1 - H_ii */
    double *complement; /* [rows]: 1 - sum_k U_ki^2 */
    double *inside;     /* [rank, outputs]: U y */
    double *shrunk;     /* [rank, outputs] */
    double *residual;   /* [rows, outputs] */
};

static double loo_error(const struct ridge_path *path, size_t outputs, double ridge, struct loo_work *work) {
    size_t rows = path->rows, rank = path->rank;
    double sum = 0.0;
    memcpy(work->leverage, work->complement, rows * sizeof(double));
    memcpy(work->residual, work->outside, rows * outputs * sizeof(double));
    for (size_t k = 0; k < rank; ++k) {
        double shrink = ridge / (path->values[k] + ridge);
        const double *vector = path->vectors + k * rows;
        for (size_t o = 0; o < outputs; ++o) work->shrunk[k * outputs + o] = shrink * work->inside[k * outputs + o];
        for (size_t i = 0; i < rows; ++i) work->leverage[i] += shrink * vector[i] * vector[i];
    }
    linalg_gemm_f64(TRANSPOSED, AS_IS, rows, outputs, rank, 1.0, path->vectors, rows, work->shrunk, outputs, 1.0,
                    work->residual, outputs);
    for (size_t i = 0; i < rows * outputs; ++i) {
        double error = work->residual[i] / work->leverage[i / outputs];
        sum += error * error;
    }
    return sum / (double)rows;
}

/* A full set of vectors has no complement: its rounding is not let in. */
static void loo_prepare(const struct ridge_path *path, size_t outputs, const double *y, struct loo_work *work) {
    size_t rows = path->rows, rank = path->rank;
    linalg_gemm_f64(AS_IS, AS_IS, rank, outputs, rows, 1.0, path->vectors, rows, y, outputs, 0.0, work->inside,
                    outputs);
    if (rank == rows) return;
    memcpy(work->outside, y, rows * outputs * sizeof(double));
    linalg_gemm_f64(TRANSPOSED, AS_IS, rows, outputs, rank, -1.0, path->vectors, rows, work->inside, outputs, 1.0,
                    work->outside, outputs);
    for (size_t i = 0; i < rows; ++i) work->complement[i] = 1.0;
    for (size_t k = 0; k < rank; ++k)
        for (size_t i = 0; i < rows; ++i)
            work->complement[i] -= path->vectors[k * rows + i] * path->vectors[k * rows + i];
    for (size_t i = 0; i < rows; ++i) work->complement[i] = fmax(work->complement[i], 0.0);
}

strata_status ridge_path_leave_one_out(strata_context *ctx, const struct ridge_path *path, size_t outputs,
                                       const double *y, size_t count, const double *ridges, double *errors) {
    size_t rows = path->rows, rank = path->rank, cells = 0;
    STRATA_TRY(mem_product(ctx, rows, 2 * outputs + 2, "leave-one-out errors", &cells));
    double *block = mem_zero(cells + 2 * rank * outputs, sizeof *block);
    if (!block)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the leave-one-out errors of %zu rows", rows);
    double *inside = block + cells;
    struct loo_work work = {.outside = block,
                            .residual = block + rows * outputs,
                            .leverage = block + 2 * rows * outputs,
                            .complement = block + 2 * rows * outputs + rows,
                            .inside = inside,
                            .shrunk = inside + rank * outputs};
    loo_prepare(path, outputs, y, &work);
    for (size_t i = 0; i < count; ++i) {
        assert(ridges[i] > 0.0);
        errors[i] = loo_error(path, outputs, ridges[i], &work);
    }
    mem_free(block);
    return STRATA_OK;
}
