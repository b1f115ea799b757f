/* SPDX-License-Identifier: MIT */
/*
 * Projected gradient ascent on the cross-entropy: the first start is x itself, the others are uniform in the ball. Rows
 * whose first gradient vanishes (a saturated softmax, a quantised activation) are tried again on the margin. transfer
 * is the same against a surrogate. Source: Madry et al. 2018.
 */
#include <math.h>
#include <string.h>

#include "attack/attack.h"
#include "core/memory.h"

static const uint64_t MARGIN_STARTS = UINT64_C(1) << 32;

static void random_starts(const struct attack_block *block, uint64_t purpose, float *starts) {
    const struct attack_options *options = block->options;
    for (size_t r = 0; r < block->rows; ++r) {
        const float *x = block->x + r * block->inputs;
        float *start = starts + r * block->inputs;
        options->norm->random_in_ball(attack_stream(block, r, purpose), block->inputs, start);
        for (size_t j = 0; j < block->inputs; ++j) start[j] = x[j] + (float)options->epsilon * start[j];
        options->norm->project(block->inputs, x, options->epsilon, block->target->low, block->target->high, start);
    }
}

/* The margin's numbers are not the cross-entropy's: what it finds counts from its own best. */
static strata_status ascend_margin(strata_context *ctx, const struct attack_block *block, const bool *stuck,
                                   const bool *standing, float *starts, double *best, float *points) {
    bool *rows = mem_zero(block->rows, sizeof *rows);
    size_t count = 0;
    if (!rows) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to attack %zu rows", block->rows);
    for (size_t r = 0; r < block->rows; ++r) {
        count += rows[r] = stuck[r] && standing[r];
        if (rows[r]) best[r] = -INFINITY;
    }
    strata_status status = STRATA_OK;
    if (count > 0) {
        random_starts(block, MARGIN_STARTS, starts);
        status = attack_ascend(ctx, block, &attack_loss_margin, NULL, starts, rows, NULL, best, points);
    }
    mem_free(rows);
    return status;
}

static strata_status pgd_attack(strata_context *ctx, const struct attack_block *block, float *points) {
    size_t rows = block->rows;
    float *starts = mem_zero(rows * block->inputs, sizeof *starts);
    bool *standing = mem_zero(rows, sizeof *standing), *stuck = mem_zero(rows, sizeof *stuck);
    double *best = mem_zero(rows, sizeof *best);
    strata_status status = STRATA_OK;
    if (!starts || !standing || !stuck || !best)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to attack %zu rows", rows));
    for (size_t r = 0; r < rows; ++r) standing[r] = true, best[r] = -INFINITY;
    memcpy(starts, block->x, rows * block->inputs * sizeof *starts);
    for (size_t restart = 0; restart < block->options->restarts; ++restart) {
        if (restart > 0) random_starts(block, restart, starts);
        STRATA_GO(attack_ascend(ctx, block, &attack_loss_cross_entropy, NULL, starts, standing,
                                restart == 0 ? stuck : NULL, best, points));
    }
    STRATA_GO(ascend_margin(ctx, block, stuck, standing, starts, best, points));
cleanup:
    mem_free(starts);
    mem_free(standing);
    mem_free(stuck);
    mem_free(best);
    return status;
}

static strata_status transfer_attack(strata_context *ctx, const struct attack_block *block, float *points) {
    struct attack_block other = *block;
    other.function = block->surrogate;
    other.exhaustive = true; /* what breaks the surrogate first need not be what breaks the target */
    return pgd_attack(ctx, &other, points);
}

const struct attack_class attack_pgd = {
    .name = "pgd",
    .title = "PGD",
    .summary = "projected gradient ascent on the cross-entropy with random restarts (Madry et al. 2018)",
    .norms = ATTACK_L2 | ATTACK_LINF,
    .least_classes = 2,
    .gradient = true,
    .attack = pgd_attack,
};

const struct attack_class attack_transfer = {
    .name = "transfer",
    .title = "transfer",
    .summary = "PGD against another network, tried on this one",
    .norms = ATTACK_L2 | ATTACK_LINF,
    .least_classes = 2,
    .surrogate = true,
    .attack = transfer_attack,
};
