/* SPDX-License-Identifier: MIT */
/* What the attacks for the nearest breaking point share. */
#include "attack/nearest.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

enum { HALVINGS = 20 };

bool nearest_is_linf(const struct attack_block *block) { return block->options->norm->kind == ATTACK_LINF; }

void nearest_destroy(struct nearest *nearest) {
    mem_free(nearest->distances);
    mem_free(nearest->ranks);
    mem_free(nearest->rows);
    mem_free(nearest->at);
    mem_free(nearest->out);
    mem_free(nearest->values);
    mem_free(nearest->gradients);
    mem_free(nearest->labels);
    mem_free(nearest->now);
    mem_free(nearest->losses);
    mem_free(nearest->reach);
    mem_free(nearest->trial);
}

static size_t count_aims(const struct attack_block *block) {
    size_t others = block->outputs == 1 ? 1 : block->outputs - 1;
    return block->options->targets < others ? block->options->targets : others;
}

static strata_status allocate(strata_context *ctx, const struct attack_block *block, struct nearest *n) {
    size_t rows = block->rows, numbers = rows * block->inputs;
    n->distances = mem_zero(rows, sizeof *n->distances);
    n->ranks = mem_zero(rows * n->aims, sizeof *n->ranks);
    n->rows = mem_zero(rows, sizeof *n->rows);
    n->at = mem_zero(numbers, sizeof *n->at);
    n->out = mem_zero(rows * block->outputs, sizeof *n->out);
    n->values = mem_zero(rows, sizeof *n->values);
    n->gradients = mem_zero(numbers, sizeof *n->gradients);
    n->labels = mem_zero(rows, sizeof *n->labels);
    n->now = mem_zero(rows > block->outputs ? rows : block->outputs, sizeof *n->now);
    n->losses = mem_zero(rows, sizeof *n->losses);
    n->reach = mem_zero(2 * rows, sizeof *n->reach);
    n->trial = mem_zero(numbers, sizeof *n->trial);
    if (n->distances && n->ranks && n->rows && n->at && n->out && n->values && n->gradients && n->labels && n->now &&
        n->losses && n->reach && n->trial)
        return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to attack %zu rows", rows);
}

strata_status nearest_create(strata_context *ctx, const struct attack_block *block, float *points,
                             struct nearest *nearest) {
    strata_status status = STRATA_OK;
    *nearest = (struct nearest){.block = block, .points = points, .aims = count_aims(block)};
    STRATA_GO(allocate(ctx, block, nearest));
    STRATA_GO(attack_evaluate(ctx, block, block->rows, block->x, nearest->out));
    for (size_t r = 0; r < block->rows; ++r) {
        const float *out = nearest->out + r * block->outputs;
        nearest->distances[r] = attack_broken(block->outputs, out, block->labels[r]) ? 0 : INFINITY;
        if (block->outputs == 1) continue;
        attack_rank_others(block->outputs, out, block->labels[r], nearest->now);
        memcpy(nearest->ranks + r * nearest->aims, nearest->now, nearest->aims * sizeof *nearest->now);
    }
    memcpy(points, block->x, block->rows * block->inputs * sizeof *points);
    nearest_restart(nearest);
cleanup:
    if (status != STRATA_OK) nearest_destroy(nearest);
    return status;
}

static bool done(const struct nearest *nearest, size_t row) {
    double distance = nearest->distances[row];
    return distance == 0 || (!nearest->block->exhaustive && distance <= nearest->block->options->epsilon);
}

void nearest_restart(struct nearest *nearest) {
    const struct attack_block *block = nearest->block;
    nearest->count = 0;
    for (size_t r = 0; r < block->rows; ++r) {
        if (done(nearest, r)) continue;
        nearest->labels[nearest->count] = block->labels[r];
        memcpy(nearest->at + nearest->count * block->inputs, block->x + r * block->inputs,
               block->inputs * sizeof(float));
        nearest->rows[nearest->count++] = (uint32_t)r;
    }
}

static void keep_nearer(struct nearest *nearest, size_t row, const float *point) {
    const struct attack_block *block = nearest->block;
    size_t d = block->inputs;
    float *delta = nearest->trial;
    for (size_t j = 0; j < d; ++j) delta[j] = point[j] - block->x[row * d + j];
    double distance = block->options->norm->length(d, delta);
    if (!(distance < nearest->distances[row])) return;
    nearest->distances[row] = distance;
    memcpy(nearest->points + row * d, point, d * sizeof *point);
}

void nearest_take(struct nearest *nearest, bool *broken) {
    const struct attack_block *block = nearest->block;
    for (size_t i = 0; i < nearest->count; ++i) {
        broken[i] = attack_broken(block->outputs, nearest->out + i * block->outputs, nearest->labels[i]);
        if (broken[i]) keep_nearer(nearest, nearest->rows[i], nearest->at + i * block->inputs);
    }
}

