/* SPDX-License-Identifier: MIT */
/*
 * Carlini and Wagner in l2: Adam on |x' - x|^2 + c max(z_y - max_i z_i, 0) over w, x' = low + (high - low)
 * (tanh w + 1) / 2, or over x' itself without a box. c is looked for a row at a time: ten times larger until a point
 * breaks, then by bisection. A search that gains less than a ten-thousandth in a tenth of its steps ends. The way
 * from x to the nearest point found is bisected at last. Source: Carlini & Wagner 2017, sec. V and VI.
 */
#include <math.h>
#include <string.h>

#include "attack/nearest.h"
#include "core/memory.h"

enum { SEARCHES = 9, STEPS = 1000, WINDOW = STEPS / 10 };
static const double FIRST_WEIGHT = 1e-3, RATE = 0.01, DECAY_MEAN = 0.9, DECAY_SQUARE = 0.999, TINY = 1e-8;
static const double GAIN = 0.9999, INSIDE = 1e-6; /* of the box's width: x is pulled in so far, tanh is finite there */

/* Of all rows of the block, by row. */
struct climb {
    double *variables, *means, *squares; /* [rows, inputs] w, Adam's moments */
    double *weights, *below, *above;     /* [rows] c and its bracket */
    double *costs, *checked;             /* [rows] cost now, at the last window */
    bool *hit, *broken, *gone;           /* [rows] something broke in this search; scratch */
    double *losses;                      /* [rows] scratch */
};

static void climb_destroy(struct climb *climb) {
    mem_free(climb->variables);
    mem_free(climb->means);
    mem_free(climb->squares);
    mem_free(climb->weights);
    mem_free(climb->below);
    mem_free(climb->above);
    mem_free(climb->costs);
    mem_free(climb->checked);
    mem_free(climb->hit);
    mem_free(climb->broken);
    mem_free(climb->gone);
    mem_free(climb->losses);
}

static strata_status climb_create(strata_context *ctx, const struct attack_block *block, struct climb *c) {
    size_t rows = block->rows, numbers = rows * block->inputs;
    *c = (struct climb){.variables = mem_zero(numbers, sizeof(double)),
                        .means = mem_zero(numbers, sizeof(double)),
                        .squares = mem_zero(numbers, sizeof(double)),
                        .weights = mem_zero(rows, sizeof(double)),
                        .below = mem_zero(rows, sizeof(double)),
                        .above = mem_zero(rows, sizeof(double)),
                        .costs = mem_zero(rows, sizeof(double)),
                        .checked = mem_zero(rows, sizeof(double)),
                        .hit = mem_zero(rows, sizeof(bool)),
                        .broken = mem_zero(rows, sizeof(bool)),
                        .gone = mem_zero(rows, sizeof(bool)),
                        .losses = mem_zero(rows, sizeof(double))};
    if (c->variables && c->means && c->squares && c->weights && c->below && c->above && c->costs && c->checked &&
        c->hit && c->broken && c->gone && c->losses) {
        for (size_t r = 0; r < rows; ++r) c->weights[r] = FIRST_WEIGHT, c->above[r] = INFINITY;
        return STRATA_OK;
    }
    return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to attack %zu rows", rows);
}

static bool boxed(const struct attack_target *target) { return isfinite(target->low) && isfinite(target->high); }

/* x' of a variable, and the slope of it. */
static double point_of(const struct attack_target *target, double variable, double *slope) {
    *slope = 1;
    if (!boxed(target)) return fmin(fmax(variable, target->low), target->high);
    double half = 0.5 * (target->high - target->low), height = tanh(variable);
    *slope = half * (1 - height * height);
    return fmin(fmax(target->low + half * (height + 1), target->low), target->high);
}

static double variable_of(const struct attack_target *target, double x) {
    if (!boxed(target)) return x;
    double share = (x - target->low) / (target->high - target->low);
    return atanh(2 * fmin(fmax(share, INSIDE), 1 - INSIDE) - 1);
}

/* All rows that are not done, at x with fresh moments. */
static void search_begin(struct nearest *nearest, struct climb *climb) {
    const struct attack_block *block = nearest->block;
    size_t d = block->inputs, numbers = block->rows * d;
    nearest_restart(nearest);
    memset(climb->means, 0, numbers * sizeof(double));
    memset(climb->squares, 0, numbers * sizeof(double));
    for (size_t i = 0; i < numbers; ++i) climb->variables[i] = variable_of(block->target, (double)block->x[i]);
    for (size_t r = 0; r < block->rows; ++r) climb->hit[r] = false, climb->checked[r] = INFINITY;
}

