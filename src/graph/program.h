/* SPDX-License-Identifier: MIT */
/*
 * A planned graph: every byte (values, gradients, tangents, optimizer state, scratch) in one arena,
 * every op's kernel chosen. Running it calls no allocator and no shape logic.
 */
#ifndef GRAPH_PROGRAM_H
#define GRAPH_PROGRAM_H

#include "core/threads.h"
#include "graph/graph.h"

struct program;
struct optimizer_class; /* graph/optimizer.h */

struct program_options {
    enum precision precision;
    size_t rows;          /* planned batch, >= 1 */
    size_t shards;        /* of a batch; part of the result's definition; default 1 */
    bool gradients;       /* reverse mode for parameters */
    bool input_gradients; /* reverse mode also to batched inputs */
    bool tangents;        /* forward mode */
    /* Parameter gradients as [rows, parameters]; implies gradients, shards = 1. Ops that mix rows in training (batch
     * normalisation) then compute as they do outside it. */
    bool per_sample;
    /* Outputs of cheap ops that only gradients still need are forgotten and computed again: less memory, equal bits. */
    bool recompute;
    uint64_t frozen_groups;                  /* bit g: parameters of group g get no gradient and never move */
    const struct optimizer_class *optimizer; /* NULL: no update */
    struct rng_stream stream;                /* dropout and gradient noise */
    struct thread_pool *pool;                /* borrowed; NULL: the caller's thread */
};

struct program_options program_options_default(void);

/**
 * Plans `root` (a scalar loss, or a batched output) and all kept nodes. The graph is borrowed for the program's life.
 * Errors: ARGUMENT (rows, shards; a tracked input that is no parameter), UNSUPPORTED (shards > 1 with unbatched
 * arithmetic, or with tangents through an op that mixes rows), MEMORY and TOO_LARGE with the bytes wanted.
 */
STRATA_MUST_USE strata_status program_create(strata_context *ctx, const struct graph *graph, node root,
                                             const struct program_options *options, struct program **program);
void program_destroy(struct program *program);

/** Points an input at data of the program's precision: batched [rows, size], borrowed until rebound. */
void program_bind(struct program *program, node input, const void *data);

/** Runs forward on the first `rows` rows (1 <= rows <= planned) of the bound inputs. */
void program_forward(struct program *program, size_t rows, bool training);

/**
 * After forward: gradients of a scalar root (seed NULL), or of <seed, root> with seed [rows, size] or [1] of the
 * program's precision.
 */
void program_backward(struct program *program, const void *seed);

/** After forward: pushes tangents set by program_set_tangent through the graph. */
void program_tangent(struct program *program);

struct update {
    double learning_rate;
    double group_scale[64]; /* learning rate of group g = learning_rate * group_scale[g] */
    double weight_decay;
    double clip_norm; /* > 0: the whole gradient is scaled to at most this Euclidean norm */
    double noise;     /* > 0: sd of Gaussian noise added to every gradient entry (after clipping) */
};

struct update update_default(double learning_rate);

/**
 * After backward: one optimizer step. Returns the gradient's norm before clipping, 0 without clipping;
 * when it is not finite nothing moves.
 */
double program_update(struct program *program, const struct update *update);

/** forward + backward + update; the loss of the step. */
double program_step(struct program *program, size_t rows, const struct update *update);

/* ---- reading and writing. Values are converted to and from the caller's double or float. ---- */

/** Sum over shards of a scalar node, or any unbatched node's first number. */
double program_scalar(const struct program *program, node value);

/** A kept or root value, live rows: [rows, size] as doubles. */
void program_read(const struct program *program, node value, double *out);
void program_read_f32(const struct program *program, node value, float *out);

/** Gradient of a parameter (summed over shards) or of a batched input. */
void program_read_gradient(const struct program *program, node value, double *out);
/** The same of a batched input, as floats. */
void program_read_input_gradient_f32(const struct program *program, node input, float *out);

/** Per-sample mode: gradient of row `row` for a parameter. */
void program_read_sample_gradient(const struct program *program, node parameter, size_t row, double *out);

/** Tangent of an input or parameter (NULL: zero), and of a kept or root value. */
void program_set_tangent(struct program *program, node value, const double *tangent);
void program_read_tangent(const struct program *program, node value, double *out);

size_t program_parameter_count(const struct program *program);
node program_parameter(const struct program *program, size_t number);
const char *program_parameter_name(const struct program *program, size_t number);
/** True for running moments and their like, which an op moves and no gradient. */
bool program_parameter_tracked(const struct program *program, size_t number);
unsigned program_parameter_group(const struct program *program, size_t number);
size_t program_parameter_size(const struct program *program, size_t number); /* numbers */

void program_set_parameter(struct program *program, node parameter, const double *values);
void program_read_parameter(const struct program *program, node parameter, double *values);

/** Optimizer state as arrays, for checkpoints: `number` < program_slots; and the step counter. */
size_t program_slots(const struct program *program);
void program_read_slot(const struct program *program, node parameter, size_t number, double *values);
void program_set_slot(struct program *program, node parameter, size_t number, const double *values);
uint64_t program_steps(const struct program *program);
void program_set_steps(struct program *program, uint64_t steps);

/** Clears optimizer state and the step counter (a new stage). */
void program_reset_optimizer(struct program *program);

/** Bytes of the arena. */
size_t program_bytes(const struct program *program);

#endif
