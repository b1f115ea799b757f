/* SPDX-License-Identifier: MIT */
/*
 * The dense-block target:
 *     G_0 = x,   G_1 = (x∘x - 1)/√2,   G_l = (Σ_{j in J_l} W_{l,j} G_j)²,   y = Σ_{l>=2} α_l 1ᵀG_l
 * W_{l,j} has orthonormal rows over √|J_l|, so that every layer's input keeps the scale of one term;
 * α_l = gap^(l-2) / sd(1ᵀG_l). teacher.links chooses J_l. Source: Allen-Zhu & Li 2020, sec. 2.
 */
#include <math.h>
#include <string.h>

#include "data/teacher_net.h"

/* J_l of a value of teacher.links; `below` is always read. */
struct links {
    const char *name;
    bool x, square;
};
static const struct links links_table[] = {
    {"below", false, false},
    {"below_and_x", true, false},
    {"below_and_inputs", true, true},
};

static const struct links *links_find(const char *name) {
    const struct links *links = links_table;
    while (strcmp(links->name, name)) ++links;
    return links;
}

static strata_status densenet_create(strata_context *ctx, const struct settings *settings, uint64_t seed,
                                     uint64_t replicate, struct teacher_net *net) {
    size_t width = settings_count(settings, "teacher.width"), d = net->dimension;
    const struct links *links = links_find(settings_text(settings, "teacher.links"));
    net->depth = settings_count(settings, "teacher.depth");
    net->first = 2;
    if (net->depth < 2)
        return strata_fail(
            ctx, STRATA_ERR_CONFIG,
            "teacher.depth: expected at least 2 for teacher.kind = densenet (its target begins at layer 2), got %zu",
            net->depth);
    if (width > d)
        return strata_fail(
            ctx, STRATA_ERR_CONFIG,
            "teacher.width: expected at most data.dimension = %zu (layers have orthonormal rows), got %zu", d, width);
    for (size_t l = 2; l <= net->depth; ++l) {
        struct teacher_level *level = &net->levels[l];
        bool square = l == 2 || links->square, below = l > 2;
        double factor = 1 / sqrt((double)links->x + (double)square + (double)below);
        level->width = width;
        STRATA_TRY(teacher_output_ones(ctx, level));
        if (links->x)
            STRATA_TRY(teacher_weights_draw(ctx, seed, replicate, l, TEACHER_FROM_X, width, d, factor, &level->from_x));
        if (square)
            STRATA_TRY(teacher_weights_draw(ctx, seed, replicate, l, TEACHER_FROM_SQUARE, width, d, factor,
                                            &level->from_square));
        if (below)
            STRATA_TRY(teacher_weights_draw(ctx, seed, replicate, l, TEACHER_FROM_BELOW, width, width, factor,
                                            &level->from_below));
    }
    return STRATA_OK;
}

const struct teacher_class teacher_densenet = {
    .name = "densenet",
    .summary = "the dense block of Allen-Zhu & Li: layers read the input, its squares and the layer below",
    .create = densenet_create,
};
