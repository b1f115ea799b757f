/* SPDX-License-Identifier: MIT */
/*
 * Auto-PGD: gradient ascent with momentum whose step length halves by itself. At checkpoints a row halves its step and
 * goes back to its best point when its loss rose too rarely in the window, or when nothing was gained since the last
 * checkpoint without a halving. apgd_ce raises the cross-entropy, apgd_dlr the ratio of logits towards each of the
 * nearest classes in turn. Source: Croce & Hein 2020b, sec. 3, with the constants of its reference implementation.
 */
#include <math.h>
#include <string.h>

#include "attack/attack.h"
#include "core/memory.h"

enum { MOST_CHECKPOINTS = 64 };
static const double RISING_SHARE = 0.75, MOMENTUM = 0.75;

size_t apgd_checkpoints(size_t steps, size_t capacity, size_t *checkpoints) {
    size_t window = (size_t)(0.22 * (double)steps), least = (size_t)(0.06 * (double)steps),
           shrink = (size_t)(0.03 * (double)steps), count = 0, place = 0;
    if (window < 1) window = 1;
    if (least < 1) least = 1;
    while (count < capacity && place + window < steps) {
        checkpoints[count++] = place += window;
        window = window > shrink + least ? window - shrink : least;
    }
    return count;
}

/* One row on its way. Points and gradients live in the rows of the search's arrays. */
struct row_state {
    size_t row;
    double loss, best, checked_best, step;
    size_t rises;
    bool halved; /* at the last checkpoint */
};

struct search {
    size_t count;
    struct row_state *states;
    uint32_t *labels, *aims;
    float *points, *before, *gradients, *best_points, *best_gradients, *out, *trial; /* trial: [inputs] */
    double *losses;
};

static void search_destroy(struct search *search) {
    mem_free(search->states);
    mem_free(search->labels);
    mem_free(search->aims);
    mem_free(search->points);
    mem_free(search->before);
    mem_free(search->gradients);
    mem_free(search->best_points);
    mem_free(search->best_gradients);
    mem_free(search->out);
    mem_free(search->trial);
    mem_free(search->losses);
    *search = (struct search){0};
}

static strata_status search_create(strata_context *ctx, const struct attack_block *block, struct search *s) {
    size_t rows = block->rows, numbers = rows * block->inputs;
    *s = (struct search){.states = mem_zero(rows, sizeof(struct row_state)),
                         .labels = mem_zero(rows, sizeof(uint32_t)),
                         .aims = mem_zero(rows, sizeof(uint32_t)),
                         .points = mem_zero(numbers, sizeof(float)),
                         .before = mem_zero(numbers, sizeof(float)),
                         .gradients = mem_zero(numbers, sizeof(float)),
                         .best_points = mem_zero(numbers, sizeof(float)),
                         .best_gradients = mem_zero(numbers, sizeof(float)),
                         .out = mem_zero(rows * block->outputs, sizeof(float)),
                         .trial = mem_zero(block->inputs, sizeof(float)),
                         .losses = mem_zero(rows, sizeof(double))};
    if (s->states && s->labels && s->aims && s->points && s->before && s->gradients && s->best_points &&
        s->best_gradients && s->out && s->trial && s->losses)
        return STRATA_OK;
    search_destroy(s);
    return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to attack %zu rows", rows);
}

/* On the surface of the ball. */
static void random_start(const struct attack_block *block, size_t row, uint64_t purpose, float *point) {
    const struct attack_norm *norm = block->options->norm;
    const float *x = block->x + row * block->inputs;
    norm->random_in_ball(attack_stream(block, row, purpose), block->inputs, point);
    double length = norm->length(block->inputs, point);
    for (size_t j = 0; j < block->inputs; ++j)
        point[j] = x[j] + (float)(block->options->epsilon * (length > 0 ? (double)point[j] / length : 0));
    norm->project(block->inputs, x, block->options->epsilon, block->target->low, block->target->high, point);
}

