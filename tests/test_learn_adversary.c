/* SPDX-License-Identifier: MIT */
/* Adversarial training of the gradient learners. */
#include "learner_fixture.h"

#include "learn/adversary.h"

enum { DIMENSION = 24, TRAIN = 640, TEST = 400 };

static struct lab lab;
static struct dataset train, test;
static struct sample_source *source;
static size_t warnings;
static uint64_t fit_seed = 5;

static void count_warnings(void *user, strata_log_level level, const char *text) {
    (void)user, (void)text;
    warnings += level == STRATA_LOG_WARNING;
}

/*
 * One input says the label in nine of ten rows and loudly, the others say it softly and together better: clean training
 * listens to all, adversarial training of a radius above their voice to the one (Tsipras et al. 2019, sec. 2).
 */
static void draw(uint64_t seed, size_t rows, struct dataset *data) {
    *data = (struct dataset){.task = TASK_BINARY, .rows = rows, .inputs = DIMENSION, .outputs = 1, .classes = 2};
    assert_int_equal(dataset_allocate(lab.ctx, data), STRATA_OK);
    rng_normal_f32(rng_stream_make(seed, 1, RNG_TEST), rows * DIMENSION, data->x);
    for (size_t r = 0; r < rows; ++r) {
        float sign = r % 2 ? 1 : -1;
        data->y[r] = (float)(r % 2);
        for (size_t j = 1; j < DIMENSION; ++j) data->x[r * DIMENSION + j] += 0.42f * sign;
        data->x[r * DIMENSION] = r / 2 % 10 == 0 ? -sign : sign;
    }
}

static int setup(void **state) {
    (void)state;
    lab_create(&lab);
    strata_context_set_log(lab.ctx, count_warnings, NULL);
    draw(1, TRAIN, &train);
    draw(2, TEST, &test);
    assert_int_equal(source_from_dataset(lab.ctx, &train, 1, 1, &source), STRATA_OK);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    source_destroy(source);
    dataset_destroy(&train);
    dataset_destroy(&test);
    lab_destroy(&lab);
    return 0;
}

static int reset(void **state) {
    (void)state;
    lab_reset(&lab);
    lab_set_all(&lab, (struct setting_pair[]){{"adversarial.norm", "l2"},
                                              {"adversarial.ramp", "0"},
                                              {"adversarial.from_step", "0"},
                                              {"adversarial.box", "none"},
                                              {"adversarial.steps", "3"},
                                              {"adversarial.trades_weight", "6"},
                                              {"adversarial.fast_step", "1.25"},
                                              {"train.schedule", "cosine"},
                                              {"mlp.depth", "1"},
                                              {"mlp.hidden_width", "64"},
                                              {"mlp.steps", "300"},
                                              {"mlp.learning_rate", "5e-3"},
                                              {"train.batch_size", "64"},
                                              {NULL, NULL}});
    return 0;
}

static struct learner *create(void) {
    const struct learner_request request = {
        .settings = lab.settings, .train = source, .seed = fit_seed, .replicate = 1};
    struct learner *learner;
    if (learner_create(lab.ctx, "mlp_relu", &request, &learner) != STRATA_OK)
        fail_msg("%s", strata_context_message(lab.ctx));
    return learner;
}

static struct learner *fitted(const char *method) {
    lab_set(&lab, "adversarial.method", method);
    struct learner *learner = create();
    if (learner_fit(lab.ctx, learner, NULL) != STRATA_OK) fail_msg("%s", strata_context_message(lab.ctx));
    return learner;
}

static double pgd_accuracy(struct learner *learner, double epsilon) {
    static float points[TEST * DIMENSION];
    uint32_t labels[TEST];
    struct attack_result result;
    for (size_t r = 0; r < TEST; ++r) labels[r] = test.y[r] > 0;
    const strata_function function = learner_function(learner, DIMENSION, 1);
    const struct attack_target target = {.functions = &function, .classes = 2, .low = -INFINITY, .high = INFINITY};
    const struct attack_options options = attack_options_default(attack_norm_find("linf"), epsilon);
    const struct attack_rows rows = {.rows = TEST, .x = test.x, .labels = labels};
    assert_int_equal(attack_run(lab.ctx, attack_find("pgd"), &target, &options, &rows, NULL, points, &result),
                     STRATA_OK);
    return 1 - (double)result.broken / TEST;
}

