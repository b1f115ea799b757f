/* SPDX-License-Identifier: MIT */
/* The public kernels: golden values (numpy, six decimals), fits with their variances, ensembles, refusals. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <strata/strata.h>

#include "core/rng.h"

enum { N = 60, M = 7, D = 4 };

static strata_context *ctx;
static double x[N * D], y[N], z[M * D];
static const double golden_x[12] = {1, 2, -1, .5, 0, 1, 1, -1, -1.5, .5, 0, 2};

#define OK(call)                                              \
    do {                                                      \
        strata_status ok_ = (call);                           \
        if (ok_) fail_msg("%s", strata_context_message(ctx)); \
    } while (0)

static int setup(void **state) {
    (void)state;
    rng_normal_f64(rng_stream_make(1, 0, RNG_TEST), N * D, x);
    rng_normal_f64(rng_stream_make(1, 1, RNG_TEST), M * D, z);
    for (size_t i = 0; i < N; ++i) y[i] = sin(x[i * D]) + x[i * D + 1] * x[i * D + 2];
    return strata_context_create(&ctx) ? -1 : 0;
}

static int teardown(void **state) {
    (void)state;
    strata_context_destroy(ctx);
    return 0;
}

static void near(const char *what, double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%s: %.12g, expected %.12g", what, value, expected);
}

static strata_kernel *make(const char *text, size_t rows, const double *from) {
    strata_kernel *kernel;
    OK(strata_kernel_create(ctx, text, NULL, rows, D, from, &kernel));
    return kernel;
}

static void a_posterior_meets_golden_values(void **state) {
    (void)state;
    static const double targets[3] = {1, -1, .5}, at[4] = {.5, .5, .5, .5}, ridge = .1,
                        residuals[3] = {1.218439, -1.361456, .472289};
    strata_kernel *kernel = make("rbf(bandwidth=2)", 3, golden_x);
    const strata_kernel_fit_options options = {.ridges = &ridge, .ridge_count = 1};
    strata_kernel_fit *fit;
    double mean, variance, left_out[3];
    OK(strata_kernel_fit_create(ctx, kernel, &options, 3, golden_x, 1, targets, &fit));
    OK(strata_kernel_fit_predict(ctx, fit, 1, at, &mean, &variance));
    near("mean", mean, -.063500, 6e-7);
    near("variance", variance, .395653, 6e-7);
    OK(strata_kernel_fit_leave_one_out(ctx, fit, left_out));
    for (size_t i = 0; i < 3; ++i) near("residual", left_out[i], residuals[i], 6e-7);
    strata_kernel_fit_measures found = strata_kernel_fit_get_measures(fit);
    near("evidence", found.log_marginal, -4.266037, 6e-7);
    near("noise", found.noise, .1, 1e-15);
    strata_kernel_fit_destroy(fit);
    strata_kernel_destroy(kernel);
}

static void the_table_is_whole(void **state) {
    (void)state;
    assert_true(strata_kernel_count() > 9);
    for (size_t i = 0; i < strata_kernel_count(); ++i)
        assert_true(*strata_kernel_name(i) && *strata_kernel_formula(i) && *strata_kernel_source(i));
    assert_null(strata_kernel_name(strata_kernel_count()));
}

static void a_text_gives_the_kernel_back(void **state) {
    (void)state;
    double gram[N * N], again[N * N], diagonal[N];
    const strata_kernel_options two = {.threads = 2};
    strata_kernel *kernel = make("rbf", N, x), *copy;
    OK(strata_kernel_create(ctx, strata_kernel_text(kernel), &two, 0, D, NULL, &copy));
    OK(strata_kernel_gram(ctx, kernel, N, x, N, x, gram));
    OK(strata_kernel_gram(ctx, copy, N, x, N, x, again));
    OK(strata_kernel_diagonal(ctx, kernel, N, x, diagonal));
    assert_memory_equal(gram, again, sizeof gram);
    for (size_t i = 0; i < N; ++i) near("diagonal", diagonal[i], gram[i * N + i], 0);
    strata_kernel_destroy(kernel);
    strata_kernel_destroy(copy);
}

/* Training rows are known up to the noise; far away the prior is back. Refits without a row give its residual. */
static void variances_and_residuals_are_what_they_say(void **state) {
    (void)state;
    double mean[N], variance[N], left_out[N], far[D] = {1e3, 1e3, 1e3, 1e3};
    strata_kernel *kernel = make("rbf", N, x);
    strata_kernel_fit *fit, *less;
    OK(strata_kernel_fit_create(ctx, kernel, NULL, N, x, 1, y, &fit));
    strata_kernel_fit_measures found = strata_kernel_fit_get_measures(fit);
    assert_true(found.jitter == 0);
    OK(strata_kernel_fit_leave_one_out(ctx, fit, left_out));
    OK(strata_kernel_fit_predict(ctx, fit, N, x, mean, variance));
    for (size_t i = 0; i < N; ++i) assert_true(variance[i] <= found.noise * (1 + 1e-6));
    OK(strata_kernel_fit_predict(ctx, fit, 1, far, mean, variance));
    near("prior", variance[0], 1, 1e-12);
    const strata_kernel_fit_options same = {.ridges = &found.ridge, .ridge_count = 1};
    OK(strata_kernel_fit_create(ctx, kernel, &same, N - 1, x + D, 1, y + 1, &less));
    OK(strata_kernel_fit_predict(ctx, less, 1, x, mean, NULL));
    near("residual", left_out[0], y[0] - mean[0], 1e-8);
    strata_kernel_fit_destroy(less);
    strata_kernel_fit_destroy(fit);
    strata_kernel_destroy(kernel);
}

