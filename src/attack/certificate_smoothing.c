/* SPDX-License-Identifier: MIT */
/*
 * Randomised smoothing: the class that f(x + sigma N(0, I)) gives most often keeps its lead within sigma Phi^-1(p) of
 * x, p a lower confidence bound of its share. Some draws choose the class, fresh ones bound its share. Draw
 * k of row r is addressed as (r, k), and votes are whole numbers, so that chunks of draws may fall to any worker in
 * any order.
 * Source: Cohen, Rosenfeld & Kolter 2019, sec. 3.2; Clopper & Pearson, Biometrika 26 (1934) 404.
 */
#include <math.h>
#include <stdatomic.h>

#include "attack/certificate.h"
#include "core/memory.h"
#include "measure/interval.h"

enum { CHUNK_DRAWS = 256 };
enum { SELECTION, CERTIFICATION }; /* numbers of their streams */

struct smoothing_options smoothing_options_default(double sigma) {
    return (struct smoothing_options){.sigma = sigma,
                                      .alpha = 0.001,
                                      .selection = 100,
                                      .votes = 10000,
                                      .stream = rng_stream_make(1, 1, RNG_SMOOTHING)};
}

double normal_quantile(double p) {
    if (!(p > 0 && p < 1)) return p == 0 ? -INFINITY : p == 1 ? INFINITY : NAN;
    if (p > 0.5) return -normal_quantile(1 - p); /* exact: both are within a factor of two */
    double low = -39, high = 0;                  /* Phi(-39) is below every number */
    for (int i = 0; i < 100; ++i) {
        double middle = 0.5 * (low + high);
        if (0.5 * erfc(-middle / M_SQRT2) < p)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* P(B >= k) = I_p(k, n - k + 1) rises in p; the bound is where it is alpha. */
double clopper_pearson_lower(size_t successes, size_t trials, double alpha) {
    double low = 0, high = 1, k = (double)successes, n = (double)trials;
    if (successes > trials || trials == 0 || !(alpha > 0 && alpha < 1)) return NAN;
    if (successes == 0) return 0;
    if (successes == trials) return pow(alpha, 1 / n);
    for (int i = 0; i < 60; ++i) {
        double middle = 0.5 * (low + high);
        if (incomplete_beta(k, n - k + 1, middle, 1 - middle) < alpha)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* ---- votes ---- */

struct worker {
    strata_context *ctx;
    float *noisy, *out; /* [CHUNK_DRAWS, inputs], [CHUNK_DRAWS, outputs] */
};

struct ballot {
    const strata_function *functions;
    const struct smoothing_options *options;
    size_t inputs, outputs, classes, rows;
    const float *x;
    uint64_t stream;         /* SELECTION or CERTIFICATION */
    size_t draws, chunks;    /* of a row */
    _Atomic uint32_t *votes; /* [rows, classes] */
    struct worker *workers;
    size_t worker_count;
};

/* `classes` for a row that names no class. */
static size_t class_of(const struct ballot *ballot, const float *out) {
    size_t best = 0;
    for (size_t i = 0; i < ballot->outputs; ++i) {
        if (!isfinite(out[i])) return ballot->classes;
        if (out[i] > out[best]) best = i;
    }
    return ballot->outputs == 1 ? out[0] > 0 : best;
}

static strata_status count_chunk(struct ballot *ballot, size_t row, size_t chunk, size_t number) {
    struct worker *worker = &ballot->workers[number];
    size_t d = ballot->inputs, first = chunk * CHUNK_DRAWS;
    size_t draws = ballot->draws - first < CHUNK_DRAWS ? ballot->draws - first : CHUNK_DRAWS;
    const float *x = ballot->x + row * d;
    if (context_cancelled(worker->ctx)) return strata_fail(worker->ctx, STRATA_ERR_INTERRUPTED, "smoothing stopped");
    struct rng_stream stream = rng_stream_sub(rng_stream_at(ballot->options->stream, row), ballot->stream);
    rng_normal_rows_f32(stream, first, draws, d, worker->noisy);
    for (size_t i = 0; i < draws; ++i)
        for (size_t j = 0; j < d; ++j)
            worker->noisy[i * d + j] = (float)((double)x[j] +
                                               ballot->options->sigma * (double)worker->noisy[i * d + j]);
    STRATA_TRY(strata_function_evaluate(worker->ctx, &ballot->functions[number], draws, worker->noisy, worker->out));
    for (size_t i = 0; i < draws; ++i) {
        size_t class_ = class_of(ballot, worker->out + i * ballot->outputs);
        if (class_ < ballot->classes)
            atomic_fetch_add_explicit(&ballot->votes[row * ballot->classes + class_], 1, memory_order_relaxed);
    }
    return STRATA_OK;
}

static void job(void *user, size_t index, size_t worker) {
    struct ballot *ballot = user;
    if (strata_context_status(ballot->workers[worker].ctx) != STRATA_OK) return; /* its first failure is kept */
    (void)count_chunk(ballot, index / ballot->chunks, index % ballot->chunks, worker);
}

static strata_status hold_ballot(strata_context *ctx, struct thread_pool *pool, uint64_t stream, size_t draws,
                                 struct ballot *ballot) {
    ballot->stream = stream;
    ballot->draws = draws;
    ballot->chunks = (draws + CHUNK_DRAWS - 1) / CHUNK_DRAWS;
    for (size_t i = 0; i < ballot->rows * ballot->classes; ++i) atomic_init(&ballot->votes[i], 0);
    thread_pool_run(pool, ballot->rows * ballot->chunks, job, ballot);
    for (size_t i = 0; i < ballot->worker_count; ++i)
        if (strata_context_status(ballot->workers[i].ctx) != STRATA_OK)
            return strata_fail_copy(ctx, ballot->workers[i].ctx);
    return STRATA_OK;
}

static void choose_classes(const struct ballot *ballot, struct smoothing_result *results) {
    for (size_t r = 0; r < ballot->rows; ++r) {
        const _Atomic uint32_t *votes = ballot->votes + r * ballot->classes;
        size_t best = 0;
        for (size_t i = 1; i < ballot->classes; ++i)
            if (atomic_load(&votes[i]) > atomic_load(&votes[best])) best = i;
        results[r] = (struct smoothing_result){.class_ = (uint32_t)best};
    }
}

static void certify(const struct ballot *ballot, struct smoothing_result *results) {
    const struct smoothing_options *options = ballot->options;
    for (size_t r = 0; r < ballot->rows; ++r) {
        struct smoothing_result *result = &results[r];
        uint32_t votes = atomic_load(&ballot->votes[r * ballot->classes + result->class_]);
        result->probability = clopper_pearson_lower(votes, options->votes, options->alpha);
        result->abstained = !(result->probability > 0.5);
        result->radius = result->abstained ? 0 : options->sigma * normal_quantile(result->probability);
    }
}

/* ---- the call ---- */

static strata_status check(strata_context *ctx, const strata_function *function, size_t classes,
                           const struct smoothing_options *options) {
    if (!(options->sigma > 0) || !isfinite(options->sigma))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "smoothing, sigma: expected a finite number above 0, got %g",
                           options->sigma);
    if (!(options->alpha > 0 && options->alpha < 1))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "smoothing, alpha: expected a number in (0, 1), got %g",
                           options->alpha);
    if (options->selection == 0 || options->votes == 0 || options->votes > UINT32_MAX ||
        options->selection > UINT32_MAX)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "smoothing: expected 1 to 4294967295 draws, got %zu and %zu",
                           options->selection, options->votes);
    if (!(pow(options->alpha, 1 / (double)options->votes) > 0.5))
        return strata_fail(
            ctx, STRATA_ERR_ARGUMENT,
            "smoothing: %zu votes certify nothing at alpha %g, whatever they are: expected at least %.0f",
            options->votes, options->alpha, floor(log2(1 / options->alpha)) + 1);
    if (classes < 2 || (function->outputs != classes && !(classes == 2 && function->outputs == 1)))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "smoothing: expected a classifier with an output for each of %zu classes, got %zu outputs",
                           classes, function->outputs);
    return STRATA_OK;
}

