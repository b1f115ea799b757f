/* SPDX-License-Identifier: MIT */
/*
 * The public learner: what it learns is what the folders below learn, its file is the learner, its derivative is one.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <strata/strata.h>

#include "core/memory.h"

enum { DIMENSION = 6, TEST = 2048, STEPS = 60 };

static strata_context *ctx;
static strata_teacher *teacher;
static strata_dataset *test;
static char path[] = "/tmp/strata_api_learner_XXXXXX";

static const char *const quick[] = {"network.hidden_width=8", "train.steps_per_stage=60", "train.batch_size=32",
                                    "train.warmup=5", NULL};

#define OK(call)                                              \
    do {                                                      \
        strata_status ok_ = (call);                           \
        if (ok_) fail_msg("%s", strata_context_message(ctx)); \
    } while (0)

static strata_learner_options quick_options(void) {
    strata_learner_options options = strata_learner_options_default();
    options.settings = quick;
    return options;
}

static int setup(void **state) {
    (void)state;
    strata_teacher_options options = strata_teacher_options_default();
    options.dimension = DIMENSION, options.width = 3;
    int file = mkstemp(path);
    if (file < 0 || close(file) != 0) return -1;
    if (strata_context_create(&ctx) || strata_teacher_create(ctx, &options, &teacher)) return -1;
    return strata_dataset_create_from_teacher(ctx, teacher, STRATA_PART_TEST, 0, TEST, &test) ? -1 : 0;
}

static int teardown(void **state) {
    (void)state;
    unlink(path);
    strata_dataset_destroy(test);
    strata_teacher_destroy(teacher);
    strata_context_destroy(ctx);
    return 0;
}

static strata_learner *make(const char *name) {
    strata_learner_options options = quick_options();
    strata_learner *learner;
    OK(strata_learner_create_from_teacher(ctx, name, &options, teacher, &learner));
    return learner;
}

static double error_of(strata_learner *learner) {
    double error = NAN;
    OK(strata_learner_test_error(ctx, learner, test, &error));
    return error;
}

static void fit_lowers_the_error(void **state) {
    (void)state;
    strata_learner *learner = make("sgd_joint");
    double before = error_of(learner);
    OK(strata_learner_fit(ctx, learner, NULL, NULL));
    assert_true(error_of(learner) < 0.5 * before);
    assert_int_equal(strata_learner_inputs(learner), DIMENSION);
    assert_int_equal(strata_learner_outputs(learner), 1);
    assert_int_equal(strata_learner_layer_count(learner), 2);
    assert_int_equal(strata_learner_layer_width(learner, 1), 8);
    assert_int_equal(strata_learner_layer_width(learner, 3), 0);
    strata_learner_destroy(learner);
}

/* Also on more threads than the batch has parts. */
static void threads_change_no_bit(void **state) {
    (void)state;
    static const char *const parts[] = {"network.hidden_width=8", "train.steps_per_stage=60", "train.batch_size=32",
                                        "train.shards=3", NULL};
    strata_learner_options options = quick_options();
    double errors[4];
    options.settings = parts;
    for (size_t threads = 0; threads < 4; ++threads) {
        strata_learner *learner;
        options.threads = threads == 3 ? 5 : threads;
        OK(strata_learner_create_from_teacher(ctx, "sgd_staged", &options, teacher, &learner));
        OK(strata_learner_fit(ctx, learner, NULL, NULL));
        errors[threads] = error_of(learner);
        strata_learner_destroy(learner);
    }
    for (size_t i = 1; i < 4; ++i) assert_true(errors[i] == errors[0]);
}

static bool stop_at(void *user, const strata_fit_progress *progress) {
    assert_int_equal(progress->total, 2 * STEPS);
    return progress->step != *(const size_t *)user;
}

/* In the first stage, at its end, and in the second. */
static void stopped_fits_go_on_to_the_same_bits(void **state) {
    (void)state;
    strata_learner *whole = make("layerwise");
    OK(strata_learner_fit(ctx, whole, NULL, NULL));
    double expected = error_of(whole);
    static const size_t stops[] = {7, STEPS, STEPS + 11, 2 * STEPS};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; ++i) {
        size_t at = stops[i];
        strata_learner *learner = make("layerwise");
        assert_int_equal(strata_learner_fit(ctx, learner, stop_at, &at), STRATA_ERR_INTERRUPTED);
        if (i == 0) assert_true(error_of(learner) > expected);
        OK(strata_learner_fit(ctx, learner, NULL, NULL));
        assert_true(error_of(learner) == expected);
        strata_learner_destroy(learner);
    }
    strata_learner_destroy(whole);
}

