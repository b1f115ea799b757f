/* SPDX-License-Identifier: MIT */
/* The planner and executor: gradients through whole graphs, shards, per-sample mode, tangents, memory, allocations. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/rng.h"
#include "graph/optimizer.h"
#include "graph/program.h"

enum { ROWS = 11, IN = 5, HIDDEN = 7, MAX_PARAMETERS = 400 };

/* A small network with every awkward feature: skip input, shared value, unbatched arithmetic as a penalty. */
struct net {
    strata_context *ctx;
    struct graph *graph;
    node x, y, hidden, loss;
};

static void net_create(struct net *net, bool penalty, bool dropout) {
    assert_int_equal(strata_context_create(&net->ctx), STRATA_OK);
    assert_int_equal(graph_create(net->ctx, &net->graph), STRATA_OK);
    struct graph *g = net->graph;
    net->x = graph_input(g, "x", shape_rows(IN));
    net->y = graph_input(g, "y", shape_rows(1));
    node w1 = graph_parameter(g, "w1", shape_matrix(IN, HIDDEN), 1),
         b1 = graph_parameter(g, "b1", shape_vector(HIDDEN), 1);
    node w2 = graph_parameter(g, "w2", shape_matrix(HIDDEN, 3), 2),
         w2x = graph_parameter(g, "w2x", shape_matrix(IN, 3), 2);
    node o = graph_parameter(g, "o", shape_matrix(3, 1), 3), o1 = graph_parameter(g, "o1", shape_matrix(HIDDEN, 1), 3);
    node h = graph_apply(g, OP_DENSE, NULL, 3, (node[]){net->x, w1, b1});
    node a = graph_unary(g, OP_TANH, h);
    if (dropout) a = graph_apply(g, OP_DROPOUT, &(struct op_attributes){.number = {0.4}}, 1, &a);
    net->hidden = a;
    graph_keep(g, a);
    node h2 = graph_apply(g, OP_DENSE, NULL, 4, (node[]){a, w2, net->x, w2x});
    node a2 = graph_apply(g, OP_SQUARE, &(struct op_attributes){.number = {0, 1}}, 1, &h2);
    node out = graph_apply(g, OP_DENSE, NULL, 4, (node[]){a2, o, a, o1});
    net->loss = graph_unary(g, OP_MEAN, graph_binary(g, OP_SQUARED_ERROR, out, net->y));
    if (penalty) net->loss = graph_binary(g, OP_ADD, net->loss, graph_unary(g, OP_SUM, graph_unary(g, OP_SQUARE, w2)));
    assert_int_equal(graph_status(g), STRATA_OK);
}

static void net_destroy(struct net *net) {
    graph_destroy(net->graph);
    strata_context_destroy(net->ctx);
}

static struct rng_stream stream(uint64_t index) { return rng_stream_at(rng_stream_make(1, 1, RNG_TEST), index); }

static void data64(double *x, double *y) {
    rng_normal_f64(stream(1), ROWS * IN, x);
    rng_normal_f64(stream(2), ROWS, y);
}

static size_t size_of(const struct net *net, node n) {
    struct shape shape = graph_shape(net->graph, n);
    return shape_size(&shape);
}

static void set_parameters(const struct net *net, struct program *program) {
    for (size_t i = 0; i < program_parameter_count(program); ++i) {
        double values[MAX_PARAMETERS];
        node p = program_parameter(program, i);
        rng_normal_f64(stream(100 + rng_hash(program_parameter_name(program, i)) % 1000), size_of(net, p), values);
        for (size_t k = 0; k < size_of(net, p); ++k) values[k] *= 0.5;
        program_set_parameter(program, p, values);
    }
}

static struct program *plan(const struct net *net, struct program_options options) {
    struct program *program;
    options.rows = options.rows > 1 ? options.rows : ROWS;
    assert_int_equal(program_create(net->ctx, net->graph, net->loss, &options, &program), STRATA_OK);
    set_parameters(net, program);
    return program;
}

static struct program_options options64(void) {
    struct program_options options = program_options_default();
    options.precision = PRECISION_F64;
    options.gradients = true;
    return options;
}

