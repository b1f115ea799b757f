/* SPDX-License-Identifier: MIT */
/*
 * The nearest breaking point of a linear model, exactly: each row is projected onto the nearest boundary inside the box
 * and moved past it by no more than the rounding of its outputs. Whether the model is linear is checked first, on rows
 * and on random points around them: a model that is not is refused.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "attack/hyperplane.h"
#include "attack/nearest.h"
#include "core/memory.h"

enum { CHECKED_ROWS = 64, TRIES = 12 };
static const double TOLERANCE = 1e-4; /* of a sum's parts: ten times the rounding of some hundred products */
static const double SPREAD = 10;      /* random points lie within so many radii of rows */
static const double LEAST_EXCESS = 2e-8, GROWTH = 3;

struct linear {
    size_t inputs, outputs;
    float jacobian[]; /* [outputs, inputs] */
};

/* x of `rows` of the set, then points around them. */
static void place_checks(const struct attack_block *block, const struct attack_rows *rows, size_t count,
                         float *points) {
    size_t d = block->inputs;
    const struct attack_options *options = block->options;
    const struct attack_target *target = block->target;
    memcpy(points, rows->x, count * d * sizeof *points);
    for (size_t r = 0; r < count; ++r) {
        float *point = points + (count + r) * d;
        double radius = SPREAD * options->epsilon;
        options->norm->random_in_ball(rng_stream_sub(rng_stream_at(options->stream, r), 1), d, point);
        for (size_t j = 0; j < d; ++j)
            point[j] = (float)fmin(fmax((double)rows->x[r * d + j] + radius * (double)point[j], target->low),
                                   target->high);
    }
}

static strata_status compare(strata_context *ctx, const struct linear *linear, size_t count, const float *points,
                             const float *out) {
    size_t d = linear->inputs;
    for (size_t p = 1; p < count; ++p)
        for (size_t k = 0; k < linear->outputs; ++k) {
            double expected = (double)out[k], parts = fabs(expected), value = (double)out[p * linear->outputs + k];
            for (size_t j = 0; j < d; ++j) {
                double part = (double)linear->jacobian[k * d + j];
                expected += part * ((double)points[p * d + j] - (double)points[j]);
                parts += fabs(part) * (fabs((double)points[p * d + j]) + fabs((double)points[j]));
            }
            if (!(fabs(value - expected) <= TOLERANCE * parts))
                return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                                   "attack exact_linear: the model is not linear: output %zu is %g where its "
                                   "derivative at the first row foretells %g; fab works on any model",
                                   k + 1, value, expected);
        }
    return STRATA_OK;
}

static strata_status differentiate(strata_context *ctx, const struct attack_block *block, const float *x, float *seed,
                                   struct linear *linear) {
    for (size_t k = 0; k < linear->outputs; ++k) {
        memset(seed, 0, linear->outputs * sizeof *seed);
        seed[k] = 1;
        ++block->counts->gradients;
        STRATA_TRY(strata_function_vjp(ctx, block->function, 1, x, seed, NULL, linear->jacobian + k * linear->inputs));
    }
    return STRATA_OK;
}

static strata_status exact_prepare(strata_context *ctx, const struct attack_target *target,
                                   const struct attack_options *options, const struct attack_rows *rows,
                                   void **shared) {
    const strata_function *function = &target->functions[0];
    size_t d = function->inputs, outputs = function->outputs, size, numbers;
    size_t count = rows->rows < CHECKED_ROWS ? rows->rows : CHECKED_ROWS;
    struct attack_counts counts = {0};
    const struct attack_block block = {
        .target = target, .options = options, .function = function, .inputs = d, .outputs = outputs, .counts = &counts};
    STRATA_TRY(mem_product(ctx, d, outputs, "derivatives of a linear model", &size));
    STRATA_TRY(mem_product(ctx, 2 * count, d, "rows of a check", &numbers));
    struct linear *linear = mem_zero(1, sizeof *linear + size * sizeof(float));
    float *points = mem_zero(numbers, sizeof *points), *out = mem_zero(2 * count * outputs, sizeof *out);
    float *seed = mem_zero(outputs, sizeof *seed);
    strata_status status = STRATA_OK;
    if (!linear || !points || !out || !seed)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for the derivatives of %zu outputs", outputs));
    linear->inputs = d;
    linear->outputs = outputs;
    place_checks(&block, rows, count, points);
    STRATA_GO(differentiate(ctx, &block, points, seed, linear));
    STRATA_GO(attack_evaluate(ctx, &block, 2 * count, points, out));
    STRATA_GO(compare(ctx, linear, 2 * count, points, out));
cleanup:
    mem_free(points);
    mem_free(out);
    mem_free(seed);
    if (status != STRATA_OK) mem_free(linear);
    *shared = status == STRATA_OK ? linear : NULL;
    return status;
}

/* ---- rows ---- */

