/* SPDX-License-Identifier: MIT */
/* Changed pictures: what each change does, that its draws are even, and that they depend on the place alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "data/augment.h"
#include "data/source.h"

enum { COLOURS = 2, HEIGHT = 5, WIDTH = 4, SIZE = COLOURS * HEIGHT * WIDTH, DRAWS = 4000 };
static const size_t image[3] = {COLOURS, HEIGHT, WIDTH};

static struct rng_stream stream(uint64_t index) { return rng_stream_at(rng_stream_make(3, 1, RNG_TEST), index); }

/* Pixels 1, 2, ...: each tells where it came from; zero came in. */
static void count_pixels(float *picture) {
    for (size_t i = 0; i < SIZE; ++i) picture[i] = (float)(i + 1);
}

/* The move of a picture from any pixel that is left of it; false when nothing is. */
static bool move_of(const float *to, bool mirrored, long *down, long *right) {
    for (long y = 0; y < HEIGHT; ++y)
        for (long x = 0; x < WIDTH; ++x) {
            long from = (long)to[y * WIDTH + x] - 1;
            if (from < 0) continue;
            *down = from / WIDTH - y;
            *right = from % WIDTH - (mirrored ? WIDTH - 1 - x : x);
            return true;
        }
    return false;
}

static void pictures_move_and_turn_as_a_whole(void **state) {
    (void)state;
    const struct augmentation changes = {.flip = true, .shift = 2};
    float from[SIZE], to[SIZE];
    size_t mirrored_count = 0, moved[5][5] = {{0}};
    count_pixels(from);
    for (uint64_t draw = 0; draw < DRAWS; ++draw) {
        augment_picture(&changes, image, stream(draw), from, to);
        long down = 0, right = 0;
        size_t places = 0;
        /* Two pixels of a line say whether it is mirrored; a shift of 2 leaves at least two of four. */
        bool mirrored = false;
        for (size_t i = 0; i + 1 < WIDTH * HEIGHT; ++i)
            if (i % WIDTH + 1 < WIDTH && to[i] > 0 && to[i + 1] > 0) mirrored = to[i] > to[i + 1];
        assert_true(move_of(to, mirrored, &down, &right));
        assert_true(down >= -2 && down <= 2 && right >= -2 && right <= 2);
        for (long c = 0; c < COLOURS; ++c) /* all other pixels follow, in every colour */
            for (long y = 0; y < HEIGHT; ++y)
                for (long x = 0; x < WIDTH; ++x) {
                    long line = y + down, column = (mirrored ? WIDTH - 1 - x : x) + right;
                    bool inside = line >= 0 && line < HEIGHT && column >= 0 && column < WIDTH;
                    float expected = inside ? from[(c * HEIGHT + line) * WIDTH + column] : 0;
                    assert_true(to[(c * HEIGHT + y) * WIDTH + x] == expected);
                    places += inside;
                }
        assert_true(places > 0);
        mirrored_count += mirrored;
        ++moved[down + 2][right + 2];
    }
    /* Even draws: five standard deviations. */
    assert_true(fabs((double)mirrored_count - DRAWS / 2.0) < 5 * sqrt(DRAWS / 4.0));
    for (size_t i = 0; i < 25; ++i)
        assert_true(fabs((double)moved[i / 5][i % 5] - DRAWS / 25.0) < 5 * sqrt(DRAWS / 25.0));
}