/* Central differences of step h have an error of h^2 f'''/6 and a rounding part eps/h: 1e-5 gives about 1e-10. */
static void gradients_match_central_differences(void **state) {
    (void)state;
    struct net net;
    net_create(&net, true, false);
    struct program *program = plan(&net, options64());
    double x[ROWS * IN], y[ROWS];
    data64(x, y);
    program_bind(program, net.x, x);
    program_bind(program, net.y, y);
    program_forward(program, ROWS, true);
    program_backward(program, NULL);
    for (size_t i = 0; i < program_parameter_count(program); ++i) {
        node p = program_parameter(program, i);
        double gradient[MAX_PARAMETERS], values[MAX_PARAMETERS], again[MAX_PARAMETERS];
        program_read_gradient(program, p, gradient);
        program_read_parameter(program, p, values);
        double scale = 0;
        for (size_t k = 0; k < size_of(&net, p); ++k) scale = fmax(scale, fabs(gradient[k]));
        for (size_t k = 0; k < size_of(&net, p); ++k) {
            const double h = 1e-5;
            double loss[2];
            memcpy(again, values, sizeof again);
            for (int side = 0; side < 2; ++side) {
                again[k] = values[k] + (side ? h : -h);
                program_set_parameter(program, p, again);
                program_forward(program, ROWS, true);
                loss[side] = program_scalar(program, net.loss);
            }
            program_set_parameter(program, p, values);
            assert_true(fabs((loss[1] - loss[0]) / (2 * h) - gradient[k]) <= 1e-7 * (1 + scale));
        }
    }
    program_destroy(program);
    net_destroy(&net);
}

static void input_gradient_matches_tangent(void **state) {
    (void)state;
    struct net net;
    net_create(&net, false, false);
    struct program_options options = options64();
    options.input_gradients = options.tangents = true;
    struct program *program = plan(&net, options);
    double x[ROWS * IN], y[ROWS], direction[ROWS * IN], gradient[ROWS * IN], tangent;
    data64(x, y);
    rng_normal_f64(stream(3), ROWS * IN, direction);
    program_bind(program, net.x, x);
    program_bind(program, net.y, y);
    program_forward(program, ROWS, false);
    program_backward(program, NULL);
    program_set_tangent(program, net.x, direction);
    program_tangent(program);
    program_read_gradient(program, net.x, gradient);
    program_read_tangent(program, net.loss, &tangent);
    double product = 0;
    for (size_t i = 0; i < ROWS * IN; ++i) product += gradient[i] * direction[i];
    assert_true(fabs(product - tangent) <= 1e-12 * (1 + fabs(product)));
    program_set_tangent(program, net.x, NULL);
    program_tangent(program);
    program_read_tangent(program, net.loss, &tangent);
    assert_true(tangent == 0);
    program_destroy(program);
    net_destroy(&net);
}

/* Sums over three shards differ from one sum by rounding alone; threads change no bit. */
static void shards_and_threads_agree(void **state) {
    (void)state;
    struct net net;
    net_create(&net, false, true);
    double x[ROWS * IN], y[ROWS], reference[MAX_PARAMETERS], other[MAX_PARAMETERS];
    data64(x, y);
    struct thread_pool *pool;
    assert_int_equal(thread_pool_create(net.ctx, 2, &pool), STRATA_OK);
    const size_t live[] = {ROWS, 2}; /* two rows leave one of three shards empty */
    for (size_t l = 0; l < 2; ++l) {
        size_t rows = live[l];
        double loss[3];
        for (int mode = 0; mode < 3; ++mode) {
            struct program_options options = options64();
            options.shards = mode ? 3 : 1;
            options.pool = mode == 2 ? pool : NULL;
            struct program *program = plan(&net, options);
            program_bind(program, net.x, x);
            program_bind(program, net.y, y);
            program_forward(program, rows, true);
            program_backward(program, NULL);
            loss[mode] = program_scalar(program, net.loss);
            program_read_gradient(program, graph_find(net.graph, "w1"), mode ? other : reference);
            for (size_t k = 0; mode && k < IN * HIDDEN; ++k) assert_true(fabs(other[k] - reference[k]) <= 1e-12);
            program_destroy(program);
        }
        assert_true(fabs(loss[1] - loss[0]) <= 1e-12 * fabs(loss[0]));
        assert_true(loss[1] == loss[2]);
    }
    thread_pool_destroy(pool);
    net_destroy(&net);
}

