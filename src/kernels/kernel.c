/* SPDX-License-Identifier: MIT */
/* The kernel table, and Gram matrices by blocks of rows: jobs that any thread may take, each with its own cells. */
#include "kernels/kernel.h"

#include <math.h>
#include <stdatomic.h>

#include "core/memory.h"
#include "linalg/linalg.h"

enum { BLOCK = 128, PAIR_BLOCK = 1 };

/* The table: one line a kernel. */
#define KERNEL_LIST(X) \
    X(poly) X(rbf) X(laplace) X(matern) X(arc_cosine) X(elementary) X(comp) X(nngp) X(ntk) X(cntk) X(cnngp) X(conv_comp)

#define DECLARE(name) extern const struct kernel_class kernel_##name;
KERNEL_LIST(DECLARE)
#undef DECLARE

#define ENTRY(name) &kernel_##name,
const struct kernel_class *const kernel_table[] = {KERNEL_LIST(ENTRY)};
#undef ENTRY
const size_t kernel_table_size = sizeof kernel_table / sizeof *kernel_table;

strata_status kernel_check(strata_context *ctx, const struct kernel *kernel, const char *what, size_t n,
                           const double *x) {
    for (size_t i = 0; i < n; ++i)
        for (size_t k = 0; k < kernel->dimension; ++k)
            if (!isfinite(x[i * kernel->dimension + k]))
                return strata_fail(ctx, STRATA_ERR_ARGUMENT, "kernel '%s': %s %zu: value %zu is not finite",
                                   kernel->class_->name, what, i, k);
    return kernel->class_->check ? kernel->class_->check(ctx, kernel, what, n, x) : STRATA_OK;
}

/* What the blocks of one Gram matrix share. `x_state` and `z_state` are squared norms in the first form. */
struct gram_run {
    const struct kernel *kernel;
    strata_context *ctx;
    size_t n, m, state_size, scratch_size;
    const double *x, *z;
    double *x_state, *z_state, *scratch, *out;
    size_t block; /* rows of a job */
    bool symmetric;
    atomic_bool cancelled;
};

static void row_squares(size_t n, size_t dimension, const double *x, double *squares) {
    for (size_t i = 0; i < n; ++i) {
        double sum = 0.0;
        for (size_t k = 0; k < dimension; ++k) sum += x[i * dimension + k] * x[i * dimension + k];
        squares[i] = sum;
    }
}

/* Later blocks of a symmetric matrix are longer: they are handed out first. */
static size_t block_first(const struct gram_run *run, size_t index) {
    size_t blocks = (run->n + run->block - 1) / run->block;
    return (run->symmetric ? blocks - 1 - index : index) * run->block;
}

static void product_block(const struct gram_run *run, size_t first, size_t rows) {
    const struct kernel *kernel = run->kernel;
    size_t d = kernel->dimension, columns = run->symmetric ? first + rows : run->m;
    double *out = run->out + first * run->m;
    linalg_gemm_f64(AS_IS, TRANSPOSED, rows, columns, d, 1.0, run->x + first * d, d, run->z, d, 0.0, out, run->m);
    for (size_t i = 0; i < rows; ++i) {
        size_t row = first + i;
        double square = run->x_state[row], *values = out + i * run->m;
        kernel->class_->row(kernel, run->symmetric ? row : run->m, square, run->z_state, values);
        if (run->symmetric) values[row] = kernel->class_->diagonal(kernel, square);
    }
}

static void pair_block(const struct gram_run *run, size_t first, size_t rows, double *scratch) {
    const struct kernel *kernel = run->kernel;
    size_t d = kernel->dimension, size = run->state_size;
    for (size_t i = first; i < first + rows; ++i)
        for (size_t j = 0; j < (run->symmetric ? i + 1 : run->m); ++j)
            run->out[i * run->m + j] = kernel->class_->pair(kernel, run->x + i * d, run->x_state + i * size,
                                                            run->z + j * d, run->z_state + j * size, scratch);
}

static void gram_job(void *user, size_t index, size_t worker) {
    struct gram_run *run = user;
    size_t first = block_first(run, index), rows = run->n - first < run->block ? run->n - first : run->block;
    if (context_cancelled(run->ctx)) atomic_store(&run->cancelled, true);
    if (atomic_load(&run->cancelled)) return;
    if (run->kernel->class_->row)
        product_block(run, first, rows);
    else
        pair_block(run, first, rows, run->scratch + worker * run->scratch_size);
}

static void states(const struct gram_run *run, size_t n, const double *x, double *out) {
    const struct kernel *kernel = run->kernel;
    if (kernel->class_->row) {
        row_squares(n, kernel->dimension, x, out);
        return;
    }
    for (size_t i = 0; i < n; ++i)
        kernel->class_->state(kernel, x + i * kernel->dimension, out + i * run->state_size, run->scratch);
}

strata_status kernel_gram(strata_context *ctx, struct thread_pool *pool, const struct kernel *kernel, size_t n,
                          const double *x, size_t m, const double *z, double *out) {
    const struct kernel_class *class_ = kernel->class_;
    size_t threads = pool ? thread_pool_size(pool) : 1;
    struct gram_run run = {.kernel = kernel,
                           .ctx = ctx,
                           .n = n,
                           .m = m,
                           .x = x,
                           .z = z,
                           .out = out,
                           .state_size = class_->row ? 1 : class_->state_size(kernel),
                           .scratch_size = class_->row ? 0 : class_->scratch_size(kernel),
                           .block = class_->row ? BLOCK : PAIR_BLOCK,
                           .symmetric = x == z && n == m};
    size_t x_cells = 0, z_cells = 0;
    STRATA_TRY(mem_product(ctx, n, run.state_size, "Gram matrix", &x_cells));
    STRATA_TRY(mem_product(ctx, run.symmetric ? 0 : m, run.state_size, "Gram matrix", &z_cells));
    double *block = mem_zero(x_cells + z_cells + threads * run.scratch_size + 1, sizeof *block);
    if (!block) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a Gram matrix of %zu x %zu", n, m);
    run.x_state = block;
    run.z_state = run.symmetric ? block : block + x_cells;
    run.scratch = block + x_cells + z_cells;
    states(&run, n, x, run.x_state);
    if (!run.symmetric) states(&run, m, z, run.z_state);
    thread_pool_run(pool, (n + run.block - 1) / run.block, gram_job, &run);
    if (run.symmetric) linalg_mirror_f64(n, out);
    mem_free(block);
    return run.cancelled ? strata_fail(ctx, STRATA_ERR_INTERRUPTED, "interrupted in a Gram matrix") : STRATA_OK;
}

strata_status kernel_diagonal(strata_context *ctx, const struct kernel *kernel, size_t n, const double *x,
                              double *out) {
    const struct kernel_class *class_ = kernel->class_;
    size_t d = kernel->dimension, state_size = class_->row ? 0 : class_->state_size(kernel);
    if (class_->row) {
        row_squares(n, d, x, out);
        for (size_t i = 0; i < n; ++i) out[i] = class_->diagonal(kernel, out[i]);
        return STRATA_OK;
    }
    double *state = mem_zero(state_size + class_->scratch_size(kernel) + 1, sizeof *state);
    if (!state) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a kernel's diagonal");
    for (size_t i = 0; i < n; ++i) {
        class_->state(kernel, x + i * d, state, state + state_size);
        out[i] = class_->pair(kernel, x + i * d, state, x + i * d, state, state + state_size);
    }
    mem_free(state);
    return STRATA_OK;
}
