/* SPDX-License-Identifier: MIT */
/* Gradients of every learner's loss, the rules that tell learners apart, what a step does and what it costs. */
#include "learner_fixture.h"

#include "graph/optimizer.h"
#include "learn/schedule.h"

static struct lab lab;

static int setup(void **state) {
    (void)state;
    lab_create(&lab);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    lab_destroy(&lab);
    return 0;
}

static int reset(void **state) {
    (void)state;
    lab_reset(&lab);
    return 0;
}

/* K of the newest level: features read it, the loss of the stage does not. */
static bool is_newest_narrow(const char *parameter, size_t layers) {
    return starts_with(parameter, "level") && strstr(parameter, ".K.") && parameter[5] == (char)('0' + layers);
}

/* ---- central differences ---- */

static double mean_squared_error(const struct training *t, const double *output) {
    double sum = 0;
    for (size_t r = 0; r < TRAINING_ROWS; ++r) sum += (output[r] - t->y[r]) * (output[r] - t->y[r]);
    return sum / TRAINING_ROWS;
}

/*
 * The loss as a parameter of layer `layer` of a cut network sees it: the other layers keep the values they have
 * now, so only this layer's own readout carries its change to the output.
 */
static double loss_through_own_readout(const struct training *t, size_t layer, const double *output_now,
                                       const double *layer_now) {
    double output[TRAINING_ROWS], changed[TRAINING_ROWS * TRAINING_MAX_WIDTH], readout[TRAINING_MAX_WIDTH];
    size_t width = t->network.layers[layer - 1].width;
    char name[32];
    snprintf(name, sizeof name, "readout%zu", layer);
    program_read(t->program, t->nodes.layers[layer - 1], changed);
    program_read_parameter(t->program, graph_find(t->graph, name), readout);
    for (size_t r = 0; r < TRAINING_ROWS; ++r) {
        output[r] = output_now[r];
        for (size_t j = 0; j < width; ++j)
            output[r] += (changed[r * width + j] - layer_now[r * width + j]) * readout[j];
    }
    return mean_squared_error(t, output);
}

/* What a parameter's gradient is the derivative of: the loss, except below a cut. */
struct seen_loss {
    bool own_readout, penalty_only;
    size_t layer;
    double output_now[TRAINING_ROWS], layer_now[TRAINING_ROWS * TRAINING_MAX_WIDTH];
};

static struct seen_loss seen_loss_of(const struct training *t, const char *parameter) {
    const struct gradient_details *details = t->class_->details;
    struct seen_loss seen = {0};
    if (!details->rule.cut) return seen;
    seen.own_readout = sscanf(parameter, "layer%zu.", &seen.layer) == 1;
    seen.penalty_only = starts_with(parameter, "level") && strstr(parameter, ".K.");
    program_read(t->program, t->nodes.output, seen.output_now);
    if (seen.own_readout) program_read(t->program, t->nodes.layers[seen.layer - 1], seen.layer_now);
    return seen;
}

static double loss_seen(const struct training *t, const struct seen_loss *seen) {
    program_forward(t->program, TRAINING_ROWS, true);
    if (seen->own_readout) return loss_through_own_readout(t, seen->layer, seen->output_now, seen->layer_now);
    return program_scalar(t->program, seen->penalty_only ? t->penalty : t->loss);
}

/* Central differences with step 1e-5 are off by 1e-10 f'''/6 and by eps f / 1e-5; losses here are of size 1 to 100. */
static void check_gradient(struct training *t, node parameter, const char *name, size_t count) {
    const double h = 1e-5;
    double gradient[TRAINING_MAX_NUMBERS], values[TRAINING_MAX_NUMBERS], scale = 0;
    program_forward(t->program, TRAINING_ROWS, true);
    program_backward(t->program, NULL);
    program_read_gradient(t->program, parameter, gradient);
    program_read_parameter(t->program, parameter, values);
    const struct seen_loss seen = seen_loss_of(t, name);
    for (size_t k = 0; k < count; ++k) scale = fmax(scale, fabs(gradient[k]));
    for (size_t k = 0; k < count; ++k) {
        double kept = values[k], loss[2];
        for (int side = 0; side < 2; ++side) {
            values[k] = kept + (side ? h : -h);
            program_set_parameter(t->program, parameter, values);
            loss[side] = loss_seen(t, &seen);
        }
        values[k] = kept;
        program_set_parameter(t->program, parameter, values);
        double slope = (loss[1] - loss[0]) / (2 * h);
        if (!(fabs(slope - gradient[k]) <= 2e-7 * (1 + scale)))
            fail_msg("%s, %zu layers, %s[%zu]: gradient %.12g, difference %.12g", t->class_->name, t->layers, name, k,
                     gradient[k], slope);
    }
    if (!seen.penalty_only) assert_true(scale > 1e-6);
}

