/* SPDX-License-Identifier: MIT */
/*
 * FAB, the fast adaptive boundary attack: linearises the boundaries at the current point, projects point and original
 * onto the nearest inside the box, and steps past a mixture of both,
 *
 *   z = (1 - a) (x_k + eta p_k) + a (x + eta p_0),   a = min(|p_k| / (|p_k| + |p_0|), a_max),
 *
 * p the two projections' moves. A point that breaks is kept if it is the nearest, and drawn back towards x by beta.
 * With more other classes than `targets`, every one of the nearest has a run of its own, towards it alone. Rows without
 * gradient go on from a random point of the ball, and rows for which nothing was found have another run from one. At
 * last the way to the nearest point is bisected, and x projected onto the boundary there. Source: Croce & Hein 2020a,
 * sec. 3; targeted: 2020b, sec. 4; the last projection is ours.
 */
#include <math.h>
#include <string.h>

#include "attack/hyperplane.h"
#include "attack/nearest.h"
#include "core/memory.h"

enum { POLISHES = 3 };
static const double BIAS_MOST = 0.1, OVERSHOOT = 1.05, BACKWARD = 0.9;
static const double HAIR = 1e-6; /* of what the model changes on the way */

/* Of one row. */
struct scratch {
    double *weights, *from_point, *from_x; /* [inputs] */
};

static double way(bool linf, size_t count, const double *to, const float *from) {
    double largest = 0, square = 0;
    for (size_t j = 0; j < count; ++j) {
        double move = to[j] - (double)from[j];
        largest = fmax(largest, fabs(move));
        square += move * move;
    }
    return linf ? largest : sqrt(square);
}

/* Past the plane through the mixture of both projections; false without a gradient. */
static bool step_row(const struct nearest *nearest, size_t i, const struct scratch *s) {
    const struct attack_block *block = nearest->block;
    size_t d = block->inputs;
    bool linf = nearest_is_linf(block), any = false;
    const float *x = block->x + nearest->rows[i] * d;
    float *at = nearest->at + i * d;
    double low = block->target->low, high = block->target->high, value = nearest->values[i], value_at_x = value;
    for (size_t j = 0; j < d; ++j) {
        s->weights[j] = (double)nearest->gradients[i * d + j];
        any = any || s->weights[j] != 0;
        value_at_x += s->weights[j] * ((double)x[j] - (double)at[j]);
    }
    if (!any) return false;
    (void)hyperplane_project(d, s->weights, value, linf, low, high, at, s->from_point);
    (void)hyperplane_project(d, s->weights, value_at_x, linf, low, high, x, s->from_x);
    double near = way(linf, d, s->from_point, at), far = way(linf, d, s->from_x, x);
    double bias = near + far > 0 ? fmin(near / (near + far), BIAS_MOST) : 0;
    for (size_t j = 0; j < d; ++j) {
        double point = (double)at[j] + OVERSHOOT * (s->from_point[j] - (double)at[j]);
        double start = (double)x[j] + OVERSHOOT * (s->from_x[j] - (double)x[j]);
        at[j] = (float)fmin(fmax((1 - bias) * point + bias * start, low), high);
    }
    return true;
}

static void random_point(const struct nearest *nearest, size_t i, uint64_t purpose) {
    const struct attack_block *block = nearest->block;
    const struct attack_options *options = block->options;
    size_t d = block->inputs, row = nearest->rows[i];
    const float *x = block->x + row * d;
    float *at = nearest->at + i * d;
    options->norm->random_in_ball(attack_stream(block, row, purpose), d, at);
    for (size_t j = 0; j < d; ++j) at[j] = x[j] + (float)options->epsilon * at[j];
    options->norm->project(d, x, options->epsilon, block->target->low, block->target->high, at);
}

static void draw_back(const struct nearest *nearest, size_t i) {
    size_t d = nearest->block->inputs;
    const float *x = nearest->block->x + nearest->rows[i] * d;
    float *at = nearest->at + i * d;
    for (size_t j = 0; j < d; ++j) at[j] = (float)((double)x[j] + BACKWARD * ((double)at[j] - (double)x[j]));
}

/* One run towards aims first..first+aims-1, of the rows on the way; random numbers are addressed by its number. */
static strata_status search(strata_context *ctx, struct nearest *nearest, uint64_t run, size_t first, size_t aims,
                            const struct scratch *scratch, bool *broken) {
    const struct attack_block *block = nearest->block;
    size_t steps = block->options->apgd_steps;
    for (size_t step = 0; step < steps && nearest->count > 0; ++step) {
        STRATA_TRY(nearest_boundary(ctx, nearest, first, aims));
        for (size_t i = 0; i < nearest->count; ++i) {
            if (step_row(nearest, i, scratch)) continue;
            random_point(nearest, i, run << 32 | (step + 1));
            block->counts->stuck_rows += step == 0 && run == 0;
        }
        STRATA_TRY(nearest_look(ctx, nearest, broken));
        for (size_t i = 0; i < nearest->count; ++i)
            if (broken[i]) draw_back(nearest, i);
        nearest_leave(nearest, NULL);
    }
    return STRATA_OK;
}

