/* SPDX-License-Identifier: MIT */
/* Attacks for the nearest breaking point: exact on linear models, never below what is proved on others. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attack/attack.h"
#include "attack/certificate.h"
#include "attack_models.h"
#include "core/memory.h"
#include "model/threshold_net.h"

enum { ROWS = 150, FEW = 24, INPUTS = 10 };

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

/* A model, its rows, and what an attack proposes for them. */
struct trial {
    struct small_model model;
    strata_function functions[3];
    struct attack_target target;
    struct attack_rows rows;
    struct attack_options options;
    float x[ROWS * INPUTS], points[ROWS * INPUTS];
    uint32_t labels[ROWS];
};

static void trial_begin(struct trial *trial, const char *norm, size_t hidden, size_t outputs, bool boxed, size_t rows) {
    small_model_draw(11 + outputs + hidden, INPUTS, hidden, outputs, &trial->model);
    for (size_t k = 0; hidden == 0 && boxed && k < outputs; ++k) { /* boundaries through the middle of the box */
        trial->model.last_offset[k] = 0;
        for (size_t j = 0; j < INPUTS; ++j) trial->model.last_offset[k] -= 0.5 * trial->model.last[k * INPUTS + j];
    }
    small_model_rows(&trial->model, 12, boxed, rows, trial->x, trial->labels);
    for (size_t i = 0; i < 3; ++i) trial->functions[i] = small_model_function(&trial->model);
    trial->target = (struct attack_target){.functions = trial->functions,
                                           .classes = outputs == 1 ? 2 : outputs,
                                           .low = boxed ? 0 : -INFINITY,
                                           .high = boxed ? 1 : INFINITY};
    trial->rows = (struct attack_rows){.rows = rows, .x = trial->x, .labels = trial->labels};
    trial->options = attack_options_default(attack_norm_find(norm), 0.5);
}

static void propose(struct trial *trial, const char *attack) {
    const struct attack_class *class_ = attack_find(attack);
    assert_non_null(class_);
    assert_true(class_->minimal);
    assert_int_equal(attack_points(ctx, class_, &trial->target, &trial->options, &trial->rows, trial->points),
                     STRATA_OK);
}

static double moved(const struct trial *trial, size_t row) {
    float delta[INPUTS];
    for (size_t j = 0; j < INPUTS; ++j) delta[j] = trial->points[row * INPUTS + j] - trial->x[row * INPUTS + j];
    return trial->options.norm->length(INPUTS, delta);
}

static bool breaks(const struct trial *trial, size_t row) {
    float out[MODEL_MOST_OUTPUTS];
    for (size_t j = 0; j < INPUTS; ++j) {
        double value = (double)trial->points[row * INPUTS + j];
        if (!(value >= trial->target.low && value <= trial->target.high)) fail_msg("row %zu leaves the box", row);
    }
    small_model_row(&trial->model, trial->points + row * INPUTS, NULL, out, NULL);
    return attack_broken(trial->model.outputs, out, trial->labels[row]);
}

/* The nearest of the boundaries to the other classes; whole models only. */
static double exact_distance(const struct trial *trial, size_t row) {
    const struct small_model *model = &trial->model;
    bool linf = strcmp(trial->options.norm->name, "linf") == 0;
    double nearest = INFINITY, weights[INPUTS];
    size_t label = model->outputs == 1 ? 0 : trial->labels[row];
    for (size_t k = 0; k < model->outputs; ++k) {
        double offset = model->last_offset[k];
        if (model->outputs > 1 && k == label) continue;
        for (size_t j = 0; j < INPUTS; ++j)
            weights[j] = model->last[k * INPUTS + j] - (model->outputs > 1 ? model->last[label * INPUTS + j] : 0);
        if (model->outputs > 1) offset -= model->last_offset[label];
        nearest = fmin(nearest, certificate_linear(INPUTS, weights, offset, linf, trial->target.low, trial->target.high,
                                                   trial->x + row * INPUTS));
    }
    return nearest;
}

/* Largest relative error over all rows; a row that the box keeps from every boundary stays as it is. */
static double worst_error(struct trial *trial, const char *attack) {
    double worst = 0;
    propose(trial, attack);
    for (size_t r = 0; r < trial->rows.rows; ++r) {
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minimal_attacks_are_exact_on_linear_models),
        cmocka_unit_test(minimal_attacks_are_exact_on_linear_models_in_a_box),
    };
    return cmocka_run_group_tests_name("minimal attacks", tests, setup, teardown);
}