static void place(struct nearest *nearest, const struct climb *climb) {
    size_t d = nearest->block->inputs;
    for (size_t i = 0; i < nearest->count; ++i)
        for (size_t j = 0; j < d; ++j) {
            double slope, point = point_of(nearest->block->target, climb->variables[nearest->rows[i] * d + j], &slope);
            nearest->at[i * d + j] = (float)point;
        }
}

/* One step of Adam; `gradient` is that of max_i z_i - z_y, which is below 0 until the row breaks. */
static void step_row(const struct nearest *nearest, struct climb *climb, size_t i, const float *gradient, int step) {
    const struct attack_block *block = nearest->block;
    size_t d = block->inputs, row = nearest->rows[i];
    double weight = climb->losses[i] < 0 ? climb->weights[row] : 0, square = 0;
    double free_mean = 1 - pow(DECAY_MEAN, step + 1), free_square = 1 - pow(DECAY_SQUARE, step + 1);
    for (size_t j = 0; j < d; ++j) {
        double slope, *mean = &climb->means[row * d + j], *spread = &climb->squares[row * d + j];
        double *variable = &climb->variables[row * d + j];
        double move = point_of(block->target, *variable, &slope) - (double)block->x[row * d + j];
        double rise = (2 * move - weight * (double)gradient[j]) * slope;
        square += move * move;
        *mean = DECAY_MEAN * *mean + (1 - DECAY_MEAN) * rise;
        *spread = DECAY_SQUARE * *spread + (1 - DECAY_SQUARE) * rise * rise;
        *variable -= RATE * (*mean / free_mean) / (sqrt(*spread / free_square) + TINY);
    }
    climb->costs[row] = square - weight * climb->losses[i];
}

/* Rows whose cost no longer falls. */
static void mark_settled(const struct nearest *nearest, struct climb *climb) {
    for (size_t i = 0; i < nearest->count; ++i) {
        size_t row = nearest->rows[i];
        climb->gone[i] = climb->costs[row] > GAIN * climb->checked[row];
        climb->checked[row] = climb->costs[row];
    }
}

static strata_status search(strata_context *ctx, struct nearest *nearest, struct climb *climb) {
    const struct attack_block *block = nearest->block;
    search_begin(nearest, climb);
    place(nearest, climb);
    for (int step = 0; step < STEPS && nearest->count > 0; ++step) {
        STRATA_TRY(attack_gradient(ctx, block, &attack_loss_margin, nearest->count, nearest->at, nearest->labels, NULL,
                                   climb->losses, nearest->gradients, nearest->out));
        nearest_take(nearest, climb->broken);
        for (size_t i = 0; i < nearest->count; ++i) {
            if (climb->broken[i]) climb->hit[nearest->rows[i]] = true;
            step_row(nearest, climb, i, nearest->gradients + i * block->inputs, step);
        }
        bool window = step % WINDOW == WINDOW - 1;
        if (window) mark_settled(nearest, climb);
        nearest_leave(nearest, window ? climb->gone : NULL);
        place(nearest, climb);
    }
    return STRATA_OK;
}

/* The next c of every row. */
static void bracket(const struct attack_block *block, struct climb *climb) {
    for (size_t r = 0; r < block->rows; ++r) {
        *(climb->hit[r] ? &climb->above[r] : &climb->below[r]) = climb->weights[r];
        climb->weights[r] = isinf(climb->above[r]) ? 10 * climb->weights[r] : 0.5 * (climb->below[r] + climb->above[r]);
    }
}

static strata_status cw_attack(strata_context *ctx, const struct attack_block *block, float *points) {
    struct nearest nearest;
    struct climb climb = {0};
    strata_status status = STRATA_OK;
    STRATA_TRY(nearest_create(ctx, block, points, &nearest));
    STRATA_GO(climb_create(ctx, block, &climb));
    for (int i = 0; i < SEARCHES; ++i) {
        STRATA_GO(search(ctx, &nearest, &climb));
        bracket(block, &climb);
    }
    STRATA_GO(nearest_pull_back(ctx, &nearest));
cleanup:
    climb_destroy(&climb);
    nearest_destroy(&nearest);
    return status;
}

const struct attack_class attack_cw = {
    .name = "cw",
    .title = "Carlini and Wagner",
    .summary = "Adam on squared distance and margin, their balance by bisection (Carlini & Wagner 2017)",
    .norms = ATTACK_L2,
    .least_classes = 2,
    .gradient = true,
    .minimal = true,
    .attack = cw_attack,
};
