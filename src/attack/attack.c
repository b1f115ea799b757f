/* SPDX-License-Identifier: MIT */
/*
 * Running an attack: rows that still stand are dealt out in blocks of a fixed size, a block to a job of the pool. Every
 * random number is addressed by the row, so that no bit depends on which worker takes which block.
 */
#include "attack/attack.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"

enum { BLOCK_ROWS = 64, PIECE = 64 }; /* rows of a job; numbers of a row on the stack */

static const double BALL_SLACK = 1e-5; /* relative: what rounding may add to a perturbation's length */

struct attack_options attack_options_default(const struct attack_norm *norm, double epsilon) {
    return (struct attack_options){.norm = norm,
                                   .epsilon = epsilon,
                                   .steps = 40,
                                   .apgd_steps = 100,
                                   .restarts = 5,
                                   .queries = 5000,
                                   .targets = 9,
                                   .stream = rng_stream_make(1, 1, RNG_ATTACK)};
}

/* ---- checks ---- */

static strata_status check_options(strata_context *ctx, const struct attack_class *class_,
                                   const struct attack_target *target, const struct attack_options *options) {
    if (!(options->epsilon >= 0) || !isfinite(options->epsilon))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "epsilon: expected a finite radius of at least 0, got %g",
                           options->epsilon);
    if (!(class_->norms & options->norm->kind))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "attack %s: expected norm %s, got %s", class_->name,
                           class_->norms & ATTACK_L2 ? "l2" : "linf", options->norm->name);
    if (target->classes < class_->least_classes)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "attack %s: expected at least %zu classes, got %zu", class_->name,
                           class_->least_classes, target->classes);
    if (options->steps == 0 || options->apgd_steps == 0 || options->restarts == 0 || options->queries == 0 ||
        options->targets == 0)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "attack %s: expected at least 1 step, restart, query and target, got %zu, %zu, %zu, %zu",
                           class_->name, options->steps, options->restarts, options->queries, options->targets);
    if (!(target->low < target->high))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "box: expected low below high, got [%g, %g]", target->low,
                           target->high);
    return STRATA_OK;
}

static strata_status check_target(strata_context *ctx, const struct attack_class *class_,
                                  const struct attack_target *target) {
    const strata_function *function = &target->functions[0];
    size_t outputs = target->classes == 2 && function->outputs == 1 ? 1 : target->classes;
    if (target->classes < 2)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "attack %s: expected a classifier, got a function of numbers",
                           class_->name);
    if (function->outputs != outputs)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "attack %s: expected %zu outputs for %zu classes, got %zu",
                           class_->name, outputs, target->classes, function->outputs);
    if (class_->gradient && !function->vjp)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "attack %s: the model has no derivative to its inputs; square does "
                           "without",
                           class_->name);
    if (class_->surrogate && (!target->surrogate || target->surrogate->inputs != function->inputs))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "attack %s: expected a surrogate model of %zu inputs",
                           class_->name, function->inputs);
    return STRATA_OK;
}

static strata_status check_rows(strata_context *ctx, const struct attack_target *target,
                                const struct attack_rows *rows) {
    size_t inputs = target->functions[0].inputs, outside = 0;
    double worst = 0;
    for (size_t r = 0; r < rows->rows; ++r) {
        if (rows->labels[r] >= target->classes)
            return strata_fail(ctx, STRATA_ERR_ARGUMENT, "row %zu: expected a label below %zu, got %u", r + 1,
                               target->classes, (unsigned)rows->labels[r]);
        for (size_t j = 0; j < inputs; ++j) {
            double value = (double)rows->x[r * inputs + j];
            if (!isfinite(value))
                return strata_fail(ctx, STRATA_ERR_ARGUMENT, "row %zu, input %zu: expected a finite number", r + 1,
                                   j + 1);
            double beyond = fmax(target->low - value, value - target->high);
            outside += beyond > 0;
            if (beyond > fmax(target->low - worst, worst - target->high) && beyond > 0) worst = value;
        }
    }
    if (outside == 0) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                       "%zu inputs lie outside the box [%g, %g], the worst at %g: are the data normalised already? "
                       "Normalisation belongs to the model",
                       outside, target->low, target->high, worst);
}

