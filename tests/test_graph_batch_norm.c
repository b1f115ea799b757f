/* SPDX-License-Identifier: MIT */
/* Batch normalisation in a program: whose moments it takes, what becomes of the running ones, what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "graph/optimizer.h"
#include "graph/program.h"

enum { ROWS = 5, CHANNELS = 2, PIXELS = 3, SIZE = CHANNELS * PIXELS };

static const double epsilon = 1e-5, share = .1; /* the op's defaults */

struct fixture {
    strata_context *ctx;
    struct graph *graph;
    node x, target, scale, shift, mean, variance, y, loss;
    double data[ROWS * SIZE], targets[ROWS * SIZE];
};

static void fixture_open(struct fixture *f) {
    assert_int_equal(strata_context_create(&f->ctx), STRATA_OK);
    assert_int_equal(graph_create(f->ctx, &f->graph), STRATA_OK);
    f->x = graph_input(f->graph, "x", (struct shape){true, 2, {CHANNELS, PIXELS}});
    f->target = graph_input(f->graph, "target", shape_rows(SIZE));
    f->scale = graph_parameter(f->graph, "scale", shape_vector(CHANNELS), 1);
    f->shift = graph_parameter(f->graph, "shift", shape_vector(CHANNELS), 1);
    f->mean = graph_parameter(f->graph, "mean", shape_vector(CHANNELS), 1);
    f->variance = graph_parameter(f->graph, "variance", shape_vector(CHANNELS), 1);
    node z = graph_apply(f->graph, OP_BATCH_NORM, NULL, 5, (node[]){f->x, f->scale, f->shift, f->mean, f->variance});
    const struct op_attributes flat = {.size = {1, SIZE}};
    f->y = graph_apply(f->graph, OP_RESHAPE, &flat, 1, &z);
    f->loss = graph_unary(f->graph, OP_MEAN, graph_binary(f->graph, OP_SQUARED_ERROR, f->y, f->target));
    graph_keep(f->graph, f->y);
    rng_normal_f64(rng_stream_make(1, 0, RNG_TEST), ROWS * SIZE, f->data);
    rng_normal_f64(rng_stream_make(1, 1, RNG_TEST), ROWS * SIZE, f->targets);
    for (size_t i = 0; i < ROWS * SIZE; ++i) f->data[i] = 4 + 3 * f->data[i];
}

static void fixture_close(struct fixture *f) {
    graph_destroy(f->graph);
    strata_context_destroy(f->ctx);
}

static struct program *program_of(struct fixture *f, const struct program_options *options) {
    struct program *program;
    if (program_create(f->ctx, f->graph, f->loss, options, &program) != STRATA_OK)
        fail_msg("%s", strata_context_message(f->ctx));
    program_set_parameter(program, f->scale, (double[]){1.5, -.5});
    program_set_parameter(program, f->shift, (double[]){.25, 1});
    program_set_parameter(program, f->mean, (double[]){3, 5});
    program_set_parameter(program, f->variance, (double[]){4, 16});
    program_bind(program, f->x, f->data);
    program_bind(program, f->target, f->targets);
    return program;
}

static struct program_options options_f64(void) {
    struct program_options options = program_options_default();
    options.precision = PRECISION_F64;
    options.rows = ROWS;
    return options;
}

/* Moments of a channel of the batch; the variance with and without bias. */
static void moments(const struct fixture *f, size_t c, double *mean, double *biased, double *unbiased) {
    double sum = 0, square = 0, count = ROWS * PIXELS;
    for (size_t r = 0; r < ROWS; ++r)
        for (size_t p = 0; p < PIXELS; ++p) sum += f->data[r * SIZE + c * PIXELS + p];
    for (size_t r = 0; r < ROWS; ++r)
        for (size_t p = 0; p < PIXELS; ++p) square += pow(f->data[r * SIZE + c * PIXELS + p] - sum / count, 2);
    *mean = sum / count, *biased = square / count, *unbiased = square / (count - 1);
}

static void running_moments_follow_the_batches_and_nothing_else(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct program_options options = options_f64();
    options.gradients = true;
    options.optimizer = optimizer_find("adam");
    struct program *program = program_of(&f, &options);
    const double mean0[CHANNELS] = {3, 5}, variance0[CHANNELS] = {4, 16};
    double scale[CHANNELS], mean[CHANNELS], variance[CHANNELS];
    struct update update = update_default(.01);
    update.weight_decay = .5; /* of which the running moments must not know */
    for (int step = 0; step < 3; ++step) program_step(program, ROWS, &update);
    program_forward(program, ROWS, false); /* leaves them alone */
    program_read_parameter(program, f.scale, scale);
    program_read_parameter(program, f.mean, mean);
    program_read_parameter(program, f.variance, variance);
    for (size_t c = 0; c < CHANNELS; ++c) {
        double m, biased, unbiased, left = pow(1 - share, 3);
        moments(&f, c, &m, &biased, &unbiased);
        assert_true(fabs(mean[c] - (left * mean0[c] + (1 - left) * m)) < 1e-12);
        assert_true(fabs(variance[c] - (left * variance0[c] + (1 - left) * unbiased)) < 1e-12);
    }
    assert_true(fabs(scale[0] - 1.5) > 1e-3); /* the optimizer did move the rest */
    program_destroy(program);
    fixture_close(&f);
}

