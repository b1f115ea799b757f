/* SPDX-License-Identifier: MIT */
/* Fits that are saved, loaded, repeated, cancelled or diverge, and states and requests that are refused. */
#include "learner_fixture.h"

static struct lab lab;

static int setup(void **state) {
    (void)state;
    lab_create(&lab);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    lab_destroy(&lab);
    return 0;
}

static int reset(void **state) {
    (void)state;
    lab_reset(&lab);
    return 0;
}

/* ---- resumed fits ---- */

/* Saves into `copy`, a fresh learner, at a step; `stop` ends the fit there. */
struct saver {
    size_t at;
    bool stop;
    struct learner *copy;
};

static bool saver_due(void *user, const struct fit_point *point) { return point->step == ((struct saver *)user)->at; }

static strata_status save_into_copy(void *user, struct learner *learner, const struct fit_point *point) {
    struct saver *saver = user;
    struct tensor_file state = {0};
    (void)point;
    assert_int_equal(learner_save(lab.ctx, learner, &state), STRATA_OK);
    assert_int_equal(learner_load(lab.ctx, saver->copy, &state), STRATA_OK);
    tensor_file_destroy(&state);
    return saver->stop ? STRATA_ERR_INTERRUPTED : STRATA_OK;
}

/* Saving at `step` changes nothing of the fit, and a fresh learner that goes on from there ends with the same bits. */
static void check_resume(const char *name, size_t step, struct learner *whole) {
    struct learner *learner = lab_learner(&lab, name), *again = lab_learner(&lab, name);
    struct saver saver = {.at = step, .copy = lab_learner(&lab, name)};
    const struct fit_hooks hooks = {.user = &saver, .step = saver_due, .checkpoint = save_into_copy};
    assert_int_equal(learner_fit(lab.ctx, learner, &hooks), STRATA_OK);
    if (!learners_equal(&lab, learner, whole)) fail_msg("%s: saving at step %zu changed the fit", name, step);
    if (!learners_equal(&lab, saver.copy, saver.copy)) fail_msg("%s: looking at a loaded learner changed it", name);
    assert_int_equal(learner_fit(lab.ctx, saver.copy, NULL), STRATA_OK);
    if (!learners_equal(&lab, saver.copy, whole)) fail_msg("%s: resumed at step %zu, other bits", name, step);
    saver.stop = true;
    assert_int_equal(learner_fit(lab.ctx, again, &hooks), STRATA_ERR_INTERRUPTED);
    assert_int_equal(learner_fit(lab.ctx, again, NULL), STRATA_OK);
    if (!learners_equal(&lab, again, whole)) fail_msg("%s: went on at step %zu, other bits", name, step);
    learner_destroy(learner);
    learner_destroy(again);
    learner_destroy(saver.copy);
}

/* Two stages of 12 steps, or one of 24: at the start, within, around and at the end of a stage, at the very end. */
static void resumed_fits_have_equal_bits(void **state) {
    (void)state;
    const char *const names[] = {"sgd_joint",    "sgd_staged", "layerwise",    "layerwise_refit", "staged_cut",
                                 "dense_greedy", "paper",      "paper_frozen", "paper_cut"};
    const size_t steps[] = {1, 5, 11, 12, 13, 23, 24};
    lab_set(&lab, "train.weight_decay", "0.01");
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        struct learner *whole = lab_fitted(&lab, names[i]);
        for (size_t k = 0; k < sizeof steps / sizeof *steps; ++k) check_resume(names[i], steps[k], whole);
        learner_destroy(whole);
    }
}

/* The same with a finite set, whose epochs are reshuffled, and through a file. */
/* A high threshold ends stage 1 right after the warm-up; noise is drawn anew at each step. */
static void resumed_thresholds_and_noise_have_equal_bits(void **state) {
    (void)state;
    lab_set(&lab, "paper.threshold", "1e6");
    lab_set(&lab, "paper.noise", "1e-3");
    struct learner *whole = lab_fitted(&lab, "paper");
    const size_t steps[] = {2, 4, 13, 20};
    for (size_t k = 0; k < sizeof steps / sizeof *steps; ++k) check_resume("paper", steps[k], whole);
    lab_set(&lab, "paper.noise", "0");
    struct learner *quiet = lab_fitted(&lab, "paper");
    lab_set(&lab, "paper.threshold", "0");
    struct learner *by_steps = lab_fitted(&lab, "paper");
    assert_false(learners_equal(&lab, whole, quiet));
    assert_false(learners_equal(&lab, quiet, by_steps));
    learner_destroy(whole);
    learner_destroy(quiet);
    learner_destroy(by_steps);
}

