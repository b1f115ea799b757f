/* SPDX-License-Identifier: MIT */
/* For files that call BLAS or LAPACK themselves: thread count and index checks. */
#ifndef LINALG_BLAS_H
#define LINALG_BLAS_H

#include <assert.h>
#include <limits.h>
#include <stddef.h>

/**
 * Brings the calling thread to the count of linalg_set_blas_threads; call before every BLAS or LAPACK
 * call. OpenBLAS over OpenMP keeps its count per thread, so that a new thread would start with one
 * BLAS thread a core; after the first call of a thread this is one comparison.
 */
void blas_ready(void);

/** A size as BLAS's 32-bit integer; callers have bounded it. */
static inline int blas_int(size_t size) {
    assert(size <= INT_MAX);
    return (int)size;
}

#endif
