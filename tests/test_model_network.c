/* SPDX-License-Identifier: MIT */
/* Described networks: names, shapes and counts, initial weights, values against plain loops, where gradients flow. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/rng.h"
#include "graph/program.h"
#include "model/network.h"

enum { INPUTS = 3, OUTPUTS = 2, WIDTH = 4, ROWS = 5, MAX_DEPTH = 11, MAX_NUMBERS = 64, NAME_SIZE = 32 };

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

static struct rng_stream stream(uint64_t index) { return rng_stream_at(rng_stream_make(3, 0, RNG_TEST), index); }

static struct network describe(const char *kind, size_t depth, enum activation activation) {
    const struct network_request request = {
        .inputs = INPUTS, .outputs = OUTPUTS, .depth = depth, .hidden_width = WIDTH, .activation = activation};
    struct network network;
    assert_int_equal(network_describe(ctx, kind, &request, &network), STRATA_OK);
    return network;
}

/* ---- a built network in float64, with the values of its parameters ---- */

struct built {
    struct graph *graph;
    struct program *program;
    struct network_nodes nodes;
    double x[ROWS * INPUTS];
};

/* Every parameter gets normal draws of sd 1/2, so that biases and small upper layers count too. */
static void build(struct built *built, const struct network *network, struct network_view view) {
    assert_int_equal(graph_create(ctx, &built->graph), STRATA_OK);
    assert_int_equal(network_build(network, &view, built->graph, &built->nodes), STRATA_OK);
    for (size_t l = 0; l < view.layers; ++l) graph_keep(built->graph, built->nodes.layers[l]);
    struct program_options options = program_options_default();
    options.precision = PRECISION_F64;
    options.rows = ROWS;
    assert_int_equal(program_create(ctx, built->graph, built->nodes.output, &options, &built->program), STRATA_OK);
    for (size_t i = 0; i < program_parameter_count(built->program); ++i) {
        double values[MAX_NUMBERS];
        size_t count = program_parameter_size(built->program, i);
        assert_true(count <= MAX_NUMBERS);
        rng_normal_f64(stream(rng_hash(program_parameter_name(built->program, i))), count, values);
        for (size_t k = 0; k < count; ++k) values[k] *= 0.5;
        program_set_parameter(built->program, program_parameter(built->program, i), values);
    }
    rng_normal_f64(stream(1), ROWS * INPUTS, built->x);
    program_bind(built->program, built->nodes.input, built->x);
    program_forward(built->program, ROWS, false);
}

static void built_destroy(struct built *built) {
    program_destroy(built->program);
    graph_destroy(built->graph);
}

static const double *parameter(const struct built *built, double *values, const char *name) {
    node found = graph_find(built->graph, name);
    if (found == NODE_NONE) fail_msg("no parameter %s", name);
    program_read_parameter(built->program, found, values);
    return values;
}

/* "layerL.input", "layerL.layerK" with K = L - 1, "layerL.bias". */
static const double *layer_parameter(const struct built *built, double *values, size_t layer, const char *part) {
    char name[2 * NAME_SIZE], below[NAME_SIZE] = "";
    if (strcmp(part, "layer") == 0) snprintf(below, sizeof below, "%zu", layer - 1);
    snprintf(name, sizeof name, "layer%zu.%s%s", layer, part, below);
    return parameter(built, values, name);
}

static const double *readout_parameter(const struct built *built, double *values, size_t layer) {
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "readout%zu", layer);
    return parameter(built, values, name);
}

/* ---- the naive twin: one row, one layer after the other ---- */

static void add_product(size_t in, size_t out, const double *a, const double *weights, double *h) {
    for (size_t i = 0; i < in; ++i)
        for (size_t j = 0; j < out; ++j) h[j] += a[i] * weights[i * out + j];
}

static double activated(enum activation activation, double h) {
    switch (activation) {
    case ACTIVATION_SQUARE: return h * h - 1;
    case ACTIVATION_RELU: return h > 0 ? h : 0;
    case ACTIVATION_GELU: return h * 0.5 * erfc(-h / sqrt(2.0));
    case ACTIVATION_TANH: return tanh(h);
    case ACTIVATION_SIGMOID: return 1 / (1 + exp(-h));
    default: return h;
    }
}

/* What one row gives: values of the layers and the output. */
struct twin {
    double layers[MAX_DEPTH][WIDTH], output[OUTPUTS];
};

enum wiring { CHAIN, CHAIN_OF_SQUARES, PERCEPTRON };

