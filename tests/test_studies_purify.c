/* SPDX-License-Identifier: MIT */
/* Changes of low rank: the best approximation, whatever the shape. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "linalg/linalg.h"
#include "studies/purify/purify_images.h"

enum { MOST = 40 * 12 };

static strata_context *ctx;

static int setup(void **state) {
    (void)state;
    return strata_context_create(&ctx) != STRATA_OK;
}

static int teardown(void **state) {
    (void)state;
    strata_context_destroy(ctx);
    return 0;
}

static void changes_keep_their_first_singular_directions(void **state) {
    (void)state;
    static const size_t shapes[][2] = {{12, 40}, {40, 12}, {5, 5}, {1, 9}};
    for (size_t s = 0; s < 4; ++s)
        for (size_t rank = 1; rank <= 12; ++rank) {
            size_t units = shapes[s][0], size = shapes[s][1], count = units * size, least = units < size ? units : size;
            double from[MOST], full[MOST], to[MOST], change[MOST], before[12], after[12];
            rng_normal_f64(rng_stream_make(s + 1, 1, RNG_TEST), count, from);
            rng_normal_f64(rng_stream_make(s + 1, 2, RNG_TEST), count, full);
            memcpy(to, full, sizeof to);
            assert_int_equal(images_project(ctx, units, size, rank, from, to), STRATA_OK);
            for (size_t i = 0; i < count; ++i) change[i] = full[i] - from[i];
            assert_int_equal(linalg_svd(ctx, units, size, change, NULL, before, NULL), STRATA_OK);
            for (size_t i = 0; i < count; ++i) change[i] = to[i] - from[i];
            assert_int_equal(linalg_svd(ctx, units, size, change, NULL, after, NULL), STRATA_OK);
            for (size_t k = 0; k < least; ++k)
                assert_true(fabs(after[k] - (k < rank ? before[k] : 0)) < 1e-10 * before[0]);
            if (rank < least) continue;
            for (size_t i = 0; i < count; ++i) assert_true(fabs(to[i] - full[i]) < 1e-10);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(changes_keep_their_first_singular_directions)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
