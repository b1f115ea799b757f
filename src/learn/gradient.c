/* SPDX-License-Identifier: MIT */
#include "learn/gradient.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "graph/optimizer.h"
#include "graph/program.h"
#include "learn/adversary.h"
#include "learn/objective.h"
#include "learn/parameter_store.h"
#include "learn/schedule.h"

enum { PREDICT_ROWS = 512 };

/* A graph with the program planned from it. */
struct engine {
    struct graph *graph;
    struct program *program;
    struct network_nodes nodes;
    node target, loss;
    size_t layers;     /* of the network that it has */
    size_t rows;       /* of a call, without a loss */
    bool penalised;    /* the builder adds to the loss */
    size_t root_layer; /* without a loss: the layer that is its root, 0 for the output */
    uint64_t version;  /* of the weights that it holds; without a loss */
};

struct gradient_learner {
    struct learner base;
    const struct gradient_details *details;
    struct learner_request request;
    struct network network;
    struct parameter_store store;
    const struct optimizer_class *optimizer;
    const struct schedule *schedule;
    struct update update;
    double learning_rate;
    size_t batch, warmup, shards, stages, steps_per_stage;
    size_t stage, step;  /* current stage (1..), steps done in it */
    double threshold;    /* a stage but the last also ends when the running loss falls under it; 0: never */
    double running_loss; /* of the stage: exponential mean over about 50 steps */
    bool started;        /* the optimizer's state in the store belongs to this stage */
    struct engine training, prediction, reading, derivative; /* of the loss, the output, a layer; back to the input */
    uint64_t version;                                        /* counts changes of the weights, from 1 */
    float *block; /* 2 x [derivative.rows, its outputs]: outputs and seeds of a block of rows */
    size_t block_numbers;
    double *followed;            /* [batch, inputs], where the adversary stays: gradients to the inputs of a step */
    struct adversary *adversary; /* NULL: clean training */
    struct rng_stream stream;
};

static void engine_destroy(struct engine *engine) {
    program_destroy(engine->program);
    graph_destroy(engine->graph);
    *engine = (struct engine){0};
}

static struct gradient_learner *self_of(struct learner *learner) { return (struct gradient_learner *)learner; }

/* Layers of the network that exist in a stage. */
static size_t active_layers(const struct gradient_learner *self, size_t stage) {
    const struct stage_rule *rule = &self->details->rule;
    if (rule->alone && !(rule->reuse && stage == 2)) return 1;
    return rule->staged && !rule->whole ? stage : self->network.layer_count;
}

/* The network of a stage; what is read from it has no use for cuts. */
static struct network_view view_of(const struct gradient_learner *self, size_t stage) {
    const struct stage_rule *rule = &self->details->rule;
    bool anew = rule->reuse && stage == 2;
    return (struct network_view){
        .layers = active_layers(self, stage), .cut = rule->cut && !anew, .last_readout = rule->last_readout || anew};
}

static uint64_t layer_groups(size_t layer, bool readout) {
    return UINT64_C(1) << (GROUP_LAYER + layer) | (readout ? UINT64_C(1) << (GROUP_READOUT + layer) : 0);
}

static uint64_t frozen_groups(const struct gradient_learner *self, size_t stage) {
    const struct stage_rule *rule = &self->details->rule;
    uint64_t mask = 0;
    if (rule->reuse && stage == 2) return layer_groups(0, true);
    for (size_t l = 0; rule->staged && rule->freeze_below && l + 1 + rule->overlap < stage; ++l)
        mask |= layer_groups(l, !rule->refit_readouts);
    return mask;
}

static node loss_of(const struct gradient_learner *self, const struct engine *engine, node output) {
    return objective_node(engine->graph, source_task(self->request.train),
                          settings_number(self->request.settings, "train.label_smoothing"), output, engine->target);
}

