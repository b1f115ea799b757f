/* SPDX-License-Identifier: MIT */
/* Tables and figures from the records. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "studies/bfc/bfc.h"
#include "studies/look.h"

struct drawer {
    strata_context *ctx;
    const struct records *records;
    const struct settings *settings;
    struct summary *summary;
    size_t seeds, few_seeds; /* the most that any fit has; those of fits on finite data */
};

static struct drawer drawer_of(strata_context *ctx, const struct records *records, struct summary *summary) {
    const struct settings *settings = records_settings(records);
    return (struct drawer){
        ctx, records, settings, summary, bfc_seed_count(settings, SEEDS_WIDE), bfc_seed_count(settings, SEEDS_FEW)};
}

/* What a row has no number for: an empty cell, where NaN says that the fit diverged. */
#define NOT_APPLICABLE INFINITY

/* One row: texts, then numbers. */
static strata_status row(const struct drawer *d, const char *table, size_t text_count, const char *const *texts,
                         size_t count, const double *values) {
    return look_row(d->ctx, d->summary, table, text_count, texts, count, values);
}

/* What stands for a record that no seed has: NaN when a fit diverged, else the learner has no such thing. */
static double absent(const struct drawer *d, const char *learner, const char *case_) {
    size_t step;
    for (size_t seed = 1; seed <= d->seeds; ++seed)
        if (records_diverged(d->records, &step, "%s/%s/seed=%zu", learner, case_, seed)) return NAN;
    return NOT_APPLICABLE;
}

/* Geometric mean of a record over seeds; what logarithms floor is 0. */
static double geometric(const struct drawer *d, const char *key, const char *learner, const char *case_) {
    struct interval interval;
    if (!look_interval(d->records, d->seeds, key, learner, case_, INTERVAL_LOG, &interval))
        return absent(d, learner, case_);
    return interval.mean <= 1e-12 * (1 + 1e-9) ? 0 : interval.mean; /* the floor of interval_student */
}

static size_t depths_of(const struct drawer *d, const double **depths) {
    return settings_numbers(d->settings, "study.depths", depths);
}

/* ---- learners at the first depth ---- */

/* A learner's name in its row, with the first divergence. */
static void row_name(const struct drawer *d, const char *learner, const char *case_, char name[96]) {
    size_t step;
    snprintf(name, 96, "%s", learner);
    for (size_t seed = 1; seed <= d->seeds; ++seed)
        if (records_diverged(d->records, &step, "%s/%s/seed=%zu", learner, case_, seed)) {
            snprintf(name, 96, "%s (seed %zu diverged at step %zu)", learner, seed, step);
            return;
        }
}

static strata_status draw_learners(const struct drawer *d) {
    static const char *const columns[] = {"learner", "degree", "parameters",      "test_error",
                                          "low",     "high",   "feature_error_1", "fit_seconds"};
    const double *depths;
    char case_[32];
    if (depths_of(d, &depths) == 0) return STRATA_OK;
    snprintf(case_, sizeof case_, BFC_DEPTH, (size_t)depths[0]);
    STRATA_TRY(summary_table(d->ctx, d->summary, "learners", 8, columns));
    for (size_t i = 0; i < settings_names(d->settings, "learner.list"); ++i) {
        const char *learner = settings_name(d->settings, "learner.list", i);
        struct interval error;
        if (!records_has(d->records, "%s/%s/seed=1", learner, case_)) continue;
        bool any = look_interval(d->records, d->seeds, "test_error", learner, case_, INTERVAL_LOG, &error);
        const double values[] = {exp2(depths[0] + (double)bfc_given_layers(d->settings)),
                                 geometric(d, "parameters", learner, case_),
                                 error.mean,
                                 error.low,
                                 error.high,
                                 geometric(d, "feature_error.1", learner, case_),
                                 geometric(d, "seconds", learner, case_)};
        char name[96];
        const char *shown = name;
        row_name(d, learner, case_, name);
        STRATA_TRY(row(d, "learners", 1, &shown, 7, values));
        STRATA_TRY(summary_rank(d->ctx, d->summary, "learners", learner, any ? error.mean : NAN, any ? error.low : NAN,
                                any ? error.high : NAN));
    }
    return STRATA_OK;
}

