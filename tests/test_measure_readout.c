/* SPDX-License-Identifier: MIT */
/* Feature error, form error, CKA and probes: invariances, closed forms, and both ends of their scales. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/rng.h"
#include "linalg/linalg.h"
#include "measure/cka.h"
#include "measure/form.h"
#include "measure/probe.h"
#include "measure/readout.h"

enum { ROWS = 2000, DIMENSION = 20, WIDTH = 6, UNITS = 40 };

static strata_context *ctx;
/* x ~ N(0, I), W with orthonormal rows, targets G = (W x)^2. */
static double x[ROWS * DIMENSION], w[WIDTH * DIMENSION], projected[ROWS * WIDTH], targets[ROWS * WIDTH];

static void normals(uint64_t index, size_t count, double *values) {
    rng_normal_f64(rng_stream_at(rng_stream_make(1, 0, RNG_TEST), index), count, values);
}

static int setup(void **state) {
    (void)state;
    if (strata_context_create(&ctx) != STRATA_OK) return -1;
    normals(1, ROWS * DIMENSION, x);
    normals(2, WIDTH * DIMENSION, w);
    if (linalg_orthonormal_rows(ctx, WIDTH, DIMENSION, w) != STRATA_OK) return -1;
    linalg_gemm_f64(AS_IS, TRANSPOSED, ROWS, WIDTH, DIMENSION, 1.0, x, DIMENSION, w, DIMENSION, 0.0, projected, WIDTH);
    for (size_t i = 0; i < ROWS * WIDTH; ++i) targets[i] = projected[i] * projected[i];
    return 0;
}

static int teardown(void **state) {
    (void)state;
    strata_context_destroy(ctx);
    return 0;
}

/* (R W x)^2 with UNITS random directions R of the teacher's row space, float32 as learners give them. */
static float *rotated_features(size_t units) {
    double *r = malloc(units * WIDTH * sizeof *r), *h = malloc(ROWS * units * sizeof *h);
    float *features = malloc(ROWS * units * sizeof *features);
    normals(3, units * WIDTH, r);
    linalg_gemm_f64(AS_IS, TRANSPOSED, ROWS, units, WIDTH, 1.0, projected, WIDTH, r, WIDTH, 0.0, h, units);
    for (size_t i = 0; i < ROWS * units; ++i) features[i] = (float)(h[i] * h[i]);
    free(r);
    free(h);
    return features;
}

static void feature_error_of_the_teacher_is_zero(void **state) {
    (void)state;
    double error = 1.0;
    float single[ROWS * WIDTH];
    for (size_t i = 0; i < ROWS * WIDTH; ++i) single[i] = (float)targets[i];
    assert_int_equal(feature_error_f64(ctx, ROWS, WIDTH, targets, WIDTH, targets, &error), STRATA_OK);
    assert_true(error <= 1e-12);
    assert_int_equal(feature_error(ctx, ROWS, WIDTH, single, WIDTH, targets, &error), STRATA_OK);
    assert_true(error <= 1e-8);
}

static void feature_error_of_random_directions_of_its_row_space_is_zero(void **state) {
    (void)state;
    double error = 1.0;
    float *features = rotated_features(UNITS); /* 40 >= 21 = 6 * 7 / 2: they span all quadratic forms */
    assert_int_equal(feature_error(ctx, ROWS, UNITS, features, WIDTH, targets, &error), STRATA_OK);
    assert_true(error <= 1e-8);
    free(features);
    features = rotated_features(15); /* 15 < 21: they do not */
    assert_int_equal(feature_error(ctx, ROWS, 15, features, WIDTH, targets, &error), STRATA_OK);
    assert_true(error > 1e-2);
    free(features);
}

