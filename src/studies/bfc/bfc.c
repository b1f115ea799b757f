/* SPDX-License-Identifier: MIT */
/*
 * Backward feature correction. Does training the higher layers of a deep network correct the features of
 * the lower ones, and do simpler learners fail where the deep one succeeds?
 * Source: Z. Allen-Zhu, Y. Li, "Backward Feature Correction: How Deep Learning Performs Deep (Hierarchical)
 * Learning", arXiv 2001.04413.
 */
#include <string.h>

#include "core/memory.h"
#include "data/dataset.h"
#include "data/teacher.h"
#include "learn/learner.h"
#include "studies/bfc/bfc.h"
#include "studies/checks.h"

#define QUADRATIC_LEARNERS \
    "sgd_joint, sgd_staged, layerwise, layerwise_refit, staged_cut, two_layer, paper, paper_frozen, paper_cut"
#define RIVALS "krr_poly2, krr_poly4, krr_rbf, krr_relu_ntk, random_features, mlp_relu, mlp_gelu"

const struct setting bfc_settings[] = {
    {"study.depths", SETTING_NUMBERS, "2, 3", 2, 6, NULL,
     "quadratic layers q of network and target; all learners run at the first"},
    {"study.gaps", SETTING_NUMBERS, "1, 0.3, 0.1", 0.001, 1, NULL,
     "gaps at which bias and layer-wise error are compared; none: leave it out"},
    {"study.dimensions", SETTING_NUMBERS, "10, 20, 40", 2, 2000, NULL,
     "input dimensions of the sample count, joint training"},
    {"study.sample_sizes", SETTING_NUMBERS, "logspace(150, 9600, 8)", 10, 1e7, NULL,
     "training samples tried in each of them"},
    {"study.sample_steps", SETTING_COUNT, "2000", 1, 10000000, NULL, "steps of these fits"},
    {"study.kernel_dimensions", SETTING_NUMBERS, "8, 10, 12, 14, 16", 2, 2000, NULL,
     "input dimensions of the sample count, polynomial kernel"},
    {"study.kernel_sample_sizes", SETTING_NUMBERS, "logspace(125, 4000, 8)", 10, 20000, NULL,
     "training samples tried in each of them"},
    {"study.kernel_train_size", SETTING_COUNT, "4000", 0, 20000, NULL,
     "training samples of the comparison with kernels; 0: leave it out"},
    {"study.few_seeds", SETTING_COUNT, "3", 1, 1000, NULL, "seeds of the comparisons on finite data"},
    {"study.wide_seeds", SETTING_COUNT, "10", 1, 1000, NULL,
     "seeds of effects with a wide spread: correction, bias, amplified errors"},
    {"study.deep_steps_per_stage", SETTING_COUNT, "4000", 1, 10000000, NULL,
     "train.steps_per_stage at depths above the first"},
    {"study.longer", SETTING_FLAG, "true", 0, 0, NULL, "train layer by layer twice as long, as a control"},
    {"study.classification", SETTING_FLAG, "true", 0, 0, NULL, "also learn labels, sign(y - median)"},
    {"study.label_test_size", SETTING_COUNT, "65536", 100, 1e7, NULL, "test samples for error rates"},
    {"learner.list", SETTING_NAMES, QUADRATIC_LEARNERS, 0, 0, NULL, "learners at the first depth; any of the table"},
    {"kernel.list", SETTING_NAMES, RIVALS, 0, 0, NULL, "rivals on finite data"},
    {"images.name", SETTING_CHOICE, "fashion-mnist", 0, 0, "fashion-mnist|mnist|none",
     "pictures of the real-data comparison"},
    {"images.train_size", SETTING_COUNT, "10000", 100, 60000, NULL, "training pictures"},
    {"images.depth", SETTING_COUNT, "4", 2, 24, NULL, "hidden layers"},
    {"images.hidden_width", SETTING_COUNT, "128", 1, 65536, NULL, "units of a hidden layer"},
    {"images.batch_size", SETTING_COUNT, "128", 1, 60000, NULL, "rows of a step"},
    {"images.learning_rate", SETTING_NUMBER, "1e-3", 1e-8, 10, NULL, "base learning rate"},
    {"images.steps_per_stage", SETTING_COUNT, "400", 1, 1000000, NULL,
     "steps of a stage; joint training takes depth times as many"},
    {"measure.curve_points", SETTING_COUNT, "48", 0, 10000, NULL, "points of the correction curves; 0: none"},
    {NULL, SETTING_TEXT, NULL, 0, 0, NULL, NULL},
};

