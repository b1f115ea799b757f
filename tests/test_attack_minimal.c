/* SPDX-License-Identifier: MIT */
/* Attacks for the nearest breaking point: exact on linear models, never below what is proved on others. */
#include <float.h>

#include "attack/certificate.h"
#include "attack_fixture.h"
#include "model/threshold_net.h"

enum { ROWS = 150, FEW = 24, INPUTS = 10 };

static void trial_begin(struct trial *trial, const char *norm, size_t hidden, size_t outputs, bool boxed, size_t rows) {
    model_draw(&trial->model, 11 + outputs + hidden, INPUTS, hidden, outputs);
    for (size_t k = 0; hidden == 0 && boxed && k < outputs; ++k) { /* boundaries through the middle of the box */
        trial->model.last_offset[k] = 0;
        for (size_t j = 0; j < INPUTS; ++j) trial->model.last_offset[k] -= 0.5 * trial->model.last[k * INPUTS + j];
    }
    trial_aim(trial, norm, 0.5, 12, boxed, rows);
}

static void propose(struct trial *trial, const char *attack) {
    const struct attack_class *class_ = attack_find(attack);
    assert_non_null(class_);
    assert_true(class_->minimal);
    assert_int_equal(attack_points(ctx, class_, &trial->target, &trial->options, &trial->rows.rows, trial->points),
                     STRATA_OK);
}

static double moved(const struct trial *trial, size_t row) {
    float delta[INPUTS];
    for (size_t j = 0; j < INPUTS; ++j) delta[j] = trial->points[row * INPUTS + j] - trial->rows.x[row * INPUTS + j];
    return trial->options.norm->length(INPUTS, delta);
}

static bool breaks(const struct trial *trial, size_t row) {
    float out[MOST_OUTPUTS];
    for (size_t j = 0; j < INPUTS; ++j) {
        double value = (double)trial->points[row * INPUTS + j];
        if (!(value >= trial->target.low && value <= trial->target.high)) fail_msg("row %zu leaves the box", row);
    }
    model_logits(&trial->model, trial->points + row * INPUTS, out);
    return attack_broken(trial->model.outputs, out, trial->rows.labels[row]);
}

/* The nearest of the boundaries to the other classes; whole models only. */
static double exact_distance(const struct trial *trial, size_t row) {
    const struct model *model = &trial->model;
    bool linf = trial->options.norm->kind == ATTACK_LINF;
    double nearest = INFINITY, weights[INPUTS];
    size_t label = model->outputs == 1 ? 0 : trial->rows.labels[row];
    for (size_t k = 0; k < model->outputs; ++k) {
        double offset = model->last_offset[k];
        if (model->outputs > 1 && k == label) continue;
        for (size_t j = 0; j < INPUTS; ++j)
            weights[j] = model->last[k * INPUTS + j] - (model->outputs > 1 ? model->last[label * INPUTS + j] : 0);
        if (model->outputs > 1) offset -= model->last_offset[label];
        nearest = fmin(nearest, certificate_linear(INPUTS, weights, offset, linf, trial->target.low, trial->target.high,
                                                   trial->rows.x + row * INPUTS));
    }
    return nearest;
}

/* Largest relative error over all rows; a row that the box keeps from every boundary stays as it is. */
static double worst_error(struct trial *trial, const char *attack) {
    double worst = 0;
    propose(trial, attack);
    for (size_t r = 0; r < trial->rows.rows.rows; ++r) {
        double exact = exact_distance(trial, r), distance = moved(trial, r);
        if (isinf(exact)) {
            assert_false(breaks(trial, r));
            continue;
        }
        if (!breaks(trial, r)) fail_msg("%s: row %zu is not broken, at %g of %g", attack, r, distance, exact);
        /* x and point are rounded to float: 1e-6 covers what that takes off */
        if (!(distance >= exact * (1 - 1e-5) - 1e-6))
            fail_msg("%s: row %zu at %.9g, below the least distance %.9g", attack, r, distance, exact);
        worst = fmax(worst, (distance - exact) / fmax(exact, 1e-2));
    }
    return worst;
}