strata_status nearest_look(strata_context *ctx, struct nearest *nearest, bool *broken) {
    STRATA_TRY(attack_evaluate(ctx, nearest->block, nearest->count, nearest->at, nearest->out));
    nearest_take(nearest, broken);
    return STRATA_OK;
}

void nearest_leave(struct nearest *nearest, const bool *gone) {
    size_t kept = 0, d = nearest->block->inputs;
    for (size_t i = 0; i < nearest->count; ++i) {
        if ((gone && gone[i]) || done(nearest, nearest->rows[i])) continue;
        if (kept < i) {
            nearest->rows[kept] = nearest->rows[i];
            nearest->labels[kept] = nearest->labels[i];
            memcpy(nearest->at + kept * d, nearest->at + i * d, d * sizeof(float));
        }
        ++kept;
    }
    nearest->count = kept;
}

/* z_aim - z_label: the boundary between two classes, whatever the others do. */
static double difference(size_t outputs, const float *logits, uint32_t label, uint32_t aim, float *seed) {
    if (outputs == 1) return attack_loss_margin.value(outputs, logits, label, aim, seed);
    if (seed) {
        memset(seed, 0, outputs * sizeof *seed);
        seed[aim] = 1;
        seed[label] = -1;
    }
    return (double)logits[aim] - (double)logits[label];
}

static const struct attack_loss difference_loss = {"difference", 2, difference};

/* Of the dual norm, by which a value becomes a distance. */
static double dual_length(bool linf, size_t count, const float *gradient) {
    double sum = 0;
    for (size_t j = 0; j < count; ++j)
        sum += linf ? fabs((double)gradient[j]) : (double)gradient[j] * (double)gradient[j];
    return linf ? sum : sqrt(sum);
}

strata_status nearest_boundary(strata_context *ctx, struct nearest *nearest, size_t first, size_t aims) {
    const struct attack_block *block = nearest->block;
    size_t d = block->inputs;
    bool linf = nearest_is_linf(block);
    for (size_t i = 0; i < nearest->count; ++i) nearest->reach[i] = INFINITY;
    memset(nearest->gradients, 0, nearest->count * d * sizeof(float));
    for (size_t a = first; a < first + aims; ++a) {
        for (size_t i = 0; i < nearest->count; ++i)
            nearest->now[i] = nearest->ranks[nearest->rows[i] * nearest->aims + a];
        STRATA_TRY(attack_gradient(ctx, block, &difference_loss, nearest->count, nearest->at, nearest->labels,
                                   nearest->now, nearest->losses, nearest->trial, NULL));
        for (size_t i = 0; i < nearest->count; ++i) {
            const float *gradient = nearest->trial + i * d;
            double length = dual_length(linf, d, gradient), distance = fabs(nearest->losses[i]) / length;
            if (!(length > 0 && distance < nearest->reach[i])) continue;
            nearest->reach[i] = distance;
            nearest->values[i] = nearest->losses[i];
            memcpy(nearest->gradients + i * d, gradient, d * sizeof *gradient);
        }
    }
    return STRATA_OK;
}

/* at = x + share (point - x), of the rows that are to be pulled. */
static void place(struct nearest *nearest, const float *ends, const double *low, const double *high) {
    size_t d = nearest->block->inputs;
    for (size_t i = 0; i < nearest->count; ++i) {
        const float *x = nearest->block->x + nearest->rows[i] * d, *end = ends + nearest->rows[i] * d;
        double share = 0.5 * (low[i] + high[i]);
        for (size_t j = 0; j < d; ++j)
            nearest->at[i * d + j] = (float)((double)x[j] + share * ((double)end[j] - (double)x[j]));
    }
}

strata_status nearest_pull_back(strata_context *ctx, struct nearest *nearest) {
    const struct attack_block *block = nearest->block;
    size_t numbers = block->rows * block->inputs;
    double *low = nearest->reach, *high = nearest->reach + block->rows;
    float *ends = mem_zero(numbers, sizeof *ends);
    bool *broken = mem_zero(block->rows, sizeof *broken);
    strata_status status = STRATA_OK;
    if (!ends || !broken) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to attack %zu rows", block->rows));
    memcpy(ends, nearest->points, numbers * sizeof *ends);
    nearest->count = 0;
    for (size_t r = 0; r < block->rows; ++r) {
        if (done(nearest, r) || isinf(nearest->distances[r])) continue;
        low[nearest->count] = 0;
        high[nearest->count] = 1;
        nearest->labels[nearest->count] = block->labels[r];
        nearest->rows[nearest->count++] = (uint32_t)r;
    }
    for (int i = 0; i < HALVINGS && nearest->count > 0; ++i) {
        place(nearest, ends, low, high);
        STRATA_GO(nearest_look(ctx, nearest, broken));
        for (size_t k = 0; k < nearest->count; ++k) *(broken[k] ? &high[k] : &low[k]) = 0.5 * (low[k] + high[k]);
    }
cleanup:
    mem_free(ends);
    mem_free(broken);
    return status;
}