static void check_gradients(struct sample_source *source, const char *name, size_t layers) {
    struct training t;
    training_create(&lab, source, name, layers, &t);
    training_randomise(&t, 0.3);
    for (size_t i = 0; i < program_parameter_count(t.program); ++i) {
        const char *parameter = program_parameter_name(t.program, i);
        if (!is_newest_narrow(parameter, t.layers))
            check_gradient(&t, program_parameter(t.program, i), parameter, program_parameter_size(t.program, i));
    }
    training_destroy(&t);
}

static void gradients_match_central_differences(void **state) {
    (void)state;
    lab_set_all(&lab, (struct setting_pair[]){{"network.depth", "3"},
                                              {"network.hidden_width", "4"},
                                              {"paper.lambda3", "0.7"},
                                              {"paper.lambda4", "0.5"},
                                              {"paper.lambda5", "0.3"},
                                              {"paper.lambda6", "0.2"},
                                              {"paper.expansion_rows", "5"},
                                              {NULL, NULL}});
    for (size_t i = 0; i < learner_table_size; ++i) {
        const struct learner_class *class_ = learner_table[i];
        if (!is_gradient_class(class_)) continue;
        bool staged = ((const struct gradient_details *)class_->details)->rule.staged;
        for (size_t layers = staged ? 1 : 3; layers <= 3; ++layers) check_gradients(lab.source, class_->name, layers);
    }
    lab_set(&lab, "network.input_squares", "true");
    check_gradients(lab.source, "staged_cut", 3);
    lab_set(&lab, "paper.truncation", "1.5");
    check_gradients(lab.source, "paper", 3);
    lab_set(&lab, "paper.lambda5", "0"); /* each penalty without the help of the others */
    check_gradients(lab.source, "paper", 3);
}

static void gradients_of_labels_match_central_differences(void **state) {
    (void)state;
    const enum learning_task tasks[] = {TASK_BINARY, TASK_MULTICLASS};
    const char *const names[] = {"sgd_joint", "mlp_gelu", "dense_greedy", "linear"};
    for (size_t i = 0; i < 2; ++i) {
        struct dataset data = lab_labelled(&lab, tasks[i], 20);
        struct sample_source *source;
        assert_int_equal(source_from_dataset(lab.ctx, &data, 1, 1, &source), STRATA_OK);
        for (size_t k = 0; k < 4; ++k) check_gradients(source, names[k], 2);
        source_destroy(source);
        dataset_destroy(&data);
    }
}

/* With layer 1's own readout at zero only the path through layer 2 is left: staged_cut has none, sgd_staged does. */
static void cut_leaves_no_gradient_through_the_upper_layer(void **state) {
    (void)state;
    const char *const names[] = {"staged_cut", "sgd_staged"};
    for (size_t i = 0; i < 2; ++i) {
        struct training t;
        double gradient[TRAINING_MAX_NUMBERS] = {0}, largest = 0, zero[TRAINING_MAX_NUMBERS] = {0};
        training_create(&lab, lab.source, names[i], 2, &t);
        training_randomise(&t, 0.3);
        program_set_parameter(t.program, graph_find(t.graph, "readout1"), zero);
        program_forward(t.program, TRAINING_ROWS, true);
        program_backward(t.program, NULL);
        program_read_gradient(t.program, graph_find(t.graph, "layer1.input"), gradient);
        for (size_t k = 0; k < TRAINING_MAX_NUMBERS; ++k) largest = fmax(largest, fabs(gradient[k]));
        assert_true(i == 0 ? largest == 0 : largest > 1e-3);
        training_destroy(&t);
    }
}

/* ---- what moves in which stage ---- */

struct watch {
    const char *learner, *parameter;
    bool frozen;
};

