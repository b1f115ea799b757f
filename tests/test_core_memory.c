/* SPDX-License-Identifier: MIT */
/* Allocation hooks, checked sizes and arenas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"

static strata_context *ctx;

static int setup(void **state) {
    (void)state;
    return strata_context_create(&ctx) == STRATA_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    strata_context_destroy(ctx);
    return 0;
}

static void fail_from_refuses_that_call_and_all_later(void **state) {
    (void)state;
    mem_fail_from(3);
    void *first = mem_alloc(1), *second = mem_zero(1, 1), *third = mem_aligned(1);
    void *resized = mem_resize(first, 2, 1);
    char *text = mem_string("x");
    mem_fail_from(0);
    void *after = mem_alloc(1);
    assert_true(first && second && after);
    assert_true(!third && !resized && !text);
    mem_free(first);
    mem_free(second);
    mem_free(after);
}

static void count_rises_by_one_a_call(void **state) {
    (void)state;
    uint64_t before = mem_count();
    void *block = mem_alloc(1);
    block = mem_resize(block, 100, 1);
    assert_true(mem_count() == before + 2);
    mem_free(block);
    assert_true(mem_count() == before + 2);
}

static void sizes_that_overflow_are_refused(void **state) {
    (void)state;
    size_t product = 0;
    assert_null(mem_zero(SIZE_MAX / 2, 3));
    assert_null(mem_resize(NULL, SIZE_MAX / 2, 3));
    assert_null(mem_aligned(SIZE_MAX - 3));
    assert_int_equal(mem_product(ctx, SIZE_MAX, 2, "rows", &product), STRATA_ERR_TOO_LARGE);
    assert_non_null(strstr(strata_context_message(ctx), "rows"));
    assert_int_equal(mem_product(ctx, 6, 7, "rows", &product), STRATA_OK);
    assert_int_equal(product, 42);
    struct arena arena = {0};
    assert_int_equal(arena_create(ctx, SIZE_MAX - 3, &arena), STRATA_ERR_MEMORY);
}

static void arena_blocks_are_aligned_zeroed_and_bounded(void **state) {
    (void)state;
    struct arena arena;
    static const size_t sizes[] = {1, 64, 65, 0, 200};
    size_t total = 0;
    for (size_t i = 0; i < 5; ++i) total += arena_padded(sizes[i]);
    assert_int_equal(total, 64 + 64 + 128 + 0 + 256);
    assert_int_equal(arena_create(ctx, total, &arena), STRATA_OK);
    unsigned char *before = arena.base;
    for (size_t i = 0; i < 5; ++i) {
        unsigned char *block = arena_take(&arena, sizes[i]);
        assert_ptr_equal(block, before);
        assert_int_equal((uintptr_t)block % MEM_ALIGNMENT, 0);
        for (size_t j = 0; j < sizes[i]; ++j) assert_int_equal(block[j], 0);
        memset(block, 0xff, sizes[i]);
        before = block + arena_padded(sizes[i]);
    }
    assert_null(arena_take(&arena, 1));
    assert_null(arena_take(&arena, SIZE_MAX));
    arena_destroy(&arena);
    arena_destroy(&arena);
}

static void arena_and_context_allocations_may_fail(void **state) {
    (void)state;
    struct arena arena;
    strata_context *other;
    mem_fail_from(1);
    strata_status arena_status = arena_create(ctx, 100, &arena), context_status = strata_context_create(&other);
    mem_fail_from(0);
    assert_int_equal(arena_status, STRATA_ERR_MEMORY);
    assert_int_equal(context_status, STRATA_ERR_MEMORY);
    assert_null(other);
    strata_context_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_from_refuses_that_call_and_all_later),
        cmocka_unit_test(count_rises_by_one_a_call),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(arena_blocks_are_aligned_zeroed_and_bounded),
        cmocka_unit_test(arena_and_context_allocations_may_fail),
    };
    return cmocka_run_group_tests_name("core memory", tests, setup, teardown);
}