static strata_status build_engine(strata_context *ctx, const struct gradient_learner *self,
                                  const struct network_view *view, const struct program_options *options,
                                  bool with_loss, struct engine *engine) {
    const struct gradient_builder *builder = self->details->builder;
    node penalty = NODE_NONE;
    STRATA_TRY(graph_create(ctx, &engine->graph));
    strata_status status = builder ? builder->build(ctx, &self->request, &self->network, view, engine->graph,
                                                    &engine->nodes, &penalty)
                                   : network_build(&self->network, view, engine->graph, &engine->nodes);
    node root = engine->nodes.output;
    engine->layers = view->layers;
    engine->penalised = penalty != NODE_NONE;
    if (status == STRATA_OK && engine->root_layer) root = engine->nodes.layers[engine->root_layer - 1];
    if (status == STRATA_OK && with_loss) {
        engine->target = graph_input(engine->graph, "target", shape_rows(source_target_width(self->request.train)));
        root = engine->loss = loss_of(self, engine, engine->nodes.output);
        for (size_t i = 0; i < engine->nodes.other_count; ++i)
            root = engine->loss = graph_binary(engine->graph, OP_ADD, engine->loss,
                                               loss_of(self, engine, engine->nodes.others[i]));
        if (penalty != NODE_NONE) root = engine->loss = graph_binary(engine->graph, OP_ADD, engine->loss, penalty);
        status = graph_status(engine->graph);
    } else if (status == STRATA_OK && !engine->root_layer) { /* every parameter of the view is to be there */
        for (size_t l = 0; l < view->layers; ++l) graph_keep(engine->graph, engine->nodes.layers[l]);
        for (size_t i = 0; i < engine->nodes.other_count; ++i) graph_keep(engine->graph, engine->nodes.others[i]);
    }
    if (status == STRATA_OK) status = program_create(ctx, engine->graph, root, options, &engine->program);
    if (status != STRATA_OK) engine_destroy(engine);
    return status;
}

/* Initial values of all parameters but those of the groups of `kept`. */
static strata_status initialise_store(strata_context *ctx, struct gradient_learner *self, uint64_t kept) {
    const struct gradient_builder *builder = self->details->builder;
    for (size_t i = 0; i < self->store.count; ++i) {
        struct stored_parameter *item = &self->store.items[i];
        if (kept >> item->group & 1) continue;
        STRATA_TRY(builder
                       ? builder->initialise(ctx, &self->request, &self->network, self->stream, item->name, item->count,
                                             item->values)
                       : network_initialise(ctx, &self->network, self->stream, item->name, item->count, item->values));
    }
    return STRATA_OK;
}

/* Steps that the optimizer and the schedule count: of the stage, or of the fit where stages only go on. */
static size_t steps_counted(const struct gradient_learner *self) {
    return (self->details->rule.whole ? (self->stage - 1) * self->steps_per_stage : 0) + self->step;
}

static bool stays(const struct gradient_learner *self) { return self->adversary && self->adversary->class_->stays; }

/* The pair loss has none of what a learner or a setting adds to the usual one: refused, not forgotten. */
static strata_status check_pairs(strata_context *ctx, const struct gradient_learner *self) {
    double smoothing = settings_number(self->request.settings, "train.label_smoothing");
    if (self->training.nodes.other_count > 0 || self->training.penalised)
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED,
                           "%s: key 'adversarial.method': trades trains networks of one output layer without penalty; "
                           "expected none, fgm, pgd, fgsm_rs, free or noise",
                           self->base.class_->name);
    if (smoothing > 0)
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "key 'train.label_smoothing': expected 0 with adversarial.method=trades, got %g", smoothing);
    return STRATA_OK;
}

/* Plans the stage from the store; a stopped fit goes on in the program that it left. */
static strata_status begin_stage(strata_context *ctx, struct gradient_learner *self) {
    if (self->training.program && self->started) return STRATA_OK;
    if (self->details->rule.reuse && self->stage == 2 && !self->started)
        STRATA_TRY(initialise_store(ctx, self, layer_groups(0, true)));
    struct network_view view = view_of(self, self->stage);
    struct program_options options = program_options_default();
    bool pairs = self->adversary && self->adversary->class_->pairs;
    options.rows = pairs ? 2 * self->batch : self->batch;
    options.shards = self->shards;
    options.gradients = true;
    options.input_gradients = stays(self);
    options.recompute = settings_flag(self->request.settings, "train.recompute");
    options.optimizer = self->optimizer;
    options.frozen_groups = frozen_groups(self, self->stage);
    options.stream = rng_stream_sub(self->stream, self->stage);
    engine_destroy(&self->training);
    STRATA_TRY(build_engine(ctx, self, &view, &options, !pairs, &self->training));
    if (pairs) STRATA_TRY(check_pairs(ctx, self));
    store_to_program(&self->store, self->training.program, self->started);
    program_set_steps(self->training.program, self->started ? steps_counted(self) : 0);
    self->started = true;
    ++self->version;
    return STRATA_OK;
}

