/* SPDX-License-Identifier: MIT */
/* Kernels against published numbers, plain recursions and their invariants; leave-one-out against refits. */
#include <float.h>
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
#include "kernels/kernel.h"
#include "kernels/ridge_path.h"
#include "linalg/linalg.h"

static strata_context *ctx;

/* Rows of the golden values; those are independent of this code (numpy, six decimals). */
static const double golden_x[12] = {1, 2, -1, .5, 0, 1, 1, -1, -1.5, .5, 0, 2};

static int setup(void **state) {
    (void)state;
    return strata_context_create(&ctx) == STRATA_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    strata_context_destroy(ctx);
    return 0;
}

static double *normals(uint64_t index, size_t count) {
    double *values = malloc(count * sizeof *values);
    rng_normal_f64(rng_stream_at(rng_stream_make(1, 0, RNG_TEST), index), count, values);
    return values;
}

static void assert_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("got %.17g, expected %.17g within %g", value, expected, tolerance);
}

static struct kernel make(const char *text, size_t n, const double *x, size_t dimension) {
    const size_t square[3] = {1, 3, 3}; /* for kernels of pictures */
    struct kernel kernel;
    assert_int_equal(kernel_create(ctx, text, n, x, dimension, dimension == 9 ? square : NULL, &kernel), STRATA_OK);
    return kernel;
}

static void gram_matches_golden_values(void **state) {
    (void)state;
    double gram[9];
    struct kernel ntk = make("ntk(layers=2, bias_variance=0.1)", 3, golden_x, 4);
    assert_int_equal(kernel_gram(ctx, NULL, &ntk, 3, golden_x, 3, golden_x, gram), STRATA_OK);
    assert_near(gram[0], 9.975, 1e-12);
    assert_near(gram[1], 2.195317, 1e-6);
    assert_near(gram[5], 1.318057, 1e-6);
    struct kernel rbf = make("rbf(bandwidth=2)", 3, golden_x, 4);
    assert_int_equal(kernel_gram(ctx, NULL, &rbf, 3, golden_x, 3, golden_x, gram), STRATA_OK);
    assert_near(gram[1], .356561, 1e-6);
    assert_near(gram[2], .230213, 1e-6);
    assert_near(gram[5], .209611, 1e-6);
    struct kernel poly = make("poly3", 3, golden_x, 4); /* scale: the dimension, 4 */
    assert_int_equal(kernel_gram(ctx, NULL, &poly, 3, golden_x, 3, golden_x, gram), STRATA_OK);
    assert_near(gram[1], 1.423828, 1e-6);
}

/* The recursion as it is written, one pair at a time, over atan2. */
static double ntk_twin(size_t layers, double w, double b, size_t d, const double *x, const double *z) {
    double aa = 0, bb = 0, c = 0;
    for (size_t i = 0; i < d; ++i) aa += x[i] * x[i], bb += z[i] * z[i], c += x[i] * z[i];
    aa = w * aa / (double)d + b, bb = w * bb / (double)d + b, c = w * c / (double)d + b;
    double t = c;
    for (size_t l = 0; l < layers; ++l) {
        double root = sqrt(fmax(aa * bb - c * c, 0.0)), angle = root == 0.0 && c == 0.0 ? M_PI / 2 : atan2(root, c);
        double derivative = 0.5 - angle / (2 * M_PI), dual = root / (2 * M_PI) + derivative * c;
        t = w * dual + b + w * derivative * t;
        c = w * dual + b, aa = w * aa / 2 + b, bb = w * bb / 2 + b;
    }
    return t;
}

/* 700 rows: two blocks, three chunks. A zero row and opposite rows are among them. */
static void ntk_equals_the_plain_recursion(void **state) {
    (void)state;
    enum { N = 700, D = 7 };
    double *x = normals(1, N * D), *gram = malloc(N * N * sizeof *gram);
    for (size_t k = 0; k < D; ++k) x[3 * D + k] = 0.0, x[5 * D + k] = -x[4 * D + k];
    for (int biased = 0; biased < 2; ++biased) {
        struct kernel kernel = make(biased ? "ntk4" : "ntk(layers=4, bias_variance=0)", N, x, D);
        assert_int_equal(kernel_gram(ctx, NULL, &kernel, N, x, N, x, gram), STRATA_OK);
        /* Values up to 30; sqrt(a a' - c^2) near opposite rows costs half the digits of c, so 1e-7. */
        for (size_t i = 0; i < N; ++i)
            for (size_t j = 0; j < N; ++j) {
                double expected = ntk_twin(4, 2.0, biased ? 0.1 : 0.0, D, x + i * D, x + j * D);
                double tolerance = i == j || (i == 4 && j == 5) || (i == 5 && j == 4) ? 1e-6 : 1e-9;
                if (!(fabs(gram[i * N + j] - expected) <= tolerance))
                    fail_msg("(%zu, %zu): %.17g, expected %.17g", i, j, gram[i * N + j], expected);
            }
    }
    free(x);
    free(gram);
}

