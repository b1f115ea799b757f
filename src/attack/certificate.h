/* SPDX-License-Identifier: MIT */
/* Proofs of robustness: radii within which no perturbation changes a class. */
#ifndef ATTACK_CERTIFICATE_H
#define ATTACK_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strata/function.h>

#include "core/rng.h"
#include "core/status.h"
#include "core/threads.h"

/* ---- linear functions: the exact radius ---- */

/**
 * Distance of x from the boundary <w, x> + b = 0 in the norm (l2 or linf) inside the box [low, high] (infinite:
 * none), which holds x; INFINITY when the boundary does not meet the box.
 */
double certificate_linear(size_t inputs, const double *weights, double offset, bool linf, double low, double high,
                          const float *x);

/* ---- the two-layer threshold network (model/threshold_net.h) ---- */

/** Weights of f = sum_i ReLU(u_i - b_i) - ReLU(-u_i - b_i), u = W x. All borrowed. */
struct threshold_weights {
    size_t width, inputs;
    const float *weights;    /* [width, inputs] */
    const float *thresholds; /* [width] */
};

/**
 * A lower bound of y f(x + delta) over all |delta|_2 <= radius, y = +-1: the larger of the interval bound and of a
 * linear relaxation, in which every unit is bounded below by a line over the interval that its input can take.
 * Positive: no perturbation of the radius changes the class.
 *
 * @param scratch  [inputs].
 * @param interval  the interval bound alone; NULL: not wanted.
 * Source: the relaxation of Weng et al. 2018 for this network's units.
 */
double certificate_threshold(const struct threshold_weights *net, const float *x, double y, double radius,
                             double *scratch, double *interval);

/* ---- Lipschitz bounds ---- */

/**
 * An upper bound of the operator norm of a [rows, columns] matrix: the least of the Frobenius norm and sqrt(|W|_1
 * |W|_inf). Power iteration converges from below and proves nothing.
 */
double certificate_operator_norm(size_t rows, size_t columns, const double *weights);

/** l2 radius from logits and a Lipschitz constant: margin / (sqrt 2 L), |f| / L with one output; 0 if wrong. */
double certificate_lipschitz(size_t outputs, const float *logits, uint32_t label, double lipschitz);

/* ---- randomised smoothing (Cohen et al. 2019) ---- */

struct smoothing_options {
    double sigma;             /* of the Gaussian noise, in the units of x; > 0 */
    double alpha;             /* chance that a certificate is wrong; 0.001 */
    size_t selection, votes;  /* draws that choose the class, and that certify it: 100, 10000 */
    struct rng_stream stream; /* index: row */
};

struct smoothing_options smoothing_options_default(double sigma);

struct smoothing_result {
    bool abstained; /* no class is sure: counts as wrong */
    uint32_t class_;
    double probability; /* lower confidence bound of the class's votes */
    double radius;      /* l2; 0 when abstained */
};

/**
 * Certifies the smoothed classifier at every row. Noisy inputs are not clipped to any box: the proof needs the Gaussian
 * whole.
 *
 * @param functions  [workers of the pool] copies of one function; `pool` NULL: functions[0] in the caller's thread.
 * @param results    [rows] out.
 * @return STRATA_OK; STRATA_ERR_ARGUMENT (sigma <= 0, alpha outside (0, 1), so few votes that alpha^(1/n) <= 1/2 and
 *         nothing could be certified); STRATA_ERR_MEMORY; what the function gives.
 */
STRATA_MUST_USE strata_status certificate_smoothing(strata_context *ctx, const strata_function *functions,
                                                    struct thread_pool *pool, size_t classes,
                                                    const struct smoothing_options *options, size_t rows,
                                                    const float *x, struct smoothing_result *results);

/** Lower end of the one-sided interval of Clopper and Pearson for `successes` of `trials` at level 1 - alpha. */
double clopper_pearson_lower(size_t successes, size_t trials, double alpha);

/** Quantile of the standard normal law, 0 < p < 1. */
double normal_quantile(double p);

#endif