static void read_settings(struct gradient_learner *self) {
    const struct settings *settings = self->request.settings;
    const struct gradient_details *details = self->details;
    self->learning_rate = settings_number(settings, details->rate_key ? details->rate_key : "train.learning_rate");
    self->batch = settings_count(settings, "train.batch_size");
    size_t rows = source_rows(self->request.train);
    if (rows && rows < self->batch) self->batch = rows;
    self->warmup = settings_count(settings, "train.warmup");
    self->shards = settings_count(settings, "train.shards");
    if (self->shards > self->batch) self->shards = self->batch;
    self->stages = details->rule.reuse ? 2 : details->rule.staged ? self->network.layer_count : 1;
    self->steps_per_stage = settings_count(settings, "train.steps_per_stage");
    if ((details->rule.staged || details->rule.reuse) && details->steps_key) {
        size_t all = settings_count(settings, details->steps_key);
        self->steps_per_stage = (all + self->stages - 1) / self->stages;
    } else if (!details->rule.staged) {
        size_t depth = settings_count(settings, "network.depth");
        size_t all = settings_count(settings, details->steps_key ? details->steps_key : "train.steps");
        self->steps_per_stage = all ? all : self->steps_per_stage * depth;
    }
    self->optimizer = optimizer_find(settings_text(settings, "train.optimizer"));
    self->schedule = schedule_find(settings_text(settings, "train.schedule"));
    self->update = update_default(self->learning_rate);
    self->update.clip_norm = settings_number(settings, "train.clip_norm");
    self->update.weight_decay = settings_number(settings, "train.weight_decay");
    if (details->noise_key) self->update.noise = settings_number(settings, details->noise_key);
    if (details->threshold_key) self->threshold = settings_number(settings, details->threshold_key);
}

/* The store has an entry for every parameter that some stage trains or some layer's features read. */
static strata_status create_store(strata_context *ctx, struct gradient_learner *self) {
    const struct stage_rule *rule = &self->details->rule;
    struct network_view all = {.layers = self->network.layer_count,
                               .last_readout = rule->last_readout && !rule->alone && (rule->whole || !rule->staged)};
    struct program_options options = program_options_default();
    struct engine whole = {0};
    STRATA_TRY(build_engine(ctx, self, &all, &options, false, &whole));
    strata_status status = store_create(ctx, whole.program, self->optimizer->slots, &self->store);
    engine_destroy(&whole);
    return status == STRATA_OK ? initialise_store(ctx, self, 0) : status;
}

static strata_status allocate_memory(strata_context *ctx, struct gradient_learner *self);

strata_status gradient_create(strata_context *ctx, const struct learner_class *class_,
                              const struct learner_request *request, struct learner **learner) {
    *learner = NULL;
    struct gradient_learner *self = mem_zero(1, sizeof *self);
    if (!self) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for learner %s", class_->name);
    self->base.class_ = class_;
    self->details = class_->details;
    self->request = *request;
    self->stream = rng_stream_make(request->seed, request->replicate, RNG_INIT);
    self->stage = 1;
    self->version = 1;
    strata_status status = self->details->describe(ctx, request, &self->network);
    if (status == STRATA_OK) {
        read_settings(self);
        status = source_reserve(ctx, request->train, self->batch);
    }
    if (status == STRATA_OK)
        status = adversary_create(ctx, request->settings, source_task(request->train), self->batch,
                                  self->network.inputs, self->network.outputs,
                                  rng_stream_make(request->seed, request->replicate, RNG_ADVERSARY), &self->adversary);
    if (status == STRATA_OK && self->adversary && source_target_width(request->train) != source_outputs(request->train))
        status = strata_fail(ctx, STRATA_ERR_CONFIG, "key 'adversarial.method': expected none with mixed pictures");
    if (status == STRATA_OK) status = create_store(ctx, self);
    if (status == STRATA_OK && self->adversary) status = allocate_memory(ctx, self);
    if (status != STRATA_OK)
        gradient_destroy(&self->base);
    else
        *learner = &self->base;
    return status;
}

void gradient_destroy(struct learner *learner) {
    if (!learner) return;
    struct gradient_learner *self = self_of(learner);
    engine_destroy(&self->training);
    engine_destroy(&self->prediction);
    engine_destroy(&self->reading);
    engine_destroy(&self->derivative);
    store_destroy(&self->store);
    adversary_destroy(self->adversary);
    mem_free(self->block);
    mem_free(self->followed);
    mem_free(self);
}

/* Where the fit is after a step. */
static bool stage_over(const struct gradient_learner *self) {
    if (self->step == self->steps_per_stage) return true;
    return self->stage < self->stages && self->step > self->warmup && self->running_loss < self->threshold;
}

static struct fit_point point_of(const struct gradient_learner *self, double loss) {
    return (struct fit_point){.step = (self->stage - 1) * self->steps_per_stage + self->step,
                              .total = self->stages * self->steps_per_stage,
                              .stage = self->stage,
                              .stage_end = stage_over(self),
                              .layers = active_layers(self, self->stage),
                              .loss = loss};
}

