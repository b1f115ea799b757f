/* SPDX-License-Identifier: MIT */
#include "model/network.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"

const char *const activation_names[ACTIVATION_COUNT] = {"identity", "square", "relu", "gelu", "tanh", "sigmoid"};

/* Op of each activation; the square's constant is added to its op's attributes. */
static const enum op_kind activation_ops[ACTIVATION_COUNT] = {OP_COUNT, OP_SQUARE, OP_RELU,
                                                              OP_GELU,  OP_TANH,   OP_SIGMOID};

enum activation activation_find(const char *name) {
    int found = 0;
    while (found < ACTIVATION_COUNT && strcmp(activation_names[found], name) != 0) ++found;
    return (enum activation)found;
}

strata_status network_describe(strata_context *ctx, const char *kind, const struct network_request *request,
                               struct network *network) {
    if (request->depth < 1 || request->depth > NETWORK_MAX_LAYERS || request->hidden_width < 1 || request->inputs < 1 ||
        request->outputs < 1)
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "network: expected depth in [1, %d], hidden_width >= 1; got depth %zu, hidden_width %zu",
                           NETWORK_MAX_LAYERS, request->depth, request->hidden_width);
    for (size_t i = 0; i < network_kind_count; ++i) {
        if (strcmp(network_kinds[i].name, kind) != 0) continue;
        *network = (struct network){
            .kind = network_kinds[i].name, .inputs = request->inputs, .outputs = request->outputs};
        network_kinds[i].describe(request, network);
        return STRATA_OK;
    }
    return strata_fail(ctx, STRATA_ERR_CONFIG, "network.kind: unknown kind '%s'", kind);
}

static size_t source_width(const struct network *network, int source) {
    if (source != SOURCE_INPUT) return network->layers[source].width;
    return network->input_squares ? 2 * network->inputs : network->inputs;
}

size_t network_parameter_count(const struct network *network) {
    size_t count = network->outputs;
    for (size_t l = 0; l < network->layer_count; ++l) {
        const struct layer *layer = &network->layers[l];
        for (size_t s = 0; s < layer->source_count; ++s)
            count += source_width(network, layer->sources[s].layer) * layer->width;
        count += layer->bias ? layer->width : 0;
        count += layer->readout ? layer->width * network->outputs : 0;
    }
    return count;
}

enum { NAME_SIZE = 48 };

static void weight_name(char name[NAME_SIZE], size_t layer, int source) {
    if (source == SOURCE_INPUT)
        snprintf(name, NAME_SIZE, "layer%zu.input", layer + 1);
    else
        snprintf(name, NAME_SIZE, "layer%zu.layer%d", layer + 1, source + 1);
}

static node squared_input(struct graph *graph, node x) {
    node squares = graph_unary(graph, OP_SQUARE, x);
    const double inverse_root_two = 0.70710678118654752440;
    struct op_attributes centre = {.number = {inverse_root_two, -inverse_root_two}};
    squares = graph_apply(graph, OP_SCALE, &centre, 1, &squares);
    return graph_binary(graph, OP_CONCAT, x, squares);
}

static node activate(struct graph *graph, enum activation activation, node h) {
    if (activation == ACTIVATION_IDENTITY) return h;
    struct op_attributes attributes = {.number = {0}};
    if (activation == ACTIVATION_SQUARE) attributes.number[1] = 1; /* y = z^2 - 1 */
    return graph_apply(graph, activation_ops[activation], &attributes, 1, &h);
}

static node build_layer(const struct network *network, const struct network_view *view, struct graph *graph, size_t l,
                        node input, const node *layers) {
    const struct layer *layer = &network->layers[l];
    node operands[OP_MAX_INPUTS];
    size_t count = 0;
    char name[NAME_SIZE];
    for (size_t s = 0; s < layer->source_count; ++s) {
        int source = layer->sources[s].layer;
        node from = source == SOURCE_INPUT ? input : layers[source];
        if (view->cut && source != SOURCE_INPUT) from = graph_unary(graph, OP_STOP_GRADIENT, from);
        weight_name(name, l, source);
        operands[count++] = from;
        operands[count++] = graph_parameter(graph, name, shape_matrix(source_width(network, source), layer->width),
                                            GROUP_LAYER + (unsigned)l);
    }
    if (layer->bias) {
        snprintf(name, NAME_SIZE, "layer%zu.bias", l + 1);
        operands[count++] = graph_parameter(graph, name, shape_vector(layer->width), GROUP_LAYER + (unsigned)l);
    }
    node h = graph_apply(graph, OP_DENSE, NULL, count, operands);
    return activate(graph, layer->activation, h);
}