static void it_protects_and_noise_does_not(void **state) {
    (void)state;
    static const char *const methods[] = {"fgm", "pgd", "fgsm_rs", "trades", "free"};
    lab_set(&lab, "adversarial.epsilon", "0.6");
    lab_set(&lab, "adversarial.norm", "linf");
    struct learner *clean = fitted("none"), *noise = fitted("noise");
    double unprotected = fmax(pgd_accuracy(clean, 0.6), pgd_accuracy(noise, 0.6));
    for (size_t i = 0; i < 5; ++i) {
        struct learner *robust = fitted(methods[i]);
        double accuracy = pgd_accuracy(robust, 0.6);
        if (!(accuracy > unprotected + 0.2)) fail_msg("%s: %g against %g", methods[i], accuracy, unprotected);
        learner_destroy(robust);
    }
    learner_destroy(clean);
    learner_destroy(noise);
}

static void a_tiny_radius_is_clean_training(void **state) {
    (void)state;
    static const char *const methods[] = {"fgm", "pgd", "fgsm_rs", "noise"};
    size_t count, other_count;
    lab_set(&lab, "mlp.steps", "20");
    struct learner *clean = fitted("none");
    double *weights = lab_parameter(&lab, clean, "layer1.input", &count);
    lab_set(&lab, "adversarial.epsilon", "1e-6");
    for (size_t i = 0; i < 4; ++i) {
        struct learner *moved = fitted(methods[i]);
        double *other = lab_parameter(&lab, moved, "layer1.input", &other_count), worst = 0;
        for (size_t k = 0; k < count; ++k) worst = fmax(worst, fabs(other[k] - weights[k]));
        assert_true(worst < 1e-3 && worst > 0);
        mem_free(other);
        learner_destroy(moved);
    }
    mem_free(weights);
    learner_destroy(clean);
}

/* `from_step` at the end: the bits of clean training. */
static void before_its_first_step_nothing_changes(void **state) {
    (void)state;
    size_t count;
    lab_set(&lab, "mlp.steps", "20");
    struct learner *clean = fitted("none");
    lab_set(&lab, "adversarial.from_step", "20");
    struct learner *waiting = fitted("fgm");
    double *weights = lab_parameter(&lab, clean, "layer1.input", &count),
           *other = lab_parameter(&lab, waiting, "layer1.input", &count);
    assert_memory_equal(weights, other, count * sizeof *weights);
    mem_free(weights);
    mem_free(other);
    learner_destroy(clean);
    learner_destroy(waiting);
}

/* ---- the methods themselves */

static void moved_rows_stay_in_ball_and_box(void **state) {
    (void)state;
    static const char *const norms[] = {"l2", "linf"};
    struct learner *learner = fitted("none");
    const strata_function function = learner_function(learner, DIMENSION, 1);
    lab_set(&lab, "adversarial.box", "-0.2, 0.3");
    static float x[64 * DIMENSION];
    for (size_t i = 0; i < sizeof x / sizeof *x; ++i) x[i] = fminf(fmaxf(train.x[i], -0.2f), 0.3f);
    for (size_t n = 0; n < 2; ++n)
        for (size_t m = 0; m < adversary_table_size; ++m) {
            struct adversary *adversary;
            const float *moved;
            double gradient[64 * DIMENSION];
            bool changed = false;
            lab_set(&lab, "adversarial.norm", norms[n]);
            lab_set(&lab, "adversarial.method", adversary_table[m]->name);
            lab_set(&lab, "adversarial.epsilon", "0.1");
            assert_int_equal(adversary_create(lab.ctx, lab.settings, TASK_BINARY, 64, DIMENSION, 1,
                                              rng_stream_make(1, 1, RNG_ADVERSARY), &adversary),
                             STRATA_OK);
            rng_normal_f64(rng_stream_make(3, 1, RNG_TEST), 64 * DIMENSION, gradient);
            for (size_t step = 2; step < 4; ++step) {
                assert_int_equal(adversary_move(lab.ctx, adversary, &function, step, 10, x, train.y, &moved),
                                 STRATA_OK);
                if (adversary->class_->stays && step < 3) adversary_follow(adversary, x, gradient);
            }
            if (adversary->class_->pairs) {
                assert_memory_equal(moved, x, sizeof x);
                moved += 64 * DIMENSION;
            }
            for (size_t r = 0; r < 64; ++r) {
                float delta[DIMENSION];
                for (size_t j = 0; j < DIMENSION; ++j) {
                    float value = moved[r * DIMENSION + j];
                    assert_true(value >= -0.2f && value <= 0.3f);
                    delta[j] = value - x[r * DIMENSION + j];
                    changed = changed || delta[j] != 0;
                }
                if (!(adversary->norm->length(DIMENSION, delta) <= 0.1 * (1 + 1e-5)))
                    fail_msg("%s, %s: row %zu: %.9g", norms[n], adversary->class_->name, r,
                             adversary->norm->length(DIMENSION, delta));
            }
            assert_true(changed);
            adversary_destroy(adversary);
        }
    learner_destroy(learner);
}

