/* SPDX-License-Identifier: MIT */
/* Pictures averaged over squares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "data/dataset.h"

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

/* Two pictures of two channels, 4 x 2 pixels. */
static void squares_become_their_means(void **state) {
    (void)state;
    struct dataset data = {.rows = 2, .inputs = 16, .outputs = 1, .image = {2, 4, 2}};
    static const float expected[] = {1.5f, 5.5f, 9.5f, 13.5f, 101.5f, 105.5f, 109.5f, 113.5f};
    assert_int_equal(dataset_allocate(ctx, &data), STRATA_OK);
    for (size_t i = 0; i < 32; ++i) data.x[i] = (float)(i < 16 ? i : 100 + i - 16);
    assert_int_equal(dataset_shrink(ctx, &data, 2), STRATA_OK);
    assert_int_equal(data.inputs, 4);
    assert_int_equal(data.image[1], 2);
    assert_int_equal(data.image[2], 1);
    assert_memory_equal(data.x, expected, sizeof expected);
    dataset_destroy(&data);
}

static void sides_that_do_not_divide_are_refused(void **state) {
    (void)state;
    struct dataset data = {.rows = 1, .inputs = 12, .outputs = 1, .image = {1, 4, 3}}, flat = {.rows = 1, .inputs = 4};
    float x[12] = {0};
    data.x = flat.x = x;
    assert_int_equal(dataset_shrink(ctx, &data, 2), STRATA_ERR_ARGUMENT);
    assert_non_null(strstr(strata_context_message(ctx), "4 x 3"));
    assert_int_equal(dataset_shrink(ctx, &data, 0), STRATA_ERR_ARGUMENT);
    assert_int_equal(dataset_shrink(ctx, &flat, 2), STRATA_ERR_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(squares_become_their_means),
        cmocka_unit_test(sides_that_do_not_divide_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