struct watcher {
    const char *parameter;
    double first[TRAINING_MAX_NUMBERS];
    size_t stages, moved;
};

static strata_status watch_stage(void *user, struct learner *learner, const struct fit_point *point) {
    struct watcher *watcher = user;
    size_t count;
    double *now = lab_parameter(&lab, learner, watcher->parameter, &count);
    assert_true(point->stage_end && point->step == point->stage * 12 && point->total == 36);
    assert_int_equal(point->stage, ++watcher->stages);
    if (point->stage == 1)
        memcpy(watcher->first, now, count * sizeof *now);
    else
        watcher->moved += memcmp(watcher->first, now, count * sizeof *now) != 0;
    mem_free(now);
    return STRATA_OK;
}

static void frozen_layers_keep_every_bit(void **state) {
    (void)state;
    const struct watch watches[] = {{"layerwise", "layer1.input", true},    {"layerwise", "readout1", true},
                                    {"layerwise", "output.bias", false},    {"layerwise_refit", "layer1.input", true},
                                    {"layerwise_refit", "readout1", false}, {"sgd_staged", "layer1.input", false},
                                    {"sgd_staged", "readout1", false},      {"staged_cut", "layer1.input", false},
                                    {"staged_cut", "readout1", false},      {"dense_greedy", "layer1.input", true},
                                    {"dense_greedy", "layer1.bias", true},  {"dense_greedy", "readout1", true},
                                    {"paper", "level1.W.x", false},         {"paper", "level1.K.x", false},
                                    {"paper_frozen", "level1.W.x", true},   {"paper_frozen", "level1.K.x", true},
                                    {"paper_cut", "level1.W.x", false},     {"paper_cut", "level1.K.x", false}};
    lab_set(&lab, "network.depth", "3");
    lab_set(&lab, "train.weight_decay", "0.01"); /* a decay must not move them either */
    for (size_t i = 0; i < sizeof watches / sizeof *watches; ++i) {
        struct watcher watcher = {.parameter = watches[i].parameter};
        const struct fit_hooks hooks = {.user = &watcher, .observe = watch_stage};
        struct learner *learner = lab_learner(&lab, watches[i].learner);
        assert_int_equal(learner_fit(lab.ctx, learner, &hooks), STRATA_OK);
        assert_int_equal(watcher.stages, 3);
        if (watcher.moved != (watches[i].frozen ? 0 : 2))
            fail_msg("%s: %s moved in %zu stages", watches[i].learner, watches[i].parameter, watcher.moved);
        learner_destroy(learner);
    }
}

static bool is_frozen(const struct stage_rule *rule, size_t stage, const char *parameter) {
    size_t layer;
    bool readout = sscanf(parameter, "readout%zu", &layer) == 1;
    if (!readout && sscanf(parameter, "layer%zu.", &layer) != 1 && sscanf(parameter, "level%zu.", &layer) != 1)
        return false;
    return rule->freeze_below && layer < stage && !(readout && rule->refit_readouts);
}

/* A fit of one plain SGD step a stage, and the float64 graph of the stage before that step. */
struct stepper {
    double clip_norm, weight_decay;
    struct training before;
    size_t stages;
};

static void begin_step(struct stepper *stepper, struct learner *learner, size_t stage) {
    const struct gradient_details *details = learner->class_->details;
    training_create(&lab, lab.source, learner->class_->name, details->rule.staged ? stage : 0, &stepper->before);
    training_batch(lab.source, stage - 1, &stepper->before);
    training_copy(&lab, learner, &stepper->before);
}

/* Clipping scales the gradient of all that moves. */
static double clipping_scale(const struct stepper *stepper, const struct stage_rule *rule, size_t stage) {
    const struct training *t = &stepper->before;
    double squares = 0, gradient[TRAINING_MAX_NUMBERS];
    for (size_t p = 0; p < program_parameter_count(t->program); ++p) {
        program_read_gradient(t->program, program_parameter(t->program, p), gradient);
        for (size_t k = 0; k < program_parameter_size(t->program, p); ++k)
            squares += is_frozen(rule, stage, program_parameter_name(t->program, p)) ? 0 : gradient[k] * gradient[k];
    }
    return stepper->clip_norm > 0 && sqrt(squares) > stepper->clip_norm ? stepper->clip_norm / sqrt(squares) : 1;
}