static void angles_equal_atan2(void **state) {
    (void)state;
    enum { N = 20001 };
    double *cosine = malloc(N * sizeof *cosine), *sine = malloc(N * sizeof *sine);
    for (size_t i = 0; i < N; ++i) { /* radii over many decades; the last point is the origin */
        double angle = M_PI * (double)i / (N - 1), radius = i + 1 < N ? exp((double)(i % 60) - 30.0) : 0.0;
        cosine[i] = radius * cos(angle);
        sine[i] = radius * fabs(sin(angle));
    }
    for (size_t i = 0; i < 30; ++i)
        cosine[i] = 1.0, sine[i] = pow(10.0, -(double)i); /* small angles keep their digits */
    double *angle = malloc(N * sizeof *angle);
    memcpy(angle, sine, N * sizeof *angle);
    dual_angles(N, cosine, angle);
    for (size_t i = 0; i + 1 < N; ++i)
        assert_near(angle[i], atan2(sine[i], cosine[i]), 3.0 * DBL_EPSILON * atan2(sine[i], cosine[i]));
    assert_near(angle[N - 1], M_PI / 2, 0.0);
    free(cosine);
    free(sine);
    free(angle);
}

/* Every kernel of the table: symmetric to the bit, positive semidefinite, its diagonal, and blocks that agree. */
static void gram_invariants_hold_for_every_kernel(void **state) {
    (void)state;
    enum { N = 530, D = 9, SMALL = 60 };
    double *x = normals(2, N * D), *gram = malloc(N * N * sizeof *gram), *other = malloc(N * N * sizeof *other),
           *diagonal = malloc(N * sizeof *diagonal);
    double *copy = malloc(N * D * sizeof *copy), values[SMALL], small[SMALL * SMALL];
    memcpy(copy, x, N * D * sizeof *copy);
    for (size_t k = 0; k < kernel_table_size; ++k) {
        struct kernel kernel = make(kernel_table[k]->name, N, x, D);
        if (kernel_check(ctx, &kernel, "row", N, x) != STRATA_OK) continue; /* has a test of its own */
        assert_non_null(kernel_table[k]->formula);
        assert_non_null(kernel_table[k]->source);
        assert_int_equal(kernel_gram(ctx, NULL, &kernel, N, x, N, x, gram), STRATA_OK);
        assert_int_equal(kernel_gram(ctx, NULL, &kernel, N, x, N, copy, other), STRATA_OK); /* not seen as symmetric */
        assert_int_equal(kernel_diagonal(ctx, &kernel, N, x, diagonal), STRATA_OK);
        double largest = 0.0;
        for (size_t i = 0; i < N; ++i) largest = fmax(largest, diagonal[i]);
        for (size_t i = 0; i < N; ++i) {
            assert_true(gram[i * N + i] == diagonal[i]);
            for (size_t j = 0; j < N; ++j) {
                assert_true(gram[i * N + j] == gram[j * N + i]);
                assert_near(other[i * N + j], gram[i * N + j],
                            i == j ? 1e-6 * largest : 1e-12 * largest); /* angle near the diagonal */
            }
        }
        for (size_t i = 0; i < SMALL; ++i) memcpy(small + i * SMALL, gram + i * N, SMALL * sizeof *small);
        assert_int_equal(linalg_eigen_symmetric(ctx, SMALL, small, values, NULL), STRATA_OK);
        assert_true(values[0] >= -1e-10 * values[SMALL - 1]);
        for (size_t i = 0; i < N; i += 97) { /* one row alone: another block size */
            assert_int_equal(kernel_gram(ctx, NULL, &kernel, 1, x + i * D, N, copy, other), STRATA_OK);
            for (size_t j = 0; j < N; ++j)
                if (i != j) assert_near(other[j], gram[i * N + j], 1e-12 * largest);
        }
    }
    free(x);
    free(copy);
    free(gram);
    free(other);
    free(diagonal);
}