static void ballot_destroy(struct ballot *ballot) {
    for (size_t i = 0; ballot->workers && i < ballot->worker_count; ++i) {
        strata_context_destroy(ballot->workers[i].ctx);
        mem_free(ballot->workers[i].noisy);
        mem_free(ballot->workers[i].out);
    }
    mem_free(ballot->workers);
    mem_free(ballot->votes);
}

static strata_status ballot_allocate(strata_context *ctx, struct ballot *ballot) {
    size_t numbers, outputs, votes;
    STRATA_TRY(mem_product(ctx, CHUNK_DRAWS, ballot->inputs, "noisy inputs", &numbers));
    STRATA_TRY(mem_product(ctx, CHUNK_DRAWS, ballot->outputs, "outputs of noisy inputs", &outputs));
    STRATA_TRY(mem_product(ctx, ballot->rows, ballot->classes, "votes", &votes));
    ballot->votes = mem_zero(votes ? votes : 1, sizeof *ballot->votes);
    ballot->workers = mem_zero(ballot->worker_count, sizeof *ballot->workers);
    bool complete = ballot->votes && ballot->workers;
    for (size_t i = 0; complete && i < ballot->worker_count; ++i) {
        struct worker *worker = &ballot->workers[i];
        STRATA_TRY(context_child(ctx, &worker->ctx));
        worker->noisy = mem_zero(numbers, sizeof *worker->noisy);
        worker->out = mem_zero(outputs, sizeof *worker->out);
        complete = worker->noisy && worker->out;
    }
    return complete ? STRATA_OK : strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to smooth %zu rows", ballot->rows);
}

strata_status certificate_smoothing(strata_context *ctx, const strata_function *functions, struct thread_pool *pool,
                                    size_t classes, const struct smoothing_options *options, size_t rows,
                                    const float *x, struct smoothing_result *results) {
    strata_status status = STRATA_OK;
    STRATA_TRY(check(ctx, &functions[0], classes, options));
    struct ballot ballot = {.functions = functions,
                            .options = options,
                            .inputs = functions[0].inputs,
                            .outputs = functions[0].outputs,
                            .classes = classes,
                            .rows = rows,
                            .x = x,
                            .worker_count = thread_pool_size(pool)};
    STRATA_GO(ballot_allocate(ctx, &ballot));
    STRATA_GO(hold_ballot(ctx, pool, SELECTION, options->selection, &ballot));
    choose_classes(&ballot, results);
    STRATA_GO(hold_ballot(ctx, pool, CERTIFICATION, options->votes, &ballot));
    certify(&ballot, results);
cleanup:
    ballot_destroy(&ballot);
    return status;
}