/* One dense node takes five pairs and a bias; deeper sums are chained by additions. */
static node build_output(const struct network *network, const struct network_view *view, struct graph *graph,
                         const node *layers) {
    node operands[OP_MAX_INPUTS], output = NODE_NONE;
    size_t count = 0;
    char name[NAME_SIZE];
    for (size_t l = view->last_readout ? view->layers - 1 : 0; l < view->layers; ++l) {
        if (!network->layers[l].readout) continue;
        snprintf(name, NAME_SIZE, "readout%zu", l + 1);
        operands[count++] = layers[l];
        operands[count++] = graph_parameter(graph, name, shape_matrix(network->layers[l].width, network->outputs),
                                            GROUP_READOUT + (unsigned)l);
        if (count + 2 < OP_MAX_INPUTS) continue;
        node part = graph_apply(graph, OP_DENSE, NULL, count, operands);
        output = output == NODE_NONE ? part : graph_binary(graph, OP_ADD, output, part);
        count = 0;
    }
    node bias = graph_parameter(graph, "output.bias", shape_vector(network->outputs), GROUP_OUTPUT_BIAS);
    if (count == 0) return graph_binary(graph, OP_BIAS, output, bias);
    operands[count++] = bias;
    node part = graph_apply(graph, OP_DENSE, NULL, count, operands);
    return output == NODE_NONE ? part : graph_binary(graph, OP_ADD, output, part);
}

strata_status network_build(const struct network *network, const struct network_view *view, struct graph *graph,
                            struct network_nodes *nodes) {
    nodes->input = graph_input(graph, "x", shape_rows(network->inputs));
    node input = network->input_squares ? squared_input(graph, nodes->input) : nodes->input;
    for (size_t l = 0; l < view->layers; ++l)
        nodes->layers[l] = build_layer(network, view, graph, l, input, nodes->layers);
    nodes->output = build_output(network, view, graph, nodes->layers);
    return graph_status(graph);
}

/* Standard deviation of a parameter by its name; -1 when there is none. */
static double initial_sd(const struct network *network, const char *wanted) {
    char name[NAME_SIZE];
    if (strcmp(wanted, "output.bias") == 0) return 0;
    for (size_t l = 0; l < network->layer_count; ++l) {
        const struct layer *layer = &network->layers[l];
        for (size_t s = 0; s < layer->source_count; ++s) {
            weight_name(name, l, layer->sources[s].layer);
            if (strcmp(name, wanted) == 0) return layer->sources[s].init_sd;
        }
        snprintf(name, NAME_SIZE, "layer%zu.bias", l + 1);
        if (layer->bias && strcmp(name, wanted) == 0) return 0;
        snprintf(name, NAME_SIZE, "readout%zu", l + 1);
        if (layer->readout && strcmp(name, wanted) == 0) return layer->readout_init_sd;
    }
    return -1;
}

strata_status network_initialise(strata_context *ctx, const struct network *network, struct rng_stream stream,
                                 const char *name, size_t count, double *values) {
    double sd = initial_sd(network, name);
    if (sd < 0) return strata_fail(ctx, STRATA_ERR_NOT_FOUND, "network %s has no parameter '%s'", network->kind, name);
    memset(values, 0, count * sizeof *values);
    if (sd == 0) return STRATA_OK;
    rng_normal_f64(rng_stream_at(stream, rng_hash(name)), count, values);
    for (size_t i = 0; i < count; ++i) values[i] *= sd;
    return STRATA_OK;
}
