/* SPDX-License-Identifier: MIT */
/* Tables and figures from the records. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "learn/learner.h"
#include "studies/kernels/kernels.h"
#include "studies/look.h"

struct drawer {
    strata_context *ctx;
    const struct records *records;
    const struct settings *settings;
    struct summary *summary;
    size_t seeds, sphere_seeds, exponent_seeds, picture_seeds;
};

/* One row: texts, then numbers; an infinite one is an empty cell. */
static strata_status row(const struct drawer *d, const char *table, size_t text_count, const char *const *texts,
                         size_t count, const double *values) {
    return look_row(d->ctx, d->summary, table, text_count, texts, count, values);
}

static strata_status point(const struct drawer *d, const char *figure, const char *series, double x,
                           const struct interval *interval) {
    return summary_point(d->ctx, d->summary, figure, series, x, interval->mean, interval->low, interval->high);
}

/* ---- the hierarchical target */

/* A learner's row and point on n samples; nothing where it did not run. */
static strata_status draw_error(const struct drawer *d, const char *name, const char *series, const char *case_,
                                size_t n) {
    struct interval error, honest;
    if (!records_has(d->records, "%s/%s/seed=1", name, case_)) return STRATA_OK;
    bool any = look_interval(d->records, d->seeds, "test_error", name, case_, INTERVAL_LOG, &error);
    bool chosen = look_interval(d->records, d->seeds, "test_error_leave_one_out", name, case_, INTERVAL_LOG, &honest);
    const double values[] = {(double)n, any ? error.mean : NAN, any ? error.low : NAN, any ? error.high : NAN,
                             chosen ? honest.mean : INFINITY};
    STRATA_TRY(row(d, "family", 1, &series, 5, values));
    return any ? point(d, "errors", series, (double)n, &error) : STRATA_OK;
}

static strata_status draw_size(const struct drawer *d, size_t n) {
    static const char *const learners[] = {"sgd_joint", "rfm"};
    char case_[64];
    snprintf(case_, sizeof case_, CASE_FAMILY, n);
    for (size_t l = 0; l < 2; ++l) STRATA_TRY(draw_error(d, learners[l], learners[l], case_, n));
    for (size_t k = 0; k < settings_names(d->settings, "study.kernels"); ++k) {
        char text[KERNEL_TEXT], slug[KERNELS_SLUG];
        kernels_text(d->settings, "study.kernels", k, text);
        kernels_slug(text, slug);
        STRATA_TRY(draw_error(d, slug, text, case_, n));
    }
    for (size_t i = 0; i < settings_names(d->settings, "study.sequential"); ++i) {
        const char *construction = settings_name(d->settings, "study.sequential", i);
        char series[64];
        snprintf(case_, sizeof case_, CASE_STACK, construction, "", n);
        snprintf(series, sizeof series, "kernel_stack/%s", construction);
        STRATA_TRY(draw_error(d, "kernel_stack", series, case_, n));
    }
    return STRATA_OK;
}

/* What the learning-curve formula predicts for the RBF kernel, seed by seed. */
static strata_status draw_prediction(const struct drawer *d, size_t count, const size_t *sizes) {
    for (size_t s = 0; s < count; ++s) {
        double values[LOOK_MAX_SEEDS];
        size_t found = 0;
        for (size_t seed = 1; seed <= d->seeds && seed <= LOOK_MAX_SEEDS; ++seed) {
            const double *theory;
            if (records_array(d->records, "theory.rbf", &theory, "target/%s/seed=%zu", CASE_POWERS, seed) == count)
                values[found++] = theory[s];
        }
        struct interval interval = interval_student(found, values, INTERVAL_LOG);
        if (found)
            STRATA_TRY(
                summary_point(d->ctx, d->summary, "errors", "theory, RBF", (double)sizes[s], interval.mean, NAN, NAN));
    }
    return STRATA_OK;
}

static strata_status draw_family(const struct drawer *d) {
    static const char *const columns[] = {"learner", "samples", "test_error", "low", "high", "ridge_by_leave_one_out"};
    size_t sizes[KERNELS_MAX_SIZES], count = kernels_sizes(d->settings, "study.sample_sizes", sizes);
    if (count == 0) return STRATA_OK;
    STRATA_TRY(summary_table(d->ctx, d->summary, "family", 6, columns));
    for (size_t s = 0; s < count; ++s) STRATA_TRY(draw_size(d, sizes[s]));
    return draw_prediction(d, count, sizes);
}

