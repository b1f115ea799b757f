/* SPDX-License-Identifier: MIT */
/*
 * Gradient descent on the two-layer network of feature purification (model/threshold_net.h), clean or adversarial, on
 * fresh rows of the sparse-coding model.
 */
#ifndef LEARN_THRESHOLD_FIT_H
#define LEARN_THRESHOLD_FIT_H

#include "data/sparse_coding.h"
#include "model/threshold_net.h"

struct threshold_fit;

/** How a step's rows are moved before the update. */
struct perturbation {
    const char *name, *summary;
    /** Moves the rows of `x` by at most the radius. NULL: they stay. */
    void (*move)(struct threshold_fit *fit, size_t step, float *x, const float *labels);
    /** Gradient of the loss from clean and moved rows; NULL: the mean logistic loss of the moved ones. */
    void (*accumulate)(struct threshold_fit *fit, const float *x, const float *moved, const float *labels);
};

extern const struct perturbation *const perturbation_table[]; /* none, fgm, pgd, trades, noise */
extern const size_t perturbation_table_size;
const struct perturbation *perturbation_find(const char *name);

struct threshold_fit_options {
    const struct perturbation *perturbation;
    double epsilon;              /* l2 radius */
    size_t steps;                /* in all */
    size_t batch_size;           /* fresh rows of a step */
    double learning_rate;        /* of plain gradient descent */
    double weight_decay;         /* lambda: the gradient gets lambda W */
    double beta_start, beta_end; /* beta of the thresholds, linear in the step */
    size_t perturbation_steps;   /* of pgd and trades */
    double beta_trades;          /* weight of the divergence */
    uint64_t first_sample;       /* address of the first training row */
    bool shuffled_labels;        /* control: every label by a coin */
    struct rng_stream stream;    /* of starts and directions; index: step */
};

/** A fit in progress. One call at a time. */
struct threshold_fit {
    const struct threshold_fit_options *options;
    const struct sparse_coding *coding;
    struct threshold_net *net;
    float *x, *moved, *labels, *values, *seeds; /* of a batch */
    float *input_gradients;                     /* [batch, inputs] */
    float *gradient;                            /* [width, inputs] */
};

/** Borrows everything for the fit's life. Errors: MEMORY, TOO_LARGE. */
STRATA_MUST_USE strata_status threshold_fit_create(strata_context *ctx, const struct threshold_fit_options *options,
                                                   const struct sparse_coding *coding, struct threshold_net *net,
                                                   struct threshold_fit *fit);
void threshold_fit_destroy(struct threshold_fit *fit);

/** Step 0 <= step < options->steps; allocates nothing. Returns the mean loss of the (moved) rows before the update. */
double threshold_fit_step(struct threshold_fit *fit, size_t step);

#endif
