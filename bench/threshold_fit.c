/* SPDX-License-Identifier: MIT */
/*
 * One clean and one adversarial training of study `purify` at its default size: seconds of both, and accuracies of both
 * networks, clean and under FGM. Each runs in one thread, as the tasks of a study do; "threshold_fit 2" runs them side by
 * side. The rival is bench/purify_rival.py.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/memory.h"
#include "core/threads.h"
#include "learn/threshold_fit.h"

enum { DIMENSION = 100, WIDTH = 400, STEPS = 1500, BATCH = 256, TEST = 1000 };
static const double RADIUS = 0.25;

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void accuracies(const struct sparse_coding *coding, struct threshold_net *net, double *clean, double *fgm) {
    float *x = mem_zero(2 * TEST * DIMENSION, sizeof *x), *y = mem_zero(3 * TEST, sizeof *y);
    if (!x || !y) exit(EXIT_FAILURE);
    float *gradient = x + TEST * DIMENSION, *seeds = y + TEST, *values = seeds + TEST;
    size_t right[2] = {0};
    sparse_coding_rows(coding, RNG_TEST_INPUT, 0, TEST, x, y, NULL);
    for (size_t r = 0; r < TEST; ++r) seeds[r] = 1 - 2 * y[r];
    threshold_net_input_gradient(net, TEST, x, seeds, values, gradient);
    for (size_t r = 0; r < TEST; ++r) {
        double square = 0;
        right[0] += (values[r] > 0) == (y[r] > 0);
        for (size_t j = 0; j < DIMENSION; ++j) square += pow((double)gradient[r * DIMENSION + j], 2);
        for (size_t j = 0; j < DIMENSION; ++j)
            x[r * DIMENSION + j] += (float)(RADIUS / sqrt(square + 1e-30) * (double)gradient[r * DIMENSION + j]);
    }
    threshold_net_values(net, TEST, x, values);
    for (size_t r = 0; r < TEST; ++r) right[1] += (values[r] > 0) == (y[r] > 0);
    *clean = (double)right[0] / TEST;
    *fgm = (double)right[1] / TEST;
    mem_free(x);
    mem_free(y);
}

struct training {
    const struct sparse_coding *coding;
    const char *method;
    double seconds, clean, fgm;
    strata_status status;
};

static strata_status train(strata_context *ctx, struct training *training) {
    const struct threshold_fit_options options = {.perturbation = perturbation_find(training->method),
                                                  .epsilon = RADIUS,
                                                  .steps = STEPS,
                                                  .batch_size = BATCH,
                                                  .learning_rate = 0.02 * DIMENSION,
                                                  .weight_decay = 3e-4,
                                                  .beta_start = 0.1,
                                                  .beta_end = 0.2,
                                                  .perturbation_steps = 7,
                                                  .stream = rng_stream_make(1, 1, RNG_ADVERSARY)};
    struct threshold_net net = {0};
    struct threshold_fit fit = {0};
    strata_status status = threshold_net_create(ctx, WIDTH, DIMENSION, &net);
    if (status == STRATA_OK) threshold_net_initialise(&net, rng_stream_make(1, 1, RNG_INIT), 0.02);
    if (status == STRATA_OK) status = threshold_fit_create(ctx, &options, training->coding, &net, &fit);
    double begun = seconds_now();
    for (size_t step = 0; status == STRATA_OK && step < STEPS; ++step) (void)threshold_fit_step(&fit, step);
    training->seconds = seconds_now() - begun;
    if (status == STRATA_OK) accuracies(training->coding, &net, &training->clean, &training->fgm);
    threshold_fit_destroy(&fit);
    threshold_net_destroy(&net);
    return status;
}

static void job(void *user, size_t index, size_t worker) {
    struct training *training = (struct training *)user + index;
    (void)worker;
    training->status = train(NULL, training);
}

int main(int argc, char **argv) {
    const struct sparse_coding_options options = {DIMENSION, 3, 2, 0.3, false};
    strata_context *ctx;
    struct sparse_coding coding = {0};
    struct thread_pool *pool = NULL;
    if (strata_context_create(&ctx) != STRATA_OK) return EXIT_FAILURE;
    strata_status status = sparse_coding_create(ctx, &options, 1, 1, &coding);
    if (status == STRATA_OK) status = thread_pool_create(ctx, argc > 1 && strcmp(argv[1], "2") == 0 ? 2 : 1, &pool);
    struct training trainings[] = {{.coding = &coding, .method = "none"}, {.coding = &coding, .method = "fgm"}};
    double begun = seconds_now();
    if (status == STRATA_OK) thread_pool_run(pool, 2, job, trainings);
    double seconds = seconds_now() - begun;
    for (size_t i = 0; status == STRATA_OK && i < 2; ++i) {
        status = trainings[i].status;
        printf("%s %.4f %.4f %.4f\n", trainings[i].method, trainings[i].seconds, trainings[i].clean, trainings[i].fgm);
    }
    printf("both %.4f\n", seconds);
    if (status != STRATA_OK) fprintf(stderr, "threshold_fit: %s\n", strata_context_message(ctx));
    thread_pool_destroy(pool);
    sparse_coding_destroy(&coding);
    strata_context_destroy(ctx);
    return status == STRATA_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
