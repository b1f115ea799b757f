/* SPDX-License-Identifier: MIT */
/* Harmonics, eigenvalues on the sphere, predicted and measured learning curves, the dimension bound. */
#include "kernel_fixture.h"

#include "data/harmonic.h"
#include "kernels/dimension.h"
#include "kernels/learning_curve.h"
#include "kernels/nested_ridge.h"
#include "kernels/sphere.h"

static void harmonics_are_counted(void **state) {
    (void)state;
    assert_near("circle", harmonic_count(2, 7), 2, 0);
    assert_near("sphere", harmonic_count(3, 5), 11, 0);
    assert_near("degree 1", harmonic_count(20, 1), 20, 0);
    assert_near("degree 2", harmonic_count(20, 2), 209, 0);
    size_t index[3], count = 0;
    monomial_first(3, index);
    do {
        assert_true(index[0] < index[1] && index[1] < index[2] && index[2] < 9);
        ++count;
    } while (monomial_next(9, 3, index));
    assert_int_equal(count, 84);
    assert_near("binomial", binomial(9, 3), 84, 0);
}

/* Empirical moments of 200,000 draws: unit power, no correlation between degrees, zero mean. */
static void targets_are_orthonormal(void **state) {
    (void)state;
    enum { N = 100000, D = 6, Q = 4 };
    double *x = malloc(N * D * sizeof *x), *y = malloc(Q * N * sizeof *y), w[D];
    normals(9, D, w);
    sphere_inputs(rng_stream_make(2, 0, RNG_TEST), N, D, x);
    for (size_t q = 0; q < Q; ++q) harmonic_target(w, D, q, N, x, y + q * N);
    for (size_t p = 0; p < Q; ++p)
        for (size_t q = 0; q <= p; ++q) {
            double sum = 0;
            for (size_t i = 0; i < N; ++i) sum += y[p * N + i] * y[q * N + i] / N;
            assert_near("moment", sum, p == q, .04);
        }
    for (size_t i = 0; i < N; ++i) {
        double square = 0;
        for (size_t j = 0; j < D; ++j) square += x[i * D + j] * x[i * D + j];
        assert_near("norm", square, D, 1e-12);
    }
    free(x);
    free(y);
}

/* (t + 1)^2 = (1 + 1/d) Q_0 + 2 Q_1 + (1 - 1/d) Q_2, and lambda_q B_q is the coefficient. */
static void eigenvalues_of_a_polynomial_are_exact(void **state) {
    (void)state;
    enum { D = 7 };
    double values[6], at_one;
    struct kernel kernel = make("poly2", 0, NULL, D, NULL);
    assert_int_equal(sphere_eigenvalues(ctx, &kernel, 6, values, &at_one), STRATA_OK);
    assert_near("k(1)", at_one, 4, 1e-14);
    assert_near("0", values[0], 1 + 1.0 / D, 1e-13);
    assert_near("1", values[1] * D, 2, 1e-13);
    assert_near("2", values[2] * harmonic_count(D, 2), 1 - 1.0 / D, 1e-13);
    assert_near("3", values[3] * harmonic_count(D, 3), 0, 1e-12);
}

static void eigenvalues_add_up(void **state) {
    (void)state;
    const char *const texts[] = {"rbf(bandwidth=4.4721359549995796)", "poly4"};
    for (size_t i = 0; i < 2; ++i) {
        double values[LEARNING_CURVE_DEGREES], at_one, sum = 0;
        struct kernel kernel = make(texts[i], 0, NULL, 20, NULL);
        assert_int_equal(sphere_eigenvalues(ctx, &kernel, LEARNING_CURVE_DEGREES, values, &at_one), STRATA_OK);
        for (size_t q = 0; q < 20; ++q) sum += values[q] * harmonic_count(20, q);
        assert_near(texts[i], sum / at_one, 1, 1e-8);
    }
}

