/* SPDX-License-Identifier: MIT */
/* Kernel ridge and random features: exact where theory says so, equal to plain solves, whole after saving. */
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
#include "learn/learner.h"
#include "linalg/linalg.h"
#include "measure/errors.h"

extern const struct learner_class learner_krr_poly2, learner_krr_poly4, learner_krr_rbf, learner_krr_relu_ntk,
    learner_random_features;
static const struct learner_class *const classes[] = {&learner_krr_poly2, &learner_krr_poly4, &learner_krr_rbf,
                                                      &learner_krr_relu_ntk, &learner_random_features};
enum { CLASSES = sizeof classes / sizeof *classes };

enum { DIMENSION = 3, TRAIN = 120, TEST = 200 };

static strata_context *ctx;
static struct settings *settings;

static int setup(void **state) {
    (void)state;
    const struct setting *tables[] = {learner_krr_poly2.settings, learner_random_features.settings};
    if (strata_context_create(&ctx) != STRATA_OK) return -1;
    return settings_create(ctx, 2, tables, &settings) == STRATA_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    settings_destroy(settings);
    strata_context_destroy(ctx);
    return 0;
}

static void set(const char *key, const char *value) {
    assert_int_equal(settings_set(ctx, settings, "test", key, value), STRATA_OK);
}

/* A polynomial of degree `degree` in three variables, all of whose parts matter. */
static double target_polynomial(int degree, const float *x) {
    double a = (double)x[0], b = (double)x[1], c = (double)x[2];
    double value = 0.3 + a - 0.5 * b + a * b - 0.7 * c * c;
    return degree == 4 ? value + 0.4 * a * a * b * c - 0.2 * b * b * b + 0.1 * c * c * c * c : value;
}

enum shape { SHAPE_DEGREE_2, SHAPE_DEGREE_4, SHAPE_BINARY, SHAPE_CLASSES };

/* `rows` normal inputs from stream `index` with targets of a shape. */
static struct dataset make_data(enum shape shape, uint64_t index, size_t rows) {
    static const enum learning_task tasks[] = {TASK_REGRESSION, TASK_REGRESSION, TASK_BINARY, TASK_MULTICLASS};
    struct dataset data = {.task = tasks[shape],
                           .rows = rows,
                           .inputs = DIMENSION,
                           .outputs = 1,
                           .classes = shape == SHAPE_BINARY  ? 2
                                    : shape == SHAPE_CLASSES ? 3
                                                             : 0,
                           .x = mem_zero(rows * DIMENSION, sizeof(float)),
                           .y = mem_zero(rows, sizeof(float))};
    rng_normal_rows_f32(rng_stream_make(2, 0, RNG_TEST), 100000 * index, rows, DIMENSION, data.x);
    for (size_t i = 0; i < rows; ++i) {
        float *x = data.x + i * DIMENSION;
        if (shape == SHAPE_CLASSES) x[i % 3] += 6.0f;
        if (shape == SHAPE_CLASSES)
            data.y[i] = (float)(i % 3);
        else if (shape == SHAPE_BINARY)
            data.y[i] = x[0] * x[1] > 0.0f ? 1.0f : 0.0f;
        else
            data.y[i] = (float)target_polynomial(shape == SHAPE_DEGREE_4 ? 4 : 2, x);
    }
    return data;
}

static void free_data(struct dataset *data) {
    mem_free(data->x);
    mem_free(data->y);
}

static strata_status fit(const struct learner_class *class_, struct sample_source *source, struct learner **learner) {
    const struct learner_request request = {.settings = settings, .train = source, .seed = 1, .replicate = 0};
    STRATA_TRY(class_->create(ctx, class_, &request, learner));
    strata_status status = class_->fit(ctx, *learner, NULL);
    if (status == STRATA_OK) return status;
    class_->destroy(*learner);
    *learner = NULL;
    return status;
}

/* Fits on TRAIN rows, predicts TEST others into `out` [TEST, outputs]. */
static void fit_and_predict(const struct learner_class *class_, enum shape shape, size_t rows, float *out,
                            struct dataset *test) {
    struct dataset train = make_data(shape, 0, rows);
    struct sample_source *source;
    struct learner *learner;
    *test = make_data(shape, 1, TEST);
    assert_int_equal(source_from_dataset(ctx, &train, 1, 0, &source), STRATA_OK);
    assert_int_equal(fit(class_, source, &learner), STRATA_OK);
    assert_int_equal(class_->predict(ctx, learner, TEST, test->x, out), STRATA_OK);
    class_->destroy(learner);
    source_destroy(source);
    free_data(&train);
}