/* Families may have a learning rate of their own. */
static double rate_of(const struct gradient_details *details) {
    return settings_number(lab.settings, details->rate_key ? details->rate_key : "train.learning_rate");
}

/*
 * after = before - rate (scale gradient + decay before): float32 sums of seven rows, and the rounding of weights
 * below 2.
 */
static strata_status check_step(void *user, struct learner *learner, const struct fit_point *point) {
    struct stepper *stepper = user;
    struct training *t = &stepper->before;
    const struct gradient_details *details = learner->class_->details;
    const struct stage_rule *rule = &details->rule;
    program_forward(t->program, TRAINING_ROWS, true);
    assert_true(fabs(point->loss - program_scalar(t->program, t->loss)) <= 1e-5 * (1 + fabs(point->loss)));
    program_backward(t->program, NULL);
    double clip = clipping_scale(stepper, rule, point->stage);
    for (size_t p = 0; p < program_parameter_count(t->program); ++p) {
        double gradient[TRAINING_MAX_NUMBERS], before[TRAINING_MAX_NUMBERS], scale = 0;
        const char *name = program_parameter_name(t->program, p);
        size_t count;
        if (is_newest_narrow(name, t->layers)) continue;
        double *after = lab_parameter(&lab, learner, name, &count),
               rate = is_frozen(rule, point->stage, name) ? 0 : rate_of(details);
        program_read_parameter(t->program, program_parameter(t->program, p), before);
        program_read_gradient(t->program, program_parameter(t->program, p), gradient);
        for (size_t k = 0; k < count; ++k) scale = fmax(scale, fabs(gradient[k]));
        for (size_t k = 0; k < count; ++k) {
            double expected = before[k] - rate * (clip * gradient[k] + stepper->weight_decay * before[k]);
            if (!(fabs(after[k] - expected) <= 0x1p-23 + 1e-5 * rate * scale))
                fail_msg("%s, stage %zu, %s[%zu]: expected %.9g, found %.9g", learner->class_->name, point->stage, name,
                         k, expected, after[k]);
        }
        mem_free(after);
    }
    training_destroy(t);
    ++stepper->stages;
    if (point->step < point->total) begin_step(stepper, learner, point->stage + 1);
    return STRATA_OK;
}

/*
 * Ties the fit to the graphs that the tests above check: each stage's view, batch and frozen groups, clipping and
 * decay.
 */
static void a_step_follows_the_gradient(void **state) {
    (void)state;
    lab_set_all(&lab, (struct setting_pair[]){{"train.optimizer", "sgd"},
                                              {"train.steps_per_stage", "1"},
                                              {"train.steps", "1"},
                                              {"train.clip_norm", "0"},
                                              {"train.warmup", "0"},
                                              {"train.batch_size", "7"},
                                              {"train.learning_rate", "0.01"},
                                              {"paper.learning_rate", "0.005"},
                                              {"mlp.learning_rate", "0.02"},
                                              {"mlp.steps", "1"},
                                              {"network.depth", "3"},
                                              {"paper.lambda3", "0.2"},
                                              {"paper.lambda6", "0.1"},
                                              {NULL, NULL}});
    for (size_t i = 0; i < 2 * learner_table_size; ++i) {
        const struct learner_class *class_ = learner_table[i / 2];
        if (!is_gradient_class(class_)) continue;
        struct stepper stepper = {.clip_norm = i % 2 ? 0.5 : 0, .weight_decay = i % 2 ? 0.25 : 0};
        const struct fit_hooks hooks = {.user = &stepper, .observe = check_step};
        lab_set(&lab, "train.clip_norm", i % 2 ? "0.5" : "0");
        lab_set(&lab, "train.weight_decay", i % 2 ? "0.25" : "0");
        struct learner *learner = lab_learner(&lab, class_->name);
        begin_step(&stepper, learner, 1);
        assert_int_equal(learner_fit(lab.ctx, learner, &hooks), STRATA_OK);
        assert_int_equal(stepper.stages, ((const struct gradient_details *)class_->details)->rule.staged ? 3 : 1);
        learner_destroy(learner);
    }
}

/* Layer 1's weights at the end of a stage, and how far the next one moved them. */
struct keeper {
    double before[TRAINING_MAX_NUMBERS], largest, least;
};

