/* SPDX-License-Identifier: MIT */
/*
 * The learner of the paper. Level l has a wide layer W_l (m units) that explains the target and a
 * narrow one K_l (k units) that carries features upwards through a fixed random expansion R_l:
 *
 *     E_0 = x;  S_l = K_l [E_{l-1}, x];  E_l = sigma(R_l S_l)
 *     F_l = sigma(W_l [E_{l-1}, x]);     output = b + sum_l alpha_l 1'F_l,   alpha_l = gap^(l-1)
 *     loss = E (y - output)^2 + sum over levels below the newest of
 *            lambda3 |K_e'K_x - W_e'W_x|^2 + lambda4 |K_e'K_e - W_e'W_e|^2 + lambda5 |K'K - W'W|^2
 *            + lambda6 (|K|^2 + |W|^2)
 *
 * with K = [K_e, K_x] for the parts that read E_{l-1} and x, and sigma(z) = z^2, constant where |z| > B. Levels start
 * one after the other; K_l starts as the top-k singular part of W_l when level l + 1 starts, and from then on both
 * move by gradient (setting K_l by SVD in every step would remove the effect). Teachers with centred levels need
 * biases: from level 2 on, and of the output. W starts as a small Gaussian kick in place of zero with noise.
 * Source: Allen-Zhu & Li 2020, sec. 3 and 4 (quadratic activations).
 */
#include "learn/paper.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "learn/gradient.h"
#include "linalg/linalg.h"

static const struct setting paper_settings[] = {
    {"paper.lambda3", SETTING_NUMBER, "0", 0, 1e6, NULL,
     "weight of the cross products of K and W, previous level against input"},
    {"paper.lambda4", SETTING_NUMBER, "0", 0, 1e6, NULL, "weight of their products on the previous level"},
    {"paper.lambda5", SETTING_NUMBER, "0.01", 0, 1e6, NULL, "weight of their products over all inputs"},
    {"paper.lambda6", SETTING_NUMBER, "0", 0, 1e6, NULL, "weight of the squared norms of K and W"},
    {"paper.threshold", SETTING_NUMBER, "0", 0, 1e6, NULL,
     "a level also ends its stage when the running loss falls under this; 0: stages end by steps"},
    {"paper.noise", SETTING_NUMBER, "0", 0, 1e3, NULL, "sd of Gaussian noise added to every gradient entry"},
    {"paper.learning_rate", SETTING_NUMBER, "1e-2", 1e-8, 10, NULL, "base learning rate"},
    {"paper.narrow_width", SETTING_COUNT, "0", 0, 65536, NULL, "units k of a narrow layer; 0: teacher.width"},
    {"paper.truncation", SETTING_NUMBER, "0", 0, 1e6, NULL, "B: units stop growing where |z| > B; 0: never"},
    {"paper.expansion_rows", SETTING_COUNT, "0", 0, 65536, NULL,
     "rows of R_l; 0: k(k+1)/2, the fewest that span all quadratic forms"},
    {"paper.init_scale", SETTING_NUMBER, "0.1", 1e-9, 10, NULL, "W starts as this times N(0, 1/inputs)"},
    {NULL, SETTING_TEXT, NULL, 0, 0, NULL, NULL},
};

enum { NAME_SIZE = 32 };

static size_t narrow_width(const struct learner_request *request) {
    size_t k = settings_count(request->settings, "paper.narrow_width");
    return k ? k : settings_count(request->settings, "teacher.width");
}

static strata_status describe_paper(strata_context *ctx, const struct learner_request *request,
                                    struct network *network) {
    const struct settings *settings = request->settings;
    if (!settings_has(settings, "teacher.gap") || !settings_has(settings, "teacher.width"))
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED,
                           "paper: expected a teacher, whose teacher.gap and teacher.width it is told");
    size_t k = narrow_width(request), rows = settings_count(settings, "paper.expansion_rows");
    if (source_task(request->train) != TASK_REGRESSION)
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED, "paper: expected a regression target");
    *network = (struct network){.kind = "paper",
                                .inputs = source_inputs(request->train),
                                .outputs = 1,
                                .layer_count = settings_count(settings, "network.depth")};
    for (size_t l = 0; l < network->layer_count; ++l) network->layers[l].width = rows ? rows : k * (k + 1) / 2;
    return STRATA_OK;
}

