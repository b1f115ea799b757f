/* SPDX-License-Identifier: MIT */
/* The one way to heap memory, so that tests can count allocations and make the n-th one fail. */
#ifndef CORE_MEMORY_H
#define CORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/** Alignment of every block from mem_aligned and of every arena block: one cache line, one AVX-512 register. */
#define MEM_ALIGNMENT ((size_t)64)

/** `size` bytes, uninitialised; NULL when memory is short. Free with mem_free. */
void *mem_alloc(size_t size);

/** `count * size` zeroed bytes; NULL when memory is short or the product overflows. */
void *mem_zero(size_t count, size_t size);

/** `size` zeroed bytes aligned to MEM_ALIGNMENT. Free with mem_free. */
void *mem_aligned(size_t size);

/** Resizes a block to `count * size` bytes; on NULL the old block is untouched. */
void *mem_resize(void *block, size_t count, size_t size);

/** Copy of a string; NULL when memory is short. */
char *mem_string(const char *text);

/** Frees a block of any function above; NULL is fine. */
void mem_free(void *block);

/** a * b, refused with STRATA_ERR_TOO_LARGE when it does not fit; `what` names the request in the message. */
STRATA_MUST_USE strata_status mem_product(strata_context *ctx, size_t a, size_t b, const char *what, size_t *product);

/* ---- test hooks, process-wide: the only mutable global state of the library ---- */

/** Makes the n-th allocation from now (1 = the next) and all later ones fail; 0 turns it off. */
void mem_fail_from(uint64_t n);

/** Allocations asked for since the process began. */
uint64_t mem_count(void);

/**
 * A bump arena: blocks are aligned to MEM_ALIGNMENT, zeroed, and freed together.
 * Plan first (sum arena_padded of every block), then create once; it never grows.
 */
struct arena {
    unsigned char *base;
    size_t capacity, used;
};

/** Bytes a block of `size` takes in an arena. */
size_t arena_padded(size_t size);

STRATA_MUST_USE strata_status arena_create(strata_context *ctx, size_t capacity, struct arena *arena);

/** The next block, or NULL if the plan was wrong. */
void *arena_take(struct arena *arena, size_t size);

void arena_destroy(struct arena *arena);

#endif
