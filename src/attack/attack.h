/* SPDX-License-Identifier: MIT */
/*
 * Adversarial attacks on any function of input rows with a derivative. An attack is one file and one line in
 * attack_table; a norm is one line in attack_norm_table. attack_run and attack_suite_run (suite.h) split the rows in
 * blocks, call the attack on each, and evaluate what it returns afresh: an attack only proposes points.
 */
#ifndef ATTACK_ATTACK_H
#define ATTACK_ATTACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strata/function.h>

#include "core/rng.h"
#include "core/status.h"
#include "core/threads.h"

/* ---- norms ---- */

enum attack_norm_kind { ATTACK_L2 = 1, ATTACK_LINF = 2 }; /* bits, so that an attack can say which it knows */

/** The ball of an attack: {|delta| <= epsilon}. All functions work on one row of `count` numbers. */
struct attack_norm {
    const char *name, *title; /* "linf", "l-infinity" */
    enum attack_norm_kind kind;

    double (*length)(size_t count, const float *delta);
    /** Moves `point` into the ball around `x`, then into the box [low, high] (infinite: none). */
    void (*project)(size_t count, const float *x, double epsilon, double low, double high, float *point);
    /** Unit vector that raises <gradient, .> most; zero for a gradient of zero. `direction` may be `gradient`. */
    void (*steepest)(size_t count, const float *gradient, float *direction);
    /** Uniform in the unit ball (l2: a Gaussian direction, radius U^(1/count)). */
    void (*random_in_ball)(struct rng_stream stream, size_t count, float *delta);
    /** Uniform on the unit sphere (linf: signs). */
    void (*random_on_sphere)(struct rng_stream stream, size_t count, float *delta);
    /** Step of projected gradient ascent in units of epsilon, given the number of steps. */
    double (*step)(size_t steps);
};

extern const struct attack_norm *const attack_norm_table[]; /* l2, linf */
extern const size_t attack_norm_table_size;
/** NULL when there is none of that name. */
const struct attack_norm *attack_norm_find(const char *name);

/* ---- what is attacked ---- */

/** A classifier of rows in a box. Everything is borrowed. Preprocessing belongs to the functions. */
struct attack_target {
    const strata_function *functions; /* [workers]: the same function, one copy for every worker of the pool */
    struct thread_pool *pool;         /* NULL: all in the caller's thread with functions[0] */
    size_t classes;                   /* 2 with one output: its sign decides (label 1: above 0); else one output each */
    double low, high;                 /* box of the inputs; -INFINITY, INFINITY: none */
    size_t picture[3];                /* channels, height, width of a row, or zeros */
    const strata_function *surrogate; /* [workers]: a network that `transfer` attacks in place of the target; or NULL */
};

/** Rows to be attacked. Everything is borrowed. */
struct attack_rows {
    size_t rows;
    const float *x;         /* [rows, inputs] */
    const uint32_t *labels; /* [rows] */
};

/** How strongly. Begin with attack_options_default(). */
struct attack_options {
    const struct attack_norm *norm;
    double epsilon;            /* radius of the ball, in the units of x; 0 is allowed (nothing is moved) */
    size_t steps;              /* of gradient attacks: 40 */
    size_t apgd_steps;         /* of apgd_ce, apgd_dlr and fab: 100 */
    size_t restarts;           /* of pgd: 5 */
    size_t queries;            /* of square: 5000 */
    size_t targets;            /* of targeted attacks: 9 (at most classes - 1) */
    struct rng_stream stream;  /* every random number is addressed below it */
    struct attack_rows others; /* other rows that `universal` learns from; empty: the rows attacked */
};

struct attack_options attack_options_default(const struct attack_norm *norm, double epsilon);

/* ---- an attack ---- */

/** Some of the rows, in one thread. */
struct attack_block {
    const struct attack_target *target;
    const struct attack_options *options;
    const strata_function *function;  /* this worker's copy */
    const strata_function *surrogate; /* this worker's copy, or NULL */
    const void *shared;               /* what `prepare` made */
    size_t rows, inputs, outputs;
    const float *x;         /* [rows, inputs] */
    const uint32_t *labels; /* [rows] */
    const uint64_t *ids;    /* [rows] number of the row in the whole set: the index of its random streams */
    bool exhaustive;        /* the most adverse points are wanted: do not stop at the first that breaks */
    struct attack_counts *counts;
};

/** What an attack met; summed over blocks. */
struct attack_counts {
    uint64_t evaluations, gradients;         /* rows evaluated, rows differentiated */
    uint64_t zero_gradients, wild_gradients; /* of all gradients of 0, of NaN or infinity */
    uint64_t stuck_rows;                     /* rows whose first gradient was one of the two */
};

struct attack_class {
    const char *name, *title, *summary; /* "pgd"; summary: one line with source */
    unsigned norms;                     /* set of kinds of norms */
    size_t least_classes;               /* 2; 3 for the ratio of logits, 4 for its targeted form */
    bool gradient;                      /* needs a derivative */
    bool surrogate;                     /* needs target->surrogate */
    bool minimal;                       /* looks for the nearest point, inside the ball or not */
    /** Optional: work shared by all blocks, before them; `shared` is freed by `release`. */
    strata_status (*prepare)(strata_context *ctx, const struct attack_target *target,
                             const struct attack_options *options, const struct attack_rows *rows, void **shared);
    void (*release)(void *shared);
    /** `points` [rows, inputs]: x on entry; what the attack proposes on return. */
    strata_status (*attack)(strata_context *ctx, const struct attack_block *block, float *points);
};

