/* SPDX-License-Identifier: MIT */
/* Tables and figures. */
#include <math.h>
#include <stdio.h>

#include "studies/depth/depth.h"
#include "studies/look.h"

struct drawer {
    strata_context *ctx;
    const struct records *records;
    const struct settings *settings;
    struct summary *summary;
    size_t seeds, all;
    char full[32]; /* the case of all training pictures */
};

static bool interval_of(const struct drawer *d, const char *key, const char *name, const char *case_,
                        struct interval *interval) {
    return look_interval(d->records, d->seeds, key, name, case_, INTERVAL_LINEAR, interval);
}

static double mean_of(const struct drawer *d, const char *key, const char *name, const char *case_) {
    struct interval interval;
    return interval_of(d, key, name, case_, &interval) ? interval.mean : NAN;
}

/* Pooled over seeds: every test picture of every seed is a trial. */
static struct interval wilson(const struct drawer *d, const char *key, const char *name, const char *case_) {
    double right = 0, trials = 0;
    for (size_t seed = 1; seed <= d->seeds; ++seed) {
        double share = records_get(d->records, key, "%s/%s/seed=%zu", name, case_, seed),
               count = records_get(d->records, "tested", "%s/%s/seed=%zu", name, case_, seed);
        if (!isfinite(share) || !isfinite(count)) continue;
        right += round(share * count), trials += count;
    }
    return interval_wilson((size_t)right, (size_t)trials);
}

static strata_status draw_regimes(const struct drawer *d) {
    static const char *const columns[] = {"rule", "test_accuracy", "low", "high", "train_accuracy"};
    STRATA_TRY(summary_table(d->ctx, d->summary, "regimes", 5, columns));
    for (size_t i = 0; i < depth_regime_count; ++i) {
        const struct depth_regime *regime = &depth_regimes[i];
        struct interval seeds, pooled = wilson(d, "test_accuracy", regime->name, d->full);
        if (!interval_of(d, "test_accuracy", regime->name, d->full, &seeds)) continue;
        if (!regime->one_unit)
            STRATA_TRY(summary_rank(d->ctx, d->summary, "regimes", regime->title, seeds.mean, seeds.low, seeds.high));
        const double values[] = {pooled.mean, pooled.low, pooled.high,
                                 mean_of(d, "train_accuracy", regime->name, d->full)};
        STRATA_TRY(look_row(d->ctx, d->summary, "regimes", 1, &regime->title, 4, values));
    }
    return STRATA_OK;
}

static strata_status network_row(const struct drawer *d, const char *title, size_t pictures, const struct interval *i,
                                 double parameters) {
    const double values[] = {(double)pictures, parameters, i->mean, i->low, i->high};
    return look_row(d->ctx, d->summary, "networks", 1, &title, 5, values);
}

static strata_status draw_networks(const struct drawer *d) {
    static const char *const columns[] = {"network", "pictures", "parameters", "test_accuracy", "low", "high"};
    static const char *const names[][2] = {{"joint", "residual"},
                                           {"layerwise", "residual, unit by unit"},
                                           {"shallow_equal", "residual, shallow, equal parameters"},
                                           {"cnn", "three convolutions"},
                                           {"resnet_shallow", "residual, shallow, equal channels"},
                                           {"resnet_deepest", "residual, deepest"},
                                           {"plain_deep", "plain"},
                                           {"plain_equal", "plain, shallow, equal parameters"},
                                           {"plain_shallow", "plain, shallow, equal channels"},
                                           {"plain_deepest", "plain, deepest"}};
    size_t sizes[DEPTH_MAX_SIZES], count = depth_sizes(d->settings, sizes);
    STRATA_TRY(summary_table(d->ctx, d->summary, "networks", 6, columns));
    for (size_t k = 0; k < sizeof names / sizeof *names; ++k)
        for (size_t i = 0; i < count; ++i) {
            char case_[32];
            struct interval seeds;
            snprintf(case_, sizeof case_, DEPTH_CASE, sizes[i]);
            if (!interval_of(d, "test_accuracy", names[k][0], case_, &seeds)) continue;
            struct interval pooled = wilson(d, "test_accuracy", names[k][0], case_);
            STRATA_TRY(network_row(d, names[k][1], sizes[i], &pooled, mean_of(d, "parameters", names[k][0], case_)));
            if (k < 4 && count > 1)
                STRATA_TRY(summary_point(d->ctx, d->summary, "few_shot", names[k][1], (double)sizes[i], seeds.mean,
                                         seeds.low, seeds.high));
        }
    return STRATA_OK;
}

static strata_status draw_kernels(const struct drawer *d) {
    static const char *const kernels[][2] = {{"start", "tangent kernel at the start"},
                                             {"after", "tangent kernel after training"},
                                             {"network", "the network itself, same pictures"}};
    size_t rows = settings_count(d->settings, "kernel.train_size");
    char case_[32];
    snprintf(case_, sizeof case_, DEPTH_CASE, rows);
    for (size_t k = 0; rows && k < 3; ++k) {
        struct interval seeds, pooled = wilson(d, kernels[k][0], "kernel", case_);
        if (!interval_of(d, kernels[k][0], "kernel", case_, &seeds)) continue;
        STRATA_TRY(network_row(d, kernels[k][1], rows, &pooled, INFINITY));
        STRATA_TRY(summary_point(d->ctx, d->summary, "few_shot", kernels[k][1], (double)rows, seeds.mean, seeds.low,
                                 seeds.high));
    }
    return STRATA_OK;
}

