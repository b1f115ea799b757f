/* SPDX-License-Identifier: MIT */
/* The kernel table, options from data, and Gram blocks: a product by BLAS, then the class's row pass. */
#include "kernels/kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/memory.h"
#include "linalg/linalg.h"

enum { BLOCK = 512, MEDIAN_ROWS = 500, TILE = 64 };

const struct kernel_class *const kernel_table[] = {&kernel_polynomial, &kernel_rbf, &kernel_relu_ntk};
const size_t kernel_table_size = sizeof kernel_table / sizeof *kernel_table;

struct kernel_options kernel_options_default(void) {
    return (struct kernel_options){.degree = 2, .offset = 1.0, .layers = 4, .weight_variance = 2.0};
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median distance between different ones of at most MEDIAN_ROWS evenly spaced rows. */
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
    qsort(squares, count, sizeof *squares, compare_doubles);
    *distance = count ? sqrt(squares[count / 2]) : 0.0;
    mem_free(squares);
    if (count == 0)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "kernel bandwidth: the median distance needs two different rows, %zu equal ones were given",
                           n);
    return STRATA_OK;
}

static strata_status options_check(strata_context *ctx, const struct kernel_options *options) {
    const double bounds[][2] = {{options->offset, 0.0},
                                {options->scale, 0.0},
                                {options->bandwidth, 0.0},
                                {options->weight_variance, 0.0},
                                {options->bias_variance, 0.0}};
    static const char *const names[] = {"offset", "scale", "bandwidth", "weight variance", "bias variance"};
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
        if (!(bounds[i][0] >= bounds[i][1] && isfinite(bounds[i][0])))
            return strata_fail(ctx, STRATA_ERR_ARGUMENT, "kernel: %s: expected a number >= 0, got %g", names[i],
                               bounds[i][0]);
    if (options->degree < 1 || options->layers < 1)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "kernel: expected degree and layers >= 1, got %zu and %zu",
                           options->degree, options->layers);
    return STRATA_OK;
}

static strata_status class_find(strata_context *ctx, const char *name, const struct kernel_class **class_) {
    const char *names[sizeof kernel_table / sizeof *kernel_table];
    for (size_t i = 0; i < kernel_table_size; ++i) {
        names[i] = kernel_table[i]->name;
        if (strcmp(names[i], name) != 0) continue;
        *class_ = kernel_table[i];
        return STRATA_OK;
    }
    const char *nearest = name_nearest(name, names, kernel_table_size);
    return strata_fail(ctx, STRATA_ERR_NOT_FOUND, "no kernel is called '%s'%s%s%s", name,
                       nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

strata_status kernel_create(strata_context *ctx, const char *name, const struct kernel_options *options, size_t n,
                            const double *x, size_t dimension, struct kernel *kernel) {
    *kernel = (struct kernel){.options = *options, .dimension = dimension};
    STRATA_TRY(class_find(ctx, name, &kernel->class_));
    STRATA_TRY(options_check(ctx, options));
    if (kernel->options.scale == 0.0) kernel->options.scale = (double)dimension;
    if (kernel->options.bandwidth == 0.0 && kernel->class_ == &kernel_rbf)
        STRATA_TRY(median_distance(ctx, n, x, dimension, &kernel->options.bandwidth));
    return STRATA_OK;
}

static void row_squares(size_t n, size_t dimension, const double *x, double *squares) {
    for (size_t i = 0; i < n; ++i) {
        double sum = 0.0;
        for (size_t k = 0; k < dimension; ++k) sum += x[i * dimension + k] * x[i * dimension + k];
        squares[i] = sum;
    }
}

/* Copies the lower triangle of [n, n] to the upper one. */
static void mirror(size_t n, double *a) {
    for (size_t ib = 0; ib < n; ib += TILE)
        for (size_t jb = ib; jb < n; jb += TILE)
            for (size_t i = ib; i < ib + TILE && i < n; ++i)
                for (size_t j = jb > i ? jb : i + 1; j < jb + TILE && j < n; ++j) a[i * n + j] = a[j * n + i];
}

strata_status kernel_gram(strata_context *ctx, const struct kernel *kernel, size_t n, const double *x, size_t m,
                          const double *z, double *out) {
    size_t d = kernel->dimension;
    bool symmetric = x == z && n == m;
    double *xx = mem_zero(n + m, sizeof *xx);
    if (!xx) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a Gram block of %zu x %zu", n, m);
    double *zz = xx + n;
    row_squares(n, d, x, xx);
    row_squares(m, d, z, zz);
    for (size_t first = 0; first < n; first += BLOCK) {
        size_t rows = n - first < BLOCK ? n - first : BLOCK, columns = symmetric ? first + rows : m;
        linalg_gemm_f64(AS_IS, TRANSPOSED, rows, columns, d, 1.0, x + first * d, d, z, d, 0.0, out + first * m, m);
        for (size_t i = first; i < first + rows; ++i) {
            kernel->class_->row(&kernel->options, d, symmetric ? i : m, xx[i], zz, out + i * m);
            if (symmetric) out[i * m + i] = kernel->class_->diagonal(&kernel->options, d, xx[i]);
        }
    }
    if (symmetric) mirror(n, out);
    mem_free(xx);
    return STRATA_OK;
}

void kernel_diagonal(const struct kernel *kernel, size_t n, const double *x, double *out) {
    row_squares(n, kernel->dimension, x, out);
    for (size_t i = 0; i < n; ++i) out[i] = kernel->class_->diagonal(&kernel->options, kernel->dimension, out[i]);
}
