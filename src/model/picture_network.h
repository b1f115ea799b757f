/* SPDX-License-Identifier: MIT */
/*
 * Networks for pictures, described once, as data: a list of blocks, cut into units that can be trained, frozen and
 * read out one by one. One builder turns any description into a graph.
 */
#ifndef MODEL_PICTURE_NETWORK_H
#define MODEL_PICTURE_NETWORK_H

#include "core/rng.h"
#include "core/status.h"
#include "graph/graph.h"
#include "model/network.h"

enum { PICTURE_MAX_BLOCKS = 128 };

enum block_kind {
    BLOCK_CONVOLUTION,   /* 3 x 3, norm, relu */
    BLOCK_RESIDUAL,      /* relu(x + norm(3 x 3(relu(norm(3 x 3(x)))))), He et al. 2016a */
    BLOCK_PLAIN,         /* the same without x */
    BLOCK_PREACTIVATION, /* x + 3 x 3(relu(norm(3 x 3(relu(norm(x)))))), He et al. 2016b */
    BLOCK_DENSE,         /* [x, 3 x 3(relu(norm(x)))], Huang et al. 2017 */
    BLOCK_TRANSITION,    /* mean of 2 x 2 of 1 x 1(relu(norm(x))) */
    BLOCK_NORM,          /* relu(norm(x)) */
    BLOCK_POOL           /* maximum of 2 x 2 */
};

enum picture_norm { PICTURE_BATCH_NORM, PICTURE_GROUP_NORM, PICTURE_NO_NORM };

struct picture_block {
    enum block_kind kind;
    size_t channels; /* that its convolutions give */
    size_t stride;
    /* filled when all blocks are known: */
    size_t in_channels, in_height, in_width, out_channels, out_height, out_width;
};

struct picture_network {
    size_t channels, height, width, classes; /* of the pictures */
    enum picture_norm norm;
    size_t head_layers; /* convolutions before the linear map of every head but the last */
    size_t block_count, unit_count;
    struct picture_block blocks[PICTURE_MAX_BLOCKS];
    size_t unit_end[NETWORK_MAX_LAYERS]; /* blocks of units 1..u */
};

struct picture_request {
    size_t channels, height, width, classes;
    const char *family;
    size_t depth;         /* layers with weights, as the family's papers count them */
    size_t base_channels; /* of the first resolution */
    size_t widen, growth; /* of wide residual and dense networks */
    size_t units;         /* 0: one a resolution */
    size_t head_layers;
    enum picture_norm norm;
};

struct picture_family {
    const char *name, *summary;
    size_t step, offset; /* depth = step n + offset, n >= 1 */
    void (*describe)(const struct picture_request *request, size_t n, struct picture_network *network);
};
/** In the order of PICTURE_FAMILIES. */
extern const struct picture_family picture_families[];
extern const size_t picture_family_count;
/** Names of all families, "resnet|plain|...". */
#define PICTURE_FAMILIES "resnet|plain|preresnet|wide_resnet|vgg|densenet"

/** Errors: CONFIG (unknown family, a depth or a number of units that it cannot have, a picture that is too small). */
STRATA_MUST_USE strata_status picture_describe(strata_context *ctx, const struct picture_request *request,
                                               struct picture_network *network);

/** Multiplications of one picture's way through the convolutions of the first `blocks` blocks, and the last head. */
double picture_products(const struct picture_network *network, size_t blocks);

/** Trained numbers of the network under its last head. */
size_t picture_parameter_count(const struct picture_network *network);

/** What unit `unit` (1..) gives. */
const struct picture_block *picture_unit_top(const struct picture_network *network, size_t unit);
/** Numbers of a unit's features: channels times at most 4 x 4 cells. */
size_t picture_feature_width(const struct picture_network *network, size_t unit);

/**
 * Adds input "x", the first view->layers units (their features: means over cells), and heads: the last unit's logits
 * are nodes->output; without view->last_readout those of the units below are nodes->others. Parameters are named
 * "block3.conv1.weight", "block3.norm1.scale", "head2.weight", "head.weight" of the last.
 */
STRATA_MUST_USE strata_status picture_build(const struct picture_network *network, const struct network_view *view,
                                            struct graph *graph, struct network_nodes *nodes);

/**
 * Initial values: convolutions normal of variance 2 / fan-in (He et al. 2015), linear maps of 1 / fan-in, norms the
 * identity.
 */
void picture_initialise(const struct picture_network *network, struct rng_stream stream, const char *name, size_t count,
                        double *values);

#endif