/* Scale and offset of a feature must not matter, nor a constant feature: standardised before the ridge. */
static void feature_error_ignores_scale_offset_and_dead_features(void **state) {
    (void)state;
    enum { WIDER = WIDTH + 1 };
    double *features = malloc(ROWS * WIDER * sizeof *features), error = 1.0;
    for (size_t i = 0; i < ROWS; ++i)
        for (size_t j = 0; j < WIDER; ++j)
            features[i * WIDER + j] = j < WIDTH ? 1e3 + pow(10.0, 2.0 * (double)j - 6.0) * targets[i * WIDTH + j] : 0.7;
    assert_int_equal(feature_error_f64(ctx, ROWS, WIDER, features, WIDTH, targets, &error), STRATA_OK);
    assert_true(error <= 1e-8);
    free(features);
}

static void feature_error_of_independent_features_is_one(void **state) {
    (void)state;
    double *features = malloc(ROWS * UNITS * sizeof *features), error = 0.0;
    normals(4, ROWS * UNITS, features);
    assert_int_equal(feature_error_f64(ctx, ROWS, UNITS, features, WIDTH, targets, &error), STRATA_OK);
    assert_true(error >= 0.99 && error < 1.2); /* 1 + 40 / 1000 expected */
    free(features);
}

/* Targets a f + noise of known share: the unexplained fraction is that share. */
static void feature_error_measures_the_noise_share(void **state) {
    (void)state;
    double *noise = malloc(ROWS * WIDTH * sizeof *noise), *noisy = malloc(ROWS * WIDTH * sizeof *noisy), error = 0.0;
    normals(5, ROWS * WIDTH, noise);
    for (size_t i = 0; i < ROWS * WIDTH; ++i) noisy[i] = projected[i] + 0.5 * noise[i];
    assert_int_equal(feature_error_f64(ctx, ROWS, WIDTH, projected, WIDTH, noisy, &error), STRATA_OK);
    assert_true(fabs(error - 0.2) < 0.02); /* .25 / 1.25, standard error .2 * sqrt(2 / 6000) = .004 */
    free(noise);
    free(noisy);
}

static void feature_error_refuses_bad_input(void **state) {
    (void)state;
    double features[8] = {0, 1, 2, 3, 4, NAN, 6, 7}, constant[8] = {0}, good[8] = {1, 2, 1, 3, 5, 1, 2, 2}, error;
    assert_int_equal(feature_error_f64(ctx, 8, 1, features, 1, good, &error), STRATA_ERR_ARGUMENT);
    assert_non_null(strstr(strata_context_message(ctx), "feature 0 of row 5"));
    assert_int_equal(feature_error_f64(ctx, 8, 1, good, 1, constant, &error), STRATA_ERR_ARGUMENT);
    assert_int_equal(feature_error_f64(ctx, 3, 1, good, 1, good, &error), STRATA_ERR_ARGUMENT);
}

static void form_of_layer_is_the_sum_of_squares(void **state) {
    (void)state;
    double o[WIDTH], form[DIMENSION * DIMENSION];
    normals(6, WIDTH, o);
    assert_int_equal(form_of_layer(ctx, WIDTH, DIMENSION, w, o, form), STRATA_OK);
    for (size_t i = 0; i < 5; ++i) {
        const double *row = x + i * DIMENSION;
        double value = 0.0, expected = 0.0;
        for (size_t a = 0; a < DIMENSION; ++a)
            for (size_t b = 0; b < DIMENSION; ++b) value += row[a] * form[a * DIMENSION + b] * row[b];
        for (size_t u = 0; u < WIDTH; ++u) expected += o[u] * targets[i * WIDTH + u];
        assert_true(fabs(value - expected) < 1e-12);
    }
}

static void form_error_is_the_squared_sine(void **state) {
    (void)state;
    const double target[4] = {1, 0, 0, 1}, scaled[4] = {-3, 0, 0, -3}, orthogonal[4] = {0, 1, 1, 0},
                 tilted[4] = {2, 1e-3, 1e-3, 2}, zero[4] = {0};
    assert_true(form_error(2, scaled, target) == 0.0);
    assert_true(form_error(2, orthogonal, target) == 1.0);
    assert_true(fabs(form_error(2, tilted, target) / (2e-6 / (8.0 + 2e-6)) - 1.0) < 1e-12);
    assert_true(isnan(form_error(2, zero, target)));
    /* The least over t: no t on a grid does better. */
    double least = INFINITY;
    const double off[4] = {1.0, 0.4, 0.1, 2.0};
    for (double t = 0.1; t < 5.0; t += 1e-3) {
        double residual = 0.0;
        for (int i = 0; i < 4; ++i) residual += (off[i] - t * target[i]) * (off[i] - t * target[i]);
        if (residual / (2.0 * t * t) < least) least = residual / (2.0 * t * t);
    }
    assert_true(fabs(form_error(2, off, target) - least) < 1e-6);
}

