/* SPDX-License-Identifier: MIT */
/*
 * Learners of low complexity beside the network f = sum_i h(<w_i, x>), h(u) = ReLU(u - b) - ReLU(-u - b): what its
 * robustness is compared with. r_i are random unit vectors that never train, Phi the normal distribution function.
 *
 *   linear_form   f = <w, x>, without an offset; trains w
 *   frozen_units  f = sum_i a_i (s((u_i - b)) - s((-u_i - b))),  s(t) = t Phi(t / c),  u_i = <r_i, x>; trains a
 *   gate_ntk      f = sum_i (Phi((u_i - b) / c) + Phi((-u_i - b) / c)) <v_i, x>;  trains v: the network's tangent
 *                 features at unit weights
 *   cubic         f = sum_i <u_i, x>^3;  trains u
 *
 * Source: Allen-Zhu & Li 2020, arXiv 2005.10190: linear functions, low-degree polynomials and the tangent kernel are
 * not robust whatever trains them.
 */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "learn/gradient.h"

#define ROW_THRESHOLD \
    { "gates.threshold", SETTING_NUMBER, "0.2", 0, 10, NULL, "threshold b of the gates of frozen_units and gate_ntk" }
#define ROW_SMOOTHING                                                                   \
    {                                                                                   \
        "gates.smoothing", SETTING_NUMBER, "0.05", 1e-6, 10, NULL,                      \
            "width c of these gates: the deviation of the normal law that smooths them" \
    }

static const struct setting form_settings[] = {
    {"linear_form.learning_rate", SETTING_NUMBER, "0.02", 1e-8, 10, NULL, "base learning rate"},
    {"linear_form.steps", SETTING_COUNT, "700", 0, 100000000, NULL, "steps; 0: depth * steps_per_stage"},
    {NULL, SETTING_TEXT, NULL, 0, 0, NULL, NULL},
};

static const struct setting frozen_settings[] = {
    {"frozen_units.count", SETTING_COUNT, "4000", 1, 65536, NULL, "random units"},
    {"frozen_units.learning_rate", SETTING_NUMBER, "0.01", 1e-8, 10, NULL, "base learning rate"},
    {"frozen_units.steps", SETTING_COUNT, "700", 0, 100000000, NULL, "steps; 0: depth * steps_per_stage"},
    ROW_THRESHOLD,
    ROW_SMOOTHING,
    {NULL, SETTING_TEXT, NULL, 0, 0, NULL, NULL},
};

static const struct setting ntk_settings[] = {
    {"gate_ntk.count", SETTING_COUNT, "400", 1, 65536, NULL, "random gates"},
    {"gate_ntk.learning_rate", SETTING_NUMBER, "0.02", 1e-8, 10, NULL, "base learning rate"},
    {"gate_ntk.steps", SETTING_COUNT, "700", 0, 100000000, NULL, "steps; 0: depth * steps_per_stage"},
    ROW_THRESHOLD,
    ROW_SMOOTHING,
    {NULL, SETTING_TEXT, NULL, 0, 0, NULL, NULL},
};

static const struct setting cubic_settings[] = {
    {"cubic.count", SETTING_COUNT, "400", 1, 65536, NULL, "cubes of linear forms"},
    {"cubic.learning_rate", SETTING_NUMBER, "0.01", 1e-8, 10, NULL, "base learning rate"},
    {"cubic.steps", SETTING_COUNT, "700", 0, 100000000, NULL, "steps; 0: depth * steps_per_stage"},
    {NULL, SETTING_TEXT, NULL, 0, 0, NULL, NULL},
};

static strata_status describe(strata_context *ctx, const struct learner_request *request, const char *kind,
                              size_t units, struct network *network) {
    if (source_task(request->train) == TASK_MULTICLASS)
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED, "%s has one output: expected a task of numbers or two classes",
                           kind);
    *network = (struct network){.kind = kind, .inputs = source_inputs(request->train), .outputs = 1, .layer_count = 1};
    network->layers[0] = (struct layer){.width = units};
    return STRATA_OK;
}

static strata_status describe_form(strata_context *ctx, const struct learner_request *request,
                                   struct network *network) {
    return describe(ctx, request, "linear_form", source_inputs(request->train), network);
}

static strata_status describe_frozen(strata_context *ctx, const struct learner_request *request,
                                     struct network *network) {
    return describe(ctx, request, "frozen_units", settings_count(request->settings, "frozen_units.count"), network);
}