static void bandwidth_is_the_median_distance(void **state) {
    (void)state;
    const double x[4] = {0, 1, 3, 7}, same[3] = {2, 2, 2}; /* distances 1 2 3 4 6 7: upper median 4 */
    struct kernel rbf = make("rbf", 4, x, 1);
    assert_near(kernel_parameter(&rbf, "bandwidth"), 4.0, 1e-15);
    struct kernel kernel;
    assert_int_equal(kernel_create(ctx, "rbf", 3, same, 1, NULL, &kernel), STRATA_ERR_ARGUMENT);
}

static void kernels_are_read_from_text_and_printed(void **state) {
    (void)state;
    static const struct {
        const char *text, *printed;
    } good[] = {
        {"poly3", "poly(degree=3, offset=1, scale=4)"},
        {"poly(degree=3,offset=0.5)", "poly(degree=3, offset=0.5, scale=4)"},
        {"ntk",
         "ntk(layers=3, activation=relu, weight_variance=2, bias_variance=0.1, skip=0, readout=last, train_input=1, "
         "train_readout=1)"},
        {"rbf(bandwidth=2)", "rbf(bandwidth=2)"},
    };
    static const struct {
        const char *text;
        strata_status status;
        const char *said;
    } bad[] = {
        {"rbg", STRATA_ERR_NOT_FOUND, "'rbf'"},
        {"rbf2", STRATA_ERR_NOT_FOUND, "rbf"},
        {"poly(degre=3)", STRATA_ERR_CONFIG, "'degree'"},
        {"poly(degree=0)", STRATA_ERR_CONFIG, "[1, 64]"},
        {"poly(degree=2.5)", STRATA_ERR_CONFIG, "whole"},
        {"poly(offset=-1)", STRATA_ERR_CONFIG, "offset"},
        {"poly(degree=nan)", STRATA_ERR_CONFIG, "'nan'"},
        {"ntk(activation=rely)", STRATA_ERR_CONFIG, "'relu'"},
        {"ntk(layers)", STRATA_ERR_CONFIG, "parameter=value"},
        {"poly(degree=2", STRATA_ERR_CONFIG, "poly(degree=2"},
        {"poly(degree=2)x", STRATA_ERR_CONFIG, "poly"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; ++i) {
        struct kernel kernel = make(good[i].text, 3, golden_x, 4), again;
        char text[KERNEL_TEXT];
        kernel_text(&kernel, text);
        if (strncmp(text, good[i].printed, strlen(good[i].printed) - 1) != 0)
            fail_msg("'%s' is printed as '%s'", good[i].text, text);
        assert_int_equal(kernel_create(ctx, text, 0, NULL, 4, NULL, &again), STRATA_OK);
        assert_memory_equal(again.number, kernel.number, sizeof kernel.number);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
        struct kernel kernel;
        if (kernel_create(ctx, bad[i].text, 3, golden_x, 4, NULL, &kernel) != bad[i].status)
            fail_msg("'%s': %s", bad[i].text, strata_context_message(ctx));
        if (!strstr(strata_context_message(ctx), bad[i].said))
            fail_msg("'%s': %s", bad[i].text, strata_context_message(ctx));
    }
}

static void leave_one_out_matches_golden_residuals(void **state) {
    (void)state;
    const double residuals[3] = {1.218439, -1.361456, .472289}, y[3] = {1, -1, .5}, ridge = 0.1;
    double gram[9], error, expected = 0.0;
    struct kernel rbf = make("rbf(bandwidth=2)", 3, golden_x, 4);
    struct ridge_path path;
    assert_int_equal(kernel_gram(ctx, NULL, &rbf, 3, golden_x, 3, golden_x, gram), STRATA_OK);
    assert_int_equal(ridge_path_from_gram(ctx, 3, gram, &path), STRATA_OK);
    assert_int_equal(ridge_path_leave_one_out(ctx, &path, 1, y, 1, &ridge, &error), STRATA_OK);
    for (int i = 0; i < 3; ++i) expected += residuals[i] * residuals[i] / 3.0;
    assert_near(error, expected, 3e-6);
    ridge_path_destroy(&path);
}

/* n ridge regressions on n - 1 rows each. */
static double refitted_error(size_t n, size_t p, const double *x, const double *y, double ridge) {
    double *rest = malloc(n * p * sizeof *rest), *target = malloc(n * 2 * sizeof *target),
           *w = malloc(p * 2 * sizeof *w), sum = 0.0;
    for (size_t out = 0; out < n; ++out) {
        for (size_t i = 0, row = 0; i < n; ++i) {
            if (i == out) continue;
            memcpy(rest + row * p, x + i * p, p * sizeof *x);
            memcpy(target + 2 * row++, y + 2 * i, 2 * sizeof *y);
        }
        assert_int_equal(linalg_ridge(ctx, n - 1, p, 2, rest, target, ridge, w), STRATA_OK);
        for (size_t o = 0; o < 2; ++o) {
            double fitted = 0.0;
            for (size_t k = 0; k < p; ++k) fitted += x[out * p + k] * w[k * 2 + o];
            sum += (fitted - y[2 * out + o]) * (fitted - y[2 * out + o]);
        }
    }
    free(rest);
    free(target);
    free(w);
    return sum / (double)n;
}

static void leave_one_out_equals_refits(void **state) {
    (void)state;
    const double ridges[3] = {1e-3, 1.0, 30.0};
    const size_t shapes[2][2] = {{25, 6}, {12, 30}}; /* through the covariance, through the Gram matrix */
    for (int s = 0; s < 2; ++s) {
        size_t n = shapes[s][0], p = shapes[s][1];
        double *x = normals(3, n * p), *y = normals(4, 2 * n), errors[3];
        struct ridge_path path;
        assert_int_equal(ridge_path_from_features(ctx, n, p, x, &path), STRATA_OK);
        assert_int_equal(path.rank, n < p ? n : p);
        assert_int_equal(ridge_path_leave_one_out(ctx, &path, 2, y, 3, ridges, errors), STRATA_OK);
        for (int i = 0; i < 3; ++i) assert_near(errors[i] / refitted_error(n, p, x, y, ridges[i]), 1.0, 1e-8);
        ridge_path_destroy(&path);
        free(x);
        free(y);
    }
}

static void indefinite_gram_is_refused(void **state) {
    (void)state;
    double gram[4] = {1, 2, 2, 1};
    struct ridge_path path;
    assert_int_equal(ridge_path_from_gram(ctx, 2, gram, &path), STRATA_ERR_CONVERGENCE);
    assert_non_null(strstr(strata_context_message(ctx), "not positive semidefinite"));
}

static strata_status every_call(void) {
    double gram[9], error;
    const double ridge = 0.1, y[3] = {1, 2, 4};
    struct kernel kernel;
    struct ridge_path path = {0};
    STRATA_TRY(kernel_create(ctx, "rbf", 3, golden_x, 4, NULL, &kernel));
    STRATA_TRY(kernel_gram(ctx, NULL, &kernel, 3, golden_x, 3, golden_x, gram));
    STRATA_TRY(ridge_path_from_features(ctx, 3, 4, golden_x, &path));
    ridge_path_destroy(&path);
    STRATA_TRY(ridge_path_from_features(ctx, 6, 2, golden_x, &path));
    ridge_path_destroy(&path);
    STRATA_TRY(ridge_path_from_gram(ctx, 3, gram, &path));
    strata_status status = ridge_path_leave_one_out(ctx, &path, 1, y, 1, &ridge, &error);
    ridge_path_destroy(&path);
    return status;
}

static void failing_memory_is_reported(void **state) {
    (void)state;
    strata_status status = STRATA_ERR_MEMORY;
    for (uint64_t n = 1; status != STRATA_OK && n < 100; ++n) {
        mem_fail_from(n);
        status = every_call();
        mem_fail_from(0);
        assert_true(status == STRATA_OK || status == STRATA_ERR_MEMORY);
    }
    assert_int_equal(status, STRATA_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gram_matches_golden_values),
        cmocka_unit_test(ntk_equals_the_plain_recursion),
        cmocka_unit_test(angles_equal_atan2),
        cmocka_unit_test(gram_invariants_hold_for_every_kernel),
        cmocka_unit_test(bandwidth_is_the_median_distance),
        cmocka_unit_test(kernels_are_read_from_text_and_printed),
        cmocka_unit_test(leave_one_out_matches_golden_residuals),
        cmocka_unit_test(leave_one_out_equals_refits),
        cmocka_unit_test(indefinite_gram_is_refused),
        cmocka_unit_test(failing_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
