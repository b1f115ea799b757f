/* SPDX-License-Identifier: MIT */
/* Which tasks the study runs. Weights are relative costs (about seconds), for order and ETA. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "studies/overparam/overparam.h"

struct planner {
    strata_context *ctx;
    const struct settings *settings;
    struct task_list *list;
    size_t seeds;
};

struct number {
    char text[40];
};

static const char *number(struct number *number, double value) {
    snprintf(number->text, sizeof number->text, "%.12g", value);
    return number->text;
}

/* One task a seed, "NAME/CASE/seed=N". */
static strata_status add(const struct planner *p, const char *kind, double weight, const struct setting_pair *overrides,
                         const char *name, const char *case_) {
    for (size_t seed = 1; seed <= p->seeds; ++seed)
        STRATA_TRY(
            task_list_add(p->ctx, p->list, kind, NULL, seed, weight, overrides, "%s/%s/seed=%zu", name, case_, seed));
    return STRATA_OK;
}

static double cost(size_t width, size_t steps) { return 0.05 + 3e-9 * (double)steps * (double)width * (double)width; }

/* A fit at one width with one more setting changed (key NULL: none). */
static strata_status add_width(const struct planner *p, const char *name, size_t width, const char *key, double value) {
    struct number m, changed;
    char case_[32];
    snprintf(case_, sizeof case_, CASE_WIDTH, width);
    const struct setting_pair overrides[] = {
        {"network.width", number(&m, (double)width)}, {key, number(&changed, value)}, {NULL, NULL}};
    return add(p, OVERPARAM_FIT, cost(width, settings_count(p->settings, "train.steps")), overrides, name, case_);
}

static strata_status plan_widths(const struct planner *p) {
    size_t widths[OVERPARAM_MAX_WIDTHS], count = overparam_widths(p->settings, widths);
    double scale = settings_number(p->settings, "study.mean_field_scale");
    for (size_t i = 0; i < count; ++i) {
        STRATA_TRY(add_width(p, "tangent", widths[i], NULL, 0));
        STRATA_TRY(add_width(p, "mean_field", widths[i], "network.output_scale", scale * sqrt(64 / (double)widths[i])));
    }
    STRATA_TRY(add_width(p, "close_pair", widths[count - 1], "data.close_pair", 0.05));
    return add_width(p, "fast", widths[count - 1], "train.relative_rate", 2.5);
}

static strata_status plan_cnn(const struct planner *p) {
    const double *widths;
    const char *labels = settings_text(p->settings, "data.labels");
    size_t count = settings_numbers(p->settings, "cnn.widths", &widths);
    for (size_t i = 0; i < count; ++i) {
        struct number m, n;
        char case_[32];
        snprintf(case_, sizeof case_, CASE_WIDTH, (size_t)llround(widths[i]));
        const struct setting_pair overrides[] = {
            {"network.kind", "cnn"},
            {"data.name", "none"}, /* rings of random pixels, whatever the others see */
            {"data.labels", strcmp(labels, "true") == 0 ? "random" : labels},
            {"network.width", number(&m, widths[i])},
            {"data.train_size", number(&n, (double)settings_count(p->settings, "cnn.train_size"))},
            {NULL, NULL}};
        STRATA_TRY(add(p, OVERPARAM_FIT, 8 * cost((size_t)widths[i], settings_count(p->settings, "train.steps")),
                       overrides, "cnn", case_));
    }
    return STRATA_OK;
}