static void cka_is_one_up_to_rotation_and_scale_and_zero_for_strangers(void **state) {
    (void)state;
    float *a = malloc(ROWS * DIMENSION * sizeof *a), *b = malloc(ROWS * DIMENSION * sizeof *b);
    double *q = malloc(DIMENSION * DIMENSION * sizeof *q), *turned = malloc(ROWS * DIMENSION * sizeof *turned),
           similarity;
    normals(7, DIMENSION * DIMENSION, q);
    assert_int_equal(linalg_orthonormal_rows(ctx, DIMENSION, DIMENSION, q), STRATA_OK);
    linalg_gemm_f64(AS_IS, AS_IS, ROWS, DIMENSION, DIMENSION, 3.0, x, DIMENSION, q, DIMENSION, 0.0, turned, DIMENSION);
    for (size_t i = 0; i < ROWS * DIMENSION; ++i) {
        a[i] = (float)x[i];
        b[i] = (float)turned[i] + 7.0f; /* an offset is centred away */
    }
    assert_int_equal(cka_linear(ctx, ROWS, DIMENSION, a, DIMENSION, b, &similarity), STRATA_OK);
    assert_true(similarity > 1.0 - 1e-6 && similarity <= 1.0); /* float32 inputs */
    normals(8, ROWS * DIMENSION, turned);
    for (size_t i = 0; i < ROWS * DIMENSION; ++i) b[i] = (float)turned[i];
    assert_int_equal(cka_linear(ctx, ROWS, DIMENSION, a, DIMENSION, b, &similarity), STRATA_OK);
    assert_true(similarity < 3.0 * DIMENSION / ROWS); /* expectation about d / n */
    memset(b, 0, ROWS * DIMENSION * sizeof *b);
    assert_int_equal(cka_linear(ctx, ROWS, DIMENSION, a, DIMENSION, b, &similarity), STRATA_ERR_ARGUMENT);
    free(a);
    free(b);
    free(q);
    free(turned);
}

/* Naive twin by the n x n Gram matrices of the definition. */
static void cka_equals_the_centred_gram_form(void **state) {
    (void)state;
    enum { N = 12, P = 3, Q = 2 };
    float a[N * P], b[N * Q];
    for (size_t i = 0; i < N * P; ++i) a[i] = (float)x[i];
    for (size_t i = 0; i < N * Q; ++i) b[i] = (float)(x[i] * x[i + 40] + 1.0);
    double similarity, ka[N][N], kb[N][N], ab = 0, aa = 0, bb = 0, mean_a[P] = {0}, mean_b[Q] = {0};
    for (size_t i = 0; i < N; ++i) {
        for (size_t p = 0; p < P; ++p) mean_a[p] += (double)a[i * P + p] / N;
        for (size_t p = 0; p < Q; ++p) mean_b[p] += (double)b[i * Q + p] / N;
    }
    for (size_t i = 0; i < N; ++i)
        for (size_t j = 0; j < N; ++j) {
            ka[i][j] = kb[i][j] = 0;
            for (size_t p = 0; p < P; ++p)
                ka[i][j] += ((double)a[i * P + p] - mean_a[p]) * ((double)a[j * P + p] - mean_a[p]);
            for (size_t p = 0; p < Q; ++p)
                kb[i][j] += ((double)b[i * Q + p] - mean_b[p]) * ((double)b[j * Q + p] - mean_b[p]);
            ab += ka[i][j] * kb[i][j];
            aa += ka[i][j] * ka[i][j];
            bb += kb[i][j] * kb[i][j];
        }
    assert_int_equal(cka_linear(ctx, N, P, a, Q, b, &similarity), STRATA_OK);
    assert_true(fabs(similarity - ab / sqrt(aa * bb)) < 1e-12);
}