/* Rows for which nothing was found: towards all aims, from a random point of the ball. */
static strata_status search_lost(strata_context *ctx, struct nearest *nearest, uint64_t run,
                                 const struct scratch *scratch, bool *found) {
    nearest_restart(nearest);
    for (size_t i = 0; i < nearest->count; ++i) found[i] = isfinite(nearest->distances[nearest->rows[i]]);
    nearest_leave(nearest, found);
    for (size_t i = 0; i < nearest->count; ++i) random_point(nearest, i, run << 32);
    return search(ctx, nearest, run, 0, nearest->aims, scratch, found);
}

/*
 * x projected onto the boundary as it is at the nearest point found, and the hair past it that rounding asks for: where
 * the model is linear between the two, nothing is nearer.
 */
static void place_polished(const struct nearest *nearest, size_t i, const struct scratch *s) {
    const struct attack_block *block = nearest->block;
    size_t d = block->inputs;
    const float *x = block->x + nearest->rows[i] * d;
    float *at = nearest->at + i * d;
    double value = nearest->values[i], change = 0;
    for (size_t j = 0; j < d; ++j) {
        s->weights[j] = (double)nearest->gradients[i * d + j];
        change += s->weights[j] * ((double)x[j] - (double)at[j]);
    }
    value += change - HAIR * fabs(change);
    (void)hyperplane_project(d, s->weights, value, nearest_is_linf(block), block->target->low, block->target->high, x,
                             s->from_x);
    for (size_t j = 0; j < d; ++j) at[j] = (float)s->from_x[j];
}

static strata_status polish(strata_context *ctx, struct nearest *nearest, const struct scratch *scratch, bool *broken) {
    size_t d = nearest->block->inputs;
    nearest_restart(nearest);
    for (size_t i = 0; i < nearest->count; ++i)
        memcpy(nearest->at + i * d, nearest->points + nearest->rows[i] * d, d * sizeof(float));
    for (int round = 0; round < POLISHES && nearest->count > 0; ++round) {
        STRATA_TRY(nearest_boundary(ctx, nearest, 0, nearest->aims));
        for (size_t i = 0; i < nearest->count; ++i) place_polished(nearest, i, scratch);
        STRATA_TRY(nearest_look(ctx, nearest, broken));
        nearest_leave(nearest, NULL);
    }
    return STRATA_OK;
}

static strata_status fab_attack(strata_context *ctx, const struct attack_block *block, float *points) {
    size_t d = block->inputs;
    bool many = block->outputs > 1 && block->outputs - 1 > block->options->targets;
    struct nearest nearest;
    STRATA_TRY(nearest_create(ctx, block, points, &nearest));
    struct scratch scratch = {.weights = mem_zero(d, sizeof(double)),
                              .from_point = mem_zero(d, sizeof(double)),
                              .from_x = mem_zero(d, sizeof(double))};
    bool *broken = mem_zero(block->rows, sizeof *broken);
    strata_status status = STRATA_OK;
    if (!scratch.weights || !scratch.from_point || !scratch.from_x || !broken)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to attack rows of %zu inputs", d));
    for (size_t first = 0; first < nearest.aims; first += many ? 1 : nearest.aims) {
        nearest_restart(&nearest);
        STRATA_GO(search(ctx, &nearest, first, first, many ? 1 : nearest.aims, &scratch, broken));
    }
    STRATA_GO(search_lost(ctx, &nearest, nearest.aims, &scratch, broken));
    STRATA_GO(nearest_pull_back(ctx, &nearest));
    STRATA_GO(polish(ctx, &nearest, &scratch, broken));
cleanup:
    mem_free(scratch.weights);
    mem_free(scratch.from_point);
    mem_free(scratch.from_x);
    mem_free(broken);
    nearest_destroy(&nearest);
    return status;
}

const struct attack_class attack_fab = {
    .name = "fab",
    .title = "FAB",
    .summary = "nearest point by projections onto linearised boundaries (Croce & Hein 2020a)",
    .norms = ATTACK_L2 | ATTACK_LINF,
    .least_classes = 2,
    .gradient = true,
    .minimal = true,
    .attack = fab_attack,
};
