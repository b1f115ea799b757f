/* SPDX-License-Identifier: MIT */
/* Wide networks: golden values (numpy), derivatives against differences, what theory says must be equal. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "linalg/linalg.h"
#include "model/wide_network.h"

enum { N = 5 };

static strata_context *ctx;

static int setup(void **state) {
    (void)state;
    return strata_context_create(&ctx) == STRATA_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    strata_context_destroy(ctx);
    return 0;
}

static void near(const char *what, double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%s: %.12g, expected %.12g", what, value, expected);
}

static struct wide_network make(const struct wide_shape *shape) {
    struct wide_network network;
    assert_int_equal(wide_network_create(ctx, shape, rng_stream_make(1, 0, RNG_TEST), &network), STRATA_OK);
    return network;
}

static struct wide_pass pass_of(const struct wide_network *network, size_t n) {
    struct wide_pass pass;
    assert_int_equal(wide_pass_create(ctx, network, n, &pass), STRATA_OK);
    return pass;
}

/* A, W_1 = W, W_2 = W' and B of the specification's example. */
static struct wide_network golden(enum wide_kind kind) {
    static const double a[6] = {1, .5, -.5, 1, .25, -1}, w[9] = {.5, -.25, 1, 1, .5, -.5, -.75, 1, .25},
                        b[3] = {1, -2, .5};
    const struct wide_shape shape = {kind, 2, 3, 2, 1, 1, .25, 1};
    struct wide_network network = make(&shape);
    memcpy(network.input, a, sizeof a);
    memcpy(network.output, b, sizeof b);
    for (size_t i = 0; i < 3; ++i)
        for (size_t j = 0; j < 3; ++j) {
            network.weights[i * 3 + j] = w[i * 3 + j];
            network.weights[9 + i * 3 + j] = w[j * 3 + i];
        }
    return network;
}

static const double golden_x[6] = {.6, .8, 1, 0, -.28, .96};

static void check_golden(enum wide_kind kind, const double *f_wanted, const double *k_wanted) {
    static const size_t places[6] = {0, 1, 2, 4, 5, 8};
    struct wide_network network = golden(kind);
    struct wide_pass pass = pass_of(&network, 3);
    double f[3], k[9], gram[18];
    wide_forward(&network, golden_x, &pass, f);
    wide_backward(&network, &pass);
    wide_kernel(&network, &pass, gram, k);
    for (size_t i = 0; i < 3; ++i) near("f", f[i], f_wanted[i], 6e-7);
    for (size_t i = 0; i < 6; ++i) near("K", k[places[i]], k_wanted[i], 6e-7);
    if (kind == WIDE_FC) {
        static const double y[3] = {1, -1, 1};
        double loss = 0, square = 0;
        for (size_t i = 0; i < 3; ++i) loss += .5 * (f[i] - y[i]) * (f[i] - y[i]);
        for (size_t i = 0; i < 9; ++i) square += (f[i / 3] - y[i / 3]) * k[i] * (f[i % 3] - y[i % 3]);
        near("F", loss, 8.537285, 6e-7);
        near("|grad|^2", square, 213.056755, 6e-6);
    }
    wide_pass_destroy(&pass);
    wide_network_destroy(&network);
}

static void golden_values_are_met(void **state) {
    (void)state;
    check_golden(WIDE_FC, (double[]){.375, .90625, -2.6125},
                 (double[]){9.765625, 8.375, 4.6875, 9.429688, 3.28125, 16.778125});
    check_golden(WIDE_RESNET, (double[]){1.4375, 1.302734, -.496875},
                 (double[]){9.927002, 1.927734, 6.155273, 1.959839, .519727, 9.361328});
}

static const struct wide_shape shapes[] = {
    {WIDE_FC, 4, 6, 3, 1, 1, 0, .7}, {WIDE_RESNET, 4, 6, 3, 1, 1, .3, 1}, {WIDE_CNN, 3, 5, 2, 4, 3, 0, 1}};