/* ---- jobs ---- */

struct run {
    const struct attack_class *class_;
    const struct attack_target *target;
    const struct attack_options *options;
    const struct attack_rows *rows;
    const uint32_t *standing; /* [count] rows that are attacked */
    size_t count, inputs, outputs;
    const void *shared;
    bool keep_all; /* points are wanted whether they break or not */
    bool *alive;   /* NULL with keep_all */
    float *points;
    strata_context **contexts;    /* [workers] */
    strata_status *statuses;      /* [blocks] */
    strata_context **failed;      /* [blocks] context with the message */
    struct attack_counts *counts; /* [blocks] */
};

struct buffers {
    float *x, *points, *out;
    uint32_t *labels;
    uint64_t *ids;
};

static void buffers_destroy(struct buffers *buffers) {
    mem_free(buffers->x);
    mem_free(buffers->points);
    mem_free(buffers->out);
    mem_free(buffers->labels);
    mem_free(buffers->ids);
}

static strata_status buffers_create(strata_context *ctx, const struct run *run, size_t rows, struct buffers *buffers) {
    *buffers = (struct buffers){.x = mem_zero(rows * run->inputs, sizeof(float)),
                                .points = mem_zero(rows * run->inputs, sizeof(float)),
                                .out = mem_zero(rows * run->outputs, sizeof(float)),
                                .labels = mem_zero(rows, sizeof(uint32_t)),
                                .ids = mem_zero(rows, sizeof(uint64_t))};
    if (buffers->x && buffers->points && buffers->out && buffers->labels && buffers->ids) return STRATA_OK;
    buffers_destroy(buffers);
    return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to attack %zu rows", rows);
}

/* Inside the ball, up to rounding, and inside the box. */
static bool allowed(const struct run *run, const float *x, const float *point) {
    const struct attack_options *options = run->options;
    double low = run->target->low, high = run->target->high;
    float delta[PIECE]; /* by pieces: rows may be long */
    double largest = 0, square = 0, size = 0;
    for (size_t begin = 0; begin < run->inputs; begin += PIECE) {
        size_t count = run->inputs - begin < PIECE ? run->inputs - begin : PIECE;
        for (size_t j = 0; j < count; ++j) {
            double value = (double)point[begin + j];
            if (!(value >= low && value <= high)) return false;
            delta[j] = point[begin + j] - x[begin + j];
            size = fmax(size, fabs((double)x[begin + j]));
        }
        double length = options->norm->length(count, delta);
        largest = fmax(largest, length);
        square += length * length;
    }
    bool cube = options->norm->kind == ATTACK_LINF;
    double length = cube ? largest : sqrt(square);
    double rounding = (double)FLT_EPSILON * size * (cube ? 1 : sqrt((double)run->inputs));
    return length <= options->epsilon * (1 + BALL_SLACK) + rounding;
}

/* What the attack proposed, evaluated afresh. */
static strata_status settle(strata_context *ctx, const struct run *run, const struct attack_block *block,
                            const struct buffers *buffers, size_t first) {
    STRATA_TRY(attack_evaluate(ctx, block, block->rows, buffers->points, buffers->out));
    for (size_t r = 0; r < block->rows; ++r) {
        size_t row = run->standing[first + r];
        const float *point = buffers->points + r * run->inputs;
        bool broken = attack_broken(run->outputs, buffers->out + r * run->outputs, buffers->labels[r]) &&
                      allowed(run, buffers->x + r * run->inputs, point);
        if (broken || run->keep_all) memcpy(run->points + row * run->inputs, point, run->inputs * sizeof *point);
        if (broken && run->alive) run->alive[row] = false;
    }
    return STRATA_OK;
}