static strata_status keep_step(void *user, struct learner *learner, const struct fit_point *point) {
    struct keeper *keeper = user;
    size_t count;
    double *now = lab_parameter(&lab, learner, "layer1.input", &count);
    for (size_t k = 0; k < count && point->stage == 2; ++k) {
        keeper->largest = fmax(keeper->largest, fabs(now[k] - keeper->before[k]));
        keeper->least = fmin(keeper->least, fabs(now[k] - keeper->before[k]));
    }
    memcpy(keeper->before, now, count * sizeof *now);
    mem_free(now);
    return STRATA_OK;
}

/*
 * Adam's first step is the rate in every coordinate (g / sqrt(g^2)), only with empty moments; gradients here are
 * above 1e-5.
 */
static void stages_restart_adam(void **state) {
    (void)state;
    struct keeper keeper = {.least = 1};
    const struct fit_hooks hooks = {.user = &keeper, .observe = keep_step};
    lab_set_all(&lab, (struct setting_pair[]){{"train.steps_per_stage", "1"}, {"train.warmup", "0"}, {NULL, NULL}});
    struct learner *learner = lab_learner(&lab, "sgd_staged");
    assert_int_equal(learner_fit(lab.ctx, learner, &hooks), STRATA_OK);
    assert_true(fabs(keeper.largest - 5e-3) < 1e-5 && fabs(keeper.least - 5e-3) < 1e-5);
    learner_destroy(learner);
}

/* Learners differ in their rule alone: the same name begins with the same numbers. */
static void learners_begin_with_equal_weights(void **state) {
    (void)state;
    const char *const families[2][5] = {{"sgd_joint", "sgd_staged", "layerwise", "layerwise_refit", "staged_cut"},
                                        {"dense_joint", "dense_greedy", "dense_greedy", "dense_joint", "dense_greedy"}};
    const char *const names[2][4] = {{"layer1.input", "layer2.input", "layer2.layer1", "readout2"},
                                     {"layer1.input", "layer2.layer1", "readout2", "layer1.bias"}};
    for (size_t f = 0; f < 2; ++f) {
        for (size_t k = 1; k < 5; ++k) {
            struct learner *a = lab_learner(&lab, families[f][0]), *b = lab_learner(&lab, families[f][k]);
            for (size_t i = 0; i < 4; ++i) {
                size_t a_count, b_count;
                double *a_values = lab_parameter(&lab, a, names[f][i], &a_count),
                       *b_values = lab_parameter(&lab, b, names[f][i], &b_count);
                assert_int_equal(a_count, b_count);
                assert_memory_equal(a_values, b_values, a_count * sizeof *a_values);
                mem_free(a_values);
                mem_free(b_values);
            }
            learner_destroy(a);
            learner_destroy(b);
        }
    }
}

/* ---- fits ---- */

static void joint_training_learns_a_tiny_teacher(void **state) {
    (void)state;
    lab_set_all(&lab, (struct setting_pair[]){{"train.steps", "400"},
                                              {"train.batch_size", "128"},
                                              {"train.learning_rate", "2e-2"},
                                              {"train.warmup", "20"},
                                              {NULL, NULL}});
    struct learner *learner = lab_fitted(&lab, "sgd_joint");
    double error = lab_test_error(&lab, learner);
    if (!(error < 0.05)) fail_msg("test error %g", error);
    learner_destroy(learner);
}

static void all_learners_beat_the_constant(void **state) {
    (void)state;
    lab_set_all(&lab, (struct setting_pair[]){{"train.steps_per_stage", "150"},
                                              {"train.batch_size", "128"},
                                              {"train.learning_rate", "2e-2"},
                                              {"train.warmup", "10"},
                                              {"mlp.hidden_width", "32"},
                                              {"network.hidden_width", "16"},
                                              {NULL, NULL}});
    for (size_t i = 0; i < learner_table_size; ++i) {
        if (!is_gradient_class(learner_table[i])) continue;
        struct learner *learner = lab_fitted(&lab, learner_table[i]->name);
        double error = lab_test_error(&lab, learner);
        /* The teacher is even in its hidden units: nothing but the skip is linear in x. */
        if (!(error < (strcmp(learner_table[i]->name, "linear") == 0 ? 1.1 : 0.6)))
            fail_msg("%s: test error %g", learner_table[i]->name, error);
        learner_destroy(learner);
    }
}

