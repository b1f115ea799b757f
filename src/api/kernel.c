/* SPDX-License-Identifier: MIT */
/* strata_kernel: a kernel with its text and its threads; strata_kernel_fit: a Gaussian process on its rows. */
#include <strata/kernel.h>

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "kernels/gaussian_process.h"
#include "kernels/kernel.h"

enum { PREDICT_ROWS = 512 };

struct strata_kernel {
    struct kernel kernel;
    struct thread_pool *pool; /* NULL: one thread */
    char text[KERNEL_TEXT];
};

struct strata_kernel_fit {
    const strata_kernel *kernel; /* NULL: made from a Gram matrix */
    struct gaussian_process process;
    double *x; /* [n, inputs] */
};

/* ---- the table */

size_t strata_kernel_count(void) { return kernel_table_size; }

const char *strata_kernel_name(size_t index) { return index < kernel_table_size ? kernel_table[index]->name : NULL; }

const char *strata_kernel_formula(size_t index) {
    return index < kernel_table_size ? kernel_table[index]->formula : NULL;
}

const char *strata_kernel_source(size_t index) {
    return index < kernel_table_size ? kernel_table[index]->source : NULL;
}

/* ---- kernels */

strata_kernel_options strata_kernel_options_default(void) { return (strata_kernel_options){.threads = 1}; }

strata_status strata_kernel_create(strata_context *ctx, const char *text, const strata_kernel_options *options,
                                   size_t n, size_t inputs, const double *x, strata_kernel **kernel) {
    const strata_kernel_options standard = strata_kernel_options_default();
    strata_status status = STRATA_OK;
    *kernel = NULL;
    if (!options) options = &standard;
    strata_kernel *made = mem_zero(1, sizeof *made);
    if (!made) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for kernel '%.100s'", text);
    STRATA_GO(kernel_create(ctx, text, n, x, inputs, options->image, &made->kernel));
    STRATA_GO(kernel_check(ctx, &made->kernel, "row", n, x));
    if (options->threads > 1) STRATA_GO(thread_pool_create(ctx, options->threads, &made->pool));
    kernel_text(&made->kernel, made->text);
    *kernel = made;
    made = NULL;
cleanup:
    strata_kernel_destroy(made);
    return status;
}

void strata_kernel_destroy(strata_kernel *kernel) {
    if (!kernel) return;
    thread_pool_destroy(kernel->pool);
    mem_free(kernel);
}

const char *strata_kernel_text(const strata_kernel *kernel) { return kernel->text; }

strata_status strata_kernel_gram(strata_context *ctx, const strata_kernel *kernel, size_t n, const double *x, size_t m,
                                 const double *z, double *out) {
    STRATA_TRY(kernel_check(ctx, &kernel->kernel, "row", n, x));
    if (z != x || m != n) STRATA_TRY(kernel_check(ctx, &kernel->kernel, "row of z", m, z));
    return kernel_gram(ctx, kernel->pool, &kernel->kernel, n, x, m, z, out);
}

strata_status strata_kernel_diagonal(strata_context *ctx, const strata_kernel *kernel, size_t n, const double *x,
                                     double *out) {
    STRATA_TRY(kernel_check(ctx, &kernel->kernel, "row", n, x));
    return kernel_diagonal(ctx, &kernel->kernel, n, x, out);
}

/* ---- fits */

static const double default_ridges[] = {
    1e-10, 3.1622776601683795e-10, 1e-9, 3.1622776601683795e-9, 1e-8, 3.1622776601683795e-8,
    1e-7,  3.1622776601683795e-7,  1e-6, 3.1622776601683795e-6, 1e-5, 3.1622776601683795e-5,
    1e-4,  3.1622776601683795e-4,  1e-3, 3.1622776601683795e-3, 1e-2, 3.1622776601683795e-2,
    1e-1,  3.1622776601683795e-1,  1,    3.1622776601683795,    10};

strata_kernel_fit_options strata_kernel_fit_options_default(void) {
    return (strata_kernel_fit_options){.ridges = default_ridges,
                                       .ridge_count = sizeof default_ridges / sizeof *default_ridges};
}

static struct gaussian_process_options process_options(const strata_kernel *kernel,
                                                       const strata_kernel_fit_options *options) {
    const strata_kernel_fit_options standard = strata_kernel_fit_options_default();
    if (!options) options = &standard;
    return (struct gaussian_process_options){.pool = kernel ? kernel->pool : NULL,
                                             .ridges = options->ridges ? options->ridges : standard.ridges,
                                             .ridge_count = options->ridges ? options->ridge_count
                                                                            : standard.ridge_count,
                                             .jitter = options->jitter};
}

static strata_status finish(strata_context *ctx, const strata_kernel *kernel, const strata_kernel_fit_options *options,
                            size_t n, const double *gram, size_t outputs, const double *y, strata_kernel_fit **fit) {
    const struct gaussian_process_options wanted = process_options(kernel, options);
    if (n == 0 || outputs == 0)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "a kernel fit: expected at least 1 row and 1 output, got %zu, %zu",
                           n, outputs);
    for (size_t i = 0; i < n * outputs; ++i)
        if (!isfinite(y[i]))
            return strata_fail(ctx, STRATA_ERR_ARGUMENT, "a kernel fit: target of row %zu is not finite", i / outputs);
    strata_kernel_fit *made = mem_zero(1, sizeof *made);
    if (!made) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a kernel fit");
    made->kernel = kernel;
    strata_status status = gaussian_process_fit(ctx, &wanted, n, gram, outputs, y, &made->process);
    if (status == STRATA_OK)
        *fit = made;
    else
        mem_free(made);
    return status;
}