static strata_status run_block(strata_context *ctx, const struct run *run, size_t index, size_t worker) {
    size_t first = index * BLOCK_ROWS, rows = run->count - first < BLOCK_ROWS ? run->count - first : BLOCK_ROWS;
    struct buffers buffers;
    STRATA_TRY(buffers_create(ctx, run, rows, &buffers));
    for (size_t r = 0; r < rows; ++r) {
        size_t row = run->standing[first + r];
        memcpy(buffers.x + r * run->inputs, run->rows->x + row * run->inputs, run->inputs * sizeof(float));
        buffers.labels[r] = run->rows->labels[row];
        buffers.ids[r] = row;
    }
    memcpy(buffers.points, buffers.x, rows * run->inputs * sizeof(float));
    const struct attack_block block = {.target = run->target,
                                       .options = run->options,
                                       .function = &run->target->functions[worker],
                                       .surrogate = run->target->surrogate ? &run->target->surrogate[worker] : NULL,
                                       .shared = run->shared,
                                       .rows = rows,
                                       .inputs = run->inputs,
                                       .outputs = run->outputs,
                                       .x = buffers.x,
                                       .labels = buffers.labels,
                                       .ids = buffers.ids,
                                       .exhaustive = run->keep_all,
                                       .counts = &run->counts[index]};
    strata_status status = run->options->epsilon > 0 ? run->class_->attack(ctx, &block, buffers.points) : STRATA_OK;
    if (status == STRATA_OK) status = settle(ctx, run, &block, &buffers, first);
    buffers_destroy(&buffers);
    return status;
}

static void job(void *user, size_t index, size_t worker) {
    struct run *run = user;
    strata_context *ctx = run->contexts[worker];
    /* A worker that failed keeps its first message: the one of its first block. */
    run->statuses[index] = strata_context_status(ctx);
    if (run->statuses[index] == STRATA_OK) run->statuses[index] = run_block(ctx, run, index, worker);
    run->failed[index] = ctx;
}

static void contexts_destroy(size_t count, strata_context **contexts) {
    for (size_t i = 0; contexts && i < count; ++i) strata_context_destroy(contexts[i]);
    mem_free(contexts);
}

static void add_counts(struct attack_counts *sum, const struct attack_counts *part) {
    sum->evaluations += part->evaluations;
    sum->gradients += part->gradients;
    sum->zero_gradients += part->zero_gradients;
    sum->wild_gradients += part->wild_gradients;
    sum->stuck_rows += part->stuck_rows;
}

/* All blocks; the first that failed gives the error. */
static strata_status run_blocks(strata_context *ctx, struct run *run, struct attack_counts *counts) {
    size_t workers = thread_pool_size(run->target->pool), blocks = (run->count + BLOCK_ROWS - 1) / BLOCK_ROWS;
    strata_status status = STRATA_OK;
    run->contexts = mem_zero(workers, sizeof(strata_context *));
    run->statuses = mem_zero(blocks ? blocks : 1, sizeof *run->statuses);
    run->failed = mem_zero(blocks ? blocks : 1, sizeof(strata_context *));
    run->counts = mem_zero(blocks ? blocks : 1, sizeof *run->counts);
    if (!run->contexts || !run->statuses || !run->failed || !run->counts)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu blocks of an attack", blocks));
    for (size_t i = 0; i < workers; ++i) STRATA_GO(context_child(ctx, &run->contexts[i]));
    thread_pool_run(run->target->pool, blocks, job, run);
    for (size_t i = 0; i < blocks; ++i) {
        if (run->statuses[i] != STRATA_OK) STRATA_GO(strata_fail_copy(ctx, run->failed[i]));
        add_counts(counts, &run->counts[i]);
    }
cleanup:
    contexts_destroy(workers, run->contexts);
    mem_free(run->statuses);
    mem_free(run->failed);
    mem_free(run->counts);
    return status;
}