static strata_status draw_powers(const struct drawer *d) {
    static const char *const columns[] = {"part", "share", "low", "high"};
    static const char *const parts[] = {"power.linear", "power.quadratic", "power.above"}, *const titles[] = {
                                                                                               "degree 1", "degree 2",
                                                                                               "degrees above"};
    if (!records_has(d->records, "target/%s/seed=1", CASE_POWERS)) return STRATA_OK;
    STRATA_TRY(summary_table(d->ctx, d->summary, "powers", 4, columns));
    for (size_t i = 0; i < 3; ++i) {
        struct interval share;
        if (!look_interval(d->records, d->seeds, parts[i], "target", CASE_POWERS, INTERVAL_LINEAR, &share)) continue;
        const double values[] = {share.mean, share.low, share.high};
        STRATA_TRY(row(d, "powers", 1, &titles[i], 3, values));
    }
    return STRATA_OK;
}

/* ---- the sphere */

/* Interval over seeds of entry `index` of a recorded array. */
static struct interval entry(const struct drawer *d, size_t seeds, const char *key, const char *name, const char *case_,
                             size_t index, enum interval_scale scale) {
    double values[LOOK_MAX_SEEDS];
    size_t found = 0;
    for (size_t seed = 1; seed <= seeds && seed <= LOOK_MAX_SEEDS; ++seed) {
        const double *array;
        size_t count = records_array(d->records, key, &array, "%s/%s/seed=%zu", name, case_, seed);
        if (index < count && isfinite(array[index])) values[found++] = array[index];
    }
    return interval_student(found, values, scale);
}

static strata_status draw_degree(const struct drawer *d, const char *slug, bool pictured, size_t degree, size_t count,
                                 const size_t *sizes) {
    char error_key[32], theory_key[32], series[64], fit[72];
    snprintf(error_key, sizeof error_key, "error.%zu", degree);
    snprintf(theory_key, sizeof theory_key, "theory.%zu", degree);
    snprintf(series, sizeof series, "degree %zu", degree);
    snprintf(fit, sizeof fit, "%s:fit", series);
    for (size_t s = 0; s < count; ++s) {
        struct interval error = entry(d, d->sphere_seeds, error_key, slug, CASE_SPHERE, s, INTERVAL_LINEAR);
        struct interval predicted = entry(d, d->sphere_seeds, theory_key, slug, CASE_SPHERE, s, INTERVAL_LINEAR);
        if (isnan(error.mean)) continue;
        const double values[] = {(double)degree, (double)sizes[s], error.mean, error.low, error.high, predicted.mean};
        STRATA_TRY(row(d, "sphere", 1, &slug, 6, values));
        if (!pictured) continue;
        STRATA_TRY(point(d, "theory", series, (double)sizes[s], &error));
        STRATA_TRY(summary_point(d->ctx, d->summary, "theory", fit, (double)sizes[s], predicted.mean, NAN, NAN));
    }
    return STRATA_OK;
}

static strata_status draw_sphere(const struct drawer *d) {
    static const char *const columns[] = {"kernel", "degree", "samples", "error", "low", "high", "predicted"};
    size_t sizes[KERNELS_MAX_SIZES], count = kernels_sizes(d->settings, "sphere.sizes", sizes);
    if (count == 0 || settings_names(d->settings, "sphere.kernels") == 0) return STRATA_OK;
    STRATA_TRY(summary_table(d->ctx, d->summary, "sphere", 7, columns));
    for (size_t k = 0; k < settings_names(d->settings, "sphere.kernels"); ++k) {
        char text[KERNEL_TEXT], slug[KERNELS_SLUG];
        kernels_text(d->settings, "sphere.kernels", k, text);
        kernels_slug(text, slug);
        for (size_t degree = 1; degree <= KERNELS_DEGREES; ++degree)
            STRATA_TRY(draw_degree(d, slug, k == 0, degree, count, sizes));
    }
    return STRATA_OK;
}

/* ---- samples against dimension */

