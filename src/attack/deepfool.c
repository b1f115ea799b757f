/* SPDX-License-Identifier: MIT */
/*
 * DeepFool in l2: moves step by step onto the nearest linearised boundary, by (|f_i - f_y| + 1e-4) w / |w|^2 with
 * w = grad(f_i - f_y), and looks a little past it, until the class changes. The way from x is then bisected for its
 * first point that breaks: the distance is an upper bound. Source: Moosavi-Dezfooli et al. 2016.
 */
#include <math.h>

#include "attack/nearest.h"
#include "core/memory.h"

enum { STEPS = 50 };
static const double OVERSHOOT = 1.02, MARGIN = 1e-4;

/* `way` [inputs]: the sum of the moves; at = x + overshoot * way, in the box. */
static void step_row(const struct nearest *nearest, size_t i, double *way) {
    const struct attack_block *block = nearest->block;
    size_t d = block->inputs;
    const float *x = block->x + nearest->rows[i] * d, *gradient = nearest->gradients + i * d;
    double square = 0;
    for (size_t j = 0; j < d; ++j) square += (double)gradient[j] * (double)gradient[j];
    double share = square > 0 ? (fabs(nearest->values[i]) + MARGIN) / square : 0;
    for (size_t j = 0; j < d; ++j) {
        way[j] += share * (double)gradient[j];
        double point = (double)x[j] + OVERSHOOT * way[j];
        nearest->at[i * d + j] = (float)fmin(fmax(point, block->target->low), block->target->high);
    }
}

static strata_status deepfool_attack(strata_context *ctx, const struct attack_block *block, float *points) {
    size_t d = block->inputs;
    struct nearest nearest;
    STRATA_TRY(nearest_create(ctx, block, points, &nearest));
    double *ways = mem_zero(block->rows * d, sizeof *ways); /* by row of the block */
    bool *broken = mem_zero(block->rows, sizeof *broken);
    strata_status status = STRATA_OK;
    if (!ways || !broken) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to attack %zu rows", block->rows));
    for (int step = 0; step < STEPS && nearest.count > 0; ++step) {
        STRATA_GO(nearest_boundary(ctx, &nearest, 0, nearest.aims));
        for (size_t i = 0; i < nearest.count; ++i) step_row(&nearest, i, ways + nearest.rows[i] * d);
        STRATA_GO(nearest_look(ctx, &nearest, broken));
        nearest_leave(&nearest, broken);
    }
    STRATA_GO(nearest_pull_back(ctx, &nearest));
cleanup:
    mem_free(ways);
    mem_free(broken);
    nearest_destroy(&nearest);
    return status;
}

const struct attack_class attack_deepfool = {
    .name = "deepfool",
    .title = "DeepFool",
    .summary = "steps onto the nearest linearised boundary until the class changes (Moosavi-Dezfooli et al. 2016)",
    .norms = ATTACK_L2,
    .least_classes = 2,
    .gradient = true,
    .minimal = true,
    .attack = deepfool_attack,
};