/* The sign of x_1 x_2, and a third of x_1's line: fitted on 300 rows, scored on them. */
enum { LABELS = 300 };

/* Outputs on its own training set of a learner fitted to it. */
static void fit_labels(const struct dataset *data, const char *name, float *out) {
    struct learner_request request = lab_request(&lab);
    struct learner *learner;
    assert_int_equal(source_from_dataset(lab.ctx, data, 1, 1, &request.train), STRATA_OK);
    assert_int_equal(learner_create(lab.ctx, name, &request, &learner), STRATA_OK);
    assert_int_equal(learner_fit(lab.ctx, learner, NULL), STRATA_OK);
    assert_int_equal(learner_predict(lab.ctx, learner, LABELS, data->x, out), STRATA_OK);
    learner_destroy(learner);
    source_destroy(request.train);
}

static void labels_are_learnt(void **state) {
    (void)state;
    const enum learning_task tasks[] = {TASK_BINARY, TASK_MULTICLASS};
    const char *const names[] = {"sgd_staged", "dense_joint"};
    lab_set_all(
        &lab, (struct setting_pair[]){{"train.steps_per_stage", "200"}, {"train.learning_rate", "2e-2"}, {NULL, NULL}});
    for (size_t i = 0; i < 2; ++i) {
        struct dataset data = lab_labelled(&lab, tasks[i], LABELS);
        float out[LABELS * 3];
        fit_labels(&data, names[i], out);
        double error = i == 0 ? binary_error_rate(LABELS, out, data.y) : multiclass_error_rate(LABELS, 3, out, data.y);
        if (!(error < 0.1)) fail_msg("%s: error rate %g", names[i], error);
        dataset_destroy(&data);
    }
}

/* Mean distance of the label's logit from the mean of the three. */
static double label_margin(const struct dataset *data, const char *smoothing) {
    float out[LABELS * 3];
    double margin = 0;
    lab_set(&lab, "train.label_smoothing", smoothing);
    fit_labels(data, "dense_joint", out);
    for (size_t r = 0; r < LABELS; ++r) {
        const float *z = out + 3 * r;
        margin += (double)(z[(size_t)data->y[r]] - (z[0] + z[1] + z[2]) / 3) / LABELS;
    }
    return margin;
}

/* The optimum of a smoothed loss is finite: with e = .3 and 3 classes a label's logit is log(.8 / .1) over the rest. */
static void smoothing_bounds_the_margin(void **state) {
    (void)state;
    lab_set_all(
        &lab, (struct setting_pair[]){{"train.steps_per_stage", "200"}, {"train.learning_rate", "2e-2"}, {NULL, NULL}});
    struct dataset data = lab_labelled(&lab, TASK_MULTICLASS, LABELS);
    double plain = label_margin(&data, "0"), smoothed = label_margin(&data, "0.3"), optimum = log(8) * 2 / 3;
    if (!(smoothed < 1.1 * optimum && plain > 1.5 * optimum))
        fail_msg("margin %g, smoothed %g, optimum %g", plain, smoothed, optimum);
    dataset_destroy(&data);
}

/* ---- cost, tables ---- */

struct counter {
    uint64_t last;
    size_t stage, steps;
};

static bool count_allocations(void *user, const struct fit_point *point) {
    struct counter *counter = user;
    uint64_t now = mem_count();
    if (point->stage == counter->stage && now != counter->last) fail_msg("step %zu allocated", point->step);
    *counter = (struct counter){now, point->stage, counter->steps + 1};
    return false;
}

static void steps_allocate_nothing(void **state) {
    (void)state;
    lab_set(&lab, "train.shards", "2");
    for (size_t i = 0; i < learner_table_size; ++i) {
        if (!is_gradient_class(learner_table[i])) continue;
        if (starts_with(learner_table[i]->name, "paper"))
            lab_set(&lab, "train.shards", "1"); /* its penalty is no sum over rows */
        struct counter counter = {0};
        const struct fit_hooks hooks = {.user = &counter, .step = count_allocations};
        struct learner *learner = lab_learner(&lab, learner_table[i]->name);
        if (learner_fit(lab.ctx, learner, &hooks) != STRATA_OK) fail_msg("%s", strata_context_message(lab.ctx));
        assert_true(counter.steps >= 12);
        learner_destroy(learner);
    }
}

