/* SPDX-License-Identifier: MIT */
/* From records to one number a seed and claim, tables and figures. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "studies/look.h"
#include "studies/overparam/overparam.h"

/* ---- one record, and slopes over widths */

static double at_start(struct look *look, const char *key, const char *name) {
    return look_get(look, key, name, CASE_ONLY);
}

static double widest(struct look *look, const char *key, const char *name) {
    size_t widths[OVERPARAM_MAX_WIDTHS], count = overparam_widths(look->settings, widths);
    return look_get(look, key, name, CASE_WIDTH, widths[count - 1]);
}

/* Slope of log record over log width. */
static double slope(struct look *look, const char *key, const char *name, const char *widths_key) {
    const double *widths;
    size_t count = settings_numbers(look->settings, widths_key, &widths);
    double x[OVERPARAM_MAX_WIDTHS], y[OVERPARAM_MAX_WIDTHS];
    for (size_t i = 0; i < count && i < OVERPARAM_MAX_WIDTHS; ++i) {
        double value = look_get(look, key, name, CASE_WIDTH, (size_t)llround(widths[i]));
        if (!(value > 0)) return NAN;
        x[i] = log(widths[i]);
        y[i] = log(value);
    }
    return least_squares_slope(count, x, y);
}

static double separation_of(struct look *look, const char *name) {
    const double *distances, *least;
    double x[OVERPARAM_MAX_WIDTHS], y[OVERPARAM_MAX_WIDTHS];
    size_t count = settings_numbers(look->settings, "separation.distances", &distances);
    if (look_array(look, "lambda_min", &least, name, CASE_ONLY) != count) return NAN;
    for (size_t i = 0; i < count; ++i) x[i] = log(distances[i]), y[i] = log(least[i]);
    return least_squares_slope(count, x, y);
}

/* ---- claims: how each gets its number from the records */

enum how { AT_START, WIDEST, SLOPE, CNN_SLOPE, SEPARATION, NORMS, DEPTH };

static const struct {
    const char *id;
    enum how how;
    const char *key, *name;
} rules[] = {
    {"overparam.zero_loss", AT_START, "accuracy", "random_labels"},
    {"overparam.zero_loss.duplicates", AT_START, "accuracy", "random_duplicates"},
    {"overparam.true_labels", AT_START, "accuracy", "teacher_labels"},
    {"overparam.true_labels.duplicates", AT_START, "accuracy", "teacher_duplicates"},
    {"overparam.sgd", AT_START, "accuracy", "stochastic"},
    {"overparam.sgd.duplicates", AT_START, "accuracy", "stochastic_duplicates"},
    {"overparam.linear_rate", AT_START, "straight", "random_labels"},
    {"overparam.linear_rate.duplicates", AT_START, "straight", "random_duplicates"},
    {"overparam.rate_ntk", WIDEST, "rate", "tangent"},
    {"overparam.rate_ntk.close_pair", WIDEST, "rate", "close_pair"},
    {"overparam.gradient", WIDEST, "gradient", "tangent"},
    {"overparam.gradient.close_pair", WIDEST, "gradient", "close_pair"},
    {"overparam.separation", SEPARATION, NULL, "pair"},
    {"overparam.separation.no_pair", SEPARATION, NULL, "no_pair"},
    {"overparam.movement", SLOPE, "moved", "tangent"},
    {"overparam.movement.mean_field", SLOPE, "moved", "mean_field"},
    {"overparam.spectral", SLOPE, "moved_spectral", "tangent"},
    {"overparam.spectral.mean_field", SLOPE, "moved_spectral", "mean_field"},
    {"overparam.flips", SLOPE, "flips", "tangent"},
    {"overparam.flips.mean_field", SLOPE, "flips", "mean_field"},
    {"overparam.kernel_fixed", SLOPE, "kernel_change", "tangent"},
    {"overparam.kernel_fixed.mean_field", SLOPE, "kernel_change", "mean_field"},
    {"overparam.linearised", SLOPE, "deviation", "tangent"},
    {"overparam.linearised.mean_field", SLOPE, "deviation", "mean_field"},
    {"overparam.lazy_level", WIDEST, "deviation", "tangent"},
    {"overparam.lazy_level.mean_field", WIDEST, "deviation", "mean_field"},
    {"overparam.descent", WIDEST, "descent", "tangent"},
    {"overparam.descent.fast", WIDEST, "descent", "fast"},
    {"overparam.semismooth", AT_START, "smoothness", "near"},
    {"overparam.semismooth.far", AT_START, "smoothness", "far"},
    {"overparam.depth", NORMS, "shift", "plain"},
    {"overparam.depth.init1", NORMS, "shift", "init1"},
    {"overparam.fluctuation", NORMS, "spread", "plain"},
    {"overparam.fluctuation.residual", NORMS, "spread", "residual"},
    {"overparam.resnet", DEPTH, "norm_deviation", "residual_depth"},
    {"overparam.resnet.plain", DEPTH, "norm_deviation", "plain_depth"},
    {"overparam.resnet.tau1", DEPTH, "norm_deviation", "tau1"},
    {"overparam.cnn", CNN_SLOPE, "moved", "cnn"},
    {"overparam.cnn.mean_field", SLOPE, "moved", "mean_field"},
};