static void a_gram_matrix_gives_the_same_fit(void **state) {
    (void)state;
    double gram[N * N], cross[M * N], own[M], mean[2][M], variance[2][M];
    strata_kernel *kernel = make("ntk3", N, x);
    strata_kernel_fit *fit, *from_gram;
    OK(strata_kernel_gram(ctx, kernel, N, x, N, x, gram));
    OK(strata_kernel_gram(ctx, kernel, M, z, N, x, cross));
    OK(strata_kernel_diagonal(ctx, kernel, M, z, own));
    OK(strata_kernel_fit_create(ctx, kernel, NULL, N, x, 1, y, &fit));
    OK(strata_kernel_fit_create_from_gram(ctx, NULL, N, gram, 1, y, &from_gram));
    OK(strata_kernel_fit_predict(ctx, fit, M, z, mean[0], variance[0]));
    OK(strata_kernel_fit_predict_gram(ctx, from_gram, M, cross, own, mean[1], variance[1]));
    assert_memory_equal(mean[0], mean[1], sizeof mean[0]);
    assert_memory_equal(variance[0], variance[1], sizeof variance[0]);
    assert_int_equal(strata_kernel_fit_predict(ctx, from_gram, M, z, mean[0], NULL), STRATA_ERR_UNSUPPORTED);
    gram[3 * N + 1] += 1e-3;
    strata_kernel_fit_destroy(from_gram);
    assert_int_equal(strata_kernel_fit_create_from_gram(ctx, NULL, N, gram, 1, y, &from_gram), STRATA_ERR_ARGUMENT);
    assert_non_null(strstr(strata_context_message(ctx), "expected a symmetric matrix"));
    assert_null(from_gram);
    gram[3 * N + 1] = NAN;
    assert_int_equal(strata_kernel_fit_create_from_gram(ctx, NULL, N, gram, 1, y, &from_gram), STRATA_ERR_ARGUMENT);
    assert_non_null(strstr(strata_context_message(ctx), "(3, 1) is not finite"));
    strata_kernel_fit_destroy(fit);
    strata_kernel_destroy(kernel);
}

/* Equal rows and no ridge: refused with the pivot, or, when asked for, solved with a jitter that is told. */
static void equal_rows_need_a_jitter(void **state) {
    (void)state;
    static const double zero = 0, negative = -1;
    double twice[2 * D];
    strata_kernel_fit *fit;
    strata_kernel *kernel = make("rbf(bandwidth=1)", 0, NULL);
    memcpy(twice, x, D * sizeof *x);
    memcpy(twice + D, x, D * sizeof *x);
    strata_kernel_fit_options options = {.ridges = &zero, .ridge_count = 1};
    assert_int_equal(strata_kernel_fit_create(ctx, kernel, &options, 2, twice, 1, y, &fit), STRATA_ERR_CONVERGENCE);
    assert_non_null(strstr(strata_context_message(ctx), "pivot 2"));
    options.jitter = 1e-6;
    OK(strata_kernel_fit_create(ctx, kernel, &options, 2, twice, 1, y, &fit));
    strata_kernel_fit_measures found = strata_kernel_fit_get_measures(fit);
    assert_true(found.ridge == 0 && found.jitter > 0 && found.jitter <= 1e-6);
    strata_kernel_fit_destroy(fit);
    options.ridges = &negative;
    assert_int_equal(strata_kernel_fit_create(ctx, kernel, &options, 2, twice, 1, y, &fit), STRATA_ERR_ARGUMENT);
    strata_kernel_destroy(kernel);
}