/* Rows of `alive` that a plain evaluation already finds wrong are broken where they stand. */
static strata_status break_wrong_rows(strata_context *ctx, struct run *run, struct attack_counts *counts) {
    const struct attack_class nothing = {.name = "clean"};
    struct attack_options still = *run->options;
    struct run clean = *run;
    still.epsilon = 0;
    clean.class_ = &nothing;
    clean.options = &still;
    return run_blocks(ctx, &clean, counts);
}

static size_t list_standing(const struct attack_rows *rows, const bool *alive, uint32_t *standing) {
    size_t count = 0;
    for (size_t r = 0; r < rows->rows; ++r)
        if (!alive || alive[r]) standing[count++] = (uint32_t)r;
    return count;
}

static strata_status run_checked(strata_context *ctx, struct run *run, uint32_t *standing,
                                 struct attack_counts *counts) {
    void *shared = NULL;
    run->standing = standing;
    run->count = list_standing(run->rows, run->alive, standing);
    if (run->alive) {
        STRATA_TRY(break_wrong_rows(ctx, run, counts));
        run->count = list_standing(run->rows, run->alive, standing);
    }
    if (run->count == 0 || run->options->epsilon == 0) return STRATA_OK;
    if (run->class_->prepare) STRATA_TRY(run->class_->prepare(ctx, run->target, run->options, run->rows, &shared));
    run->shared = shared;
    strata_status status = run_blocks(ctx, run, counts);
    if (run->class_->release) run->class_->release(shared);
    return status;
}

static strata_status run_begin(strata_context *ctx, const struct attack_class *class_,
                               const struct attack_target *target, const struct attack_options *options,
                               const struct attack_rows *rows, bool *alive, float *points, bool keep_all,
                               struct attack_counts *counts) {
    STRATA_TRY(check_options(ctx, class_, target, options));
    STRATA_TRY(check_target(ctx, class_, target));
    STRATA_TRY(check_rows(ctx, target, rows));
    if (rows->rows > UINT32_MAX)
        return strata_fail(ctx, STRATA_ERR_TOO_LARGE, "an attack takes at most 4294967295 rows");
    uint32_t *standing = mem_zero(rows->rows ? rows->rows : 1, sizeof *standing);
    if (!standing) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to attack %zu rows", rows->rows);
    struct run run = {.class_ = class_,
                      .target = target,
                      .options = options,
                      .rows = rows,
                      .inputs = target->functions[0].inputs,
                      .outputs = target->functions[0].outputs,
                      .keep_all = keep_all,
                      .alive = alive,
                      .points = points};
    strata_status status = run_checked(ctx, &run, standing, counts);
    mem_free(standing);
    return status;
}

strata_status attack_run(strata_context *ctx, const struct attack_class *class_, const struct attack_target *target,
                         const struct attack_options *options, const struct attack_rows *rows, bool *alive,
                         float *points, struct attack_result *result) {
    size_t before = 0, after = 0;
    bool *own = NULL;
    *result = (struct attack_result){0};
    if (!alive) {
        alive = own = mem_zero(rows->rows ? rows->rows : 1, sizeof *own);
        if (!own) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to attack %zu rows", rows->rows);
        memset(own, true, rows->rows * sizeof *own);
    }
    for (size_t r = 0; r < rows->rows; ++r) before += alive[r];
    strata_status status = run_begin(ctx, class_, target, options, rows, alive, points, false, &result->counts);
    for (size_t r = 0; r < rows->rows; ++r) after += alive[r];
    result->broken = before - after;
    mem_free(own);
    return status;
}

strata_status attack_points(strata_context *ctx, const struct attack_class *class_, const struct attack_target *target,
                            const struct attack_options *options, const struct attack_rows *rows, float *points) {
    struct attack_counts counts = {0};
    memcpy(points, rows->x, rows->rows * target->functions[0].inputs * sizeof *points);
    return run_begin(ctx, class_, target, options, rows, NULL, points, true, &counts);
}