static void optimizers_and_schedules_all_run(void **state) {
    (void)state;
    for (size_t i = 0; i < optimizer_table_size; ++i)
        for (size_t k = 0; k < schedule_table_size; ++k) {
            lab_set(&lab, "train.optimizer", optimizer_table[i]->name);
            lab_set(&lab, "train.schedule", schedule_table[k].name);
            struct learner *start = lab_learner(&lab, "sgd_staged"), *learner = lab_fitted(&lab, "sgd_staged");
            assert_true(isfinite(lab_test_error(&lab, learner)));
            assert_false(learners_equal(&lab, start, learner));
            learner_destroy(start);
            learner_destroy(learner);
        }
}

/* Equal parameters: no more than the deep network, and less by under one unit. */
static void two_layer_has_as_many_parameters(void **state) {
    (void)state;
    lab_set(&lab, "network.depth", "4");
    lab_set(&lab, "network.hidden_width", "4"); /* 161 numbers; 23 units would take 162 */
    struct learner *deep = lab_learner(&lab, "sgd_joint"), *shallow = lab_learner(&lab, "two_layer");
    size_t wanted = deep->class_->parameter_count(deep), found = shallow->class_->parameter_count(shallow);
    assert_int_equal(wanted, 4 * 6 * 4 + 3 * 4 * 4 + 4 * 4 + 1);
    assert_in_range(found, wanted - 6, wanted);
    learner_destroy(deep);
    learner_destroy(shallow);
}

static void parameter_counts_are_those_of_the_parameters(void **state) {
    (void)state;
    for (size_t i = 0; i < learner_table_size; ++i) {
        if (!is_gradient_class(learner_table[i])) continue;
        struct learner *learner = lab_learner(&lab, learner_table[i]->name);
        struct tensor_file saved = {0};
        size_t count = 0;
        assert_int_equal(learner_save(lab.ctx, learner, &saved), STRATA_OK);
        for (size_t k = 0; k < saved.tensor_count; ++k)
            if (starts_with(saved.tensors[k].name, "parameter.")) count += tensor_count(&saved.tensors[k]);
        assert_int_equal(learner->class_->parameter_count(learner), count);
        tensor_file_destroy(&saved);
        learner_destroy(learner);
    }
}

/*
 * Predictions and features against the float64 network with the learner's own weights: float32 sums of at most 20
 * terms.
 */
static void predictions_equal_the_network_in_float64(void **state) {
    (void)state;
    const char *const names[] = {"sgd_staged", "mlp_gelu", "dense_joint", "paper"};
    for (size_t i = 0; i < 4; ++i) {
        struct learner *learner = lab_fitted(&lab, names[i]);
        struct training t;
        double expected[TRAINING_ROWS * TRAINING_MAX_WIDTH];
        float x[TRAINING_ROWS * 6], out[TRAINING_ROWS * TRAINING_MAX_WIDTH];
        training_create(&lab, lab.source, names[i], 2, &t);
        training_copy(&lab, learner, &t);
        program_forward(t.program, TRAINING_ROWS, false);
        for (size_t k = 0; k < TRAINING_ROWS * 6; ++k) x[k] = (float)t.x[k];
        assert_int_equal(learner->class_->layer_count(learner), 2);
        for (size_t l = 0; l <= 2; ++l) {
            size_t width = l == 0 ? 1 : learner->class_->layer_width(learner, l);
            program_read(t.program, l == 0 ? t.nodes.output : t.nodes.layers[l - 1], expected);
            if (l == 0)
                assert_int_equal(learner_predict(lab.ctx, learner, TRAINING_ROWS, x, out), STRATA_OK);
            else
                assert_int_equal(learner_features(lab.ctx, learner, l, TRAINING_ROWS, x, out), STRATA_OK);
            double scale = 0;
            for (size_t k = 0; k < TRAINING_ROWS * width; ++k) scale = fmax(scale, fabs(expected[k]));
            for (size_t k = 0; k < TRAINING_ROWS * width; ++k)
                assert_true(fabs((double)out[k] - expected[k]) <= 1e-5 * (1 + scale));
        }
        assert_int_equal(learner_features(lab.ctx, learner, 0, 1, x, out), STRATA_ERR_ARGUMENT);
        assert_int_equal(learner_features(lab.ctx, learner, 3, 1, x, out), STRATA_ERR_ARGUMENT);
        training_destroy(&t);
        learner_destroy(learner);
    }
}