/* The pair loss of TRADES is made by hand from the logits of clean and moved rows. */
static double pair_step(struct gradient_learner *self, const float *rows, const float *y) {
    struct adversary *adversary = self->adversary;
    struct program *program = self->training.program;
    program_bind(program, self->training.nodes.input, rows);
    program_forward(program, 2 * self->batch, true);
    program_read_f32(program, self->training.nodes.output, adversary->logits);
    double loss = adversary_pair_loss(adversary, adversary->logits, y, adversary->seeds);
    program_backward(program, adversary->seeds);
    program_update(program, &self->update);
    return loss;
}

/* Where the adversary stays: the gradient to the rows comes with that to the weights. */
static double followed_step(struct gradient_learner *self, const float *x, const float *moved, const float *y) {
    struct program *program = self->training.program;
    program_bind(program, self->training.nodes.input, moved);
    program_bind(program, self->training.target, y);
    program_forward(program, self->batch, true);
    double loss = program_scalar(program, self->training.loss);
    program_backward(program, NULL);
    program_read_gradient(program, self->training.nodes.input, self->followed);
    program_update(program, &self->update);
    adversary_follow(self->adversary, x, self->followed);
    return loss;
}

static strata_status guard(strata_context *ctx, struct gradient_learner *self, const strata_function *function,
                           const float *x, const float *y);

/* Rows of the step, moved by the adversary if there is one. */
static strata_status move_batch(strata_context *ctx, struct gradient_learner *self, size_t step, const float **x,
                                const float *y) {
    if (!self->adversary) return STRATA_OK;
    const strata_function function = learner_function(&self->base, self->network.inputs, self->network.outputs);
    STRATA_TRY(guard(ctx, self, &function, *x, y));
    return adversary_move(ctx, self->adversary, &function, step, self->stages * self->steps_per_stage, *x, y, x);
}

static strata_status one_step(strata_context *ctx, struct gradient_learner *self, double *loss) {
    const float *x, *y;
    size_t step = (self->stage - 1) * self->steps_per_stage + self->step;
    source_batch(self->request.train, self->adversary ? adversary_batch(self->adversary, step) : step, self->batch, &x,
                 &y);
    const float *rows = x;
    STRATA_TRY(move_batch(ctx, self, step, &x, y));
    self->update.learning_rate = self->learning_rate *
                                 schedule_factor(self->schedule, steps_counted(self),
                                                 (self->details->rule.whole ? self->stages : 1) * self->steps_per_stage,
                                                 self->warmup);
    if (self->adversary && self->adversary->class_->pairs) {
        *loss = pair_step(self, x, y);
    } else if (stays(self) && step >= self->adversary->from_step) {
        *loss = followed_step(self, rows, x, y);
    } else {
        program_bind(self->training.program, self->training.nodes.input, x);
        program_bind(self->training.program, self->training.target, y);
        *loss = program_step(self->training.program, self->batch, &self->update);
    }
    const double share = 0.02;
    self->running_loss = self->step == 0 ? *loss : (1 - share) * self->running_loss + share * *loss;
    ++self->step;
    ++self->version;
    return STRATA_OK;
}

/*
 * The weights as they are now: a running fit holds the newest in its program. Nothing is derived from weights that
 * diverged.
 */
static strata_status synchronise(strata_context *ctx, struct gradient_learner *self) {
    const struct gradient_builder *builder = self->details->builder;
    if (self->training.program && self->started) store_from_program(&self->store, self->training.program, true);
    if (!builder || !builder->refresh || !store_finite(&self->store)) return STRATA_OK;
    return builder->refresh(ctx, &self->request, &self->network, self->stage, &self->store);
}

/* A step's loss tells of the steps before it; after the last one of a stage the same batch is asked again. */
static bool step_diverged(struct gradient_learner *self, const struct fit_point *point) {
    if (!isfinite(point->loss)) return true;
    if (!point->stage_end) return false;
    if (self->adversary && self->adversary->class_->pairs) {
        store_from_program(&self->store, self->training.program, true);
        return !store_finite(&self->store);
    }
    program_forward(self->training.program, self->batch, false);
    return !isfinite(program_scalar(self->training.program, self->training.loss));
}

/* ---- the guard of one-step adversarial training ---- */

static void keep_good_weights(struct gradient_learner *self) {
    double *to = self->adversary->good;
    for (size_t i = 0; i < self->store.count; ++i) {
        const struct stored_parameter *item = &self->store.items[i];
        memcpy(to, item->values, item->count * sizeof *to);
        to += item->count;
    }
}

