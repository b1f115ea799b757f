/* SPDX-License-Identifier: MIT */
/*
 * A rectangular Gram matrix K = k(X, Z) as an operator, by blocks of its rows: as many as fit a budget are kept, the
 * others are computed anew whenever they are needed. Sums over rows go over a fixed number of lanes, so that threads
 * change no bit.
 */
#ifndef KERNELS_KERNEL_BLOCKS_H
#define KERNELS_KERNEL_BLOCKS_H

#include "kernels/kernel.h"

struct kernel_blocks;

/**
 * @param pool, kernel, x, z  borrowed for life; pool NULL: the caller's thread. x [n, dimension], z [m, dimension].
 * @param budget  bytes that kept blocks may take; 0: none is kept.
 * Errors: MEMORY; INTERRUPTED.
 */
STRATA_MUST_USE strata_status kernel_blocks_create(strata_context *ctx, struct thread_pool *pool,
                                                   const struct kernel *kernel, size_t n, const double *x, size_t m,
                                                   const double *z, size_t budget, struct kernel_blocks **blocks);
void kernel_blocks_destroy(struct kernel_blocks *blocks);

/** out [n, columns] = K v, v [m, columns]. Errors: MEMORY; INTERRUPTED. */
STRATA_MUST_USE strata_status kernel_blocks_apply(strata_context *ctx, struct kernel_blocks *blocks, size_t columns,
                                                  const double *v, double *out);

/** out [m, columns] = K' u, u [n, columns]. Errors: MEMORY; INTERRUPTED. */
STRATA_MUST_USE strata_status kernel_blocks_apply_transposed(strata_context *ctx, struct kernel_blocks *blocks,
                                                             size_t columns, const double *u, double *out);

/** out [m, columns] = K' K v, v [m, columns], in one pass over the blocks. Errors: MEMORY; INTERRUPTED. */
STRATA_MUST_USE strata_status kernel_blocks_apply_normal(strata_context *ctx, struct kernel_blocks *blocks,
                                                         size_t columns, const double *v, double *out);

#endif
