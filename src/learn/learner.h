/* SPDX-License-Identifier: MIT */
/*
 * One interface for every learner: SGD on all layers, layer-wise training, the algorithm of the
 * paper, kernel ridge, random features. A learner is one file and one line in learner_table.
 */
#ifndef LEARN_LEARNER_H
#define LEARN_LEARNER_H

#include <strata/function.h>

#include "core/safetensors.h"
#include "core/settings.h"
#include "core/threads.h"
#include "data/source.h"

struct learner_class;

/** Opaque to callers; a class embeds it as its first member. */
struct learner {
    const struct learner_class *class_;
    size_t diverged_step; /* set when fit returned ERR_DIVERGED */
};

/** What a learner is asked to learn. All borrowed for the learner's life. */
struct learner_request {
    const struct settings *settings; /* has learner_settings and the rows of the class */
    struct sample_source *train;
    uint64_t seed, replicate;
    size_t most_numbers;      /* that it may hold, where a file says its sizes and no data are there to fit; else 0 */
    struct thread_pool *pool; /* for the shards of a batch, which change no bit with it; NULL: the caller's thread */
};

/** A place in a fit where the caller may look. */
struct fit_point {
    size_t step, total; /* optimizer steps done, of all */
    size_t stage;       /* 1.. ; 1 for learners without stages */
    bool stage_end;     /* the last step of its stage */
    size_t layers;      /* that exist in it; 0 for learners without hidden layers */
    double loss;        /* of the last batch */
};

/** What the caller wants to hear; entries may be NULL. Non-OK results stop the fit and are returned by it. */
struct fit_hooks {
    void *user;
    /** After every step (cheap!): progress, and time for a checkpoint? Return true to have `checkpoint` called. */
    bool (*step)(void *user, const struct fit_point *point);
    /** At every `observe_due` step and at each stage end. */
    strata_status (*observe)(void *user, struct learner *learner, const struct fit_point *point);
    bool (*observe_due)(void *user, const struct fit_point *point);
    /** Save now (calls learner_save). Returning ERR_INTERRUPTED ends the fit. */
    strata_status (*checkpoint)(void *user, struct learner *learner, const struct fit_point *point);
};

struct learner_class {
    const char *name;               /* "sgd_joint" */
    const char *title;              /* "SGD, all layers together": starts a table's row or a legend's line */
    const char *summary;            /* one line with source */
    const struct setting *settings; /* rows of its own beyond learner_settings, or NULL */
    const void *details;            /* what distinguishes classes that share their functions, or NULL */

    strata_status (*create)(strata_context *ctx, const struct learner_class *class_,
                            const struct learner_request *request, struct learner **learner);
    /** Runs to the end from where it is. ERR_DIVERGED with the step in the message and in diverged_step. */
    strata_status (*fit)(strata_context *ctx, struct learner *learner, const struct fit_hooks *hooks);
    /** Outputs [rows, outputs] (regression), logits [rows] (binary), logits [rows, classes] (multiclass). */
    strata_status (*predict)(strata_context *ctx, struct learner *learner, size_t rows, const float *x, float *out);
    /** Optional: hidden layers. */
    size_t (*layer_count)(const struct learner *learner);
    size_t (*layer_width)(const struct learner *learner, size_t layer);
    strata_status (*features)(strata_context *ctx, struct learner *learner, size_t layer, size_t rows, const float *x,
                              float *out);
    /**
     * Optional: gradient[r] = J(x[r])' seed[r] in float32, J the derivative of predict at the weights of now: `seed`
     * [rows, outputs of predict], `gradient` [rows, inputs]; `out` as by predict, NULL: not wanted.
     */
    strata_status (*vjp)(strata_context *ctx, struct learner *learner, size_t rows, const float *x, const float *seed,
                         float *out, float *gradient);
    /** Optional, beside vjp: the same with seeds made from the outputs (strata_function's pull). */
    strata_status (*pull)(strata_context *ctx, struct learner *learner, size_t rows, const float *x, strata_seeds seeds,
                          void *seeds_user, float *out, float *gradient);
    /** Optional: the same of `features` at a layer: `seed` and `out` [rows, its width]. */
    strata_status (*feature_vjp)(strata_context *ctx, struct learner *learner, size_t layer, size_t rows,
                                 const float *x, const float *seed, float *out, float *gradient);
    /**
     * State for checkpoints: everything that fit needs to go on with equal bits. Kernel machines may have none
     * (NULL).
     */
    strata_status (*save)(strata_context *ctx, struct learner *learner, struct tensor_file *state);
    strata_status (*load)(strata_context *ctx, struct learner *learner, const struct tensor_file *state);
    /** Parameter by name ("layer1.input.weight"); `values` NULL asks for the size. ERR_NOT_FOUND. */
    strata_status (*parameter)(strata_context *ctx, struct learner *learner, const char *name, size_t *count,
                               double *values);
    size_t (*parameter_count)(const struct learner *learner);
    void (*destroy)(struct learner *learner);
};

