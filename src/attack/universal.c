/* SPDX-License-Identifier: MIT */
/*
 * One perturbation for all rows, learned on other rows and tried with both signs: by projected ascent on their summed
 * loss, and as the mean of the first. With one output it is signed by the label, so that it moves every row against its
 * own class. Source: Moosavi-Dezfooli et al. 2017; Shafahi et al. 2020 for the ascent.
 */
#include <math.h>
#include <string.h>

#include "attack/attack.h"
#include "core/memory.h"

enum { PART_ROWS = 128, CANDIDATES = 2 };

struct universal {
    size_t inputs;
    float deltas[]; /* [CANDIDATES, inputs] */
};

/* Against class 1 as it is, against class 0 turned: one output alone has two sides. */
static float sign_of(size_t outputs, uint32_t label) { return outputs == 1 && label == 0 ? -1.f : 1.f; }

/* sum[j] += signed gradients of the loss at x + sign delta over all rows. */
static strata_status add_gradients(strata_context *ctx, const struct attack_block *block,
                                   const struct attack_rows *rows, const float *delta, bool unit, float *points,
                                   float *gradients, double *losses, double *sum) {
    size_t d = block->inputs;
    memset(sum, 0, d * sizeof *sum);
    for (size_t first = 0; first < rows->rows; first += PART_ROWS) {
        size_t count = rows->rows - first < PART_ROWS ? rows->rows - first : PART_ROWS;
        const float *x = rows->x + first * d;
        for (size_t r = 0; r < count; ++r) {
            float sign = sign_of(block->outputs, rows->labels[first + r]);
            for (size_t j = 0; j < d; ++j) {
                double value = (double)x[r * d + j] + (double)(sign * delta[j]);
                points[r * d + j] = (float)fmin(fmax(value, block->target->low), block->target->high);
            }
        }
        STRATA_TRY(attack_gradient(ctx, block, &attack_loss_cross_entropy, count, points, rows->labels + first, NULL,
                                   losses, gradients, NULL));
        for (size_t r = 0; r < count; ++r) {
            double sign = (double)sign_of(block->outputs, rows->labels[first + r]);
            double length = unit ? block->options->norm->length(d, gradients + r * d) : 1;
            for (size_t j = 0; length > 0 && j < d; ++j) sum[j] += sign * (double)gradients[r * d + j] / length;
        }
    }
    return STRATA_OK;
}

/* delta moves along the summed gradient, then back into the ball around 0; the box depends on the row. */
static void move_delta(const struct attack_block *block, const double *sum, double length, const float *zero,
                       float *direction, float *delta) {
    const struct attack_norm *norm = block->options->norm;
    for (size_t j = 0; j < block->inputs; ++j) direction[j] = (float)sum[j];
    norm->steepest(block->inputs, direction, direction);
    for (size_t j = 0; j < block->inputs; ++j) delta[j] += (float)length * direction[j];
    norm->project(block->inputs, zero, block->options->epsilon, -INFINITY, INFINITY, delta);
}

struct scratch {
    float *points, *gradients, *zero, *direction;
    double *losses, *sum;
};

static strata_status learn(strata_context *ctx, const struct attack_block *block, const struct attack_rows *rows,
                           struct scratch *s, struct universal *universal) {
    const struct attack_options *options = block->options;
    float *ascended = universal->deltas, *mean = universal->deltas + block->inputs;
    double length = options->norm->step(options->steps) * options->epsilon;
    STRATA_TRY(add_gradients(ctx, block, rows, mean, true, s->points, s->gradients, s->losses, s->sum));
    move_delta(block, s->sum, options->epsilon, s->zero, s->direction, mean);
    for (size_t step = 0; step < options->steps; ++step) {
        STRATA_TRY(add_gradients(ctx, block, rows, ascended, false, s->points, s->gradients, s->losses, s->sum));
        move_delta(block, s->sum, length, s->zero, s->direction, ascended);
    }
    return STRATA_OK;
}

static strata_status universal_prepare(strata_context *ctx, const struct attack_target *target,
                                       const struct attack_options *options, const struct attack_rows *rows,
                                       void **shared) {
    const struct attack_rows *from = options->others.rows ? &options->others : rows;
    size_t d = target->functions[0].inputs;
    struct attack_counts counts = {0};
    const struct attack_block block = {.target = target,
                                       .options = options,
                                       .function = &target->functions[0],
                                       .inputs = d,
                                       .outputs = target->functions[0].outputs,
                                       .counts = &counts};
    struct universal *universal = mem_zero(1, sizeof *universal + CANDIDATES * d * sizeof(float));
    struct scratch s = {.points = mem_zero(PART_ROWS * d, sizeof(float)),
                        .gradients = mem_zero(PART_ROWS * d, sizeof(float)),
                        .zero = mem_zero(d, sizeof(float)),
                        .direction = mem_zero(d, sizeof(float)),
                        .losses = mem_zero(PART_ROWS, sizeof(double)),
                        .sum = mem_zero(d, sizeof(double))};
    strata_status status = STRATA_OK;
    if (!universal || !s.points || !s.gradients || !s.zero || !s.direction || !s.losses || !s.sum)
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a perturbation of %zu inputs", d);
    if (status == STRATA_OK) {
        universal->inputs = d;
        status = learn(ctx, &block, from, &s, universal);
    }
    mem_free(s.points);
    mem_free(s.gradients);
    mem_free(s.zero);
    mem_free(s.direction);
    mem_free(s.losses);
    mem_free(s.sum);
    if (status != STRATA_OK) mem_free(universal);
    *shared = status == STRATA_OK ? universal : NULL;
    return status;
}

/* Each perturbation as it is, and turned. */
static void apply(const struct attack_block *block, size_t number, float *points) {
    const struct universal *universal = block->shared;
    size_t d = block->inputs;
    const float *delta = universal->deltas + number / 2 * d;
    for (size_t r = 0; r < block->rows; ++r) {
        float sign = sign_of(block->outputs, block->labels[r]) * (number % 2 ? -1.f : 1.f);
        const float *x = block->x + r * d;
        for (size_t j = 0; j < d; ++j) points[r * d + j] = x[j] + sign * delta[j];
        block->options->norm->project(d, x, block->options->epsilon, block->target->low, block->target->high,
                                      points + r * d);
    }
}

static strata_status universal_attack(strata_context *ctx, const struct attack_block *block, float *points) {
    return attack_worst_of(ctx, block, 2 * CANDIDATES, apply, points);
}

const struct attack_class attack_universal = {
    .name = "universal",
    .title = "universal perturbation",
    .summary = "one perturbation learned on other rows, with both signs (Moosavi-Dezfooli et al. 2017)",
    .norms = ATTACK_L2 | ATTACK_LINF,
    .least_classes = 2,
    .gradient = true,
    .prepare = universal_prepare,
    .release = mem_free,
    .attack = universal_attack,
};
