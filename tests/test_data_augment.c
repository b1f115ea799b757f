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
#include "graph/program.h"
#include "learn/objective.h"

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

/* ---- mixing in pairs */

/* E max(p, 1 - p) of Beta(a, a), by the midpoint rule over p = sin^2: the density's poles go. */
static double mean_share(double a) {
    const int cells = 20000;
    double sum = 0, mass = 0;
    for (int i = 0; i < cells; ++i) {
        double angle = 1.5707963267948966 * (i + 0.5) / cells, p = sin(angle) * sin(angle);
        double weight = pow(sin(angle) * cos(angle), 2 * a - 1);
        sum += weight * fmax(p, 1 - p);
        mass += weight;
    }
    return sum / mass;
}

static void shares_follow_their_law(void **state) {
    (void)state;
    static const double alphas[] = {0.2, 0.5, 1};
    for (size_t a = 0; a < 3; ++a) {
        double sum = 0, square = 0;
        for (uint64_t draw = 0; draw < DRAWS; ++draw) {
            double share = augment_mixing_share(alphas[a], stream(draw));
            assert_true(share >= 0.5 && share <= 1);
            sum += share;
            square += share * share;
        }
        double mean = sum / DRAWS, deviation = sqrt((square / DRAWS - mean * mean) / DRAWS);
        assert_true(fabs(mean - mean_share(alphas[a])) < 4 * deviation);
    }
    assert_true(augment_mixing_share(1e-3, stream(1)) <= 1);
}

enum { CLASSES = 3, PICTURES = 30, BATCH = 12 };

static float pixels[PICTURES * SIZE], labels[PICTURES];

static struct dataset picture_set(enum learning_task task) {
    rng_uniform_f32(stream(9), PICTURES * SIZE, pixels);
    for (size_t r = 0; r < PICTURES; ++r) labels[r] = (float)(task == TASK_MULTICLASS ? r % CLASSES : r % 2);
    return (struct dataset){.task = task,
                            .rows = PICTURES,
                            .inputs = SIZE,
                            .outputs = 1,
                            .classes = task == TASK_MULTICLASS ? CLASSES : 2,
                            .image = {COLOURS, HEIGHT, WIDTH},
                            .x = pixels,
                            .y = labels};
}

/* Every row of a mixed batch is share times a picture of the first label and the rest of one of the second. */
static void rows_are_mixed_as_their_targets_say(void **state) {
    (void)state;
    const struct augmentation changes = {.mixup = 0.7};
    const struct dataset data = picture_set(TASK_MULTICLASS);
    struct sample_source *source;
    const float *x, *y;
    size_t mixed = 0;
    assert_int_equal(source_from_dataset(NULL, &data, 1, 1, &source), STRATA_OK);
    source_augment(source, &changes);
    assert_int_equal(source_target_width(source), 3);
    assert_int_equal(source_reserve(NULL, source, BATCH), STRATA_OK);
    for (uint64_t step = 0; step < 5; ++step) {
        source_batch(source, step, BATCH, &x, &y);
        for (size_t r = 0; r < BATCH; ++r) {
            bool found = false;
            const float *target = y + 3 * r;
            assert_true(target[2] >= 0.5f && target[2] <= 1);
            for (size_t a = 0; a < PICTURES; ++a)
                for (size_t b = 0; b < PICTURES && !found; ++b) {
                    if (labels[a] != target[0] || labels[b] != target[1]) continue;
                    double worst = 0;
                    for (size_t j = 0; j < SIZE; ++j)
                        worst = fmax(worst, fabs((double)x[r * SIZE + j] -
                                                 ((double)target[2] * (double)pixels[a * SIZE + j] +
                                                  (1 - (double)target[2]) * (double)pixels[b * SIZE + j])));
                    found = worst < 1e-6;
                }
            assert_true(found);
            mixed += target[2] < 0.99f;
        }
    }
    assert_true(mixed > 20);
    source_destroy(source);
}

