/* SPDX-License-Identifier: MIT */
/*
 * Feature purification. Does clean training leave small dense mixtures in the hidden weights, are they what
 * adversarial examples exploit, does adversarial training remove them, and do learners of low complexity stay behind?
 * Source: Z. Allen-Zhu, Y. Li, "Feature Purification: How Adversarial Training Performs Robust Deep Learning", FOCS
 * 2021, arXiv 2005.10190. The setting is the paper's; its constants are ours.
 */
#include "studies/purify/purify.h"

#include <math.h>
#include <string.h>

#include "learn/threshold_fit.h"
#include "studies/checks.h"
#include "studies/purify/purify_images.h"

const struct setting purify_settings[] = {
    {"study.dimensions", SETTING_NUMBERS, "none", 8, 4096, NULL, "further numbers of atoms d, for the table of cases"},
    {"study.sparsities", SETTING_NUMBERS, "none", 1, 1024, NULL, "further numbers of active atoms k, for that table"},
    {"study.baselines", SETTING_NAMES, "linear_form, frozen_units, gate_ntk, cubic", 0, 0,
     "linear_form|frozen_units|gate_ntk|cubic", "learners of low complexity"},
    {"study.baseline_seeds", SETTING_COUNT, "3", 0, 1000, NULL, "seeds of them, at most study.seeds"},
    {"data.dimension", SETTING_COUNT, "100", 8, 4096, NULL, "atoms d, and numbers of a row"},
    {"data.test_size", SETTING_COUNT, "1000", 100, 1000000, NULL, "rows that networks are attacked on"},
    {"teacher.sparsity", SETTING_COUNT, "3", 1, 1024, NULL, "active atoms k of a row in the mean; at most d / 4"},
    {"teacher.margin", SETTING_COUNT, "2", 1, 1024, NULL,
     "least majority of the active atoms that agree on the label; at most k"},
    {"teacher.input_noise", SETTING_NUMBER, "0.3", 0, 2, NULL, "length of a row's noise in the mean"},
    {"teacher.dense", SETTING_FLAG, "false", 0, 0, NULL, "normal codes in place of sparse ones"},
    {"network.width_per_input", SETTING_COUNT, "4", 1, 1024, NULL, "hidden units over d"},
    {"network.initial_scale", SETTING_NUMBER, "0.02", 1e-9, 100, NULL, "deviation of the initial weights"},
    {"network.threshold_start", SETTING_NUMBER, "0.1", 0, 10, NULL,
     "threshold of a unit over its norm at the first step; below 1 / root k"},
    {"network.threshold_end", SETTING_NUMBER, "0.2", 0, 10, NULL, "and at the last step"},
    {"train.rate_per_input", SETTING_NUMBER, "0.02", 1e-9, 1000, NULL, "learning rate of the networks over d"},
    {"adversarial.start", SETTING_CHOICE, "scratch", 0, 0, "scratch|clean",
     "weights that adversarial training begins with"},
    {"attack.names", SETTING_NAMES, "fgm, pgd, apgd_ce, universal, transfer, random", 0, 0,
     "fgm|r_fgsm|pgd|apgd_ce|fab|deepfool|cw|square|universal|transfer|random", "attacks whose worst counts"},
    {"attack.steps", SETTING_COUNT, "40", 1, 100000, NULL, "steps of gradient attacks"},
    {"attack.restarts", SETTING_COUNT, "2", 1, 1000, NULL, "restarts of pgd"},
    {"attack.radii", SETTING_NUMBERS, "0.05, 0.1, 0.15, 0.2, 0.25, 0.3", 1e-6, 1e6, NULL, "radii of the curve, rising"},
    {"certificate.radius", SETTING_NUMBER, "0.15", 1e-6, 1e6, NULL, "radius at which accuracy is certified"},
    {NULL, SETTING_TEXT, NULL, 0, 0, NULL, NULL},
};

static const struct setting *const setting_tables[] = {purify_settings, purify_image_settings, NULL};

/* The baselines' own optimiser; the networks take plain gradient descent. */
static const struct setting_pair smoke[] = {{"adversarial.method", "fgm"},
                                            {"study.seeds", "4"},
                                            {"study.baselines", "linear_form"},
                                            {"images.data", "none"},
                                            {"study.baseline_seeds", "4"},
                                            {"data.dimension", "50"},
                                            {"data.test_size", "300"},
                                            {"train.batch_size", "64"},
                                            {"train.steps", "600"},
                                            {"train.weight_decay", "3e-4"},
                                            {NULL, NULL}};
static const struct setting_pair standard[] = {{"adversarial.method", "fgm"},  {"study.seeds", "5"},
                                               {"train.batch_size", "256"},    {"train.steps", "1500"},
                                               {"train.weight_decay", "3e-4"}, {NULL, NULL}};
static const struct setting_pair paper[] = {
    {"adversarial.method", "fgm"},
    {"study.seeds", "10"},
    {"study.baseline_seeds", "10"},
    {"study.dimensions", "50, 150, 200, 400"},
    {"study.sparsities", "4, 5, 6"},
    {"data.test_size", "2000"},
    {"train.batch_size", "256"},
    {"train.steps", "1500"},
    {"train.weight_decay", "3e-4"},
    {"attack.steps", "100"},
    {"attack.restarts", "3"},
    {"attack.names", "fgm, pgd, apgd_ce, fab, square, universal, transfer, random"},
    {"images.data", "cifar10"},
    {"images.epsilon", "0.03137254901960784"},
    {"images.epochs", "20"},
    {"images.adversarial_epochs", "10"},
    {"images.train_size", "50000"},
    {"images.test_size", "10000"},
    {NULL, NULL}};

