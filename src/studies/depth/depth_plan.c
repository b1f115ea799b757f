/* SPDX-License-Identifier: MIT */
/* Which tasks the study runs. Weights are relative costs (about seconds), for order and ETA. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "learn/picture_learners.h"
#include "studies/depth/depth.h"

const struct depth_regime depth_regimes[] = {
    {.name = "joint", .title = "all units together", .learner = "picture", .steps = 1, .curves = true},
    {.name = "freeze", .title = "all together, frozen from below", .learner = "picture_freeze", .steps = 1},
    {.name = "layerwise", .title = "unit by unit", .learner = "picture_layerwise", .steps = 1, .curves = true},
    {.name = "layerwise_linear",
     .title = "unit by unit, linear heads",
     .learner = "picture_layerwise",
     .steps = 1,
     .head_layers = "0"},
    {.name = "layerwise_strong",
     .title = "unit by unit, heads of 2 convolutions",
     .learner = "picture_layerwise",
     .steps = 1,
     .head_layers = "2"},
    {.name = "layerwise_long", .title = "unit by unit, equal epochs", .learner = "picture_layerwise"},
    {.name = "overlap", .title = "unit by unit, one below moves too", .learner = "picture_overlap", .steps = 1},
    {.name = "staged",
     .title = "units added, all move",
     .learner = "picture_staged",
     .steps = 1,
     .curves = true,
     .many_seeds = true},
    {.name = "staged_cut",
     .title = "units added, gradient cut",
     .learner = "picture_staged_cut",
     .steps = 1,
     .curves = true},
    {.name = "cut", .title = "all units, gradient cut", .learner = "picture_cut", .steps = 1},
    {.name = "layerwise_one",
     .title = "unit by unit, one unit in all",
     .learner = "picture_layerwise",
     .steps = 1,
     .one_unit = true},
    {.name = "cut_one",
     .title = "gradient cut, one unit in all",
     .learner = "picture_cut",
     .steps = 1,
     .one_unit = true},
    {.name = "alone",
     .title = "first unit alone",
     .learner = "picture_alone",
     .steps = 1,
     .curves = true,
     .many_seeds = true},
    {.name = "reuse",
     .title = "first unit learned below all, reused",
     .learner = "picture_reuse",
     .steps = 1,
     .many_seeds = true},
    {.name = "reuse_alone",
     .title = "first unit learned alone, reused",
     .learner = "picture_reuse_alone",
     .steps = 1,
     .many_seeds = true},
    {.name = "reuse_cut",
     .title = "first unit learned below a cut, reused",
     .learner = "picture_reuse_cut",
     .steps = 1},
};
const size_t depth_regime_count = sizeof depth_regimes / sizeof *depth_regimes;

size_t depth_units(const struct settings *settings) {
    size_t units = settings_count(settings, "picture.units");
    return units ? units : DEPTH_UNITS;
}

size_t depth_sizes(const struct settings *settings, size_t sizes[DEPTH_MAX_SIZES]) {
    const double *values;
    size_t count = settings_numbers(settings, "study.sample_sizes", &values),
           all = settings_count(settings, "data.train_size");
    size_t kept = 0;
    for (size_t i = 0; i < count && kept + 1 < DEPTH_MAX_SIZES; ++i)
        if (values[i] < (double)all) sizes[kept++] = (size_t)llround(values[i]);
    sizes[kept++] = all;
    return kept;
}

size_t depth_seeds(const struct settings *settings, const char *key) {
    size_t least = settings_count(settings, "study.seeds"), wanted = settings_count(settings, key);
    return wanted > least ? wanted : least;
}

struct planner {
    strata_context *ctx;
    const struct settings *settings;
    struct task_list *list;
    size_t seeds, sizes[DEPTH_MAX_SIZES], size_count, shape[3];
};

struct number {
    char text[24];
};

static const char *number(struct number *number, size_t value) {
    snprintf(number->text, sizeof number->text, "%zu", value);
    return number->text;
}

/* Seconds of a fit, from the products of a step. */
static double cost(const struct planner *p, size_t depth, size_t channels, double steps) {
    double pixels = (double)(p->shape[1] * p->shape[2]);
    return 0.5 + steps * (double)settings_count(p->settings, "train.batch_size") * pixels * (double)depth *
                     (4e-8 + 2e-10 * (double)(channels * channels));
}