struct counted {
    const char *kernel, *series;
    bool known; /* the direction of the target; no theory then */
};

static strata_status draw_samples_of(const struct drawer *d, const struct counted *what, size_t degree) {
    const double *dimensions;
    size_t count = settings_numbers(d->settings, "exponent.dimensions", &dimensions), found = 0;
    double x[512], y[512];
    char key[32], series[64], fit[72];
    snprintf(key, sizeof key, "samples.%zu", degree);
    snprintf(series, sizeof series, "degree %zu%s", degree, what->series);
    snprintf(fit, sizeof fit, "%s:fit", series);
    for (size_t i = 0; i < count; ++i)
        for (size_t seed = 1; seed <= d->exponent_seeds; ++seed) {
            char case_[64], theory_key[32];
            snprintf(case_, sizeof case_, what->known ? CASE_KNOWN : CASE_EXPONENT, (size_t)llround(dimensions[i]));
            snprintf(theory_key, sizeof theory_key, "theory.%zu", degree);
            double samples = records_get(d->records, key, "%s/%s/seed=%zu", what->kernel, case_, seed);
            double theory = records_get(d->records, theory_key, "%s/%s/seed=%zu", what->kernel, case_, seed);
            const double values[] = {dimensions[i], (double)seed, isnan(samples) ? INFINITY : samples,
                                     what->known ? INFINITY : theory};
            STRATA_TRY(row(d, "samples", 1, (const char *const[]){series}, 4, values));
            if (!isfinite(samples)) continue;
            STRATA_TRY(summary_point(d->ctx, d->summary, "samples", series, dimensions[i], samples, NAN, NAN));
            if (found < 512) x[found] = log(dimensions[i]), y[found++] = log(samples);
        }
    if (found < 2) return STRATA_OK;
    double slope = least_squares_slope(found, x, y), level = interval_mean(found, y) - slope * interval_mean(found, x);
    const double ends[] = {dimensions[0], dimensions[count - 1]};
    for (size_t i = 0; i < 2; ++i)
        STRATA_TRY(
            summary_point(d->ctx, d->summary, "samples", fit, ends[i], exp(level + slope * log(ends[i])), NAN, NAN));
    return STRATA_OK;
}

static strata_status draw_samples(const struct drawer *d) {
    static const char *const columns[] = {"target", "dimension", "seed", "samples", "predicted"};
    static const struct counted parts[] = {{"rbf", "", false}, {"poly4", ", direction known", true}};
    const double *dimensions;
    if (settings_numbers(d->settings, "exponent.dimensions", &dimensions) == 0) return STRATA_OK;
    STRATA_TRY(summary_table(d->ctx, d->summary, "samples", 5, columns));
    for (size_t i = 0; i < 2; ++i)
        for (size_t degree = 2; degree <= 3; ++degree) STRATA_TRY(draw_samples_of(d, &parts[i], degree));
    return STRATA_OK;
}

/* ---- monomials, finite networks */

static strata_status draw_monomials(const struct drawer *d) {
    static const char *const columns[] = {"kernel", "error", "low", "high", "bound", "error_when_it_knows_the_target"};
    if (settings_names(d->settings, "monomials.kernels") == 0) return STRATA_OK;
    STRATA_TRY(summary_table(d->ctx, d->summary, "monomials", 6, columns));
    for (size_t k = 0; k < settings_names(d->settings, "monomials.kernels"); ++k) {
        char text[KERNEL_TEXT], slug[KERNELS_SLUG];
        struct interval error, bound, dependent;
        kernels_text(d->settings, "monomials.kernels", k, text);
        kernels_slug(text, slug);
        if (!look_interval(d->records, d->seeds, "error", slug, CASE_MONOMIALS, INTERVAL_LINEAR, &error)) continue;
        look_interval(d->records, d->seeds, "bound", slug, CASE_MONOMIALS, INTERVAL_LINEAR, &bound);
        look_interval(d->records, d->seeds, "error_label_dependent", slug, CASE_MONOMIALS, INTERVAL_LINEAR, &dependent);
        const double values[] = {error.mean, error.low, error.high, bound.mean, dependent.mean};
        STRATA_TRY(row(d, "monomials", 1, (const char *const[]){slug}, 5, values));
    }
    return STRATA_OK;
}