/* Any labels: random ones, those of a direction, in small batches, and with conflicts that no function fits. */
static strata_status plan_labels(const struct planner *p) {
    struct number steps, stochastic, pairs;
    size_t width = settings_count(p->settings, "network.width"), most = settings_count(p->settings, "long.steps");
    const char *conflicts = number(&pairs, floor((double)settings_count(p->settings, "data.train_size") / 4));
    number(&steps, (double)most);
    number(&stochastic, (double)settings_count(p->settings, "stochastic.steps"));
    const struct {
        const char *name, *labels, *conflicts, *batch, *kind;
    } cases[] = {
        {"random_labels", "random", "0", "0", "fc"},      {"random_duplicates", "random", conflicts, "0", "fc"},
        {"teacher_labels", "teacher", "0", "0", "fc"},    {"teacher_duplicates", "teacher", conflicts, "0", "fc"},
        {"stochastic", "random", "0", "4", "fc"},         {"stochastic_duplicates", "random", conflicts, "4", "fc"},
        {"residual_labels", "random", "0", "0", "resnet"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        const struct setting_pair overrides[] = {
            {"data.labels", cases[i].labels},
            {"data.conflicting_pairs", cases[i].conflicts},
            {"train.batch_size", cases[i].batch},
            {"network.kind", cases[i].kind},
            {"train.steps", cases[i].batch[0] == '0' ? steps.text : stochastic.text},
            {NULL, NULL}};
        STRATA_TRY(add(p, OVERPARAM_FIT, cost(width, most), overrides, cases[i].name, CASE_ONLY));
    }
    return STRATA_OK;
}

static strata_status plan_pictures(const struct planner *p) {
    static const char *const labels[] = {"true", "random", "conflicting"};
    const char *name = settings_text(p->settings, "pictures.name");
    struct number n, pairs, steps;
    size_t count = settings_count(p->settings, "pictures.train_size"), most = settings_count(p->settings, "long.steps");
    if (strcmp(name, "none") == 0) return STRATA_OK;
    for (size_t i = 0; i < 3; ++i) {
        char task[32];
        snprintf(task, sizeof task, "pictures_%s", labels[i]);
        const struct setting_pair overrides[] = {
            {"data.name", name},
            {"data.train_size", number(&n, (double)count)},
            {"data.labels", i == 1 ? "random" : "true"},
            {"data.conflicting_pairs", i == 2 ? number(&pairs, floor((double)count / 4)) : "0"},
            {"train.steps", number(&steps, (double)most)},
            {NULL, NULL}};
        STRATA_TRY(add(p, OVERPARAM_FIT, 2 * cost(settings_count(p->settings, "network.width"), most), overrides, task,
                       CASE_ONLY));
    }
    return STRATA_OK;
}

static strata_status plan_probes(const struct planner *p) {
    STRATA_TRY(add(p, OVERPARAM_SEPARATION, 0.1, NULL, "pair", CASE_ONLY));
    STRATA_TRY(add(p, OVERPARAM_SEPARATION, 0.1, NULL, "no_pair", CASE_ONLY));
    STRATA_TRY(add(p, OVERPARAM_SMOOTHNESS, 0.2, NULL, "near", CASE_ONLY));
    STRATA_TRY(add(p, OVERPARAM_SMOOTHNESS, 0.2, NULL, "far", CASE_ONLY));
    static const char *const norms[] = {"plain", "init1", "residual"}, *const depths[] = {"plain_depth", "tau1",
                                                                                          "residual_depth"};
    for (size_t i = 0; i < 3; ++i) {
        STRATA_TRY(add(p, OVERPARAM_NORMS, 0.5, NULL, norms[i], "norms"));
        STRATA_TRY(add(p, OVERPARAM_DEPTH, 1, NULL, depths[i], "depth"));
    }
    return STRATA_OK;
}

strata_status overparam_plan(strata_context *ctx, const struct settings *settings, enum preset_kind preset,
                             struct task_list *list) {
    (void)preset;
    const struct planner planner = {ctx, settings, list, settings_count(settings, "study.seeds")};
    if (settings_number(settings, "train.relative_rate") >= 2)
        context_log(ctx, STRATA_LOG_WARNING, "train.relative_rate is %g: gradient descent diverges from 2 on",
                    settings_number(settings, "train.relative_rate"));
    STRATA_TRY(plan_widths(&planner));
    STRATA_TRY(plan_labels(&planner));
    STRATA_TRY(plan_cnn(&planner));
    STRATA_TRY(plan_pictures(&planner));
    return plan_probes(&planner);
}
