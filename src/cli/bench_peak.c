/* SPDX-License-Identifier: MIT */
/*
 * What this machine's sgemm reaches: the denominator of every share of peak. Both ways to use the
 * processors are tried over a list of shapes: BLAS's own threads on one product, and one product on each thread.
 */

#include "cli/bench.h"
#include "core/clock.h"
#include "core/memory.h"
#include "core/threads.h"
#include "linalg/linalg.h"

static const size_t shapes[][3] = {{64, 64, 64},    {128, 256, 256},    {256, 256, 128},  {256, 512, 784},
                                   {512, 512, 512}, {1024, 1024, 1024}, {512, 4096, 2048}};
enum { SHAPES = sizeof shapes / sizeof *shapes, PEAK_REPEATS = 5, LARGEST_OPERAND = 4096 * 2048 };
static const double PEAK_SECONDS = 0.06; /* one repeat at least */

struct product {
    size_t m, n, k, calls;
    float *operands; /* [workers, 3, LARGEST_OPERAND] */
};

static void run_products(void *user, size_t index, size_t worker) {
    const struct product *product = user;
    float *a = product->operands + index * 3 * LARGEST_OPERAND, *b = a + LARGEST_OPERAND, *c = b + LARGEST_OPERAND;
    (void)worker;
    for (size_t i = 0; i < product->calls; ++i)
        linalg_gemm_f32(AS_IS, AS_IS, product->m, product->n, product->k, 1, a, product->k, b, product->n, 0, c,
                        product->n);
}

/* Best rate over repeats and shapes of `jobs` products at once. */
static double best_rate(struct thread_pool *pool, size_t jobs, float *operands) {
    double best = 0;
    for (size_t i = 0; i < SHAPES; ++i) {
        struct product product = {shapes[i][0], shapes[i][1], shapes[i][2], 1, operands};
        double flops = 2.0 * (double)product.m * (double)product.n * (double)product.k * (double)jobs;
        thread_pool_run(pool, jobs, run_products, &product); /* warm-up, and pages and kernels loaded */
        double start = clock_seconds();
        thread_pool_run(pool, jobs, run_products, &product);
        double once = clock_seconds() - start;
        product.calls = once < PEAK_SECONDS ? (size_t)(PEAK_SECONDS / once) + 1 : 1;
        for (size_t repeat = 0; repeat < PEAK_REPEATS; ++repeat) {
            start = clock_seconds();
            thread_pool_run(pool, jobs, run_products, &product);
            double rate = flops * (double)product.calls / (clock_seconds() - start);
            if (rate > best) best = rate;
        }
    }
    return best;
}

strata_status bench_peak_measure(strata_context *ctx, size_t threads, struct bench_peak *peak) {
    struct thread_pool *pool = NULL;
    size_t bytes;
    STRATA_TRY(mem_product(ctx, threads, 3 * LARGEST_OPERAND * sizeof(float), "products for the peak", &bytes));
    float *operands = mem_aligned(bytes);
    if (!operands) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu products", threads);
    strata_status status = thread_pool_create(ctx, threads, &pool);
    if (status == STRATA_OK) {
        for (size_t i = 0; i < bytes / sizeof *operands; ++i) operands[i] = (float)(i % 7) - 3;
        peak->summed = best_rate(pool, threads, operands);
        linalg_set_blas_threads((int)threads);
        peak->threaded = best_rate(NULL, 1, operands);
        linalg_set_blas_threads(1);
    }
    thread_pool_destroy(pool);
    mem_free(operands);
    return status;
}