/* ---- the correction curve and the gradient's routes ---- */

/* Column of the curve records: step, test_error, feature_error, form_error, own, above. */
static double curve_value(const struct drawer *d, const char *learner, const char *case_, size_t seed, size_t point,
                          bool routes) {
    const double *values;
    char key[48];
    snprintf(key, sizeof key, "curve.%zu", point);
    if (records_array(d->records, key, &values, "%s/%s/seed=%zu", learner, case_, seed) < 6) return NAN;
    return routes ? values[5] / (values[4] + values[5]) : values[2];
}

static strata_status draw_curve(const struct drawer *d, const char *figure, const char *learner, const char *case_,
                                bool routes) {
    size_t points = settings_count(d->settings, "measure.curve_points");
    for (size_t point = 1; point <= points; ++point) {
        const double *values;
        double over_seeds[LOOK_MAX_SEEDS];
        char key[48];
        size_t count = 0;
        snprintf(key, sizeof key, "curve.%zu", point);
        if (records_array(d->records, key, &values, "%s/%s/seed=1", learner, case_) < 6) continue;
        for (size_t seed = 1; seed <= d->seeds; ++seed) {
            double value = curve_value(d, learner, case_, seed, point, routes);
            if (isfinite(value)) over_seeds[count++] = value;
        }
        if (count == 0) continue;
        struct interval interval = interval_student(count, over_seeds, routes ? INTERVAL_LINEAR : INTERVAL_LOG);
        if (routes) interval.low = fmax(interval.low, 0), interval.high = fmin(interval.high, 1);
        STRATA_TRY(
            summary_point(d->ctx, d->summary, figure, learner, values[0], interval.mean, interval.low, interval.high));
    }
    return STRATA_OK;
}

static strata_status draw_curves(const struct drawer *d) {
    static const char *const learners[] = {"sgd_staged", "layerwise",    "staged_cut", "sgd_joint",
                                           "paper",      "paper_frozen", "paper_cut"};
    const double *depths;
    char case_[32];
    if (depths_of(d, &depths) == 0 || settings_count(d->settings, "measure.curve_points") == 0) return STRATA_OK;
    size_t depth = (size_t)depths[0];
    snprintf(case_, sizeof case_, BFC_DEPTH, depth);
    for (size_t i = 0; i < sizeof learners / sizeof *learners; ++i)
        STRATA_TRY(draw_curve(d, "correction", learners[i], case_, false));
    STRATA_TRY(draw_curve(d, "routes", "sgd_staged", case_, true));
    STRATA_TRY(draw_curve(d, "routes", "sgd_joint", case_, true));
    for (size_t stage = 2; stage <= depth; ++stage) {
        char label[32];
        snprintf(label, sizeof label, "layer %zu joins", stage);
        double begin = (double)((stage - 1) * settings_count(d->settings, "train.steps_per_stage"));
        STRATA_TRY(summary_marker(d->ctx, d->summary, "correction", label, begin));
        STRATA_TRY(summary_marker(d->ctx, d->summary, "routes", label, begin));
    }
    return STRATA_OK;
}

/* ---- depth by depth ---- */

static strata_status draw_depths(const struct drawer *d) {
    static const char *const columns[] = {
        "learner",         "depth",           "test_error",      "stage_1_feature_error_1",
        "feature_error_1", "feature_error_2", "feature_error_3", "movement"};
    static const char *const learners[] = {"sgd_joint", "sgd_staged", "layerwise", "staged_cut", "two_layer"};
    const double *depths;
    size_t count = depths_of(d, &depths);
    STRATA_TRY(summary_table(d->ctx, d->summary, "depths", 8, columns));
    for (size_t i = 0; i < count; ++i)
        for (size_t k = 0; k < sizeof learners / sizeof *learners; ++k) {
            char case_[32];
            snprintf(case_, sizeof case_, BFC_DEPTH, (size_t)depths[i]);
            if (!records_has(d->records, "%s/%s/seed=1", learners[k], case_)) continue;
            double values[7] = {depths[i],
                                geometric(d, "test_error", learners[k], case_),
                                geometric(d, "stage1.feature_error.1", learners[k], case_),
                                NOT_APPLICABLE,
                                NOT_APPLICABLE,
                                NOT_APPLICABLE,
                                geometric(d, "movement", learners[k], case_)};
            for (size_t l = 1; l <= 3; ++l) {
                char key[48], category[48];
                struct interval interval;
                snprintf(key, sizeof key, "feature_error.%zu", l);
                if (!look_interval(d->records, d->seeds, key, learners[k], case_, INTERVAL_LOG, &interval)) continue;
                values[2 + l] = geometric(d, key, learners[k], case_);
                snprintf(category, sizeof category, "depth %zu, layer %zu", (size_t)depths[i], l);
                if (l < (size_t)depths[i] &&
                    (strcmp(learners[k], "sgd_staged") == 0 || strcmp(learners[k], "layerwise") == 0))
                    STRATA_TRY(summary_bar(d->ctx, d->summary, "layers", learners[k], category, interval.mean,
                                           interval.low, interval.high));
            }
            STRATA_TRY(row(d, "depths", 1, &learners[k], 7, values));
        }
    return STRATA_OK;
}