static void pair_loss_matches_central_differences(void **state) {
    (void)state;
    enum { ROWS = 6, MOST = 4 };
    const float h = 1e-2f;
    for (size_t outputs = 1; outputs <= MOST; outputs += 3) {
        struct adversary *adversary;
        float logits[2 * ROWS * MOST], seeds[2 * ROWS * MOST], unused[2 * ROWS * MOST], y[ROWS];
        lab_set(&lab, "adversarial.method", "trades");
        assert_int_equal(adversary_create(lab.ctx, lab.settings, outputs == 1 ? TASK_BINARY : TASK_MULTICLASS, ROWS, 3,
                                          outputs, rng_stream_make(1, 1, RNG_ADVERSARY), &adversary),
                         STRATA_OK);
        for (size_t r = 0; r < ROWS; ++r) y[r] = (float)(r % (outputs == 1 ? 2 : outputs));
        rng_normal_f32(rng_stream_make(outputs, 1, RNG_TEST), 2 * ROWS * outputs, logits);
        (void)adversary_pair_loss(adversary, logits, y, seeds);
        for (size_t i = 0; i < 2 * ROWS * outputs; ++i) {
            float kept = logits[i];
            logits[i] = kept + h;
            double up = adversary_pair_loss(adversary, logits, y, unused), above = (double)logits[i];
            logits[i] = kept - h;
            double down = adversary_pair_loss(adversary, logits, y, unused), below = (double)logits[i];
            logits[i] = kept;
            /* the third derivative of the loss is below 10: h^2 / 6 of it */
            assert_true(fabs((up - down) / (above - below) - (double)seeds[i]) < 3e-4);
        }
        adversary_destroy(adversary);
    }
}

/* ---- fits that stop and go on */

static bool every_step(void *user, const struct fit_point *point) { return point->step == *(const size_t *)user; }

static strata_status stop_here(void *user, struct learner *learner, const struct fit_point *point) {
    (void)user, (void)learner, (void)point;
    return strata_fail(lab.ctx, STRATA_ERR_INTERRUPTED, "stopped");
}

/* Stopped inside an epoch of ten steps, and right before the guard's look; whole states, what the guard saw included. */
static void a_fit_goes_on_with_equal_bits(void **state) {
    (void)state;
    lab_set(&lab, "mlp.steps", "40");
    lab_set(&lab, "adversarial.ramp", "0.6");
    for (size_t i = 0; i < adversary_table_size; ++i)
        for (size_t stop = 27; stop <= 30; stop += 3) {
            const struct fit_hooks hooks = {.user = &stop, .step = every_step, .checkpoint = stop_here};
            struct tensor_file saved = {0}, one = {0}, other = {0};
            struct learner *whole = fitted(adversary_table[i]->name), *first = create(), *second = create();
            assert_int_equal(learner_fit(lab.ctx, first, &hooks), STRATA_ERR_INTERRUPTED);
            assert_int_equal(learner_save(lab.ctx, first, &saved), STRATA_OK);
            assert_int_equal(learner_load(lab.ctx, second, &saved), STRATA_OK);
            assert_int_equal(learner_fit(lab.ctx, second, NULL), STRATA_OK);
            assert_int_equal(learner_save(lab.ctx, whole, &one), STRATA_OK);
            assert_int_equal(learner_save(lab.ctx, second, &other), STRATA_OK);
            if (!states_equal(&one, &other)) fail_msg("%s, stopped at %zu", adversary_table[i]->name, stop);
            tensor_file_destroy(&saved);
            tensor_file_destroy(&one);
            tensor_file_destroy(&other);
            learner_destroy(whole);
            learner_destroy(first);
            learner_destroy(second);
        }
}

