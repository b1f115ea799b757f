/* SPDX-License-Identifier: MIT */
#include "core/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic uint64_t allocation_count;
static _Atomic uint64_t fail_from; /* absolute count from which allocations fail; 0 = never */

static bool allocation_refused(void) {
    uint64_t number = atomic_fetch_add(&allocation_count, 1) + 1;
    uint64_t limit = atomic_load(&fail_from);
    return limit != 0 && number >= limit;
}

void mem_fail_from(uint64_t n) { atomic_store(&fail_from, n ? atomic_load(&allocation_count) + n : 0); }

uint64_t mem_count(void) { return atomic_load(&allocation_count); }

void *mem_alloc(size_t size) { return allocation_refused() ? NULL : malloc(size ? size : 1); }

void *mem_zero(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || allocation_refused()) return NULL;
    return count && size ? calloc(count, size) : calloc(1, 1);
}

void *mem_aligned(size_t size) {
    size_t padded = arena_padded(size);
    if (padded < size || allocation_refused()) return NULL;
    void *block = aligned_alloc(MEM_ALIGNMENT, padded ? padded : MEM_ALIGNMENT);
    if (block) memset(block, 0, padded ? padded : MEM_ALIGNMENT);
    return block;
}

void *mem_resize(void *block, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || allocation_refused()) return NULL;
    return realloc(block, bytes ? bytes : 1);
}

char *mem_string(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = mem_alloc(size);
    if (copy) memcpy(copy, text, size);
    return copy;
}

void mem_free(void *block) { free(block); }

strata_status mem_product(strata_context *ctx, size_t a, size_t b, const char *what, size_t *product) {
    if (__builtin_mul_overflow(a, b, product))
        return strata_fail(ctx, STRATA_ERR_TOO_LARGE, "%s: %zu x %zu does not fit in memory", what, a, b);
    return STRATA_OK;
}

size_t arena_padded(size_t size) { return (size + MEM_ALIGNMENT - 1) & ~(MEM_ALIGNMENT - 1); }

strata_status arena_create(strata_context *ctx, size_t capacity, struct arena *arena) {
    *arena = (struct arena){.base = mem_aligned(capacity), .capacity = arena_padded(capacity)};
    if (!arena->base) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: %zu bytes wanted at once", capacity);
    return STRATA_OK;
}

void *arena_take(struct arena *arena, size_t size) {
    size_t padded = arena_padded(size);
    if (padded < size || padded > arena->capacity - arena->used) return NULL;
    void *block = arena->base + arena->used;
    arena->used += padded;
    return block;
}

void arena_destroy(struct arena *arena) {
    mem_free(arena->base);
    *arena = (struct arena){0};
}