static strata_status describe_ntk(strata_context *ctx, const struct learner_request *request, struct network *network) {
    return describe(ctx, request, "gate_ntk", settings_count(request->settings, "gate_ntk.count"), network);
}

static strata_status describe_cubic(strata_context *ctx, const struct learner_request *request,
                                    struct network *network) {
    return describe(ctx, request, "cubic", settings_count(request->settings, "cubic.count"), network);
}

/* [inputs, units], each column a random unit vector. */
static node random_directions(const struct learner_request *request, size_t inputs, size_t units, struct graph *graph) {
    struct rng_stream stream = rng_stream_make(request->seed, request->replicate, RNG_FEATURES);
    double *columns = mem_zero(inputs * units, sizeof *columns), *row = mem_zero(inputs, sizeof *row);
    node result = NODE_NONE;
    if (columns && row)
        for (size_t i = 0; i < units; ++i) {
            double square = 0;
            rng_normal_f64(rng_stream_at(stream, i), inputs, row);
            for (size_t j = 0; j < inputs; ++j) square += row[j] * row[j];
            for (size_t j = 0; j < inputs; ++j) columns[j * units + i] = row[j] / sqrt(square);
        }
    result = columns && row ? graph_constant(graph, shape_matrix(inputs, units), columns)
                            : graph_fail(graph, STRATA_ERR_MEMORY, "no memory for random directions");
    mem_free(columns);
    mem_free(row);
    return result;
}

static node scaled(struct graph *graph, double factor, double offset, node x) {
    const struct op_attributes attributes = {.number = {factor, offset}};
    return graph_apply(graph, OP_SCALE, &attributes, 1, &x);
}

/* Sum over the units of every row. */
static node over_units(struct graph *graph, size_t units, node x) {
    double *ones = mem_zero(units, sizeof *ones);
    if (!ones) return graph_fail(graph, STRATA_ERR_MEMORY, "no memory for a sum over units");
    for (size_t i = 0; i < units; ++i) ones[i] = 1;
    node weights = graph_constant(graph, shape_matrix(units, 1), ones);
    mem_free(ones);
    return graph_binary(graph, OP_DENSE, x, weights);
}

static strata_status build_form(strata_context *ctx, const struct learner_request *request,
                                const struct network *network, const struct network_view *view, struct graph *graph,
                                struct network_nodes *nodes, node *penalty) {
    (void)ctx, (void)request, (void)view, (void)penalty;
    nodes->input = graph_input(graph, "x", shape_rows(network->inputs));
    nodes->layers[0] = scaled(graph, 1, 0, nodes->input);
    node weight = graph_parameter(graph, "output.weight", shape_matrix(network->inputs, 1), GROUP_READOUT);
    nodes->output = graph_binary(graph, OP_DENSE, nodes->layers[0], weight);
    return graph_status(graph);
}

static strata_status build_frozen(strata_context *ctx, const struct learner_request *request,
                                  const struct network *network, const struct network_view *view, struct graph *graph,
                                  struct network_nodes *nodes, node *penalty) {
    (void)ctx, (void)view, (void)penalty;
    size_t units = network->layers[0].width;
    double b = settings_number(request->settings, "gates.threshold"),
           c = settings_number(request->settings, "gates.smoothing");
    nodes->input = graph_input(graph, "x", shape_rows(network->inputs));
    node u = graph_binary(graph, OP_DENSE, nodes->input, random_directions(request, network->inputs, units, graph));
    node up = graph_unary(graph, OP_GELU, scaled(graph, 1 / c, -b / c, u));
    node down = graph_unary(graph, OP_GELU, scaled(graph, -1 / c, -b / c, u));
    nodes->layers[0] = graph_binary(graph, OP_ADD, scaled(graph, c, 0, up), scaled(graph, -c, 0, down));
    node weight = graph_parameter(graph, "output.weight", shape_matrix(units, 1), GROUP_READOUT);
    nodes->output = graph_binary(graph, OP_DENSE, nodes->layers[0], weight);
    return graph_status(graph);
}

