/* SPDX-License-Identifier: MIT */
/*
 * The networks of the theory of over-parameterised convergence, in float64 and in that theory's own scaling: a fixed
 * random first layer A, trained square layers W_l, a fixed random output B of one number. Every row of A, W_l has
 * variance 2 / fan-in, B has variance 1 (over pixels: 1 / pixels).
 *
 *   fc      h_0 = relu(A x), h_l = relu(W_l h_{l-1}), f = scale B h_L
 *   resnet  h_l = relu(h_{l-1} + tau W_l h_{l-1}), l < L; h_L = relu(W_L h_{L-1})
 *   cnn     the same for each of P pixels on a ring, W_l reading a patch of q pixels; f = scale sum_p B_p h_{L,p}
 *
 * Backward signals b_l are per sample for a unit residual; gradients are their sums with residuals as weights, so that
 * the tangent kernel K and the gradient share one pass. Source: Allen-Zhu, Li & Song, ICML 2019, sec. 2 and app. B, C.
 */
#ifndef MODEL_WIDE_NETWORK_H
#define MODEL_WIDE_NETWORK_H

#include "core/rng.h"
#include "core/status.h"

enum wide_kind { WIDE_FC, WIDE_RESNET, WIDE_CNN };

struct wide_shape {
    enum wide_kind kind;
    size_t inputs, width, layers; /* of a pixel for cnn; layers >= 1 are trained */
    size_t pixels, patch;         /* cnn; otherwise 1 */
    double residual_weight;       /* tau of resnet */
    double output_scale;
};

/** Zero-initialised is empty. */
struct wide_network {
    struct wide_shape shape;
    size_t fan_in;   /* of a trained layer: width, or patch x width */
    double *input;   /* [width, inputs] */
    double *weights; /* [layers, width, fan_in] */
    double *output;  /* [pixels, width] */
};

/** What n samples leave behind. Rows are n samples, or n x pixels. Zero-initialised is empty. */
struct wide_pass {
    size_t n, rows;
    double *hidden;   /* [layers + 1, rows, width] */
    double *patches;  /* [layers, rows, fan_in] of cnn; NULL: the layers below */
    double *backward; /* [layers + 1, rows, width]: b_0 is not used */
    double *scratch;  /* [rows, fan_in], and `width` numbers more */
    double *weighted; /* [rows, width] */
};

STRATA_MUST_USE strata_status wide_network_create(strata_context *ctx, const struct wide_shape *shape,
                                                  struct rng_stream stream, struct wide_network *network);
void wide_network_destroy(struct wide_network *network);
size_t wide_network_weight_count(const struct wide_network *network);
double *wide_network_layer(const struct wide_network *network, size_t layer); /* layer 1..layers */

STRATA_MUST_USE strata_status wide_pass_create(strata_context *ctx, const struct wide_network *network, size_t n,
                                               struct wide_pass *pass);
void wide_pass_destroy(struct wide_pass *pass);

/** f [n] of x [n, inputs] (cnn: [n, pixels, inputs]). */
void wide_forward(const struct wide_network *network, const double *x, struct wide_pass *pass, double *f);

/** Backward signals for a unit residual of every sample; after wide_forward. */
void wide_backward(const struct wide_network *network, struct wide_pass *pass);

/** Tangent kernel K [n, n]; after wide_backward. `gram` is scratch of 2 rows x rows. */
void wide_kernel(const struct wide_network *network, const struct wide_pass *pass, double *gram, double *kernel);

/** W_l -= sum_i coefficient_i grad f(x_i) over all layers: a gradient step with residuals times the rate. */
void wide_step(struct wide_network *network, struct wide_pass *pass, const double *coefficient);

/** sum_i coefficient_i <grad f(x_i), direction>, `direction` shaped as the weights. */
double wide_directional(const struct wide_network *network, struct wide_pass *pass, const double *coefficient,
                        const double *direction);

/** Largest spectral norm over the layers of an array shaped as the weights, by power steps; uses the pass's scratch. */
double wide_spectral_norm(const struct wide_network *network, struct wide_pass *pass, const double *weights);

#endif