static void twin_row(const struct built *built, enum wiring wiring, enum activation activation, size_t depth,
                     const bool *reads, const double *x, struct twin *twin) {
    double values[MAX_NUMBERS], z[2 * INPUTS];
    size_t z_count = wiring == CHAIN_OF_SQUARES ? 2 * INPUTS : INPUTS;
    for (size_t i = 0; i < INPUTS; ++i) {
        z[i] = x[i];
        z[INPUTS + i] = (x[i] * x[i] - 1) / sqrt(2.0);
    }
    memcpy(twin->output, parameter(built, values, "output.bias"), sizeof twin->output);
    for (size_t l = 1; l <= depth; ++l) {
        double h[WIDTH] = {0};
        if (l == 1 || wiring != PERCEPTRON)
            add_product(z_count, WIDTH, z, layer_parameter(built, values, l, "input"), h);
        if (l > 1) add_product(WIDTH, WIDTH, twin->layers[l - 2], layer_parameter(built, values, l, "layer"), h);
        if (wiring == PERCEPTRON) add_product(1, WIDTH, &(double){1}, layer_parameter(built, values, l, "bias"), h);
        for (size_t j = 0; j < WIDTH; ++j) twin->layers[l - 1][j] = activated(activation, h[j]);
        if (reads[l - 1])
            add_product(WIDTH, OUTPUTS, twin->layers[l - 1], readout_parameter(built, values, l), twin->output);
    }
}

/* Each of MAX_DEPTH squares doubles a relative error: 2^11 times the rounding of float64, of the largest value. */
static void assert_close(size_t count, const double *found, const double *expected) {
    double scale = 0;
    for (size_t i = 0; i < count; ++i) scale = fmax(scale, fabs(expected[i]));
    for (size_t i = 0; i < count; ++i)
        if (!(fabs(found[i] - expected[i]) <= 1e-12 * (1 + scale)))
            fail_msg("value %zu: expected %.17g, found %.17g", i, expected[i], found[i]);
}

static void check_values(const struct built *built, enum wiring wiring, enum activation activation, size_t depth,
                         const bool *reads) {
    double layers[MAX_DEPTH][ROWS * WIDTH], output[ROWS * OUTPUTS];
    for (size_t l = 0; l < depth; ++l) program_read(built->program, built->nodes.layers[l], layers[l]);
    program_read(built->program, built->nodes.output, output);
    for (size_t row = 0; row < ROWS; ++row) {
        struct twin twin;
        twin_row(built, wiring, activation, depth, reads, built->x + row * INPUTS, &twin);
        for (size_t l = 0; l < depth; ++l) assert_close(WIDTH, layers[l] + row * WIDTH, twin.layers[l]);
        assert_close(OUTPUTS, output + row * OUTPUTS, twin.output);
    }
}

static const bool reads_all[MAX_DEPTH] = {true, true, true, true, true, true, true, true, true, true, true};

/*
 * Depths 5 and 6 and 11 fill one dense node of the output, pass it, and fill two. Weights are scaled down against
 * overflow.
 */
static void chains_equal_plain_loops(void **state) {
    (void)state;
    const size_t depths[] = {1, 2, 3, 4, 5, 6, 10, 11};
    for (size_t i = 0; i < 2 * sizeof depths / sizeof *depths; ++i) {
        size_t depth = depths[i / 2];
        struct network network = describe(i % 2 ? "densenet" : "quadratic_chain", depth, ACTIVATION_IDENTITY);
        struct built built;
        build(&built, &network, (struct network_view){.layers = depth});
        for (size_t p = 0; p < program_parameter_count(built.program); ++p) {
            double values[MAX_NUMBERS];
            program_read_parameter(built.program, program_parameter(built.program, p), values);
            for (size_t k = 0; k < MAX_NUMBERS && depth > 4; ++k) values[k] *= 0.5;
            program_set_parameter(built.program, program_parameter(built.program, p), values);
        }
        program_forward(built.program, ROWS, false);
        check_values(&built, i % 2 ? CHAIN_OF_SQUARES : CHAIN, ACTIVATION_SQUARE, depth, reads_all);
        built_destroy(&built);
    }
}

static void perceptrons_equal_plain_loops(void **state) {
    (void)state;
    const bool reads_last[] = {false, false, true};
    for (int activation = 0; activation < ACTIVATION_COUNT; ++activation) {
        for (int i = 0; i < 2; ++i) {
            struct network network = describe(i ? "mlp_readouts" : "mlp", 3, (enum activation)activation);
            struct built built;
            build(&built, &network, (struct network_view){.layers = 3});
            check_values(&built, PERCEPTRON, (enum activation)activation, 3, i ? reads_all : reads_last);
            built_destroy(&built);
        }
    }
}

