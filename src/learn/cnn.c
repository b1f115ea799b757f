/* SPDX-License-Identifier: MIT */
/*
 * A small convolutional network for pictures: convolutions of 5 x 5, 3 x 3 and 3 x 3 pixels, stride 2 each, with c, 2
 * c and 4 c channels and ReLU, then one dense output. Weights start as normal draws of variance 2 / fan-in (He et al.
 * 2015), the output's of 1 / fan-in; biases start at zero.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "learn/gradient.h"

enum { LAYERS = 3, NAME_SIZE = 32 };

static const struct setting cnn_settings[] = {
    {"cnn.channels", SETTING_COUNT, "16", 1, 1024, NULL, "channels c of the first layer; 2 c and 4 c follow"},
    {"cnn.picture", SETTING_NUMBERS, "none", 1, 65536, NULL,
     "channels, height and width of a row; none: what the data say"},
    {"cnn.learning_rate", SETTING_NUMBER, "2e-3", 1e-8, 10, NULL, "base learning rate"},
    {"cnn.steps", SETTING_COUNT, "2000", 0, 100000000, NULL, "steps; 0: network.depth * train.steps_per_stage"},
    {NULL, SETTING_TEXT, NULL, 0, 0, NULL, NULL},
};

struct convolution_layer {
    size_t in, out, kernel, height, width; /* size of the output */
};

/* Stride 2 with padding (kernel - 1) / 2: half the size, rounded up. */
static void layers_of(const struct learner_request *request, const size_t picture[3],
                      struct convolution_layer layers[LAYERS]) {
    size_t channels = settings_count(request->settings, "cnn.channels"), in = picture[0], height = picture[1],
           width = picture[2];
    for (size_t l = 0; l < LAYERS; ++l) {
        height = (height + 1) / 2, width = (width + 1) / 2;
        layers[l] = (struct convolution_layer){in, channels << l, l ? 3 : 5, height, width};
        in = channels << l;
    }
}

static size_t layer_size(const struct convolution_layer *layer) { return layer->out * layer->height * layer->width; }

static strata_status cnn_layers(strata_context *ctx, const struct learner_request *request,
                                struct convolution_layer layers[LAYERS]) {
    size_t picture[3];
    STRATA_TRY(learner_picture_shape(ctx, request, "cnn.picture", picture));
    layers_of(request, picture, layers);
    return STRATA_OK;
}

static strata_status describe_cnn(strata_context *ctx, const struct learner_request *request, struct network *network) {
    struct convolution_layer layers[LAYERS];
    STRATA_TRY(cnn_layers(ctx, request, layers));
    bool classes = source_task(request->train) == TASK_MULTICLASS;
    *network = (struct network){.kind = "cnn_small",
                                .inputs = source_inputs(request->train),
                                .outputs = classes ? source_classes(request->train) : source_outputs(request->train),
                                .layer_count = LAYERS};
    for (size_t l = 0; l < LAYERS; ++l)
        network->layers[l] = (struct layer){
            .width = layer_size(&layers[l]), .activation = ACTIVATION_RELU, .bias = true};
    return STRATA_OK;
}

static node convolution(struct graph *graph, size_t number, const struct convolution_layer *layer, node x) {
    char name[NAME_SIZE];
    struct op_attributes attributes = {.size = {2, layer->kernel / 2}};
    const struct shape weights = {.rank = 4, .dims = {layer->out, layer->in, layer->kernel, layer->kernel}};
    snprintf(name, sizeof name, "layer%zu.weight", number);
    node weight = graph_parameter(graph, name, weights, GROUP_LAYER + (unsigned)number - 1);
    snprintf(name, sizeof name, "layer%zu.bias", number);
    node bias = graph_parameter(graph, name, shape_vector(layer->out), GROUP_LAYER + (unsigned)number - 1);
    return graph_unary(graph, OP_RELU, graph_apply(graph, OP_CONV2D, &attributes, 3, (node[]){x, weight, bias}));
}

static node flat(struct graph *graph, node x, size_t size) {
    const struct op_attributes rows = {.size = {1, size}};
    return graph_apply(graph, OP_RESHAPE, &rows, 1, &x);
}

static strata_status build_cnn(strata_context *ctx, const struct learner_request *request,
                               const struct network *network, const struct network_view *view, struct graph *graph,
                               struct network_nodes *nodes, node *penalty) {
    struct convolution_layer layers[LAYERS];
    size_t picture[3];
    (void)view, (void)penalty;
    STRATA_TRY(cnn_layers(ctx, request, layers));
    STRATA_TRY(learner_picture_shape(ctx, request, "cnn.picture", picture));
    const struct op_attributes rows = {.size = {3, picture[0], picture[1], picture[2]}};
    nodes->input = graph_input(graph, "x", shape_rows(network->inputs));
    node h = graph_apply(graph, OP_RESHAPE, &rows, 1, &nodes->input);
    for (size_t l = 0; l < LAYERS; ++l) {
        h = convolution(graph, l + 1, &layers[l], h);
        nodes->layers[l] = flat(graph, h, layer_size(&layers[l]));
    }
    node weight = graph_parameter(graph, "output.weight",
                                  shape_matrix(layer_size(&layers[LAYERS - 1]), network->outputs), GROUP_READOUT);
    node bias = graph_parameter(graph, "output.bias", shape_vector(network->outputs), GROUP_OUTPUT_BIAS);
    nodes->output = graph_apply(graph, OP_DENSE, NULL, 3, (node[]){nodes->layers[LAYERS - 1], weight, bias});
    return graph_status(graph);
}

static strata_status initialise_cnn(strata_context *ctx, const struct learner_request *request,
                                    const struct network *network, struct rng_stream stream, const char *name,
                                    size_t count, double *values) {
    struct convolution_layer layers[LAYERS];
    STRATA_TRY(cnn_layers(ctx, request, layers));
    memset(values, 0, count * sizeof *values);
    if (strstr(name, "bias")) return STRATA_OK;
    bool output = strncmp(name, "output", 6) == 0;
    double fan_in = output ? (double)(count / network->outputs) : 0;
    for (size_t l = 0; l < LAYERS && !output; ++l)
        if (name[5] == (char)('1' + l)) fan_in = (double)(layers[l].in * layers[l].kernel * layers[l].kernel);
    rng_normal_f64(rng_stream_at(stream, rng_hash(name)), count, values);
    for (size_t i = 0; i < count; ++i) values[i] *= sqrt((output ? 1 : 2) / fan_in);
    return STRATA_OK;
}

static const struct gradient_builder cnn_builder = {.build = build_cnn, .initialise = initialise_cnn};

static const struct gradient_details cnn_details = {
    .describe = describe_cnn, .rate_key = "cnn.learning_rate", .steps_key = "cnn.steps", .builder = &cnn_builder};

extern const struct learner_class learner_cnn_small;
const struct learner_class learner_cnn_small = {
    .name = "cnn_small",
    .title = "Convolutional network",
    .summary = "three convolutions of stride 2 and one dense output, on pictures",
    .settings = cnn_settings,
    .details = &cnn_details,
    GRADIENT_ENTRIES};
