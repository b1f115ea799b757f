/* SPDX-License-Identifier: MIT */
/*
 * Learners that train a described network by gradients, in one or several stages. Joint, staged,
 * layer-wise and cut training are one algorithm with different rules, so that nothing else differs between them.
 */
#ifndef LEARN_GRADIENT_H
#define LEARN_GRADIENT_H

#include "learn/learner.h"
#include "learn/parameter_store.h"
#include "model/network.h"

struct stage_rule {
    bool staged;         /* layers are added one at a time; else one stage over all */
    bool freeze_below;   /* in stage s only layer s and its readout move */
    bool refit_readouts; /* ... and the readouts of the frozen layers */
    bool cut;            /* no gradient from a layer into the layer below */
    bool last_readout;   /* the output reads only the newest layer */
    size_t overlap;      /* with freeze_below: so many layers below the newest still move */
    bool whole;          /* all layers exist in every stage, which begins where the last one ended in all respects */
    bool alone;          /* no layer is ever added to the first; with reuse: in the first stage */
    bool reuse;          /* two stages: in the second the first layer is frozen and all others begin anew, uncut */
};

/** What `details` of a gradient learner's class points at. */
struct gradient_details {
    struct stage_rule rule;
    strata_status (*describe)(strata_context *ctx, const struct learner_request *request, struct network *network);
    const char *rate_key, *steps_key;       /* NULL: train.learning_rate, train.steps; stages share steps_key's */
    const char *noise_key, *threshold_key;  /* NULL: no gradient noise; stages end by steps alone */
    const struct gradient_builder *builder; /* NULL: network_build and network_initialise */
};

/** For learners whose graph is not the described network itself; `network` then gives sizes. */
struct gradient_builder {
    /** Adds input, features and output; `*penalty` (NODE_NONE on entry) may become a scalar added to the loss. */
    strata_status (*build)(strata_context *ctx, const struct learner_request *request, const struct network *network,
                           const struct network_view *view, struct graph *graph, struct network_nodes *nodes,
                           node *penalty);
    strata_status (*initialise)(strata_context *ctx, const struct learner_request *request,
                                const struct network *network, struct rng_stream stream, const char *name, size_t count,
                                double *values);
    /** Derives parameters that a stage does not train from those it does. */
    strata_status (*refresh)(strata_context *ctx, const struct learner_request *request, const struct network *network,
                             size_t stage, const struct parameter_store *store);
};

/* Entries of learner_class that all gradient learners share. */
strata_status gradient_create(strata_context *ctx, const struct learner_class *class_,
                              const struct learner_request *request, struct learner **learner);
strata_status gradient_fit(strata_context *ctx, struct learner *learner, const struct fit_hooks *hooks);
strata_status gradient_predict(strata_context *ctx, struct learner *learner, size_t rows, const float *x, float *out);
size_t gradient_layer_count(const struct learner *learner);
size_t gradient_layer_width(const struct learner *learner, size_t layer);
strata_status gradient_features(strata_context *ctx, struct learner *learner, size_t layer, size_t rows, const float *x,
                                float *out);
strata_status gradient_vjp(strata_context *ctx, struct learner *learner, size_t rows, const float *x, const float *seed,
                           float *out, float *gradient);
strata_status gradient_pull(strata_context *ctx, struct learner *learner, size_t rows, const float *x,
                            strata_seeds seeds, void *seeds_user, float *out, float *gradient);
strata_status gradient_feature_vjp(strata_context *ctx, struct learner *learner, size_t layer, size_t rows,
                                   const float *x, const float *seed, float *out, float *gradient);
strata_status gradient_save(strata_context *ctx, struct learner *learner, struct tensor_file *state);
strata_status gradient_load(strata_context *ctx, struct learner *learner, const struct tensor_file *state);
strata_status gradient_parameter(strata_context *ctx, struct learner *learner, const char *name, size_t *count,
                                 double *values);
size_t gradient_parameter_count(const struct learner *learner);
void gradient_destroy(struct learner *learner);

/** The class struct's entries above, for `base`. */
#define GRADIENT_ENTRIES                                                                                              \
    .create = gradient_create, .fit = gradient_fit, .predict = gradient_predict, .layer_count = gradient_layer_count, \
    .layer_width = gradient_layer_width, .features = gradient_features, .vjp = gradient_vjp, .pull = gradient_pull,   \
    .feature_vjp = gradient_feature_vjp, .save = gradient_save, .load = gradient_load,                                \
    .parameter = gradient_parameter, .parameter_count = gradient_parameter_count, .destroy = gradient_destroy

/**
 * Energy (squared norm) of the loss gradient with respect to layer 1's weights on given rows, split by route:
 * through layer 1's own readout and through the layers above.
 */
STRATA_MUST_USE strata_status gradient_routes(strata_context *ctx, struct learner *learner, size_t rows, const float *x,
                                              const float *y, double *own, double *above);

#endif
