/* SPDX-License-Identifier: MIT */
/* Tangent kernels of finite networks: by layers, by the Jacobian, without either, by differences; and their limit. */
#include "kernel_fixture.h"

#include "graph/graph.h"
#include "graph/program.h"
#include "kernels/dense_ntk.h"
#include "kernels/empirical_ntk.h"
#include "measure/interval.h"
#include "model/network.h"

enum { INPUTS = 3, OUTPUTS = 2, WIDTH = 4, N = 7, M = 5, MOST = 4096 };

static struct rng_stream stream(uint64_t index) { return rng_stream_at(rng_stream_make(7, 0, RNG_TEST), index); }

static strata_status draw(strata_context *context, void *user, const char *name, size_t count, double *values) {
    (void)context, (void)user;
    rng_normal_f64(stream(rng_hash(name)), count, values);
    for (size_t i = 0; i < count; ++i) values[i] *= .5;
    return STRATA_OK;
}

struct pair {
    struct network network;
    struct graph *graph;
    struct network_nodes nodes;
    struct empirical_ntk *any;
    struct dense_ntk *dense;
};

static void pair_create(struct pair *pair, const char *kind, enum activation activation) {
    const struct network_request request = {
        .inputs = INPUTS, .outputs = OUTPUTS, .depth = 3, .hidden_width = WIDTH, .activation = activation};
    const struct network_view view = {.layers = 3};
    double values[MOST];
    assert_int_equal(network_describe(ctx, kind, &request, &pair->network), STRATA_OK);
    assert_int_equal(graph_create(ctx, &pair->graph), STRATA_OK);
    assert_int_equal(network_build(&pair->network, &view, pair->graph, &pair->nodes), STRATA_OK);
    assert_int_equal(empirical_ntk_create(ctx, pair->graph, pair->nodes.input, pair->nodes.output, 4, 0, &pair->any),
                     STRATA_OK);
    assert_int_equal(dense_ntk_create(ctx, &pair->network, draw, NULL, &pair->dense), STRATA_OK);
    struct program *program; /* names and sizes of the parameters */
    struct program_options options = program_options_default();
    options.precision = PRECISION_F64;
    options.rows = 1;
    assert_int_equal(program_create(ctx, pair->graph, pair->nodes.output, &options, &program), STRATA_OK);
    for (size_t i = 0; i < program_parameter_count(program); ++i) {
        assert_true(program_parameter_size(program, i) <= MOST);
        assert_int_equal(
            draw(ctx, NULL, program_parameter_name(program, i), program_parameter_size(program, i), values), STRATA_OK);
        empirical_ntk_set_parameter(pair->any, program_parameter_name(program, i), values);
    }
    program_destroy(program);
}

static void pair_destroy(struct pair *pair) {
    dense_ntk_destroy(pair->dense);
    empirical_ntk_destroy(pair->any);
    graph_destroy(pair->graph);
}

static const struct {
    const char *kind;
    enum activation activation;
} cases[] = {{"quadratic_chain", ACTIVATION_SQUARE},
             {"densenet", ACTIVATION_SQUARE},
             {"mlp", ACTIVATION_RELU},
             {"mlp", ACTIVATION_GELU},
             {"mlp_readouts", ACTIVATION_TANH},
             {"mlp", ACTIVATION_SIGMOID}};

static void layers_equal_the_jacobian(void **state) {
    (void)state;
    double x[N * INPUTS], z[M * INPUTS], one[N * M], other[N * M];
    rng_normal_f64(stream(1), N * INPUTS, x);
    rng_normal_f64(stream(2), M * INPUTS, z);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; ++c) {
        struct pair pair;
        pair_create(&pair, cases[c].kind, cases[c].activation);
        for (size_t output = 0; output <= OUTPUTS; ++output) {
            bool mean = output == OUTPUTS;
            assert_int_equal(dense_ntk_gram(ctx, pair.dense, mean ? SIZE_MAX : output, N, x, M, z, one), STRATA_OK);
            assert_int_equal(
                empirical_ntk_gram(ctx, pair.any, mean ? NTK_BLOCK_TRACE : NTK_OUTPUT, output, N, x, M, z, other),
                STRATA_OK);
            for (size_t i = 0; i < N * M; ++i)
                assert_near(cases[c].kind, one[i], other[i], 1e-11 * fmax(1, fabs(other[i])));
        }
        pair_destroy(&pair);
    }
}

/* K v from the full kernel and from products with J and J'. */
static void products_need_no_kernel(void **state) {
    (void)state;
    enum { C = N * OUTPUTS };
    double x[N * INPUTS], full[C * C], v[C], product[C];
    rng_normal_f64(stream(1), N * INPUTS, x);
    rng_normal_f64(stream(3), C, v);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; ++c) {
        struct pair pair;
        pair_create(&pair, cases[c].kind, cases[c].activation);
        assert_int_equal(empirical_ntk_gram(ctx, pair.any, NTK_FULL, 0, N, x, N, x, full), STRATA_OK);
        assert_int_equal(empirical_ntk_apply(ctx, pair.any, N, x, v, product), STRATA_OK);
        for (size_t i = 0; i < C; ++i) {
            double sum = 0;
            for (size_t j = 0; j < C; ++j) {
                sum += full[i * C + j] * v[j];
                assert_near("symmetric", full[i * C + j], full[j * C + i], 1e-12 * fmax(1, fabs(full[i * C + j])));
            }
            assert_near(cases[c].kind, product[i], sum, 1e-10 * fmax(1, fabs(sum)));
        }
        pair_destroy(&pair);
    }
}