/* ---- gaps ---- */

static strata_status gap_point(const struct drawer *d, const char *figure, const char *series, double gap,
                               const char *key, const char *learner, const char *case_) {
    struct interval interval;
    if (!look_interval(d->records, d->seeds, key, learner, case_, INTERVAL_LOG, &interval)) return STRATA_OK;
    return summary_point(d->ctx, d->summary, figure, series, gap, interval.mean, interval.low, interval.high);
}

static strata_status draw_gaps(const struct drawer *d) {
    static const char *const columns[] = {"learner", "gap", "stage_1_form_error", "form_error", "test_error"};
    static const char *const learners[] = {"sgd_joint", "sgd_staged", "layerwise", "staged_cut"};
    const double *gaps;
    size_t count = settings_numbers(d->settings, "study.gaps", &gaps);
    if (count == 0) return STRATA_OK;
    STRATA_TRY(summary_table(d->ctx, d->summary, "gaps", 5, columns));
    for (size_t i = 0; i < count; ++i) {
        char gap[32], case_[64];
        for (size_t k = 0; k < sizeof learners / sizeof *learners; ++k) {
            bfc_gap_case(d->settings, gaps[i], learners[k], case_);
            const double values[] = {gaps[i], geometric(d, "stage1.form_error", learners[k], case_),
                                     geometric(d, "form_error", learners[k], case_),
                                     geometric(d, "test_error", learners[k], case_)};
            if (!records_has(d->records, "%s/%s/seed=1", learners[k], case_)) continue;
            STRATA_TRY(row(d, "gaps", 1, &learners[k], 4, values));
            STRATA_TRY(gap_point(d, "gap", learners[k], gaps[i], "test_error", learners[k], case_));
            if (k > 0) STRATA_TRY(gap_point(d, "bias", learners[k], gaps[i], "form_error", learners[k], case_));
        }
        bfc_number_text(gaps[i], gap);
        snprintf(case_, sizeof case_, BFC_NO_UPPER, gap);
        STRATA_TRY(gap_point(d, "bias", "Target without upper layers", gaps[i], "form_error", "layerwise", case_));
    }
    return STRATA_OK;
}

/* ---- finite data ---- */

/*
 * Where the error last falls through 1 % on the grid, log-interpolated; +-Inf outside the grid, NaN when something is
 * missing.
 */
double bfc_samples_needed(struct look *look, const char *learner, const char *size_key, size_t dimension) {
    const double target = log(0.01), *sizes;
    size_t count = settings_numbers(look->settings, size_key, &sizes);
    double needed = INFINITY, above_size = 0, above_error = 0;
    bool above = false;
    for (size_t i = 0; i < count; ++i) {
        size_t n = (size_t)llround(sizes[i]);
        double error = log(fmax(look_get(look, "test_error", learner, BFC_SAMPLES, dimension, n), 1e-12));
        if (isnan(error)) return NAN;
        if (error > target) {
            above = true;
            above_size = log((double)n);
            above_error = error;
            needed = INFINITY;
        } else if (!isfinite(needed)) {
            needed = above ? exp(above_size +
                                 (log((double)n) - above_size) * (above_error - target) / (above_error - error))
                           : -INFINITY;
        }
    }
    return needed;
}