/* Inputs of level l >= 1: x, and for l > 1 the expansion below and a bias. */
struct level {
    node expansion; /* E_{l-1}, NODE_NONE at level 1 */
    node x;
};

/* The weights `kind` ('W' or 'K') of level l on its inputs. */
struct weights {
    node expansion, x, bias;
};

static void weight_name(char name[NAME_SIZE], char kind, size_t level, const char *part) {
    snprintf(name, NAME_SIZE, "level%zu.%c.%s", level, kind, part);
}

static struct weights add_weights(struct graph *graph, const struct network *network, char kind, size_t level,
                                  size_t width) {
    char name[NAME_SIZE];
    struct weights weights = {NODE_NONE, NODE_NONE, NODE_NONE};
    unsigned group = GROUP_LAYER + (unsigned)level - 1;
    weight_name(name, kind, level, "x");
    weights.x = graph_parameter(graph, name, shape_matrix(network->inputs, width), group);
    if (level == 1) return weights;
    weight_name(name, kind, level, "expansion");
    weights.expansion = graph_parameter(graph, name, shape_matrix(network->layers[level - 2].width, width), group);
    weight_name(name, kind, level, "bias");
    weights.bias = graph_parameter(graph, name, shape_vector(width), group);
    return weights;
}

static node apply_weights(struct graph *graph, const struct level *level, const struct weights *weights) {
    if (level->expansion == NODE_NONE) return graph_binary(graph, OP_DENSE, level->x, weights->x);
    return graph_apply(graph, OP_DENSE, NULL, 5,
                       (node[]){level->expansion, weights->expansion, level->x, weights->x, weights->bias});
}

static node sigma(struct graph *graph, const struct settings *settings, node z) {
    struct op_attributes attributes = {.number = {settings_number(settings, "paper.truncation")}};
    return graph_apply(graph, OP_SQUARE, &attributes, 1, &z);
}

static node scaled(struct graph *graph, node x, double factor) {
    struct op_attributes attributes = {.number = {factor}};
    return graph_apply(graph, OP_SCALE, &attributes, 1, &x);
}

static node plus(struct graph *graph, node sum, node term) {
    return sum == NODE_NONE ? term : graph_binary(graph, OP_ADD, sum, term);
}

static node squared_norm(struct graph *graph, node x) {
    return graph_unary(graph, OP_SUM, graph_unary(graph, OP_SQUARE, x));
}

/* factor * |K_a K_b' - W_a W_b'|^2 on stored [in, units] weights: the products over units of the formula above. */
static node product_gap(struct graph *graph, node ka, node kb, node wa, node wb, double factor) {
    node k = graph_binary(graph, OP_CROSS_PRODUCT, ka, kb), w = graph_binary(graph, OP_CROSS_PRODUCT, wa, wb);
    return scaled(graph, squared_norm(graph, graph_binary(graph, OP_ADD, k, scaled(graph, w, -1))), factor);
}

static node level_penalty(struct graph *graph, const struct settings *settings, const struct weights *k,
                          const struct weights *w, node sum) {
    double lambda3 = settings_number(settings, "paper.lambda3"), lambda4 = settings_number(settings, "paper.lambda4");
    double lambda5 = settings_number(settings, "paper.lambda5"), lambda6 = settings_number(settings, "paper.lambda6");
    if (lambda5 > 0) sum = plus(graph, sum, product_gap(graph, k->x, k->x, w->x, w->x, lambda5));
    if (k->expansion != NODE_NONE && lambda3 + lambda5 > 0)
        sum = plus(graph, sum, product_gap(graph, k->expansion, k->x, w->expansion, w->x, lambda3 + 2 * lambda5));
    if (k->expansion != NODE_NONE && lambda4 + lambda5 > 0)
        sum = plus(graph, sum,
                   product_gap(graph, k->expansion, k->expansion, w->expansion, w->expansion, lambda4 + lambda5));
    const node all[] = {k->x, w->x, k->expansion, w->expansion};
    for (size_t i = 0; lambda6 > 0 && i < sizeof all / sizeof *all; ++i)
        if (all[i] != NODE_NONE) sum = plus(graph, sum, scaled(graph, squared_norm(graph, all[i]), lambda6));
    return sum;
}