/* Jacobian rows by central differences: J [n, weights]. */
static void jacobian(struct wide_network *network, const double *x, struct wide_pass *pass, double *j) {
    const double h = 1e-6;
    size_t count = wide_network_weight_count(network);
    for (size_t k = 0; k < count; ++k) {
        double up[N], down[N], kept = network->weights[k];
        network->weights[k] = kept + h;
        wide_forward(network, x, pass, up);
        network->weights[k] = kept - h;
        wide_forward(network, x, pass, down);
        network->weights[k] = kept;
        for (size_t i = 0; i < N; ++i) j[i * count + k] = (up[i] - down[i]) / (2 * h);
    }
}

static void derivatives_equal_differences(void **state) {
    (void)state;
    for (size_t s = 0; s < 3; ++s) {
        struct wide_network network = make(&shapes[s]);
        struct wide_pass pass = pass_of(&network, N);
        size_t count = wide_network_weight_count(&network), rows = pass.rows;
        double *x = calloc(rows * 4, sizeof *x), *j = calloc(N * count, sizeof *j),
               *gram = calloc(2 * rows * rows, sizeof *gram);
        double *before = calloc(count, sizeof *before), f[N], k[N * N];
        const double coefficient[N] = {.3, -1, 2, 0, .5};
        rng_normal_f64(rng_stream_make(2, 0, RNG_TEST), rows * shapes[s].inputs, x);
        jacobian(&network, x, &pass, j);
        wide_forward(&network, x, &pass, f);
        wide_backward(&network, &pass);
        wide_kernel(&network, &pass, gram, k);
        for (size_t a = 0; a < N; ++a)
            for (size_t b = 0; b < N; ++b) {
                double product = 0;
                for (size_t i = 0; i < count; ++i) product += j[a * count + i] * j[b * count + i];
                near("K", k[a * N + b], product, 1e-6 * (1 + fabs(product)));
            }
        memcpy(before, network.weights, count * sizeof *before);
        double along = wide_directional(&network, &pass, coefficient, before), expected = 0;
        for (size_t i = 0; i < count; ++i)
            for (size_t a = 0; a < N; ++a) expected += coefficient[a] * j[a * count + i] * before[i];
        near("directional", along, expected, 1e-6 * (1 + fabs(expected)));
        wide_step(&network, &pass, coefficient);
        for (size_t i = 0; i < count; ++i) {
            double gradient = 0;
            for (size_t a = 0; a < N; ++a) gradient += coefficient[a] * j[a * count + i];
            near("step", before[i] - network.weights[i], gradient, 1e-7 * (1 + fabs(gradient)));
        }
        free(x), free(j), free(gram), free(before);
        wide_pass_destroy(&pass);
        wide_network_destroy(&network);
    }
}

/* A residual network of weight 0 and two layers is a plain one of its last; a ring of one pixel is no ring. */
static void special_cases_are_plain_networks(void **state) {
    (void)state;
    const struct wide_shape residual = {WIDE_RESNET, 4, 6, 2, 1, 1, 0, 1}, one = {WIDE_FC, 4, 6, 1, 1, 1, 0, 1},
                            ring = {WIDE_CNN, 4, 6, 2, 1, 1, 0, 1}, two = {WIDE_FC, 4, 6, 2, 1, 1, 0, 1};
    const struct wide_shape *const pairs[2][2] = {{&residual, &one}, {&ring, &two}};
    double x[N * 4];
    rng_normal_f64(rng_stream_make(3, 0, RNG_TEST), N * 4, x);
    for (size_t p = 0; p < 2; ++p) {
        struct wide_network first = make(pairs[p][0]), second = make(pairs[p][1]);
        struct wide_pass a = pass_of(&first, N), b = pass_of(&second, N);
        double fa[N], fb[N];
        if (p == 0) memcpy(second.weights, wide_network_layer(&first, 2), 36 * sizeof(double));
        wide_forward(&first, x, &a, fa);
        wide_forward(&second, x, &b, fb);
        for (size_t i = 0; i < N; ++i) near("f", fa[i], fb[i], 1e-14);
        wide_pass_destroy(&a), wide_pass_destroy(&b);
        wide_network_destroy(&first), wide_network_destroy(&second);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_values_are_met),
        cmocka_unit_test(derivatives_equal_differences),
        cmocka_unit_test(special_cases_are_plain_networks),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
