/* SPDX-License-Identifier: MIT */
/*
 * Steps of full-batch gradient descent on the fully-connected network of study `overparam`, float64, in one thread:
 * seconds a step, and the losses of the first ten. The rival is bench/wide_rival.py, which reads data and weights from
 * the file named.
 * usage: bench_wide_step FILE WIDTH LAYERS SAMPLES STEPS
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/memory.h"
#include "model/wide_network.h"

enum { INPUTS = 16, LOSSES = 10 };
static const double RATE = 1e-3;

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct problem {
    struct wide_network network;
    struct wide_pass pass;
    size_t n;
    double *x, *y, *f, *coefficient;
};

static double step(struct problem *p) {
    double loss = 0;
    wide_forward(&p->network, p->x, &p->pass, p->f);
    wide_backward(&p->network, &p->pass);
    for (size_t i = 0; i < p->n; ++i) {
        double residual = p->f[i] - p->y[i];
        loss += residual * residual / 2;
        p->coefficient[i] = RATE * residual;
    }
    wide_step(&p->network, &p->pass, p->coefficient);
    return loss;
}

static int write_problem(const char *path, const struct problem *p) {
    FILE *file = fopen(path, "wb");
    if (!file) return EXIT_FAILURE;
    const struct wide_shape *shape = &p->network.shape;
    fwrite(p->network.input, sizeof(double), shape->width * INPUTS, file);
    fwrite(p->network.weights, sizeof(double), wide_network_weight_count(&p->network), file);
    fwrite(p->network.output, sizeof(double), shape->width, file);
    fwrite(p->x, sizeof(double), p->n * INPUTS, file);
    fwrite(p->y, sizeof(double), p->n, file);
    return fclose(file) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void run(struct problem *p, size_t steps) {
    for (size_t i = 0; i < LOSSES; ++i) printf("%.17g\n", step(p));
    double begun = seconds_now();
    for (size_t i = 0; i < steps; ++i) (void)step(p);
    printf("%.9g\n", (seconds_now() - begun) / (double)steps);
}

int main(int argc, char **argv) {
    if (argc != 6) return EXIT_FAILURE;
    const struct wide_shape shape = {.kind = WIDE_FC,
                                     .inputs = INPUTS,
                                     .width = strtoul(argv[2], NULL, 10),
                                     .layers = strtoul(argv[3], NULL, 10),
                                     .pixels = 1,
                                     .patch = 1,
                                     .output_scale = 1};
    struct problem p = {.n = strtoul(argv[4], NULL, 10)};
    p.x = mem_zero(p.n * INPUTS, sizeof *p.x);
    p.y = mem_zero(3 * p.n, sizeof *p.y);
    if (!p.x || !p.y) return EXIT_FAILURE;
    p.f = p.y + p.n;
    p.coefficient = p.f + p.n;
    rng_normal_f64(rng_stream_make(1, 1, RNG_TEST), p.n * INPUTS, p.x);
    for (size_t i = 0; i < p.n * INPUTS; ++i) p.x[i] /= 4;
    for (size_t i = 0; i < p.n; ++i) p.y[i] = i % 2 ? 1 : -1;
    strata_status status = wide_network_create(NULL, &shape, rng_stream_make(1, 1, RNG_INIT), &p.network);
    if (status == STRATA_OK) status = wide_pass_create(NULL, &p.network, p.n, &p.pass);
    int result = status == STRATA_OK ? write_problem(argv[1], &p) : EXIT_FAILURE;
    if (result == EXIT_SUCCESS) run(&p, strtoul(argv[5], NULL, 10));
    wide_pass_destroy(&p.pass);
    wide_network_destroy(&p.network);
    mem_free(p.x);
    mem_free(p.y);
    return result;
}