/* One row's boundary to a class: weights of z_aim - z_label, or of -y f; its value at x from the logits there. */
static double boundary(const struct linear *linear, const float *logits, uint32_t label, size_t aim, double *weights) {
    size_t d = linear->inputs;
    if (linear->outputs == 1) {
        double sign = label ? -1 : 1;
        for (size_t j = 0; j < d; ++j) weights[j] = sign * (double)linear->jacobian[j];
        return sign * (double)logits[0];
    }
    for (size_t j = 0; j < d; ++j)
        weights[j] = (double)linear->jacobian[aim * d + j] - (double)linear->jacobian[label * d + j];
    return (double)logits[aim] - (double)logits[label];
}

struct place {
    const struct linear *linear;
    const float *logits;     /* [rows, outputs] at x */
    uint32_t *aims;          /* [rows] */
    double *weights, *point; /* [inputs] */
};

/* The class whose boundary is nearest; `outputs` when the box holds none. */
static void choose_aim(const struct nearest *nearest, struct place *place, size_t row) {
    const struct attack_block *block = nearest->block;
    size_t d = block->inputs, aims = block->outputs == 1 ? 1 : block->outputs;
    double best = INFINITY;
    place->aims[row] = (uint32_t)block->outputs;
    for (size_t k = 0; k < aims; ++k) {
        if (block->outputs > 1 && k == block->labels[row]) continue;
        double value = boundary(place->linear, place->logits + row * block->outputs, block->labels[row], k,
                                place->weights);
        double distance = hyperplane_project(d, place->weights, value, nearest_is_linf(block), block->target->low,
                                             block->target->high, block->x + row * d, NULL);
        if (distance < best) best = distance, place->aims[row] = (uint32_t)k;
    }
}

/* Past the boundary by `excess` of what rounds. */
static void place_row(const struct nearest *nearest, const struct place *place, size_t i, double excess) {
    const struct attack_block *block = nearest->block;
    size_t d = block->inputs, row = nearest->rows[i];
    const float *x = block->x + row * d;
    double value = boundary(place->linear, place->logits + row * block->outputs, block->labels[row], place->aims[row],
                            place->weights);
    double parts = fabs(value);
    for (size_t j = 0; j < d; ++j) parts += fabs(place->weights[j] * (double)x[j]);
    (void)hyperplane_project(d, place->weights, value - excess * parts, nearest_is_linf(block), block->target->low,
                             block->target->high, x, place->point);
    for (size_t j = 0; j < d; ++j) nearest->at[i * d + j] = (float)place->point[j];
}

static strata_status move_rows(strata_context *ctx, struct nearest *nearest, struct place *place, bool *gone) {
    double excess = LEAST_EXCESS;
    for (size_t i = 0; i < nearest->count; ++i) {
        choose_aim(nearest, place, nearest->rows[i]);
        gone[i] = place->aims[nearest->rows[i]] == nearest->block->outputs;
    }
    nearest_leave(nearest, gone);
    for (int i = 0; i < TRIES && nearest->count > 0; ++i, excess *= GROWTH) {
        for (size_t k = 0; k < nearest->count; ++k) place_row(nearest, place, k, excess);
        STRATA_TRY(nearest_look(ctx, nearest, gone));
        nearest_leave(nearest, gone);
    }
    return STRATA_OK;
}

static strata_status exact_attack(strata_context *ctx, const struct attack_block *block, float *points) {
    struct nearest nearest;
    STRATA_TRY(nearest_create(ctx, block, points, &nearest));
    float *logits = mem_zero(block->rows * block->outputs, sizeof *logits);
    struct place place = {.linear = block->shared,
                          .logits = logits,
                          .aims = mem_zero(block->rows, sizeof(uint32_t)),
                          .weights = mem_zero(block->inputs, sizeof(double)),
                          .point = mem_zero(block->inputs, sizeof(double))};
    bool *gone = mem_zero(block->rows, sizeof *gone);
    strata_status status = STRATA_OK;
    if (!logits || !place.aims || !place.weights || !place.point || !gone)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to attack %zu rows", block->rows));
    memcpy(logits, nearest.out, block->rows * block->outputs * sizeof *logits);
    STRATA_GO(move_rows(ctx, &nearest, &place, gone));
cleanup:
    mem_free(logits);
    mem_free(place.aims);
    mem_free(place.weights);
    mem_free(place.point);
    mem_free(gone);
    nearest_destroy(&nearest);
    return status;
}

const struct attack_class attack_exact_linear = {
    .name = "exact_linear",
    .title = "exact, linear models",
    .summary = "the nearest breaking point of a linear model, by projection; others are refused",
    .norms = ATTACK_L2 | ATTACK_LINF,
    .least_classes = 2,
    .gradient = true,
    .minimal = true,
    .prepare = exact_prepare,
    .release = mem_free,
    .attack = exact_attack,
};