static void cancellation_stops_a_fit(void **state) {
    (void)state;
    strata_learner *learner = make("sgd_joint");
    static const volatile int cancel = 1;
    strata_context_set_cancel(ctx, &cancel);
    assert_int_equal(strata_learner_fit(ctx, learner, NULL, NULL), STRATA_ERR_INTERRUPTED);
    strata_context_set_cancel(ctx, NULL);
    assert_non_null(strstr(strata_context_message(ctx), "step 1 of 120"));
    strata_learner_destroy(learner);
}

static void files_hold_the_learner(void **state) {
    (void)state;
    static const char *const names[] = {"layerwise", "paper", "mlp_gelu", "krr_poly2", "random_features"};
    static const char *const few[] = {"network.hidden_width=8", "train.steps_per_stage=20", "train.batch_size=32",
                                      NULL};
    strata_learner_options options = {.settings = few, .seed = 3, .replicate = 2};
    strata_dataset *train;
    OK(strata_dataset_create_from_teacher(ctx, teacher, STRATA_PART_TRAIN, 0, 100, &train));
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        strata_learner *learner, *again, *opened;
        OK(strata_learner_create(ctx, names[i], &options, train, &learner));
        if (i != 2) OK(strata_learner_fit(ctx, learner, NULL, NULL));
        OK(strata_learner_save(ctx, learner, path));
        OK(strata_learner_create(ctx, names[i], &options, train, &again));
        OK(strata_learner_load(ctx, again, path));
        OK(strata_learner_open(ctx, path, &opened));
        assert_true(error_of(again) == error_of(learner));
        assert_true(error_of(opened) == error_of(learner));
        assert_int_equal(strata_learner_fit(ctx, opened, NULL, NULL), STRATA_ERR_UNSUPPORTED);
        strata_learner_destroy(learner);
        strata_learner_destroy(again);
        strata_learner_destroy(opened);
    }
    strata_dataset_destroy(train);
}

static void files_of_others_are_refused(void **state) {
    (void)state;
    strata_learner *joint = make("sgd_joint"), *linear = make("linear"), *opened;
    OK(strata_learner_save(ctx, joint, path));
    assert_int_equal(strata_learner_load(ctx, linear, path), STRATA_ERR_FORMAT);
    assert_non_null(strstr(strata_context_message(ctx), "expected a learner 'linear', found 'sgd_joint'"));
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), 100), 0);
    fclose(file);
    assert_int_equal(strata_learner_load(ctx, joint, path), STRATA_ERR_FORMAT);
    assert_int_equal(strata_learner_open(ctx, path, &opened), STRATA_ERR_FORMAT);
    assert_null(opened);
    strata_learner_destroy(joint);
    strata_learner_destroy(linear);
}

/*
 * Central differences of step h in float32: rounding eps |f| / h, curvature h^2 |f'''| / 6; at h = 1e-2 and outputs of
 * order 1 to 10 both are below 1e-3 of |f|.
 */
static void vjp_is_the_derivative(void **state) {
    (void)state;
    static const char *const names[] = {"sgd_joint", "layerwise", "paper", "mlp_gelu"};
    enum { ROWS = 600 }; /* more than one block */
    const float *x = strata_dataset_inputs(test), h = 1e-2f;
    for (size_t n = 0; n < sizeof names / sizeof *names; ++n) {
        strata_learner *learner = make(names[n]);
        strata_function f = strata_learner_function(learner);
        float seed[ROWS], out[ROWS], expected[ROWS], gradient[ROWS * DIMENSION];
        for (size_t r = 0; r < ROWS; ++r) seed[r] = r % 2 ? -2.0f : 1.0f;
        OK(strata_function_vjp(ctx, &f, ROWS, x, seed, out, gradient));
        OK(strata_function_evaluate(ctx, &f, ROWS, x, expected));
        for (size_t r = 0; r < ROWS; ++r) assert_true(out[r] == expected[r]);
        for (size_t r = 0; r < ROWS; r += 53)
            for (size_t i = 0; i < DIMENSION; ++i) {
                float row[DIMENSION], up, down;
                memcpy(row, x + r * DIMENSION, sizeof row);
                row[i] += h;
                OK(strata_function_evaluate(ctx, &f, 1, row, &up));
                row[i] -= 2 * h;
                OK(strata_function_evaluate(ctx, &f, 1, row, &down));
                double slope = (double)seed[r] * ((double)up - (double)down) / (2 * (double)h);
                assert_true(fabs((double)gradient[r * DIMENSION + i] - slope) <
                            2e-3 * (1 + fabs(slope) + fabs((double)up)));
            }
        strata_learner_destroy(learner);
    }
}

