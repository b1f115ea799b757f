/* SPDX-License-Identifier: MIT */
/* From records to one number per seed and claim. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "studies/kernels/kernels.h"
#include "studies/look.h"

/* ---- the sphere */

/* Error on pure degree `degree` at one of sphere.staircase. */
static double stair(struct look *look, const char *case_, size_t degree, size_t which) {
    size_t sizes[KERNELS_MAX_SIZES], stairs[KERNELS_MAX_SIZES];
    size_t count = kernels_sizes(look->settings, "sphere.sizes", sizes);
    char key[32];
    const double *errors;
    snprintf(key, sizeof key, "error.%zu", degree);
    if (look_array(look, key, &errors, "rbf", "%s", case_) != count) return NAN;
    kernels_sizes(look->settings, "sphere.staircase", stairs);
    for (size_t i = 0; i < count; ++i)
        if (sizes[i] == stairs[which]) return errors[i];
    return NAN;
}

static double staircase_in(struct look *look, const char *case_) {
    const double missed = 0.9, learned_2 = 0.05, learned_3 = 0.15;
    double low = fmin(stair(look, case_, 2, 0), stair(look, case_, 3, 2)) - missed;
    return fmin(low, fmin(learned_2 - stair(look, case_, 2, 1), learned_3 - stair(look, case_, 3, 3)));
}

static double staircase(struct look *look) { return staircase_in(look, CASE_SPHERE); }
static double staircase_projected(struct look *look) { return staircase_in(look, CASE_PROJECTED); }

/* Adds squares of measured less predicted over the sizes where the prediction is below 1. */
static size_t add_squares(struct look *look, const char *slug, const char *prediction, size_t degree, double *sum) {
    char error_key[32], theory_key[32], key[32];
    const double *error, *theory, *predicted;
    snprintf(error_key, sizeof error_key, "error.%zu", degree);
    snprintf(theory_key, sizeof theory_key, "theory.%zu", degree);
    snprintf(key, sizeof key, "%s.%zu", prediction, degree);
    size_t count = look_array(look, error_key, &error, slug, CASE_SPHERE), used = 0;
    if (look_array(look, theory_key, &theory, slug, CASE_SPHERE) != count ||
        look_array(look, key, &predicted, slug, CASE_SPHERE) != count)
        return 0;
    for (size_t i = 0; i < count; ++i) {
        if (theory[i] >= 1) continue;
        *sum += (error[i] - predicted[i]) * (error[i] - predicted[i]);
        ++used;
    }
    return used;
}

static double theory_with(struct look *look, const char *prediction) {
    double sum = 0;
    size_t used = 0;
    for (size_t k = 0; k < settings_names(look->settings, "sphere.kernels"); ++k) {
        char text[KERNEL_TEXT], slug[KERNELS_SLUG];
        kernels_text(look->settings, "sphere.kernels", k, text);
        kernels_slug(text, slug);
        for (size_t degree = 1; degree <= KERNELS_DEGREES; ++degree)
            used += add_squares(look, slug, prediction, degree, &sum);
    }
    if (settings_names(look->settings, "sphere.kernels") == 0) look->absent = true;
    return used ? sqrt(sum / (double)used) : NAN;
}

static double theory(struct look *look) { return theory_with(look, "theory"); }
static double theory_wrong_n(struct look *look) { return theory_with(look, "theory_quarter"); }

/* ln B(d, q), the number of harmonics of degree q. */
static double log_directions(double d, double q) {
    double all = lgamma(d + q) - lgamma(d) - lgamma(q + 1);
    return q < 2 ? all : all + log1p(-exp(lgamma(d + q - 2) - lgamma(d) - lgamma(q - 1) - all));
}

static double exponent_of(struct look *look, const char *kernel, bool known, size_t degree) {
    const double *dimensions;
    double x[KERNELS_MAX_SIZES], y[KERNELS_MAX_SIZES];
    size_t count = settings_numbers(look->settings, "exponent.dimensions", &dimensions), found = 0;
    char key[32];
    snprintf(key, sizeof key, "samples.%zu", degree);
    for (size_t i = 0; i < count && found < KERNELS_MAX_SIZES; ++i) {
        char case_[64];
        snprintf(case_, sizeof case_, known ? CASE_KNOWN : CASE_EXPONENT, (size_t)llround(dimensions[i]));
        double samples = look_get(look, key, kernel, "%s", case_);
        if (!isfinite(samples)) continue; /* outside the sizes tried: the table shows it */
        x[found] = log_directions(dimensions[i], (double)degree);
        y[found++] = log(samples);
    }
    if (count < 3) look->absent = true;
    return found < 3 ? NAN : least_squares_slope(found, x, y);
}

/* The slope of the two degrees that is farther from 1. */
static double exponent_in(struct look *look, const char *kernel, bool known) {
    double two = exponent_of(look, kernel, known, 2), three = exponent_of(look, kernel, known, 3);
    if (isnan(two) || isnan(three)) return NAN;
    return fabs(two - 1) > fabs(three - 1) ? two : three;
}

static double exponent(struct look *look) { return exponent_in(look, "rbf", false); }
static double exponent_known(struct look *look) { return exponent_in(look, "poly4", true); }

/* ---- monomials */

static double dimension_margin(struct look *look, const char *key) {
    double least = INFINITY;
    for (size_t k = 0; k < settings_names(look->settings, "monomials.kernels"); ++k) {
        char text[KERNEL_TEXT], slug[KERNELS_SLUG];
        kernels_text(look->settings, "monomials.kernels", k, text);
        kernels_slug(text, slug);
        double margin = look_get(look, key, slug, CASE_MONOMIALS) - look_get(look, "bound", slug, CASE_MONOMIALS);
        if (isnan(margin)) return NAN;
        least = fmin(least, margin);
    }
    if (isinf(least)) look->absent = true;
    return isinf(least) ? NAN : least;
}

