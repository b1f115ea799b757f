/* SPDX-License-Identifier: MIT */
/* The networks by name. A new one is a function and a line in the table. */
#include <math.h>

#include "model/network.h"

static double inverse_root(size_t n) { return 1 / sqrt((double)n); }

/*
 * Quadratic chain: h_1 = A x, h_l = B_l g_{l-1} + C_l x, g = h^2 - 1, the output reads all layers.
 * Initial scales of the study of backward feature correction: small upper layers, so that lower ones are learnt first.
 */
static void describe_chain(const struct network_request *request, struct network *network) {
    size_t width = request->hidden_width;
    network->layer_count = request->depth;
    for (size_t l = 0; l < request->depth; ++l) {
        struct layer *layer = &network->layers[l];
        *layer = (struct layer){.width = width,
                                .activation = ACTIVATION_SQUARE,
                                .readout = true,
                                .readout_init_sd = (l == 0 ? 0.1 : 0.01) * inverse_root(width)};
        if (l > 0) layer->sources[layer->source_count++] = (struct layer_source){(int)l - 1, 0.3 * inverse_root(width)};
        layer->sources[layer->source_count++] = (struct layer_source){SOURCE_INPUT, (l == 0 ? 1 : 0.3) *
                                                                                        inverse_root(request->inputs)};
    }
}

/* The chain on [x, (x^2 - 1) / sqrt 2]: the network for teachers of the class in Allen-Zhu & Li 2020, sec. 2. */
static void describe_densenet(const struct network_request *request, struct network *network) {
    describe_chain(request, network);
    network->input_squares = true;
}

/* Multi-layer perceptron; weights of variance 1/(3 in), what PyTorch's layers start from. */
static void describe_mlp(const struct network_request *request, struct network *network) {
    const double root_third = 0.57735026918962576451;
    network->layer_count = request->depth;
    for (size_t l = 0; l < request->depth; ++l) {
        size_t in = l == 0 ? request->inputs : request->hidden_width;
        network->layers[l] = (struct layer){
            .width = request->hidden_width,
            .activation = request->activation,
            .bias = true,
            .source_count = 1,
            .sources = {{l == 0 ? SOURCE_INPUT : (int)l - 1, root_third * inverse_root(in)}},
            .readout = l + 1 == request->depth,
            .readout_init_sd = root_third * inverse_root(request->hidden_width)};
    }
}

/* The same with an output weight on every layer, for greedy layer-wise training. */
static void describe_mlp_readouts(const struct network_request *request, struct network *network) {
    describe_mlp(request, network);
    for (size_t l = 0; l < request->depth; ++l) {
        network->layers[l].readout = true;
        network->layers[l].readout_init_sd = network->layers[request->depth - 1].readout_init_sd;
    }
}

/* One hidden quadratic layer. */
static void describe_two_layer(const struct network_request *request, struct network *network) {
    struct network_request one = *request;
    one.depth = 1;
    describe_chain(&one, network);
}

const struct network_kind network_kinds[] = {
    {"quadratic_chain", "quadratic layers, each fed by the layer below and by x; the output reads all", describe_chain},
    {"densenet", "the quadratic chain on [x, (x^2 - 1) / sqrt 2]", describe_densenet},
    {"mlp", "fully-connected layers with biases; the output reads the last", describe_mlp},
    {"mlp_readouts", "the same, with an output weight on every layer", describe_mlp_readouts},
    {"two_layer", "one hidden quadratic layer", describe_two_layer},
};
const size_t network_kind_count = sizeof network_kinds / sizeof *network_kinds;