/* Whoever looks back at an epoch of perfect accuracy sees an overfit: the weights of then come back, once. */
static void the_guard_restores_the_weights(void **state) {
    (void)state;
    static const double perfect[5] = {-1, 2, 1.25, 0, 1};
    size_t stop = 25;
    const struct fit_hooks hooks = {.user = &stop, .step = every_step, .checkpoint = stop_here};
    struct tensor_file saved = {0};
    lab_set(&lab, "mlp.steps", "31"); /* ten steps an epoch: the next look is before step 31 */
    lab_set(&lab, "adversarial.method", "fgsm_rs");
    struct learner *learner = create();
    assert_int_equal(learner_fit(lab.ctx, learner, &hooks), STRATA_ERR_INTERRUPTED);
    assert_int_equal(learner_save(lab.ctx, learner, &saved), STRATA_OK);
    for (size_t i = 0; i < saved.tensor_count; ++i)
        if (strcmp(saved.tensors[i].name, "guard.seen") == 0) saved.tensors[i].data = perfect;
    struct learner *other = create();
    assert_int_equal(learner_load(lab.ctx, other, &saved), STRATA_OK);
    warnings = 0;
    assert_int_equal(learner_fit(lab.ctx, other, NULL), STRATA_OK);
    assert_int_equal(warnings, 1);
    struct tensor_file after = {0};
    assert_int_equal(learner_save(lab.ctx, other, &after), STRATA_OK);
    const double *seen = tensor_file_find(&after, "guard.seen")->data;
    assert_true(seen[3] == 1 && fabs(seen[2] - 1.25 * 0.85) < 1e-12);
    /* one step of a rate near 0 away from the weights of the look at step 20, and far from those of step 25 */
    const double *good = tensor_file_find(&saved, "guard.weights")->data;
    double from_good = 0, moved = 0;
    for (size_t i = 0, at = 0; i < after.tensor_count; ++i) {
        const struct tensor *tensor = &after.tensors[i], *then = tensor_file_find(&saved, tensor->name);
        const double *values = tensor->data, *stopped = then->data;
        if (!starts_with(tensor->name, "parameter.")) continue;
        for (size_t k = 0; k < tensor_count(tensor); ++k, ++at) {
            from_good = fmax(from_good, fabs(values[k] - good[at]));
            moved = fmax(moved, fabs(stopped[k] - good[at]));
        }
    }
    assert_true(from_good < 1e-4 && moved > 1e-3);
    tensor_file_destroy(&saved);
    tensor_file_destroy(&after);
    learner_destroy(learner);
    learner_destroy(other);
}

/*
 * Four radii in one step at a radius that turns most rows: the fit overfits by itself, and the guard answers each time.
 * Stopped and gone on in the midst of it, it ends with equal bits.
 */
/* One fit of a seed, whole and in two parts: how often the guard fired. */
static size_t fire(uint64_t seed) {
    size_t stop = 150;
    const struct fit_hooks hooks = {.user = &stop, .step = every_step, .checkpoint = stop_here};
    struct tensor_file saved = {0}, one = {0}, other = {0};
    fit_seed = seed;
    warnings = 0;
    struct learner *whole = fitted("fgsm_rs");
    size_t fired = warnings;
    struct learner *first = create(), *second = create();
    assert_int_equal(learner_save(lab.ctx, whole, &one), STRATA_OK);
    const double *seen = tensor_file_find(&one, "guard.seen")->data;
    assert_true(seen[3] == (double)fired);
    assert_true(fabs(seen[2] - 4 * pow(0.85, (double)fired)) < 1e-12);
    assert_int_equal(learner_fit(lab.ctx, first, &hooks), STRATA_ERR_INTERRUPTED);
    assert_int_equal(learner_save(lab.ctx, first, &saved), STRATA_OK);
    assert_int_equal(learner_load(lab.ctx, second, &saved), STRATA_OK);
    assert_int_equal(learner_fit(lab.ctx, second, NULL), STRATA_OK);
    assert_int_equal(learner_save(lab.ctx, second, &other), STRATA_OK);
    assert_true(states_equal(&one, &other));
    tensor_file_destroy(&saved);
    tensor_file_destroy(&one);
    tensor_file_destroy(&other);
    learner_destroy(whole);
    learner_destroy(first);
    learner_destroy(second);
    fit_seed = 5;
    return fired;
}