/* ---- the two routes into layer 1 ---- */

/* d loss / d A = (2/n) sum_r residual_r o_1 (2 h_1) x, written as loops; above is the rest of the whole gradient. */
static void routes_equal_their_formulas(void **state) {
    (void)state;
    enum { N = TRAINING_ROWS, D = 6, M = 6 };
    struct learner *learner = lab_fitted(&lab, "sgd_staged");
    struct training t;
    training_create(&lab, lab.source, "sgd_staged", 2, &t);
    training_copy(&lab, learner, &t);
    double a[D * M], o[M], output[N], whole[D * M], own = 0, above = 0, own_found, above_found;
    float x[N * D], y[N];
    program_forward(t.program, N, true);
    program_backward(t.program, NULL);
    program_read(t.program, t.nodes.output, output);
    program_read_gradient(t.program, graph_find(t.graph, "layer1.input"), whole);
    program_read_parameter(t.program, graph_find(t.graph, "layer1.input"), a);
    program_read_parameter(t.program, graph_find(t.graph, "readout1"), o);
    for (size_t j = 0; j < M; ++j)
        for (size_t i = 0; i < D; ++i) {
            double sum = 0;
            for (size_t r = 0; r < N; ++r) {
                double h = 0;
                for (size_t k = 0; k < D; ++k) h += t.x[r * D + k] * a[k * M + j];
                sum += 2.0 / N * (output[r] - t.y[r]) * o[j] * 2 * h * t.x[r * D + i];
            }
            own += sum * sum;
            above += (whole[i * M + j] - sum) * (whole[i * M + j] - sum);
        }
    for (size_t k = 0; k < N * D; ++k) x[k] = (float)t.x[k];
    for (size_t k = 0; k < N; ++k) y[k] = (float)t.y[k];
    assert_int_equal(gradient_routes(lab.ctx, learner, N, x, y, &own_found, &above_found), STRATA_OK);
    assert_true(own > 0 && fabs(own_found - own) <= 1e-4 * own); /* float32 sums, squared */
    assert_true(above > 0 && fabs(above_found - above) <= 1e-4 * (above + own * 1e-3));
    learner_destroy(learner);
    training_destroy(&t);
    struct learner *fresh = lab_learner(&lab, "sgd_staged"), *paper = lab_learner(&lab, "paper");
    assert_int_equal(gradient_routes(lab.ctx, fresh, N, x, y, &own_found, &above_found), STRATA_OK);
    assert_true(own_found > 0 && above_found == 0); /* stage 1 has nothing above */
    assert_int_equal(gradient_routes(lab.ctx, paper, N, x, y, &own_found, &above_found), STRATA_ERR_UNSUPPORTED);
    learner_destroy(fresh);
    learner_destroy(paper);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(gradients_match_central_differences, reset),
        cmocka_unit_test_setup(gradients_of_labels_match_central_differences, reset),
        cmocka_unit_test_setup(cut_leaves_no_gradient_through_the_upper_layer, reset),
        cmocka_unit_test_setup(frozen_layers_keep_every_bit, reset),
        cmocka_unit_test_setup(a_step_follows_the_gradient, reset),
        cmocka_unit_test_setup(stages_restart_adam, reset),
        cmocka_unit_test_setup(learners_begin_with_equal_weights, reset),
        cmocka_unit_test_setup(joint_training_learns_a_tiny_teacher, reset),
        cmocka_unit_test_setup(all_learners_beat_the_constant, reset),
        cmocka_unit_test_setup(labels_are_learnt, reset),
        cmocka_unit_test_setup(smoothing_bounds_the_margin, reset),
        cmocka_unit_test_setup(steps_allocate_nothing, reset),
        cmocka_unit_test_setup(optimizers_and_schedules_all_run, reset),
        cmocka_unit_test_setup(two_layer_has_as_many_parameters, reset),
        cmocka_unit_test_setup(parameter_counts_are_those_of_the_parameters, reset),
        cmocka_unit_test_setup(predictions_equal_the_network_in_float64, reset),
        cmocka_unit_test_setup(routes_equal_their_formulas, reset),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
