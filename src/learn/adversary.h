/* SPDX-License-Identifier: MIT */
/*
 * Adversarial training: batches moved within a ball before the step that learns from them. A defence is one file, or
 * one function of adversary.c, and one line in adversary_table.
 */
#ifndef LEARN_ADVERSARY_H
#define LEARN_ADVERSARY_H

#include <strata/function.h>

#include "attack/attack.h"
#include "core/safetensors.h"
#include "core/settings.h"
#include "data/dataset.h"

struct adversary;

/** How the rows of a batch are moved. */
struct adversary_class {
    const char *name, *summary;
    bool pairs; /* the step learns from clean and moved rows together (TRADES) */
    bool guard; /* one step is prone to catastrophic overfitting: watched once an epoch */
    bool stays; /* each batch is learned from `steps` times, moved on by what each of them tells (free) */
    /** `moved` [rows, inputs]: x on entry. NULL: nothing moves. */
    strata_status (*move)(strata_context *ctx, struct adversary *self, const float *x, const float *y, float *moved);
};

extern const struct adversary_class *const adversary_table[];
extern const size_t adversary_table_size;

/** What a method works with; one a learner. */
struct adversary {
    const struct adversary_class *class_;
    const struct attack_norm *norm;
    const strata_function *function; /* the learner at the weights of now; borrowed during adversary_move */
    enum learning_task task;
    double epsilon, low, high;        /* radius of this step; box, infinite: none */
    double full_epsilon, ramp, alpha; /* alpha: step of fgsm_rs over epsilon, which the guard lowers */
    double trades_weight;
    size_t steps, from_step, batch, inputs, outputs, step;
    struct rng_stream stream;
    float *moved;          /* [2 batch, inputs]: clean rows and moved ones with pairs, else moved ones */
    float *gradients;      /* [batch, inputs] */
    float *offsets;        /* [batch, inputs], of classes that stay: where rows have moved so far; else NULL */
    float *logits, *seeds; /* [2 batch, outputs] */
    /* The guard: accuracy under PGD and FGM at the last look, and the weights of then. */
    bool looked;
    double last_pgd, last_fgm, saved[5];
    size_t restored;
    double *good;
    size_t good_count;
};

/**
 * Reads the rows of [adversarial] in learner_settings. NULL in `*adversary` for clean training.
 * Errors: CONFIG (epsilon not above 0, a box without inside, trades for a regression); MEMORY.
 */
STRATA_MUST_USE strata_status adversary_create(strata_context *ctx, const struct settings *settings,
                                               enum learning_task task, size_t batch, size_t inputs, size_t outputs,
                                               struct rng_stream stream, struct adversary **adversary);
void adversary_destroy(struct adversary *self);

/** The batch of step `step` of `total`: moved rows, or with pairs clean rows and then moved ones. Allocates nothing. */
STRATA_MUST_USE strata_status adversary_move(strata_context *ctx, struct adversary *self,
                                             const strata_function *function, size_t step, size_t total, const float *x,
                                             const float *y, const float **moved);

/** The batch that step `step` learns from, as a place in the walk over the data. */
size_t adversary_batch(const struct adversary *self, size_t step);

/** Of classes that stay: moves on by the gradient to the rows [batch, inputs] that the step just learned from. */
void adversary_follow(struct adversary *self, const float *x, const double *gradient);

/**
 * TRADES from the logits [2 batch, outputs] of both halves: CE(p, y) + weight KL(p || p'), mean over rows.
 *
 * @param seeds  [2 batch, outputs] out: derivative to the logits.
 * @return the loss.
 */
double adversary_pair_loss(const struct adversary *self, const float *logits, const float *y, float *seeds);

/** Accuracy on a batch under FGM and under PGD of ten steps, at the full radius: what the guard looks at. */
STRATA_MUST_USE strata_status adversary_look(strata_context *ctx, struct adversary *self,
                                             const strata_function *function, const float *x, const float *y,
                                             double *fgm, double *pgd);

#endif
