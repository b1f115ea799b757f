/* SPDX-License-Identifier: MIT */
/*
 * One gradient step of the whole radius: FGM in l2, FGSM in l-infinity (Goodfellow et al. 2015); its randomly started
 * forms R+FGSM (Tramer et al. 2018) and FGSM-RS (Wong et al. 2020); and random points on the sphere, the floor that
 * every attack should be above.
 */
#include "attack/attack.h"
#include "core/memory.h"

enum { RANDOM_DRAWS = 20 };

/* One step from `points`, which are in the ball. */
static strata_status one_step(strata_context *ctx, const struct attack_block *block, double share, float *points) {
    size_t rows = block->rows, d = block->inputs;
    float *gradients = mem_zero(rows * d, sizeof *gradients);
    double *losses = mem_zero(rows, sizeof *losses);
    strata_status status = STRATA_OK;
    if (!gradients || !losses) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to attack %zu rows", rows));
    STRATA_GO(attack_gradient(ctx, block, &attack_loss_cross_entropy, rows, points, block->labels, NULL, losses,
                              gradients, NULL));
    for (size_t r = 0; r < rows; ++r)
        attack_step(block, block->x + r * d, gradients + r * d, share * block->options->epsilon, points + r * d);
cleanup:
    mem_free(gradients);
    mem_free(losses);
    return status;
}

static strata_status fgm_attack(strata_context *ctx, const struct attack_block *block, float *points) {
    return one_step(ctx, block, 1, points);
}

/* points = x + share * epsilon * draw, projected. */
static void move_randomly(const struct attack_block *block, bool sphere, double share, uint64_t purpose,
                          float *points) {
    const struct attack_norm *norm = block->options->norm;
    for (size_t r = 0; r < block->rows; ++r) {
        const float *x = block->x + r * block->inputs;
        float *point = points + r * block->inputs;
        struct rng_stream stream = attack_stream(block, r, purpose);
        if (sphere)
            norm->random_on_sphere(stream, block->inputs, point);
        else
            norm->random_in_ball(stream, block->inputs, point);
        for (size_t j = 0; j < block->inputs; ++j)
            point[j] = x[j] + (float)(share * block->options->epsilon) * point[j];
        norm->project(block->inputs, x, block->options->epsilon, block->target->low, block->target->high, point);
    }
}

static strata_status r_fgsm_attack(strata_context *ctx, const struct attack_block *block, float *points) {
    move_randomly(block, true, 0.5, 1, points);
    return one_step(ctx, block, 0.5, points);
}

static strata_status fgsm_rs_attack(strata_context *ctx, const struct attack_block *block, float *points) {
    move_randomly(block, false, 1, 2, points);
    return one_step(ctx, block, 1.25, points);
}

static void draw_on_sphere(const struct attack_block *block, size_t number, float *points) {
    move_randomly(block, true, 1, 16 + number, points);
}

static strata_status random_attack(strata_context *ctx, const struct attack_block *block, float *points) {
    return attack_worst_of(ctx, block, RANDOM_DRAWS, draw_on_sphere, points);
}

#define BOTH_NORMS ATTACK_L2 | ATTACK_LINF

const struct attack_class attack_fgm = {
    .name = "fgm",
    .title = "FGM",
    .summary = "one gradient step of the whole radius: FGM (l2), FGSM (linf) (Goodfellow et al. 2015)",
    .norms = BOTH_NORMS,
    .least_classes = 2,
    .gradient = true,
    .attack = fgm_attack,
};

const struct attack_class attack_r_fgsm = {
    .name = "r_fgsm",
    .title = "R+FGSM",
    .summary = "half the radius at random, half along the gradient (Tramer et al. 2018)",
    .norms = BOTH_NORMS,
    .least_classes = 2,
    .gradient = true,
    .attack = r_fgsm_attack,
};

const struct attack_class attack_fgsm_rs = {
    .name = "fgsm_rs",
    .title = "FGSM-RS",
    .summary = "a uniform start, then one step of 1.25 radii, projected (Wong et al. 2020)",
    .norms = BOTH_NORMS,
    .least_classes = 2,
    .gradient = true,
    .attack = fgsm_rs_attack,
};

const struct attack_class attack_random = {
    .name = "random",
    .title = "random points",
    .summary = "the worst of 20 random points on the sphere: a floor",
    .norms = BOTH_NORMS,
    .least_classes = 2,
    .attack = random_attack,
};
