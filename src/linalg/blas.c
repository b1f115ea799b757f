/* SPDX-License-Identifier: MIT */
/*
 * Products over CBLAS, and BLAS's own threads. Row-major operands go to CBLAS as they are: it swaps
 * them instead of copying.
 */
#include "linalg/blas.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cblas.h>

#include "linalg/linalg.h"

enum { TILE = 64 };

/* Process-wide by contract, as OpenBLAS's own setting is. */
static _Atomic int wanted_threads = 1;
static pthread_mutex_t thread_lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local int thread_setting; /* what this thread's OpenMP was told; 0 = nothing yet */

void blas_ready(void) {
    int wanted = atomic_load_explicit(&wanted_threads, memory_order_relaxed);
    if (thread_setting == wanted) return;
    pthread_mutex_lock(&thread_lock);
    openblas_set_num_threads(wanted);
    pthread_mutex_unlock(&thread_lock);
    thread_setting = wanted;
}

static CBLAS_TRANSPOSE transpose_code(enum transpose transpose) {
    return transpose == TRANSPOSED ? CblasTrans : CblasNoTrans;
}

void linalg_gemm_f64(enum transpose ta, enum transpose tb, size_t m, size_t n, size_t k, double alpha, const double *a,
                     size_t lda, const double *b, size_t ldb, double beta, double *c, size_t ldc) {
    blas_ready();
    cblas_dgemm(CblasRowMajor, transpose_code(ta), transpose_code(tb), blas_int(m), blas_int(n), blas_int(k), alpha, a,
                blas_int(lda), b, blas_int(ldb), beta, c, blas_int(ldc));
}

void linalg_gemm_f32(enum transpose ta, enum transpose tb, size_t m, size_t n, size_t k, float alpha, const float *a,
                     size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc) {
    blas_ready();
    cblas_sgemm(CblasRowMajor, transpose_code(ta), transpose_code(tb), blas_int(m), blas_int(n), blas_int(k), alpha, a,
                blas_int(lda), b, blas_int(ldb), beta, c, blas_int(ldc));
}

/* In tiles that stay in cache. */
void linalg_mirror_f64(size_t n, double *c) {
    for (size_t ib = 0; ib < n; ib += TILE)
        for (size_t jb = ib; jb < n; jb += TILE)
            for (size_t i = ib; i < ib + TILE && i < n; ++i)
                for (size_t j = jb > i ? jb : i + 1; j < jb + TILE && j < n; ++j) c[i * n + j] = c[j * n + i];
}

static void mirror_f32(size_t n, float *c) {
    for (size_t ib = 0; ib < n; ib += TILE)
        for (size_t jb = ib; jb < n; jb += TILE)
            for (size_t i = ib; i < ib + TILE && i < n; ++i)
                for (size_t j = jb > i ? jb : i + 1; j < jb + TILE && j < n; ++j) c[i * n + j] = c[j * n + i];
}

void linalg_syrk_f64(enum transpose ta, size_t n, size_t k, double alpha, const double *a, size_t lda, double beta,
                     double *c) {
    blas_ready();
    cblas_dsyrk(CblasRowMajor, CblasLower, transpose_code(ta), blas_int(n), blas_int(k), alpha, a, blas_int(lda), beta,
                c, blas_int(n));
    linalg_mirror_f64(n, c);
}

void linalg_syrk_f32(enum transpose ta, size_t n, size_t k, float alpha, const float *a, size_t lda, float beta,
                     float *c) {
    blas_ready();
    cblas_ssyrk(CblasRowMajor, CblasLower, transpose_code(ta), blas_int(n), blas_int(k), alpha, a, blas_int(lda), beta,
                c, blas_int(n));
    mirror_f32(n, c);
}

void linalg_set_blas_threads(int threads) {
    atomic_store(&wanted_threads, threads < 1 ? 1 : threads);
    blas_ready();
}

const char *linalg_blas_name(void) {
    static char name[160]; /* written once, below */
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (!name[0]) {
        /* The configuration reads "OpenBLAS 0.3.21 NO_AFFINITY USE64BITINT ... Haswell MAX_THREADS=64". */
        char library[16] = "BLAS", version[16] = "";
        sscanf(openblas_get_config(), "%15s %15s", library, version);
        snprintf(name, sizeof name, "%s %s %s", library, version, openblas_get_corename());
    }
    pthread_mutex_unlock(&lock);
    return name;
}

const char *linalg_blas_better_core(void) {
#if defined(__x86_64__)
    const char *core = openblas_get_corename();
    if (strcmp(core, "Prescott") != 0 && strcmp(core, "Core2") != 0) return NULL;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
    return NULL;
}