static void squares_are_cut_out_of_all_colours(void **state) {
    (void)state;
    const struct augmentation changes = {.cutout = 3};
    float from[SIZE], to[SIZE];
    size_t hidden = 0;
    count_pixels(from);
    for (uint64_t draw = 0; draw < DRAWS; ++draw) {
        augment_picture(&changes, image, stream(draw), from, to);
        size_t top = HEIGHT, bottom = 0, left = WIDTH, right = 0, zeros = 0;
        for (size_t i = 0; i < HEIGHT * WIDTH; ++i) {
            assert_true(to[i] == 0 || to[i] == from[i]);
            assert_true((to[i] == 0) == (to[HEIGHT * WIDTH + i] == 0));
            if (to[i] > 0) continue;
            size_t y = i / WIDTH, x = i % WIDTH;
            ++zeros;
            if (y < top) top = y;
            if (y > bottom) bottom = y;
            if (x < left) left = x;
            if (x > right) right = x;
        }
        assert_true(zeros == (bottom - top + 1) * (right - left + 1)); /* a rectangle, cut off by the border alone */
        assert_true(bottom - top < 3 && right - left < 3 && zeros >= 4);
        hidden += to[0] == 0;
    }
    /* The corner is hidden by the squares whose middle is one of four pixels of twenty. */
    assert_true(fabs((double)hidden - DRAWS / 5.0) < 5 * sqrt(DRAWS * 0.16));
}

/* The same place gives the same picture, whatever was asked before; every visit of a row gives another. */
static void changes_depend_on_the_place_alone(void **state) {
    (void)state;
    enum { ROWS = 6, BATCH = 4, STEPS = 9 };
    strata_context *ctx;
    struct sample_source *one, *two;
    struct dataset data = {.task = TASK_MULTICLASS,
                           .rows = ROWS,
                           .inputs = SIZE,
                           .outputs = 1,
                           .classes = 3,
                           .image = {COLOURS, HEIGHT, WIDTH}};
    const struct augmentation changes = {.flip = true, .shift = 1, .cutout = 2};
    static float seen[STEPS][BATCH * SIZE];
    const float *x, *y;
    assert_int_equal(strata_context_create(&ctx), STRATA_OK);
    assert_int_equal(dataset_allocate(ctx, &data), STRATA_OK);
    for (size_t r = 0; r < ROWS; ++r) {
        count_pixels(data.x + r * SIZE);
        data.y[r] = (float)(r % 3);
    }
    assert_int_equal(source_from_dataset(ctx, &data, 1, 1, &one), STRATA_OK);
    assert_int_equal(source_from_dataset(ctx, &data, 1, 1, &two), STRATA_OK);
    assert_int_equal(source_reserve(ctx, one, BATCH), STRATA_OK);
    assert_int_equal(source_reserve(ctx, two, BATCH), STRATA_OK);
    source_augment(one, &changes);
    source_augment(two, &changes);
    for (size_t step = 0; step < STEPS; ++step) {
        source_batch(one, step, BATCH, &x, &y);
        memcpy(seen[step], x, sizeof seen[step]);
        if (step) assert_true(memcmp(seen[step], seen[step - 1], sizeof seen[step]) != 0);
    }
    for (size_t step = STEPS; step-- > 0;) {
        source_batch(two, step, BATCH, &x, &y);
        assert_memory_equal(seen[step], x, sizeof seen[step]);
    }
    source_destroy(one), source_destroy(two);
    dataset_destroy(&data);
    strata_context_destroy(ctx);
}

static void a_shift_that_leaves_nothing_is_refused(void **state) {
    (void)state;
    strata_context *ctx;
    struct settings *settings;
    struct augmentation changes;
    const struct setting *tables[1] = {augment_settings};
    assert_int_equal(strata_context_create(&ctx), STRATA_OK);
    assert_int_equal(settings_create(ctx, 1, tables, &settings), STRATA_OK);
    assert_int_equal(augment_from_settings(ctx, settings, image, &changes), STRATA_OK);
    assert_false(augment_any(&changes));
    assert_int_equal(settings_set(ctx, settings, "test", "augment.shift", "4"), STRATA_OK);
    assert_int_equal(augment_from_settings(ctx, settings, image, &changes), STRATA_ERR_CONFIG);
    assert_non_null(strstr(strata_context_message(ctx), "5 x 4 pixels"));
    settings_destroy(settings);
    strata_context_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_move_and_turn_as_a_whole),
        cmocka_unit_test(squares_are_cut_out_of_all_colours),
        cmocka_unit_test(changes_depend_on_the_place_alone),
        cmocka_unit_test(a_shift_that_leaves_nothing_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
