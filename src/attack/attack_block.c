/* SPDX-License-Identifier: MIT */
/* What attacks ask of the function in a block of rows, and the steps and tries that they share. */
#include <math.h>
#include <string.h>

#include "attack/attack.h"
#include "core/memory.h"

enum { PIECE = 64 }; /* numbers of a row on the stack */

strata_status attack_evaluate(strata_context *ctx, const struct attack_block *block, size_t rows, const float *points,
                              float *out) {
    if (context_cancelled(ctx)) return strata_fail(ctx, STRATA_ERR_INTERRUPTED, "attack stopped");
    block->counts->evaluations += rows;
    return strata_function_evaluate(ctx, block->function, rows, points, out);
}

static bool all_finite(size_t count, const float *values) {
    for (size_t i = 0; i < count; ++i)
        if (!isfinite(values[i])) return false;
    return true;
}

static bool all_zero(size_t count, const float *values) {
    for (size_t i = 0; i < count; ++i)
        if (values[i] != 0) return false;
    return true;
}

/* Zero and wild gradients are counted; what is left is safe to step along. */
static void inspect_gradients(const struct attack_block *block, size_t rows, float *gradients) {
    for (size_t r = 0; r < rows; ++r) {
        float *row = gradients + r * block->inputs;
        bool wild = !all_finite(block->inputs, row);
        if (wild) memset(row, 0, block->inputs * sizeof *row);
        block->counts->wild_gradients += wild;
        block->counts->zero_gradients += !wild && all_zero(block->inputs, row);
    }
}

/* Losses of rows as their outputs come in. */
struct loss_job {
    const struct attack_loss *loss;
    size_t outputs;
    const uint32_t *labels, *aims;
    double *losses;
};

static void seed_rows(void *user, size_t first, size_t rows, const float *out, float *seed) {
    const struct loss_job *self = user;
    for (size_t r = 0; r < rows; ++r)
        self->losses[first + r] = self->loss->value(self->outputs, out + r * self->outputs, self->labels[first + r],
                                                    self->aims ? self->aims[first + r] : 0, seed + r * self->outputs);
}

strata_status attack_gradient(strata_context *ctx, const struct attack_block *block, const struct attack_loss *loss,
                              size_t rows, const float *points, const uint32_t *labels, const uint32_t *aims,
                              double *losses, float *gradients, float *out) {
    struct loss_job self = {loss, block->outputs, labels, aims, losses};
    if (context_cancelled(ctx)) return strata_fail(ctx, STRATA_ERR_INTERRUPTED, "attack stopped");
    block->counts->gradients += rows;
    STRATA_TRY(strata_function_pull(ctx, block->function, rows, points, seed_rows, &self, out, gradients));
    inspect_gradients(block, rows, gradients);
    return STRATA_OK;
}

void attack_step(const struct attack_block *block, const float *x, const float *gradient, double length, float *point) {
    const struct attack_norm *norm = block->options->norm;
    float direction[PIECE]; /* l-infinity goes by pieces; l2 needs the whole row's length */
    if (norm->kind == ATTACK_LINF)
        for (size_t begin = 0; begin < block->inputs; begin += PIECE) {
            size_t count = block->inputs - begin < PIECE ? block->inputs - begin : PIECE;
            norm->steepest(count, gradient + begin, direction);
            for (size_t j = 0; j < count; ++j) point[begin + j] += (float)length * direction[j];
        }
    else {
        double size = norm->length(block->inputs, gradient);
        for (size_t j = 0; size > 0 && j < block->inputs; ++j)
            point[j] += (float)(length * ((double)gradient[j] / size));
    }
    norm->project(block->inputs, x, block->options->epsilon, block->target->low, block->target->high, point);
}

strata_status attack_worst_of(strata_context *ctx, const struct attack_block *block, size_t tries, attack_try propose,
                              float *points) {
    size_t rows = block->rows, d = block->inputs;
    float *tried = mem_zero(rows * d, sizeof *tried), *out = mem_zero(rows * block->outputs, sizeof *out);
    double *best = mem_zero(rows, sizeof *best);
    strata_status status = STRATA_OK;
    if (!tried || !out || !best) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to attack %zu rows", rows));
    for (size_t r = 0; r < rows; ++r) best[r] = -INFINITY;
    for (size_t number = 0; number < tries; ++number) {
        propose(block, number, tried);
        STRATA_GO(attack_evaluate(ctx, block, rows, tried, out));
        for (size_t r = 0; r < rows; ++r) {
            double loss = attack_loss_margin.value(block->outputs, out + r * block->outputs, block->labels[r], 0, NULL);
            if (!(loss > best[r])) continue;
            best[r] = loss;
            memcpy(points + r * d, tried + r * d, d * sizeof *points);
        }
    }
cleanup:
    mem_free(tried);
    mem_free(out);
    mem_free(best);
    return status;
}

struct rng_stream attack_stream(const struct attack_block *block, size_t row, uint64_t purpose) {
    return rng_stream_sub(rng_stream_at(block->options->stream, block->ids[row]), purpose);
}