/* Three Gaussian clouds at distance `gap` along axes. */
static void clouds(uint64_t index, double gap, size_t rows, float *features, float *labels) {
    double *noise = malloc(rows * 5 * sizeof *noise);
    normals(index, rows * 5, noise);
    for (size_t i = 0; i < rows; ++i) {
        labels[i] = (float)(i % 3);
        for (size_t j = 0; j < 5; ++j) features[i * 5 + j] = (float)(noise[i * 5 + j] + (j == i % 3 ? gap : 0.0));
    }
    free(noise);
}

static void probe_separates_clouds_and_guesses_noise(void **state) {
    (void)state;
    enum { N = 600 };
    float a[N * 5], b[N * 5], la[N], lb[N];
    struct probe_rows train = {N, a, la}, test = {N, b, lb};
    double accuracy = 0.0;
    clouds(9, 8.0, N, a, la);
    clouds(10, 8.0, N, b, lb);
    assert_int_equal(probe_accuracy(ctx, 5, 3, &train, &test, &accuracy), STRATA_OK);
    assert_true(accuracy == 1.0);
    clouds(9, 0.0, N, a, la);
    clouds(10, 0.0, N, b, lb);
    assert_int_equal(probe_accuracy(ctx, 5, 3, &train, &test, &accuracy), STRATA_OK);
    assert_true(fabs(accuracy - 1.0 / 3.0) < 0.08); /* four standard errors of 600 guesses */
    la[4] = 3.0f;
    assert_int_equal(probe_accuracy(ctx, 5, 3, &train, &test, &accuracy), STRATA_ERR_ARGUMENT);
    assert_non_null(strstr(strata_context_message(ctx), "row 4"));
}

static strata_status every_measure(void) {
    enum { N = 60 };
    float a[N * 5], la[N];
    double error, form[25], wide[N];
    struct probe_rows rows = {N, a, la};
    clouds(11, 2.0, N, a, la);
    for (size_t i = 0; i < N; ++i) wide[i] = (double)a[i * 5];
    STRATA_TRY(feature_error(ctx, N, 5, a, 1, wide, &error));
    STRATA_TRY(cka_linear(ctx, N, 5, a, 1, la, &error));
    STRATA_TRY(form_of_layer(ctx, 2, 5, wide, wide, form));
    return probe_accuracy(ctx, 5, 3, &rows, &rows, &error);
}

static void failing_memory_is_reported(void **state) {
    (void)state;
    strata_status status = STRATA_ERR_MEMORY;
    for (uint64_t n = 1; status != STRATA_OK && n < 300; ++n) {
        mem_fail_from(n);
        status = every_measure();
        mem_fail_from(0);
        assert_true(status == STRATA_OK || status == STRATA_ERR_MEMORY);
    }
    assert_int_equal(status, STRATA_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feature_error_of_the_teacher_is_zero),
        cmocka_unit_test(feature_error_of_random_directions_of_its_row_space_is_zero),
        cmocka_unit_test(feature_error_ignores_scale_offset_and_dead_features),
        cmocka_unit_test(feature_error_of_independent_features_is_one),
        cmocka_unit_test(feature_error_measures_the_noise_share),
        cmocka_unit_test(feature_error_refuses_bad_input),
        cmocka_unit_test(form_of_layer_is_the_sum_of_squares),
        cmocka_unit_test(form_error_is_the_squared_sine),
        cmocka_unit_test(cka_is_one_up_to_rotation_and_scale_and_zero_for_strangers),
        cmocka_unit_test(cka_equals_the_centred_gram_form),
        cmocka_unit_test(probe_separates_clouds_and_guesses_noise),
        cmocka_unit_test(failing_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