static strata_status draw_limit(const struct drawer *d) {
    static const char *const columns[] = {"network", "width", "deviation", "low", "high"};
    static const char *const cases[] = {CASE_LIMIT, CASE_MEAN_FIELD}, *const titles[] = {"tangent scaling",
                                                                                         "mean-field scaling"};
    const double *widths;
    size_t count = settings_numbers(d->settings, "limit.widths", &widths);
    if (count == 0) return STRATA_OK;
    STRATA_TRY(summary_table(d->ctx, d->summary, "limit", 5, columns));
    for (size_t c = 0; c < 2; ++c)
        for (size_t w = 0; w < count; ++w) {
            struct interval deviation = entry(d, d->seeds, "deviation", "ntk", cases[c], w, INTERVAL_LOG);
            const double values[] = {widths[w], deviation.mean, deviation.low, deviation.high};
            if (isnan(deviation.mean)) continue;
            STRATA_TRY(row(d, "limit", 1, &titles[c], 4, values));
            STRATA_TRY(point(d, "limit", titles[c], widths[w], &deviation));
        }
    return STRATA_OK;
}

/* ---- pictures */

static strata_status draw_picture(const struct drawer *d, const char *slug, const char *series, const char *set,
                                  bool small, size_t n) {
    char case_[64], category[64];
    struct interval error;
    snprintf(case_, sizeof case_, small ? CASE_SMALL_PICTURES : CASE_PICTURES, set, n);
    if (!look_interval(d->records, d->picture_seeds, "error_rate", slug, case_, INTERVAL_LINEAR, &error))
        return STRATA_OK;
    snprintf(category, sizeof category, "%s, %zu %s", set, n, small ? "averaged" : "whole");
    const double values[] = {(double)n, error.mean, error.low, error.high};
    STRATA_TRY(row(d, "pictures", 2, (const char *const[]){category, series}, 4, values));
    return summary_bar(d->ctx, d->summary, "pictures", series, category, error.mean, error.low, error.high);
}

static strata_status draw_set(const struct drawer *d, const char *set, bool small) {
    const char *list = small ? "pictures.convolutional" : "pictures.kernels";
    size_t n = settings_count(d->settings, small ? "pictures.small_train_size" : "pictures.train_size");
    for (size_t k = 0; k < settings_names(d->settings, "pictures.networks"); ++k) {
        const char *network = settings_name(d->settings, "pictures.networks", k);
        STRATA_TRY(draw_picture(d, network, network, set, small, n));
    }
    for (size_t k = 0; k < settings_names(d->settings, list); ++k) {
        char text[KERNEL_TEXT], slug[KERNELS_SLUG];
        kernels_text(d->settings, list, k, text);
        kernels_slug(text, slug);
        STRATA_TRY(draw_picture(d, slug, text, set, small, n));
    }
    return STRATA_OK;
}

static strata_status draw_pictures(const struct drawer *d) {
    static const char *const columns[] = {"pictures", "learner", "samples", "error_rate", "low", "high"};
    size_t sets = settings_names(d->settings, "pictures.names");
    if (sets == 0) return STRATA_OK;
    STRATA_TRY(summary_table(d->ctx, d->summary, "pictures", 6, columns));
    for (size_t i = 0; i < sets; ++i)
        for (int small = 0; small < 2; ++small)
            STRATA_TRY(draw_set(d, settings_name(d->settings, "pictures.names", i), small));
    return STRATA_OK;
}

strata_status kernels_draw(strata_context *ctx, const struct records *records, struct summary *summary) {
    const struct settings *settings = records_settings(records);
    const struct drawer d = {ctx,
                             records,
                             settings,
                             summary,
                             settings_count(settings, "study.seeds"),
                             settings_count(settings, "sphere.seeds"),
                             settings_count(settings, "exponent.seeds"),
                             settings_count(settings, "pictures.seeds")};
    STRATA_TRY(draw_family(&d));
    STRATA_TRY(draw_powers(&d));
    STRATA_TRY(draw_sphere(&d));
    STRATA_TRY(draw_samples(&d));
    STRATA_TRY(draw_monomials(&d));
    STRATA_TRY(draw_limit(&d));
    return draw_pictures(&d);
}
