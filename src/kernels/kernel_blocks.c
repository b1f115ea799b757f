/* SPDX-License-Identifier: MIT */
#include "kernels/kernel_blocks.h"

#include <stdatomic.h>
#include <string.h>

#include "core/memory.h"
#include "linalg/linalg.h"

enum { ROWS = 256, LANES = 8 };

struct kernel_blocks {
    struct thread_pool *pool;
    const struct kernel *kernel;
    size_t n, m, kept; /* the first `kept` blocks are in `cells` */
    const double *x, *z;
    double *cells;   /* [kept, ROWS, m] */
    double *scratch; /* [LANES, ROWS, m], for the others */
};

static size_t block_count(const struct kernel_blocks *b) { return (b->n + ROWS - 1) / ROWS; }

/* Rows of a block, in memory that the lane may use. */
static strata_status block_rows(strata_context *ctx, const struct kernel_blocks *b, size_t block, size_t lane,
                                size_t *rows, const double **cells) {
    size_t first = block * ROWS, d = b->kernel->dimension;
    *rows = b->n - first < ROWS ? b->n - first : ROWS;
    if (block < b->kept) {
        *cells = b->cells + first * b->m;
        return STRATA_OK;
    }
    double *out = b->scratch + lane * ROWS * b->m;
    *cells = out;
    return kernel_gram(ctx, NULL, b->kernel, *rows, b->x + first * d, b->m, b->z, out);
}

/* ---- one pass over all blocks */

enum pass_kind { PASS_FILL, PASS_APPLY, PASS_TRANSPOSED, PASS_NORMAL };

struct pass {
    strata_context *ctx;
    struct kernel_blocks *blocks;
    enum pass_kind kind;
    size_t columns;
    const double *v; /* [m, columns] or, transposed, [n, columns] */
    double *out;     /* of PASS_APPLY: [n, columns] */
    double *sums;    /* [LANES, m, columns] */
    double *middle;  /* [LANES, ROWS, columns]: K v of a block */
    atomic_int status;
};

static void pass_block(struct pass *pass, size_t block, size_t lane, size_t rows, const double *cells) {
    const struct kernel_blocks *b = pass->blocks;
    size_t columns = pass->columns, m = b->m;
    double *sum = pass->sums ? pass->sums + lane * m * columns : NULL;
    double *middle = pass->middle ? pass->middle + lane * ROWS * columns : NULL;
    const double *u = pass->kind == PASS_TRANSPOSED ? pass->v + block * ROWS * columns : middle;
    if (pass->kind == PASS_APPLY) middle = pass->out + block * ROWS * columns;
    if (pass->kind != PASS_TRANSPOSED)
        linalg_gemm_f64(AS_IS, AS_IS, rows, columns, m, 1.0, cells, m, pass->v, columns, 0.0, middle, columns);
    if (pass->kind != PASS_APPLY)
        linalg_gemm_f64(TRANSPOSED, AS_IS, m, columns, rows, 1.0, cells, m, u, columns, 1.0, sum, columns);
}

static void pass_lane(void *user, size_t lane, size_t worker) {
    struct pass *pass = user;
    struct kernel_blocks *b = pass->blocks;
    (void)worker;
    for (size_t block = lane; block < block_count(b); block += LANES) {
        size_t rows = b->n - block * ROWS < ROWS ? b->n - block * ROWS : ROWS, d = b->kernel->dimension;
        const double *cells = NULL;
        if (context_cancelled(pass->ctx)) atomic_store(&pass->status, STRATA_ERR_INTERRUPTED);
        if (atomic_load(&pass->status) != STRATA_OK) return;
        strata_status status = STRATA_OK;
        if (pass->kind == PASS_FILL && block < b->kept)
            status = kernel_gram(pass->ctx, NULL, b->kernel, rows, b->x + block * ROWS * d, b->m, b->z,
                                 b->cells + block * ROWS * b->m);
        else if (pass->kind != PASS_FILL)
            status = block_rows(pass->ctx, b, block, lane, &rows, &cells);
        if (status != STRATA_OK)
            atomic_store(&pass->status, (int)status);
        else if (pass->kind != PASS_FILL)
            pass_block(pass, block, lane, rows, cells);
    }
}