static void per_sample_gradients_average_to_the_gradient(void **state) {
    (void)state;
    for (int penalty = 0; penalty < 2; ++penalty) { /* the penalty forces one-row replays */
        struct net net;
        net_create(&net, penalty, false);
        struct program_options options = options64();
        struct program *whole = plan(&net, options);
        options.per_sample = true;
        struct program *rows = plan(&net, options);
        double x[ROWS * IN], y[ROWS];
        data64(x, y);
        struct program *both[] = {whole, rows};
        for (int i = 0; i < 2; ++i) {
            program_bind(both[i], net.x, x);
            program_bind(both[i], net.y, y);
            program_forward(both[i], ROWS, true);
            program_backward(both[i], NULL);
        }
        for (size_t i = 0; i < program_parameter_count(whole); ++i) {
            node p = program_parameter(whole, i);
            double gradient[MAX_PARAMETERS], sum[MAX_PARAMETERS] = {0}, row[MAX_PARAMETERS];
            program_read_gradient(whole, p, gradient);
            for (size_t r = 0; r < ROWS; ++r) {
                program_read_sample_gradient(rows, p, r, row);
                for (size_t k = 0; k < size_of(&net, p); ++k) sum[k] += row[k] / ROWS;
            }
            for (size_t k = 0; k < size_of(&net, p); ++k)
                assert_true(fabs(sum[k] - gradient[k]) <= 1e-12 * (1 + fabs(gradient[k])));
        }
        program_destroy(whole);
        program_destroy(rows);
        net_destroy(&net);
    }
}

static void frozen_groups_keep_their_bits(void **state) {
    (void)state;
    struct net net;
    net_create(&net, false, false);
    struct program_options options = options64();
    options.frozen_groups = 1 << 1;
    options.optimizer = optimizer_find("adam");
    struct program *program = plan(&net, options);
    double x[ROWS * IN], y[ROWS], before[MAX_PARAMETERS], after[MAX_PARAMETERS], moved[MAX_PARAMETERS],
        start[MAX_PARAMETERS];
    data64(x, y);
    program_bind(program, net.x, x);
    program_bind(program, net.y, y);
    node frozen = graph_find(net.graph, "w1"), free = graph_find(net.graph, "w2");
    program_read_parameter(program, frozen, before);
    program_read_parameter(program, free, start);
    struct update update = update_default(0.01);
    for (int i = 0; i < 5; ++i) program_step(program, ROWS, &update);
    program_read_parameter(program, frozen, after);
    program_read_parameter(program, free, moved);
    assert_memory_equal(before, after, IN * HIDDEN * sizeof *before);
    assert_memory_not_equal(start, moved, HIDDEN * 3 * sizeof *start);
    program_destroy(program);
    net_destroy(&net);
}

static void clipping_scales_the_whole_step(void **state) {
    (void)state;
    struct net net;
    net_create(&net, false, false);
    struct program_options options = options64();
    options.optimizer = optimizer_find("sgd");
    struct program *program = plan(&net, options);
    double x[ROWS * IN], y[ROWS], before[MAX_PARAMETERS], after[MAX_PARAMETERS], moved = 0;
    data64(x, y);
    program_bind(program, net.x, x);
    program_bind(program, net.y, y);
    program_forward(program, ROWS, true);
    program_backward(program, NULL);
    struct update update = update_default(1);
    update.clip_norm = 1e-3;
    double squared[2] = {0};
    for (int pass = 0; pass < 2; ++pass) {
        for (size_t i = 0; i < program_parameter_count(program); ++i) {
            node p = program_parameter(program, i);
            double *into = pass ? after : before;
            program_read_parameter(program, p, into);
            for (size_t k = 0; k < size_of(&net, p); ++k) squared[pass] += into[k] * into[k];
        }
        if (!pass) {
            double values[2][MAX_PARAMETERS];
            program_read_parameter(program, graph_find(net.graph, "w1"), values[0]);
            assert_true(program_update(program, &update) > 1e-3);
            for (size_t i = 0; i < program_parameter_count(program); ++i) {
                node p = program_parameter(program, i);
                double gradient[MAX_PARAMETERS];
                program_read_gradient(program, p, gradient);
                for (size_t k = 0; k < size_of(&net, p); ++k) moved += gradient[k] * gradient[k];
            }
            program_read_parameter(program, graph_find(net.graph, "w1"), values[1]);
            double gradient[MAX_PARAMETERS];
            program_read_gradient(program, graph_find(net.graph, "w1"), gradient);
            for (size_t k = 0; k < IN * HIDDEN; ++k)
                assert_true(fabs(values[0][k] - values[1][k] - gradient[k] * 1e-3 / sqrt(moved)) <= 1e-15);
        }
    }
    program_destroy(program);
    net_destroy(&net);
}