/* Theory of d = 20, degrees 1 to 3 (numpy, two decimals or three). */
static void learning_curves_match_golden_values(void **state) {
    (void)state;
    static const struct {
        double n, error[3];
    } golden[] = {{30, {.24, 1.23, 1.38}},
                  {100, {.019, .80, 1.41}},
                  {300, {.001, .196, 1.42}},
                  {1000, {0, .008, .681}},
                  {3000, {0, 0, .065}}};
    struct kernel kernel = make("rbf(bandwidth=4.4721359549995796)", 0, NULL, 20, NULL);
    struct learning_curve curve;
    assert_int_equal(learning_curve_create(ctx, &kernel, &curve), STRATA_OK);
    for (size_t i = 0; i < 5; ++i)
        for (size_t q = 1; q <= 3; ++q) {
            double expected = golden[i].error[q - 1], error = learning_curve_degree(&curve, golden[i].n, 1e-6, q);
            assert_near("error", error, expected, expected < .1 ? 6e-4 : 6e-3);
        }
    assert_near("half of degree 2", learning_curve_samples(&curve, 1e-6, 2, .5), 168, 1);
    assert_near("half of degree 3", learning_curve_samples(&curve, 1e-6, 3, .5), 1275, 5);
    kernel = make("ntk(layers=3, bias_variance=0)", 0, NULL, 20, NULL);
    assert_int_equal(learning_curve_create(ctx, &kernel, &curve), STRATA_OK);
    assert_near("ntk 2", learning_curve_degree(&curve, 3000, 1e-6 * 8, 2), .014, 1e-3);
    assert_near("ntk 3", learning_curve_degree(&curve, 3000, 1e-6 * 8, 3), .517, 3e-3);
}

/* One training set of 400 rows in 10 dimensions: the average is known to a few hundredths. */
static void a_measurement_follows_the_curve(void **state) {
    (void)state;
    enum { N = 400, M = 1000, D = 10 };
    const size_t sizes[] = {50, 100, N};
    double *x = malloc(N * D * sizeof *x), *y = malloc(N * sizeof *y), *tx = malloc(M * D * sizeof *x),
           *ty = malloc(M * sizeof *y), w[D], errors[3];
    normals(11, D, w);
    sphere_inputs(rng_stream_make(3, 0, RNG_TEST), N, D, x);
    sphere_inputs(rng_stream_make(4, 0, RNG_TEST), M, D, tx);
    harmonic_target(w, D, 2, N, x, y);
    harmonic_target(w, D, 2, M, tx, ty);
    struct kernel kernel = make("rbf(bandwidth=3.1622776601683795)", N, x, D, NULL);
    struct learning_curve curve;
    assert_int_equal(learning_curve_create(ctx, &kernel, &curve), STRATA_OK);
    assert_int_equal(nested_ridge(ctx, NULL, &kernel, N, x, 1, y, M, tx, ty, 1e-6, 3, sizes, errors), STRATA_OK);
    for (size_t s = 0; s < 3; ++s)
        assert_near("error", errors[s], learning_curve_degree(&curve, (double)sizes[s], 1e-6, 2), .1);
    assert_true(fabs(errors[1] - learning_curve_degree(&curve, 25, 1e-6, 2)) > .3); /* a wrong n shows */
    free(x);
    free(y);
    free(tx);
    free(ty);
}

/* The kernel of exactly these monomials reaches the bound, others stay above, and one that knows the target below. */
static void the_dimension_bound_holds(void **state) {
    (void)state;
    enum { D = 12, N = 60 };
    const char *const texts[] = {"elementary", "rbf", "ntk3"};
    double bound = dimension_bound(N, binomial(D, 3)), probe[N * D];
    hypercube_inputs(rng_stream_make(5, 0, RNG_TEST), N, D, probe);
    for (size_t i = 0; i < 3; ++i) {
        struct kernel kernel = make(texts[i], N, probe, D, NULL);
        double error, known;
        assert_int_equal(kernel_dimension_errors(ctx, NULL, &kernel, rng_stream_make(5, 0, RNG_TEST), 3, N, 3000, 1e-6,
                                                 &error, &known),
                         STRATA_OK);
        assert_true(error > bound - .02);
        assert_true(known < bound - .2);
        if (i == 0) assert_near("tight", error, bound, .02);
    }
}

static void what_has_no_spectrum_is_refused(void **state) {
    (void)state;
    double values[2], at_one;
    struct kernel kernel = make("poly2", 0, NULL, 2, NULL);
    assert_int_equal(sphere_eigenvalues(ctx, &kernel, 2, values, &at_one), STRATA_ERR_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(harmonics_are_counted),
        cmocka_unit_test(targets_are_orthonormal),
        cmocka_unit_test(eigenvalues_of_a_polynomial_are_exact),
        cmocka_unit_test(eigenvalues_add_up),
        cmocka_unit_test(learning_curves_match_golden_values),
        cmocka_unit_test(a_measurement_follows_the_curve),
        cmocka_unit_test(the_dimension_bound_holds),
        cmocka_unit_test(what_has_no_spectrum_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