static void two_layer_is_a_chain_of_one(void **state) {
    (void)state;
    struct network network = describe("two_layer", 4, ACTIVATION_IDENTITY);
    struct built built;
    build(&built, &network, (struct network_view){.layers = 1});
    check_values(&built, CHAIN, ACTIVATION_SQUARE, 1, reads_all);
    built_destroy(&built);
}

/* Views with fewer layers are the shorter network; with last_readout they lack the other readouts altogether. */
static void views_show_the_first_layers(void **state) {
    (void)state;
    const bool reads_second[] = {false, true};
    struct network network = describe("quadratic_chain", 3, ACTIVATION_IDENTITY);
    struct built built;
    build(&built, &network, (struct network_view){.layers = 2});
    check_values(&built, CHAIN, ACTIVATION_SQUARE, 2, reads_all);
    assert_int_equal(graph_find(built.graph, "layer3.input"), NODE_NONE);
    built_destroy(&built);
    build(&built, &network, (struct network_view){.layers = 2, .last_readout = true});
    check_values(&built, CHAIN, ACTIVATION_SQUARE, 2, reads_second);
    assert_int_equal(graph_find(built.graph, "readout1"), NODE_NONE);
    built_destroy(&built);
    build(&built, &network, (struct network_view){.layers = 2, .cut = true}); /* a cut changes no value */
    check_values(&built, CHAIN, ACTIVATION_SQUARE, 2, reads_all);
    built_destroy(&built);
}

/* An output that would read nothing is refused. */
static void view_without_readout_is_refused(void **state) {
    (void)state;
    struct network network = describe("mlp", 3, ACTIVATION_RELU);
    struct network_nodes nodes;
    struct graph *graph;
    assert_int_equal(graph_create(ctx, &graph), STRATA_OK);
    assert_int_equal(network_build(&network, &(struct network_view){.layers = 2}, graph, &nodes), STRATA_ERR_ARGUMENT);
    graph_destroy(graph);
}

/* ---- names, shapes, counts ---- */

struct expected_parameter {
    const char *name;
    size_t rows, columns; /* columns 0: a vector */
};

static void check_parameters(const char *kind, size_t count, const struct expected_parameter *expected) {
    struct network network = describe(kind, 2, ACTIVATION_TANH);
    struct built built;
    size_t total = 0;
    build(&built, &network, (struct network_view){.layers = network.layer_count});
    assert_int_equal(program_parameter_count(built.program), count);
    for (size_t i = 0; i < count; ++i) {
        node found = graph_find(built.graph, expected[i].name);
        if (found == NODE_NONE) fail_msg("%s: no parameter %s", kind, expected[i].name);
        struct shape shape = graph_shape(built.graph, found);
        struct shape wanted = expected[i].columns ? shape_matrix(expected[i].rows, expected[i].columns)
                                                  : shape_vector(expected[i].rows);
        if (!shape_equal(&shape, &wanted)) fail_msg("%s: %s has another shape", kind, expected[i].name);
        total += shape_size(&shape);
    }
    assert_int_equal(network_parameter_count(&network), total);
    built_destroy(&built);
}

static void parameters_have_names_and_shapes(void **state) {
    (void)state;
    const struct expected_parameter chain[] = {{"layer1.input", 3, 4}, {"layer2.layer1", 4, 4}, {"layer2.input", 3, 4},
                                               {"readout1", 4, 2},     {"readout2", 4, 2},      {"output.bias", 2, 0}};
    const struct expected_parameter densenet[] = {{"layer1.input", 6, 4}, {"layer2.layer1", 4, 4},
                                                  {"layer2.input", 6, 4}, {"readout1", 4, 2},
                                                  {"readout2", 4, 2},     {"output.bias", 2, 0}};
    const struct expected_parameter mlp[] = {{"layer1.input", 3, 4}, {"layer1.bias", 4, 0}, {"layer2.layer1", 4, 4},
                                             {"layer2.bias", 4, 0},  {"readout2", 4, 2},    {"output.bias", 2, 0},
                                             {"readout1", 4, 2}};
    const struct expected_parameter two_layer[] = {{"layer1.input", 3, 4}, {"readout1", 4, 2}, {"output.bias", 2, 0}};
    check_parameters("quadratic_chain", 6, chain);
    check_parameters("densenet", 6, densenet);
    check_parameters("mlp", 6, mlp);
    check_parameters("mlp_readouts", 7, mlp);
    check_parameters("two_layer", 3, two_layer);
}

