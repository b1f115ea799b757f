/* SPDX-License-Identifier: MIT */
/* Picture networks: their families, what each training rule moves, and that a stopped fit goes on with equal bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "graph/optimizer.h"
#include "graph/program.h"
#include "learn/learner.h"
#include "learn/objective.h"
#include "measure/errors.h"
#include "model/picture_network.h"

enum { SIDE = 8, ROWS = 96, CLASSES = 3, INPUTS = SIDE * SIDE };

struct lab {
    strata_context *ctx;
    struct settings *settings;
    struct dataset data;
    struct sample_source *source;
};

static void set(const struct lab *lab, const char *key, const char *value) {
    if (settings_set(lab->ctx, lab->settings, "test", key, value) != STRATA_OK)
        fail_msg("%s", strata_context_message(lab->ctx));
}

/* Class k: noise with a bright bar of direction k. */
static void lab_open(struct lab *lab) {
    const struct setting *tables[2] = {learner_settings, learner_find("picture")->settings};
    assert_int_equal(strata_context_create(&lab->ctx), STRATA_OK);
    assert_int_equal(settings_create(lab->ctx, 2, tables, &lab->settings), STRATA_OK);
    static const char *const small[][2] = {
        {"picture.depth", "8"},           {"picture.channels", "4"}, {"picture.steps", "30"},
        {"train.batch_size", "16"},       {"train.warmup", "3"},     {"picture.head_layers", "1"},
        {"picture.learning_rate", "1e-2"}};
    for (size_t i = 0; i < sizeof small / sizeof *small; ++i) set(lab, small[i][0], small[i][1]);
    lab->data = (struct dataset){.task = TASK_MULTICLASS,
                                 .rows = ROWS,
                                 .inputs = INPUTS,
                                 .outputs = 1,
                                 .classes = CLASSES,
                                 .image = {1, SIDE, SIDE}};
    assert_int_equal(dataset_allocate(lab->ctx, &lab->data), STRATA_OK);
    rng_normal_rows_f32(rng_stream_make(4, 1, RNG_TEST), 0, ROWS, INPUTS, lab->data.x);
    for (size_t r = 0; r < ROWS; ++r) {
        size_t k = r % CLASSES, at = 1 + r / CLASSES % 6;
        for (size_t i = 0; i < SIDE; ++i)
            lab->data.x[r * INPUTS + (k == 0 ? at * SIDE + i : k == 1 ? i * SIDE + at : i * SIDE + i)] += 2;
        lab->data.y[r] = (float)k;
    }
    assert_int_equal(source_from_dataset(lab->ctx, &lab->data, 1, 1, &lab->source), STRATA_OK);
}

static void lab_close(struct lab *lab) {
    source_destroy(lab->source);
    dataset_destroy(&lab->data);
    settings_destroy(lab->settings);
    strata_context_destroy(lab->ctx);
}

static struct learner *learner_of(const struct lab *lab, const char *name) {
    const struct learner_request request = {.settings = lab->settings, .train = lab->source, .seed = 1, .replicate = 1};
    struct learner *learner;
    if (learner_create(lab->ctx, name, &request, &learner) != STRATA_OK)
        fail_msg("%s: %s", name, strata_context_message(lab->ctx));
    return learner;
}

/* ---- families */

static struct picture_request request_of(const char *family, size_t depth, size_t channels, size_t side) {
    return (struct picture_request){.channels = channels,
                                    .height = side,
                                    .width = side,
                                    .classes = 10,
                                    .family = family,
                                    .depth = depth,
                                    .base_channels = 16,
                                    .widen = 2,
                                    .growth = 6,
                                    .head_layers = 1};
}