static void restore_good_weights(struct gradient_learner *self) {
    const double *from = self->adversary->good;
    for (size_t i = 0; i < self->store.count; ++i) {
        struct stored_parameter *item = &self->store.items[i];
        memcpy(item->values, from, item->count * sizeof *from);
        from += item->count;
    }
    store_to_program(&self->store, self->training.program, true);
    ++self->version;
}

/* What the adversary needs of the learner: a copy of the weights, gradients to the rows. */
static strata_status allocate_memory(strata_context *ctx, struct gradient_learner *self) {
    struct adversary *adversary = self->adversary;
    if (adversary->class_->stays) {
        self->followed = mem_zero(self->batch * self->network.inputs, sizeof *self->followed);
        if (!self->followed)
            return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for gradients to %zu rows", self->batch);
    }
    if (!adversary->class_->guard) return STRATA_OK;
    for (size_t i = 0; i < self->store.count; ++i) adversary->good_count += self->store.items[i].count;
    adversary->good = mem_zero(adversary->good_count, sizeof *adversary->good);
    return adversary->good ? STRATA_OK : strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a copy of the weights");
}

/*
 * Catastrophic overfitting: accuracy under PGD falls by more than a fifth of all rows while that under FGM rises. Once
 * an epoch of a finite set it is looked for; then the weights of the last look come back and the step gets shorter.
 */
static strata_status guard(strata_context *ctx, struct gradient_learner *self, const strata_function *function,
                           const float *x, const float *y) {
    const double drop = 0.2, shorter = 0.85;
    struct adversary *adversary = self->adversary;
    size_t rows = source_rows(self->request.train), step = (self->stage - 1) * self->steps_per_stage + self->step;
    if (!adversary->class_->guard || rows == 0 || adversary->task == TASK_REGRESSION) return STRATA_OK;
    if (step <= adversary->from_step || step * self->batch / rows == (step - 1) * self->batch / rows) return STRATA_OK;
    double fgm, pgd;
    STRATA_TRY(adversary_look(ctx, adversary, function, x, y, &fgm, &pgd));
    store_from_program(&self->store, self->training.program, true);
    if (adversary->looked && pgd < adversary->last_pgd - drop && fgm > adversary->last_fgm) {
        restore_good_weights(self);
        adversary->alpha *= shorter;
        ++adversary->restored;
        context_log(ctx, STRATA_LOG_WARNING,
                    "%s: catastrophic overfitting before step %zu (PGD accuracy %.2f after %.2f); weights restored, "
                    "step of the attack now %.3g radii",
                    self->base.class_->name, step, pgd, adversary->last_pgd, adversary->alpha);
        return STRATA_OK;
    }
    keep_good_weights(self);
    adversary->last_fgm = fgm;
    adversary->last_pgd = pgd;
    adversary->looked = true;
    return STRATA_OK;
}

strata_status gradient_fit(strata_context *ctx, struct learner *learner, const struct fit_hooks *hooks) {
    struct gradient_learner *self = self_of(learner);
    for (; self->stage <= self->stages; ++self->stage, self->step = 0, self->started = self->details->rule.whole) {
        STRATA_TRY(begin_stage(ctx, self));
        while (!stage_over(self)) {
            double loss;
            STRATA_TRY(one_step(ctx, self, &loss));
            struct fit_point point = point_of(self, loss);
            if (step_diverged(self, &point)) {
                learner->diverged_step = point.step;
                return strata_fail(ctx, STRATA_ERR_DIVERGED, "%s: diverged at step %zu", learner->class_->name,
                                   point.step);
            }
            STRATA_TRY(fit_report(ctx, learner, hooks, &point));
        }
        STRATA_TRY(synchronise(ctx, self));
        if (self->stage < self->stages) engine_destroy(&self->training);
    }
    self->stage = self->stages;
    self->step = self->steps_per_stage;
    self->started = true;
    return STRATA_OK;
}

/* Fewer rows where many of them would fall out of the caches, which costs a wide network half of its speed. */
static size_t rows_of(const struct engine *engine) {
    const size_t cached = 4 << 20, least = 16;
    size_t rows = PREDICT_ROWS, bytes = program_bytes(engine->program);
    while (rows > least && bytes * rows / PREDICT_ROWS > cached) rows /= 2;
    return rows;
}

static strata_status build_reader(strata_context *ctx, struct gradient_learner *self, size_t layer, size_t rows,
                                  struct engine *engine) {
    const struct network_view view = view_of(self, self->stage);
    struct program_options options = program_options_default();
    options.rows = rows;
    options.input_gradients = engine == &self->derivative;
    engine_destroy(engine);
    engine->root_layer = layer;
    engine->rows = rows;
    return build_engine(ctx, self, &view, &options, false, engine);
}

/*
 * Brings an engine without loss to the layers and weights of now; `layer` is its root, 0 for the output: what is above
 * the root does not run.
 */
