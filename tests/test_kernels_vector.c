/* SPDX-License-Identifier: MIT */
/* Kernels of vectors: golden values (numpy, six decimals), plain formulas, invariants. */
#include "kernel_fixture.h"

#include "core/threads.h"
#include "kernels/vector_exp.h"

static const double golden_x[12] = {1, 2, -1, .5, 0, 1, 1, -1, -1.5, .5, 0, 2};

static double entry(const char *text, size_t i, size_t j) {
    double gram[9];
    struct kernel kernel = make(text, 3, golden_x, 4, NULL);
    assert_int_equal(kernel_gram(ctx, NULL, &kernel, 3, golden_x, 3, golden_x, gram), STRATA_OK);
    return gram[3 * i + j];
}

static void kernels_match_golden_values(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double value;
    } golden[] = {
        {"laplace(bandwidth=2)", .237844},
        {"matern(bandwidth=2, nu=1.5)", .289879},
        {"matern(bandwidth=2, nu=2.5)", .308276},
        {"poly(degree=3, scale=4)", 1.423828},
        {"arc_cosine(order=0)", .536837},
        {"arc_cosine1", 1.637521},
        {"arc_cosine2", 12.387774},
        {"rbf(bandwidth=2)", .356561},
    };
    for (size_t i = 0; i < sizeof golden / sizeof *golden; ++i)
        assert_near(golden[i].text, entry(golden[i].text, 0, 1), golden[i].value, 6e-7 * fmax(1, golden[i].value));
    assert_near("rbf 02", entry("rbf(bandwidth=2)", 0, 2), .230213, 6e-7);
    assert_near("rbf 12", entry("rbf(bandwidth=2)", 1, 2), .209611, 6e-7);
}

/* Sums over all triples. */
static void elementary_counts_monomials(void **state) {
    (void)state;
    enum { N = 4, D = 7 };
    double x[N * D], gram[N * N];
    normals(3, N * D, x);
    for (size_t i = 0; i < N * D; ++i) x[i] = x[i] < 0 ? -1 : 1;
    struct kernel kernel = make("elementary", N, x, D, NULL);
    assert_int_equal(kernel_gram(ctx, NULL, &kernel, N, x, N, x, gram), STRATA_OK);
    for (size_t i = 0; i < N; ++i)
        for (size_t j = 0; j < N; ++j) {
            double sum = 0, p[D];
            for (size_t k = 0; k < D; ++k) p[k] = x[i * D + k] * x[j * D + k];
            for (size_t a = 0; a < D; ++a)
                for (size_t b = a + 1; b < D; ++b)
                    for (size_t c = b + 1; c < D; ++c) sum += p[a] * p[b] * p[c];
            assert_near("e_3", gram[i * N + j], sum, 1e-12);
        }
    refuse("elementary", 1, golden_x, 4, NULL, "expected +1 or -1");
}

/* comp with arc-cosine layers is the NNGP kernel of a ReLU network without biases. */
static void compositional_kernels_are_networks(void **state) {
    (void)state;
    assert_near("comp", entry("comp3", 0, 1), entry("nngp(layers=3, bias_variance=0)", 0, 1) / 2, 1e-12);
    double s = sqrt(6.25 / 4 * 3.0 / 4), k = .5 / 4; /* |x_0|^2 = 6.25, |x_1|^2 = 3, x_0.x_1 = .5 */
    assert_near("comp exp", entry("comp(layers=1, nonlinearity=exponential)", 0, 1), s * exp(k / s - 1), 1e-15);
}

static const char *const every[] = {"poly4",       "rbf",         "laplace", "matern(nu=2.5)",
                                    "arc_cosine0", "arc_cosine2", "comp3",   "comp(nonlinearity=exponential)"};