/* Trained numbers of the network under its last head. */
static size_t trained_numbers(strata_context *ctx, const struct picture_network *network) {
    struct graph *graph;
    struct program *program;
    struct network_nodes nodes = {0};
    const struct network_view view = {.layers = network->unit_count, .last_readout = true};
    const struct program_options options = program_options_default();
    assert_int_equal(graph_create(ctx, &graph), STRATA_OK);
    if (picture_build(network, &view, graph, &nodes) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
    assert_int_equal(program_create(ctx, graph, nodes.output, &options, &program), STRATA_OK);
    assert_int_equal(graph_shape(graph, nodes.output).dims[0], network->classes);
    size_t count = 0;
    for (size_t i = 0; i < program_parameter_count(program); ++i)
        if (!program_parameter_tracked(program, i)) count += program_parameter_size(program, i);
    for (size_t u = 1; u <= network->unit_count; ++u)
        assert_int_equal(graph_shape(graph, nodes.layers[u - 1]).dims[0], picture_feature_width(network, u));
    program_destroy(program);
    graph_destroy(graph);
    return count;
}

/* Counts written out by hand from the papers' tables, with 1 x 1 convolutions and their norms where sizes change. */
static void families_have_the_sizes_of_their_papers(void **state) {
    (void)state;
    strata_context *ctx;
    assert_int_equal(strata_context_create(&ctx), STRATA_OK);
    const struct {
        const char *family;
        size_t depth, count;
    } known[] = {
        {"resnet", 20, 272474},   /* 269722 of the paper and 2752 of the two 1 x 1 convolutions */
        {"resnet", 110, 1730714}, /* 1727962 and the same 2752 */
        {"plain", 20, 269722},    {"preresnet", 8, 0}, {"wide_resnet", 10, 0}, {"vgg", 7, 0}, {"densenet", 10, 0},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
        struct picture_network network;
        const struct picture_request request = request_of(known[i].family, known[i].depth, 3, 32);
        if (picture_describe(ctx, &request, &network) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
        assert_int_equal(network.unit_count, 3);
        size_t count = trained_numbers(ctx, &network);
        assert_int_equal(count, picture_parameter_count(&network));
        if (known[i].count && count != known[i].count)
            fail_msg("%s-%zu: %zu numbers, expected %zu", known[i].family, known[i].depth, count, known[i].count);
        assert_true(count > 1000);
    }
    strata_context_destroy(ctx);
}

static void sizes_that_cannot_be_are_refused(void **state) {
    (void)state;
    strata_context *ctx;
    struct picture_network network;
    assert_int_equal(strata_context_create(&ctx), STRATA_OK);
    struct picture_request request = request_of("resnet", 21, 3, 32);
    assert_int_equal(picture_describe(ctx, &request, &network), STRATA_ERR_CONFIG);
    assert_non_null(strstr(strata_context_message(ctx), "6 n + 2"));
    request = request_of("resnet", 2, 3, 32);
    assert_int_equal(picture_describe(ctx, &request, &network), STRATA_ERR_CONFIG);
    request = request_of("resnet", 602, 3, 32);
    assert_int_equal(picture_describe(ctx, &request, &network), STRATA_ERR_CONFIG);
    assert_non_null(strstr(strata_context_message(ctx), "301 blocks"));
    request = request_of("vgg", 4, 3, 3);
    assert_int_equal(picture_describe(ctx, &request, &network), STRATA_ERR_CONFIG);
    assert_non_null(strstr(strata_context_message(ctx), "3 x 3 pixels are too few"));
    request = request_of("resnet", 8, 3, 32);
    request.units = 4;
    assert_int_equal(picture_describe(ctx, &request, &network), STRATA_ERR_CONFIG);
    request = request_of("alexnet", 8, 3, 32);
    assert_int_equal(picture_describe(ctx, &request, &network), STRATA_ERR_CONFIG);
    strata_context_destroy(ctx);
}

/* Every family learns the bars, with every norm. */
static void families_learn(void **state) {
    (void)state;
    static const char *const cases[][3] = {{"resnet", "8", "batch"},    {"resnet", "8", "group"},
                                           {"resnet", "8", "none"},     {"plain", "8", "batch"},
                                           {"preresnet", "8", "batch"}, {"wide_resnet", "10", "batch"},
                                           {"vgg", "4", "batch"},       {"densenet", "7", "batch"}};
    struct lab lab;
    lab_open(&lab);
    set(&lab, "picture.growth", "6");
    set(&lab, "picture.widen", "2");
    set(&lab, "picture.steps", "80");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        float logits[ROWS * CLASSES];
        set(&lab, "picture.family", cases[i][0]), set(&lab, "picture.depth", cases[i][1]);
        set(&lab, "picture.norm", cases[i][2]);
        struct learner *learner = learner_of(&lab, "picture");
        if (learner_fit(lab.ctx, learner, NULL) != STRATA_OK) fail_msg("%s", strata_context_message(lab.ctx));
        assert_int_equal(learner_predict(lab.ctx, learner, ROWS, lab.data.x, logits), STRATA_OK);
        double error = multiclass_error_rate(ROWS, CLASSES, logits, lab.data.y);
        if (!(error < 0.1)) fail_msg("%s-%s, %s: error %g", cases[i][0], cases[i][1], cases[i][2], error);
        learner_destroy(learner);
    }
    lab_close(&lab);
}

/* ---- rules */

enum { WATCHED = 4, MOST_STAGES = 4 };

/* Sums over a parameter's numbers tell equal bits from others; one per stage end. */
static const char *const watched[WATCHED] = {"block1.conv1.weight", "block2.norm1.mean", "block3.conv1.weight",
                                             "head.weight"};

struct history {
    size_t stages, steps[MOST_STAGES];
    double sums[MOST_STAGES][WATCHED];
    strata_context *ctx;
};

static double weighted_sum(strata_context *ctx, struct learner *learner, const char *name) {
    size_t count;
    double sum = 0;
    if (learner->class_->parameter(ctx, learner, name, &count, NULL) != STRATA_OK) return NAN;
    double *values = mem_zero(count, sizeof *values);
    assert_int_equal(learner->class_->parameter(ctx, learner, name, &count, values), STRATA_OK);
    for (size_t i = 0; i < count; ++i) sum += values[i] * (double)(i + 1);
    mem_free(values);
    return sum;
}

static strata_status at_stage_end(void *user, struct learner *learner, const struct fit_point *point) {
    struct history *history = user;
    assert_true(history->stages < MOST_STAGES);
    history->steps[history->stages] = point->step;
    for (size_t i = 0; i < WATCHED; ++i)
        history->sums[history->stages][i] = weighted_sum(history->ctx, learner, watched[i]);
    ++history->stages;
    return STRATA_OK;
}

static struct history history_of(const struct lab *lab, const char *name) {
    struct history history = {.ctx = lab->ctx};
    struct learner *learner = learner_of(lab, name);
    if (learner_fit(lab->ctx, learner, &(struct fit_hooks){.user = &history, .observe = at_stage_end}) != STRATA_OK)
        fail_msg("%s: %s", name, strata_context_message(lab->ctx));
    learner_destroy(learner);
    return history;
}

static void rules_move_what_they_say(void **state) {
    (void)state;
    struct lab lab;
    lab_open(&lab);
    struct history layerwise = history_of(&lab, "picture_layerwise"), overlap = history_of(&lab, "picture_overlap"),
                   staged = history_of(&lab, "picture_staged"), cut = history_of(&lab, "picture_staged_cut"),
                   alone = history_of(&lab, "picture_alone"), freeze = history_of(&lab, "picture_freeze");
    for (size_t s = 0; s < 3; ++s) assert_int_equal(layerwise.steps[s], 10 * (s + 1));
    /* Frozen units keep their weights; their running moments go on with the batches. */
    assert_true(layerwise.sums[0][0] == layerwise.sums[1][0] && layerwise.sums[1][0] == layerwise.sums[2][0]);
    assert_true(layerwise.sums[0][1] != layerwise.sums[1][1]);
    assert_true(layerwise.sums[1][2] != layerwise.sums[0][2] && layerwise.sums[2][2] == layerwise.sums[1][2]);
    /* With overlap a unit moves for one stage more. */
    assert_true(overlap.sums[1][0] != overlap.sums[0][0] && overlap.sums[2][0] == overlap.sums[1][0]);
    /* Staged: the first unit learns from those above, cut: from its own head alone, as if nothing were above it. */
    assert_true(staged.sums[0][0] == alone.sums[0][0] && staged.sums[1][0] != alone.sums[1][0]);
    for (size_t s = 0; s < 3; ++s) assert_true(cut.sums[s][0] == alone.sums[s][0]);
    assert_true(alone.sums[2][0] != alone.sums[1][0] && cut.sums[2][2] != cut.sums[1][2]);
    /* Frozen from below: all move at first, then fewer and fewer. */
    assert_true(freeze.sums[1][0] == freeze.sums[0][0] && freeze.sums[1][2] != freeze.sums[0][2]);
    assert_true(freeze.sums[2][2] == freeze.sums[1][2] && freeze.sums[2][3] != freeze.sums[1][3]);
    lab_close(&lab);
}

/* A network of one unit leaves no rule anything to do otherwise. */
static void one_unit_is_trained_alike_by_all_rules(void **state) {
    (void)state;
    struct lab lab;
    lab_open(&lab);
    struct history three = history_of(&lab, "picture");
    set(&lab, "picture.units", "1");
    struct history joint = history_of(&lab, "picture"), layerwise = history_of(&lab, "picture_layerwise"),
                   cut = history_of(&lab, "picture_cut");
    assert_int_equal(layerwise.stages, 1);
    assert_int_equal(layerwise.steps[0], 30);
    for (size_t i = 0; i < WATCHED; ++i) {
        assert_true(joint.sums[0][i] == three.sums[0][i]);
        assert_true(layerwise.sums[0][i] == joint.sums[0][i] && cut.sums[0][i] == joint.sums[0][i]);
    }
    lab_close(&lab);
}

static bool every_tenth(void *user, const struct fit_point *point) {
    (void)user;
    return point->step == 10;
}

/* Until the first unit is frozen, that is joint training under one schedule. */
static void freezing_begins_as_joint_training(void **state) {
    (void)state;
    struct lab lab;
    lab_open(&lab);
    struct history joint = {.ctx = lab.ctx}, freeze = history_of(&lab, "picture_freeze");
    struct learner *learner = learner_of(&lab, "picture");
    const struct fit_hooks hooks = {.user = &joint, .observe = at_stage_end, .observe_due = every_tenth};
    assert_int_equal(learner_fit(lab.ctx, learner, &hooks), STRATA_OK);
    for (size_t i = 0; i < WATCHED; ++i) assert_true(joint.sums[0][i] == freeze.sums[0][i]);
    assert_true(joint.sums[1][0] != freeze.sums[2][0]);
    learner_destroy(learner);
    lab_close(&lab);
}

static bool eleventh(void *user, const struct fit_point *point) {
    (void)user;
    return point->step == 11;
}

/* The step after a unit was frozen moves the others as joint training does: optimizer and schedule only go on. */
static void freezing_goes_on_where_the_last_stage_ended(void **state) {
    (void)state;
    static const char *const names[2] = {"picture", "picture_freeze"};
    struct lab lab;
    lab_open(&lab);
    set(&lab, "train.clip_norm", "0"); /* the norm is of all that moves */
    struct history found[2];
    for (size_t i = 0; i < 2; ++i) {
        found[i] = (struct history){.ctx = lab.ctx};
        struct learner *learner = learner_of(&lab, names[i]);
        const struct fit_hooks hooks = {.user = &found[i], .observe = at_stage_end, .observe_due = eleventh};
        assert_int_equal(learner_fit(lab.ctx, learner, &hooks), STRATA_OK);
        learner_destroy(learner);
    }
    /* Joint: steps 11 and 30. Freezing: 10, 11, 20 and 30. */
    assert_true(found[0].steps[0] == 11 && found[1].steps[1] == 11);
    assert_true(found[0].sums[0][2] == found[1].sums[1][2] && found[0].sums[0][3] == found[1].sums[1][3]);
    assert_true(found[0].sums[0][0] != found[1].sums[1][0]);
    lab_close(&lab);
}

/* What the second half begins with: the first unit of the first half, all others new; a cut teaches nothing below. */
static void reused_units_stay_and_the_others_begin_anew(void **state) {
    (void)state;
    struct lab lab;
    lab_open(&lab);
    struct history together = history_of(&lab, "picture_reuse"), alone = history_of(&lab, "picture_reuse_alone"),
                   cut = history_of(&lab, "picture_reuse_cut");
    struct learner *fresh = learner_of(&lab, "picture_reuse");
    const struct history *all[3] = {&together, &alone, &cut};
    for (size_t i = 0; i < 3; ++i) {
        assert_int_equal(all[i]->stages, 2);
        assert_int_equal(all[i]->steps[0], 15);
        assert_true(all[i]->sums[1][0] == all[i]->sums[0][0]);
    }
    assert_true(cut.sums[0][0] == alone.sums[0][0] && together.sums[0][0] != alone.sums[0][0]);
    /* Above equal units, from equal initial weights, both end alike. */
    for (size_t i = 0; i < WATCHED; ++i) assert_true(cut.sums[1][i] == alone.sums[1][i]);
    assert_true(alone.sums[0][2] == weighted_sum(lab.ctx, fresh, watched[2])); /* did not exist in the first half */
    learner_destroy(fresh);
    lab_close(&lab);
}

/* ---- state */

struct stop {
    size_t at;
    struct tensor_file *state;
    strata_context *ctx;
};

static bool stop_here(void *user, const struct fit_point *point) { return point->step == ((struct stop *)user)->at; }

static strata_status keep_state(void *user, struct learner *learner, const struct fit_point *point) {
    struct stop *stop = user;
    (void)point;
    STRATA_TRY(learner_save(stop->ctx, learner, stop->state));
    return STRATA_ERR_INTERRUPTED;
}

static void stopped_fits_go_on_with_equal_bits(void **state) {
    (void)state;
    static const char *const names[] = {"picture", "picture_layerwise", "picture_cut", "picture_freeze",
                                        "picture_reuse"};
    struct lab lab;
    lab_open(&lab);
    for (size_t i = 0; i < 5; ++i)
        for (size_t at = 7; at <= 20; at += 13) { /* within a stage and at the end of one */
            struct tensor_file saved = {0};
            struct stop stop = {at, &saved, lab.ctx};
            float one[ROWS * CLASSES], two[ROWS * CLASSES];
            struct learner *whole = learner_of(&lab, names[i]), *first = learner_of(&lab, names[i]),
                           *second = learner_of(&lab, names[i]);
            const struct fit_hooks hooks = {.user = &stop, .step = stop_here, .checkpoint = keep_state};
            assert_int_equal(learner_fit(lab.ctx, whole, NULL), STRATA_OK);
            assert_int_equal(learner_fit(lab.ctx, first, &hooks), STRATA_ERR_INTERRUPTED);
            assert_int_equal(learner_load(lab.ctx, second, &saved), STRATA_OK);
            assert_int_equal(learner_fit(lab.ctx, second, NULL), STRATA_OK);
            assert_int_equal(learner_predict(lab.ctx, whole, ROWS, lab.data.x, one), STRATA_OK);
            assert_int_equal(learner_predict(lab.ctx, second, ROWS, lab.data.x, two), STRATA_OK);
            if (memcmp(one, two, sizeof one) != 0) fail_msg("%s stopped at step %zu ends elsewhere", names[i], at);
            learner_destroy(whole), learner_destroy(first), learner_destroy(second);
            tensor_file_destroy(&saved);
        }
    lab_close(&lab);
}

/* Forgetting and computing again changes memory, not a bit. */
static void recomputing_changes_no_bit(void **state) {
    (void)state;
    static const char *const families[][2] = {{"resnet", "8"}, {"preresnet", "8"}, {"vgg", "4"}, {"densenet", "7"}};
    struct lab lab;
    lab_open(&lab);
    for (size_t i = 0; i < 4; ++i) {
        set(&lab, "picture.family", families[i][0]), set(&lab, "picture.depth", families[i][1]);
        set(&lab, "train.recompute", "false");
        struct history kept = history_of(&lab, "picture_cut");
        set(&lab, "train.recompute", "true");
        struct history again = history_of(&lab, "picture_cut");
        for (size_t w = 0; w < WATCHED; ++w)
            assert_true(kept.sums[0][w] == again.sums[0][w] || (isnan(kept.sums[0][w]) && isnan(again.sums[0][w])));
    }
    lab_close(&lab);
}

/* A residual network of 110 layers at a batch of 128 pictures of 3 x 32 x 32 trains in less than 1 GB. */
static void deep_networks_fit_into_a_gigabyte(void **state) {
    (void)state;
    strata_context *ctx;
    assert_int_equal(strata_context_create(&ctx), STRATA_OK);
    size_t bytes[2];
    for (int recompute = 0; recompute < 2; ++recompute) {
        struct picture_network network;
        struct network_nodes nodes = {0};
        struct graph *graph;
        struct program *program;
        const struct picture_request request = request_of("resnet", 110, 3, 32);
        assert_int_equal(picture_describe(ctx, &request, &network), STRATA_OK);
        const struct network_view view = {.layers = network.unit_count, .last_readout = true};
        assert_int_equal(graph_create(ctx, &graph), STRATA_OK);
        assert_int_equal(picture_build(&network, &view, graph, &nodes), STRATA_OK);
        node target = graph_input(graph, "target", shape_rows(1));
        node loss = objective_node(graph, TASK_MULTICLASS, 0, nodes.output, target);
        struct program_options options = program_options_default();
        options.rows = 128, options.gradients = true, options.recompute = recompute;
        options.optimizer = optimizer_find("momentum");
        if (program_create(ctx, graph, loss, &options, &program) != STRATA_OK)
            fail_msg("%s", strata_context_message(ctx));
        bytes[recompute] = program_bytes(program);
        program_destroy(program);
        graph_destroy(graph);
    }
    if (!(bytes[1] < 1000000000 && bytes[1] < bytes[0])) fail_msg("%zu bytes of %zu", bytes[1], bytes[0]);
    strata_context_destroy(ctx);
}

/* A state of another architecture is refused, whole. */
static void states_of_other_networks_are_refused(void **state) {
    (void)state;
    struct lab lab;
    struct tensor_file saved = {0};
    lab_open(&lab);
    struct learner *one = learner_of(&lab, "picture");
    assert_int_equal(learner_save(lab.ctx, one, &saved), STRATA_OK);
    set(&lab, "picture.channels", "5");
    struct learner *other = learner_of(&lab, "picture");
    assert_int_equal(learner_load(lab.ctx, other, &saved), STRATA_ERR_FORMAT);
    assert_non_null(strstr(strata_context_message(lab.ctx), "expected tensor 'parameter."));
    learner_destroy(one), learner_destroy(other);
    tensor_file_destroy(&saved);
    set(&lab, "train.batch_size", "1");
    const struct learner_request request = {.settings = lab.settings, .train = lab.source, .seed = 1, .replicate = 1};
    assert_int_equal(learner_create(lab.ctx, "picture", &request, &one), STRATA_ERR_CONFIG);
    assert_non_null(strstr(strata_context_message(lab.ctx), "at least 2 rows"));
    lab_close(&lab);
}

/* Gradients of features to the picture against differences of the features. */
static void features_have_gradients(void **state) {
    (void)state;
    struct lab lab;
    lab_open(&lab);
    struct learner *learner = learner_of(&lab, "picture");
    assert_int_equal(learner_fit(lab.ctx, learner, NULL), STRATA_OK);
    for (size_t layer = 1; layer <= 3; ++layer) {
        size_t width = learner->class_->layer_width(learner, layer), pixel = 27;
        float *seed = mem_zero(width, sizeof *seed), *up = mem_zero(width, sizeof *up),
              *down = mem_zero(width, sizeof *down), gradient[INPUTS], x[INPUTS];
        double slope = 0;
        seed[width / 2] = 1, seed[0] = -.5f;
        assert_int_equal(learner_feature_vjp(lab.ctx, learner, layer, 1, lab.data.x, seed, NULL, gradient), STRATA_OK);
        const float h = 1e-2f;
        memcpy(x, lab.data.x, sizeof x);
        x[pixel] = lab.data.x[pixel] + h;
        assert_int_equal(learner_features(lab.ctx, learner, layer, 1, x, up), STRATA_OK);
        x[pixel] = lab.data.x[pixel] - h;
        assert_int_equal(learner_features(lab.ctx, learner, layer, 1, x, down), STRATA_OK);
        for (size_t i = 0; i < width; ++i) slope += (double)seed[i] * (double)(up[i] - down[i]) / (2 * (double)h);
        if (!(fabs(slope - (double)gradient[pixel]) < 5e-3 * (1 + fabs(slope))))
            fail_msg("layer %zu: gradient %g, difference %g", layer, (double)gradient[pixel], slope);
        mem_free(seed), mem_free(up), mem_free(down);
    }
    float gradient[INPUTS], seed[1] = {1};
    assert_int_equal(learner_feature_vjp(lab.ctx, learner, 4, 1, lab.data.x, seed, NULL, gradient),
                     STRATA_ERR_ARGUMENT);
    learner_destroy(learner);
    lab_close(&lab);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_have_the_sizes_of_their_papers),
        cmocka_unit_test(sizes_that_cannot_be_are_refused),
        cmocka_unit_test(families_learn),
        cmocka_unit_test(rules_move_what_they_say),
        cmocka_unit_test(one_unit_is_trained_alike_by_all_rules),
        cmocka_unit_test(freezing_begins_as_joint_training),
        cmocka_unit_test(freezing_goes_on_where_the_last_stage_ended),
        cmocka_unit_test(reused_units_stay_and_the_others_begin_anew),
        cmocka_unit_test(stopped_fits_go_on_with_equal_bits),
        cmocka_unit_test(recomputing_changes_no_bit),
        cmocka_unit_test(deep_networks_fit_into_a_gigabyte),
        cmocka_unit_test(states_of_other_networks_are_refused),
        cmocka_unit_test(features_have_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