/* Such fits are chaotic: which seed overfits depends on the machine's roundings, that one of some does not. */
static void the_guard_fires_by_itself(void **state) {
    (void)state;
    size_t fired = 0;
    lab_set_all(&lab, (struct setting_pair[]){{"mlp.steps", "600"},
                                              {"mlp.depth", "3"},
                                              {"mlp.hidden_width", "96"},
                                              {"mlp.learning_rate", "1e-2"},
                                              {"train.schedule", "constant"},
                                              {"train.warmup", "0"},
                                              {"adversarial.norm", "linf"},
                                              {"adversarial.epsilon", "1"},
                                              {"adversarial.fast_step", "4"},
                                              {NULL, NULL}});
    for (uint64_t seed = 5; seed < 13 && fired < 2; ++seed) fired += fire(seed);
    assert_true(fired >= 1);
}

/* ---- a step allocates nothing */

struct watch {
    uint64_t before;
    size_t steps;
};

static bool count_allocations(void *user, const struct fit_point *point) {
    struct watch *watch = user;
    if (point->step > 2 && watch->before) assert_true(mem_count() == watch->before);
    watch->before = mem_count();
    ++watch->steps;
    return false;
}

static void steps_allocate_nothing(void **state) {
    (void)state;
    for (size_t i = 0; i < adversary_table_size; ++i) {
        struct watch watch = {0};
        const struct fit_hooks hooks = {.user = &watch, .step = count_allocations};
        lab_set(&lab, "adversarial.method", adversary_table[i]->name);
        lab_set(&lab, "mlp.steps", "9");
        struct learner *learner = create();
        assert_int_equal(learner_fit(lab.ctx, learner, &hooks), STRATA_OK);
        assert_int_equal(watch.steps, 9);
        learner_destroy(learner);
    }
}

static void wrong_settings_are_refused(void **state) {
    (void)state;
    struct learner *learner;
    const struct learner_request request = {.settings = lab.settings, .train = source, .seed = 5, .replicate = 1};
    lab_set(&lab, "adversarial.method", "pgd");
    lab_set(&lab, "adversarial.epsilon", "0");
    assert_int_equal(learner_create(lab.ctx, "mlp_relu", &request, &learner), STRATA_ERR_CONFIG);
    lab_set(&lab, "adversarial.epsilon", "8");
    lab_set(&lab, "adversarial.box", "0, 1");
    assert_int_equal(learner_create(lab.ctx, "mlp_relu", &request, &learner), STRATA_ERR_CONFIG);
    assert_non_null(strstr(strata_context_message(lab.ctx), ".0314"));
    lab_set(&lab, "adversarial.epsilon", "0.1");
    lab_set(&lab, "adversarial.box", "1, 0");
    assert_int_equal(learner_create(lab.ctx, "mlp_relu", &request, &learner), STRATA_ERR_CONFIG);
    lab_set(&lab, "adversarial.box", "none");
    lab_set(&lab, "adversarial.method", "trades");
    lab_set(&lab, "train.label_smoothing", "0.1"); /* found when the fit begins */
    assert_int_equal(learner_create(lab.ctx, "mlp_relu", &request, &learner), STRATA_OK);
    assert_int_equal(learner_fit(lab.ctx, learner, NULL), STRATA_ERR_CONFIG);
    assert_non_null(strstr(strata_context_message(lab.ctx), "train.label_smoothing"));
    learner_destroy(learner);
    lab_set(&lab, "train.label_smoothing", "0");
    const struct learner_request regression = {
        .settings = lab.settings, .train = lab.source, .seed = 5, .replicate = 1};
    assert_int_equal(learner_create(lab.ctx, "mlp_relu", &regression, &learner), STRATA_ERR_CONFIG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_protects_and_noise_does_not, reset),
        cmocka_unit_test_setup(a_tiny_radius_is_clean_training, reset),
        cmocka_unit_test_setup(before_its_first_step_nothing_changes, reset),
        cmocka_unit_test_setup(moved_rows_stay_in_ball_and_box, reset),
        cmocka_unit_test_setup(pair_loss_matches_central_differences, reset),
        cmocka_unit_test_setup(a_fit_goes_on_with_equal_bits, reset),
        cmocka_unit_test_setup(the_guard_restores_the_weights, reset),
        cmocka_unit_test_setup(the_guard_fires_by_itself, reset),
        cmocka_unit_test_setup(steps_allocate_nothing, reset),
        cmocka_unit_test_setup(wrong_settings_are_refused, reset),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