/* Central differences of the output by every parameter. */
static void derivatives_are_differences(void **state) {
    (void)state;
    struct pair pair;
    double x[N * INPUTS], values[MOST], up[N * OUTPUTS], down[N * OUTPUTS], step = 1e-5;
    rng_normal_f64(stream(1), N * INPUTS, x);
    pair_create(&pair, "mlp", ACTIVATION_GELU);
    size_t parameters = empirical_ntk_parameter_count(pair.any), column = 0;
    double *jacobian = malloc(N * parameters * sizeof *jacobian);
    empirical_ntk_jacobian(pair.any, 1, N, x, jacobian);
    struct program *program;
    struct program_options options = program_options_default();
    options.precision = PRECISION_F64;
    options.rows = N;
    assert_int_equal(program_create(ctx, pair.graph, pair.nodes.output, &options, &program), STRATA_OK);
    program_bind(program, pair.nodes.input, x);
    for (size_t i = 0; i < program_parameter_count(program); ++i) {
        assert_int_equal(
            draw(ctx, NULL, program_parameter_name(program, i), program_parameter_size(program, i), values), STRATA_OK);
        program_set_parameter(program, program_parameter(program, i), values);
    }
    for (size_t i = 0; i < program_parameter_count(program); ++i)
        for (size_t k = 0; k < program_parameter_size(program, i); ++k, ++column) {
            node parameter = program_parameter(program, i);
            program_read_parameter(program, parameter, values);
            double kept = values[k];
            values[k] = kept + step;
            program_set_parameter(program, parameter, values);
            program_forward(program, N, false);
            program_read(program, pair.nodes.output, up);
            values[k] = kept - step;
            program_set_parameter(program, parameter, values);
            program_forward(program, N, false);
            program_read(program, pair.nodes.output, down);
            values[k] = kept;
            program_set_parameter(program, parameter, values);
            for (size_t r = 0; r < N; ++r)
                assert_near("derivative", jacobian[r * parameters + column],
                            (up[r * OUTPUTS + 1] - down[r * OUTPUTS + 1]) / (2 * step), 1e-8);
        }
    assert_int_equal(column, parameters);
    program_destroy(program);
    free(jacobian);
    pair_destroy(&pair);
}

/* Slope over three widths of the logarithm of the root mean square deviation from the closed form. */
static double deviation_slope(const char *text, bool mean_field) {
    enum { ROWS = 8, NETWORKS = 12, WIDTHS = 3 };
    static const size_t widths[WIDTHS] = {64, 256, 1024};
    double x[ROWS * 5], limit[ROWS * ROWS], finite[ROWS * ROWS], log_width[WIDTHS], log_deviation[WIDTHS];
    normals(8, ROWS * 5, x);
    struct kernel kernel = make(text, ROWS, x, 5, NULL);
    assert_int_equal(kernel_gram(ctx, NULL, &kernel, ROWS, x, ROWS, x, limit), STRATA_OK);
    for (size_t w = 0; w < WIDTHS; ++w) {
        double square = 0, norm = 0;
        for (size_t k = 0; k < NETWORKS; ++k) {
            assert_int_equal(finite_ntk_gram(ctx, &kernel, widths[w], mean_field,
                                             rng_stream_sub(stream(9), 100 * w + k), ROWS, x, finite),
                             STRATA_OK);
            for (size_t i = 0; i < ROWS * ROWS; ++i) {
                square += (finite[i] - limit[i]) * (finite[i] - limit[i]);
                norm += limit[i] * limit[i];
            }
        }
        if (widths[w] == 1024 && !mean_field) assert_true(sqrt(square / norm) < .15);
        log_width[w] = log((double)widths[w]);
        log_deviation[w] = .5 * log(square / norm);
    }
    return least_squares_slope(WIDTHS, log_width, log_deviation);
}

static void finite_networks_approach_the_closed_form(void **state) {
    (void)state;
    const char *const texts[] = {"ntk(layers=2)", "ntk(layers=1, activation=erf)", "ntk(layers=2, activation=gelu)",
                                 "ntk(layers=1, activation=tanh)"};
    for (size_t i = 0; i < 4; ++i) {
        double slope = deviation_slope(texts[i], false);
        if (!(slope >= -.65 && slope <= -.4)) fail_msg("%s: slope %g", texts[i], slope);
    }
    assert_near("mean field", deviation_slope("ntk(layers=2)", true), 0, .05);
}

static void what_cannot_be_done_is_refused(void **state) {
    (void)state;
    struct pair pair;
    struct empirical_ntk *ntk;
    double x[2 * INPUTS] = {0}, out[4];
    pair_create(&pair, "mlp", ACTIVATION_RELU);
    assert_int_equal(dense_ntk_gram(ctx, pair.dense, OUTPUTS, 2, x, 2, x, out), STRATA_ERR_ARGUMENT);
    assert_int_equal(empirical_ntk_gram(ctx, pair.any, NTK_OUTPUT, OUTPUTS, 2, x, 2, x, out), STRATA_ERR_ARGUMENT);
    assert_int_equal(empirical_ntk_create(ctx, pair.graph, pair.nodes.input, pair.nodes.output, 100000, 1 << 20, &ntk),
                     STRATA_ERR_TOO_LARGE);
    assert_non_null(strstr(strata_context_message(ctx), "MB of the 1 allowed"));
    pair_destroy(&pair);
    struct kernel kernel = make("ntk(skip=1)", 0, NULL, 3, NULL);
    assert_int_equal(finite_ntk_gram(ctx, &kernel, 8, false, stream(0), 1, x, out), STRATA_ERR_UNSUPPORTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_equal_the_jacobian),      cmocka_unit_test(products_need_no_kernel),
        cmocka_unit_test(derivatives_are_differences),    cmocka_unit_test(finite_networks_approach_the_closed_form),
        cmocka_unit_test(what_cannot_be_done_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
