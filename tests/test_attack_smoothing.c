/* SPDX-License-Identifier: MIT */
/* Randomised smoothing: its statistics against closed forms and sums, its radius against the exact one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attack/certificate.h"
#include "core/memory.h"
#include "measure/interval.h"

enum { INPUTS = 6, ROWS = 24 };

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

static void assert_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("got %.17g, expected %.17g within %g", value, expected, tolerance);
}

/* ---- statistics ---- */

static void normal_quantile_inverts_the_distribution(void **state) {
    (void)state;
    assert_near(normal_quantile(0.975), 1.959963984540054, 1e-14);
    assert_near(normal_quantile(0.5), 0, 1e-15);
    for (double p = 1e-300; p < 0.5; p *= 7) {
        double z = normal_quantile(p);
        assert_near(0.5 * erfc(-z / sqrt(2)) / p, 1, 1e-11); /* z^2 eps */
        if (p > 1e-10) assert_near(normal_quantile(1 - p), -z, 1e-5);
    }
    assert_true(isnan(normal_quantile(1.5)) && isinf(normal_quantile(1)) && isinf(normal_quantile(0)));
}

/* I_x(a, b) = P(binomial(a + b - 1, x) >= a), summed; and the closed forms of a or b = 1. */
static void incomplete_beta_is_a_sum_of_binomial_chances(void **state) {
    (void)state;
    for (int n = 1; n <= 30; ++n)
        for (int k = 1; k <= n; ++k)
            for (double x = 0.05; x < 1; x += 0.13) {
                double sum = 0;
                for (int i = k; i <= n; ++i)
                    sum += exp(lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) + i * log(x) + (n - i) * log(1 - x));
                assert_near(incomplete_beta(k, n - k + 1, x, 1 - x), sum, 1e-12);
            }
    assert_near(incomplete_beta(1, 2.5, 0.3, 0.7), 1 - pow(0.7, 2.5), 1e-14);
    assert_near(incomplete_beta(2.5, 1, 0.3, 0.7), pow(0.3, 2.5), 1e-14);
    assert_near(incomplete_beta(2, 3, 0, 1), 0, 0);
    assert_near(incomplete_beta(2, 3, 1, 0), 1, 0);
}

static void clopper_pearson_known_values(void **state) {
    (void)state;
    assert_near(clopper_pearson_lower(990, 1000, 0.001), 0.97604, 5e-6);
    assert_near(normal_quantile(clopper_pearson_lower(990, 1000, 0.001)), 1.978, 5e-4);
    assert_near(clopper_pearson_lower(0, 50, 0.001), 0, 0);
    assert_near(clopper_pearson_lower(50, 50, 0.001), pow(0.001, 1. / 50), 1e-15);
    assert_near(clopper_pearson_lower(1, 50, 0.001), 1 - pow(0.999, 1. / 50), 1e-12); /* P(B >= 1) = alpha */
    assert_true(isnan(clopper_pearson_lower(3, 2, 0.1)) && isnan(clopper_pearson_lower(1, 2, 1)));
    static const struct {
        size_t votes;
        double ceiling;
    } table[] = {{1000, 2.463}, {10000, 3.199}, {100000, 3.811}};
    for (size_t i = 0; i < sizeof table / sizeof *table; ++i)
        assert_near(normal_quantile(clopper_pearson_lower(table[i].votes, table[i].votes, 0.001)), table[i].ceiling,
                    5e-4);
}

/* At the bound as many successes or more have chance alpha, to the last. */
static void clopper_pearson_inverts_the_binomial_tail(void **state) {
    (void)state;
    for (size_t trials = 10; trials <= 100000; trials *= 10)
        for (size_t part = 1; part < 10; ++part) {
            double k = (double)(trials * part / 10), n = (double)trials;
            double p = clopper_pearson_lower((size_t)k, trials, 0.01);
            assert_true(p < k / n);
            assert_near(incomplete_beta(k, n - k + 1, p, 1 - p), 0.01, 1e-9);
        }
}

/* ---- smoothing ---- */

/* f = <w, x> + offset in one output, or z = (0, f, -5) in three. */
struct model {
    float weights[INPUTS], offset;
    size_t outputs;
    bool fails, silent;
};

