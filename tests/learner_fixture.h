/* SPDX-License-Identifier: MIT */
/*
 * Shared by the tests of gradient learners: small settings, a teacher with fresh samples, and training graphs
 * rebuilt in float64.
 */
#ifndef TESTS_LEARNER_FIXTURE_H
#define TESTS_LEARNER_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"
#include "data/teacher.h"
#include "graph/program.h"
#include "learn/gradient.h"
#include "learn/objective.h"
#include "measure/errors.h"

extern const struct learner_class learner_mlp_relu, learner_paper;

/* One context, settings with all rows that gradient learners read, a teacher and its endless samples. */
struct lab {
    strata_context *ctx;
    struct settings *settings;
    struct teacher *teacher;
    struct sample_source *source;
};

static inline void lab_set(const struct lab *lab, const char *key, const char *value) {
    if (settings_set(lab->ctx, lab->settings, "test", key, value) != STRATA_OK)
        fail_msg("%s", strata_context_message(lab->ctx));
}

static inline void lab_set_all(const struct lab *lab, const struct setting_pair *pairs) {
    for (; pairs->key; ++pairs) lab_set(lab, pairs->key, pairs->value);
}

/* A degree-4 teacher on 6 inputs, and fits of two stages of 12 steps. */
static const struct setting_pair lab_defaults[] = {{"data.dimension", "6"},
                                                   {"teacher.width", "2"},
                                                   {"teacher.depth", "2"},
                                                   {"teacher.gap", "0.3"},
                                                   {"network.depth", "2"},
                                                   {"network.hidden_width", "6"},
                                                   {"network.activation", "relu"},
                                                   {"network.input_squares", "false"},
                                                   {"train.optimizer", "adam"},
                                                   {"train.learning_rate", "5e-3"},
                                                   {"train.batch_size", "32"},
                                                   {"train.steps_per_stage", "12"},
                                                   {"train.steps", "0"},
                                                   {"train.warmup", "3"},
                                                   {"train.schedule", "cosine"},
                                                   {"train.clip_norm", "5"},
                                                   {"train.weight_decay", "0"},
                                                   {"train.label_smoothing", "0"},
                                                   {"train.shards", "1"},
                                                   {"train.recompute", "false"},
                                                   {"adversarial.method", "none"},
                                                   {"adversarial.epsilon", "0.25"},
                                                   {"mlp.depth", "2"},
                                                   {"mlp.hidden_width", "7"},
                                                   {"mlp.steps", "0"},
                                                   {"mlp.learning_rate", "1e-3"},
                                                   {"paper.learning_rate", "1e-2"},
                                                   {"paper.lambda3", "0"},
                                                   {"paper.lambda4", "0"},
                                                   {"paper.lambda5", "0.01"},
                                                   {"paper.lambda6", "0"},
                                                   {"paper.truncation", "0"},
                                                   {"paper.threshold", "0"},
                                                   {"paper.noise", "0"},
                                                   {"paper.expansion_rows", "0"},
                                                   {"paper.narrow_width", "0"},
                                                   {NULL, NULL}};

static inline void lab_reset(const struct lab *lab) { lab_set_all(lab, lab_defaults); }

static inline void lab_create(struct lab *lab) {
    static const struct setting *tables[5];
    tables[0] = learner_settings, tables[1] = learner_mlp_relu.settings, tables[2] = learner_paper.settings;
    tables[3] = teacher_settings, tables[4] = teacher_size_settings;
    assert_int_equal(strata_context_create(&lab->ctx), STRATA_OK);
    assert_int_equal(settings_create(lab->ctx, 5, tables, &lab->settings), STRATA_OK);
    lab_reset(lab);
    assert_int_equal(teacher_create(lab->ctx, lab->settings, 1, 1, &lab->teacher), STRATA_OK);
    assert_int_equal(source_from_teacher(lab->ctx, lab->teacher, 1, 1, 0, TASK_REGRESSION, &lab->source), STRATA_OK);
}

static inline void lab_destroy(struct lab *lab) {
    source_destroy(lab->source);
    teacher_destroy(lab->teacher);
    settings_destroy(lab->settings);
    strata_context_destroy(lab->ctx);
}

static inline struct learner_request lab_request(const struct lab *lab) {
    return (struct learner_request){.settings = lab->settings, .train = lab->source, .seed = 5, .replicate = 1};
}

static inline struct learner *lab_learner(const struct lab *lab, const char *name) {
    const struct learner_request request = lab_request(lab);
    struct learner *learner;
    if (learner_create(lab->ctx, name, &request, &learner) != STRATA_OK)
        fail_msg("%s: %s", name, strata_context_message(lab->ctx));
    return learner;
}