static void kernels_are_semidefinite(void **state) {
    (void)state;
    enum { N = 40, D = 3 };
    double x[N * D];
    normals(2, N * D, x);
    for (size_t k = 0; k < D; ++k) {
        x[5 * D + k] = x[4 * D + k];
        x[7 * D + k] = x[6 * D + k] * (1 + 1e-13);
        x[9 * D + k] = -x[8 * D + k];
    }
    for (size_t i = 0; i < N; ++i) x[i * D + 2] = 1;
    for (size_t i = 0; i < sizeof every / sizeof *every; ++i) {
        struct kernel kernel = make(every[i], N, x, D, NULL);
        double own[N], gram[N * N];
        assert_semidefinite(every[i], &kernel, N, x);
        assert_int_equal(kernel_diagonal(ctx, &kernel, N, x, own), STRATA_OK);
        assert_int_equal(kernel_gram(ctx, NULL, &kernel, N, x, N, x, gram), STRATA_OK);
        for (size_t r = 0; r < N; ++r) assert_true(own[r] == gram[r * N + r]);
        for (size_t j = 0; j < N; ++j) assert_near(every[i], gram[4 * N + j], gram[5 * N + j], 1e-12 * own[4] + 1e-7);
    }
}

/* Threads change no bit; a rectangular block agrees with the square one to rounding. */
static void threads_and_blocks_change_nothing(void **state) {
    (void)state;
    enum { N = 300, D = 4 };
    double *x = malloc(N * D * sizeof *x), *one = malloc(N * N * sizeof *x), *two = malloc(N * N * sizeof *x),
           *part = malloc(100 * N * sizeof *x);
    struct thread_pool *pool;
    normals(4, N * D, x);
    assert_int_equal(thread_pool_create(ctx, 2, &pool), STRATA_OK);
    for (size_t i = 0; i < sizeof every / sizeof *every; ++i) {
        struct kernel kernel = make(every[i], N, x, D, NULL);
        assert_int_equal(kernel_gram(ctx, NULL, &kernel, N, x, N, x, one), STRATA_OK);
        assert_int_equal(kernel_gram(ctx, pool, &kernel, N, x, N, x, two), STRATA_OK);
        assert_memory_equal(one, two, N * N * sizeof *one);
        assert_int_equal(kernel_gram(ctx, pool, &kernel, 100, x + 50 * D, N, x, part), STRATA_OK);
        for (size_t r = 0; r < 100; ++r)
            for (size_t j = 0; j < N; ++j)
                if (j != 50 + r) assert_near(every[i], part[r * N + j], one[(50 + r) * N + j], 1e-12 * one[r * N + r]);
    }
    thread_pool_destroy(pool);
    free(x);
    free(one);
    free(two);
    free(part);
}

static void exponential_is_that_of_the_library(void **state) {
    (void)state;
    for (double x = -745; x < 720; x += .37) {
        double expected = exp(x);
        if (expected < 1e-300)
            assert_true(vector_exp(x) >= 0 && vector_exp(x) < 1e-300);
        else if (isinf(expected))
            assert_true(isinf(vector_exp(x)));
        else if (x < 708)
            assert_near("exp", vector_exp(x) / expected, 1, 5e-16);
    }
    assert_true(isnan(vector_exp(NAN)) && vector_exp(0) == 1);
}

static void rows_outside_the_domain_are_refused(void **state) {
    (void)state;
    const double zero[4] = {0}, bad[4] = {1, NAN, 2, 3};
    refuse("arc_cosine1", 1, zero, 4, NULL, "row 0 is zero");
    refuse("rbf(bandwidth=1)", 1, bad, 4, NULL, "value 1 is not finite");
    refuse("matern(nu=2)", 1, golden_x, 4, NULL, "1.5|2.5");
    refuse("arc_cosine3", 1, golden_x, 4, NULL, "order");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_match_golden_values),         cmocka_unit_test(elementary_counts_monomials),
        cmocka_unit_test(compositional_kernels_are_networks),  cmocka_unit_test(kernels_are_semidefinite),
        cmocka_unit_test(threads_and_blocks_change_nothing),   cmocka_unit_test(exponential_is_that_of_the_library),
        cmocka_unit_test(rows_outside_the_domain_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