extern const struct learner_class *const learner_table[];
extern const size_t learner_table_size;
const struct learner_class *learner_find(const char *name);

/** Rows of [network], [train] and [learner] that gradient learners share. */
extern const struct setting learner_settings[];

/**
 * Channels, height and width of a row: what setting `key` (three numbers) or else the data say. ERR_UNSUPPORTED: they
 * are no pictures.
 */
STRATA_MUST_USE strata_status learner_picture_shape(strata_context *ctx, const struct learner_request *request,
                                                    const char *key, size_t picture[3]);

/** Refuses `numbers` beyond request->most_numbers, before memory is taken for them. ERR_FORMAT. */
STRATA_MUST_USE strata_status learner_check_size(strata_context *ctx, const struct learner_request *request,
                                                 size_t numbers);

/* Thin calls through the class; each checks that the class has the entry (ERR_UNSUPPORTED). */
STRATA_MUST_USE strata_status learner_create(strata_context *ctx, const char *name,
                                             const struct learner_request *request, struct learner **learner);
void learner_destroy(struct learner *learner);
STRATA_MUST_USE strata_status learner_fit(strata_context *ctx, struct learner *learner, const struct fit_hooks *hooks);
STRATA_MUST_USE strata_status learner_predict(strata_context *ctx, struct learner *learner, size_t rows, const float *x,
                                              float *out);
/**
 * Error of predictions of `outputs` numbers a row on a set: relative_error, binary_error_rate or multiclass_error_rate
 * by the set's task. Errors: those of predict; MEMORY.
 */
STRATA_MUST_USE strata_status learner_test_error(strata_context *ctx, struct learner *learner, size_t outputs,
                                                 const struct dataset *data, double *error);
STRATA_MUST_USE strata_status learner_features(strata_context *ctx, struct learner *learner, size_t layer, size_t rows,
                                               const float *x, float *out);
STRATA_MUST_USE strata_status learner_vjp(strata_context *ctx, struct learner *learner, size_t rows, const float *x,
                                          const float *seed, float *out, float *gradient);
STRATA_MUST_USE strata_status learner_feature_vjp(strata_context *ctx, struct learner *learner, size_t layer,
                                                  size_t rows, const float *x, const float *seed, float *out,
                                                  float *gradient);
/** As a function of rows of `inputs` numbers with `outputs` outputs: borrows the learner, one call at a time. */
strata_function learner_function(struct learner *learner, size_t inputs, size_t outputs);
STRATA_MUST_USE strata_status learner_save(strata_context *ctx, struct learner *learner, struct tensor_file *state);
/** For fit functions, after each step: observation first, then a checkpoint that includes it. `hooks` may be NULL. */
STRATA_MUST_USE strata_status fit_report(strata_context *ctx, struct learner *learner, const struct fit_hooks *hooks,
                                         const struct fit_point *point);
STRATA_MUST_USE strata_status learner_load(strata_context *ctx, struct learner *learner,
                                           const struct tensor_file *state);

#endif
