/* SPDX-License-Identifier: MIT */
/*
 * The attacks themselves on models whose answer is known: a linear function at distance |<w, x> + b| / |w|_q breaks at
 * exactly that radius, q = 2 for l2 and 1 for l-infinity.
 */
#include <math.h>

#include "core/memory.h"
#include "studies/purify/purify.h"

enum { ROWS = 64, HALVINGS = 24 };
static const double DISTANCE = 0.5, RANGE = 0.1; /* of every row; share of it in which the radius is looked for */

struct linear_model {
    size_t inputs;
    float *weights, offset;
    float slope_sign; /* -1: the derivative points the wrong way */
};

static strata_status evaluate(strata_context *ctx, void *user, size_t rows, const float *x, float *out) {
    const struct linear_model *model = user;
    (void)ctx;
    for (size_t r = 0; r < rows; ++r) {
        double value = (double)model->offset;
        for (size_t j = 0; j < model->inputs; ++j)
            value += (double)model->weights[j] * (double)x[r * model->inputs + j];
        out[r] = (float)value;
    }
    return STRATA_OK;
}

static strata_status vjp(strata_context *ctx, void *user, size_t rows, const float *x, const float *seed, float *out,
                         float *gradient) {
    const struct linear_model *model = user;
    if (out) STRATA_TRY(evaluate(ctx, user, rows, x, out));
    for (size_t r = 0; r < rows; ++r)
        for (size_t j = 0; j < model->inputs; ++j)
            gradient[r * model->inputs + j] = seed[r] * model->slope_sign * model->weights[j];
    return STRATA_OK;
}

/* Rows at the distance of the norm from the boundary, on the side of their label. */
static void place_rows(struct linear_model *model, const struct attack_norm *norm, struct rng_stream stream, float *x,
                       uint32_t *labels) {
    size_t d = model->inputs;
    bool cube = norm->kind == ATTACK_LINF;
    double square = 0, dual = 0;
    for (size_t j = 0; j < d; ++j) {
        square += (double)model->weights[j] * (double)model->weights[j];
        dual += fabs((double)model->weights[j]);
    }
    if (!cube) dual = sqrt(square);
    for (size_t r = 0; r < ROWS; ++r) {
        float value;
        rng_normal_f32(rng_stream_at(stream, r), d, x + r * d);
        labels[r] = r % 2;
        (void)evaluate(NULL, model, 1, x + r * d, &value);
        double shift = ((labels[r] ? DISTANCE : -DISTANCE) * dual - (double)value) / square;
        for (size_t j = 0; j < d; ++j) x[r * d + j] += (float)(shift * (double)model->weights[j]);
    }
}

/* Rows that the attack breaks at a radius. */
static strata_status broken_at(strata_context *ctx, const struct attack_class *attack,
                               const struct attack_target *target, struct attack_options *options, double radius,
                               const struct attack_rows *rows, float *points, size_t *broken) {
    bool alive[ROWS];
    struct attack_result result;
    for (size_t r = 0; r < ROWS; ++r) alive[r] = true;
    options->epsilon = radius;
    STRATA_TRY(attack_run(ctx, attack, target, options, rows, alive, points, &result));
    *broken = result.broken;
    return STRATA_OK;
}

/* Relative distance from the truth of the least radius that breaks more than `more` rows; 1 when it is out of range. */
static strata_status radius_error(strata_context *ctx, const struct attack_class *attack,
                                  const struct attack_target *target, struct attack_options *options,
                                  const struct attack_rows *rows, size_t more, float *points, double *error) {
    double low = DISTANCE * (1 - RANGE), high = DISTANCE * (1 + RANGE);
    size_t below, above;
    STRATA_TRY(broken_at(ctx, attack, target, options, low, rows, points, &below));
    STRATA_TRY(broken_at(ctx, attack, target, options, high, rows, points, &above));
    *error = 1;
    if (below > more || above <= more) return STRATA_OK;
    for (int i = 0; i < HALVINGS; ++i) {
        double middle = (low + high) / 2;
        STRATA_TRY(broken_at(ctx, attack, target, options, middle, rows, points, &above));
        if (above > more)
            high = middle;
        else
            low = middle;
    }
    *error = fabs(high / DISTANCE - 1);
    return STRATA_OK;
}

static strata_status worst_error(strata_context *ctx, struct task_run *run, struct linear_model *model, bool all,
                                 float *x, float *points, double *worst) {
    static const char *const names[] = {"fgm", "pgd", "apgd_ce"};
    struct rng_stream stream = task_run_stream(run, RNG_ATTACK);
    const strata_function function = {
        .user = model, .inputs = model->inputs, .outputs = 1, .evaluate = evaluate, .vjp = vjp};
    const struct attack_target target = {.functions = &function, .classes = 2, .low = -INFINITY, .high = INFINITY};
    uint32_t labels[ROWS];
    *worst = 0;
    for (size_t n = 0; n < attack_norm_table_size; ++n) {
        const struct attack_rows rows = {.rows = ROWS, .x = x, .labels = labels};
        struct attack_options options = attack_options_default(attack_norm_table[n], DISTANCE);
        options.stream = rng_stream_sub(stream, n);
        place_rows(model, attack_norm_table[n], rng_stream_sub(stream, 100 + n), x, labels);
        for (size_t a = 0; a < (all ? sizeof names / sizeof *names : 1); ++a)
            for (size_t more = 0; more < ROWS; more += ROWS - 1) { /* the first row to break, and the last */
                double error;
                STRATA_TRY(radius_error(ctx, attack_find(names[a]), &target, &options, &rows, more, points, &error));
                if (error > *worst) *worst = error;
            }
    }
    return STRATA_OK;
}

strata_status purify_run_exact(strata_context *ctx, struct task_run *run) {
    const struct settings *settings = task_run_settings(run);
    size_t d = settings_count(settings, "data.dimension");
    float *x = mem_zero(ROWS * d, sizeof *x), *points = mem_zero(ROWS * d, sizeof *points);
    struct linear_model model = {.inputs = d, .slope_sign = 1, .weights = mem_zero(d, sizeof(float))};
    double error;
    strata_status status = STRATA_OK;
    if (!x || !points || !model.weights) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %d rows", ROWS));
    rng_normal_f32(task_run_stream(run, RNG_TEACHER), d, model.weights);
    model.offset = 0.3f;
    STRATA_GO(worst_error(ctx, run, &model, true, x, points, &error));
    STRATA_GO(task_record(ctx, run, "error", error));
    model.slope_sign = -1;
    STRATA_GO(worst_error(ctx, run, &model, false, x, points, &error));
    STRATA_GO(task_record(ctx, run, "error_flipped", error));
cleanup:
    mem_free(x);
    mem_free(points);
    mem_free(model.weights);
    return status;
}
