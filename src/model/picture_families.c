/* SPDX-License-Identifier: MIT */
/* The families of picture networks: each a function that lists blocks. */
#include <stdio.h>
#include <string.h>

#include "model/picture_network.h"

enum { STAGES = 3 }; /* resolutions */

/* A family may ask for more blocks than there are places: they are counted, and refused by picture_describe. */
static void add(struct picture_network *network, enum block_kind kind, size_t channels, size_t stride) {
    if (network->block_count < PICTURE_MAX_BLOCKS)
        network->blocks[network->block_count] = (struct picture_block){
            .kind = kind, .channels = channels, .stride = stride};
    ++network->block_count;
}

/* n blocks of two convolutions a resolution, whose first halves the picture. */
static void add_stages(struct picture_network *network, enum block_kind kind, size_t n, size_t channels) {
    for (size_t stage = 0; stage < STAGES; ++stage)
        for (size_t i = 0; i < n; ++i) add(network, kind, channels << stage, stage && i == 0 ? 2 : 1);
}

static void describe_resnet(const struct picture_request *request, size_t n, struct picture_network *network) {
    add(network, BLOCK_CONVOLUTION, request->base_channels, 1);
    add_stages(network, BLOCK_RESIDUAL, n, request->base_channels);
}

static void describe_plain(const struct picture_request *request, size_t n, struct picture_network *network) {
    add(network, BLOCK_CONVOLUTION, request->base_channels, 1);
    add_stages(network, BLOCK_PLAIN, n, request->base_channels);
}

static void describe_preresnet(const struct picture_request *request, size_t n, struct picture_network *network) {
    add(network, BLOCK_CONVOLUTION, request->base_channels, 1);
    add_stages(network, BLOCK_PREACTIVATION, n, request->base_channels);
    add(network, BLOCK_NORM, 0, 1);
}

static void describe_wide_resnet(const struct picture_request *request, size_t n, struct picture_network *network) {
    add(network, BLOCK_CONVOLUTION, request->base_channels, 1);
    add_stages(network, BLOCK_PREACTIVATION, n, request->base_channels * request->widen);
    add(network, BLOCK_NORM, 0, 1);
}

static void describe_vgg(const struct picture_request *request, size_t n, struct picture_network *network) {
    for (size_t stage = 0; stage < STAGES; ++stage) {
        for (size_t i = 0; i < n; ++i) add(network, BLOCK_CONVOLUTION, request->base_channels << stage, 1);
        if (stage + 1 < STAGES) add(network, BLOCK_POOL, 0, 2);
    }
}

/* The first convolution gives twice the growth; a transition keeps half of the channels. */
static void describe_densenet(const struct picture_request *request, size_t n, struct picture_network *network) {
    size_t channels = 2 * request->growth;
    add(network, BLOCK_CONVOLUTION, channels, 1);
    for (size_t stage = 0; stage < STAGES; ++stage) {
        for (size_t i = 0; i < n; ++i) add(network, BLOCK_DENSE, request->growth, 1);
        channels = (channels + n * request->growth) / 2;
        if (stage + 1 < STAGES) add(network, BLOCK_TRANSITION, channels, 2);
    }
    add(network, BLOCK_NORM, 0, 1);
}

const struct picture_family picture_families[] = {
    {"resnet", "residual network (He et al. 2016, section 4.2), 1 x 1 convolutions where sizes change", 6, 2,
     describe_resnet},
    {"plain", "the same without skips", 6, 2, describe_plain},
    {"preresnet", "residual network with pre-activation (He et al. 2016, Identity Mappings)", 6, 2, describe_preresnet},
    {"wide_resnet", "the same with `widen` times the channels (Zagoruyko & Komodakis 2016)", 6, 4,
     describe_wide_resnet},
    {"vgg", "convolutions of 3 x 3 and maxima of 2 x 2 (Simonyan & Zisserman 2015)", 3, 1, describe_vgg},
    {"densenet", "every layer reads all before it (Huang et al. 2017)", 3, 4, describe_densenet},
};
const size_t picture_family_count = sizeof picture_families / sizeof *picture_families;

static size_t halved(size_t size, size_t stride) { return (size + stride - 1) / stride; }

static void fill_sizes(struct picture_network *network) {
    size_t channels = network->channels, height = network->height, width = network->width;
    for (size_t i = 0; i < network->block_count; ++i) {
        struct picture_block *b = &network->blocks[i];
        b->in_channels = channels, b->in_height = height, b->in_width = width;
        if (b->kind == BLOCK_DENSE)
            channels += b->channels;
        else if (b->channels)
            channels = b->channels;
        bool pools = b->kind == BLOCK_POOL || b->kind == BLOCK_TRANSITION; /* an odd last line is dropped */
        height = pools ? height / 2 : halved(height, b->stride);
        width = pools ? width / 2 : halved(width, b->stride);
        b->out_channels = channels, b->out_height = height, b->out_width = width;
    }
}