strata_status strata_kernel_fit_create(strata_context *ctx, const strata_kernel *kernel,
                                       const strata_kernel_fit_options *options, size_t n, const double *x,
                                       size_t outputs, const double *y, strata_kernel_fit **fit) {
    strata_status status = STRATA_OK;
    size_t cells, row_cells;
    *fit = NULL;
    STRATA_TRY(mem_product(ctx, n, n, "Gram matrix", &cells));
    STRATA_TRY(mem_product(ctx, n, kernel->kernel.dimension, "training rows", &row_cells));
    double *gram = mem_zero(cells, sizeof *gram), *copy = mem_zero(row_cells, sizeof *copy);
    if (!gram || !copy) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu training rows", n));
    STRATA_GO(strata_kernel_gram(ctx, kernel, n, x, n, x, gram));
    STRATA_GO(finish(ctx, kernel, options, n, gram, outputs, y, fit));
    memcpy(copy, x, row_cells * sizeof *copy);
    (*fit)->x = copy;
    copy = NULL; /* now the fit's */
cleanup:
    mem_free(gram);
    mem_free(copy);
    return status;
}

strata_status strata_kernel_fit_create_from_gram(strata_context *ctx, const strata_kernel_fit_options *options,
                                                 size_t n, const double *gram, size_t outputs, const double *y,
                                                 strata_kernel_fit **fit) {
    *fit = NULL;
    return finish(ctx, NULL, options, n, gram, outputs, y, fit);
}

void strata_kernel_fit_destroy(strata_kernel_fit *fit) {
    if (!fit) return;
    gaussian_process_destroy(&fit->process);
    mem_free(fit->x);
    mem_free(fit);
}

strata_kernel_fit_measures strata_kernel_fit_get_measures(const strata_kernel_fit *fit) {
    const struct gaussian_process *p = &fit->process;
    return (strata_kernel_fit_measures){
        .ridge = p->relative_ridge, .jitter = p->jitter, .noise = p->ridge, .log_marginal = p->log_marginal};
}

strata_status strata_kernel_fit_leave_one_out(strata_context *ctx, const strata_kernel_fit *fit, double *residuals) {
    return gaussian_process_leave_one_out(ctx, &fit->process, residuals);
}

strata_status strata_kernel_fit_predict_gram(strata_context *ctx, const strata_kernel_fit *fit, size_t rows,
                                             const double *cross, const double *own, double *mean, double *variance) {
    return gaussian_process_predict(ctx, &fit->process, rows, cross, own, mean, variance);
}

strata_status strata_kernel_fit_predict(strata_context *ctx, const strata_kernel_fit *fit, size_t rows, const double *x,
                                        double *mean, double *variance) {
    strata_status status = STRATA_OK;
    size_t n = fit->process.n;
    if (!fit->kernel)
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED,
                           "a fit made from a Gram matrix knows no kernel: use strata_kernel_fit_predict_gram");
    double *cross = mem_zero(PREDICT_ROWS * n, sizeof *cross), *own = mem_zero(PREDICT_ROWS, sizeof *own);
    if (!cross || !own)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for predictions of %zu rows", rows));
    for (size_t first = 0; first < rows; first += PREDICT_ROWS) {
        size_t count = rows - first < PREDICT_ROWS ? rows - first : PREDICT_ROWS;
        const double *block = x + first * fit->kernel->kernel.dimension;
        STRATA_GO(strata_kernel_gram(ctx, fit->kernel, count, block, n, fit->x, cross));
        if (variance) STRATA_GO(kernel_diagonal(ctx, &fit->kernel->kernel, count, block, own));
        STRATA_GO(gaussian_process_predict(ctx, &fit->process, count, cross, own, mean + first * fit->process.outputs,
                                           variance ? variance + first : NULL));
    }
cleanup:
    mem_free(cross);
    mem_free(own);
    return status;
}

/* ---- ensembles */

strata_status strata_kernel_ensemble(strata_context *ctx, const strata_kernel *nngp, const strata_kernel *ntk,
                                     double time, size_t n, const double *x, size_t outputs, const double *y,
                                     size_t rows, const double *z, double *mean, double *variance) {
    strata_status status = STRATA_OK;
    size_t square, cross;
    if (nngp->kernel.dimension != ntk->kernel.dimension)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "kernels of %zu and %zu inputs: expected the same",
                           nngp->kernel.dimension, ntk->kernel.dimension);
    STRATA_TRY(mem_product(ctx, n, n, "Gram matrix", &square));
    STRATA_TRY(mem_product(ctx, rows, n, "Gram matrix", &cross));
    double *grams = mem_zero(2 * square + 2 * cross + rows, sizeof *grams);
    if (!grams) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for an ensemble of %zu rows", n);
    double *n_gram = grams + square, *t_cross = n_gram + square, *n_cross = t_cross + cross, *own = n_cross + cross;
    STRATA_GO(strata_kernel_gram(ctx, ntk, n, x, n, x, grams));
    STRATA_GO(strata_kernel_gram(ctx, nngp, n, x, n, x, n_gram));
    STRATA_GO(strata_kernel_gram(ctx, ntk, rows, z, n, x, t_cross));
    STRATA_GO(strata_kernel_gram(ctx, nngp, rows, z, n, x, n_cross));
    STRATA_GO(kernel_diagonal(ctx, &nngp->kernel, rows, z, own));
    STRATA_GO(
        ntk_ensemble_predict(ctx, time, n, grams, n_gram, outputs, y, rows, t_cross, n_cross, own, mean, variance));
cleanup:
    mem_free(grams);
    return status;
}
