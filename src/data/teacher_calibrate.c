/* SPDX-License-Identifier: MIT */
/*
 * A teacher's constants from a fixed sample, one layer after the other (the standardisation of G_l needs
 * all of G_{l-1}): the raw G of the current layer is kept for the whole sample, inputs are drawn again
 * for each layer, since they are addressed.
 */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "data/teacher_net.h"

enum {
    ROWS = TEACHER_CALIBRATION_ROWS,
    LANES = TEACHER_LANES,
    CHUNK = 10 * LANES, /* rows drawn at once */
};
_Static_assert(ROWS % CHUNK == 0, "the sample is a whole number of chunks");

struct scratch {
    float *drawn;  /* [CHUNK, dimension] */
    double *x;     /* [LANES, dimension] */
    double *state; /* [ROWS / LANES, widest, LANES]: raw G of the layer */
    double *sums;  /* [depth + 1, ROWS]: oᵀG_l */
    size_t widest;
};

static void scratch_destroy(struct scratch *scratch) {
    mem_free(scratch->drawn);
    mem_free(scratch->x);
    mem_free(scratch->state);
    mem_free(scratch->sums);
}

static strata_status scratch_create(strata_context *ctx, const struct teacher_net *net, struct scratch *scratch) {
    size_t widest = 1;
    for (size_t l = net->first; l <= net->depth; ++l)
        if (net->levels[l].width > widest) widest = net->levels[l].width;
    *scratch = (struct scratch){
        .drawn = mem_alloc(CHUNK * net->dimension * sizeof(float)),
        .x = mem_alloc(LANES * net->dimension * sizeof(double)),
        .state = mem_alloc(ROWS * widest * sizeof(double)),
        .sums = mem_alloc((net->depth + 1) * ROWS * sizeof(double)),
        .widest = widest,
    };
    if (scratch->drawn && scratch->x && scratch->state && scratch->sums) return STRATA_OK;
    scratch_destroy(scratch);
    return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to calibrate a teacher on %d samples", (int)ROWS);
}

/* Adds a block's G to the running sums of G and G^2. */
static void add_moments(size_t width, const double *g, double *first, double *second) {
    for (size_t i = 0; i < width; ++i) {
        double sum = 0, squares = 0;
        for (size_t r = 0; r < LANES; ++r) {
            double value = g[i * LANES + r];
            sum += value;
            squares += value * value;
        }
        first[i] += sum;
        second[i] += squares;
    }
}

static strata_status calibrate_level(strata_context *ctx, struct teacher_net *net, size_t l, teacher_sampler sample,
                                     const void *user, const struct scratch *scratch) {
    struct teacher_level *level = &net->levels[l];
    double first[TEACHER_MAX_WIDTH] = {0}, second[TEACHER_MAX_WIDTH] = {0};
    for (size_t row = 0; row < ROWS; row += LANES) {
        if (row % CHUNK == 0) {
            if (context_cancelled(ctx))
                return strata_fail(ctx, STRATA_ERR_INTERRUPTED, "stopped while calibrating a teacher");
            sample(user, row, CHUNK, scratch->drawn);
        }
        const float *drawn = scratch->drawn + row % CHUNK * net->dimension;
        for (size_t i = 0; i < LANES * net->dimension; ++i) scratch->x[i] = (double)drawn[i];
        double *state = scratch->state + row * scratch->widest;
        teacher_net_level(net, l, scratch->x, state, scratch->sums + l * ROWS + row);
        add_moments(level->width, state, first, second);
    }
    for (size_t i = 0; i < level->width; ++i) {
        double mean = first[i] / ROWS, variance = second[i] / ROWS - mean * mean;
        if (!isfinite(variance))
            return strata_fail(ctx, STRATA_ERR_CONFIG,
                               "teacher layer %zu, unit %zu: not finite on the calibration sample", l, i + 1);
        if (net->standardised && l < net->depth && !(variance > 1e-12 * mean * mean))
            return strata_fail(ctx, STRATA_ERR_CONFIG,
                               "teacher layer %zu, unit %zu: constant (mean %g) on the calibration sample", l, i + 1,
                               mean);
        level->mean[i] = mean;
        level->sd[i] = sqrt(fmax(variance, 0));
        level->shift[i] = net->standardised ? mean : 0;
        level->scale[i] = net->standardised ? 1 / level->sd[i] : 1;
    }
    return STRATA_OK;
}

static void mean_sd(const double *values, double *mean, double *sd) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < ROWS; ++i) sum += values[i];
    *mean = sum / ROWS;
    for (size_t i = 0; i < ROWS; ++i) squares += (values[i] - *mean) * (values[i] - *mean);
    *sd = sqrt(squares / ROWS);
}

/* Coefficients such that y = Σ_l coefficient_l oᵀG_l - offset has mean 0 and sd 1. */
static strata_status combine_levels(strata_context *ctx, struct teacher_net *net, double gap, bool drop_upper,
                                    const double *sums, double *values) {
    memset(values, 0, ROWS * sizeof *values);
    double means[TEACHER_MAX_DEPTH + 1] = {0}, mean, sd;
    for (size_t l = net->first; l <= net->depth; ++l) {
        mean_sd(sums + l * ROWS, &means[l], &sd);
        if (!(sd > 1e-12 * fabs(means[l])) || !isfinite(sd))
            return strata_fail(ctx, STRATA_ERR_CONFIG,
                               "teacher layer %zu: its sum has mean %g and sd %g on the calibration sample; expected a "
                               "finite, positive sd",
                               l, means[l], sd);
        double factor = l == net->first ? 1 : drop_upper ? 0 : pow(gap, (double)(l - net->first));
        net->levels[l].coefficient = factor / sd;
        if (factor != 0) net->used = l;
        for (size_t i = 0; i < ROWS && factor != 0; ++i)
            values[i] += net->levels[l].coefficient * (sums[l * ROWS + i] - means[l]);
    }
    mean_sd(values, &mean, &sd);
    net->offset = 0;
    for (size_t l = net->first; l <= net->depth; ++l) {
        net->levels[l].coefficient /= sd;
        net->offset += net->levels[l].coefficient * means[l];
    }
    for (size_t i = 0; i < ROWS; ++i) values[i] /= sd;
    return STRATA_OK;
}

strata_status teacher_net_calibrate(strata_context *ctx, struct teacher_net *net, double gap, bool drop_upper,
                                    teacher_sampler sample, const void *user, double *values) {
    struct scratch scratch;
    STRATA_TRY(scratch_create(ctx, net, &scratch));
    strata_status status = STRATA_OK;
    for (size_t l = net->first; l <= net->depth; ++l) STRATA_GO(calibrate_level(ctx, net, l, sample, user, &scratch));
    STRATA_GO(combine_levels(ctx, net, gap, drop_upper, scratch.sums, values));
cleanup:
    scratch_destroy(&scratch);
    return status;
}