enum { MOST_OVERRIDES = 10 };

/* A fit for every seed; `own` are its overrides, ended by a NULL key, to which come those that all have. */
static strata_status add(const struct planner *p, const char *name, const char *learner, size_t seeds, size_t train,
                         bool probes, double weight, const struct setting_pair *own) {
    struct number n;
    struct setting_pair overrides[MOST_OVERRIDES] = {{"data.train_size", number(&n, train)}};
    size_t end = 1;
    if (!probes) overrides[end++] = (struct setting_pair){"probe.times", "0"};
    while (own->key) overrides[end++] = *own++;
    for (size_t seed = 1; seed <= seeds; ++seed)
        STRATA_TRY(task_list_add(p->ctx, p->list, DEPTH_FIT, learner, seed, weight, overrides,
                                 "%s/" DEPTH_CASE "/seed=%zu", name, train, seed));
    return STRATA_OK;
}

static bool wanted(const struct planner *p, const char *rule) {
    for (size_t i = 0; i < settings_names(p->settings, "study.rules"); ++i)
        if (strcmp(settings_name(p->settings, "study.rules", i), rule) == 0) return true;
    return false;
}

static strata_status plan_regimes(const struct planner *p) {
    size_t depth = settings_count(p->settings, "picture.depth"),
           channels = settings_count(p->settings, "picture.channels"),
           steps = settings_count(p->settings, "picture.steps"), all = p->sizes[p->size_count - 1];
    for (size_t i = 0; i < depth_regime_count; ++i) {
        const struct depth_regime *regime = &depth_regimes[i];
        if (!wanted(p, regime->name)) continue;
        struct number total;
        double factor = regime->steps > 0 ? regime->steps : (double)depth_units(p->settings);
        const struct setting_pair overrides[] = {
            {"picture.steps", number(&total, (size_t)llround(factor * (double)steps))},
            {regime->head_layers ? "picture.head_layers"
             : regime->one_unit  ? "picture.units"
                                 : NULL,
             regime->head_layers ? regime->head_layers : "1"},
            {NULL, NULL}};
        STRATA_TRY(add(p, regime->name, regime->learner,
                       regime->many_seeds ? depth_seeds(p->settings, "correction.seeds") : p->seeds, all,
                       regime->curves, cost(p, depth, channels, factor * (double)steps), overrides));
    }
    return STRATA_OK;
}

/* Channels with which the shallow network has about as many parameters as the deep one. */
static strata_status equal_channels(const struct planner *p, const char *family, size_t *channels) {
    enum { MOST = 1024 };
    struct picture_request request = picture_request_of(p->settings, p->shape, 10);
    struct picture_network network;
    request.family = family;
    request.units = 0;
    STRATA_TRY(picture_describe(p->ctx, &request, &network));
    double wanted = (double)picture_parameter_count(&network), least = INFINITY;
    request.depth = settings_count(p->settings, "shallow.depth");
    for (size_t c = 1; c <= MOST; ++c) {
        request.base_channels = c;
        STRATA_TRY(picture_describe(p->ctx, &request, &network));
        double gap = fabs(log((double)picture_parameter_count(&network) / wanted));
        if (gap < least) least = gap, *channels = c;
    }
    return STRATA_OK;
}

static strata_status add_network(const struct planner *p, const char *name, const char *family, size_t depth,
                                 size_t channels, size_t train, size_t seeds) {
    struct number d, c;
    const struct setting_pair overrides[] = {{"picture.family", family},
                                             {"picture.depth", number(&d, depth)},
                                             {"picture.channels", number(&c, channels)},
                                             {"picture.units", "0"},
                                             {NULL, NULL}};
    return add(p, name, "picture", seeds, train, false,
               cost(p, depth, channels, (double)settings_count(p->settings, "picture.steps")), overrides);
}

