/* SPDX-License-Identifier: MIT */
/* Which tasks the study runs. Weights are relative costs (about seconds), for order and ETA. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "studies/purify/purify.h"
#include "studies/purify/purify_images.h"

/* Learners of low complexity descend with Adam at a constant rate, their radius rising over half of the steps. */
static strata_status plan_baseline(strata_context *ctx, struct task_list *list, const char *name, size_t seed) {
    static const struct {
        const char *name;
        double weight;
        struct setting_pair pairs[3];
    } own[] = {
        {"linear_form", 1, {{NULL, NULL}}},
        {"frozen_units", 60, {{NULL, NULL}}},
        {"gate_ntk", 12, {{NULL, NULL}}},
        {"cubic", 6, {{NULL, NULL}}},
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; ++i) {
        if (strcmp(own[i].name, name) != 0) continue;
        struct setting_pair pairs[10] = {
            {"train.optimizer", "adam"}, {"train.schedule", "constant"}, {"train.warmup", "0"},
            {"train.clip_norm", "0"},    {"train.weight_decay", "0"},    {"adversarial.norm", "l2"},
            {"adversarial.ramp", "0.5"},
        };
        for (size_t k = 0; own[i].pairs[k].key; ++k) pairs[7 + k] = own[i].pairs[k];
        return task_list_add(ctx, list, PURIFY_BASELINE, name, seed, own[i].weight, pairs, "%s/seed=%zu", name, seed);
    }
    return strata_fail(ctx, STRATA_ERR_INTERNAL, "no plan for learner '%s'", name);
}

static strata_status plan_seed(strata_context *ctx, const struct settings *settings, size_t seed,
                               struct task_list *list) {
    STRATA_TRY(task_list_add(ctx, list, PURIFY_NETWORKS, NULL, seed, 10, NULL, "networks/seed=%zu", seed));
    STRATA_TRY(task_list_add(ctx, list, PURIFY_CONTROLS, NULL, seed, 9, NULL, "controls/seed=%zu", seed));
    STRATA_TRY(task_list_add(ctx, list, PURIFY_EXACT, NULL, seed, 0.5, NULL, "exact/seed=%zu", seed));
    STRATA_TRY(purify_images_plan(ctx, settings, seed, list));
    size_t count = settings_names(settings, "study.baselines");
    for (size_t i = 0; i < count && seed <= settings_count(settings, "study.baseline_seeds"); ++i)
        STRATA_TRY(plan_baseline(ctx, list, settings_name(settings, "study.baselines", i), seed));
    return STRATA_OK;
}

static strata_status plan_cases(strata_context *ctx, const struct settings *settings, size_t seed, const char *key,
                                const char *letter, const char *changed, double power, struct task_list *list) {
    const double *values;
    size_t count = settings_numbers(settings, key, &values);
    for (size_t i = 0; i < count && i < PURIFY_MOST_CASES; ++i) {
        char text[32];
        snprintf(text, sizeof text, "%zu", (size_t)llround(values[i]));
        const struct setting_pair pairs[] = {{changed, text}, {NULL, NULL}};
        STRATA_TRY(task_list_add(ctx, list, PURIFY_SCAN, NULL, seed, 5 * pow(values[i] / 100, power), pairs,
                                 "scan/%s=%s/seed=%zu", letter, text, seed));
    }
    return STRATA_OK;
}

strata_status purify_plan(strata_context *ctx, const struct settings *settings, enum preset_kind preset,
                          struct task_list *list) {
    (void)preset;
    for (size_t seed = 1; seed <= settings_count(settings, "study.seeds"); ++seed) {
        STRATA_TRY(plan_seed(ctx, settings, seed, list));
        STRATA_TRY(plan_cases(ctx, settings, seed, "study.dimensions", "d", "data.dimension", 2, list));
        STRATA_TRY(plan_cases(ctx, settings, seed, "study.sparsities", "k", "teacher.sparsity", 0, list));
    }
    return STRATA_OK;
}