static strata_status pass_status(strata_context *ctx, const struct pass *pass) {
    strata_status status = (strata_status)pass->status;
    return status == STRATA_OK ? STRATA_OK
                               : strata_fail(ctx, status, "%s in a Gram matrix", strata_status_text(status));
}

static strata_status pass_run(strata_context *ctx, struct kernel_blocks *b, enum pass_kind kind, size_t columns,
                              const double *v, double *out) {
    struct pass pass = {.ctx = ctx, .blocks = b, .kind = kind, .columns = columns, .v = v, .out = out};
    size_t cells = b->m * columns;
    bool summed = kind == PASS_TRANSPOSED || kind == PASS_NORMAL;
    double *memory = mem_zero(summed ? LANES * (cells + ROWS * columns) : 1, sizeof *memory);
    if (!memory)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a product with %zu x %zu Gram entries", b->n,
                           b->m);
    if (summed) pass.sums = memory, pass.middle = memory + LANES * cells;
    thread_pool_run(b->pool, LANES, pass_lane, &pass);
    if (summed) memcpy(out, pass.sums, cells * sizeof *out);
    for (size_t lane = 1; summed && lane < LANES; ++lane)
        for (size_t i = 0; i < cells; ++i) out[i] += pass.sums[lane * cells + i];
    mem_free(memory);
    return pass_status(ctx, &pass);
}

strata_status kernel_blocks_apply(strata_context *ctx, struct kernel_blocks *blocks, size_t columns, const double *v,
                                  double *out) {
    return pass_run(ctx, blocks, PASS_APPLY, columns, v, out);
}

strata_status kernel_blocks_apply_transposed(strata_context *ctx, struct kernel_blocks *blocks, size_t columns,
                                             const double *u, double *out) {
    return pass_run(ctx, blocks, PASS_TRANSPOSED, columns, u, out);
}

strata_status kernel_blocks_apply_normal(strata_context *ctx, struct kernel_blocks *blocks, size_t columns,
                                         const double *v, double *out) {
    return pass_run(ctx, blocks, PASS_NORMAL, columns, v, out);
}

/* ---- life */

strata_status kernel_blocks_create(strata_context *ctx, struct thread_pool *pool, const struct kernel *kernel, size_t n,
                                   const double *x, size_t m, const double *z, size_t budget,
                                   struct kernel_blocks **blocks) {
    struct kernel_blocks *b = mem_zero(1, sizeof *b);
    *blocks = NULL;
    if (!b) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a Gram matrix");
    *b = (struct kernel_blocks){.pool = pool, .kernel = kernel, .n = n, .m = m, .x = x, .z = z};
    size_t bytes = ROWS * m * sizeof(double), all = block_count(b);
    b->kept = bytes ? budget / bytes : 0;
    if (b->kept > all) b->kept = all;
    b->cells = mem_zero(b->kept * ROWS * m + 1, sizeof *b->cells);
    b->scratch = mem_zero(b->kept < all ? LANES * ROWS * m : 1, sizeof *b->scratch);
    if (!b->cells || !b->scratch) {
        kernel_blocks_destroy(b);
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu x %zu Gram entries", n, m);
    }
    struct pass pass = {.ctx = ctx, .blocks = b, .kind = PASS_FILL};
    thread_pool_run(pool, LANES, pass_lane, &pass);
    strata_status status = pass_status(ctx, &pass);
    if (status == STRATA_OK)
        *blocks = b;
    else
        kernel_blocks_destroy(b);
    return status;
}

void kernel_blocks_destroy(struct kernel_blocks *blocks) {
    if (!blocks) return;
    mem_free(blocks->cells);
    mem_free(blocks->scratch);
    mem_free(blocks);
}