static void learners_without_derivative_say_so(void **state) {
    (void)state;
    strata_dataset *train;
    strata_learner *learner;
    float x[DIMENSION] = {0}, seed = 1, gradient[DIMENSION];
    OK(strata_dataset_create_from_teacher(ctx, teacher, STRATA_PART_TRAIN, 0, 50, &train));
    OK(strata_learner_create(ctx, "krr_rbf", NULL, train, &learner));
    OK(strata_learner_fit(ctx, learner, NULL, NULL));
    strata_function f = strata_learner_function(learner);
    assert_int_equal(strata_function_vjp(ctx, &f, 1, x, &seed, NULL, gradient), STRATA_ERR_UNSUPPORTED);
    assert_non_null(strstr(strata_context_message(ctx), "no derivative"));
    f.vjp = NULL;
    assert_int_equal(strata_function_vjp(ctx, &f, 1, x, &seed, NULL, gradient), STRATA_ERR_UNSUPPORTED);
    strata_learner_destroy(learner);
    strata_dataset_destroy(train);
}

static void wrong_requests_name_what_was_meant(void **state) {
    (void)state;
    strata_learner_options options = strata_learner_options_default();
    strata_learner *learner;
    assert_int_equal(strata_learner_create(ctx, "sgd_join", NULL, test, &learner), STRATA_ERR_NOT_FOUND);
    assert_non_null(strstr(strata_context_message(ctx), "did you mean 'sgd_joint'"));
    options.settings = (const char *const[]){"train.learning_rat=1", NULL};
    assert_int_equal(strata_learner_create(ctx, "sgd_joint", &options, test, &learner), STRATA_ERR_CONFIG);
    assert_non_null(strstr(strata_context_message(ctx), "did you mean 'train.learning_rate'"));
    options.settings = (const char *const[]){"teacher.depth=3", NULL};
    assert_int_equal(strata_learner_create_from_teacher(ctx, "paper", &options, teacher, &learner), STRATA_ERR_CONFIG);
    assert_null(learner);
    for (size_t i = 0; i < strata_learner_count(); ++i)
        assert_true(*strata_learner_name(i) && *strata_learner_summary(i));
    assert_null(strata_learner_name(strata_learner_count()));
}

/* Every allocation of a life may fail: a status, and nothing left behind (under the sanitizers). */
static void memory_may_be_short_anywhere(void **state) {
    (void)state;
    strata_learner_options options = quick_options();
    strata_status status = STRATA_ERR_MEMORY;
    for (uint64_t n = 1; status != STRATA_OK; ++n) {
        strata_learner *learner = NULL, *opened = NULL;
        float seed = 1, gradient[DIMENSION];
        double error;
        mem_fail_from(n);
        status = strata_learner_create(ctx, "linear", &options, test, &learner);
        if (status == STRATA_OK) status = strata_learner_test_error(ctx, learner, test, &error);
        if (status == STRATA_OK) {
            strata_function f = strata_learner_function(learner);
            status = strata_function_vjp(ctx, &f, 1, strata_dataset_inputs(test), &seed, NULL, gradient);
        }
        if (status == STRATA_OK) status = strata_learner_save(ctx, learner, path);
        if (status == STRATA_OK) status = strata_learner_open(ctx, path, &opened);
        mem_fail_from(0);
        assert_true(status == STRATA_OK || status == STRATA_ERR_MEMORY);
        strata_learner_destroy(learner);
        strata_learner_destroy(opened);
    }
}

static bool after_two_steps(void *user, const strata_fit_progress *progress) {
    (void)user;
    return progress->step < 2;
}