static const struct setting *const setting_tables[] = {bfc_settings, teacher_settings, teacher_size_settings, NULL};

static const struct setting_pair smoke[] = {{"study.seeds", "4"},
                                            {"study.few_seeds", "4"},
                                            {"study.wide_seeds", "4"},
                                            {"study.depths", "2"},
                                            {"study.gaps", "none"},
                                            {"study.dimensions", "none"},
                                            {"study.kernel_dimensions", "none"},
                                            {"study.kernel_train_size", "0"},
                                            {"study.longer", "false"},
                                            {"study.label_test_size", "16384"},
                                            {"data.dimension", "10"},
                                            {"teacher.width", "4"},
                                            {"network.hidden_width", "16"},
                                            {"train.steps_per_stage", "3000"},
                                            {"train.batch_size", "256"},
                                            {"data.test_size", "4096"},
                                            {"learner.list", "sgd_joint, sgd_staged, layerwise, staged_cut, two_layer"},
                                            {"images.name", "none"},
                                            {"measure.curve_points", "24"},
                                            {NULL, NULL}};

static const struct setting_pair standard[] = {{"mlp.steps", "1500"}, {NULL, NULL}};

static const struct setting_pair paper[] = {{"study.seeds", "10"},
                                            {"study.few_seeds", "10"},
                                            {"study.wide_seeds", "10"},
                                            {"study.depths", "2, 3, 4"},
                                            {"study.gaps", "1, 0.6, 0.3, 0.1"},
                                            {"study.dimensions", "10, 20, 40, 60, 100"},
                                            {"study.sample_sizes", "logspace(150, 19200, 15)"},
                                            {"train.steps_per_stage", "4000"},
                                            {"images.train_size", "60000"},
                                            {"images.hidden_width", "256"},
                                            {"images.steps_per_stage", "2000"},
                                            {NULL, NULL}};

static strata_status check(strata_context *ctx, const struct settings *settings) {
    STRATA_TRY(teacher_check(ctx, settings));
    static const char *const lists[] = {"learner.list", "kernel.list"};
    for (size_t l = 0; l < 2; ++l)
        for (size_t i = 0; i < settings_names(settings, lists[l]); ++i) {
            const char *name = settings_name(settings, lists[l], i);
            if (*settings_name_arguments(settings, lists[l], i))
                return strata_fail(ctx, STRATA_ERR_CONFIG, "key '%s': '%s' takes no parameters here; set its own keys",
                                   lists[l], name);
            if (learner_find(name)) continue;
            const char *known[64];
            size_t count = 0;
            for (; count < learner_table_size && count < 64; ++count) known[count] = learner_table[count]->name;
            const char *nearest = name_nearest(name, known, count);
            return strata_fail(ctx, STRATA_ERR_CONFIG, "key '%s': unknown learner '%s'%s%s%s", lists[l], name,
                               nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
        }
    return STRATA_OK;
}

static strata_status run_task(strata_context *ctx, struct task_run *run) {
    bool images = strcmp(task_run_task(run)->kind, BFC_IMAGES) == 0;
    return images ? bfc_run_images(ctx, run) : bfc_run_teacher(ctx, run);
}

const struct study study_bfc = {
    .name = "bfc",
    .summary = "training the higher layers of a deep network corrects the features of the lower ones",
    .source = "Allen-Zhu & Li, Backward Feature Correction, arXiv 2001.04413 (2020)",
    .question = "A deep network trained by SGD on all layers together learns a function of high degree as a hierarchy "
                "of simple ones. "
                "The theory says how: a lower layer that is trained alone is biased by the part of the target that "
                "belongs to the layers "
                "above; once those explain their part, the bias goes away. Training the higher layers corrects the "
                "features of the lower "
                "ones. So layer-wise training, which freezes what it has learnt, and kernels, which learn no features, "
                "must fall behind. "
                "Here the target is a composition of quadratic layers whose true features are known, so that the error "
                "of every layer's "
                "features can be measured while it trains. Two causes are kept apart: bias from above, which the paper "
                "is about (its own "
                "learner isolates it, because fixed random expansions span every quadratic feature), and freedom: a "
                "lower layer trained "
                "alone needs only one quadratic form and leaves out features that the next layer will want.",
    .setting_tables = setting_tables,
    .learners = true,
    .data_keys = (const char *const[]){"images.name", NULL},
    .presets = {smoke, standard, paper},
    .claims = bfc_claims,
    .figures = bfc_figures,
    .tables = bfc_tables,
    .check = check,
    .plan = bfc_plan,
    .run_task = run_task,
    .summarise = bfc_summarise,
};