static strata_status prepare(strata_context *ctx, struct gradient_learner *self, struct engine *engine, size_t layer) {
    if (!engine->program || engine->layers != active_layers(self, self->stage) || engine->root_layer != layer) {
        STRATA_TRY(build_reader(ctx, self, layer, PREDICT_ROWS, engine));
        size_t rows = rows_of(engine);
        if (rows < PREDICT_ROWS) STRATA_TRY(build_reader(ctx, self, layer, rows, engine));
    }
    if (engine->version == self->version) return STRATA_OK;
    STRATA_TRY(synchronise(ctx, self));
    store_to_program(&self->store, engine->program, false);
    engine->version = self->version;
    return STRATA_OK;
}

static size_t value_width(const struct engine *engine, node value) { return graph_shape(engine->graph, value).dims[0]; }

static void read_value(const struct gradient_learner *self, const struct engine *engine, node value, size_t rows,
                       const float *x, float *out) {
    size_t width = value_width(engine, value), inputs = self->network.inputs;
    for (size_t begin = 0; begin < rows; begin += engine->rows) {
        size_t count = rows - begin < engine->rows ? rows - begin : engine->rows;
        program_bind(engine->program, engine->nodes.input, x + begin * inputs);
        program_forward(engine->program, count, false);
        program_read_f32(engine->program, value, out + begin * width);
    }
}

strata_status gradient_predict(strata_context *ctx, struct learner *learner, size_t rows, const float *x, float *out) {
    struct gradient_learner *self = self_of(learner);
    STRATA_TRY(prepare(ctx, self, &self->prediction, 0));
    read_value(self, &self->prediction, self->prediction.nodes.output, rows, x, out);
    return STRATA_OK;
}

/* Where the seeds of a pull come from: given, or made from the outputs. */
struct pull {
    const float *seed;
    strata_seeds seeds;
    void *user;
};

/* Through the root of self->derivative. */
static strata_status pull_back(struct gradient_learner *self, node root, size_t rows, const float *x,
                               const struct pull *pull, float *out, float *gradient) {
    const struct engine *engine = &self->derivative;
    size_t inputs = self->network.inputs, outputs = value_width(engine, root);
    float *own_out = self->block, *own_seed = own_out + engine->rows * outputs;
    for (size_t begin = 0; begin < rows; begin += engine->rows) {
        size_t count = rows - begin < engine->rows ? rows - begin : engine->rows;
        float *values = out ? out + begin * outputs : own_out;
        program_bind(engine->program, engine->nodes.input, x + begin * inputs);
        program_forward(engine->program, count, false);
        if (out || pull->seeds) program_read_f32(engine->program, root, values);
        if (pull->seeds) pull->seeds(pull->user, begin, count, values, own_seed);
        program_backward(engine->program, pull->seeds ? own_seed : pull->seed + begin * outputs);
        program_read_input_gradient_f32(engine->program, engine->nodes.input, gradient + begin * inputs);
    }
    return STRATA_OK;
}

/* Room for a block's outputs and seeds. */
static strata_status prepare_derivative(strata_context *ctx, struct gradient_learner *self, size_t layer) {
    STRATA_TRY(prepare(ctx, self, &self->derivative, layer));
    const struct engine *engine = &self->derivative;
    size_t outputs = value_width(engine, layer ? engine->nodes.layers[layer - 1] : engine->nodes.output), numbers;
    STRATA_TRY(mem_product(ctx, engine->rows, 2 * outputs, "outputs and their seeds", &numbers));
    if (self->block && numbers <= self->block_numbers) return STRATA_OK;
    mem_free(self->block);
    self->block_numbers = numbers;
    self->block = mem_zero(numbers, sizeof *self->block);
    return self->block ? STRATA_OK
                       : strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu outputs and seeds", numbers);
}

strata_status gradient_vjp(strata_context *ctx, struct learner *learner, size_t rows, const float *x, const float *seed,
                           float *out, float *gradient) {
    struct gradient_learner *self = self_of(learner);
    STRATA_TRY(prepare_derivative(ctx, self, 0));
    return pull_back(self, self->derivative.nodes.output, rows, x, &(struct pull){.seed = seed}, out, gradient);
}

strata_status gradient_pull(strata_context *ctx, struct learner *learner, size_t rows, const float *x,
                            strata_seeds seeds, void *seeds_user, float *out, float *gradient) {
    struct gradient_learner *self = self_of(learner);
    STRATA_TRY(prepare_derivative(ctx, self, 0));
    return pull_back(self, self->derivative.nodes.output, rows, x, &(struct pull){.seeds = seeds, .user = seeds_user},
                     out, gradient);
}