/* A batch is the same whatever was asked before, and without mixing the rows are those of a plain source. */
static void mixed_batches_are_addressed(void **state) {
    (void)state;
    const struct augmentation changes = {.flip = true, .mixup = 0.4}, none = {0};
    const struct dataset data = picture_set(TASK_MULTICLASS), two = picture_set(TASK_BINARY);
    struct sample_source *first, *second, *plain, *unmixed;
    const float *x, *y, *other_x, *other_y;
    assert_int_equal(source_from_dataset(NULL, &data, 1, 1, &first), STRATA_OK);
    assert_int_equal(source_from_dataset(NULL, &data, 1, 1, &second), STRATA_OK);
    source_augment(first, &changes);
    source_augment(second, &changes);
    assert_int_equal(source_reserve(NULL, first, BATCH), STRATA_OK);
    assert_int_equal(source_reserve(NULL, second, BATCH), STRATA_OK);
    for (uint64_t step = 0; step < 4; ++step) source_batch(first, step, BATCH, &x, &y);
    source_batch(second, 3, BATCH, &other_x, &other_y);
    assert_memory_equal(x, other_x, BATCH * SIZE * sizeof *x);
    assert_memory_equal(y, other_y, 3 * BATCH * sizeof *y);
    assert_int_equal(source_from_dataset(NULL, &data, 1, 1, &plain), STRATA_OK);
    assert_int_equal(source_from_dataset(NULL, &data, 1, 1, &unmixed), STRATA_OK);
    source_augment(unmixed, &none);
    assert_int_equal(source_reserve(NULL, plain, BATCH), STRATA_OK);
    assert_int_equal(source_reserve(NULL, unmixed, BATCH), STRATA_OK);
    source_batch(plain, 2, BATCH, &x, &y);
    source_batch(unmixed, 2, BATCH, &other_x, &other_y);
    assert_memory_equal(x, other_x, BATCH * SIZE * sizeof *x);
    assert_memory_equal(y, other_y, BATCH * sizeof *y);
    source_destroy(first);
    source_destroy(second);
    source_destroy(plain);
    source_destroy(unmixed);
    assert_int_equal(source_from_dataset(NULL, &two, 1, 1, &plain), STRATA_OK);
    source_augment(plain, &changes);
    assert_int_equal(source_target_width(plain), 1);
    source_destroy(plain);
}

/* share CE(z, a) + (1 - share) CE(z, b), from a program of each. */
static double loss_of(size_t width, const double *z, const double *target, double *gradient) {
    struct graph *graph;
    struct program *program;
    struct program_options options = program_options_default();
    strata_context *ctx;
    assert_int_equal(strata_context_create(&ctx), STRATA_OK);
    assert_int_equal(graph_create(ctx, &graph), STRATA_OK);
    node logits = graph_input(graph, "z", shape_rows(CLASSES)), wanted = graph_input(graph, "t", shape_rows(width));
    node loss = objective_node(graph, TASK_MULTICLASS, 0.1, logits, wanted);
    options.rows = 1;
    options.precision = PRECISION_F64;
    options.input_gradients = true;
    assert_int_equal(program_create(ctx, graph, loss, &options, &program), STRATA_OK);
    program_bind(program, logits, z);
    program_bind(program, wanted, target);
    program_forward(program, 1, true);
    double value = program_scalar(program, loss);
    program_backward(program, NULL);
    program_read_gradient(program, logits, gradient);
    program_destroy(program);
    graph_destroy(graph);
    strata_context_destroy(ctx);
    return value;
}

static void the_loss_is_linear_in_the_shares(void **state) {
    (void)state;
    const double z[CLASSES] = {0.3, -1.2, 0.8}, mixed[3] = {1, 2, 0.7}, one[1] = {1}, two[1] = {2};
    double own[CLASSES], first[CLASSES], second[CLASSES];
    double loss = loss_of(3, z, mixed, own), a = loss_of(1, z, one, first), b = loss_of(1, z, two, second);
    assert_true(fabs(loss - (0.7 * a + 0.3 * b)) < 1e-12);
    for (size_t i = 0; i < CLASSES; ++i) assert_true(fabs(own[i] - (0.7 * first[i] + 0.3 * second[i])) < 1e-12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_move_and_turn_as_a_whole), cmocka_unit_test(squares_are_cut_out_of_all_colours),
        cmocka_unit_test(changes_depend_on_the_place_alone), cmocka_unit_test(a_shift_that_leaves_nothing_is_refused),
        cmocka_unit_test(shares_follow_their_law),           cmocka_unit_test(rows_are_mixed_as_their_targets_say),
        cmocka_unit_test(mixed_batches_are_addressed),       cmocka_unit_test(the_loss_is_linear_in_the_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
