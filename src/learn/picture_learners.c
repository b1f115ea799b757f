/* SPDX-License-Identifier: MIT */
/*
 * The learners that train a picture network by gradients, unit by unit or together. All share network, initial
 * weights, data and schedule and take equally many steps in all; they differ in their rule alone.
 * Source: Allen-Zhu & Li 2020, sec. 1; heads as in Belilovsky, Eickenberg & Oyallon 2019.
 */
#include "learn/picture_learners.h"

#include "learn/gradient.h"

const struct setting picture_settings[] = {
    {"picture.family", SETTING_CHOICE, "resnet", 0, 0, PICTURE_FAMILIES, "kind of network"},
    {"picture.depth", SETTING_COUNT, "20", 1, 1000, NULL, "layers with weights: 6 n + 2 of a resnet"},
    {"picture.channels", SETTING_COUNT, "16", 1, 1024, NULL, "channels of the first resolution; they double twice"},
    {"picture.widen", SETTING_COUNT, "4", 1, 64, NULL, "times the channels in wide_resnet"},
    {"picture.growth", SETTING_COUNT, "12", 1, 256, NULL, "channels that a layer of densenet adds"},
    {"picture.norm", SETTING_CHOICE, "batch", 0, 0, "batch|group|none", "normalisation before every relu"},
    {"picture.units", SETTING_COUNT, "0", 0, NETWORK_MAX_LAYERS, NULL,
     "parts that layer-wise training adds one by one; 0: one a resolution"},
    {"picture.head_layers", SETTING_COUNT, "1", 0, 8, NULL,
     "convolutions of the auxiliary heads; 0: linear readouts of the means"},
    {"picture.shape", SETTING_NUMBERS, "none", 1, 65536, NULL,
     "channels, height and width of a row; none: what the data say"},
    {"picture.learning_rate", SETTING_NUMBER, "2e-3", 1e-8, 10, NULL, "base learning rate"},
    {"picture.steps", SETTING_COUNT, "2000", 1, 100000000, NULL, "steps in all, which stages share equally"},
    {NULL, SETTING_TEXT, NULL, 0, 0, NULL, NULL},
};

static enum picture_norm norm_of(const struct settings *settings) {
    const char *name = settings_text(settings, "picture.norm");
    return name[0] == 'b' ? PICTURE_BATCH_NORM : name[0] == 'g' ? PICTURE_GROUP_NORM : PICTURE_NO_NORM;
}

struct picture_request picture_request_of(const struct settings *settings, const size_t shape[3], size_t classes) {
    return (struct picture_request){
        .channels = shape[0],
        .height = shape[1],
        .width = shape[2],
        .classes = classes,
        .family = settings_text(settings, "picture.family"),
        .depth = settings_count(settings, "picture.depth"),
        .base_channels = settings_count(settings, "picture.channels"),
        .widen = settings_count(settings, "picture.widen"),
        .growth = settings_count(settings, "picture.growth"),
        .units = settings_count(settings, "picture.units"),
        .head_layers = settings_count(settings, "picture.head_layers"),
        .norm = norm_of(settings),
    };
}

strata_status picture_from_settings(strata_context *ctx, const struct settings *settings, const size_t shape[3],
                                    size_t classes, struct picture_network *network) {
    const struct picture_request wanted = picture_request_of(settings, shape, classes);
    if (wanted.norm == PICTURE_BATCH_NORM && settings_count(settings, "train.batch_size") < 2)
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "train.batch_size = 1: batch normalisation takes the moments of at least 2 rows; "
                           "picture.norm = group needs one");
    return picture_describe(ctx, &wanted, network);
}

static strata_status describe_picture(strata_context *ctx, const struct learner_request *request,
                                      struct picture_network *network) {
    size_t shape[3];
    bool classes = source_task(request->train) == TASK_MULTICLASS;
    STRATA_TRY(learner_picture_shape(ctx, request, "picture.shape", shape));
    return picture_from_settings(ctx, request->settings, shape,
                                 classes ? source_classes(request->train) : source_outputs(request->train), network);
}

