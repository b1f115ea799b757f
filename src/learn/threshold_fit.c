/* SPDX-License-Identifier: MIT */
/*
 * W -= lr (grad + lambda W) on fresh rows; adversarial training first moves every row by one or more gradient steps at
 * the weights of now. Source: Allen-Zhu & Li 2020, arXiv 2005.10190, sec. 4; Zhang et al. 2019 (TRADES).
 */
#include "learn/threshold_fit.h"

#include <math.h>
#include <string.h>

#include "core/clones.h"
#include "core/memory.h"

/* ---- rows ---- */

static float row_norm(size_t count, const float *row) {
    float sum = 0;
    for (size_t j = 0; j < count; ++j) sum += row[j] * row[j];
    return sqrtf(sum);
}

/* row += length * direction / |direction|; a direction of zero moves nothing. */
static void move_along(size_t count, const float *direction, float length, float *row) {
    float norm = row_norm(count, direction);
    if (!(norm > 0)) return;
    for (size_t j = 0; j < count; ++j) row[j] += length / norm * direction[j];
}

/* Back into the ball of `radius` around `centre`. */
static void pull_into_ball(size_t count, const float *centre, float radius, float *row) {
    float square = 0;
    for (size_t j = 0; j < count; ++j) square += (row[j] - centre[j]) * (row[j] - centre[j]);
    if (square <= radius * radius) return;
    float share = radius / sqrtf(square);
    for (size_t j = 0; j < count; ++j) row[j] = centre[j] + share * (row[j] - centre[j]);
}

/* ---- perturbations ---- */

/* input_gradients = -y grad f at `x`: the direction in which the loss rises. */
static void loss_directions(struct threshold_fit *fit, const float *x, const float *labels) {
    for (size_t r = 0; r < fit->options->batch_size; ++r) fit->seeds[r] = 1 - 2 * labels[r];
    threshold_net_input_gradient(fit->net, fit->options->batch_size, x, fit->seeds, NULL, fit->input_gradients);
}

static void move_fgm(struct threshold_fit *fit, size_t step, float *x, const float *labels) {
    (void)step;
    size_t d = fit->net->inputs;
    loss_directions(fit, x, labels);
    for (size_t r = 0; r < fit->options->batch_size; ++r)
        move_along(d, fit->input_gradients + r * d, (float)fit->options->epsilon, x + r * d);
}

static void move_pgd(struct threshold_fit *fit, size_t step, float *x, const float *labels) {
    (void)step;
    const struct threshold_fit_options *options = fit->options;
    size_t d = fit->net->inputs;
    float radius = (float)options->epsilon, length = 2.5f * radius / (float)options->perturbation_steps;
    for (size_t i = 0; i < options->perturbation_steps; ++i) {
        loss_directions(fit, x, labels);
        for (size_t r = 0; r < options->batch_size; ++r) {
            move_along(d, fit->input_gradients + r * d, length, x + r * d);
            pull_into_ball(d, fit->x + r * d, radius, x + r * d);
        }
    }
}

static void move_noise(struct threshold_fit *fit, size_t step, float *x, const float *labels) {
    (void)labels;
    size_t d = fit->net->inputs, rows = fit->options->batch_size;
    rng_normal_rows_f32(fit->options->stream, step * rows, rows, d, fit->input_gradients);
    for (size_t r = 0; r < rows; ++r)
        move_along(d, fit->input_gradients + r * d, (float)fit->options->epsilon, x + r * d);
}

/* Ascent on KL(p(x) || p(x')) from a point beside x, at which its gradient is not zero: p' - p along grad f(x'). */
static void move_trades(struct threshold_fit *fit, size_t step, float *x, const float *labels) {
    (void)labels;
    const struct threshold_fit_options *options = fit->options;
    size_t d = fit->net->inputs, rows = options->batch_size;
    float radius = (float)options->epsilon;
    threshold_net_values(fit->net, rows, fit->x, fit->values);
    rng_normal_rows_f32(options->stream, step * rows, rows, d, fit->input_gradients);
    for (size_t i = 0; i < rows * d; ++i) x[i] += 1e-3f * fit->input_gradients[i];
    for (size_t i = 0; i < options->perturbation_steps; ++i) {
        threshold_net_values(fit->net, rows, x, fit->seeds);
        for (size_t r = 0; r < rows; ++r) fit->seeds[r] = fit->seeds[r] > fit->values[r] ? 1 : -1;
        threshold_net_input_gradient(fit->net, rows, x, fit->seeds, NULL, fit->input_gradients);
        for (size_t r = 0; r < rows; ++r) {
            move_along(d, fit->input_gradients + r * d, radius / 4, x + r * d);
            pull_into_ball(d, fit->x + r * d, radius, x + r * d);
        }
    }
}

static float logistic(float value) { return 1 / (1 + expf(-value)); }