/* Every optimizer against the textbook recursion, three steps on one number with gradient 2 p. */
static void optimizers_follow_their_recursions(void **state) {
    (void)state;
    static const char *const names[] = {"sgd", "momentum", "nesterov", "adam", "adamw"};
    for (size_t o = 0; o < sizeof names / sizeof *names; ++o) {
        const struct optimizer_class *class_ = optimizer_find(names[o]);
        assert_non_null(class_);
        double p = 1, expected = 1, m = 0, v = 0, state_m = 0, state_v = 0;
        const double rate = 0.1, decay = 0.05;
        for (unsigned t = 1; t <= 3; ++t) {
            double g = 2 * expected, coupled = g + decay * expected;
            if (o == 0) expected -= rate * coupled;
            if (o == 1) m = 0.9 * m + coupled, expected -= rate * m;
            if (o == 2) m = 0.9 * m + coupled, expected -= rate * (coupled + 0.9 * m);
            if (o >= 3) {
                double used = o == 3 ? coupled : g;
                m = 0.9 * m + 0.1 * used;
                v = 0.999 * v + 0.001 * used * used;
                if (o == 4) expected *= 1 - rate * decay;
                expected -= rate * (m / (1 - pow(0.9, t))) / (sqrt(v / (1 - pow(0.999, t))) + 1e-8);
            }
            double gradient = 2 * p;
            struct optimizer_step step = {
                .number = t, .learning_rate = rate, .weight_decay = decay, .gradient_scale = 1};
            optimizer_update(class_, PRECISION_F64, &step, 1, &p, &gradient, (void *[]){&state_m, &state_v});
        }
        assert_true(fabs(p - expected) <= 1e-14);
    }
}

static void a_step_allocates_nothing(void **state) {
    (void)state;
    struct net net;
    net_create(&net, false, true);
    struct program_options options = program_options_default();
    options.gradients = true;
    options.shards = 2;
    options.optimizer = optimizer_find("adam");
    struct program *program = plan(&net, options);
    float x[ROWS * IN], y[ROWS];
    rng_normal_f32(stream(1), ROWS * IN, x);
    rng_normal_f32(stream(2), ROWS, y);
    program_bind(program, net.x, x);
    program_bind(program, net.y, y);
    struct update update = update_default(0.01);
    update.clip_norm = 1;
    uint64_t before = mem_count();
    for (int i = 0; i < 100; ++i) assert_true(isfinite(program_step(program, i % 2 ? ROWS : 3, &update)));
    assert_int_equal(mem_count(), before);
    program_destroy(program);
    net_destroy(&net);
}

/* Ten equal layers: buffers whose lifetimes do not meet share memory without gradients. */
static void values_are_reused_when_their_lives_are_over(void **state) {
    (void)state;
    strata_context *ctx;
    struct graph *g;
    assert_int_equal(strata_context_create(&ctx), STRATA_OK);
    assert_int_equal(graph_create(ctx, &g), STRATA_OK);
    node h = graph_input(g, "x", shape_rows(1000));
    for (int i = 0; i < 10; ++i) h = graph_unary(g, OP_RELU, h);
    struct program_options options = program_options_default();
    options.rows = 100;
    struct program *program;
    assert_int_equal(program_create(ctx, g, h, &options, &program), STRATA_OK);
    assert_true(program_bytes(program) < 3 * 1000 * 100 * sizeof(float)); /* two live at a time */
    float *x = mem_zero(100000, sizeof *x);
    for (size_t i = 0; i < 100000; ++i) x[i] = (float)i;
    program_bind(program, graph_find(g, "x"), x);
    program_forward(program, 100, false);
    float *out = mem_zero(100000, sizeof *out);
    program_read_f32(program, h, out);
    assert_memory_equal(x, out, 100000 * sizeof *x);
    mem_free(x);
    mem_free(out);
    program_destroy(program);
    graph_destroy(g);
    strata_context_destroy(ctx);
}