static double regression_error(const struct learner_class *class_, enum shape shape, size_t rows) {
    float out[TEST];
    struct dataset test;
    fit_and_predict(class_, shape, rows, out, &test);
    double error = relative_error(TEST, 1, out, test.y);
    free_data(&test);
    return error;
}

/*
 * n >= C(3 + degree, degree): 10 and 35 monomials. What is left is float32 and the ridge, 1e-10 of the mean diagonal.
 */
static void polynomial_kernel_is_exact_on_its_degree(void **state) {
    (void)state;
    assert_true(regression_error(&learner_krr_poly2, SHAPE_DEGREE_2, 12) < 1e-10);
    assert_true(regression_error(&learner_krr_poly4, SHAPE_DEGREE_2, 60) < 1e-10);
    assert_true(regression_error(&learner_krr_poly4, SHAPE_DEGREE_4, 60) < 1e-10);
    assert_true(regression_error(&learner_krr_poly2, SHAPE_DEGREE_4, TRAIN) > 0.05); /* no more than its degree */
    set("kernel.selection_rows", "40"); /* the ridge from a part of the rows */
    assert_true(regression_error(&learner_krr_poly4, SHAPE_DEGREE_4, TRAIN) < 1e-10);
    set("kernel.selection_rows", "1000");
}

static void every_learner_beats_the_constant(void **state) {
    (void)state;
    for (size_t i = 0; i < CLASSES; ++i) assert_true(regression_error(classes[i], SHAPE_DEGREE_2, TRAIN) < 0.3);
    set("random_features.count", "30"); /* fewer features than rows */
    assert_true(regression_error(&learner_random_features, SHAPE_DEGREE_2, TRAIN) < 0.5);
    set("random_features.count", "1000");
}

/* alpha by Gaussian elimination on K + ridge I, K written out. */
static void kernel_ridge_equals_a_closed_form_solve(void **state) {
    (void)state;
    enum { N = 25 };
    double a[N][N + 1], diagonal = 0.0, mean = 0.0;
    float out[TEST];
    struct dataset train = make_data(SHAPE_DEGREE_4, 0, N), test;
    set("kernel.ridge", "0.01");
    fit_and_predict(&learner_krr_poly2, SHAPE_DEGREE_4, N, out, &test);
    set("kernel.ridge", "0");
    for (size_t i = 0; i < N; ++i) mean += (double)train.y[i] / N;
    for (size_t i = 0; i < N; ++i) {
        for (size_t j = 0; j < N; ++j) {
            double dot = 0.0;
            for (size_t k = 0; k < DIMENSION; ++k)
                dot += (double)train.x[i * DIMENSION + k] * (double)train.x[j * DIMENSION + k];
            a[i][j] = (dot / DIMENSION + 1.0) * (dot / DIMENSION + 1.0);
        }
        diagonal += a[i][i] / N;
        a[i][N] = (double)train.y[i] - mean;
    }
    for (size_t i = 0; i < N; ++i) a[i][i] += 0.01 * diagonal;
    for (size_t k = 0; k < N; ++k)
        for (size_t i = 0; i < N; ++i) {
            double factor = i == k ? 0.0 : a[i][k] / a[k][k];
            for (size_t j = k; factor != 0.0 && j <= N; ++j) a[i][j] -= factor * a[k][j];
        }
    for (size_t t = 0; t < TEST; ++t) {
        double expected = mean;
        for (size_t i = 0; i < N; ++i) {
            double dot = 0.0;
            for (size_t k = 0; k < DIMENSION; ++k)
                dot += (double)train.x[i * DIMENSION + k] * (double)test.x[t * DIMENSION + k];
            expected += a[i][N] / a[i][i] * (dot / DIMENSION + 1.0) * (dot / DIMENSION + 1.0);
        }
        assert_true(fabs((double)out[t] - expected) < 1e-6 * (1.0 + fabs(expected))); /* float32 outputs */
    }
    free_data(&train);
    free_data(&test);
}

static void labels_are_fitted_as_scores(void **state) {
    (void)state;
    float out[TEST], scores[TEST * 3];
    struct dataset test;
    fit_and_predict(&learner_krr_poly2, SHAPE_BINARY, 400, out, &test);
    assert_true(binary_error_rate(TEST, out, test.y) < 0.2); /* a guess: 0.5 */
    free_data(&test);
    fit_and_predict(&learner_krr_rbf, SHAPE_CLASSES, TRAIN, scores, &test);
    assert_true(multiclass_error_rate(TEST, 3, scores, test.y) < 0.02);
    free_data(&test);
}