static strata_status build_ntk(strata_context *ctx, const struct learner_request *request,
                               const struct network *network, const struct network_view *view, struct graph *graph,
                               struct network_nodes *nodes, node *penalty) {
    (void)ctx, (void)view, (void)penalty;
    size_t units = network->layers[0].width;
    double b = settings_number(request->settings, "gates.threshold"),
           c = settings_number(request->settings, "gates.smoothing") * sqrt(2);
    nodes->input = graph_input(graph, "x", shape_rows(network->inputs));
    node u = graph_binary(graph, OP_DENSE, nodes->input, random_directions(request, network->inputs, units, graph));
    node up = graph_unary(graph, OP_ERF, scaled(graph, 1 / c, -b / c, u));
    node down = graph_unary(graph, OP_ERF, scaled(graph, -1 / c, -b / c, u));
    node gates = scaled(graph, 0.5, 1, graph_binary(graph, OP_ADD, up, down));
    node weight = graph_parameter(graph, "layer1.weight", shape_matrix(network->inputs, units), GROUP_LAYER);
    nodes->layers[0] = graph_binary(graph, OP_MULTIPLY, gates, graph_binary(graph, OP_DENSE, nodes->input, weight));
    nodes->output = over_units(graph, units, nodes->layers[0]);
    return graph_status(graph);
}

static strata_status build_cubic(strata_context *ctx, const struct learner_request *request,
                                 const struct network *network, const struct network_view *view, struct graph *graph,
                                 struct network_nodes *nodes, node *penalty) {
    (void)ctx, (void)request, (void)view, (void)penalty;
    size_t units = network->layers[0].width;
    nodes->input = graph_input(graph, "x", shape_rows(network->inputs));
    node weight = graph_parameter(graph, "layer1.weight", shape_matrix(network->inputs, units), GROUP_LAYER);
    node u = graph_binary(graph, OP_DENSE, nodes->input, weight);
    nodes->layers[0] = graph_binary(graph, OP_MULTIPLY, graph_unary(graph, OP_SQUARE, u), u);
    nodes->output = over_units(graph, units, nodes->layers[0]);
    return graph_status(graph);
}

/* Linear readouts start at zero, cubes at normal draws of variance 1 / inputs. */
static strata_status initialise(strata_context *ctx, const struct learner_request *request,
                                const struct network *network, struct rng_stream stream, const char *name, size_t count,
                                double *values) {
    (void)ctx, (void)request;
    memset(values, 0, count * sizeof *values);
    if (strcmp(network->kind, "cubic") != 0) return STRATA_OK;
    rng_normal_f64(rng_stream_at(stream, rng_hash(name)), count, values);
    for (size_t i = 0; i < count; ++i) values[i] /= sqrt((double)network->inputs);
    return STRATA_OK;
}

static const struct gradient_builder form_builder = {.build = build_form, .initialise = initialise};
static const struct gradient_builder frozen_builder = {.build = build_frozen, .initialise = initialise};
static const struct gradient_builder ntk_builder = {.build = build_ntk, .initialise = initialise};
static const struct gradient_builder cubic_builder = {.build = build_cubic, .initialise = initialise};

#define LOW_COMPLEXITY_LEARNER(id, title_, summary_, settings_, ...)     \
    static const struct gradient_details id##_details = {__VA_ARGS__};   \
    extern const struct learner_class learner_##id;                      \
    const struct learner_class learner_##id = {.name = #id,              \
                                               .title = title_,          \
                                               .summary = summary_,      \
                                               .settings = settings_,    \
                                               .details = &id##_details, \
                                               GRADIENT_ENTRIES}

LOW_COMPLEXITY_LEARNER(linear_form, "Linear form", "linear in the inputs without an offset, one output", form_settings,
                       .describe = describe_form, .rate_key = "linear_form.learning_rate",
                       .steps_key = "linear_form.steps", .builder = &form_builder);
LOW_COMPLEXITY_LEARNER(frozen_units, "Random units",
                       "linear readout of random threshold units that never train, one output", frozen_settings,
                       .describe = describe_frozen, .rate_key = "frozen_units.learning_rate",
                       .steps_key = "frozen_units.steps", .builder = &frozen_builder);
LOW_COMPLEXITY_LEARNER(gate_ntk, "Tangent features of the network",
                       "linear in the tangent features of a threshold network with random weights, one output",
                       ntk_settings, .describe = describe_ntk, .rate_key = "gate_ntk.learning_rate",
                       .steps_key = "gate_ntk.steps", .builder = &ntk_builder);
LOW_COMPLEXITY_LEARNER(cubic, "Cubic polynomial", "sum of cubes of trained linear forms, one output", cubic_settings,
                       .describe = describe_cubic, .rate_key = "cubic.learning_rate", .steps_key = "cubic.steps",
                       .builder = &cubic_builder);
