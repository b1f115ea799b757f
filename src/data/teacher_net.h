/* SPDX-License-Identifier: MIT */
/*
 * The one form every teacher takes: quadratic layers
 *
 *     h_l = A_l x + B_l (x∘x - 1)/√2 + C_l (G_{l-1} - c_{l-1}) / s_{l-1},   G_l = h_l∘h_l,   l = first..depth
 *     y   = Σ_l coefficient_l oᵀG_l - offset
 *
 * A kind of teacher (teacher_chain.c, ...) only fills in the weights; evaluation and calibration are shared.
 */
#ifndef DATA_TEACHER_NET_H
#define DATA_TEACHER_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/settings.h"
#include "core/status.h"

enum {
    TEACHER_MAX_DEPTH = 6, /* degree 64: beyond it the moments of y leave what doubles and 200,000 draws can hold */
    TEACHER_MAX_WIDTH = 64,
    TEACHER_LANES = 32 /* rows evaluated together; a multiple of every vector length */
};

/** Weights in both precisions, row-major; `f64` NULL: that source is not read. */
struct teacher_weights {
    double *f64;
    float *f32;
};

struct teacher_level {
    size_t width;
    struct teacher_weights from_x;      /* A [width, dimension] */
    struct teacher_weights from_square; /* B [width, dimension] */
    struct teacher_weights from_below;  /* C [width, width below] */
    struct teacher_weights output;      /* o [width] */
    /* Filled by calibration: moments of G, and (G - shift) * scale as the level above sees it. */
    double mean[TEACHER_MAX_WIDTH], sd[TEACHER_MAX_WIDTH];
    double shift[TEACHER_MAX_WIDTH], scale[TEACHER_MAX_WIDTH];
    double coefficient;
};

struct teacher_net {
    size_t dimension, depth;
    size_t first;      /* first layer with weights: 2 where layer 1 is (x∘x - 1)/√2, else 1 */
    bool standardised; /* c, s are the moments of G (else 0 and 1) */
    size_t used;       /* last layer with a coefficient: the target needs no other */
    double offset;
    struct teacher_level levels[TEACHER_MAX_DEPTH + 1]; /* [first..depth] in use */
};

struct teacher_class {
    const char *name, *summary;
    /** Fills dimension, depth, first, standardised and the weights; on failure the caller destroys the net. */
    strata_status (*create)(strata_context *ctx, const struct settings *settings, uint64_t seed, uint64_t replicate,
                            struct teacher_net *net);
};

extern const struct teacher_class teacher_chain, teacher_densenet, teacher_matrix;

/* ---- weights ---- */

/** What a weight matrix is for: part of the address of its stream. */
enum teacher_role { TEACHER_FROM_BELOW = 0, TEACHER_FROM_X = 1, TEACHER_FROM_SQUARE = 2 };

/** Room for `count` numbers in both precisions, zero. */
STRATA_MUST_USE strata_status teacher_weights_create(strata_context *ctx, size_t count,
                                                     struct teacher_weights *weights);

/** Copies f64 to f32, after f64 was filled. */
void teacher_weights_round(struct teacher_weights *weights, size_t count);

/**
 * [rows, columns] with orthonormal rows (rows <= columns), times `factor`, from
 * (seed, replicate, RNG_TEACHER, layer, role).
 */
STRATA_MUST_USE strata_status teacher_weights_draw(strata_context *ctx, uint64_t seed, uint64_t replicate, size_t layer,
                                                   enum teacher_role role, size_t rows, size_t columns, double factor,
                                                   struct teacher_weights *weights);

/** Layer `layer` of a chain: width and all weights, drawn. */
STRATA_MUST_USE strata_status teacher_level_draw(strata_context *ctx, const struct settings *settings, uint64_t seed,
                                                 uint64_t replicate, size_t layer, size_t width,
                                                 struct teacher_net *net);

/** Output weights of ones. */
STRATA_MUST_USE strata_status teacher_output_ones(strata_context *ctx, struct teacher_level *level);

void teacher_net_destroy(struct teacher_net *net);

/* ---- evaluation: row by row the same bits whatever `rows` is ---- */

void teacher_net_values_f32(const struct teacher_net *net, size_t rows, const float *x, float *y);
void teacher_net_values_f64(const struct teacher_net *net, size_t rows, const double *x, double *y);
void teacher_net_features(const struct teacher_net *net, size_t layer, size_t rows, const double *x, double *features);

/**
 * One level alone, for calibration, on TEACHER_LANES rows: reads the raw G of the level below in `state`
 * [width below, LANES] and leaves its own there (room for TEACHER_MAX_WIDTH rows).
 *
 * @param x     [TEACHER_LANES, dimension].
 * @param sums  [LANES] out: oᵀG.
 */
void teacher_net_level(const struct teacher_net *net, size_t layer, const double *x, double *state, double *sums);

/* ---- calibration ---- */

enum { TEACHER_CALIBRATION_ROWS = 200000 };

/** Draws rows first..first+rows-1 of the calibration sample: [rows, dimension]. */
typedef void (*teacher_sampler)(const void *user, uint64_t first, size_t rows, float *x);

/**
 * Fills moments, coefficients, offset and `used` from the calibration sample.
 *
 * @param gap         factor from one level's term to the next; 0^0 = 1.
 * @param drop_upper  only the first level's term is kept in y.
 * @param values      [TEACHER_CALIBRATION_ROWS] out: y on the sample.
 * Errors: ERR_CONFIG when a unit that others read, or a level's sum, is constant or not finite.
 */
STRATA_MUST_USE strata_status teacher_net_calibrate(strata_context *ctx, struct teacher_net *net, double gap,
                                                    bool drop_upper, teacher_sampler sample, const void *user,
                                                    double *values);

struct teacher;

/** The calibrated net, for tests and proofs. */
const struct teacher_net *teacher_net_of(const struct teacher *teacher);

#endif