static void check_linear(const char *attack, const char *norm, bool boxed, size_t rows, double tolerance) {
    static struct trial trial;
    static const size_t outputs[] = {1, 2, 4};
    bool climbs = strcmp(attack, "cw") == 0; /* to the class of largest logit, which need not be the nearest of four */
    for (size_t i = 0; i < (climbs ? 2 : 3); ++i) {
        trial_begin(&trial, norm, 0, outputs[i], boxed, rows);
        double worst = worst_error(&trial, attack);
        print_message("%s, %s, %s, %zu outputs: %.2g\n", attack, norm, boxed ? "box" : "no box", outputs[i], worst);
        if (!(worst <= tolerance)) fail_msg("%s, %s: relative error %g", attack, norm, worst);
    }
}

static void minimal_attacks_are_exact_on_linear_models(void **state) {
    (void)state;
    check_linear("exact_linear", "l2", false, ROWS, 1e-4);
    check_linear("exact_linear", "linf", false, ROWS, 1e-4);
    check_linear("fab", "l2", false, ROWS, 1e-4);
    check_linear("fab", "linf", false, ROWS, 1e-4);
    check_linear("deepfool", "l2", false, ROWS, 1e-4);
    check_linear("cw", "l2", false, FEW, 1e-2);
}

static void minimal_attacks_are_exact_on_linear_models_in_a_box(void **state) {
    (void)state;
    check_linear("exact_linear", "l2", true, ROWS, 1e-4);
    check_linear("exact_linear", "linf", true, ROWS, 1e-4);
    check_linear("fab", "l2", true, ROWS, 1e-4);
    check_linear("fab", "linf", true, ROWS, 1e-4);
    check_linear("cw", "l2", true, FEW, 1e-2);
}

/* With attack_run: nothing breaks below the exact radius, all rows just above it. */
static void rows_break_just_above_their_exact_radius(void **state) {
    (void)state;
    static struct trial trial;
    static const char *const attacks[] = {"exact_linear", "fab"};
    for (size_t n = 0; n < attack_norm_table_size; ++n)
        for (size_t a = 0; a < 2; ++a) {
            trial_begin(&trial, attack_norm_table[n]->name, 0, 4, false, FEW);
            for (size_t r = 0; r < FEW; ++r) {
                struct attack_result result;
                double exact = exact_distance(&trial, r);
                struct attack_rows row = {.rows = 1, .x = trial.rows.x + r * INPUTS, .labels = trial.rows.labels + r};
                trial.options.epsilon = exact * 0.999;
                assert_int_equal(attack_run(ctx, attack_find(attacks[a]), &trial.target, &trial.options, &row, NULL,
                                            trial.points, &result),
                                 STRATA_OK);
                assert_int_equal(result.broken, 0);
                trial.options.epsilon = exact * 1.001;
                assert_int_equal(attack_run(ctx, attack_find(attacks[a]), &trial.target, &trial.options, &row, NULL,
                                            trial.points, &result),
                                 STRATA_OK);
                assert_int_equal(result.broken, 1);
            }
        }
}

/* ---- networks ---- */

/* Product of the layers' bounds: ReLU is 1-Lipschitz. */
static double lipschitz_of(const struct model *model) {
    return certificate_operator_norm(model->hidden, model->inputs, model->first) *
           certificate_operator_norm(model->outputs, model->hidden, model->last);
}

static void no_distance_is_below_the_lipschitz_bound(void **state) {
    (void)state;
    static struct trial trial;
    static const char *const attacks[] = {"fab", "deepfool", "cw"};
    double mean[3] = {0};
    for (size_t a = 0; a < 3; ++a)
        for (size_t outputs = 1; outputs <= 5; outputs += 2) {
            trial_begin(&trial, "l2", 16, outputs, false, FEW);
            if (outputs == 5) trial.options.targets = 2; /* a run for each */
            propose(&trial, attacks[a]);
            double lipschitz = lipschitz_of(&trial.model);
            for (size_t r = 0; r < FEW; ++r) {
                float logits[MOST_OUTPUTS];
                if (!breaks(&trial, r)) fail_msg("%s: row %zu is not broken", attacks[a], r);
                model_logits(&trial.model, trial.rows.x + r * INPUTS, logits);
                double bound = certificate_lipschitz(outputs, logits, trial.rows.labels[r], lipschitz);
                assert_true(bound > 0);
                if (!(moved(&trial, r) >= bound * (1 - 1e-5) - 1e-6))
                    fail_msg("%s: row %zu at %g, proved to %g", attacks[a], r, moved(&trial, r), bound);
                mean[a] += moved(&trial, r) / (3 * FEW);
            }
        }
    print_message("mean distances: fab %.4f, deepfool %.4f, cw %.4f\n", mean[0], mean[1], mean[2]);
    assert_true(mean[0] <= mean[1] && mean[0] <= 1.02 * mean[2]); /* the fast one gives the longest way */
    assert_true(mean[1] <= 1.15 * mean[0] && mean[2] <= 1.05 * mean[0]);
}