static double value_of(struct look *look, size_t rule) {
    const char *key = rules[rule].key, *name = rules[rule].name;
    switch (rules[rule].how) {
    case AT_START: return at_start(look, key, name);
    case WIDEST: return widest(look, key, name);
    case SLOPE: return slope(look, key, name, "network.widths");
    case CNN_SLOPE: return slope(look, key, name, "cnn.widths");
    case SEPARATION: return separation_of(look, name);
    case NORMS: return look_get(look, key, name, "norms");
    case DEPTH: return look_get(look, key, name, "depth");
    }
    return NAN;
}

/* A diverged fit has no descent: that its loss rose is the answer. */
static strata_status judge(strata_context *ctx, const struct records *records, struct summary *summary, size_t rule) {
    double values[LOOK_MAX_SEEDS];
    size_t seeds = settings_count(records_settings(records), "study.seeds"), count = 0;
    char note[96] = "";
    for (size_t seed = 1; seed <= seeds && seed <= LOOK_MAX_SEEDS; ++seed) {
        struct look look = {.records = records, .settings = records_settings(records), .seed = seed};
        double value = value_of(&look, rule);
        if (look.absent) return STRATA_OK;
        if (isnan(value) && look.note[0]) snprintf(note, sizeof note, "%s", look.note);
        if (isnan(value) && strcmp(rules[rule].name, "fast") == 0) value = 0;
        values[count++] = value;
    }
    return summary_claim(ctx, summary, rules[rule].id, count, values, note[0] ? note : NULL);
}

/* ---- tables and figures */

struct drawer {
    strata_context *ctx;
    const struct records *records;
    const struct settings *settings;
    struct summary *summary;
    size_t seeds;
};

static double mean_of(const struct drawer *d, const char *key, const char *name, const char *case_) {
    struct interval interval;
    return look_interval(d->records, d->seeds, key, name, case_, INTERVAL_LINEAR, &interval) ? interval.mean : NAN;
}

static strata_status draw_widths_of(const struct drawer *d, const char *name, const char *widths_key) {
    static const char *const keys[] = {"lambda_min",    "moved", "moved_spectral", "flips",   "deviation",
                                       "kernel_change", "rate",  "gradient",       "accuracy"};
    const double *widths;
    size_t count = settings_numbers(d->settings, widths_key, &widths);
    for (size_t i = 0; i < count; ++i) {
        char case_[32];
        snprintf(case_, sizeof case_, CASE_WIDTH, (size_t)llround(widths[i]));
        if (!records_has(d->records, "%s/%s/seed=1", name, case_)) continue;
        double values[1 + sizeof keys / sizeof *keys] = {widths[i]};
        for (size_t k = 0; k < sizeof keys / sizeof *keys; ++k) values[1 + k] = mean_of(d, keys[k], name, case_);
        STRATA_TRY(look_row(d->ctx, d->summary, "widths", 1, &name, sizeof values / sizeof *values, values));
    }
    return STRATA_OK;
}

static strata_status draw_widths(const struct drawer *d) {
    static const char *const columns[] = {
        "network",       "width", "lambda_min", "moved",   "moved_spectral", "flipped_share", "distance_to_linear",
        "kernel_change", "rate",  "gradient",   "accuracy"};
    STRATA_TRY(summary_table(d->ctx, d->summary, "widths", 11, columns));
    STRATA_TRY(draw_widths_of(d, "tangent", "network.widths"));
    STRATA_TRY(draw_widths_of(d, "mean_field", "network.widths"));
    STRATA_TRY(draw_widths_of(d, "close_pair", "network.widths"));
    return draw_widths_of(d, "cnn", "cnn.widths");
}

static strata_status draw_labels(const struct drawer *d) {
    static const char *const columns[] = {"samples", "accuracy", "loss_over_first", "steps"};
    static const char *const names[][2] = {{"random_labels", "random labels"},
                                           {"random_duplicates", "random labels, conflicts"},
                                           {"teacher_labels", "labels of one direction"},
                                           {"teacher_duplicates", "labels of one direction, conflicts"},
                                           {"stochastic", "random labels, 4 samples a step"},
                                           {"stochastic_duplicates", "the same, conflicts"},
                                           {"residual_labels", "random labels, residual network"},
                                           {"pictures_true", "pictures, their labels"},
                                           {"pictures_random", "pictures, random labels"},
                                           {"pictures_conflicting", "pictures, conflicts"}};
    STRATA_TRY(summary_table(d->ctx, d->summary, "labels", 4, columns));
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        if (!records_has(d->records, "%s/%s/seed=1", names[i][0], CASE_ONLY)) continue;
        const double values[] = {mean_of(d, "accuracy", names[i][0], CASE_ONLY),
                                 mean_of(d, "loss_ratio", names[i][0], CASE_ONLY),
                                 mean_of(d, "steps", names[i][0], CASE_ONLY)};
        STRATA_TRY(look_row(d->ctx, d->summary, "labels", 1, &names[i][1], 3, values));
    }
    return STRATA_OK;
}