static inline struct learner *lab_fitted(const struct lab *lab, const char *name) {
    struct learner *learner = lab_learner(lab, name);
    if (learner_fit(lab->ctx, learner, NULL) != STRATA_OK) fail_msg("%s", strata_context_message(lab->ctx));
    return learner;
}

static inline bool starts_with(const char *name, const char *prefix) {
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* Classes that are trained by gradients and whose settings the lab has; the others have tests of their own. */
static inline bool is_gradient_class(const struct learner_class *class_) {
    const struct setting *own = class_->settings;
    return class_->create == gradient_create &&
           (!own || own == learner_mlp_relu.settings || own == learner_paper.settings);
}

/* A learner's parameter; the caller frees. */
static inline double *lab_parameter(const struct lab *lab, struct learner *learner, const char *name, size_t *count) {
    if (learner->class_->parameter(lab->ctx, learner, name, count, NULL) != STRATA_OK)
        fail_msg("%s", strata_context_message(lab->ctx));
    double *values = mem_zero(*count, sizeof *values);
    assert_int_equal(learner->class_->parameter(lab->ctx, learner, name, count, values), STRATA_OK);
    return values;
}

/* ---- data and errors ---- */

/* A set of random inputs with labels of `task`. */
static inline struct dataset lab_labelled(const struct lab *lab, enum learning_task task, size_t rows) {
    struct dataset data = {
        .task = task, .rows = rows, .inputs = 6, .outputs = 1, .classes = task == TASK_MULTICLASS ? 3 : 2};
    assert_int_equal(dataset_allocate(lab->ctx, &data), STRATA_OK);
    rng_normal_rows_f32(rng_stream_make(9, 0, RNG_TEST), 0, rows, 6, data.x);
    for (size_t i = 0; i < rows; ++i) {
        const float *x = data.x + 6 * i;
        data.y[i] = task == TASK_BINARY ? (float)(x[0] * x[1] > 0.0f) : (float)((x[0] > 0.4f) + (x[0] > -0.4f));
    }
    return data;
}

enum { TEST_ROWS = 1024 };

static inline double lab_test_error(const struct lab *lab, struct learner *learner) {
    float x[TEST_ROWS * 6], y[TEST_ROWS], out[TEST_ROWS];
    teacher_inputs(lab->teacher, RNG_TEST_INPUT, 0, TEST_ROWS, x);
    teacher_targets(lab->teacher, TEST_ROWS, x, y);
    assert_int_equal(learner_predict(lab->ctx, learner, TEST_ROWS, x, out), STRATA_OK);
    return relative_error(TEST_ROWS, 1, out, y);
}

/* ---- states ---- */

/* Two saved states are equal to the bit. */
static inline bool states_equal(const struct tensor_file *a, const struct tensor_file *b) {
    if (a->tensor_count != b->tensor_count || a->metadata_count != b->metadata_count) return false;
    for (size_t i = 0; i < a->tensor_count; ++i) {
        const struct tensor *first = &a->tensors[i], *second = tensor_file_find(b, first->name);
        size_t bytes = tensor_count(first) * tensor_type_size(first->type);
        if (!second || tensor_count(second) != tensor_count(first) || memcmp(first->data, second->data, bytes) != 0)
            return false;
    }
    for (size_t i = 0; i < a->metadata_count; ++i) {
        const char *other = tensor_file_get(b, a->keys[i]);
        if (!other || strcmp(a->values[i], other) != 0) return false;
    }
    return true;
}

static inline bool learners_equal(const struct lab *lab, struct learner *a, struct learner *b) {
    struct tensor_file first = {0}, second = {0};
    float x[6 * 6], a_out[6], b_out[6];
    teacher_inputs(lab->teacher, RNG_TEST_INPUT, 0, 6, x);
    assert_int_equal(learner_save(lab->ctx, a, &first), STRATA_OK);
    assert_int_equal(learner_save(lab->ctx, b, &second), STRATA_OK);
    assert_int_equal(learner_predict(lab->ctx, a, 6, x, a_out), STRATA_OK);
    assert_int_equal(learner_predict(lab->ctx, b, 6, x, b_out), STRATA_OK);
    bool equal = states_equal(&first, &second) && memcmp(a_out, b_out, sizeof a_out) == 0;
    tensor_file_destroy(&first);
    tensor_file_destroy(&second);
    return equal;
}

/* ---- the training graph of a class in a stage, in float64 ---- */

enum { TRAINING_ROWS = 7, TRAINING_MAX_WIDTH = 64, TRAINING_MAX_NUMBERS = 512 };

struct training {
    const struct learner_class *class_;
    struct network network;
    size_t layers;
    struct graph *graph;
    struct network_nodes nodes;
    node target, penalty, loss;
    struct program *program;
    double x[TRAINING_ROWS * TRAINING_MAX_WIDTH], y[TRAINING_ROWS];
};

/* Batch number `step` of the source as the rows of a training graph. */
static inline void training_batch(struct sample_source *source, uint64_t step, struct training *t) {
    const float *x, *y;
    assert_true(t->network.inputs <= TRAINING_MAX_WIDTH);
    source_batch(source, step, TRAINING_ROWS, &x, &y);
    for (size_t i = 0; i < TRAINING_ROWS * t->network.inputs; ++i) t->x[i] = (double)x[i];
    for (size_t i = 0; i < TRAINING_ROWS; ++i) t->y[i] = (double)y[i];
}

/* Layers, penalty and output stay readable. Parameters are zero; x and y are the source's first rows. */
static inline void training_create(const struct lab *lab, struct sample_source *source, const char *name, size_t layers,
                                   struct training *t) {
    struct learner_request request = lab_request(lab);
    const struct learner_class *class_ = learner_find(name);
    const struct gradient_details *details = class_->details;
    request.train = source;
    *t = (struct training){.class_ = class_, .layers = layers, .penalty = NODE_NONE};
    assert_int_equal(details->describe(lab->ctx, &request, &t->network), STRATA_OK);
    if (t->layers == 0 || t->layers > t->network.layer_count) t->layers = t->network.layer_count;
    const struct network_view view = {
        .layers = t->layers, .cut = details->rule.cut, .last_readout = details->rule.last_readout};
    assert_int_equal(graph_create(lab->ctx, &t->graph), STRATA_OK);
    if (details->builder)
        assert_int_equal(
            details->builder->build(lab->ctx, &request, &t->network, &view, t->graph, &t->nodes, &t->penalty),
            STRATA_OK);
    else
        assert_int_equal(network_build(&t->network, &view, t->graph, &t->nodes), STRATA_OK);
    t->target = graph_input(t->graph, "target", shape_rows(source_outputs(source)));
    t->loss = objective_node(t->graph, source_task(source), 0, t->nodes.output, t->target);
    if (t->penalty != NODE_NONE) t->loss = graph_binary(t->graph, OP_ADD, t->loss, t->penalty);
    for (size_t l = 0; l < t->layers; ++l) graph_keep(t->graph, t->nodes.layers[l]);
    graph_keep(t->graph, t->nodes.output);
    graph_keep(t->graph, t->penalty);
    struct program_options options = program_options_default();
    options.precision = PRECISION_F64;
    options.rows = TRAINING_ROWS;
    options.gradients = true;
    assert_int_equal(program_create(lab->ctx, t->graph, t->loss, &options, &t->program), STRATA_OK);
    assert_int_equal(source_reserve(lab->ctx, source, TRAINING_ROWS), STRATA_OK);
    training_batch(source, 0, t);
    program_bind(t->program, t->nodes.input, t->x);
    program_bind(t->program, t->target, t->y);
}

static inline void training_destroy(struct training *t) {
    program_destroy(t->program);
    graph_destroy(t->graph);
}

/* A learner's weights as they are now. */
static inline void training_copy(const struct lab *lab, struct learner *learner, struct training *t) {
    for (size_t p = 0; p < program_parameter_count(t->program); ++p) {
        size_t count;
        double *values = lab_parameter(lab, learner, program_parameter_name(t->program, p), &count);
        assert_int_equal(count, program_parameter_size(t->program, p));
        program_set_parameter(t->program, program_parameter(t->program, p), values);
        mem_free(values);
    }
}

/* Normal draws of standard deviation `sd` for every parameter, by its name. */
static inline void training_randomise(struct training *t, double sd) {
    for (size_t i = 0; i < program_parameter_count(t->program); ++i) {
        double values[TRAINING_MAX_NUMBERS];
        size_t count = program_parameter_size(t->program, i);
        assert_true(count <= TRAINING_MAX_NUMBERS);
        rng_normal_f64(rng_stream_at(rng_stream_make(8, 0, RNG_TEST), rng_hash(program_parameter_name(t->program, i))),
                       count, values);
        for (size_t k = 0; k < count; ++k) values[k] *= sd;
        program_set_parameter(t->program, program_parameter(t->program, i), values);
    }
}

#endif