static strata_status draw_samples_of(const struct drawer *d, const char *learner, const char *dimension_key,
                                     const char *size_key) {
    const double *dimensions;
    size_t count = settings_numbers(d->settings, dimension_key, &dimensions), found = 0;
    double x[512], y[512], lowest = INFINITY, highest = 0;
    for (size_t i = 0; i < count; ++i)
        for (size_t seed = 1; seed <= d->few_seeds; ++seed) {
            struct look look = {.records = d->records, .settings = d->settings, .seed = seed};
            double needed = bfc_samples_needed(&look, learner, size_key, (size_t)dimensions[i]);
            if (look.absent) return STRATA_OK;
            const double values[] = {dimensions[i], (double)seed, needed};
            STRATA_TRY(row(d, "samples", 1, &learner, 3, values));
            if (!isfinite(needed)) continue;
            STRATA_TRY(summary_point(d->ctx, d->summary, "samples", learner, dimensions[i], needed, NAN, NAN));
            if (found < 512) x[found] = log(dimensions[i]), y[found++] = log(needed);
            lowest = fmin(lowest, dimensions[i]);
            highest = fmax(highest, dimensions[i]);
        }
    if (found < 2 || lowest == highest) return STRATA_OK;
    char series[64];
    double slope = least_squares_slope(found, x, y), level = interval_mean(found, y) - slope * interval_mean(found, x);
    snprintf(series, sizeof series, "%s:fit", learner);
    STRATA_TRY(
        summary_point(d->ctx, d->summary, "samples", series, lowest, exp(level + slope * log(lowest)), NAN, NAN));
    return summary_point(d->ctx, d->summary, "samples", series, highest, exp(level + slope * log(highest)), NAN, NAN);
}

static strata_status draw_samples(const struct drawer *d) {
    static const char *const columns[] = {"learner", "dimension", "seed", "samples"};
    const double *values;
    if (settings_numbers(d->settings, "study.dimensions", &values) +
            settings_numbers(d->settings, "study.kernel_dimensions", &values) ==
        0)
        return STRATA_OK;
    STRATA_TRY(summary_table(d->ctx, d->summary, "samples", 4, columns));
    STRATA_TRY(draw_samples_of(d, "sgd_joint", "study.dimensions", "study.sample_sizes"));
    return draw_samples_of(d, "krr_poly4", "study.kernel_dimensions", "study.kernel_sample_sizes");
}

static strata_status draw_rival(const struct drawer *d, const char *learner, size_t n) {
    char case_[32];
    struct interval error;
    snprintf(case_, sizeof case_, BFC_FEW, n);
    if (!records_has(d->records, "%s/%s/seed=1", learner, case_)) return STRATA_OK;
    bool any = look_interval(d->records, d->few_seeds, "test_error", learner, case_, INTERVAL_LOG, &error);
    const double values[] = {(double)n, error.mean, error.low, error.high, geometric(d, "seconds", learner, case_)};
    STRATA_TRY(row(d, "few", 1, &learner, 5, values));
    return summary_rank(d->ctx, d->summary, "few_samples", learner, any ? error.mean : NAN, any ? error.low : NAN,
                        any ? error.high : NAN);
}

static strata_status draw_few(const struct drawer *d) {
    static const char *const columns[] = {"learner", "samples", "test_error", "low", "high", "fit_seconds"};
    size_t n = settings_count(d->settings, "study.kernel_train_size");
    if (n == 0) return STRATA_OK;
    STRATA_TRY(summary_table(d->ctx, d->summary, "few", 6, columns));
    STRATA_TRY(draw_rival(d, "sgd_joint", n));
    for (size_t i = 0; i < settings_names(d->settings, "kernel.list"); ++i)
        STRATA_TRY(draw_rival(d, settings_name(d->settings, "kernel.list", i), n));
    return STRATA_OK;
}

/* ---- labels and pictures ---- */