/* R_l [k, rows]: fixed Gaussian directions of unit expected length. */
static node expansion_matrix(struct graph *graph, const struct learner_request *request, size_t level, size_t k,
                             size_t rows) {
    double *values = mem_zero(k * rows, sizeof *values);
    if (!values) return graph_fail(graph, STRATA_ERR_MEMORY, "out of memory for the random expansion");
    rng_normal_f64(rng_stream_at(rng_stream_make(request->seed, request->replicate, RNG_FEATURES), level), k * rows,
                   values);
    for (size_t i = 0; i < k * rows; ++i) values[i] /= sqrt((double)k);
    node matrix = graph_constant(graph, shape_matrix(k, rows), values);
    mem_free(values);
    return matrix;
}

static node level_output(struct graph *graph, const struct settings *settings, const struct level *inputs,
                         const struct weights *wide, size_t level) {
    double gap = settings_number(settings, "teacher.gap"), alpha = gap > 0 ? pow(gap, (double)level - 1) : 1;
    node f = sigma(graph, settings, apply_weights(graph, inputs, wide));
    size_t width = graph_status(graph) == STRATA_OK ? graph_shape(graph, f).dims[0] : 1;
    double *ones = mem_zero(width, sizeof *ones);
    if (!ones) return graph_fail(graph, STRATA_ERR_MEMORY, "out of memory for the output weights");
    for (size_t i = 0; i < width; ++i) ones[i] = alpha;
    node column = graph_constant(graph, shape_matrix(width, 1), ones);
    mem_free(ones);
    return graph_binary(graph, OP_DENSE, f, column);
}

static strata_status build_paper(strata_context *ctx, const struct learner_request *request,
                                 const struct network *network, const struct network_view *view, struct graph *graph,
                                 struct network_nodes *nodes, node *penalty) {
    (void)ctx;
    const struct settings *settings = request->settings;
    size_t k = narrow_width(request), wide_width = settings_count(settings, "network.hidden_width");
    struct level inputs = {.expansion = NODE_NONE, .x = graph_input(graph, "x", shape_rows(network->inputs))};
    nodes->input = inputs.x;
    nodes->output = NODE_NONE;
    for (size_t l = 1; l <= view->layers; ++l) {
        struct weights wide = add_weights(graph, network, 'W', l, wide_width),
                       narrow = add_weights(graph, network, 'K', l, k);
        nodes->output = plus(graph, nodes->output, level_output(graph, settings, &inputs, &wide, l));
        if (l < view->layers) *penalty = level_penalty(graph, settings, &narrow, &wide, *penalty);
        node carried = apply_weights(graph, &inputs, &narrow);
        node matrix = expansion_matrix(graph, request, l, k, network->layers[l - 1].width);
        inputs.expansion = sigma(graph, settings, graph_binary(graph, OP_DENSE, carried, matrix));
        nodes->layers[l - 1] = inputs.expansion;
        if (view->cut) inputs.expansion = graph_unary(graph, OP_STOP_GRADIENT, inputs.expansion);
    }
    nodes->output = graph_binary(graph, OP_BIAS, nodes->output,
                                 graph_parameter(graph, "output.bias", shape_vector(1), GROUP_OUTPUT_BIAS));
    return graph_status(graph);
}

static strata_status initialise_paper(strata_context *ctx, const struct learner_request *request,
                                      const struct network *network, struct rng_stream stream, const char *name,
                                      size_t count, double *values) {
    (void)ctx;
    (void)network;
    memset(values, 0, count * sizeof *values);
    if (!strstr(name, ".W.") || strstr(name, "bias")) return STRATA_OK; /* K is made from W */
    size_t wide_width = settings_count(request->settings, "network.hidden_width");
    double sd = settings_number(request->settings, "paper.init_scale") / sqrt((double)(count / wide_width));
    rng_normal_f64(rng_stream_at(stream, rng_hash(name)), count, values);
    for (size_t i = 0; i < count; ++i) values[i] *= sd;
    return STRATA_OK;
}

