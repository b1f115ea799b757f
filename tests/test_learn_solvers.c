/* SPDX-License-Identifier: MIT */
/*
 * Solvers of kernel machines against the exact one, kernels on kernels, learned metrics, random features against their
 * kernel; states are whole, threads change no bit, and what cannot be is refused.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/rng.h"
#include "learn/learner.h"
#include "measure/errors.h"

enum { INPUTS = 6, TRAIN = 300, TEST = 400 };

static strata_context *ctx;
static struct settings *settings;
static struct dataset train, test;
static struct sample_source *source;

static const char *const names[] = {"krr", "krr_cg", "falkon", "eigenpro", "random_fourier", "kernel_stack", "rfm"};
enum { NAMES = sizeof names / sizeof *names };

static void set(const char *key, const char *value) {
    if (settings_set(ctx, settings, "test", key, value) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
}

static struct dataset make_data(uint64_t index, size_t rows, double (*target)(const float *x)) {
    struct dataset data = {.task = TASK_REGRESSION, .rows = rows, .inputs = INPUTS, .outputs = 1};
    assert_int_equal(dataset_allocate(ctx, &data), STRATA_OK);
    rng_normal_rows_f32(rng_stream_make(2, 0, RNG_TEST), 100000 * index, rows, INPUTS, data.x);
    for (size_t i = 0; i < rows; ++i) data.y[i] = (float)target(data.x + i * INPUTS);
    return data;
}

static double smooth(const float *x) { return sin((double)x[0]) + 0.5 * (double)x[1] * (double)x[2] + 0.3; }

/* Degree 4 made of degree 2. */
static double composed(const float *x) {
    double inner = (double)(x[0] * x[0] + x[1] * x[2] - 1);
    return inner + 0.3 * inner * inner;
}

/* One direction of six. */
static double single(const float *x) { return sin(2 * (double)(x[0] + x[1])); }

static void use(double (*target)(const float *x)) {
    source_destroy(source);
    dataset_destroy(&train);
    dataset_destroy(&test);
    train = make_data(1, TRAIN, target);
    test = make_data(2, TEST, target);
    assert_int_equal(source_from_dataset(ctx, &train, 1, 1, &source), STRATA_OK);
}

static int setup(void **state) {
    const struct setting *tables[NAMES + 1];
    (void)state;
    if (strata_context_create(&ctx) != STRATA_OK) return -1;
    for (size_t i = 0; i < NAMES; ++i) tables[i] = learner_find(names[i])->settings;
    return settings_create(ctx, NAMES, tables, &settings) == STRATA_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    source_destroy(source);
    dataset_destroy(&train);
    dataset_destroy(&test);
    settings_destroy(settings);
    strata_context_destroy(ctx);
    return 0;
}

/* Everything at its default, but a fixed ridge and a kernel that rounding leaves alone. */
static int before(void **state) {
    (void)state;
    for (size_t i = 0; i < settings_size(settings); ++i) {
        const struct setting *row = settings_row(settings, i);
        set(row->key, row->fallback);
    }
    set("kernel.name", "laplace(bandwidth=4)");
    set("kernel.ridge", "1e-3");
    use(smooth);
    return 0;
}

static struct learner *make(const char *name) {
    const struct learner_request request = {.settings = settings, .train = source, .seed = 3, .replicate = 1};
    struct learner *learner;
    if (learner_create(ctx, name, &request, &learner) != STRATA_OK)
        fail_msg("%s: %s", name, strata_context_message(ctx));
    return learner;
}

