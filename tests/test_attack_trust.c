/* SPDX-License-Identifier: MIT */
/* The trust checks fire on models that only hide from attacks, and stay quiet on one that does not. */
#include "attack_fixture.h"

enum { ROWS = MOST_ROWS, INPUTS = 12, HIDDEN = 24 };

static struct model model;
static struct rows rows;
static struct attack_check checks[SUITE_MOST_CHECKS];
static size_t count;

static void look(struct model *masked, double epsilon) {
    const strata_function function = model_function(masked);
    const struct attack_target target = target_of(&function, false);
    struct attack_options options = attack_options_default(attack_norm_find("l2"), epsilon);
    options.queries = 300;
    assert_ok(attack_trust(ctx, &target, &options, &rows.rows, 0, NULL, checks, &count));
}

static const struct attack_check *find(const char *id) {
    for (size_t i = 0; i < count; ++i)
        if (strcmp(checks[i].id, id) == 0) return &checks[i];
    fail_msg("no check '%s'", id);
    return NULL;
}

static void reset(void) {
    model_draw(&model, 21, INPUTS, HIDDEN, 3);
    model.scale = 1.0 / HIDDEN; /* logits of the size of the inputs */
    rows_draw(&rows, &model, 22, true, 120);
}

static void a_plain_network_passes(void **state) {
    (void)state;
    reset();
    look(&model, 0.15);
    for (size_t i = 0; i < count; ++i)
        if (checks[i].ran && !checks[i].passed) fail_msg("%s: %s", checks[i].id, checks[i].text);
    assert_true(attack_trusted(count, checks));
    assert_true(count >= 8);
}

/* A softmax that saturates in single precision: gradients of exactly zero. */
static void saturated_logits_are_seen(void **state) {
    (void)state;
    reset();
    model.scale = 1e4 / HIDDEN;
    look(&model, 0.15);
    assert_false(find("gradients")->passed);
    assert_false(attack_trusted(count, checks));
}

static void quantised_activations_are_seen(void **state) {
    (void)state;
    reset();
    model.quantum = 0.05;
    look(&model, 0.3);
    assert_false(find("gradients")->passed);
    assert_false(attack_trusted(count, checks));
}

/* As the model's own, but every third row comes out as NaN or infinity. */
static strata_status wild_vjp(strata_context *context, void *user, size_t count_rows, const float *x, const float *seed,
                              float *out, float *gradient) {
    STRATA_TRY(model_vjp(context, user, count_rows, x, seed, out, gradient));
    for (size_t r = 0; r < count_rows; r += 3) gradient[r * INPUTS + r % INPUTS] = r % 2 ? INFINITY : NAN;
    return STRATA_OK;
}

static void gradients_that_are_not_finite_are_counted(void **state) {
    (void)state;
    static float points[ROWS * INPUTS];
    struct attack_result result;
    reset();
    strata_function function = model_function(&model);
    function.vjp = wild_vjp;
    const struct attack_target target = target_of(&function, false);
    const struct attack_options options = attack_options_default(attack_norm_find("l2"), 0.15);
    assert_ok(attack_run(ctx, attack_find("fgm"), &target, &options, &rows.rows, NULL, points, &result));
    /* 120 rows in blocks of 64 and 56: rows 0, 3, ... of each, 22 and 19. */
    assert_int_equal(result.counts.wild_gradients, 22 + 19);
    assert_int_equal(result.counts.zero_gradients, 0);
    assert_ok(attack_trust(ctx, &target, &options, &rows.rows, 0, NULL, checks, &count));
    assert_false(find("gradients")->passed);
    assert_false(attack_trusted(count, checks));
}

static void randomised_models_are_seen(void **state) {
    (void)state;
    reset();
    model.wobble = 0.1;
    look(&model, 0.15);
    assert_false(find("repeatable")->passed);
}