static void counts_follow_the_closed_forms(void **state) {
    (void)state;
    const size_t d = 20, m = 40, o = 3, q = 4;
    const size_t dense = d * m + (q - 1) * m * m + q * m + m * o + o;
    const struct {
        const char *kind;
        size_t count;
    } cases[] = {{"quadratic_chain", q * d * m + (q - 1) * m * m + q * m * o + o},
                 {"densenet", q * 2 * d * m + (q - 1) * m * m + q * m * o + o},
                 {"mlp", dense},
                 {"mlp_readouts", dense + (q - 1) * m * o},
                 {"two_layer", d * m + m * o + o}};
    const struct network_request request = {
        .inputs = d, .outputs = o, .depth = q, .hidden_width = m, .activation = ACTIVATION_RELU};
    assert_int_equal(network_kind_count, sizeof cases / sizeof *cases);
    for (size_t i = 0; i < network_kind_count; ++i) {
        struct network network;
        assert_int_equal(network_describe(ctx, cases[i].kind, &request, &network), STRATA_OK);
        assert_int_equal(network_parameter_count(&network), cases[i].count);
    }
}

/* ---- initial weights ---- */

/*
 * n normal draws: their mean is within 5 sd/sqrt(n) of 0 and their sd within 5/sqrt(2n) of sd, relatively (5
 * standard errors).
 */
static void check_sd(const struct network *network, const char *name, size_t count, double sd) {
    double *values = mem_zero(count, sizeof *values), mean = 0, variance = 0;
    assert_int_equal(network_initialise(ctx, network, stream(0), name, count, values), STRATA_OK);
    for (size_t i = 0; i < count; ++i) mean += values[i] / (double)count;
    for (size_t i = 0; i < count; ++i) variance += (values[i] - mean) * (values[i] - mean) / (double)(count - 1);
    double n = (double)count;
    if (!(fabs(mean) <= 5 * sd / sqrt(n))) fail_msg("%s %s: mean %g", network->kind, name, mean);
    if (!(fabs(sqrt(variance) - sd) <= 5 * sd / sqrt(2 * n)))
        fail_msg("%s %s: sd %g, expected %g", network->kind, name, sqrt(variance), sd);
    mem_free(values);
}

static void initial_weights_have_their_scales(void **state) {
    (void)state;
    enum { D = 50, M = 80, O = 10 };
    struct network_request request = {
        .inputs = D, .outputs = O, .depth = 3, .hidden_width = M, .activation = ACTIVATION_RELU};
    struct network network;
    for (int squares = 0; squares < 2; ++squares) {
        size_t sees = squares ? 2 * D : D;
        assert_int_equal(network_describe(ctx, squares ? "densenet" : "quadratic_chain", &request, &network),
                         STRATA_OK);
        check_sd(&network, "layer1.input", sees * M, 1 / sqrt(D));
        check_sd(&network, "layer2.input", sees * M, 0.3 / sqrt(D));
        check_sd(&network, "layer3.input", sees * M, 0.3 / sqrt(D));
        check_sd(&network, "layer2.layer1", M * M, 0.3 / sqrt(M));
        check_sd(&network, "layer3.layer2", M * M, 0.3 / sqrt(M));
        check_sd(&network, "readout1", M * O, 0.1 / sqrt(M));
        check_sd(&network, "readout2", M * O, 0.01 / sqrt(M));
        check_sd(&network, "readout3", M * O, 0.01 / sqrt(M));
    }
    for (int activation = 0; activation < ACTIVATION_COUNT; ++activation) {
        request.activation = (enum activation)activation;
        double gain = 1 / sqrt(3.0); /* uniform on +-1/sqrt(in) has this spread */
        assert_int_equal(network_describe(ctx, "mlp_readouts", &request, &network), STRATA_OK);
        check_sd(&network, "layer1.input", D * M, gain / sqrt(D));
        check_sd(&network, "layer2.layer1", M * M, gain / sqrt(M));
        check_sd(&network, "readout1", M * O, gain / sqrt(M));
        check_sd(&network, "readout3", M * O, gain / sqrt(M));
    }
}