static double dimension(struct look *look) { return dimension_margin(look, "error"); }
static double dimension_label_dependent(struct look *look) { return dimension_margin(look, "error_label_dependent"); }

/* ---- the hierarchical target */

/* A measure at the most samples of the target, or of one of its variants: "" or what kernels.h names. */
static double at_most(struct look *look, const char *key, const char *learner, const char *variant) {
    return look_get(look, key, learner, "%s" CASE_FAMILY, variant, kernels_most_samples(look->settings));
}

static double network(struct look *look, const char *variant) {
    return at_most(look, "test_error", "sgd_joint", variant);
}

static double bfc_gap(struct look *look) {
    double least = INFINITY;
    for (size_t k = 0; k < settings_names(look->settings, "study.kernels"); ++k) {
        char text[KERNEL_TEXT], slug[KERNELS_SLUG];
        kernels_text(look->settings, "study.kernels", k, text);
        kernels_slug(text, slug);
        double error = at_most(look, "test_error", slug, "");
        if (isnan(error)) return NAN;
        least = fmin(least, error);
    }
    return look_ratio(least, network(look, ""));
}

static double bfc_gap_zero(struct look *look) {
    return look_ratio(at_most(look, "test_error", "poly2", LINEAR), network(look, LINEAR));
}

static double sequential_in(struct look *look, const char *variant) {
    double least = INFINITY;
    for (size_t i = 0; i < settings_names(look->settings, "study.sequential"); ++i) {
        double error = look_get(look, "test_error", "kernel_stack", CASE_STACK,
                                settings_name(look->settings, "study.sequential", i), variant,
                                kernels_most_samples(look->settings));
        if (isnan(error)) return NAN;
        least = fmin(least, error);
    }
    if (isinf(least)) look->absent = true;
    return look_ratio(least, network(look, variant));
}

static double sequential(struct look *look) { return sequential_in(look, ""); }
static double sequential_zero(struct look *look) { return sequential_in(look, LINEAR); }

static double feature_learning_in(struct look *look, const char *variant) {
    return look_ratio(at_most(look, "test_error", "krr", variant), at_most(look, "test_error", "rfm", variant));
}

static double feature_learning(struct look *look) { return feature_learning_in(look, ""); }
static double feature_learning_all(struct look *look) { return feature_learning_in(look, ALL_DIRECTIONS); }

static double plateau_of(struct look *look, const char *kernel) {
    return look_ratio(at_most(look, "test_error", kernel, ""), look_get(look, "power.above", "target", CASE_POWERS));
}

static double plateau(struct look *look) { return plateau_of(look, "poly2"); }
static double plateau_poly4(struct look *look) { return plateau_of(look, "poly4"); }

/* ---- finite networks */

static double limit_slope(struct look *look, const char *case_) {
    const double *widths, *deviations;
    double x[KERNELS_MAX_SIZES], y[KERNELS_MAX_SIZES];
    size_t count = settings_numbers(look->settings, "limit.widths", &widths);
    if (count > KERNELS_MAX_SIZES || look_array(look, "deviation", &deviations, "ntk", "%s", case_) != count)
        return NAN;
    for (size_t i = 0; i < count; ++i) {
        x[i] = log(widths[i]);
        y[i] = log(deviations[i]);
    }
    return least_squares_slope(count, x, y);
}

static double ntk_limit(struct look *look) { return limit_slope(look, CASE_LIMIT); }
static double ntk_limit_mean_field(struct look *look) { return limit_slope(look, CASE_MEAN_FIELD); }

/* ---- the table */

static const struct {
    const char *id;
    double (*value)(struct look *look);
    const char *seeds; /* the setting that says how many */
} rules[] = {
    {"kernels.staircase", staircase, "sphere.seeds"},
    {"kernels.staircase.projected", staircase_projected, "sphere.seeds"},
    {"kernels.theory", theory, "sphere.seeds"},
    {"kernels.theory.wrong_n", theory_wrong_n, "sphere.seeds"},
    {"kernels.exponent", exponent, "exponent.seeds"},
    {"kernels.exponent.known_direction", exponent_known, "exponent.seeds"},
    {"kernels.dimension", dimension, "study.seeds"},
    {"kernels.dimension.label_dependent", dimension_label_dependent, "study.seeds"},
    {"kernels.bfc_gap", bfc_gap, "study.seeds"},
    {"kernels.bfc_gap.alpha3_zero", bfc_gap_zero, "study.seeds"},
    {"kernels.sequential", sequential, "study.seeds"},
    {"kernels.sequential.alpha3_zero", sequential_zero, "study.seeds"},
    {"kernels.feature_learning", feature_learning, "study.seeds"},
    {"kernels.feature_learning.all_directions", feature_learning_all, "study.seeds"},
    {"kernels.plateau", plateau, "study.seeds"},
    {"kernels.plateau.poly4", plateau_poly4, "study.seeds"},
    {"kernels.ntk_limit", ntk_limit, "study.seeds"},
    {"kernels.ntk_limit.mean_field", ntk_limit_mean_field, "study.seeds"},
};

strata_status kernels_summarise(strata_context *ctx, const struct records *records, struct summary *summary) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; ++i)
        STRATA_TRY(look_claim(ctx, records, summary, rules[i].id,
                              settings_count(records_settings(records), rules[i].seeds), rules[i].value));
    return kernels_draw(ctx, records, summary);
}