static void requests_out_of_reach_are_refused(void **state) {
    (void)state;
    struct dataset train = make_data(SHAPE_DEGREE_2, 0, 500);
    struct sample_source *source;
    struct learner *learner;
    assert_int_equal(source_from_dataset(ctx, &train, 1, 0, &source), STRATA_OK);
    set("kernel.memory_mb", "1"); /* 500 x 500 doubles are 1.9 MiB */
    assert_int_equal(fit(&learner_krr_rbf, source, &learner), STRATA_ERR_TOO_LARGE);
    assert_non_null(strstr(strata_context_message(ctx), "kernel.memory_mb"));
    set("kernel.memory_mb", "2048");
    train.y[77] = NAN;
    for (size_t i = 0; i < CLASSES; ++i) {
        assert_int_equal(fit(classes[i], source, &learner), STRATA_ERR_ARGUMENT);
        assert_non_null(strstr(strata_context_message(ctx), "row 77"));
    }
    source_destroy(source);
    free_data(&train);
}

static void endless_sources_are_refused(void **state) {
    (void)state;
    const struct setting *tables[] = {teacher_settings};
    struct settings *teacher_rows;
    struct teacher *teacher;
    struct sample_source *source;
    struct learner *learner;
    assert_int_equal(settings_create(ctx, 1, tables, &teacher_rows), STRATA_OK);
    assert_int_equal(teacher_create(ctx, teacher_rows, 1, 0, &teacher), STRATA_OK);
    assert_int_equal(source_from_teacher(ctx, teacher, 1, 0, 0.0, TASK_REGRESSION, &source), STRATA_OK);
    for (size_t i = 0; i < CLASSES; ++i) {
        assert_int_equal(fit(classes[i], source, &learner), STRATA_ERR_UNSUPPORTED);
        assert_non_null(strstr(strata_context_message(ctx), "data.train_size"));
    }
    source_destroy(source);
    teacher_destroy(teacher);
    settings_destroy(teacher_rows);
}

struct seen {
    size_t steps, observed, saved;
};

static bool count_step(void *user, const struct fit_point *point) {
    ++((struct seen *)user)->steps;
    return point->stage_end;
}

static strata_status count_observe(void *user, struct learner *learner, const struct fit_point *point) {
    (void)learner;
    ((struct seen *)user)->observed += point->stage_end && point->total == 1;
    return STRATA_OK;
}

static strata_status count_save(void *user, struct learner *learner, const struct fit_point *point) {
    (void)learner, (void)point;
    ++((struct seen *)user)->saved;
    return STRATA_OK;
}

static void saved_learners_predict_the_same(void **state) {
    (void)state;
    struct dataset train = make_data(SHAPE_DEGREE_4, 0, TRAIN), test = make_data(SHAPE_DEGREE_4, 1, TEST);
    struct sample_source *source;
    assert_int_equal(source_from_dataset(ctx, &train, 1, 0, &source), STRATA_OK);
    const struct learner_request request = {.settings = settings, .train = source, .seed = 1, .replicate = 0};
    for (size_t i = 0; i < CLASSES; ++i) {
        struct learner *first, *second;
        struct tensor_file file = {0};
        struct seen seen = {0};
        const struct fit_hooks hooks = {
            .user = &seen, .step = count_step, .observe = count_observe, .checkpoint = count_save};
        float a[TEST], b[TEST];
        assert_int_equal(classes[i]->create(ctx, classes[i], &request, &first), STRATA_OK);
        assert_int_equal(classes[i]->predict(ctx, first, TEST, test.x, a), STRATA_ERR_ARGUMENT); /* not fitted */
        assert_int_equal(classes[i]->fit(ctx, first, &hooks), STRATA_OK);
        assert_true(seen.steps == 1 && seen.observed == 1 && seen.saved == 1);
        assert_int_equal(classes[i]->predict(ctx, first, TEST, test.x, a), STRATA_OK);
        assert_int_equal(classes[i]->save(ctx, first, &file), STRATA_OK);
        assert_int_equal(classes[i]->create(ctx, classes[i], &request, &second), STRATA_OK);
        assert_int_equal(classes[i]->load(ctx, second, &file), STRATA_OK);
        classes[i]->destroy(first); /* the loaded one stands alone */
        assert_int_equal(classes[i]->fit(ctx, second, NULL), STRATA_OK);
        assert_int_equal(classes[i]->predict(ctx, second, TEST, test.x, b), STRATA_OK);
        assert_memory_equal(a, b, sizeof a);
        tensor_file_destroy(&file);
        classes[i]->destroy(second);
    }
    source_destroy(source);
    free_data(&train);
    free_data(&test);
}