/* Fits, asks and stores a learner on a few rows; what it refuses it refuses by a status. */
static void use_on_rows(const char *name, const strata_learner_options *options, const strata_dataset *data) {
    strata_learner *learner = NULL, *again = NULL;
    float out[24 * 3], other[24 * 3];
    if (strata_learner_create(ctx, name, options, data, &learner)) return;
    strata_status status = strata_learner_fit(ctx, learner, after_two_steps, NULL);
    assert_int_not_equal(status, STRATA_ERR_INTERNAL);
    const float *x = strata_dataset_inputs(data);
    bool fitted = status == STRATA_OK || status == STRATA_ERR_INTERRUPTED;
    if (fitted && strata_learner_predict(ctx, learner, 24, x, out) == STRATA_OK) {
        OK(strata_learner_save(ctx, learner, path));
        OK(strata_learner_open(ctx, path, &again));
        OK(strata_learner_predict(ctx, again, 24, x, other));
        assert_memory_equal(out, other, 24 * strata_learner_outputs(learner) * sizeof *out);
    }
    strata_learner_destroy(again);
    strata_learner_destroy(learner);
}

static void every_learner_takes_every_task_or_refuses_it(void **state) {
    static const strata_dataset_shape shapes[] = {
        {.task = STRATA_TASK_REGRESSION, .rows = 24, .inputs = 16, .targets = 1, .picture = {1, 4, 4}},
        {.task = STRATA_TASK_BINARY, .rows = 24, .inputs = 16, .targets = 1, .classes = 2, .picture = {1, 4, 4}},
        {.task = STRATA_TASK_MULTICLASS, .rows = 24, .inputs = 16, .targets = 1, .classes = 2, .picture = {1, 4, 4}},
        {.task = STRATA_TASK_MULTICLASS, .rows = 24, .inputs = 16, .targets = 1, .classes = 3, .picture = {1, 4, 4}}};
    float x[24 * 16], y[24];
    (void)state;
    for (size_t i = 0; i < 24 * 16; ++i) x[i] = (float)(i * 7919 % 101) / 101;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i) {
        strata_dataset *data;
        for (size_t r = 0; r < 24; ++r) y[r] = (float)(r % (shapes[i].classes ? shapes[i].classes : 3));
        OK(strata_dataset_create(ctx, &shapes[i], x, y, &data));
        for (size_t k = 0; k < strata_learner_count(); ++k) use_on_rows(strata_learner_name(k), NULL, data);
        strata_dataset_destroy(data);
    }
}

static void robust_learners_open_without_their_data(void **state) {
    static const char *const methods[] = {"fgm", "pgd", "fgsm_rs", "trades", "free", "noise"};
    float x[24 * 4], y[24];
    const strata_dataset_shape shape = {
        .task = STRATA_TASK_BINARY, .rows = 24, .inputs = 4, .targets = 1, .classes = 2};
    strata_dataset *data;
    (void)state;
    for (size_t i = 0; i < 24 * 4; ++i) x[i] = (float)(i * 7919 % 101) / 101;
    for (size_t r = 0; r < 24; ++r) y[r] = (float)(r % 2);
    OK(strata_dataset_create(ctx, &shape, x, y, &data));
    for (size_t i = 0; i < sizeof methods / sizeof *methods; ++i) {
        char method[64];
        strata_learner_options options = strata_learner_options_default();
        snprintf(method, sizeof method, "adversarial.method=%s", methods[i]);
        options.settings = (const char *const[]){"mlp.hidden_width=4", "mlp.depth=1", method, NULL};
        use_on_rows("mlp_relu", &options, data);
    }
    strata_dataset_destroy(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fit_lowers_the_error),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(stopped_fits_go_on_to_the_same_bits),
        cmocka_unit_test(cancellation_stops_a_fit),
        cmocka_unit_test(files_hold_the_learner),
        cmocka_unit_test(files_of_others_are_refused),
        cmocka_unit_test(vjp_is_the_derivative),
        cmocka_unit_test(learners_without_derivative_say_so),
        cmocka_unit_test(wrong_requests_name_what_was_meant),
        cmocka_unit_test(memory_may_be_short_anywhere),
        cmocka_unit_test(every_learner_takes_every_task_or_refuses_it),
        cmocka_unit_test(robust_learners_open_without_their_data),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