static void resumed_fits_on_finite_sets_have_equal_bits(void **state) {
    (void)state;
    struct sample_source *endless = lab.source;
    struct dataset data;
    assert_int_equal(
        dataset_from_teacher(lab.ctx, lab.teacher, RNG_TRAIN_INPUT, 0, 75, 0.1, TASK_REGRESSION, 1, 1, &data),
        STRATA_OK);
    assert_int_equal(source_from_dataset(lab.ctx, &data, 1, 1, &lab.source), STRATA_OK);
    const size_t steps[] = {2, 12, 17};
    struct learner *whole = lab_fitted(&lab, "sgd_staged");
    for (size_t k = 0; k < 3; ++k) check_resume("sgd_staged", steps[k], whole);
    learner_destroy(whole);
    source_destroy(lab.source);
    dataset_destroy(&data);
    lab.source = endless;
}

static void equal_seeds_give_equal_bits(void **state) {
    (void)state;
    const char *const names[] = {"sgd_staged", "paper", "mlp_relu"};
    for (size_t i = 0; i < 3; ++i) {
        struct learner *a = lab_fitted(&lab, names[i]), *b = lab_fitted(&lab, names[i]), *other;
        struct learner_request request = lab_request(&lab);
        assert_true(learners_equal(&lab, a, b));
        for (int k = 0; k < 2; ++k) {
            *(k ? &request.replicate : &request.seed) += 1;
            assert_int_equal(learner_create(lab.ctx, names[i], &request, &other), STRATA_OK);
            assert_int_equal(learner_fit(lab.ctx, other, NULL), STRATA_OK);
            assert_false(learners_equal(&lab, a, other));
            learner_destroy(other);
        }
        learner_destroy(a);
        learner_destroy(b);
    }
}

/*
 * One plain SGD step: shards sum the same 32 terms of a gradient in another order, so weights of size 1 move by
 * rate * gradient with a difference of at most 32 roundings of the largest gradient (here below 10).
 */
static void shards_differ_by_rounding_only(void **state) {
    (void)state;
    lab_set_all(&lab, (struct setting_pair[]){{"train.optimizer", "sgd"},
                                              {"train.steps", "1"},
                                              {"train.warmup", "0"},
                                              {"train.learning_rate", "0.1"},
                                              {NULL, NULL}});
    struct learner *start = lab_learner(&lab, "sgd_joint"), *one = lab_fitted(&lab, "sgd_joint");
    lab_set(&lab, "train.shards", "2");
    struct learner *two = lab_fitted(&lab, "sgd_joint"), *again = lab_fitted(&lab, "sgd_joint");
    assert_true(learners_equal(&lab, two, again));
    assert_false(learners_equal(&lab, one, two));
    const char *const names[] = {"layer1.input", "layer2.layer1", "readout1", "output.bias"};
    for (size_t i = 0; i < 4; ++i) {
        size_t count;
        double *from = lab_parameter(&lab, start, names[i], &count), *a = lab_parameter(&lab, one, names[i], &count);
        double *b = lab_parameter(&lab, two, names[i], &count), moved = 0;
        for (size_t k = 0; k < count; ++k) {
            moved = fmax(moved, fabs(a[k] - from[k]));
            assert_true(fabs(a[k] - b[k]) <= 0.1 * 10 * 32 * 0x1p-24);
        }
        assert_true(moved > 1e-4);
        mem_free(from);
        mem_free(a);
        mem_free(b);
    }
    learner_destroy(start);
    learner_destroy(one);
    learner_destroy(two);
    learner_destroy(again);
}

/* ---- stopping ---- */

static void divergence_names_the_step(void **state) {
    (void)state;
    const char *const names[] = {"sgd_joint", "layerwise", "paper"};
    lab_set_all(&lab, (struct setting_pair[]){{"train.optimizer", "sgd"},
                                              {"train.learning_rate", "10"},
                                              {"paper.learning_rate", "10"},
                                              {"train.clip_norm", "0"},
                                              {"train.warmup", "0"},
                                              {"train.schedule", "constant"},
                                              {NULL, NULL}});
    for (size_t i = 0; i < 3; ++i) {
        struct learner *learner = lab_learner(&lab, names[i]);
        char expected[64];
        assert_int_equal(learner_fit(lab.ctx, learner, NULL), STRATA_ERR_DIVERGED);
        assert_in_range(learner->diverged_step, 1, 24);
        snprintf(expected, sizeof expected, "%s: diverged at step %zu", names[i], learner->diverged_step);
        assert_string_equal(strata_context_message(lab.ctx), expected);
        learner_destroy(learner);
    }
}

/*
 * Infinite weights can be loaded and saved, as a checkpoint just before the end would; no K is made from such a W,
 * and the next step tells.
 */