static strata_status check_layer(strata_context *ctx, const struct gradient_learner *self, size_t layer) {
    size_t layers = active_layers(self, self->stage);
    if (layer >= 1 && layer <= layers) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_ARGUMENT, "%s: layer %zu of %zu asked for", self->base.class_->name, layer,
                       layers);
}

strata_status gradient_feature_vjp(strata_context *ctx, struct learner *learner, size_t layer, size_t rows,
                                   const float *x, const float *seed, float *out, float *gradient) {
    struct gradient_learner *self = self_of(learner);
    STRATA_TRY(check_layer(ctx, self, layer));
    STRATA_TRY(prepare_derivative(ctx, self, layer));
    return pull_back(self, self->derivative.nodes.layers[layer - 1], rows, x, &(struct pull){.seed = seed}, out,
                     gradient);
}

size_t gradient_layer_count(const struct learner *learner) {
    return ((const struct gradient_learner *)learner)->network.layer_count;
}

size_t gradient_layer_width(const struct learner *learner, size_t layer) {
    return ((const struct gradient_learner *)learner)->network.layers[layer - 1].width;
}

strata_status gradient_features(strata_context *ctx, struct learner *learner, size_t layer, size_t rows, const float *x,
                                float *out) {
    struct gradient_learner *self = self_of(learner);
    STRATA_TRY(check_layer(ctx, self, layer));
    STRATA_TRY(prepare(ctx, self, &self->reading, layer));
    read_value(self, &self->reading, self->reading.nodes.layers[layer - 1], rows, x, out);
    return STRATA_OK;
}

/* The adversary's memory: where rows moved to; what the guard saw last, and the weights of then. */
static strata_status save_adversary(strata_context *ctx, struct gradient_learner *self, struct tensor_file *state) {
    struct adversary *adversary = self->adversary;
    if (stays(self)) {
        const size_t shape[] = {self->batch, self->network.inputs};
        STRATA_TRY(tensor_file_add(ctx, state, "adversary.offsets", TENSOR_F32, 2, shape, adversary->offsets));
    }
    if (!adversary || !adversary->good) return STRATA_OK;
    adversary->saved[0] = adversary->last_fgm;
    adversary->saved[1] = adversary->last_pgd;
    adversary->saved[2] = adversary->alpha;
    adversary->saved[3] = (double)adversary->restored;
    adversary->saved[4] = adversary->looked;
    STRATA_TRY(tensor_file_add(ctx, state, "guard.weights", TENSOR_F64, 1, &adversary->good_count, adversary->good));
    return tensor_file_add(ctx, state, "guard.seen", TENSOR_F64, 1, (const size_t[]){5}, adversary->saved);
}

static strata_status load_adversary(strata_context *ctx, struct gradient_learner *self,
                                    const struct tensor_file *state) {
    struct adversary *adversary = self->adversary;
    if (stays(self)) {
        const struct tensor *offsets = tensor_file_find(state, "adversary.offsets");
        size_t numbers = self->batch * self->network.inputs;
        if (!offsets || offsets->type != TENSOR_F32 || tensor_count(offsets) != numbers)
            return strata_fail(ctx, STRATA_ERR_FORMAT,
                               "checkpoint: expected tensor 'adversary.offsets' of %zu float32 numbers", numbers);
        memcpy(adversary->offsets, offsets->data, numbers * sizeof *adversary->offsets);
    }
    if (!adversary || !adversary->good) return STRATA_OK;
    const struct tensor *weights = tensor_file_find(state, "guard.weights"),
                        *seen = tensor_file_find(state, "guard.seen");
    if (!weights || weights->type != TENSOR_F64 || tensor_count(weights) != adversary->good_count || !seen ||
        seen->type != TENSOR_F64 || tensor_count(seen) != 5)
        return strata_fail(ctx, STRATA_ERR_FORMAT,
                           "checkpoint: expected tensors 'guard.weights' of %zu float64 numbers "
                           "and 'guard.seen' of 5",
                           adversary->good_count);
    memcpy(adversary->good, weights->data, adversary->good_count * sizeof *adversary->good);
    memcpy(adversary->saved, seen->data, sizeof adversary->saved);
    adversary->last_fgm = adversary->saved[0];
    adversary->last_pgd = adversary->saved[1];
    adversary->alpha = adversary->saved[2];
    adversary->restored = (size_t)adversary->saved[3];
    adversary->looked = adversary->saved[4] > 0;
    return STRATA_OK;
}

