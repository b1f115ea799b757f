/* SPDX-License-Identifier: MIT */
#include "model/picture_network.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PREFIX_SIZE = 32, PART_SIZE = 40, NAME_SIZE = PREFIX_SIZE + PART_SIZE, GROUPS = 4, MOST_CELLS = 4 };

/* ---- pieces: parameters are named PREFIX.PART, and belong to a group */

struct builder {
    const struct picture_network *network;
    struct graph *graph;
    char prefix[PREFIX_SIZE];
    unsigned group;
};

static node parameter(const struct builder *b, const char *part, struct shape shape) {
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%s.%s", b->prefix, part);
    return graph_parameter(b->graph, name, shape, b->group);
}

static node parameter_of(const struct builder *b, const char *part, size_t number, const char *what,
                         struct shape shape) {
    char name[PART_SIZE];
    snprintf(name, sizeof name, "%s%zu.%s", part, number, what);
    return parameter(b, name, shape);
}

static size_t channels_of(const struct builder *b, node x) { return graph_shape(b->graph, x).dims[0]; }

static node convolve(const struct builder *b, const char *part, size_t number, node x, size_t channels, size_t kernel,
                     size_t stride) {
    const struct op_attributes attributes = {.size = {stride, kernel / 2}};
    const struct shape shape = {.rank = 4, .dims = {channels, channels_of(b, x), kernel, kernel}};
    const node inputs[2] = {x, parameter_of(b, part, number, "weight", shape)};
    return graph_apply(b->graph, OP_CONV2D, &attributes, 2, inputs);
}

static node normalise_then(const struct builder *b, size_t number, node x, bool relu) {
    struct shape each = shape_vector(channels_of(b, x));
    if (b->network->norm == PICTURE_BATCH_NORM) {
        const struct op_attributes attributes = {.size = {relu}};
        const node inputs[5] = {
            x, parameter_of(b, "norm", number, "scale", each), parameter_of(b, "norm", number, "shift", each),
            parameter_of(b, "norm", number, "mean", each), parameter_of(b, "norm", number, "variance", each)};
        return graph_apply(b->graph, OP_BATCH_NORM, &attributes, 5, inputs);
    }
    if (b->network->norm == PICTURE_GROUP_NORM) {
        const struct op_attributes groups = {.size = {each.dims[0] % GROUPS ? 1 : GROUPS}};
        const node inputs[3] = {x, parameter_of(b, "norm", number, "scale", each),
                                parameter_of(b, "norm", number, "shift", each)};
        x = graph_apply(b->graph, OP_GROUP_NORM, &groups, 3, inputs);
    }
    return relu ? graph_unary(b->graph, OP_RELU, x) : x;
}

static node normalise(const struct builder *b, size_t number, node x) { return normalise_then(b, number, x, false); }

/* relu(norm(x)) */
static node activate(const struct builder *b, size_t number, node x) { return normalise_then(b, number, x, true); }

static node flat(const struct builder *b, node x) {
    struct shape shape = graph_shape(b->graph, x);
    const struct op_attributes row = {.size = {1, shape_size(&shape)}};
    return graph_apply(b->graph, OP_RESHAPE, &row, 1, &x);
}

static node picture(const struct builder *b, node x, size_t channels, size_t height, size_t width) {
    const struct op_attributes shape = {.size = {3, channels, height, width}};
    return graph_apply(b->graph, OP_RESHAPE, &shape, 1, &x);
}

static node means(const struct builder *b, node x, size_t height, size_t width) {
    const struct op_attributes window = {.size = {height, width}};
    return graph_apply(b->graph, OP_AVERAGE_POOL, &window, 1, &x);
}

/* ---- blocks */

/* x + h; without norms the branches are scaled so that all of them together add as much as x is. */
static node add_branch(const struct builder *b, node x, node h) {
    const struct op_attributes share = {.number = {1 / sqrt((double)b->network->block_count)}};
    if (b->network->norm == PICTURE_NO_NORM) h = graph_apply(b->graph, OP_SCALE, &share, 1, &h);
    return graph_binary(b->graph, OP_ADD, x, h);
}

static node shortcut(const struct builder *b, const struct picture_block *block, node x) {
    if (block->in_channels == block->channels && block->stride == 1) return x;
    node y = convolve(b, "skip", 1, x, block->channels, 1, block->stride);
    return block->kind == BLOCK_PREACTIVATION ? y : normalise(b, 3, y);
}

static node residual(const struct builder *b, const struct picture_block *block, node x) {
    node h = activate(b, 1, convolve(b, "conv", 1, x, block->channels, 3, block->stride));
    h = convolve(b, "conv", 2, h, block->channels, 3, 1);
    if (block->kind == BLOCK_PLAIN) return activate(b, 2, h);
    return graph_unary(b->graph, OP_RELU, add_branch(b, shortcut(b, block, x), normalise(b, 2, h)));
}

static node preactivation(const struct builder *b, const struct picture_block *block, node x) {
    node open = activate(b, 1, x);
    node h = convolve(b, "conv", 1, open, block->channels, 3, block->stride);
    h = convolve(b, "conv", 2, activate(b, 2, h), block->channels, 3, 1);
    bool same = block->in_channels == block->channels && block->stride == 1;
    return add_branch(b, shortcut(b, block, same ? x : open), h);
}