/* The largest radius that the relaxation proves, by bisection: it is sound at each one. */
static double proved_radius(const struct threshold_weights *net, const float *x, double y) {
    double scratch[INPUTS], low = 0, high = 4;
    for (int i = 0; i < 40; ++i) {
        double middle = 0.5 * (low + high);
        *(certificate_threshold(net, x, y, middle, scratch, NULL) > 0 ? &low : &high) = middle;
    }
    return low;
}

static void no_distance_is_below_the_relaxation_of_threshold_networks(void **state) {
    (void)state;
    static struct trial trial;
    struct threshold_net net;
    float out[FEW];
    size_t proved = 0;
    trial_begin(&trial, "l2", 0, 1, false, FEW);
    assert_int_equal(threshold_net_create(ctx, 24, INPUTS, &net), STRATA_OK);
    threshold_net_initialise(&net, rng_stream_make(14, 1, RNG_INIT), 1);
    threshold_net_set_thresholds(&net, 0.3);
    strata_function function = threshold_net_function(&net);
    const struct threshold_weights weights = {
        .width = 24, .inputs = INPUTS, .weights = net.weights, .thresholds = net.thresholds};
    trial.target.functions = &function;
    threshold_net_values(&net, FEW, trial.rows.x, out);
    for (size_t r = 0; r < FEW; ++r) trial.rows.labels[r] = out[r] > 0;
    static const char *const attacks[] = {"fab", "deepfool", "cw"};
    for (size_t a = 0; a < 3; ++a) {
        propose(&trial, attacks[a]);
        threshold_net_values(&net, FEW, trial.points, out);
        for (size_t r = 0; r < FEW; ++r) {
            double radius = proved_radius(&weights, trial.rows.x + r * INPUTS, trial.rows.labels[r] ? 1 : -1);
            bool broken = attack_broken(1, &out[r], trial.rows.labels[r]);
            proved += radius > 0.01;
            if (broken && !(moved(&trial, r) >= radius * (1 - 1e-5) - 1e-6))
                fail_msg("%s: row %zu at %g, proved to %g", attacks[a], r, moved(&trial, r), radius);
            if (!broken) assert_true(moved(&trial, r) == 0); /* nothing found: x as it was */
        }
    }
    assert_true(proved > FEW);
    threshold_net_destroy(&net);
}

/* ---- what all must keep ---- */

static const char *const all[] = {"exact_linear", "fab", "deepfool", "cw"};

static void proposals_are_equal_bits_on_any_threads(void **state) {
    (void)state;
    static struct trial trial;
    static float alone[ROWS * INPUTS];
    struct thread_pool *pool;
    assert_int_equal(thread_pool_create(ctx, 3, &pool), STRATA_OK);
    for (size_t a = 0; a < sizeof all / sizeof *all; ++a)
        for (size_t n = 0; n < attack_norm_table_size; ++n) {
            if (!(attack_find(all[a])->norms & attack_norm_table[n]->kind)) continue;
            bool slow = strcmp(all[a], "cw") == 0;
            trial_begin(&trial, attack_norm_table[n]->name, a == 0 || slow ? 0 : 16, slow ? 1 : 3, true, ROWS);
            propose(&trial, all[a]);
            memcpy(alone, trial.points, sizeof alone);
            trial.target.pool = pool;
            propose(&trial, all[a]);
            assert_memory_equal(alone, trial.points, sizeof alone);
            for (size_t r = 0; r < ROWS; ++r) (void)breaks(&trial, r); /* the box */
        }
    thread_pool_destroy(pool);
}

