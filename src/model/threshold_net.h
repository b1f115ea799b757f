/* SPDX-License-Identifier: MIT */
/*
 * The two-layer network of feature purification, without output weights:
 *
 *   f(x) = sum_i h_i(u_i),   u = W x,   h_i(u) = ReLU(u - b_i) - ReLU(-u - b_i),   b_i = beta |w_i|
 *
 * b counts as a constant in every gradient. Source: Allen-Zhu & Li 2020, arXiv 2005.10190; thresholds in units of the
 * neuron's norm are ours. Most gates are closed on most rows, so gradients walk over the open ones alone.
 */
#ifndef MODEL_THRESHOLD_NET_H
#define MODEL_THRESHOLD_NET_H

#include <strata/function.h>

#include "core/rng.h"
#include "linalg/linalg.h"

/** One call at a time. */
struct threshold_net {
    size_t width, inputs;
    double beta;
    float *weights;    /* [width, inputs] */
    float *thresholds; /* [width] b */
    float *turned;     /* scratch: the weights as [inputs, width], for the product */
    float *padded;     /* scratch: the weights as [width, stride], for sums over open rows */
    size_t stride;     /* inputs, up to a multiple of 64 */
    float *responses;  /* scratch: u of a block of rows */
    uint32_t *open;    /* scratch: [width] gates of a row */
    struct gemm_plan product;
};

STRATA_MUST_USE strata_status threshold_net_create(strata_context *ctx, size_t width, size_t inputs,
                                                   struct threshold_net *net);
/** Frees what it holds; a zeroed one is fine. */
void threshold_net_destroy(struct threshold_net *net);

/** Normal weights of standard deviation `scale`. */
void threshold_net_initialise(struct threshold_net *net, struct rng_stream stream, double scale);

/** b_i = beta |w_i| at the weights of now: to be called after every change of the weights, before anything else. */
void threshold_net_set_thresholds(struct threshold_net *net, double beta);

/** `values` [rows] of x [rows, inputs]. */
void threshold_net_values(struct threshold_net *net, size_t rows, const float *x, float *values);

/** gradient[r] = seed[r] grad f(x[r]), [rows, inputs]; `values` [rows] may be NULL. */
void threshold_net_input_gradient(struct threshold_net *net, size_t rows, const float *x, const float *seed,
                                  float *values, float *gradient);

/** gradient += sum_r seed[r] df(x[r])/dW, [width, inputs]. */
void threshold_net_weight_gradient(struct threshold_net *net, size_t rows, const float *x, const float *seed,
                                   float *gradient);

/**
 * gradient += d/dW of the mean logistic loss log(1 + exp(-y f)), y = 2 label - 1, in one pass over the rows.
 *
 * @param labels  [rows] 0 or 1.
 * @return the mean loss.
 */
double threshold_net_loss_gradient(struct threshold_net *net, size_t rows, const float *x, const float *labels,
                                   float *gradient);

/** As a function of one output, a logit. Borrows the net and like it serves one call at a time. */
strata_function threshold_net_function(struct threshold_net *net);

#endif