static strata_status evaluate(strata_context *context, void *user, size_t rows, const float *x, float *out) {
    const struct model *model = user;
    if (model->fails) return strata_fail(context, STRATA_ERR_UNSUPPORTED, "the model does not work");
    for (size_t r = 0; r < rows; ++r) {
        double value = (double)model->offset;
        for (size_t j = 0; j < INPUTS; ++j) value += (double)model->weights[j] * (double)x[r * INPUTS + j];
        if (model->silent) value = NAN;
        if (model->outputs == 3) out[3 * r] = 0, out[3 * r + 2] = -5;
        out[model->outputs * r + (model->outputs == 3)] = (float)value;
    }
    return STRATA_OK;
}

static struct model model_of(size_t outputs) {
    struct model model = {.offset = 0.2f, .outputs = outputs};
    rng_normal_f32(rng_stream_make(8, 1, RNG_TEST), INPUTS, model.weights);
    return model;
}

static void draw_rows(float *x) { rng_normal_f32(rng_stream_make(8, 2, RNG_TEST), ROWS * INPUTS, x); }

static strata_status smooth(struct model *model, struct thread_pool *pool, const struct smoothing_options *options,
                            const float *x, struct smoothing_result *results) {
    const strata_function function = {.user = model, .inputs = INPUTS, .outputs = model->outputs, .evaluate = evaluate};
    const strata_function copies[] = {function, function, function};
    return certificate_smoothing(ctx, copies, pool, model->outputs == 1 ? 2 : 3, options, ROWS, x, results);
}

static double distance_of(const struct model *model, const float *x, double *value) {
    double square = 0;
    *value = (double)model->offset;
    for (size_t j = 0; j < INPUTS; ++j) {
        *value += (double)model->weights[j] * (double)x[j];
        square += (double)model->weights[j] * (double)model->weights[j];
    }
    return fabs(*value) / sqrt(square);
}

/* The smoothed half-space is the half-space: the certificate is at most the distance and tends to it with the votes.
 * With chance .999 a row at a time; the draws are fixed, so that it either holds for all time or not. */
static void smoothing_a_linear_model_tends_to_its_distance_from_below(void **state) {
    (void)state;
    float x[ROWS * INPUTS];
    struct smoothing_result results[ROWS];
    draw_rows(x);
    for (size_t outputs = 1; outputs <= 3; outputs += 2) {
        struct model model = model_of(outputs);
        double gap[2] = {0}, value;
        for (int many = 0; many < 2; ++many) {
            struct smoothing_options options = smoothing_options_default(1);
            options.votes = many ? 60000 : 1000;
            options.selection = 20000; /* a row near the boundary must not abstain by the wrong class */
            assert_int_equal(smooth(&model, NULL, &options, x, results), STRATA_OK);
            for (size_t r = 0; r < ROWS; ++r) {
                double exact = distance_of(&model, x + r * INPUTS, &value), reach = fmin(exact, 2.3);
                assert_true(results[r].radius <= exact);
                assert_true(results[r].abstained ? exact < 0.15 : results[r].class_ == (value > 0));
                gap[many] = fmax(gap[many], reach - results[r].radius);
            }
        }
        if (!(gap[0] < 0.5 && gap[1] < 0.1 && gap[1] < gap[0] / 2)) fail_msg("gaps of %g, then %g", gap[0], gap[1]);
    }
}

static void a_point_on_the_boundary_abstains(void **state) {
    (void)state;
    float x[ROWS * INPUTS] = {0};
    struct smoothing_result results[ROWS];
    struct smoothing_options options = smoothing_options_default(0.5);
    struct model model = model_of(1);
    model.offset = 0;
    assert_int_equal(smooth(&model, NULL, &options, x, results), STRATA_OK);
    size_t abstained = 0;
    for (size_t r = 0; r < ROWS; ++r) {
        abstained += results[r].abstained;
        if (results[r].abstained) assert_near(results[r].radius, 0, 0);
    }
    assert_true(abstained == ROWS); /* wrong with chance .001 a row */
    model.silent = true;            /* NaN is no vote */
    assert_int_equal(smooth(&model, NULL, &options, x, results), STRATA_OK);
    for (size_t r = 0; r < ROWS; ++r) assert_true(results[r].abstained && results[r].probability == 0);
}