static void training_takes_the_batch_and_evaluation_the_running_moments(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct program_options options = options_f64();
    struct program *program = program_of(&f, &options);
    const double scale[CHANNELS] = {1.5, -.5}, shift[CHANNELS] = {.25, 1}, mean[CHANNELS] = {3, 5},
                 variance[CHANNELS] = {4, 16};
    double y[2][ROWS * SIZE];
    program_forward(program, ROWS, false);
    program_read(program, f.y, y[0]);
    program_forward(program, ROWS, true);
    program_read(program, f.y, y[1]);
    for (size_t i = 0; i < ROWS * SIZE; ++i) {
        size_t c = i % SIZE / PIXELS;
        double m, biased, unbiased;
        moments(&f, c, &m, &biased, &unbiased);
        double given = scale[c] * (f.data[i] - mean[c]) / sqrt(variance[c] + epsilon) + shift[c];
        double taken = scale[c] * (f.data[i] - m) / sqrt(biased + epsilon) + shift[c];
        assert_true(fabs(y[0][i] - given) < 1e-12);
        assert_true(fabs(y[1][i] - taken) < 1e-12);
    }
    program_destroy(program);
    fixture_close(&f);
}

/* A row's own gradient knows of no other row, also when training is asked for. */
static void per_sample_gradients_use_the_running_moments(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct program_options options = options_f64();
    options.per_sample = true;
    struct program *samples = program_of(&f, &options);
    options.per_sample = false, options.gradients = true, options.rows = 1;
    struct program *single = program_of(&f, &options);
    double of_row[CHANNELS], alone[CHANNELS];
    program_forward(samples, ROWS, true);
    program_backward(samples, NULL);
    for (size_t r = 0; r < ROWS; ++r) {
        program_bind(single, f.x, f.data + r * SIZE);
        program_bind(single, f.target, f.targets + r * SIZE);
        program_forward(single, 1, false);
        program_backward(single, NULL);
        program_read_sample_gradient(samples, f.scale, r, of_row);
        program_read_gradient(single, f.scale, alone);
        for (size_t c = 0; c < CHANNELS; ++c) assert_true(fabs(of_row[c] - alone[c]) < 1e-12 * (1 + fabs(alone[c])));
    }
    program_destroy(samples);
    program_destroy(single);
    fixture_close(&f);
}

enum { NUMBERS = 2 * ROWS * SIZE + 4 * CHANNELS };

/* Outputs, gradients and running moments after a pass over all rows and one over `rows` of them. */
static void pass(struct fixture *f, size_t shards, struct thread_pool *pool, size_t rows, double found[NUMBERS]) {
    struct program_options options = options_f64();
    options.gradients = options.input_gradients = true, options.shards = shards, options.pool = pool;
    struct program *program = program_of(f, &options);
    memset(found, 0, NUMBERS * sizeof *found);
    program_forward(program, ROWS, true);
    program_backward(program, NULL);
    program_forward(program, rows, true);
    program_backward(program, NULL);
    program_read(program, f->y, found);
    program_read_gradient(program, f->x, found + ROWS * SIZE + 4 * CHANNELS);
    program_read_gradient(program, f->scale, found + ROWS * SIZE);
    program_read_gradient(program, f->shift, found + ROWS * SIZE + CHANNELS);
    program_read_parameter(program, f->mean, found + ROWS * SIZE + 2 * CHANNELS);
    program_read_parameter(program, f->variance, found + ROWS * SIZE + 3 * CHANNELS);
    program_destroy(program);
}

/* Parts of a batch have the moments of the whole, also where some of them are empty; threads change no bit. */
static void shards_share_the_moments_of_the_batch(void **state) {
    (void)state;
    struct fixture f;
    struct thread_pool *pool;
    double whole[NUMBERS], parts[NUMBERS], threads[NUMBERS];
    fixture_open(&f);
    assert_int_equal(thread_pool_create(f.ctx, 3, &pool), STRATA_OK);
    for (size_t rows = 2; rows <= ROWS; ++rows)
        for (size_t shards = 2; shards <= ROWS; ++shards) {
            pass(&f, 1, NULL, rows, whole);
            pass(&f, shards, NULL, rows, parts);
            pass(&f, shards, pool, rows, threads);
            for (size_t i = 0; i < NUMBERS; ++i) assert_true(fabs(parts[i] - whole[i]) < 1e-12 * (1 + fabs(whole[i])));
            assert_memory_equal(parts, threads, sizeof parts);
        }
    thread_pool_destroy(pool);
    fixture_close(&f);
}

static void what_it_cannot_do_is_refused(void **state) {
    (void)state;
    struct fixture f;
    struct program *program;
    fixture_open(&f);
    struct program_options options = options_f64();
    options.shards = 2, options.tangents = true;
    assert_int_equal(program_create(f.ctx, f.graph, f.loss, &options, &program), STRATA_ERR_UNSUPPORTED);
    assert_non_null(strstr(strata_context_message(f.ctx), "batch_norm"));
    node running = graph_input(f.graph, "running", shape_vector(CHANNELS));
    node y = graph_apply(f.graph, OP_BATCH_NORM, NULL, 5, (node[]){f.x, f.scale, f.shift, running, f.variance});
    options.shards = 1, options.tangents = false;
    assert_int_equal(program_create(f.ctx, f.graph, y, &options, &program), STRATA_ERR_ARGUMENT);
    assert_non_null(strstr(strata_context_message(f.ctx), "must be a parameter"));
    graph_apply(f.graph, OP_BATCH_NORM, NULL, 5, (node[]){f.x, f.scale, f.shift, f.mean, f.target});
    assert_int_equal(graph_status(f.graph), STRATA_ERR_ARGUMENT);
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(running_moments_follow_the_batches_and_nothing_else),
        cmocka_unit_test(training_takes_the_batch_and_evaluation_the_running_moments),
        cmocka_unit_test(per_sample_gradients_use_the_running_moments),
        cmocka_unit_test(shards_share_the_moments_of_the_batch),
        cmocka_unit_test(what_it_cannot_do_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