static void divergence_is_seen_after_a_checkpoint(void **state) {
    (void)state;
    struct learner *fresh = lab_learner(&lab, "paper"), *learner = lab_learner(&lab, "paper");
    struct tensor_file saved = {0}, again = {0};
    double infinite[6 * 6];
    for (size_t i = 0; i < 36; ++i) infinite[i] = INFINITY;
    assert_int_equal(learner_save(lab.ctx, fresh, &saved), STRATA_OK);
    for (size_t i = 0; i < saved.tensor_count; ++i)
        if (strcmp(saved.tensors[i].name, "parameter.level1.W.x") == 0) saved.tensors[i].data = infinite;
    assert_int_equal(learner_load(lab.ctx, learner, &saved), STRATA_OK);
    assert_int_equal(learner_save(lab.ctx, learner, &again), STRATA_OK);
    assert_int_equal(learner_fit(lab.ctx, learner, NULL), STRATA_ERR_DIVERGED);
    assert_int_equal(learner->diverged_step, 1);
    tensor_file_destroy(&saved);
    tensor_file_destroy(&again);
    learner_destroy(fresh);
    learner_destroy(learner);
}

/* The last step of a fit has no loss after it that would show what it did. */
static void divergence_in_the_last_step_is_seen(void **state) {
    (void)state;
    lab_set_all(&lab, (struct setting_pair[]){{"train.optimizer", "sgd"},
                                              {"train.learning_rate", "10"},
                                              {"train.clip_norm", "0"},
                                              {"train.warmup", "0"},
                                              {"train.schedule", "constant"},
                                              {NULL, NULL}});
    struct learner *learner = lab_learner(&lab, "sgd_joint");
    assert_int_equal(learner_fit(lab.ctx, learner, NULL), STRATA_ERR_DIVERGED);
    char steps[24];
    snprintf(steps, sizeof steps, "%zu", learner->diverged_step - 1);
    learner_destroy(learner);
    lab_set(&lab, "train.steps", steps);
    learner = lab_learner(&lab, "sgd_joint");
    strata_status status = learner_fit(lab.ctx, learner, NULL);
    if (status == STRATA_OK)
        assert_true(isfinite(lab_test_error(&lab, learner)));
    else
        assert_int_equal(status, STRATA_ERR_DIVERGED);
    learner_destroy(learner);
}

struct canceller {
    volatile int flag;
    size_t at, last;
};

static bool cancel_at(void *user, const struct fit_point *point) {
    struct canceller *canceller = user;
    canceller->last = point->step;
    if (point->step == canceller->at) canceller->flag = 1;
    return false;
}

static void cancelled_fit_stops_and_can_go_on(void **state) {
    (void)state;
    struct canceller canceller = {.at = 7};
    const struct fit_hooks hooks = {.user = &canceller, .step = cancel_at};
    struct learner *whole = lab_fitted(&lab, "sgd_staged"), *learner = lab_learner(&lab, "sgd_staged");
    strata_context_set_cancel(lab.ctx, &canceller.flag);
    assert_int_equal(learner_fit(lab.ctx, learner, &hooks), STRATA_ERR_INTERRUPTED);
    assert_in_range(canceller.last, 7, 8);
    assert_non_null(strstr(strata_context_message(lab.ctx), "of 24"));
    canceller.flag = 0;
    assert_int_equal(learner_fit(lab.ctx, learner, &hooks), STRATA_OK);
    assert_int_equal(canceller.last, 24);
    strata_context_set_cancel(lab.ctx, NULL);
    assert_true(learners_equal(&lab, learner, whole));
    learner_destroy(learner);
    learner_destroy(whole);
}

/* ---- faults ---- */

/*
 * Loads the state of `from`, made under other settings, into a fresh learner: refused, and nothing of the learner
 * changes.
 */
static void check_refused(struct learner *from, const char *key, const char *value, const char *message) {
    struct learner *learner = lab_learner(&lab, "sgd_staged"), *untouched = lab_learner(&lab, "sgd_staged");
    struct tensor_file state = {0};
    assert_int_equal(learner_save(lab.ctx, from, &state), STRATA_OK);
    if (key) assert_int_equal(tensor_file_set(lab.ctx, &state, key, value), STRATA_OK);
    assert_int_equal(learner_load(lab.ctx, learner, &state), STRATA_ERR_FORMAT);
    if (!strstr(strata_context_message(lab.ctx), message))
        fail_msg("'%s' is not in '%s'", message, strata_context_message(lab.ctx));
    assert_true(learners_equal(&lab, learner, untouched));
    tensor_file_destroy(&state);
    learner_destroy(learner);
    learner_destroy(untouched);
}

