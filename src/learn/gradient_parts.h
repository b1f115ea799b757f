/* SPDX-License-Identifier: MIT */
/*
 * The inside of a gradient learner. gradient.c creates it and holds its weights, gradient_engine.c builds its graphs,
 * gradient_fit.c steps, gradient_guard.c watches one-step adversarial training, gradient_read.c asks what it has
 * learnt, gradient_state.c stops and goes on.
 */
#ifndef LEARN_GRADIENT_PARTS_H
#define LEARN_GRADIENT_PARTS_H

#include "graph/optimizer.h"
#include "graph/program.h"
#include "learn/adversary.h"
#include "learn/gradient.h"
#include "learn/parameter_store.h"
#include "learn/schedule.h"

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

static inline struct gradient_learner *self_of(struct learner *learner) { return (struct gradient_learner *)learner; }

/* The adversary moves its rows on by the gradient that the step itself takes. */
static inline bool gradient_stays(const struct gradient_learner *self) {
    return self->adversary && self->adversary->class_->stays;
}

/* ---- graphs: gradient_engine.c ---- */

/* Layers of the network that exist in a stage. */
size_t gradient_active_layers(const struct gradient_learner *self, size_t stage);

/* The network of a stage; what is read from it has no use for cuts. */
struct network_view gradient_view(const struct gradient_learner *self, size_t stage);

/* The graph of a view and its program. Its root is the loss, the layer that engine->root_layer names, or the output. */
STRATA_MUST_USE strata_status engine_build(strata_context *ctx, const struct gradient_learner *self,
                                           const struct network_view *view, const struct program_options *options,
                                           bool with_loss, struct engine *engine);
void engine_destroy(struct engine *engine);

/* ---- weights: gradient.c ---- */

/* Initial values of all parameters but those of the groups of `kept`. */
STRATA_MUST_USE strata_status gradient_initialise(strata_context *ctx, struct gradient_learner *self, uint64_t kept);

/*
 * The weights as they are now: a running fit holds the newest in its program. Nothing is derived from weights that
 * diverged.
 */
STRATA_MUST_USE strata_status gradient_synchronise(strata_context *ctx, struct gradient_learner *self);

/* ---- the guard of one-step adversarial training: gradient_guard.c ---- */

/*
 * Catastrophic overfitting: accuracy under PGD falls by more than a fifth of all rows while that under FGM rises. Once
 * an epoch of a finite set it is looked for; then the weights of the last look come back and the step gets shorter.
 */
STRATA_MUST_USE strata_status gradient_guard(strata_context *ctx, struct gradient_learner *self,
                                             const strata_function *function, const float *x, const float *y);

#endif