static void smoothing_gives_equal_bits_on_any_threads(void **state) {
    (void)state;
    float x[ROWS * INPUTS];
    struct smoothing_result alone[ROWS], together[ROWS];
    struct smoothing_options options = smoothing_options_default(0.7);
    struct model model = model_of(3);
    struct thread_pool *pool;
    draw_rows(x);
    memset(alone, 0, sizeof alone);
    memset(together, 0, sizeof together);
    assert_int_equal(smooth(&model, NULL, &options, x, alone), STRATA_OK);
    assert_int_equal(thread_pool_create(ctx, 3, &pool), STRATA_OK);
    assert_int_equal(smooth(&model, pool, &options, x, together), STRATA_OK);
    thread_pool_destroy(pool);
    for (size_t r = 0; r < ROWS; ++r) {
        assert_true(alone[r].abstained == together[r].abstained && alone[r].class_ == together[r].class_);
        assert_memory_equal(&alone[r].probability, &together[r].probability, sizeof(double));
        assert_memory_equal(&alone[r].radius, &together[r].radius, sizeof(double));
    }
    options.stream = rng_stream_make(2, 1, RNG_SMOOTHING);
    assert_int_equal(smooth(&model, NULL, &options, x, together), STRATA_OK);
    size_t changed = 0;
    for (size_t r = 0; r < ROWS; ++r) changed += alone[r].radius != together[r].radius;
    assert_true(changed > ROWS / 3); /* another seed, other draws */
}

static void smoothing_refuses_what_certifies_nothing(void **state) {
    (void)state;
    float x[ROWS * INPUTS] = {0};
    struct smoothing_result results[ROWS];
    const struct smoothing_options fine = smoothing_options_default(0.5);
    struct model model = model_of(1);
    struct smoothing_options bad[] = {fine, fine, fine, fine, fine, fine, fine, fine};
    bad[0].sigma = 0;
    bad[1].sigma = NAN;
    bad[2].sigma = -1;
    bad[3].alpha = 0;
    bad[4].alpha = 1;
    bad[5].votes = 9; /* .001^(1/9) = .464 */
    bad[6].votes = 0;
    bad[7].selection = 0;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i)
        assert_int_equal(smooth(&model, NULL, &bad[i], x, results), STRATA_ERR_ARGUMENT);
    bad[5].votes = 10; /* .501 */
    assert_int_equal(smooth(&model, NULL, &bad[5], x, results), STRATA_OK);
    model.outputs = 2; /* the fixture says three classes */
    assert_int_equal(smooth(&model, NULL, &fine, x, results), STRATA_ERR_ARGUMENT);
    model.outputs = 1;
    model.fails = true;
    assert_int_equal(smooth(&model, NULL, &fine, x, results), STRATA_ERR_UNSUPPORTED);
    assert_non_null(strstr(strata_context_message(ctx), "does not work"));
}

static void smoothing_survives_short_memory(void **state) {
    (void)state;
    float x[ROWS * INPUTS] = {0};
    struct smoothing_result results[ROWS];
    struct smoothing_options options = smoothing_options_default(0.5);
    struct model model = model_of(1);
    strata_status status = STRATA_ERR_MEMORY;
    options.votes = 10;
    uint64_t failures = 0;
    for (uint64_t n = 1; status == STRATA_ERR_MEMORY; ++n, ++failures) {
        mem_fail_from(n);
        status = smooth(&model, NULL, &options, x, results);
        mem_fail_from(0);
    }
    assert_int_equal(status, STRATA_OK);
    assert_true(failures >= 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_quantile_inverts_the_distribution),
        cmocka_unit_test(incomplete_beta_is_a_sum_of_binomial_chances),
        cmocka_unit_test(clopper_pearson_known_values),
        cmocka_unit_test(clopper_pearson_inverts_the_binomial_tail),
        cmocka_unit_test(smoothing_a_linear_model_tends_to_its_distance_from_below),
        cmocka_unit_test(a_point_on_the_boundary_abstains),
        cmocka_unit_test(smoothing_gives_equal_bits_on_any_threads),
        cmocka_unit_test(smoothing_refuses_what_certifies_nothing),
        cmocka_unit_test(smoothing_survives_short_memory),
    };
    return cmocka_run_group_tests_name("smoothing", tests, setup, teardown);
}