/* 2^26 taps for each of 2^40 pixels: their bytes wrap around, and are refused before they are counted. */
static void scratch_that_wraps_is_refused(void **state) {
    (void)state;
    const size_t side = (size_t)1 << 20, taps = ((size_t)1 << 13) + 1;
    const struct op_attributes same = {.size = {1, taps / 2}};
    strata_context *ctx;
    struct graph *graph;
    struct program *program;
    struct program_options options = options64();
    assert_int_equal(strata_context_create(&ctx), STRATA_OK);
    assert_int_equal(graph_create(ctx, &graph), STRATA_OK);
    node x = graph_input(graph, "x", (struct shape){.batched = true, .rank = 3, .dims = {1, side, side}}),
         w = graph_parameter(graph, "w", (struct shape){.rank = 4, .dims = {1, 1, taps, taps}}, 0);
    node y = graph_apply(graph, OP_CONV2D, &same, 2, (node[]){x, w});
    node loss = graph_unary(graph, OP_MEAN, y);
    options.rows = 1;
    assert_int_equal(graph_status(graph), STRATA_OK);
    assert_int_equal(program_create(ctx, graph, loss, &options, &program), STRATA_ERR_TOO_LARGE);
    assert_non_null(strstr(strata_context_message(ctx), "beyond any machine"));
    graph_destroy(graph);
    strata_context_destroy(ctx);
}

static void faults_are_named(void **state) {
    (void)state;
    struct net net;
    net_create(&net, true, false);
    struct program_options options = options64();
    struct program *program;
    options.rows = 4;
    options.shards = 5;
    assert_int_equal(program_create(net.ctx, net.graph, net.loss, &options, &program), STRATA_ERR_ARGUMENT);
    options.shards = 2; /* the penalty is shared by shards */
    assert_int_equal(program_create(net.ctx, net.graph, net.loss, &options, &program), STRATA_ERR_UNSUPPORTED);
    options.shards = 1;
    options.rows = (size_t)1 << 44;
    assert_int_equal(program_create(net.ctx, net.graph, net.loss, &options, &program), STRATA_ERR_TOO_LARGE);
    assert_non_null(strstr(strata_context_message(net.ctx), "GB"));
    assert_non_null(strstr(strata_context_message(net.ctx), "try a smaller train.batch_size"));
    options.rows = (size_t)1 << 62; /* bytes that wrap around */
    assert_int_equal(program_create(net.ctx, net.graph, net.loss, &options, &program), STRATA_ERR_TOO_LARGE);
    node bad = graph_binary(net.graph, OP_DENSE, net.x, net.x);
    assert_int_equal(bad, NODE_NONE);
    assert_int_equal(graph_status(net.graph), STRATA_ERR_ARGUMENT);
    net_destroy(&net);
}

static void every_failed_allocation_is_reported(void **state) {
    (void)state;
    for (uint64_t n = 1;; ++n) {
        strata_context *ctx;
        assert_int_equal(strata_context_create(&ctx), STRATA_OK);
        struct graph *g = NULL;
        struct program *program = NULL;
        mem_fail_from(n);
        strata_status status = graph_create(ctx, &g);
        if (status == STRATA_OK) {
            node x = graph_input(g, "x", shape_rows(3)), w = graph_parameter(g, "w", shape_matrix(3, 2), 0);
            node c = graph_constant(g, shape_vector(2), (double[]){1, 2});
            node y = graph_binary(g, OP_BIAS, graph_binary(g, OP_DENSE, x, w), c);
            struct program_options options = options64();
            status = program_create(ctx, g, graph_unary(g, OP_MEAN, y), &options, &program);
        }
        mem_fail_from(0);
        program_destroy(program);
        graph_destroy(g);
        strata_context_destroy(ctx);
        if (status == STRATA_OK) return;
        assert_int_equal(status, STRATA_ERR_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_match_central_differences),
        cmocka_unit_test(input_gradient_matches_tangent),
        cmocka_unit_test(shards_and_threads_agree),
        cmocka_unit_test(per_sample_gradients_average_to_the_gradient),
        cmocka_unit_test(frozen_groups_keep_their_bits),
        cmocka_unit_test(clipping_scales_the_whole_step),
        cmocka_unit_test(optimizers_follow_their_recursions),
        cmocka_unit_test(a_step_allocates_nothing),
        cmocka_unit_test(values_are_reused_when_their_lives_are_over),
        cmocka_unit_test(scratch_that_wraps_is_refused),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