/* CE(f, y) + beta KL(p || p'): d/df = p - y + beta p (1 - p) (f - f'), d/df' = beta (p' - p). */
static void accumulate_trades(struct threshold_fit *fit, const float *x, const float *moved, const float *labels) {
    size_t rows = fit->options->batch_size;
    float beta = (float)fit->options->beta_trades, share = 1 / (float)rows;
    threshold_net_values(fit->net, rows, x, fit->values);
    threshold_net_values(fit->net, rows, moved, fit->seeds);
    for (size_t r = 0; r < rows; ++r) {
        float f = fit->values[r], other = fit->seeds[r], p = logistic(f);
        fit->values[r] = share * (p - labels[r] + beta * p * (1 - p) * (f - other));
        fit->seeds[r] = share * beta * (logistic(other) - p);
    }
    threshold_net_weight_gradient(fit->net, rows, x, fit->values, fit->gradient);
    threshold_net_weight_gradient(fit->net, rows, moved, fit->seeds, fit->gradient);
}

static const struct perturbation none = {.name = "none", .summary = "clean training"};
static const struct perturbation fgm = {
    .name = "fgm", .summary = "one step along the normalised gradient", .move = move_fgm};
static const struct perturbation pgd = {
    .name = "pgd", .summary = "several projected steps along the gradient", .move = move_pgd};
static const struct perturbation trades = {.name = "trades",
                                           .summary = "clean loss and divergence to the worst point found",
                                           .move = move_trades,
                                           .accumulate = accumulate_trades};
static const struct perturbation noise = {
    .name = "noise", .summary = "a random direction, as a control", .move = move_noise};

const struct perturbation *const perturbation_table[] = {&none, &fgm, &pgd, &trades, &noise};
const size_t perturbation_table_size = sizeof perturbation_table / sizeof *perturbation_table;

const struct perturbation *perturbation_find(const char *name) {
    for (size_t i = 0; i < perturbation_table_size; ++i)
        if (strcmp(perturbation_table[i]->name, name) == 0) return perturbation_table[i];
    return NULL;
}

/* ---- the fit ---- */

strata_status threshold_fit_create(strata_context *ctx, const struct threshold_fit_options *options,
                                   const struct sparse_coding *coding, struct threshold_net *net,
                                   struct threshold_fit *fit) {
    size_t rows = options->batch_size, bytes;
    STRATA_TRY(mem_product(ctx, rows, net->inputs * sizeof(float), "a batch", &bytes));
    *fit = (struct threshold_fit){.options = options, .coding = coding, .net = net};
    fit->x = mem_aligned(bytes);
    fit->moved = mem_aligned(bytes);
    fit->input_gradients = mem_aligned(bytes);
    fit->labels = mem_aligned(rows * sizeof(float));
    fit->values = mem_aligned(rows * sizeof(float));
    fit->seeds = mem_aligned(rows * sizeof(float));
    fit->gradient = mem_aligned(net->width * net->inputs * sizeof(float));
    if (fit->x && fit->moved && fit->input_gradients && fit->labels && fit->values && fit->seeds && fit->gradient)
        return STRATA_OK;
    threshold_fit_destroy(fit);
    return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a fit with batches of %zu rows", rows);
}

void threshold_fit_destroy(struct threshold_fit *fit) {
    mem_free(fit->x);
    mem_free(fit->moved);
    mem_free(fit->input_gradients);
    mem_free(fit->labels);
    mem_free(fit->values);
    mem_free(fit->seeds);
    mem_free(fit->gradient);
    *fit = (struct threshold_fit){0};
}

STRATA_CLONES static void descend(size_t count, float rate, float decay, const float *restrict gradient,
                                  float *restrict weights) {
    for (size_t i = 0; i < count; ++i) weights[i] -= rate * (gradient[i] + decay * weights[i]);
}

static void draw_batch(struct threshold_fit *fit, size_t step) {
    const struct threshold_fit_options *options = fit->options;
    size_t rows = options->batch_size;
    uint64_t first = options->first_sample + step * rows;
    sparse_coding_rows(fit->coding, RNG_TRAIN_INPUT, first, rows, fit->x, fit->labels, NULL);
    if (!options->shuffled_labels) return;
    struct rng_stream coins = rng_stream_make(fit->coding->seed, fit->coding->replicate, RNG_LABEL_NOISE);
    for (size_t r = 0; r < rows; ++r) {
        uint32_t word;
        rng_bits(rng_stream_at(coins, first + r), 0, 1, &word);
        fit->labels[r] = (float)(word & 1);
    }
}

double threshold_fit_step(struct threshold_fit *fit, size_t step) {
    const struct threshold_fit_options *options = fit->options;
    struct threshold_net *net = fit->net;
    size_t rows = options->batch_size, weights = net->width * net->inputs;
    double progress = options->steps > 1 ? (double)step / (double)(options->steps - 1) : 1, loss = 0;
    const float *moved = fit->x;
    threshold_net_set_thresholds(net, options->beta_start + progress * (options->beta_end - options->beta_start));
    draw_batch(fit, step);
    if (options->perturbation->move) {
        memcpy(fit->moved, fit->x, rows * net->inputs * sizeof *fit->moved);
        options->perturbation->move(fit, step, fit->moved, fit->labels);
        moved = fit->moved;
    }
    memset(fit->gradient, 0, weights * sizeof *fit->gradient);
    if (options->perturbation->accumulate)
        options->perturbation->accumulate(fit, fit->x, moved, fit->labels);
    else
        loss = threshold_net_loss_gradient(net, rows, moved, fit->labels, fit->gradient);
    descend(weights, (float)options->learning_rate, (float)options->weight_decay, fit->gradient, net->weights);
    if (step + 1 == options->steps) threshold_net_set_thresholds(net, net->beta);
    return loss;
}