static strata_status draw_labels(const struct drawer *d) {
    static const char *const columns[] = {"learner",        "error_rate", "low", "high", "stage_1_feature_error_1",
                                          "feature_error_1"};
    static const char *const learners[] = {"sgd_joint", "sgd_staged", "layerwise", "staged_cut", "linear"};
    if (!settings_flag(d->settings, "study.classification")) return STRATA_OK;
    STRATA_TRY(summary_table(d->ctx, d->summary, "labels", 6, columns));
    for (size_t i = 0; i < sizeof learners / sizeof *learners; ++i) {
        struct interval error;
        if (!records_has(d->records, "%s/%s/seed=1", learners[i], BFC_LABELS)) continue;
        look_interval(d->records, d->seeds, "test_error", learners[i], BFC_LABELS, INTERVAL_LINEAR, &error);
        const double values[] = {error.mean, error.low, error.high,
                                 geometric(d, "stage1.feature_error.1", learners[i], BFC_LABELS),
                                 geometric(d, "feature_error.1", learners[i], BFC_LABELS)};
        STRATA_TRY(row(d, "labels", 1, &learners[i], 5, values));
    }
    return STRATA_OK;
}

static strata_status draw_network(const struct drawer *d, const char *learner, const char *activation) {
    char case_[32];
    struct interval interval;
    snprintf(case_, sizeof case_, "images/%s", activation);
    if (!records_has(d->records, "%s/%s/seed=1", learner, case_)) return STRATA_OK;
    look_interval(d->records, d->seeds, "test_accuracy", learner, case_, INTERVAL_LINEAR, &interval);
    double values[8] = {interval.mean,  interval.low,   interval.high,  NOT_APPLICABLE,
                        NOT_APPLICABLE, NOT_APPLICABLE, NOT_APPLICABLE, NOT_APPLICABLE};
    for (size_t l = 1; l <= settings_count(d->settings, "images.depth"); ++l) {
        char key[48];
        snprintf(key, sizeof key, "probe.%zu", l);
        if (!look_interval(d->records, d->seeds, key, learner, case_, INTERVAL_LINEAR, &interval)) continue;
        if (l <= 4) values[2 + l] = interval.mean;
        if (strcmp(activation, "relu") == 0)
            STRATA_TRY(summary_point(d->ctx, d->summary, "probes", learner, (double)l, interval.mean, interval.low,
                                     interval.high));
    }
    values[7] = look_interval(d->records, d->seeds, "alignment", learner, case_, INTERVAL_LINEAR, &interval)
                  ? interval.mean
                  : absent(d, learner, case_);
    return row(d, "images", 2, (const char *const[]){learner, activation}, 8, values);
}

static strata_status draw_images(const struct drawer *d) {
    static const char *const columns[] = {"learner", "activation", "test_accuracy", "low",     "high",
                                          "probe_1", "probe_2",    "probe_3",       "probe_4", "alignment_1"};
    static const char *const learners[] = {"dense_joint", "dense_staged", "dense_greedy"}, *const activations[] = {
                                                                                               "relu", "identity"};
    enum { SIDE = 28 };
    const double *tiles;
    if (strcmp(settings_text(d->settings, "images.name"), "none") == 0) return STRATA_OK;
    STRATA_TRY(summary_table(d->ctx, d->summary, "images", 10, columns));
    for (size_t a = 0; a < 2; ++a)
        for (size_t l = 0; l < 3; ++l) STRATA_TRY(draw_network(d, learners[l], activations[a]));
    size_t count = records_array(d->records, "stage1.tiles", &tiles, "dense_staged/images/relu/seed=1") / (SIDE * SIDE);
    if (count) STRATA_TRY(summary_tiles(d->ctx, d->summary, "features", "before", count, SIDE, SIDE, tiles));
    count = records_array(d->records, "tiles", &tiles, "dense_staged/images/relu/seed=1") / (SIDE * SIDE);
    return count ? summary_tiles(d->ctx, d->summary, "features", "after", count, SIDE, SIDE, tiles) : STRATA_OK;
}

strata_status bfc_draw(strata_context *ctx, const struct records *records, struct summary *summary) {
    const struct drawer d = drawer_of(ctx, records, summary);
    STRATA_TRY(draw_learners(&d));
    STRATA_TRY(draw_depths(&d));
    STRATA_TRY(draw_curves(&d));
    STRATA_TRY(draw_gaps(&d));
    STRATA_TRY(draw_few(&d));
    STRATA_TRY(draw_samples(&d));
    STRATA_TRY(draw_labels(&d));
    return draw_images(&d);
}