static node dense(const struct builder *b, const struct picture_block *block, node x) {
    node h = convolve(b, "conv", 1, activate(b, 1, x), block->channels, 3, 1);
    node both = graph_apply(b->graph, OP_CONCAT, NULL, 2, (node[]){flat(b, x), flat(b, h)});
    return picture(b, both, block->out_channels, block->out_height, block->out_width);
}

static node add_block(const struct builder *b, const struct picture_block *block, node x) {
    switch (block->kind) {
    case BLOCK_CONVOLUTION: return activate(b, 1, convolve(b, "conv", 1, x, block->channels, 3, block->stride));
    case BLOCK_RESIDUAL:
    case BLOCK_PLAIN: return residual(b, block, x);
    case BLOCK_PREACTIVATION: return preactivation(b, block, x);
    case BLOCK_DENSE: return dense(b, block, x);
    case BLOCK_TRANSITION: return means(b, convolve(b, "conv", 1, activate(b, 1, x), block->channels, 1, 1), 2, 2);
    case BLOCK_NORM: return activate(b, 1, x);
    case BLOCK_POOL: {
        const struct op_attributes window = {.size = {2, 2}};
        return graph_apply(b->graph, OP_MAX_POOL, &window, 1, &x);
    }
    }
    return NODE_NONE;
}

/* ---- heads and the whole */

/* Logits of a unit: convolutions (not of the last one), mean over the picture, linear map. */
static node add_head(struct builder *b, size_t unit, node x) {
    bool last = unit == b->network->unit_count;
    size_t channels = channels_of(b, x);
    /* One name for the last, however the network is cut into units: equal names draw equal weights. */
    snprintf(b->prefix, sizeof b->prefix, last ? "head" : "head%zu", unit);
    b->group = GROUP_READOUT + (unsigned)unit - 1;
    for (size_t i = 1; !last && i <= b->network->head_layers; ++i)
        x = activate(b, i, convolve(b, "conv", i, x, channels, 3, 1));
    node weight = parameter(b, "weight", shape_matrix(channels, b->network->classes));
    node bias = parameter(b, "bias", shape_vector(b->network->classes));
    return graph_apply(b->graph, OP_DENSE, NULL, 3, (node[]){flat(b, means(b, x, 0, 0)), weight, bias});
}

static size_t cell(size_t size) { return (size + MOST_CELLS - 1) / MOST_CELLS; }

const struct picture_block *picture_unit_top(const struct picture_network *network, size_t unit) {
    return &network->blocks[network->unit_end[unit - 1] - 1];
}

size_t picture_feature_width(const struct picture_network *network, size_t unit) {
    const struct picture_block *top = picture_unit_top(network, unit);
    return top->out_channels * (top->out_height / cell(top->out_height)) * (top->out_width / cell(top->out_width));
}

strata_status picture_build(const struct picture_network *network, const struct network_view *view, struct graph *graph,
                            struct network_nodes *nodes) {
    struct builder b = {.network = network, .graph = graph};
    nodes->input = graph_input(graph, "x", shape_rows(network->channels * network->height * network->width));
    node h = picture(&b, nodes->input, network->channels, network->height, network->width);
    size_t block = 0;
    for (size_t u = 1; u <= view->layers; ++u) {
        if (view->cut && u > 1) h = graph_unary(graph, OP_STOP_GRADIENT, h);
        for (; block < network->unit_end[u - 1]; ++block) {
            snprintf(b.prefix, sizeof b.prefix, "block%zu", block + 1);
            b.group = GROUP_LAYER + (unsigned)u - 1;
            h = add_block(&b, &network->blocks[block], h);
        }
        const struct picture_block *top = &network->blocks[block - 1];
        nodes->layers[u - 1] = flat(&b, means(&b, h, cell(top->out_height), cell(top->out_width)));
        if (u == view->layers)
            nodes->output = add_head(&b, u, h);
        else if (!view->last_readout)
            nodes->others[nodes->other_count++] = add_head(&b, u, h);
    }
    return graph_status(graph);
}

void picture_initialise(const struct picture_network *network, struct rng_stream stream, const char *name, size_t count,
                        double *values) {
    const char *part = strrchr(name, '.') + 1;
    bool convolution = strstr(name, ".conv") || strstr(name, ".skip");
    size_t number = 0, outputs = network->classes;
    if (strcmp(part, "weight") != 0) {
        double constant = strcmp(part, "scale") == 0 || strcmp(part, "variance") == 0 ? 1 : 0;
        for (size_t i = 0; i < count; ++i) values[i] = constant;
        return;
    }
    if (convolution && sscanf(name, "block%zu.", &number) == 1) outputs = network->blocks[number - 1].channels;
    if (convolution && sscanf(name, "head%zu.", &number) == 1)
        outputs = picture_unit_top(network, number)->out_channels;
    double fan_in = (double)(count / outputs);
    rng_normal_f64(rng_stream_at(stream, rng_hash(name)), count, values);
    for (size_t i = 0; i < count; ++i) values[i] *= sqrt((convolution ? 2 : 1) / fan_in);
}
