/* SPDX-License-Identifier: MIT */
#include "kernels/radial.h"

#include <math.h>
#include <stdlib.h>

#include "core/clones.h"
#include "core/file.h"
#include "core/memory.h"

enum { MEDIAN_ROWS = 500 };

static strata_status median_distance(strata_context *ctx, size_t n, const double *x, size_t dimension,
                                     double *distance) {
    size_t rows = n < MEDIAN_ROWS ? n : MEDIAN_ROWS, count = 0;
    double *squares = mem_zero(rows * rows / 2 + 1, sizeof *squares);
    if (!squares) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the distances of %zu rows", rows);
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j < i; ++j) {
            const double *a = x + i * n / rows * dimension, *b = x + j * n / rows * dimension;
            double square = 0.0;
            for (size_t k = 0; k < dimension; ++k) square += (a[k] - b[k]) * (a[k] - b[k]);
            if (square > 0.0) squares[count++] = square;
        }
    qsort(squares, count, sizeof *squares, number_compare);
    *distance = count ? sqrt(squares[count / 2]) : 0.0;
    mem_free(squares);
    if (count == 0)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "kernel bandwidth: the median distance needs two different rows, %zu equal ones were given",
                           n);
    return STRATA_OK;
}

strata_status radial_prepare(strata_context *ctx, struct kernel *kernel, size_t n, const double *x) {
    double *bandwidth = &kernel->number[RADIAL_BANDWIDTH];
    return *bandwidth == 0.0 ? median_distance(ctx, n, x, kernel->dimension, bandwidth) : STRATA_OK;
}

STRATA_CLONES void radial_squares(size_t count, double xx, const double *zz, double *values) {
    for (size_t j = 0; j < count; ++j) {
        double square = xx + zz[j] - 2.0 * values[j];
        values[j] = square > 0.0 ? square : 0.0;
    }
}

double radial_diagonal(const struct kernel *kernel, double xx) {
    (void)kernel, (void)xx;
    return 1.0;
}