static void probabilities_are_refused(void **state) {
    (void)state;
    static float points[ROWS * INPUTS];
    static bool alive[ROWS];
    struct suite_report report;
    const struct attack_class *attacks[SUITE_MOST_ATTACKS];
    size_t attack_count;
    reset();
    model.probability = true;
    const strata_function function = model_function(&model);
    const struct attack_target target = target_of(&function, false);
    const struct attack_options options = attack_options_default(attack_norm_find("l2"), 0.1);
    assert_ok(attack_suite_parse(ctx, "quick", options.norm, 3, attacks, &attack_count));
    memcpy(points, rows.x, sizeof points);
    assert_int_equal(
        attack_suite_run(ctx, attack_count, attacks, &target, &options, &rows.rows, NULL, NULL, alive, points, &report),
        STRATA_ERR_ARGUMENT);
    assert_non_null(strstr(strata_context_message(ctx), "logits"));
}

/* Robust accuracy is the share that every attack leaves, and falls with the radius. */
static void suites_take_the_worst_case(void **state) {
    (void)state;
    static float points[ROWS * INPUTS];
    static bool alive[ROWS], each[ROWS];
    struct suite_report report;
    const struct attack_class *attacks[SUITE_MOST_ATTACKS];
    size_t attack_count, last = ROWS;
    reset();
    for (size_t r = 0; r < 20; ++r) rows.labels[r] = (rows.labels[r] + 1) % 3;
    const strata_function function = model_function(&model);
    const struct attack_target target = target_of(&function, false);
    struct attack_options options = attack_options_default(attack_norm_find("linf"), 0);
    assert_ok(attack_suite_parse(ctx, "fgm,pgd,apgd_ce,fgm", options.norm, 3, attacks, &attack_count));
    assert_int_equal(attack_count, 3);
    memcpy(points, rows.x, sizeof points);
    for (double epsilon = 0; epsilon < 0.61; epsilon += 0.15) {
        options.epsilon = epsilon;
        assert_ok(attack_suite_run(ctx, attack_count, attacks, &target, &options, &rows.rows, NULL, NULL, alive, points,
                                   &report));
        assert_int_equal(report.clean, 100);
        assert_true(report.robust <= last && report.robust <= report.clean);
        if (epsilon == 0) assert_int_equal(report.robust, 100);
        last = report.robust;
        for (size_t a = 0; a < attack_count; ++a) {
            static float own[ROWS * INPUTS];
            struct attack_result result;
            memset(each, true, sizeof each);
            assert_ok(attack_run(ctx, attacks[a], &target, &options, &rows.rows, each, own, &result));
            for (size_t r = 0; r < 120; ++r) assert_true(each[r] || !alive[r] || a > 0);
        }
    }
    assert_true(last < 100);
}

static void lists_of_attacks_are_checked(void **state) {
    (void)state;
    const struct attack_class *attacks[SUITE_MOST_ATTACKS];
    size_t found;
    assert_int_equal(attack_suite_parse(ctx, "pdg", attack_norm_find("l2"), 3, attacks, &found), STRATA_ERR_ARGUMENT);
    assert_non_null(strstr(strata_context_message(ctx), "did you mean 'pgd'"));
    assert_int_equal(attack_suite_parse(ctx, "apgd_dlr", attack_norm_find("l2"), 3, attacks, &found),
                     STRATA_ERR_ARGUMENT);
    assert_int_equal(attack_suite_parse(ctx, "", attack_norm_find("l2"), 3, attacks, &found), STRATA_ERR_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_network_passes),         cmocka_unit_test(saturated_logits_are_seen),
        cmocka_unit_test(quantised_activations_are_seen), cmocka_unit_test(randomised_models_are_seen),
        cmocka_unit_test(probabilities_are_refused),      cmocka_unit_test(suites_take_the_worst_case),
        cmocka_unit_test(lists_of_attacks_are_checked),   cmocka_unit_test(gradients_that_are_not_finite_are_counted),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