static void biases_begin_at_zero(void **state) {
    (void)state;
    struct network network = describe("mlp", 2, ACTIVATION_RELU);
    const char *const names[] = {"layer1.bias", "layer2.bias", "output.bias"};
    for (size_t i = 0; i < 3; ++i) {
        double values[2] = {7, 7};
        assert_int_equal(network_initialise(ctx, &network, stream(0), names[i], 2, values), STRATA_OK);
        assert_true(values[0] == 0 && values[1] == 0);
    }
}

static void absent_parameters_are_not_found(void **state) {
    (void)state;
    struct network chain = describe("quadratic_chain", 2, ACTIVATION_RELU), mlp = describe("mlp", 2, ACTIVATION_RELU);
    double values[4];
    const char *const of_chain[] = {"layer3.input", "layer1.bias", "layer2.layer2", "readout3", ""};
    for (size_t i = 0; i < 5; ++i) {
        assert_int_equal(network_initialise(ctx, &chain, stream(0), of_chain[i], 4, values), STRATA_ERR_NOT_FOUND);
        assert_non_null(strstr(strata_context_message(ctx), of_chain[i]));
    }
    assert_int_equal(network_initialise(ctx, &mlp, stream(0), "readout1", 4, values), STRATA_ERR_NOT_FOUND);
    assert_int_equal(network_initialise(ctx, &mlp, stream(0), "layer2.input", 4, values), STRATA_ERR_NOT_FOUND);
}

/* A weight depends on the stream, its name and its scale, on nothing else of the network. */
static void equal_names_have_equal_weights(void **state) {
    (void)state;
    enum { COUNT = INPUTS * WIDTH };
    struct network shallow = describe("quadratic_chain", 2, ACTIVATION_RELU),
                   deep = describe("quadratic_chain", 5, ACTIVATION_RELU);
    struct network two_layer = describe("two_layer", 3, ACTIVATION_RELU);
    const char *const names[] = {"layer1.input", "layer2.input", "readout1", "readout2"};
    double a[COUNT], b[COUNT], other[COUNT];
    for (size_t i = 0; i < 4; ++i) {
        size_t count = i < 2 ? COUNT : WIDTH * OUTPUTS;
        assert_int_equal(network_initialise(ctx, &shallow, stream(0), names[i], count, a), STRATA_OK);
        assert_int_equal(network_initialise(ctx, &deep, stream(0), names[i], count, b), STRATA_OK);
        assert_memory_equal(a, b, count * sizeof *a);
        assert_int_equal(network_initialise(ctx, &deep, rng_stream_make(4, 0, RNG_TEST), names[i], count, other),
                         STRATA_OK);
        assert_memory_not_equal(a, other, count * sizeof *a);
    }
    assert_int_equal(network_initialise(ctx, &two_layer, stream(0), "layer1.input", COUNT, a), STRATA_OK);
    assert_int_equal(network_initialise(ctx, &shallow, stream(0), "layer1.input", COUNT, b), STRATA_OK);
    assert_memory_equal(a, b, sizeof a);
    assert_int_equal(network_initialise(ctx, &shallow, stream(0), "layer2.input", COUNT, b), STRATA_OK);
    assert_true(fabs(a[0] * 0.3 - b[0]) > 1e-6); /* other names, other draws */
}

/* ---- where gradients flow ---- */

/* Largest gradient of a parameter of the output through readout `reader` alone; `cut` as in the view. */
static double gradient_through(size_t reader, bool cut, const char *name) {
    struct network network = describe("quadratic_chain", 3, ACTIVATION_IDENTITY);
    struct network_view view = {.layers = 3, .cut = cut};
    struct built whole, built = {0};
    build(&whole, &network, view); /* for the weights */
    assert_int_equal(graph_create(ctx, &built.graph), STRATA_OK);
    assert_int_equal(network_build(&network, &view, built.graph, &built.nodes), STRATA_OK);
    char readout[NAME_SIZE];
    snprintf(readout, sizeof readout, "readout%zu", reader);
    node seen = graph_binary(built.graph, OP_DENSE, built.nodes.layers[reader - 1], graph_find(built.graph, readout));
    struct program_options options = program_options_default();
    options.precision = PRECISION_F64;
    options.rows = ROWS;
    options.gradients = true;
    assert_int_equal(program_create(ctx, built.graph, seen, &options, &built.program), STRATA_OK);
    double values[MAX_NUMBERS], gradient[MAX_NUMBERS], largest = 0;
    for (size_t i = 0; i < program_parameter_count(built.program); ++i) {
        program_read_parameter(whole.program, graph_find(whole.graph, program_parameter_name(built.program, i)),
                               values);
        program_set_parameter(built.program, program_parameter(built.program, i), values);
    }
    program_bind(built.program, built.nodes.input, whole.x);
    program_forward(built.program, ROWS, true);
    program_backward(built.program, NULL);
    node wanted = graph_find(built.graph, name);
    struct shape shape = graph_shape(built.graph, wanted);
    program_read_gradient(built.program, wanted, gradient);
    for (size_t k = 0; k < shape_size(&shape); ++k) largest = fmax(largest, fabs(gradient[k]));
    built_destroy(&built);
    built_destroy(&whole);
    return largest;
}

