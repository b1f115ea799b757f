/* SPDX-License-Identifier: MIT */
/*
 * The chain of quadratic layers, degree 2^depth:
 *     h_1 = W x,   h_l = U_l (G_{l-1} - c_{l-1}) / s_{l-1} + skip V_l x,   G_l = h_l∘h_l
 * with orthonormal rows in W, V_l [width, dimension] and orthogonal U_l [width, width]; c and s are the
 * coordinate-wise mean and sd of G. Source: the information-gap targets of Allen-Zhu & Li 2020.
 */
#include "data/teacher_net.h"

strata_status teacher_level_draw(strata_context *ctx, const struct settings *settings, uint64_t seed,
                                 uint64_t replicate, size_t layer, size_t width, struct teacher_net *net) {
    struct teacher_level *level = &net->levels[layer];
    level->width = width;
    if (width > net->dimension)
        return strata_fail(
            ctx, STRATA_ERR_CONFIG,
            "teacher.width: expected at most data.dimension = %zu (layer %zu has orthonormal rows), got %zu",
            net->dimension, layer, width);
    STRATA_TRY(teacher_output_ones(ctx, level));
    if (layer == 1)
        return teacher_weights_draw(ctx, seed, replicate, layer, TEACHER_FROM_X, width, net->dimension, 1,
                                    &level->from_x);
    STRATA_TRY(teacher_weights_draw(ctx, seed, replicate, layer, TEACHER_FROM_BELOW, width,
                                    net->levels[layer - 1].width, 1, &level->from_below));
    double skip = settings_number(settings, "teacher.skip");
    if (skip == 0) return STRATA_OK;
    return teacher_weights_draw(ctx, seed, replicate, layer, TEACHER_FROM_X, width, net->dimension, skip,
                                &level->from_x);
}

static strata_status chain_create(strata_context *ctx, const struct settings *settings, uint64_t seed,
                                  uint64_t replicate, struct teacher_net *net) {
    net->depth = settings_count(settings, "teacher.depth");
    net->first = 1;
    net->standardised = true;
    for (size_t l = 1; l <= net->depth; ++l)
        STRATA_TRY(
            teacher_level_draw(ctx, settings, seed, replicate, l, settings_count(settings, "teacher.width"), net));
    return STRATA_OK;
}

const struct teacher_class teacher_chain = {
    .name = "chain",
    .summary = "quadratic layers, each standardised and fed by the one below and by the input",
    .create = chain_create,
};