/* A row that is wrong as it stands is its own nearest point. */
static void wrong_rows_stay_where_they_are(void **state) {
    (void)state;
    static struct trial trial;
    for (size_t a = 0; a < sizeof all / sizeof *all; ++a) {
        trial_begin(&trial, "l2", 0, 4, false, FEW);
        for (size_t r = 0; r < FEW; r += 2) trial.rows.labels[r] = (trial.rows.labels[r] + 1) % 4;
        propose(&trial, all[a]);
        for (size_t r = 0; r < FEW; ++r) assert_true((moved(&trial, r) == 0) == (r % 2 == 0) && breaks(&trial, r));
    }
}

static void exact_linear_refuses_a_network(void **state) {
    (void)state;
    static struct trial trial;
    for (size_t rows = 1; rows <= FEW; rows += FEW - 1) { /* one row alone: by the points around it */
        trial_begin(&trial, "l2", 16, 3, false, rows);
        assert_int_equal(attack_points(ctx, attack_find("exact_linear"), &trial.target, &trial.options,
                                       &trial.rows.rows, trial.points),
                         STRATA_ERR_ARGUMENT);
        assert_non_null(strstr(strata_context_message(ctx), "not linear"));
    }
}

/* Where the model is flat no gradient shows a way: FAB starts again from random points and counts such rows. */
static strata_status step_evaluate(strata_context *context, void *user, size_t rows, const float *x, float *out) {
    (void)context;
    (void)user;
    for (size_t r = 0; r < rows; ++r) {
        double u = (double)x[2 * r] - 0.5;
        out[r] = (float)(u < 0 ? u : 1e-9);
    }
    return STRATA_OK;
}

static strata_status step_vjp(strata_context *context, void *user, size_t rows, const float *x, const float *seed,
                              float *out, float *gradient) {
    if (out) STRATA_TRY(step_evaluate(context, user, rows, x, out));
    for (size_t r = 0; r < rows; ++r) {
        gradient[2 * r] = x[2 * r] < 0.5f ? seed[r] : 0;
        gradient[2 * r + 1] = 0;
    }
    return STRATA_OK;
}

static void fab_leaves_a_flat_place(void **state) {
    (void)state;
    const strata_function function = {.inputs = 2, .outputs = 1, .evaluate = step_evaluate, .vjp = step_vjp};
    const struct attack_target target = {.functions = &function, .classes = 2, .low = -INFINITY, .high = INFINITY};
    const struct attack_rows rows = {.rows = 1, .x = (const float[]){0.55f, 0.5f}, .labels = (const uint32_t[]){1}};
    struct attack_options options = attack_options_default(attack_norm_find("l2"), 0.2);
    struct attack_result result;
    float point[2];
    assert_int_equal(attack_run(ctx, attack_find("fab"), &target, &options, &rows, NULL, point, &result), STRATA_OK);
    assert_int_equal(result.broken, 1);
    assert_int_equal(result.counts.stuck_rows, 1);
    assert_true(point[0] <= 0.5f);
}

static void minimal_attacks_survive_short_memory(void **state) {
    (void)state;
    static struct trial trial;
    for (size_t a = 0; a < sizeof all / sizeof *all; ++a) {
        strata_status status = STRATA_ERR_MEMORY;
        uint64_t failures = 0;
        trial_begin(&trial, "l2", 0, 3, false, 2);
        for (uint64_t n = 1; status == STRATA_ERR_MEMORY; n += 1 + n / 32, ++failures) { /* gradients allocate too */
            mem_fail_from(n);
            status = attack_points(ctx, attack_find(all[a]), &trial.target, &trial.options, &trial.rows.rows,
                                   trial.points);
            mem_fail_from(0);
        }
        assert_int_equal(status, STRATA_OK);
        assert_true(failures > 20);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minimal_attacks_are_exact_on_linear_models),
        cmocka_unit_test(minimal_attacks_are_exact_on_linear_models_in_a_box),
        cmocka_unit_test(rows_break_just_above_their_exact_radius),
        cmocka_unit_test(no_distance_is_below_the_lipschitz_bound),
        cmocka_unit_test(no_distance_is_below_the_relaxation_of_threshold_networks),
        cmocka_unit_test(proposals_are_equal_bits_on_any_threads),
        cmocka_unit_test(wrong_rows_stay_where_they_are),
        cmocka_unit_test(exact_linear_refuses_a_network),
        cmocka_unit_test(fab_leaves_a_flat_place),
        cmocka_unit_test(minimal_attacks_survive_short_memory),
    };
    return cmocka_run_group_tests_name("minimal attacks", tests, begin, end);
}
