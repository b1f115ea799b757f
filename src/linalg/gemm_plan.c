/* SPDX-License-Identifier: MIT */
/*
 * Which GEMM for which shape. Small products go to libxsmm's generated kernels, all others to
 * OpenBLAS on one thread: measured on AVX2 and AVX-512 machines (docs/performance.md), libxsmm wins up to
 * about 256 in every dimension and collapses far above. The choice depends on shape and CPU alone.
 */
#include "linalg/linalg.h"

#include <cblas.h>

#if STRATA_HAVE_XSMM
#include <libxsmm.h>

enum { SMALL = 256 }; /* largest dimension for generated kernels */

static void *small_kernel(const struct gemm_plan *plan, float beta) {
    if (plan->tb == TRANSPOSED || plan->m > SMALL || plan->n > SMALL || plan->k > SMALL) return NULL;
    /* Row-major C = A B is column-major Cᵀ = Bᵀ Aᵀ: operands swap places. */
    libxsmm_blasint lda = (libxsmm_blasint)plan->ldb, ldb = (libxsmm_blasint)plan->lda, ldc = (libxsmm_blasint)plan->ldc;
    const float alpha = 1.0f;
    const int flags = plan->ta == TRANSPOSED ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE, prefetch = 0;
    libxsmm_smmfunction kernel = libxsmm_smmdispatch((libxsmm_blasint)plan->n, (libxsmm_blasint)plan->m, (libxsmm_blasint)plan->k,
        &lda, &ldb, &ldc, &alpha, &beta, &flags, &prefetch);
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
    *plan = (struct gemm_plan){.ta = ta, .tb = tb, .m = m, .n = n, .k = k, .lda = lda, .ldb = ldb, .ldc = ldc};
    plan->kernels[0] = small_kernel(plan, 0.0f);
    plan->kernels[1] = small_kernel(plan, 1.0f);
}

void gemm_run_f32(const struct gemm_plan *plan, size_t m, size_t k, const float *a, const float *b, bool accumulate, float *c) {
    void *kernel = plan->kernels[accumulate];
    if (kernel && m == plan->m && k == plan->k) {
        run_small(kernel, a, b, c);
        return;
    }
    linalg_gemm_f32(plan->ta, plan->tb, m, plan->n, k, 1.0f, a, plan->lda, b, plan->ldb, accumulate ? 1.0f : 0.0f, c, plan->ldc);
}