static strata_status describe(strata_context *ctx, const struct learner_request *request, struct network *network) {
    struct picture_network picture;
    STRATA_TRY(describe_picture(ctx, request, &picture));
    *network = (struct network){.kind = "picture",
                                .inputs = source_inputs(request->train),
                                .outputs = picture.classes,
                                .layer_count = picture.unit_count};
    for (size_t u = 1; u <= picture.unit_count; ++u)
        network->layers[u - 1] = (struct layer){
            .width = picture_feature_width(&picture, u), .activation = ACTIVATION_RELU, .readout = true};
    return STRATA_OK;
}

static strata_status build(strata_context *ctx, const struct learner_request *request, const struct network *network,
                           const struct network_view *view, struct graph *graph, struct network_nodes *nodes,
                           node *penalty) {
    struct picture_network picture;
    (void)network, (void)penalty;
    STRATA_TRY(describe_picture(ctx, request, &picture));
    return picture_build(&picture, view, graph, nodes);
}

static strata_status initialise(strata_context *ctx, const struct learner_request *request,
                                const struct network *network, struct rng_stream stream, const char *name, size_t count,
                                double *values) {
    struct picture_network picture;
    (void)network;
    STRATA_TRY(describe_picture(ctx, request, &picture));
    picture_initialise(&picture, stream, name, count, values);
    return STRATA_OK;
}

static const struct gradient_builder picture_builder = {.build = build, .initialise = initialise};

#define PICTURE_LEARNER(id, title_, summary_, ...)                                            \
    static const struct gradient_details id##_details = {.rule = {__VA_ARGS__},               \
                                                         .describe = describe,                \
                                                         .rate_key = "picture.learning_rate", \
                                                         .steps_key = "picture.steps",        \
                                                         .builder = &picture_builder};        \
    extern const struct learner_class learner_##id;                                           \
    const struct learner_class learner_##id = {.name = #id,                                   \
                                               .title = title_,                               \
                                               .summary = summary_,                           \
                                               .settings = picture_settings,                  \
                                               .details = &id##_details,                      \
                                               GRADIENT_ENTRIES}

PICTURE_LEARNER(picture, "All units together", "picture network, all units trained together under the last head",
                .last_readout = true);
PICTURE_LEARNER(picture_layerwise, "Unit by unit, frozen below",
                "stage s trains unit s and its own head; units below are frozen", .staged = true, .freeze_below = true,
                .last_readout = true);
PICTURE_LEARNER(picture_overlap, "Unit by unit, one below moves too",
                "stage s trains units s - 1 and s under the head of s; units below are frozen", .staged = true,
                .freeze_below = true, .overlap = 1, .last_readout = true);
PICTURE_LEARNER(picture_staged, "Units added one by one",
                "stage s trains units 1..s under the head of s: lower units go on learning from those above",
                .staged = true, .last_readout = true);
PICTURE_LEARNER(picture_staged_cut, "Units added, gradient cut",
                "units added one by one, each under its own head; no gradient flows into the unit below",
                .staged = true, .cut = true);
PICTURE_LEARNER(picture_cut, "All units, gradient cut",
                "all units at once, each under its own head; no gradient flows into the unit below", .cut = true);
PICTURE_LEARNER(picture_alone, "First unit alone",
                "the first unit under its own head for as many steps and stages as the others", .staged = true,
                .last_readout = true, .alone = true);
PICTURE_LEARNER(picture_freeze, "All together, frozen from below",
                "all units together; after the s-th part of the steps unit s is frozen", .staged = true,
                .freeze_below = true, .last_readout = true, .whole = true);
PICTURE_LEARNER(picture_reuse, "First unit learned below all others, reused",
                "all units together for half of the steps; then all above the first begin anew and it stays as it is",
                .last_readout = true, .reuse = true);
PICTURE_LEARNER(picture_reuse_alone, "First unit learned alone, reused",
                "the first unit under its own head for half of the steps; then all others above it, and it stays",
                .last_readout = true, .reuse = true, .alone = true);
PICTURE_LEARNER(picture_reuse_cut, "First unit learned below a cut, reused",
                "as picture_reuse, but in the first half no gradient flows into the unit below", .cut = true,
                .reuse = true);