extern const struct attack_class *const attack_table[];
extern const size_t attack_table_size;
const struct attack_class *attack_find(const char *name);

/* ---- for attacks: losses of logits and their gradients (loss.c) ---- */

/** Loss that an attack raises, on one row of outputs. */
struct attack_loss {
    const char *name;
    size_t least_classes;
    /**
     * Value, and its derivative to the outputs in `seed` [outputs] (may be NULL). `aim`: the class to reach, for
     * targeted losses (else ignored). One output: margin losses are -y f with y = 2 label - 1.
     */
    double (*value)(size_t outputs, const float *logits, uint32_t label, uint32_t aim, float *seed);
};
extern const struct attack_loss
    attack_loss_cross_entropy,                 /* log sum exp z - z_y; one output: -y f, which never saturates */
    attack_loss_margin,                        /* max_{i != y} z_i - z_y; one output: -y f */
    attack_loss_dlr, attack_loss_dlr_targeted; /* Croce & Hein 2020b */

/** True when the row is not classified as `label` (a tie, NaN or infinity is no classification as `label`). */
bool attack_broken(size_t outputs, const float *logits, uint32_t label);

/** `out` [rows, outputs] at `points`; counts the evaluations. */
STRATA_MUST_USE strata_status attack_evaluate(strata_context *ctx, const struct attack_block *block, size_t rows,
                                              const float *points, float *out);

/**
 * Losses [rows], their gradients to the points [rows, inputs] and the logits [rows, outputs] (may be NULL). `labels`
 * and `aims` [rows] (aims may be NULL). A gradient that is not finite comes out as zero and is counted.
 */
STRATA_MUST_USE strata_status attack_gradient(strata_context *ctx, const struct attack_block *block,
                                              const struct attack_loss *loss, size_t rows, const float *points,
                                              const uint32_t *labels, const uint32_t *aims, double *losses,
                                              float *gradients, float *out);

/** point += length * direction in which the gradient rises fastest, then back into ball and box. */
void attack_step(const struct attack_block *block, const float *x, const float *gradient, double length, float *point);

/** Points [rows, inputs] to try, the `number`th of several. */
typedef void (*attack_try)(const struct attack_block *block, size_t number, float *points);

/** Of `tries` points of each row the first with the largest margin loss; a row stays where none has one (NaN). */
STRATA_MUST_USE strata_status attack_worst_of(strata_context *ctx, const struct attack_block *block, size_t tries,
                                              attack_try propose, float *points);

/** A row's random stream for one purpose (a restart, a draw) of an attack. */
struct rng_stream attack_stream(const struct attack_block *block, size_t row, uint64_t purpose);

/**
 * Projected gradient ascent on a loss from `points` (block->rows of them): the first point that breaks, else the one
 * of largest loss. `standing` [rows]: rows to attack; those that break are cleared. `best` [rows]: in and out, the
 * largest loss so far; -INFINITY to begin. Rows whose first gradient vanishes are counted and marked in `stuck` [rows]
 * (NULL: they are not looked for). `aims` may be NULL.
 */
STRATA_MUST_USE strata_status attack_ascend(strata_context *ctx, const struct attack_block *block,
                                            const struct attack_loss *loss, const uint32_t *aims, const float *starts,
                                            bool *standing, bool *stuck, double *best, float *points);

/** Steps after which APGD looks back: at most `capacity` of them, all below `steps`; how many there are. */
size_t apgd_checkpoints(size_t steps, size_t capacity, size_t *checkpoints);

/** Classes of a row of logits other than its label, largest first; `classes` [outputs - 1] out. */
void attack_rank_others(size_t outputs, const float *logits, uint32_t label, uint32_t *classes);

/* ---- running one ---- */

/** What one attack did to the rows it was given. */
struct attack_result {
    struct attack_counts counts;
    size_t broken; /* of the rows given */
};

/**
 * Attacks the rows of `alive` that are true (NULL: all), and clears those that it broke: a point inside ball and box
 * (1e-5 relative) that a fresh evaluation does not classify as its label. `points` [rows, inputs] gets the breaking
 * points; rows that were not broken or not attacked keep what they held. Rows that are wrong as they stand are
 * broken with delta 0.
 *
 * @return STRATA_OK; STRATA_ERR_ARGUMENT (norm, classes, a missing derivative or surrogate; epsilon negative or not
 *         finite; counts of 0; labels out of range); STRATA_ERR_MEMORY; what the function gives.
 */
STRATA_MUST_USE strata_status attack_run(strata_context *ctx, const struct attack_class *class_,
                                         const struct attack_target *target, const struct attack_options *options,
                                         const struct attack_rows *rows, bool *alive, float *points,
                                         struct attack_result *result);

/**
 * The most adverse point of each row in the ball by the margin, for measures of perturbations: as attack_run, but
 * `points` gets what the attack proposes last, broken or not.
 */
STRATA_MUST_USE strata_status attack_points(strata_context *ctx, const struct attack_class *class_,
                                            const struct attack_target *target, const struct attack_options *options,
                                            const struct attack_rows *rows, float *points);

#endif
