/* SPDX-License-Identifier: MIT */
/* Linear CKA through the feature covariances: O(rows * width^2), never rows x rows. */
#include "measure/cka.h"

#include <math.h>

#include "core/memory.h"
#include "linalg/linalg.h"

/* A centred float64 copy. */
static void centred_copy(size_t rows, size_t width, const float *from, double *to) {
    for (size_t j = 0; j < width; ++j) {
        double mean = 0.0;
        for (size_t i = 0; i < rows; ++i) mean += (double)from[i * width + j];
        mean /= (double)rows;
        for (size_t i = 0; i < rows; ++i) to[i * width + j] = (double)from[i * width + j] - mean;
    }
}

/* Sum of squares of AᵀB; `product` [a_width, b_width] is scratch. */
static double cross_square(size_t rows, size_t a_width, const double *a, size_t b_width, const double *b,
                           double *product) {
    linalg_gemm_f64(TRANSPOSED, AS_IS, a_width, b_width, rows, 1.0, a, a_width, b, b_width, 0.0, product, b_width);
    double sum = 0.0;
    for (size_t i = 0; i < a_width * b_width; ++i) sum += product[i] * product[i];
    return sum;
}

strata_status cka_linear(strata_context *ctx, size_t rows, size_t x_width, const float *x, size_t y_width,
                         const float *y, double *similarity) {
    strata_status status = STRATA_OK;
    size_t x_cells = 0, y_cells = 0, widest = x_width > y_width ? x_width : y_width, scratch_cells = 0;
    if (rows < 2) return strata_fail(ctx, STRATA_ERR_ARGUMENT, "CKA: expected at least 2 rows, got %zu", rows);
    STRATA_TRY(mem_product(ctx, rows, x_width, "CKA", &x_cells));
    STRATA_TRY(mem_product(ctx, rows, y_width, "CKA", &y_cells));
    STRATA_TRY(mem_product(ctx, widest, widest, "CKA", &scratch_cells));
    double *a = mem_zero(x_cells, sizeof *a), *b = mem_zero(y_cells, sizeof *b),
           *scratch = mem_zero(scratch_cells, sizeof *scratch);
    if (!a || !b || !scratch) {
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the CKA of %zu rows", rows);
        goto cleanup;
    }
    centred_copy(rows, x_width, x, a);
    centred_copy(rows, y_width, y, b);
    double xy = cross_square(rows, x_width, a, y_width, b, scratch);
    double xx = cross_square(rows, x_width, a, x_width, a, scratch);
    double yy = cross_square(rows, y_width, b, y_width, b, scratch);
    double value = xy / sqrt(xx * yy);
    if (isfinite(value))
        *similarity = value > 1.0 ? 1.0 : value;
    else
        status = strata_fail(ctx, STRATA_ERR_ARGUMENT, "CKA: the features are constant or not finite on the %zu rows",
                             rows);
cleanup:
    mem_free(a);
    mem_free(b);
    mem_free(scratch);
    return status;
}