/* One quantity against the width: points, and the line fitted to all of them. */
static strata_status draw_power(const struct drawer *d, const char *figure, const char *name, const char *key,
                                const char *title) {
    size_t widths[OVERPARAM_MAX_WIDTHS], count = overparam_widths(d->settings, widths), found = 0;
    double x[512], y[512];
    char fit[64];
    for (size_t i = 0; i < count; ++i)
        for (size_t seed = 1; seed <= d->seeds; ++seed) {
            double value = records_get(d->records, key, "%s/" CASE_WIDTH "/seed=%zu", name, widths[i], seed);
            if (!(value > 0)) continue;
            STRATA_TRY(summary_point(d->ctx, d->summary, figure, title, (double)widths[i], value, NAN, NAN));
            if (found < 512) x[found] = log((double)widths[i]), y[found++] = log(value);
        }
    if (found < 3) return STRATA_OK;
    double along = least_squares_slope(found, x, y), level = interval_mean(found, y) - along * interval_mean(found, x);
    snprintf(fit, sizeof fit, "%s:fit", title);
    for (size_t i = 0; i < count; i += count - 1)
        STRATA_TRY(summary_point(d->ctx, d->summary, figure, fit, (double)widths[i],
                                 exp(level + along * log((double)widths[i])), NAN, NAN));
    return STRATA_OK;
}

static strata_status draw_powers(const struct drawer *d, const char *figure, const char *name) {
    static const char *const keys[][2] = {{"moved", "movement"},
                                          {"moved_spectral", "movement, spectral norm"},
                                          {"flips", "share of flipped units"},
                                          {"kernel_change", "change of the kernel"},
                                          {"deviation", "distance to the linearised network"}};
    for (size_t k = 0; k < 5; ++k) STRATA_TRY(draw_power(d, figure, name, keys[k][0], keys[k][1]));
    return STRATA_OK;
}

static strata_status draw_curve(const struct drawer *d, size_t width, const char *key, const char *title) {
    const double *loss;
    char series[64];
    size_t steps = settings_count(d->settings, "train.steps");
    size_t count = records_array(d->records, key, &loss, "tangent/" CASE_WIDTH "/seed=1", width);
    snprintf(series, sizeof series, "%s, width %zu", title, width);
    for (size_t i = 0; i < count; ++i)
        if (isfinite(loss[i]))
            STRATA_TRY(summary_point(d->ctx, d->summary, "trajectory", series,
                                     (double)(i * steps) / (double)(count - 1), loss[i], NAN, NAN));
    return STRATA_OK;
}

static strata_status draw_trajectories(const struct drawer *d) {
    size_t widths[OVERPARAM_MAX_WIDTHS], count = overparam_widths(d->settings, widths);
    const size_t shown[] = {widths[0], widths[count - 1]};
    for (size_t i = 0; i < 2; ++i) {
        STRATA_TRY(draw_curve(d, shown[i], "loss", "measured"));
        STRATA_TRY(draw_curve(d, shown[i], "linear", "linearised"));
    }
    return STRATA_OK;
}

static strata_status draw_depth(const struct drawer *d) {
    static const char *const names[][2] = {
        {"plain_depth", "plain"}, {"residual_depth", "residual"}, {"tau1", "residual, weight 1"}};
    size_t layers = settings_count(d->settings, "depth.layers"), every = layers > 20 ? layers / 20 : 1;
    for (size_t k = 0; k < 3; ++k)
        for (size_t l = 1; l <= layers; l += every) {
            double sum = 0;
            size_t found = 0;
            for (size_t seed = 1; seed <= d->seeds; ++seed) {
                const double *values;
                if (records_array(d->records, "norm_deviations", &values, "%s/depth/seed=%zu", names[k][0], seed) !=
                    layers + 1)
                    continue;
                sum += log(fmax(values[l], 1e-12));
                ++found;
            }
            if (found)
                STRATA_TRY(summary_point(d->ctx, d->summary, "depth", names[k][1], (double)l, exp(sum / (double)found),
                                         NAN, NAN));
        }
    return STRATA_OK;
}

strata_status overparam_summarise(strata_context *ctx, const struct records *records, struct summary *summary) {
    const struct drawer d = {ctx, records, records_settings(records), summary,
                             settings_count(records_settings(records), "study.seeds")};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; ++i) STRATA_TRY(judge(ctx, records, summary, i));
    STRATA_TRY(draw_widths(&d));
    STRATA_TRY(draw_labels(&d));
    STRATA_TRY(draw_trajectories(&d));
    STRATA_TRY(draw_powers(&d, "width", "tangent"));
    STRATA_TRY(draw_powers(&d, "mean_field", "mean_field"));
    return draw_depth(&d);
}
