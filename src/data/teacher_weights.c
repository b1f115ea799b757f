/* SPDX-License-Identifier: MIT */
/* Weights of teachers: orthonormal rows from addressed Gaussian draws. */
#include "core/memory.h"
#include "core/rng.h"
#include "data/teacher_net.h"
#include "linalg/linalg.h"

strata_status teacher_weights_create(strata_context *ctx, size_t count, struct teacher_weights *weights) {
    weights->f64 = mem_zero(count, sizeof(double));
    weights->f32 = mem_zero(count, sizeof(float));
    if (weights->f64 && weights->f32) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu teacher weights", count);
}

void teacher_weights_round(struct teacher_weights *weights, size_t count) {
    for (size_t i = 0; i < count; ++i) weights->f32[i] = (float)weights->f64[i];
}

strata_status teacher_weights_draw(strata_context *ctx, uint64_t seed, uint64_t replicate, size_t layer,
                                   enum teacher_role role, size_t rows, size_t columns, double factor,
                                   struct teacher_weights *weights) {
    STRATA_TRY(teacher_weights_create(ctx, rows * columns, weights));
    struct rng_stream stream = rng_stream_at(rng_stream_make(seed, replicate, RNG_TEACHER), layer);
    rng_normal_f64(rng_stream_sub(stream, role), rows * columns, weights->f64);
    STRATA_TRY(linalg_orthonormal_rows(ctx, rows, columns, weights->f64));
    for (size_t i = 0; i < rows * columns; ++i) weights->f64[i] *= factor;
    teacher_weights_round(weights, rows * columns);
    return STRATA_OK;
}

strata_status teacher_output_ones(strata_context *ctx, struct teacher_level *level) {
    STRATA_TRY(teacher_weights_create(ctx, level->width, &level->output));
    for (size_t i = 0; i < level->width; ++i) level->output.f64[i] = 1;
    teacher_weights_round(&level->output, level->width);
    return STRATA_OK;
}

static void weights_destroy(struct teacher_weights *weights) {
    mem_free(weights->f64);
    mem_free(weights->f32);
    *weights = (struct teacher_weights){0};
}

void teacher_net_destroy(struct teacher_net *net) {
    for (size_t l = 0; l <= TEACHER_MAX_DEPTH; ++l) {
        struct teacher_level *level = &net->levels[l];
        weights_destroy(&level->from_x);
        weights_destroy(&level->from_square);
        weights_destroy(&level->from_below);
        weights_destroy(&level->output);
    }
}