/* Deep against shallow, at equal parameters and at equal channels, with skips and without. */
static strata_status plan_depths(const struct planner *p) {
    size_t deep = settings_count(p->settings, "picture.depth"), shallow = settings_count(p->settings, "shallow.depth"),
           deepest = settings_count(p->settings, "deepest.depth"), all = p->sizes[p->size_count - 1],
           base = settings_count(p->settings, "picture.channels"), many = depth_seeds(p->settings, "layers.seeds"),
           channels;
    STRATA_TRY(equal_channels(p, "resnet", &channels));
    for (size_t i = 0; i < p->size_count; ++i)
        STRATA_TRY(add_network(p, "shallow_equal", "resnet", shallow, channels, p->sizes[i], p->seeds));
    STRATA_TRY(equal_channels(p, "plain", &channels));
    STRATA_TRY(add_network(p, "plain_equal", "plain", shallow, channels, all, p->seeds));
    STRATA_TRY(add_network(p, "plain_deep", "plain", deep, base, all, p->seeds));
    STRATA_TRY(add_network(p, "plain_shallow", "plain", shallow, base, all, many));
    STRATA_TRY(add_network(p, "plain_deepest", "plain", deepest, base, all, many));
    STRATA_TRY(add_network(p, "resnet_shallow", "resnet", shallow, base, all, many));
    return add_network(p, "resnet_deepest", "resnet", deepest, base, all, many);
}

static strata_status plan_few_shot(const struct planner *p) {
    size_t depth = settings_count(p->settings, "picture.depth"),
           channels = settings_count(p->settings, "picture.channels");
    double steps = (double)settings_count(p->settings, "picture.steps");
    struct number total;
    for (size_t i = 0; i < p->size_count; ++i) {
        const struct setting_pair none[] = {{NULL, NULL}};
        const struct setting_pair small[] = {
            {"cnn.steps", number(&total, settings_count(p->settings, "picture.steps"))}, {NULL, NULL}};
        STRATA_TRY(add(p, "cnn", "cnn_small", p->seeds, p->sizes[i], false, 1, small));
        if (i + 1 == p->size_count) break; /* the regimes have the largest */
        STRATA_TRY(add(p, "joint", "picture", p->seeds, p->sizes[i], false, cost(p, depth, channels, steps), none));
        STRATA_TRY(add(p, "layerwise", "picture_layerwise", p->seeds, p->sizes[i], false,
                       cost(p, depth, channels, steps), none));
    }
    return STRATA_OK;
}

static strata_status plan_kernels(const struct planner *p) {
    size_t rows = settings_count(p->settings, "kernel.train_size");
    struct number n;
    const struct setting_pair overrides[] = {{"data.train_size", number(&n, rows)}, {NULL, NULL}};
    for (size_t seed = 1; rows && seed <= p->seeds; ++seed)
        STRATA_TRY(task_list_add(p->ctx, p->list, DEPTH_KERNEL, "picture", seed, 0.05 * (double)rows, overrides,
                                 "kernel/" DEPTH_CASE "/seed=%zu", rows, seed));
    return STRATA_OK;
}

strata_status depth_plan(strata_context *ctx, const struct settings *settings, enum preset_kind preset,
                         struct task_list *list) {
    struct planner p = {ctx, settings, list, settings_count(settings, "study.seeds"), {0}, 0, {0}};
    (void)preset;
    p.size_count = depth_sizes(settings, p.sizes);
    depth_shape(settings, p.shape);
    STRATA_TRY(plan_regimes(&p));
    if (settings_flag(settings, "study.networks")) {
        STRATA_TRY(plan_depths(&p));
        STRATA_TRY(plan_few_shot(&p));
    }
    return plan_kernels(&p);
}