/* Units end where the resolution is about to change; the first convolution belongs to the first unit. */
static void cut_at_resolutions(struct picture_network *network) {
    for (size_t i = 2; i < network->block_count; ++i) {
        const struct picture_block *b = &network->blocks[i];
        if (b->stride > 1 && b->kind != BLOCK_POOL && b->kind != BLOCK_TRANSITION)
            network->unit_end[network->unit_count++] = i;
        else if (b->stride > 1)
            network->unit_end[network->unit_count++] = i + 1;
    }
    network->unit_end[network->unit_count++] = network->block_count;
}

/* Equal parts of the blocks above the first; a closing norm stays with the block below it. */
static void cut_evenly(struct picture_network *network, size_t units) {
    bool closes = network->blocks[network->block_count - 1].kind == BLOCK_NORM;
    size_t inner = network->block_count - 1 - closes;
    network->unit_count = units;
    for (size_t u = 1; u <= units; ++u) network->unit_end[u - 1] = 1 + inner * u / units + (u == units && closes);
}

static size_t block_parameters(const struct picture_network *network, const struct picture_block *b) {
    size_t in = b->in_channels, c = b->channels, each = network->norm == PICTURE_NO_NORM ? 0 : 2;
    bool same = in == c && b->stride == 1;
    switch (b->kind) {
    case BLOCK_CONVOLUTION: return 9 * in * c + each * c;
    case BLOCK_PLAIN: return 9 * in * c + 9 * c * c + 2 * each * c;
    case BLOCK_RESIDUAL: return 9 * in * c + 9 * c * c + 2 * each * c + (same ? 0 : in * c + each * c);
    case BLOCK_PREACTIVATION: return each * in + 9 * in * c + each * c + 9 * c * c + (same ? 0 : in * c);
    case BLOCK_DENSE: return each * in + 9 * in * c;
    case BLOCK_TRANSITION: return each * in + in * c;
    case BLOCK_NORM: return each * in;
    case BLOCK_POOL: return 0;
    }
    return 0;
}

static double block_products(const struct picture_block *b) {
    double in = (double)b->in_channels, c = (double)b->channels, pixels = (double)(b->out_height * b->out_width);
    bool same = b->in_channels == b->channels && b->stride == 1;
    switch (b->kind) {
    case BLOCK_CONVOLUTION:
    case BLOCK_DENSE: return 9 * in * c * pixels;
    case BLOCK_PLAIN: return 9 * (in + c) * c * pixels;
    case BLOCK_RESIDUAL:
    case BLOCK_PREACTIVATION: return (9 * (in + c) + (same ? 0 : in)) * c * pixels;
    case BLOCK_TRANSITION: return in * c * (double)(b->in_height * b->in_width);
    case BLOCK_NORM:
    case BLOCK_POOL: return 0;
    }
    return 0;
}

double picture_products(const struct picture_network *network, size_t blocks) {
    bool whole = blocks >= network->block_count;
    double products = whole ? (double)(network->blocks[network->block_count - 1].out_channels * network->classes) : 0;
    for (size_t i = 0; i < network->block_count && i < blocks; ++i) products += block_products(&network->blocks[i]);
    return products;
}

size_t picture_parameter_count(const struct picture_network *network) {
    size_t count = (network->blocks[network->block_count - 1].out_channels + 1) * network->classes;
    for (size_t i = 0; i < network->block_count; ++i) count += block_parameters(network, &network->blocks[i]);
    return count;
}

static const struct picture_family *find(const char *name) {
    for (size_t i = 0; i < picture_family_count; ++i)
        if (strcmp(picture_families[i].name, name) == 0) return &picture_families[i];
    return NULL;
}

strata_status picture_describe(strata_context *ctx, const struct picture_request *request,
                               struct picture_network *network) {
    const struct picture_family *family = find(request->family);
    if (!family) return strata_fail(ctx, STRATA_ERR_CONFIG, "no picture network is called '%s'", request->family);
    if (request->depth <= family->offset || (request->depth - family->offset) % family->step)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "%s has %zu n + %zu layers (%zu, %zu, ...): found a depth of %zu",
                           family->name, family->step, family->offset, family->step + family->offset,
                           2 * family->step + family->offset, request->depth);
    *network = (struct picture_network){.channels = request->channels,
                                        .height = request->height,
                                        .width = request->width,
                                        .classes = request->classes,
                                        .norm = request->norm,
                                        .head_layers = request->head_layers};
    family->describe(request, (request->depth - family->offset) / family->step, network);
    if (network->block_count > PICTURE_MAX_BLOCKS)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "%s of depth %zu has %zu blocks: expected at most %d", family->name,
                           request->depth, network->block_count, PICTURE_MAX_BLOCKS);
    fill_sizes(network);
    const struct picture_block *top = &network->blocks[network->block_count - 1];
    if (top->out_height == 0 || top->out_width == 0)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "%s halves a picture twice: %zu x %zu pixels are too few",
                           family->name, request->height, request->width);
    if (request->units > NETWORK_MAX_LAYERS || request->units + 1 > network->block_count)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "%zu units of %zu blocks: expected at most %zu", request->units,
                           network->block_count,
                           network->block_count - 1 < NETWORK_MAX_LAYERS ? network->block_count - 1
                                                                         : (size_t)NETWORK_MAX_LAYERS);
    if (request->units)
        cut_evenly(network, request->units);
    else
        cut_at_resolutions(network);
    return STRATA_OK;
}
