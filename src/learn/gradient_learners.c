/* SPDX-License-Identifier: MIT */
/*
 * The learners that train a network by gradients. Joint, staged, layer-wise and cut training share
 * network, initial weights, data and schedule, and differ in their rule alone.
 * Source: Allen-Zhu & Li 2020, sec. 1 and 4; greedy heads as in Belilovsky, Eickenberg & Oyallon 2019.
 */
#include "learn/gradient.h"

static struct network_request request_of(const struct learner_request *request) {
    const struct settings *settings = request->settings;
    size_t classes = source_classes(request->train);
    return (struct network_request){.inputs = source_inputs(request->train),
                                    .outputs = source_task(request->train) == TASK_MULTICLASS ? classes : 1,
                                    .depth = settings_count(settings, "network.depth"),
                                    .hidden_width = settings_count(settings, "network.hidden_width"),
                                    .activation = activation_find(settings_text(settings, "network.activation"))};
}

static strata_status describe_quadratic(strata_context *ctx, const struct learner_request *request,
                                        struct network *network) {
    struct network_request wanted = request_of(request);
    bool squares = settings_flag(request->settings, "network.input_squares");
    return network_describe(ctx, squares ? "densenet" : "quadratic_chain", &wanted, network);
}

/* As many parameters as the deep network: the width follows from its count. */
static strata_status describe_two_layer(strata_context *ctx, const struct learner_request *request,
                                        struct network *network) {
    struct network_request wanted = request_of(request);
    struct network deep;
    STRATA_TRY(describe_quadratic(ctx, request, &deep));
    wanted.hidden_width = (network_parameter_count(&deep) - wanted.outputs) / (wanted.inputs + wanted.outputs);
    if (wanted.hidden_width == 0) wanted.hidden_width = 1;
    return network_describe(ctx, "two_layer", &wanted, network);
}

static strata_status describe_dense(strata_context *ctx, const struct learner_request *request,
                                    struct network *network) {
    struct network_request wanted = request_of(request);
    return network_describe(ctx, "mlp_readouts", &wanted, network);
}

/* Linear in x: one layer of identity units whose weights never meet a nonlinearity. */
static strata_status describe_linear(strata_context *ctx, const struct learner_request *request,
                                     struct network *network) {
    struct network_request wanted = request_of(request);
    wanted.depth = 1;
    wanted.activation = ACTIVATION_IDENTITY;
    return network_describe(ctx, "mlp", &wanted, network);
}

static const struct setting mlp_settings[] = {
    {"mlp.depth", SETTING_COUNT, "4", 1, 24, NULL, "hidden layers of mlp_relu and mlp_gelu"},
    {"mlp.hidden_width", SETTING_COUNT, "256", 1, 65536, NULL, "units in each of them"},
    {"mlp.learning_rate", SETTING_NUMBER, "1e-3", 1e-8, 10, NULL, "their base learning rate"},
    {"mlp.steps", SETTING_COUNT, "3000", 0, 100000000, NULL, "their steps; 0: depth * steps_per_stage"},
    {NULL, SETTING_TEXT, NULL, 0, 0, NULL, NULL},
};

static strata_status describe_mlp(strata_context *ctx, const struct learner_request *request, struct network *network,
                                  enum activation activation) {
    struct network_request wanted = request_of(request);
    wanted.activation = activation;
    wanted.depth = settings_count(request->settings, "mlp.depth");
    wanted.hidden_width = settings_count(request->settings, "mlp.hidden_width");
    return network_describe(ctx, "mlp", &wanted, network);
}

static strata_status describe_mlp_relu(strata_context *ctx, const struct learner_request *request,
                                       struct network *network) {
    return describe_mlp(ctx, request, network, ACTIVATION_RELU);
}

static strata_status describe_mlp_gelu(strata_context *ctx, const struct learner_request *request,
                                       struct network *network) {
    return describe_mlp(ctx, request, network, ACTIVATION_GELU);
}

#define GRADIENT_LEARNER(id, title_, summary_, settings_, ...)           \
    static const struct gradient_details id##_details = {__VA_ARGS__};   \
    const struct learner_class learner_##id = {.name = #id,              \
                                               .title = title_,          \
                                               .summary = summary_,      \
                                               .settings = settings_,    \
                                               .details = &id##_details, \
                                               GRADIENT_ENTRIES}

GRADIENT_LEARNER(sgd_joint, "SGD, all layers together", "quadratic network, all layers trained together from the start",
                 NULL, .describe = describe_quadratic);
GRADIENT_LEARNER(sgd_staged, "SGD, layers added one by one", "layers added one at a time; stage s trains layers 1..s",
                 NULL, .describe = describe_quadratic, .rule = {.staged = true});
GRADIENT_LEARNER(layerwise, "Layer by layer, frozen below",
                 "stage s trains layer s and its output weights; layers below are frozen", NULL,
                 .describe = describe_quadratic, .rule = {.staged = true, .freeze_below = true});
GRADIENT_LEARNER(layerwise_refit, "Layer by layer, outputs refitted",
                 "as layerwise, with the frozen layers' output weights refitted in every stage", NULL,
                 .describe = describe_quadratic,
                 .rule = {.staged = true, .freeze_below = true, .refit_readouts = true});
GRADIENT_LEARNER(staged_cut, "Layers added, gradient cut",
                 "as sgd_staged, but no gradient flows from a layer into the layer below", NULL,
                 .describe = describe_quadratic, .rule = {.staged = true, .cut = true});
GRADIENT_LEARNER(two_layer, "Two-layer quadratic network",
                 "one quadratic layer with as many parameters as the deep network", NULL,
                 .describe = describe_two_layer);
GRADIENT_LEARNER(linear, "Linear model", "linear (or logistic) regression on the inputs", NULL,
                 .describe = describe_linear);
GRADIENT_LEARNER(mlp_relu, "ReLU network", "fully-connected ReLU network, all layers together", mlp_settings,
                 .describe = describe_mlp_relu, .rate_key = "mlp.learning_rate", .steps_key = "mlp.steps");
GRADIENT_LEARNER(mlp_gelu, "GELU network", "fully-connected GELU network, all layers together", mlp_settings,
                 .describe = describe_mlp_gelu, .rate_key = "mlp.learning_rate", .steps_key = "mlp.steps");
GRADIENT_LEARNER(dense_joint, "Dense, all layers together",
                 "dense network of any activation, all layers together, one output on top", NULL,
                 .describe = describe_dense, .rule = {.last_readout = true});
GRADIENT_LEARNER(dense_greedy, "Dense, greedy, frozen below",
                 "dense network, one layer at a time under its own linear output, layers below frozen", NULL,
                 .describe = describe_dense, .rule = {.staged = true, .freeze_below = true, .last_readout = true});
GRADIENT_LEARNER(dense_staged, "Dense, layers added one by one",
                 "dense network, layers added one at a time under one output on top; lower layers keep training", NULL,
                 .describe = describe_dense, .rule = {.staged = true, .last_readout = true});