static void predict(struct learner *learner, float *out) {
    if (learner_predict(ctx, learner, TEST, test.x, out) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
}

static double fit_error(const char *name, float *out) {
    struct learner *learner = make(name);
    float own[TEST];
    if (learner_fit(ctx, learner, NULL) != STRATA_OK) fail_msg("%s: %s", name, strata_context_message(ctx));
    predict(learner, out ? out : own);
    learner_destroy(learner);
    return relative_error(TEST, 1, out ? out : own, test.y);
}

static void assert_close(const char *what, const float *a, const float *b, double tolerance) {
    double worst = 0;
    for (size_t i = 0; i < TEST; ++i) worst = fmax(worst, fabs((double)(a[i] - b[i])));
    if (!(worst <= tolerance)) fail_msg("%s: differs by %g, at most %g", what, worst, tolerance);
}

static void solvers_reach_the_exact_solution(void **state) {
    (void)state;
    float exact[TEST], found[TEST];
    set("solver.steps", "60");
    set("solver.centres", "300");
    assert_true(fit_error("krr", exact) < 0.5);
    fit_error("krr_cg", found);
    assert_close("krr_cg", exact, found, 1e-5);
    fit_error("falkon", found);
    assert_close("falkon", exact, found, 1e-5);
    set("kernel.memory_mb", "1"); /* 128 centres: a part of the blocks is kept */
    set("solver.centres", "128");
    double few = fit_error("falkon", found);
    assert_true(few < 0.6 && few > 0.01);
    set("kernel.ridge", "1e-10"); /* EigenPro interpolates */
    set("kernel.memory_mb", "64");
    fit_error("krr", exact);
    set("solver.subsample", "200");
    set("solver.directions", "40");
    set("solver.epochs", "300");
    fit_error("eigenpro", found);
    assert_close("eigenpro", exact, found, 1e-4);
}

static void a_preconditioner_saves_steps(void **state) {
    (void)state;
    float exact[TEST], with[TEST], without[TEST];
    set("kernel.name", "rbf(bandwidth=4)");
    set("kernel.ridge", "1e-2");
    set("solver.steps", "6");
    fit_error("krr", exact);
    fit_error("krr_cg", with);
    set("solver.rank", "0");
    fit_error("krr_cg", without);
    double near = relative_error(TEST, 1, with, exact), far = relative_error(TEST, 1, without, exact);
    if (!(near < 0.01 * far)) fail_msg("distances to the exact solution: %g with, %g without", near, far);
}

static void threads_change_no_bit(void **state) {
    (void)state;
    static const char *const solvers[] = {"krr_cg", "falkon", "eigenpro"};
    set("solver.centres", "100");
    set("solver.directions", "20");
    for (size_t i = 0; i < 3; ++i) {
        float one[TEST], many[TEST];
        set("solver.threads", "1");
        fit_error(solvers[i], one);
        set("solver.threads", "3");
        fit_error(solvers[i], many);
        assert_memory_equal(one, many, sizeof one);
    }
}

static void states_are_whole(void **state) {
    (void)state;
    static const char *const constructions[] = {"two_stage", "residual", "kernel_pca"};
    set("solver.centres", "50");
    set("solver.directions", "20");
    set("stack.components", "10");
    for (size_t i = 0; i < NAMES + 2; ++i) {
        const char *name = i < NAMES ? names[i] : "kernel_stack";
        float first[TEST], second[TEST];
        struct tensor_file file = {0};
        set("stack.construction", constructions[i < NAMES ? 0 : i - NAMES + 1]);
        struct learner *learner = make(name), *copy = make(name);
        assert_int_equal(learner_predict(ctx, learner, TEST, test.x, first), STRATA_ERR_ARGUMENT);
        assert_int_equal(learner_fit(ctx, learner, NULL), STRATA_OK);
        predict(learner, first);
        assert_int_equal(learner_save(ctx, learner, &file), STRATA_OK);
        assert_int_equal(learner_load(ctx, copy, &file), STRATA_OK);
        assert_int_equal(learner_fit(ctx, copy, NULL), STRATA_OK);
        predict(copy, second);
        assert_memory_equal(first, second, sizeof first);
        tensor_file_destroy(&file);
        learner_destroy(learner);
        learner_destroy(copy);
    }
}

static void kernels_on_kernels_go_beyond_one(void **state) {
    (void)state;
    use(composed);
    set("kernel.ridge", "0");
    set("kernel.name", "poly2");
    double one = fit_error("krr", NULL);
    assert_true(one > 0.05);
    double two_stage = fit_error("kernel_stack", NULL);
    set("stack.construction", "residual");
    double residual = fit_error("kernel_stack", NULL);
    set("stack.construction", "kernel_pca");
    set("stack.components", "27");
    double components = fit_error("kernel_stack", NULL);
    if (!(two_stage < 0.5 * one && residual < 0.7 * one && components < 0.8 * one))
        fail_msg("errors: %g alone, %g, %g, %g", one, two_stage, residual, components);
}

static void a_learned_metric_finds_the_direction(void **state) {
    (void)state;
    double metric[INPUTS * INPUTS], trace = 0;
    size_t count;
    use(single);
    set("kernel.ridge", "0");
    set("kernel.name", "laplace");
    double fixed = fit_error("krr", NULL), learned = fit_error("rfm", NULL);
    if (!(learned < 0.3 * fixed)) fail_msg("errors: %g fixed, %g learned", fixed, learned);
    struct learner *learner = make("rfm");
    assert_int_equal(learner_fit(ctx, learner, NULL), STRATA_OK);
    assert_int_equal(learner->class_->parameter(ctx, learner, "rfm.metric", &count, metric), STRATA_OK);
    assert_int_equal(count, INPUTS * INPUTS);
    for (size_t i = 0; i < INPUTS; ++i) trace += metric[i * INPUTS + i];
    /* the share of direction (1, 1, 0, ...) / sqrt(2) */
    double share = (metric[0] + metric[1] + metric[INPUTS] + metric[INPUTS + 1]) / 2 / trace;
    if (!(share > 0.9)) fail_msg("share %g", share);
    learner_destroy(learner);
    set("rfm.rounds", "0"); /* then it is the plain kernel */
    assert_true(fabs(fit_error("rfm", NULL) / fixed - 1) < 1e-6);
}

/* After one round: the mean outer product of the plain kernel's gradients, by central differences, at trace d. */
static void the_metric_is_the_mean_outer_product_of_gradients(void **state) {
    (void)state;
    const float h = 0.01f;
    double metric[INPUTS * INPUTS], expected[INPUTS * INPUTS] = {0}, trace = 0;
    static float gradient[TRAIN * INPUTS], up[TRAIN], down[TRAIN], moved[TRAIN * INPUTS];
    size_t count;
    use(single);
    set("kernel.ridge", "1e-2");
    set("rfm.rounds", "0");
    struct learner *plain = make("rfm");
    assert_int_equal(learner_fit(ctx, plain, NULL), STRATA_OK);
    for (size_t k = 0; k < INPUTS; ++k) {
        for (int sign = -1; sign <= 1; sign += 2) {
            memcpy(moved, train.x, sizeof moved);
            for (size_t i = 0; i < TRAIN; ++i) moved[i * INPUTS + k] += (float)sign * h;
            assert_int_equal(learner_predict(ctx, plain, TRAIN, moved, sign > 0 ? up : down), STRATA_OK);
        }
        for (size_t i = 0; i < TRAIN; ++i) gradient[i * INPUTS + k] = (up[i] - down[i]) / (2 * h);
    }
    for (size_t i = 0; i < TRAIN; ++i)
        for (size_t j = 0; j < INPUTS; ++j)
            for (size_t k = 0; k < INPUTS; ++k)
                expected[j * INPUTS + k] += (double)(gradient[i * INPUTS + j] * gradient[i * INPUTS + k]);
    for (size_t j = 0; j < INPUTS; ++j) trace += expected[j * INPUTS + j];
    set("rfm.rounds", "1");
    struct learner *learned = make("rfm");
    assert_int_equal(learner_fit(ctx, learned, NULL), STRATA_OK);
    assert_int_equal(learned->class_->parameter(ctx, learned, "rfm.metric", &count, metric), STRATA_OK);
    for (size_t j = 0; j < INPUTS * INPUTS; ++j) {
        double wanted = expected[j] * INPUTS / trace;
        if (!(fabs(metric[j] - wanted) < 0.01)) fail_msg("metric[%zu]: %g, expected %g", j, metric[j], wanted);
    }
    learner_destroy(plain);
    learner_destroy(learned);
}

static void fourier_features_come_close_to_their_kernel(void **state) {
    (void)state;
    float exact[TEST], found[TEST];
    set("kernel.name", "rbf(bandwidth=2.5)");
    set("random_features.bandwidth", "2.5");
    set("kernel.ridge", "1e-2");
    fit_error("krr", exact);
    double errors[2];
    for (size_t i = 0; i < 2; ++i) {
        set("random_features.count", i ? "4096" : "256");
        fit_error("random_fourier", found);
        errors[i] = relative_error(TEST, 1, found, exact);
    }
    if (!(errors[1] < 0.02 && errors[1] < errors[0] / 6)) fail_msg("errors %g, %g", errors[0], errors[1]);
}

/* The bandwidth is the one whose own fit leaves out best; a text that says it is obeyed. */
static void bandwidths_are_chosen_by_leaving_out(void **state) {
    (void)state;
    use(single);
    set("kernel.ridge", "0");
    set("kernel.name", "rbf");
    double chosen = fit_error("krr", NULL), alone[3];
    static const char *const factors[] = {"0.5", "1", "2"};
    for (size_t i = 0; i < 3; ++i) {
        set("kernel.bandwidth_factors", factors[i]);
        alone[i] = fit_error("krr", NULL);
    }
    assert_true(chosen == alone[0] || chosen == alone[1] || chosen == alone[2]);
    assert_true(chosen <= 1.05 * fmin(alone[0], fmin(alone[1], alone[2])));
    set("kernel.bandwidth_factors", "none");
    assert_true(fit_error("krr", NULL) == alone[1]);
    set("kernel.name", "rbf(bandwidth=3)");
    double said = fit_error("krr", NULL);
    set("kernel.bandwidth_factors", "0.5, 2");
    assert_true(fit_error("krr", NULL) == said);
}

static void refuse(const char *name, strata_status expected, const char *part) {
    struct learner *learner = make(name);
    strata_status status = learner_fit(ctx, learner, NULL);
    if (status != expected || !strstr(strata_context_message(ctx), part))
        fail_msg("%s: status %d, %s", name, (int)status, strata_context_message(ctx));
    learner_destroy(learner);
}

static void bad_settings_are_refused(void **state) {
    (void)state;
    set("solver.centres", "301");
    refuse("falkon", STRATA_ERR_CONFIG, "301 centres of 300 training rows");
    set("solver.centres", "280");
    set("kernel.memory_mb", "1");
    refuse("falkon", STRATA_ERR_TOO_LARGE, "fewer centres, or learner krr_cg");
    set("kernel.memory_mb", "2");
    set("solver.directions", "299");
    refuse("eigenpro", STRATA_ERR_CONFIG, "expected at most 298");
    set("stack.construction", "kernel_pca");
    set("stack.components", "300");
    refuse("kernel_stack", STRATA_ERR_CONFIG, "300 components of 300 rows");
    set("kernel.name", "ntk(activation=step)");
    refuse("krr_cg", STRATA_ERR_CONFIG, "has no tangent kernel");
    train.x[7 * INPUTS] = NAN;
    refuse("falkon", STRATA_ERR_ARGUMENT, "training row 7");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(solvers_reach_the_exact_solution, before),
        cmocka_unit_test_setup(a_preconditioner_saves_steps, before),
        cmocka_unit_test_setup(threads_change_no_bit, before),
        cmocka_unit_test_setup(states_are_whole, before),
        cmocka_unit_test_setup(kernels_on_kernels_go_beyond_one, before),
        cmocka_unit_test_setup(a_learned_metric_finds_the_direction, before),
        cmocka_unit_test_setup(the_metric_is_the_mean_outer_product_of_gradients, before),
        cmocka_unit_test_setup(fourier_features_come_close_to_their_kernel, before),
        cmocka_unit_test_setup(bandwidths_are_chosen_by_leaving_out, before),
        cmocka_unit_test_setup(bad_settings_are_refused, before),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