/* Untrained networks are the prior. Where only the output layer is trained both kernels are one and training to the end
 * gives the posterior without noise; otherwise the variance is another one. */
static void ensembles_lie_between_prior_and_posterior(void **state) {
    (void)state;
    static const double zero = 0;
    double mean[M], variance[M], own[M], posterior_mean[M], posterior[M], other[M];
    strata_kernel *nngp = make("nngp(layers=1)", N, x), *ntk = make("ntk(layers=1)", N, x);
    const strata_kernel_fit_options exact = {.ridges = &zero, .ridge_count = 1};
    strata_kernel_fit *fit;
    OK(strata_kernel_diagonal(ctx, nngp, M, z, own));
    OK(strata_kernel_ensemble(ctx, nngp, ntk, 0, N, x, 1, y, M, z, mean, variance));
    for (size_t i = 0; i < M; ++i) {
        near("mean", mean[i], 0, 0);
        near("variance", variance[i], own[i], 1e-12);
    }
    OK(strata_kernel_fit_create(ctx, nngp, &exact, N, x, 1, y, &fit));
    OK(strata_kernel_fit_predict(ctx, fit, M, z, posterior_mean, posterior));
    OK(strata_kernel_ensemble(ctx, nngp, nngp, INFINITY, N, x, 1, y, M, z, mean, variance));
    for (size_t i = 0; i < M; ++i) {
        near("mean", mean[i], posterior_mean[i], 1e-6);
        near("variance", variance[i], posterior[i], 1e-8);
    }
    OK(strata_kernel_ensemble(ctx, nngp, ntk, INFINITY, N, x, 1, y, M, z, mean, variance));
    OK(strata_kernel_ensemble(ctx, nngp, ntk, 1e6, N, x, 1, y, M, z, posterior_mean, other));
    for (size_t i = 0; i < M; ++i) {
        assert_true(variance[i] > posterior[i] && variance[i] < own[i]);
        near("long training", other[i], variance[i], 1e-3 * own[i]);
    }
    assert_int_equal(strata_kernel_ensemble(ctx, nngp, ntk, -1, N, x, 1, y, M, z, mean, variance), STRATA_ERR_ARGUMENT);
    strata_kernel_fit_destroy(fit);
    strata_kernel_destroy(nngp);
    strata_kernel_destroy(ntk);
}

static void bad_texts_and_rows_are_refused(void **state) {
    (void)state;
    strata_kernel *kernel;
    double gram[4], rows[2 * D] = {1, 0, 0, 0};
    assert_int_equal(strata_kernel_create(ctx, "ntkk", NULL, N, D, x, &kernel), STRATA_ERR_NOT_FOUND);
    assert_non_null(strstr(strata_context_message(ctx), "ntk"));
    assert_null(kernel);
    assert_int_equal(strata_kernel_create(ctx, "ntk(activation=sign)", NULL, N, D, x, &kernel), STRATA_ERR_CONFIG);
    assert_non_null(strstr(strata_context_message(ctx), "has no tangent kernel"));
    kernel = make("ntk(bias_variance=0)", 1, rows);
    assert_int_equal(strata_kernel_gram(ctx, kernel, 2, rows, 2, rows, gram), STRATA_ERR_ARGUMENT);
    assert_non_null(strstr(strata_context_message(ctx), "row 1 is zero"));
    strata_kernel_destroy(kernel);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_posterior_meets_golden_values),
        cmocka_unit_test(the_table_is_whole),
        cmocka_unit_test(a_text_gives_the_kernel_back),
        cmocka_unit_test(variances_and_residuals_are_what_they_say),
        cmocka_unit_test(a_gram_matrix_gives_the_same_fit),
        cmocka_unit_test(equal_rows_need_a_jitter),
        cmocka_unit_test(ensembles_lie_between_prior_and_posterior),
        cmocka_unit_test(bad_texts_and_rows_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
