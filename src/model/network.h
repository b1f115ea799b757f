/* SPDX-License-Identifier: MIT */
/*
 * Networks described once, as data: layers with their sources, and which layers the output reads.
 * The same description gives the training graph, the prediction graph and the initial weights.
 *
 *     layer l:  h_l = sum over sources W_{l,s} a_s (+ b_l),   a_l = activation(h_l)
 *     output:   y = b + sum over readouts O_l a_l
 */
#ifndef MODEL_NETWORK_H
#define MODEL_NETWORK_H

#include "core/rng.h"
#include "core/status.h"
#include "graph/graph.h"

enum { NETWORK_MAX_LAYERS = 24, LAYER_MAX_SOURCES = 5, SOURCE_INPUT = -1 };

enum activation {
    ACTIVATION_IDENTITY,
    ACTIVATION_SQUARE, /* z^2 - 1: the constant is what a unit of unit variance averages to */
    ACTIVATION_RELU,
    ACTIVATION_GELU,
    ACTIVATION_TANH,
    ACTIVATION_SIGMOID,
    ACTIVATION_COUNT
};

/** "identity", "square", ...; for settings and messages. */
extern const char *const activation_names[ACTIVATION_COUNT];
/** ACTIVATION_COUNT when unknown. */
enum activation activation_find(const char *name);

struct layer_source {
    int layer;      /* index of an earlier layer, or SOURCE_INPUT */
    double init_sd; /* standard deviation of the initial weights */
};

struct layer {
    size_t width;
    enum activation activation;
    bool bias;
    size_t source_count;
    struct layer_source sources[LAYER_MAX_SOURCES];
    bool readout; /* the output reads this layer */
    double readout_init_sd;
};

struct network {
    const char *kind;
    size_t inputs, outputs;
    bool input_squares; /* layers see [x, (x^2 - 1) / sqrt 2] in place of x */
    size_t layer_count;
    struct layer layers[NETWORK_MAX_LAYERS];
};

/** What a network is made for. */
struct network_request {
    size_t inputs, outputs, depth, hidden_width;
    enum activation activation; /* of kinds that leave it open */
};

struct network_kind {
    const char *name, *summary;
    /** Fills layers; the request's sizes are >= 1 and depth <= NETWORK_MAX_LAYERS. */
    void (*describe)(const struct network_request *request, struct network *network);
};
extern const struct network_kind network_kinds[];
extern const size_t network_kind_count;

/** Describes a network of a named kind. ERR_CONFIG: unknown kind, sizes out of range. */
STRATA_MUST_USE strata_status network_describe(strata_context *ctx, const char *kind,
                                               const struct network_request *request, struct network *network);

/** Trainable numbers. */
size_t network_parameter_count(const struct network *network);

/** Parameter groups: of a layer's weights, of the weights that read it out, of the output's bias. */
enum { GROUP_OUTPUT_BIAS = 0, GROUP_LAYER = 1, GROUP_READOUT = 32 };

/** How much of the network a graph has. */
struct network_view {
    size_t layers;     /* the first so many */
    bool cut;          /* no gradient flows from a layer into the layer below */
    bool last_readout; /* the output reads only the last of them */
};

struct network_nodes {
    node input;
    node layers[NETWORK_MAX_LAYERS]; /* activations */
    node output;
    node others[NETWORK_MAX_LAYERS]; /* outputs beside it that are trained with it, each by its own loss */
    size_t other_count;
};

/**
 * Adds the network to a graph: input "x", parameters "layer1.input", "layer2.layer1", "layer1.bias", "readout1",
 * "output.bias".
 */
STRATA_MUST_USE strata_status network_build(const struct network *network, const struct network_view *view,
                                            struct graph *graph, struct network_nodes *nodes);

/**
 * Initial values of a named parameter: normal draws from the stream of its name times its sd; biases are zero.
 * ERR_NOT_FOUND.
 */
STRATA_MUST_USE strata_status network_initialise(strata_context *ctx, const struct network *network,
                                                 struct rng_stream stream, const char *name, size_t count,
                                                 double *values);

#endif