/* ---- settings that contradict each other */

static strata_status check_thresholds(strata_context *ctx, const struct settings *settings) {
    static const char *const keys[] = {"network.threshold_start", "network.threshold_end"};
    double open = 1 / sqrt((double)settings_count(settings, "teacher.sparsity"));
    for (size_t i = 0; i < 2; ++i)
        if (!(settings_number(settings, keys[i]) < open))
            return strata_fail(ctx, STRATA_ERR_CONFIG,
                               "key '%s': expected below 1 / root k = %.4g, got %g: every gate would be shut", keys[i],
                               open, settings_number(settings, keys[i]));
    return STRATA_OK;
}

static strata_status check_adversary(strata_context *ctx, const struct settings *settings) {
    const char *method = settings_text(settings, "adversarial.method");
    double epsilon = settings_number(settings, "adversarial.epsilon");
    if (!perturbation_find(method))
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "key 'adversarial.method': '%s' trains no threshold network; expected none, fgm, pgd, "
                           "trades or noise",
                           method);
    if (!(epsilon > 0))
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "key 'adversarial.epsilon': expected a radius above 0, got %g; for clean training say "
                           "adversarial.method=none",
                           epsilon);
    return STRATA_OK;
}

/* The model refuses what it cannot draw; the same words whether it is asked here or in a task. */
static strata_status check_model(strata_context *ctx, const struct settings *settings) {
    const struct sparse_coding_options options = {
        .dimension = settings_count(settings, "data.dimension"),
        .sparsity = settings_count(settings, "teacher.sparsity"),
        .margin = settings_count(settings, "teacher.margin"),
        .noise = settings_number(settings, "teacher.input_noise"),
        .dense = settings_flag(settings, "teacher.dense"),
    };
    struct sparse_coding coding;
    STRATA_TRY(sparse_coding_create(ctx, &options, settings_count(settings, "study.seed"), 1, &coding));
    sparse_coding_destroy(&coding);
    return STRATA_OK;
}

static strata_status check(strata_context *ctx, const struct settings *settings) {
    const double *values;
    size_t d = settings_count(settings, "data.dimension"),
           count = settings_numbers(settings, "study.sparsities", &values);
    STRATA_TRY(check_rising(ctx, settings, "attack.radii", 1, PURIFY_MOST_RADII));
    STRATA_TRY(check_model(ctx, settings));
    STRATA_TRY(check_thresholds(ctx, settings));
    STRATA_TRY(check_adversary(ctx, settings));
    STRATA_TRY(purify_images_check(ctx, settings));
    if (settings_count(settings, "train.steps") == 0)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "key 'train.steps': expected at least 1");
    for (size_t i = 0; i < count; ++i)
        if (values[i] > (double)d / 4 || values[i] < (double)settings_count(settings, "teacher.margin"))
            return strata_fail(ctx, STRATA_ERR_CONFIG,
                               "key 'study.sparsities': expected teacher.margin to a quarter of data.dimension = %zu, "
                               "got %g",
                               d, values[i]);
    return STRATA_OK;
}

/* ---- tasks */

static const struct task_kind kinds[] = {
    {PURIFY_NETWORKS, purify_run_networks},
    {PURIFY_CONTROLS, purify_run_controls},
    {PURIFY_SCAN, purify_run_scan},
    {PURIFY_BASELINE, purify_run_baseline},
    {PURIFY_EXACT, purify_run_exact},
    {PURIFY_IMAGES, purify_images_run},
    {NULL, NULL},
};

static strata_status run_task(strata_context *ctx, struct task_run *run) { return run_by_kind(ctx, run, kinds); }

const struct study study_purify = {
    .name = "purify",
    .summary = "adversarial training removes small dense mixtures from hidden weights; simpler learners stay fragile",
    .source = "Allen-Zhu & Li 2021, arXiv 2005.10190",
    .question =
        "Why do networks that classify every picture rightly fall for changes that no one sees, and what does "
        "adversarial training do about it? The theory of feature purification says: clean training learns the right "
        "features, and with each a small mixture of all others. The mixtures hardly matter on clean rows, which are "
        "sparse, but a perturbation along all of them at once adds up. Adversarial training purifies: it removes the "
        "mixtures and leaves the features. Here rows are sparse combinations of orthogonal atoms, so that the mixtures "
        "can be measured, deleted and implanted by hand. Linear models, random features, the network's own tangent "
        "kernel and cubic polynomials are trained and attacked in the same way.",
    .setting_tables = setting_tables,
    .learners = true,
    .data_keys = (const char *const[]){"images.data", NULL},
    .presets = {smoke, standard, paper},
    .claims = purify_claims,
    .figures = purify_figures,
    .tables = purify_tables,
    .check = check,
    .plan = purify_plan,
    .run_task = run_task,
    .summarise = purify_summarise,
};