strata_status paper_narrow_from_wide(strata_context *ctx, size_t inputs, size_t wide_width, size_t k,
                                     const double *wide, double *narrow) {
    size_t rank = inputs < wide_width ? inputs : wide_width;
    double *copy = mem_zero(inputs, wide_width * sizeof *copy), *u = mem_zero(inputs, rank * sizeof *u);
    double *s = mem_zero(rank, sizeof *s), *vt = mem_zero(rank, wide_width * sizeof *vt);
    strata_status status = STRATA_OK;
    if (!copy || !u || !s || !vt)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the singular part of W"));
    memcpy(copy, wide, inputs * wide_width * sizeof *copy);
    STRATA_GO(linalg_svd(ctx, inputs, wide_width, copy, u, s, vt));
    for (size_t i = 0; i < inputs; ++i)
        for (size_t j = 0; j < k; ++j) narrow[i * k + j] = j < rank ? u[i * rank + j] * s[j] : 0;
cleanup:
    mem_free(copy);
    mem_free(u);
    mem_free(s);
    mem_free(vt);
    return status;
}

/* K of the newest level from its W: rows of all inputs stacked, [inputs, units]. */
static strata_status refresh_paper(strata_context *ctx, const struct learner_request *request,
                                   const struct network *network, size_t stage, const struct parameter_store *store) {
    static const char *const parts[] = {"x", "expansion", "bias"};
    size_t k = narrow_width(request), wide_width = settings_count(request->settings, "network.hidden_width"), rows = 0;
    size_t part_count = stage == 1 ? 1 : 3;
    char name[NAME_SIZE];
    size_t total = network->inputs + (stage == 1 ? 0 : network->layers[stage - 2].width + 1);
    double *wide = mem_zero(total, wide_width * sizeof *wide), *narrow = mem_zero(total, k * sizeof *narrow);
    strata_status status = STRATA_OK;
    if (!wide || !narrow) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for W of level %zu", stage));
    for (size_t p = 0; p < part_count; ++p) {
        weight_name(name, 'W', stage, parts[p]);
        const struct stored_parameter *item = store_find(store, name);
        memcpy(wide + rows * wide_width, item->values, item->count * sizeof *wide);
        rows += item->count / wide_width;
    }
    STRATA_GO(paper_narrow_from_wide(ctx, total, wide_width, k, wide, narrow));
    rows = 0;
    for (size_t p = 0; p < part_count; ++p) {
        weight_name(name, 'K', stage, parts[p]);
        struct stored_parameter *item = store_find(store, name);
        for (size_t i = 0; i < item->count; ++i)
            item->values[i] = (double)(float)narrow[rows * k + i]; /* what a program holds */
        rows += item->count / k;
    }
cleanup:
    mem_free(wide);
    mem_free(narrow);
    return status;
}

static const struct gradient_builder paper_builder = {
    .build = build_paper, .initialise = initialise_paper, .refresh = refresh_paper};

#define PAPER_LEARNER(id, title_, summary_, ...)                                             \
    static const struct gradient_details id##_details = {.describe = describe_paper,         \
                                                         .rate_key = "paper.learning_rate",  \
                                                         .noise_key = "paper.noise",         \
                                                         .threshold_key = "paper.threshold", \
                                                         .builder = &paper_builder,          \
                                                         .rule = {__VA_ARGS__}};             \
    const struct learner_class learner_##id = {.name = #id,                                  \
                                               .title = title_,                              \
                                               .summary = summary_,                          \
                                               .settings = paper_settings,                   \
                                               .details = &id##_details,                     \
                                               GRADIENT_ENTRIES}

PAPER_LEARNER(paper, "Paper's algorithm", "random expansions, narrow and wide layers, levels added one after the other",
              .staged = true);
PAPER_LEARNER(paper_frozen, "Paper's algorithm, frozen below",
              "as paper, but a level stops moving when the next one starts", .staged = true, .freeze_below = true);
PAPER_LEARNER(paper_cut, "Paper's algorithm, gradient cut",
              "as paper, but no gradient flows from a level into the levels below", .staged = true, .cut = true);
