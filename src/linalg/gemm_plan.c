/* SPDX-License-Identifier: MIT */
/*
 * Which GEMM for which shape. Products of up to 1024 in every dimension go to libxsmm's generated kernels, in parts of
 * at most 512, all others to OpenBLAS on one thread: measured (docs/performance.md), libxsmm's kernels reach the
 * processor's peak while their operands stay in cache and fall behind OpenBLAS's packed ones above. The choice depends
 * on shape and CPU alone.
 */
#include "linalg/linalg.h"

#include <cblas.h>

#if STRATA_HAVE_XSMM
#include <libxsmm.h>
#endif

/* Largest dimension for generated kernels, and largest and smallest side of the part that one call computes. */
enum { SMALL = 1024, TILE_MOST = 512, TILE_LEAST = 16 };

/* Equal parts of at most TILE_MOST; 0 where there are none of a useful size. */
static size_t tile_of(size_t size) {
    size_t count = (size + TILE_MOST - 1) / TILE_MOST;
    while (size % count != 0) ++count;
    return count == 1 || size / count >= TILE_LEAST ? size / count : 0;
}

#if STRATA_HAVE_XSMM
static void *small_kernel(const struct gemm_plan *plan, float beta) {
    if (plan->tb == TRANSPOSED || plan->m > SMALL || plan->n > SMALL || plan->k > SMALL) return NULL;
    if (!plan->tile_m || !plan->tile_n || !plan->tile_k) return NULL;
    /* Row-major C = A B is column-major Cᵀ = Bᵀ Aᵀ: operands swap places. */
    libxsmm_blasint lda = (libxsmm_blasint)plan->ldb, ldb = (libxsmm_blasint)plan->lda,
                    ldc = (libxsmm_blasint)plan->ldc;
    const float alpha = 1.0f;
    const int flags = plan->ta == TRANSPOSED ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE, prefetch = 0;
    libxsmm_smmfunction kernel = libxsmm_smmdispatch((libxsmm_blasint)plan->tile_n, (libxsmm_blasint)plan->tile_m,
                                                     (libxsmm_blasint)plan->tile_k, &lda, &ldb, &ldc, &alpha, &beta,
                                                     &flags, &prefetch);
    void *pointer;
    _Static_assert(sizeof pointer == sizeof kernel, "function and data pointers of one size");
    __builtin_memcpy(&pointer, &kernel, sizeof pointer);
    return pointer;
}

static void run_small(void *pointer, const float *a, const float *b, float *c) {
    libxsmm_smmfunction kernel;
    __builtin_memcpy(&kernel, &pointer, sizeof kernel);
    kernel(b, a, c);
}
#else
static void *small_kernel(const struct gemm_plan *plan, float beta) {
    (void)plan;
    (void)beta;
    return NULL;
}

static void run_small(void *pointer, const float *a, const float *b, float *c) {
    (void)pointer;
    (void)a;
    (void)b;
    (void)c;
}
#endif

void gemm_plan_f32(struct gemm_plan *plan, enum transpose ta, enum transpose tb, size_t m, size_t n, size_t k,
                   size_t lda, size_t ldb, size_t ldc) {
    *plan = (struct gemm_plan){.ta = ta,
                               .tb = tb,
                               .m = m,
                               .n = n,
                               .k = k,
                               .lda = lda,
                               .ldb = ldb,
                               .ldc = ldc,
                               .tile_m = tile_of(m),
                               .tile_n = tile_of(n),
                               .tile_k = tile_of(k)};
    plan->kernels[0] = small_kernel(plan, 0.0f);
    plan->kernels[1] = small_kernel(plan, 1.0f);
}

/* Parts of C one after the other, each a sum over parts of k in rising order. */
static void run_tiles(const struct gemm_plan *plan, const float *a, const float *b, bool accumulate, float *c) {
    size_t step_m = plan->ta == TRANSPOSED ? 1 : plan->lda, step_k = plan->ta == TRANSPOSED ? plan->lda : 1;
    for (size_t j = 0; j < plan->n; j += plan->tile_n)
        for (size_t p = 0; p < plan->k; p += plan->tile_k)
            for (size_t i = 0; i < plan->m; i += plan->tile_m)
                run_small(plan->kernels[accumulate || p > 0], a + i * step_m + p * step_k, b + p * plan->ldb + j,
                          c + i * plan->ldc + j);
}

void gemm_run_f32(const struct gemm_plan *plan, size_t m, size_t k, const float *a, const float *b, bool accumulate,
                  float *c) {
    if (plan->kernels[0] && plan->kernels[1] && m == plan->m && k == plan->k)
        run_tiles(plan, a, b, accumulate, c);
    else
        linalg_gemm_f32(plan->ta, plan->tb, m, plan->n, k, 1.0f, a, plan->lda, b, plan->ldb, accumulate ? 1.0f : 0.0f,
                        c, plan->ldc);
}