static void random_features_are_addressed_by_seed(void **state) {
    (void)state;
    struct dataset train = make_data(SHAPE_DEGREE_2, 0, 20);
    struct sample_source *source;
    float *phi[3];
    assert_int_equal(source_from_dataset(ctx, &train, 1, 0, &source), STRATA_OK);
    for (size_t i = 0; i < 3; ++i) {
        const struct learner_request request = {.settings = settings, .train = source, .seed = 1, .replicate = i == 2};
        const struct learner_class *class_ = &learner_random_features;
        struct learner *learner;
        phi[i] = mem_zero(20 * 1000, sizeof(float));
        assert_int_equal(class_->create(ctx, class_, &request, &learner), STRATA_OK);
        assert_int_equal(class_->layer_count(learner), 1);
        assert_int_equal(class_->layer_width(learner, 1), 1000);
        assert_int_equal(class_->features(ctx, learner, 1, 20, train.x, phi[i]), STRATA_OK);
        class_->destroy(learner);
    }
    assert_memory_equal(phi[0], phi[1], 20 * 1000 * sizeof(float));
    assert_memory_not_equal(phi[0], phi[2], 20 * 1000 * sizeof(float));
    /*
     * E |phi|^2 = |x|^2 2 / d + b over 1,000 features: the square of a half-normal has sd sqrt(5) means, 3 errors =
     * .2
     */
    double square = 0.0, expected = 0.1;
    for (size_t j = 0; j < 1000; ++j) square += (double)phi[0][j] * (double)phi[0][j];
    for (size_t k = 0; k < DIMENSION; ++k) expected += 2.0 / DIMENSION * (double)train.x[k] * (double)train.x[k];
    assert_true(fabs(square / expected - 1.0) < 0.22);
    for (size_t i = 0; i < 3; ++i) mem_free(phi[i]);
    source_destroy(source);
    free_data(&train);
}

/* Fits, predicts, saves and loads while the allocator fails from its n-th call on. */
static strata_status whole_life(const struct learner_class *class_, struct sample_source *source, const float *x) {
    strata_status status = STRATA_OK;
    struct learner *first = NULL, *second = NULL;
    struct tensor_file file = {0};
    float out[20];
    const struct learner_request request = {.settings = settings, .train = source, .seed = 1, .replicate = 0};
    STRATA_GO(fit(class_, source, &first));
    STRATA_GO(class_->predict(ctx, first, 20, x, out));
    STRATA_GO(class_->save(ctx, first, &file));
    STRATA_GO(class_->create(ctx, class_, &request, &second));
    STRATA_GO(class_->load(ctx, second, &file));
cleanup:
    tensor_file_destroy(&file);
    if (first) class_->destroy(first);
    if (second) class_->destroy(second);
    return status;
}

static void failing_memory_is_reported(void **state) {
    (void)state;
    struct dataset train = make_data(SHAPE_DEGREE_2, 0, 20);
    struct sample_source *source;
    assert_int_equal(source_from_dataset(ctx, &train, 1, 0, &source), STRATA_OK);
    set("random_features.count", "10");
    for (size_t i = 0; i < CLASSES; ++i) {
        strata_status status = STRATA_ERR_MEMORY;
        for (uint64_t n = 1; status != STRATA_OK && n < 300; ++n) {
            mem_fail_from(n);
            status = whole_life(classes[i], source, train.x);
            mem_fail_from(0);
            assert_true(status == STRATA_OK || status == STRATA_ERR_MEMORY);
        }
        assert_int_equal(status, STRATA_OK);
    }
    set("random_features.count", "1000");
    source_destroy(source);
    free_data(&train);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(polynomial_kernel_is_exact_on_its_degree),
        cmocka_unit_test(every_learner_beats_the_constant),
        cmocka_unit_test(kernel_ridge_equals_a_closed_form_solve),
        cmocka_unit_test(labels_are_fitted_as_scores),
        cmocka_unit_test(requests_out_of_reach_are_refused),
        cmocka_unit_test(endless_sources_are_refused),
        cmocka_unit_test(saved_learners_predict_the_same),
        cmocka_unit_test(random_features_are_addressed_by_seed),
        cmocka_unit_test(failing_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