static strata_status point(const struct drawer *d, const char *figure, const char *series, double x, const char *key,
                           const char *name) {
    struct interval interval;
    if (!interval_of(d, key, name, d->full, &interval)) return STRATA_OK;
    return summary_point(d->ctx, d->summary, figure, series, x, interval.mean, interval.low, interval.high);
}

static strata_status draw_probes(const struct drawer *d) {
    size_t times = settings_count(d->settings, "probe.times"), units = depth_units(d->settings),
           steps = settings_count(d->settings, "picture.steps");
    for (size_t i = 0; i < depth_regime_count; ++i) {
        const struct depth_regime *regime = &depth_regimes[i];
        char key[64];
        if (!regime->curves) continue;
        for (size_t t = 1; t <= times; ++t) {
            snprintf(key, sizeof key, "probe.1.%zu", t);
            STRATA_TRY(point(d, "probes", regime->title, (double)(t * steps) / (double)times, key, regime->name));
        }
        for (size_t u = 1; u <= units; ++u) {
            snprintf(key, sizeof key, "probe.%zu.%zu", u, times);
            STRATA_TRY(point(d, "units", regime->title, (double)u, key, regime->name));
        }
    }
    for (size_t u = 2; times && u <= units; ++u) {
        char label[64];
        snprintf(label, sizeof label, "unit %zu", u);
        STRATA_TRY(summary_marker(d->ctx, d->summary, "probes", label, (double)(steps * (u - 1)) / (double)units));
    }
    return STRATA_OK;
}

static strata_status draw_layers(const struct drawer *d) {
    double shallow = (double)settings_count(d->settings, "shallow.depth"),
           deep = (double)settings_count(d->settings, "picture.depth"),
           deepest = (double)settings_count(d->settings, "deepest.depth");
    STRATA_TRY(point(d, "layers", "residual", shallow, "test_accuracy", "resnet_shallow"));
    STRATA_TRY(point(d, "layers", "residual", deep, "test_accuracy", "joint"));
    STRATA_TRY(point(d, "layers", "residual", deepest, "test_accuracy", "resnet_deepest"));
    STRATA_TRY(point(d, "layers", "plain", shallow, "test_accuracy", "plain_shallow"));
    STRATA_TRY(point(d, "layers", "plain", deep, "test_accuracy", "plain_deep"));
    return point(d, "layers", "plain", deepest, "test_accuracy", "plain_deepest");
}

static strata_status draw_alignment(const struct drawer *d) {
    static const char *const columns[] = {"unit", "alignment", "probe_before", "probe_after"};
    size_t times = settings_count(d->settings, "probe.times"), units = depth_units(d->settings);
    STRATA_TRY(summary_table(d->ctx, d->summary, "alignment", 4, columns));
    for (size_t u = 1; times && u < units; ++u) {
        char alignment[64], before[64], after[64];
        snprintf(alignment, sizeof alignment, "alignment.%zu", u);
        snprintf(before, sizeof before, "probe.%zu.%zu", u, times * u / units);
        snprintf(after, sizeof after, "probe.%zu.%zu", u, times);
        const double values[] = {(double)u, mean_of(d, alignment, "staged", d->full),
                                 mean_of(d, before, "staged", d->full), mean_of(d, after, "staged", d->full)};
        STRATA_TRY(look_row(d->ctx, d->summary, "alignment", 0, NULL, 4, values));
    }
    return STRATA_OK;
}

static strata_status draw_features(const struct drawer *d) {
    static const char *const when[] = {"before", "after"};
    size_t shape[3], units = depth_units(d->settings);
    depth_shape(d->settings, shape);
    for (size_t u = 1; u <= units; ++u)
        for (size_t k = 0; k < 2; ++k) {
            const double *tiles;
            char key[64], panel[64];
            snprintf(key, sizeof key, "tiles.%zu.%s", u, when[k]);
            snprintf(panel, sizeof panel, "unit_%zu_%s", u, when[k]);
            size_t count = records_array(d->records, key, &tiles, "staged/%s/seed=1", d->full) / (shape[1] * shape[2]);
            if (count)
                STRATA_TRY(summary_tiles(d->ctx, d->summary, "features", panel, count, shape[1], shape[2], tiles));
        }
    return STRATA_OK;
}

/* Tasks that were not planned for the later seeds are passed over. */
static size_t most_seeds(const struct settings *settings) {
    size_t one = depth_seeds(settings, "correction.seeds"), two = depth_seeds(settings, "layers.seeds");
    return one > two ? one : two;
}

strata_status depth_draw(strata_context *ctx, const struct records *records, struct summary *summary) {
    const struct settings *settings = records_settings(records);
    struct drawer d = {
        ctx, records, settings, summary, most_seeds(settings), settings_count(settings, "data.train_size"), ""};
    snprintf(d.full, sizeof d.full, DEPTH_CASE, d.all);
    STRATA_TRY(draw_regimes(&d));
    STRATA_TRY(draw_networks(&d));
    STRATA_TRY(draw_kernels(&d));
    STRATA_TRY(draw_alignment(&d));
    STRATA_TRY(draw_probes(&d));
    STRATA_TRY(draw_layers(&d));
    return draw_features(&d);
}
