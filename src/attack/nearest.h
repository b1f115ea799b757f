/* SPDX-License-Identifier: MIT */
/* What the attacks for the nearest breaking point share: the best so far, linearised boundaries, the last pull back. */
#ifndef ATTACK_NEAREST_H
#define ATTACK_NEAREST_H

#include "attack/attack.h"

/** The nearest breaking points found so far, of the rows of a block. */
struct nearest {
    const struct attack_block *block;
    float *points;          /* [rows, inputs] borrowed; x for a row without */
    double *distances;      /* [rows] INFINITY: none yet */
    size_t aims;            /* classes that a row is moved to: options->targets of them, or all others */
    uint32_t *ranks;        /* [rows, aims] nearest first by the logits of x */
    size_t count;           /* rows still on the way */
    uint32_t *rows;         /* [count] their numbers in the block */
    float *at;              /* [count, inputs] where they are */
    float *out;             /* [count, outputs] scratch of evaluations */
    double *values;         /* [count] z_aim - z_label of the nearest boundary (one output: -y f) at `at` */
    float *gradients;       /* [count, inputs] its gradient; zero when no gradient is left */
    uint32_t *labels, *now; /* scratch */
    double *losses, *reach; /* scratch */
    float *trial;           /* scratch [rows, inputs] */
};

/** Evaluates x: rows that are wrong there are done, at distance 0; the others are on the way, at x. */
STRATA_MUST_USE strata_status nearest_create(strata_context *ctx, const struct attack_block *block, float *points,
                                             struct nearest *nearest);
void nearest_destroy(struct nearest *nearest);

/** Puts all rows on the way again, at x, but those that are done: inside the ball, when that is all that is asked. */
void nearest_restart(struct nearest *nearest);

/** From the outputs `out` at the points `at`: fills `broken` [count] and keeps points that break and are nearer. */
void nearest_take(struct nearest *nearest, bool *broken);

/** Evaluates `at`, then nearest_take. */
STRATA_MUST_USE strata_status nearest_look(strata_context *ctx, struct nearest *nearest, bool *broken);

/** Rows that are done, or that `gone` [count] (NULL: none) marks, leave. */
void nearest_leave(struct nearest *nearest, const bool *gone);

/** Fills `values` and `gradients` of the boundary nearest to `at`, among those of aims first..first+aims-1. */
STRATA_MUST_USE strata_status nearest_boundary(strata_context *ctx, struct nearest *nearest, size_t first, size_t aims);

/** Bisects the way from x to each row's nearest point for the end that breaks. */
STRATA_MUST_USE strata_status nearest_pull_back(strata_context *ctx, struct nearest *nearest);

/** True for l-infinity. */
bool nearest_is_linf(const struct attack_block *block);

#endif