static void search_begin(const struct attack_block *block, const uint32_t *aims, const bool *standing, uint64_t purpose,
                         struct search *s) {
    s->count = 0;
    for (size_t r = 0; r < block->rows; ++r) {
        if (!standing[r]) continue;
        size_t i = s->count++;
        s->states[i] = (struct row_state){.row = r, .best = -INFINITY, .step = 2 * block->options->epsilon};
        s->labels[i] = block->labels[r];
        s->aims[i] = aims ? aims[r] : 0;
        random_start(block, r, purpose, s->points + i * block->inputs);
        memcpy(s->before + i * block->inputs, s->points + i * block->inputs, block->inputs * sizeof(float));
    }
}

static void move_row(size_t d, size_t from, size_t to, float *rows) {
    if (from != to) memcpy(rows + to * d, rows + from * d, d * sizeof *rows);
}

/* Takes in losses and gradients of the points; rows that broke leave. `first`: the start, which is no rise. */
static void search_look(const struct attack_block *block, struct search *s, bool first, bool *standing, double *best,
                        float *points) {
    size_t kept = 0, d = block->inputs;
    for (size_t i = 0; i < s->count; ++i) {
        struct row_state state = s->states[i];
        bool broken = !block->exhaustive && attack_broken(block->outputs, s->out + i * block->outputs, s->labels[i]);
        if (!first) state.rises += s->losses[i] > state.loss;
        state.loss = s->losses[i];
        if (broken || state.loss > best[state.row]) {
            best[state.row] = state.loss;
            memcpy(points + state.row * d, s->points + i * d, d * sizeof *points);
        }
        if (broken) {
            standing[state.row] = false;
            continue;
        }
        if (state.loss > state.best || first) {
            state.best = state.loss;
            memcpy(s->best_points + i * d, s->points + i * d, d * sizeof(float));
            memcpy(s->best_gradients + i * d, s->gradients + i * d, d * sizeof(float));
        }
        if (first) state.checked_best = state.best;
        s->labels[kept] = s->labels[i];
        s->aims[kept] = s->aims[i];
        move_row(d, i, kept, s->points);
        move_row(d, i, kept, s->before);
        move_row(d, i, kept, s->gradients);
        move_row(d, i, kept, s->best_points);
        move_row(d, i, kept, s->best_gradients);
        s->states[kept++] = state;
    }
    s->count = kept;
}

static void search_step(const struct attack_block *block, struct search *s, double share) {
    const struct attack_norm *norm = block->options->norm;
    double epsilon = block->options->epsilon, low = block->target->low, high = block->target->high;
    size_t d = block->inputs;
    for (size_t i = 0; i < s->count; ++i) {
        const float *x = block->x + s->states[i].row * d;
        float *point = s->points + i * d, *before = s->before + i * d;
        memcpy(s->trial, point, d * sizeof *s->trial);
        attack_step(block, x, s->gradients + i * d, s->states[i].step, s->trial);
        for (size_t j = 0; j < d; ++j) {
            double now = (double)point[j],
                   there = now + share * ((double)s->trial[j] - now) + (1 - share) * (now - (double)before[j]);
            before[j] = point[j];
            point[j] = (float)there;
        }
        norm->project(d, x, epsilon, low, high, point);
    }
}

static void search_check(const struct attack_block *block, struct search *s, size_t window) {
    size_t d = block->inputs;
    for (size_t i = 0; i < s->count; ++i) {
        struct row_state *state = &s->states[i];
        bool rarely = (double)state->rises <= RISING_SHARE * (double)window;
        bool idle = !state->halved && state->best <= state->checked_best;
        state->halved = rarely || idle;
        state->rises = 0;
        state->checked_best = state->best;
        if (!state->halved) continue;
        state->step /= 2;
        state->loss = state->best;
        memcpy(s->points + i * d, s->best_points + i * d, d * sizeof(float));
        memcpy(s->gradients + i * d, s->best_gradients + i * d, d * sizeof(float));
    }
}