strata_status gradient_save(strata_context *ctx, struct learner *learner, struct tensor_file *state) {
    struct gradient_learner *self = self_of(learner);
    STRATA_TRY(synchronise(ctx, self));
    STRATA_TRY(store_save(ctx, &self->store, state));
    STRATA_TRY(tensor_file_add(ctx, state, "running_loss", TENSOR_F64, 0, NULL, &self->running_loss));
    STRATA_TRY(state_set_count(ctx, state, "stage", self->stage));
    STRATA_TRY(save_adversary(ctx, self, state));
    return state_set_count(ctx, state, "step", self->step);
}

strata_status gradient_load(strata_context *ctx, struct learner *learner, const struct tensor_file *state) {
    struct gradient_learner *self = self_of(learner);
    uint64_t stage, step;
    STRATA_TRY(state_get_count(ctx, state, "stage", &stage));
    STRATA_TRY(state_get_count(ctx, state, "step", &step));
    if (stage < 1 || stage > self->stages || step > self->steps_per_stage)
        return strata_fail(ctx, STRATA_ERR_FORMAT,
                           "checkpoint: stage %llu, step %llu do not fit %zu stages of %zu steps",
                           (unsigned long long)stage, (unsigned long long)step, self->stages, self->steps_per_stage);
    const struct tensor *loss = tensor_file_find(state, "running_loss");
    if (!loss || loss->type != TENSOR_F64 || tensor_count(loss) != 1)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "checkpoint: expected tensor 'running_loss', one float64 number");
    STRATA_TRY(store_load(ctx, &self->store, state));
    STRATA_TRY(load_adversary(ctx, self, state));
    ++self->version;
    memcpy(&self->running_loss, loss->data, sizeof self->running_loss);
    engine_destroy(&self->training);
    self->stage = (size_t)stage;
    self->step = (size_t)step;
    self->started = true;
    return STRATA_OK;
}

strata_status gradient_parameter(strata_context *ctx, struct learner *learner, const char *name, size_t *count,
                                 double *values) {
    struct gradient_learner *self = self_of(learner);
    STRATA_TRY(synchronise(ctx, self));
    const struct stored_parameter *item = store_find(&self->store, name);
    if (!item) return strata_fail(ctx, STRATA_ERR_NOT_FOUND, "%s has no parameter '%s'", learner->class_->name, name);
    *count = item->count;
    if (values) memcpy(values, item->values, item->count * sizeof *values);
    return STRATA_OK;
}

size_t gradient_parameter_count(const struct learner *learner) {
    const struct parameter_store *store = &((const struct gradient_learner *)learner)->store;
    size_t count = 0;
    for (size_t i = 0; i < store->count; ++i) count += store->items[i].tracked ? 0 : store->items[i].count;
    return count;
}

/* Loss gradient at layer 1's input weights in the current view, with or without the path through upper layers. */
static strata_status route_gradient(strata_context *ctx, struct gradient_learner *self, bool cut, size_t rows,
                                    const float *x, const float *y, double *gradient) {
    struct network_view view = {
        .layers = active_layers(self, self->stage), .cut = cut, .last_readout = self->details->rule.last_readout};
    struct program_options options = program_options_default();
    options.rows = rows;
    options.gradients = true;
    struct engine engine = {0};
    STRATA_TRY(build_engine(ctx, self, &view, &options, true, &engine));
    store_to_program(&self->store, engine.program, false);
    program_bind(engine.program, engine.nodes.input, x);
    program_bind(engine.program, engine.target, y);
    program_forward(engine.program, rows, false);
    program_backward(engine.program, NULL);
    program_read_gradient(engine.program, graph_find(engine.graph, "layer1.input"), gradient);
    engine_destroy(&engine);
    return STRATA_OK;
}

strata_status gradient_routes(strata_context *ctx, struct learner *learner, size_t rows, const float *x, const float *y,
                              double *own, double *above) {
    struct gradient_learner *self = self_of(learner);
    const struct stored_parameter *first = store_find(&self->store, "layer1.input");
    if (!first)
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED, "%s: its layer 1 has no readout of its own",
                           learner->class_->name);
    STRATA_TRY(synchronise(ctx, self));
    size_t count = first->count;
    double *gradients = mem_zero(2 * count, sizeof *gradients);
    if (!gradients) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a gradient of %zu numbers", count);
    strata_status status = route_gradient(ctx, self, false, rows, x, y, gradients);
    if (status == STRATA_OK) status = route_gradient(ctx, self, true, rows, x, y, gradients + count);
    *own = *above = 0;
    for (size_t i = 0; status == STRATA_OK && i < count; ++i) {
        double through = gradients[i] - gradients[count + i];
        *own += gradients[count + i] * gradients[count + i];
        *above += through * through;
    }
    mem_free(gradients);
    return status;
}