static void cut_stops_all_gradient_to_the_layers_below(void **state) {
    (void)state;
    const char *const weights[3][2] = {
        {"layer1.input", "layer1.input"}, {"layer2.input", "layer2.layer1"}, {"layer3.input", "layer3.layer2"}};
    for (size_t reader = 1; reader <= 3; ++reader)
        for (size_t l = 1; l <= 3; ++l)
            for (size_t k = 0; k < 2; ++k) {
                double cut = gradient_through(reader, true, weights[l - 1][k]),
                       whole = gradient_through(reader, false, weights[l - 1][k]);
                if (l == reader)
                    assert_true(cut > 1e-3);
                else
                    assert_true(cut == 0);
                if (l <= reader)
                    assert_true(whole > 1e-3);
                else
                    assert_true(whole == 0);
            }
}

/* ---- faults ---- */

static void requests_out_of_range_are_refused(void **state) {
    (void)state;
    const struct network_request fine = {.inputs = 1, .outputs = 1, .depth = NETWORK_MAX_LAYERS, .hidden_width = 1};
    struct network_request bad[5];
    for (size_t i = 0; i < 5; ++i) bad[i] = fine;
    bad[0].depth = 0, bad[1].depth = NETWORK_MAX_LAYERS + 1, bad[2].hidden_width = 0, bad[3].inputs = 0,
    bad[4].outputs = 0;
    struct network network;
    for (size_t i = 0; i < network_kind_count; ++i) {
        assert_int_equal(network_describe(ctx, network_kinds[i].name, &fine, &network), STRATA_OK);
        for (size_t k = 0; k < 5; ++k)
            assert_int_equal(network_describe(ctx, network_kinds[i].name, &bad[k], &network), STRATA_ERR_CONFIG);
    }
    assert_int_equal(network_describe(ctx, "mpl", &fine, &network), STRATA_ERR_CONFIG);
    assert_non_null(strstr(strata_context_message(ctx), "'mpl'"));
}

static void activations_are_found_by_name(void **state) {
    (void)state;
    for (int i = 0; i < ACTIVATION_COUNT; ++i) assert_int_equal(activation_find(activation_names[i]), i);
    assert_int_equal(activation_find("gelo"), ACTIVATION_COUNT);
}

static void failing_memory_is_reported(void **state) {
    (void)state;
    struct network network = describe("mlp_readouts", 3, ACTIVATION_RELU);
    strata_status status = STRATA_ERR_MEMORY;
    for (uint64_t n = 1; status != STRATA_OK && n < 200; ++n) {
        struct graph *graph = NULL;
        struct network_nodes nodes;
        mem_fail_from(n);
        status = graph_create(ctx, &graph);
        if (status == STRATA_OK) status = network_build(&network, &(struct network_view){.layers = 3}, graph, &nodes);
        mem_fail_from(0);
        graph_destroy(graph);
        assert_true(status == STRATA_OK || status == STRATA_ERR_MEMORY);
    }
    assert_int_equal(status, STRATA_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_equal_plain_loops),
        cmocka_unit_test(perceptrons_equal_plain_loops),
        cmocka_unit_test(two_layer_is_a_chain_of_one),
        cmocka_unit_test(views_show_the_first_layers),
        cmocka_unit_test(view_without_readout_is_refused),
        cmocka_unit_test(parameters_have_names_and_shapes),
        cmocka_unit_test(counts_follow_the_closed_forms),
        cmocka_unit_test(initial_weights_have_their_scales),
        cmocka_unit_test(biases_begin_at_zero),
        cmocka_unit_test(absent_parameters_are_not_found),
        cmocka_unit_test(equal_names_have_equal_weights),
        cmocka_unit_test(cut_stops_all_gradient_to_the_layers_below),
        cmocka_unit_test(requests_out_of_range_are_refused),
        cmocka_unit_test(activations_are_found_by_name),
        cmocka_unit_test(failing_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