static void states_that_do_not_fit_are_refused(void **state) {
    (void)state;
    struct learner *same = lab_fitted(&lab, "sgd_staged");
    const struct setting_pair others[] = {{"network.hidden_width", "7"},
                                          {"network.depth", "1"},
                                          {"train.optimizer", "sgd"},
                                          {"network.input_squares", "true"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; ++i) {
        lab_set(&lab, others[i].key, others[i].value);
        struct learner *other = lab_fitted(&lab, "sgd_staged");
        lab_reset(&lab);
        check_refused(other, NULL, NULL, "expected tensor");
        learner_destroy(other);
    }
    check_refused(same, "stage", "0", "stage 0");
    check_refused(same, "stage", "3", "stage 3");
    check_refused(same, "step", "13", "step 13");
    check_refused(same, "step", "-1", "step");
    check_refused(same, "step", "4x", "'step'");
    check_refused(same, "stage", "", "'stage'");
    struct tensor_file empty = {0};
    assert_int_equal(learner_load(lab.ctx, same, &empty), STRATA_ERR_FORMAT);
    learner_destroy(same);
}

static void absent_names_and_tasks_are_refused(void **state) {
    (void)state;
    struct learner *learner = lab_learner(&lab, "sgd_joint");
    size_t count;
    assert_int_equal(learner->class_->parameter(lab.ctx, learner, "layer9.input", &count, NULL), STRATA_ERR_NOT_FOUND);
    assert_non_null(strstr(strata_context_message(lab.ctx), "layer9.input"));
    learner_destroy(learner);
    struct learner_request request = lab_request(&lab);
    assert_int_equal(learner_create(lab.ctx, "sgd_join", &request, &learner), STRATA_ERR_NOT_FOUND);
    assert_null(learner);
    struct dataset data = lab_labelled(&lab, TASK_BINARY, 20);
    assert_int_equal(source_from_dataset(lab.ctx, &data, 1, 1, &request.train), STRATA_OK);
    assert_int_equal(learner_create(lab.ctx, "paper", &request, &learner), STRATA_ERR_UNSUPPORTED);
    assert_null(learner);
    source_destroy(request.train);
    dataset_destroy(&data);
}

/* Creates, fits, predicts, saves and loads while the allocator fails from some call on. */
static strata_status whole_life(const char *name) {
    strata_status status = STRATA_OK;
    const struct learner_request request = lab_request(&lab);
    struct learner *first = NULL, *second = NULL;
    struct tensor_file file = {0};
    float x[6 * 6], out[6 * 64];
    double own, above;
    teacher_inputs(lab.teacher, RNG_TEST_INPUT, 0, 6, x);
    STRATA_GO(learner_create(lab.ctx, name, &request, &first));
    STRATA_GO(learner_fit(lab.ctx, first, NULL));
    STRATA_GO(learner_features(lab.ctx, first, 1, 6, x, out));
    STRATA_GO(learner_save(lab.ctx, first, &file));
    STRATA_GO(learner_create(lab.ctx, name, &request, &second));
    STRATA_GO(learner_load(lab.ctx, second, &file));
    STRATA_GO(learner_predict(lab.ctx, second, 6, x, out));
    if (strcmp(name, "paper") != 0) STRATA_GO(gradient_routes(lab.ctx, second, 6, x, out, &own, &above));
cleanup:
    tensor_file_destroy(&file);
    learner_destroy(first);
    learner_destroy(second);
    return status;
}

static void failing_memory_is_reported(void **state) {
    (void)state;
    const char *const names[] = {"sgd_staged", "paper"};
    lab_set(&lab, "train.steps_per_stage", "2");
    for (size_t i = 0; i < 2; ++i) {
        strata_status status = STRATA_ERR_MEMORY;
        for (uint64_t n = 1; status != STRATA_OK && n < 3000; ++n) {
            mem_fail_from(n);
            status = whole_life(names[i]);
            mem_fail_from(0);
            if (status != STRATA_OK && status != STRATA_ERR_MEMORY)
                fail_msg("%s: %s", names[i], strata_context_message(lab.ctx));
        }
        assert_int_equal(status, STRATA_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(resumed_fits_have_equal_bits, reset),
        cmocka_unit_test_setup(resumed_thresholds_and_noise_have_equal_bits, reset),
        cmocka_unit_test_setup(resumed_fits_on_finite_sets_have_equal_bits, reset),
        cmocka_unit_test_setup(equal_seeds_give_equal_bits, reset),
        cmocka_unit_test_setup(shards_differ_by_rounding_only, reset),
        cmocka_unit_test_setup(divergence_names_the_step, reset),
        cmocka_unit_test_setup(divergence_is_seen_after_a_checkpoint, reset),
        cmocka_unit_test_setup(divergence_in_the_last_step_is_seen, reset),
        cmocka_unit_test_setup(cancelled_fit_stops_and_can_go_on, reset),
        cmocka_unit_test_setup(states_that_do_not_fit_are_refused, reset),
        cmocka_unit_test_setup(absent_names_and_tasks_are_refused, reset),
        cmocka_unit_test_setup(failing_memory_is_reported, reset),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