static strata_status ascend(strata_context *ctx, const struct attack_block *block, const struct attack_loss *loss,
                            const uint32_t *aims, uint64_t purpose, struct search *s, bool *standing, double *best,
                            float *points) {
    size_t checkpoints[MOST_CHECKPOINTS], steps = block->options->apgd_steps;
    size_t count = apgd_checkpoints(steps, MOST_CHECKPOINTS, checkpoints), next = 0, last = 0;
    search_begin(block, aims, standing, purpose, s);
    for (size_t step = 0; step <= steps && s->count > 0; ++step) {
        STRATA_TRY(attack_gradient(ctx, block, loss, s->count, s->points, s->labels, s->aims, s->losses, s->gradients,
                                   s->out));
        search_look(block, s, step == 0, standing, best, points);
        if (next < count && step == checkpoints[next]) {
            search_check(block, s, step - last);
            last = checkpoints[next++];
        }
        if (step < steps) search_step(block, s, step == 0 ? 1 : MOMENTUM);
    }
    return STRATA_OK;
}

static strata_status begin(strata_context *ctx, const struct attack_block *block, struct search *s, bool **standing,
                           double **best) {
    *standing = mem_zero(block->rows, sizeof **standing);
    *best = mem_zero(block->rows, sizeof **best);
    if (!*standing || !*best) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to attack %zu rows", block->rows);
    for (size_t r = 0; r < block->rows; ++r) (*standing)[r] = true, (*best)[r] = -INFINITY;
    return search_create(ctx, block, s);
}

static strata_status apgd_ce_attack(strata_context *ctx, const struct attack_block *block, float *points) {
    struct search search = {0};
    bool *standing = NULL;
    double *best = NULL;
    strata_status status = begin(ctx, block, &search, &standing, &best);
    if (status == STRATA_OK)
        status = ascend(ctx, block, &attack_loss_cross_entropy, NULL, 64, &search, standing, best, points);
    search_destroy(&search);
    mem_free(standing);
    mem_free(best);
    return status;
}

static strata_status apgd_dlr_attack(strata_context *ctx, const struct attack_block *block, float *points) {
    size_t others = block->outputs - 1, targets = block->options->targets < others ? block->options->targets : others;
    struct search search = {0};
    bool *standing = NULL;
    double *best = NULL;
    uint32_t *ranks = mem_zero(block->rows * others, sizeof *ranks), *aims = mem_zero(block->rows, sizeof *aims);
    strata_status status = STRATA_OK;
    STRATA_GO(begin(ctx, block, &search, &standing, &best));
    if (!ranks || !aims) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu targets", targets));
    STRATA_GO(attack_evaluate(ctx, block, block->rows, block->x, search.out));
    for (size_t r = 0; r < block->rows; ++r)
        attack_rank_others(block->outputs, search.out + r * block->outputs, block->labels[r], ranks + r * others);
    for (size_t t = 0; t < targets; ++t) {
        for (size_t r = 0; r < block->rows; ++r) aims[r] = ranks[r * others + t];
        STRATA_GO(ascend(ctx, block, &attack_loss_dlr_targeted, aims, 65 + t, &search, standing, best, points));
    }
cleanup:
    search_destroy(&search);
    mem_free(standing);
    mem_free(best);
    mem_free(ranks);
    mem_free(aims);
    return status;
}

const struct attack_class attack_apgd_ce = {
    .name = "apgd_ce",
    .title = "APGD, cross-entropy",
    .summary = "gradient ascent with momentum and a step length that halves by itself (Croce & Hein 2020b)",
    .norms = ATTACK_L2 | ATTACK_LINF,
    .least_classes = 2,
    .gradient = true,
    .attack = apgd_ce_attack,
};

const struct attack_class attack_apgd_dlr = {
    .name = "apgd_dlr",
    .title = "APGD, ratio of logits, targeted",
    .summary = "APGD towards each of the nearest classes on a ratio of logits (Croce & Hein 2020b)",
    .norms = ATTACK_L2 | ATTACK_LINF,
    .least_classes = 4,
    .gradient = true,
    .attack = apgd_dlr_attack,
};
