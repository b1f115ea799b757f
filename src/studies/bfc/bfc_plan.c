/* SPDX-License-Identifier: MIT */
/* Which fits the study runs: learner x case x seed. Weights are relative costs, for order and ETA. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "learn/learner.h"
#include "studies/bfc/bfc.h"

void bfc_number_text(double value, char text[32]) { number_format(value, text); }

size_t bfc_given_layers(const struct settings *settings) {
    return strcmp(settings_text(settings, "teacher.kind"), "densenet") == 0 ? 1 : 0;
}

size_t bfc_seed_count(const struct settings *settings, enum bfc_seeds seeds) {
    static const char *const keys[] = {
        [SEEDS_USUAL] = "study.seeds", [SEEDS_FEW] = "study.few_seeds", [SEEDS_WIDE] = "study.wide_seeds"};
    return settings_count(settings, keys[seeds]);
}

enum bfc_seeds bfc_learner_seeds(const char *learner) {
    static const char *const wide[] = {"sgd_staged", "staged_cut", "layerwise", "paper", "paper_frozen", "paper_cut"};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; ++i)
        if (strcmp(learner, wide[i]) == 0) return SEEDS_WIDE;
    return SEEDS_USUAL;
}

static bool learner_listed(const struct settings *settings, const char *learner) {
    for (size_t i = 0; i < settings_names(settings, "learner.list"); ++i)
        if (strcmp(settings_name(settings, "learner.list", i), learner) == 0) return true;
    return false;
}

void bfc_gap_case(const struct settings *settings, double gap, const char *learner, char case_[64]) {
    const double *depths;
    bool first_is_two = settings_numbers(settings, "study.depths", &depths) > 0 && depths[0] == 2;
    if (first_is_two && gap == settings_number(settings, "teacher.gap") && learner_listed(settings, learner)) {
        snprintf(case_, 64, BFC_DEPTH, (size_t)2);
        return;
    }
    char text[32];
    bfc_number_text(gap, text);
    snprintf(case_, 64, BFC_GAP, text);
}

/* What every planning function needs. */
struct planner {
    strata_context *ctx;
    const struct settings *settings;
    struct task_list *list;
    char one[8], two[8]; /* teacher.depth of targets with one and two layers to learn */
};

static size_t list_size(const struct planner *p, const char *key, const double **values) {
    return settings_numbers(p->settings, key, values);
}

/* One learner on one case, on `seeds` seeds. */
static strata_status add(const struct planner *p, const char *learner, enum bfc_seeds seeds, double weight,
                         const struct setting_pair *overrides, const char *case_) {
    for (size_t seed = 1; seed <= bfc_seed_count(p->settings, seeds); ++seed)
        STRATA_TRY(task_list_add(p->ctx, p->list, BFC_TEACHER, learner, seed, weight, overrides, "%s/%s/seed=%zu",
                                 learner, case_, seed));
    return STRATA_OK;
}

/* Several learners; those that learner.list leaves out are left out. */
static strata_status add_all(const struct planner *p, const char *const *learners, enum bfc_seeds seeds, double weight,
                             const struct setting_pair *overrides, const char *case_) {
    for (; *learners; ++learners)
        if (learner_listed(p->settings, *learners)) STRATA_TRY(add(p, *learners, seeds, weight, overrides, case_));
    return STRATA_OK;
}

/* One learner on as many seeds as the spread of its effects asks for. */
static strata_status add_own(const struct planner *p, const char *learner, double weight,
                             const struct setting_pair *overrides, const char *case_) {
    return add(p, learner, bfc_learner_seeds(learner), weight, overrides, case_);
}

/* Several of them. */
static strata_status add_each(const struct planner *p, const char *const *learners, double weight,
                              const struct setting_pair *overrides, const char *case_) {
    for (; *learners; ++learners)
        if (learner_listed(p->settings, *learners)) STRATA_TRY(add_own(p, *learners, weight, overrides, case_));
    return STRATA_OK;
}

/* All listed learners at the first depth. */
static strata_status plan_first_depth(const struct planner *p, double weight, const struct setting_pair *overrides,
                                      const char *case_) {
    for (size_t i = 0; i < settings_names(p->settings, "learner.list"); ++i)
        STRATA_TRY(add_own(p, settings_name(p->settings, "learner.list", i), weight, overrides, case_));
    return STRATA_OK;
}

/* The chain's own learners at deeper ones, where stages are longer; layer-wise training twice as long as a control. */
static strata_status plan_depths(const struct planner *p) {
    static const char *const deep[] = {"sgd_joint", "sgd_staged", "layerwise", "staged_cut", "two_layer", NULL};
    static const char *const longer[] = {"layerwise", NULL};
    const double *depths;
    size_t count = list_size(p, "study.depths", &depths);
    for (size_t i = 0; i < count; ++i) {
        size_t per_stage = settings_count(p->settings, i == 0 ? "train.steps_per_stage" : "study.deep_steps_per_stage");
        char depth[8], teacher_depth[8], steps[24], twice[24], case_[64];
        snprintf(depth, sizeof depth, "%.0f", depths[i]);
        snprintf(teacher_depth, sizeof teacher_depth, "%.0f", depths[i] + (double)bfc_given_layers(p->settings));
        snprintf(steps, sizeof steps, "%zu", per_stage);
        snprintf(twice, sizeof twice, "%zu", 2 * per_stage);
        const struct setting_pair overrides[] = {
            {"teacher.depth", teacher_depth}, {"network.depth", depth}, {"train.steps_per_stage", steps}, {NULL, NULL}};
        const struct setting_pair long_overrides[] = {
            {"teacher.depth", teacher_depth}, {"network.depth", depth}, {"train.steps_per_stage", twice}, {NULL, NULL}};
        double weight = depths[i] * depths[i];
        snprintf(case_, sizeof case_, BFC_DEPTH, (size_t)depths[i]);
        STRATA_TRY(i == 0 ? plan_first_depth(p, weight, overrides, case_)
                          : add_each(p, deep, weight, overrides, case_));
        if (!settings_flag(p->settings, "study.longer")) continue;
        snprintf(case_, sizeof case_, BFC_LONGER, (size_t)depths[i]);
        STRATA_TRY(add_all(p, longer, SEEDS_WIDE, 2 * weight, long_overrides, case_));
    }
    return STRATA_OK;
}

static strata_status plan_gaps(const struct planner *p) {
    static const char *const learners[] = {"sgd_joint", "sgd_staged", "layerwise", "staged_cut"};
    static const char *const zero[] = {"sgd_joint", "layerwise", NULL}, *const first_layer[] = {"layerwise", NULL};
    const double *gaps;
    size_t count = list_size(p, "study.gaps", &gaps);
    char gap[32], case_[64], depth_case[64];
    snprintf(depth_case, sizeof depth_case, BFC_DEPTH, (size_t)2);
    for (size_t i = 0; i < count; ++i) {
        bfc_number_text(gaps[i], gap);
        const struct setting_pair overrides[] = {
            {"teacher.gap", gap}, {"teacher.depth", p->two}, {"network.depth", "2"}, {NULL, NULL}};
        const struct setting_pair no_upper[] = {{"teacher.gap", gap},
                                                {"teacher.depth", p->two},
                                                {"network.depth", "1"},
                                                {"teacher.drop_upper", "true"},
                                                {NULL, NULL}};
        for (size_t l = 0; l < sizeof learners / sizeof *learners; ++l) {
            bfc_gap_case(p->settings, gaps[i], learners[l], case_);
            if (strcmp(case_, depth_case) == 0 || !learner_listed(p->settings, learners[l])) continue;
            STRATA_TRY(add_own(p, learners[l], 4, overrides, case_));
        }
        snprintf(case_, sizeof case_, BFC_NO_UPPER, gap);
        STRATA_TRY(add_all(p, first_layer, SEEDS_USUAL, 1, no_upper, case_));
    }
    const struct setting_pair overrides[] = {
        {"teacher.gap", "0"}, {"teacher.depth", p->two}, {"network.depth", "2"}, {NULL, NULL}};
    snprintf(case_, sizeof case_, BFC_GAP, "0");
    return count ? add_all(p, zero, SEEDS_USUAL, 4, overrides, case_) : STRATA_OK;
}

static strata_status plan_linear_teacher(const struct planner *p) {
    static const char *const learners[] = {"sgd_joint", "layerwise", NULL};
    const struct setting_pair overrides[] = {{"teacher.depth", p->one}, {"network.depth", "2"}, {NULL, NULL}};
    return add_all(p, learners, SEEDS_USUAL, 4, overrides, BFC_LINEAR_TEACHER);
}

/*
 * Layer-wise training gets as many steps for each layer as joint training has in all: labels go on improving with
 * time alone.
 */
static strata_status plan_labels(const struct planner *p) {
    static const char *const learners[] = {"sgd_joint", "sgd_staged", "staged_cut", NULL}, *const joint[] = {
                                                                                               "sgd_joint", NULL};
    static const char *const layerwise[] = {"layerwise", NULL}, *const cases[] = {BFC_LABELS,
                                                                                  BFC_LABELS_LINEAR_TEACHER};
    if (!settings_flag(p->settings, "study.classification")) return STRATA_OK;
    char size[24], steps[24], long_steps[24];
    snprintf(size, sizeof size, "%zu", settings_count(p->settings, "study.label_test_size"));
    snprintf(steps, sizeof steps, "%zu", settings_count(p->settings, "train.steps_per_stage"));
    snprintf(long_steps, sizeof long_steps, "%zu", 2 * settings_count(p->settings, "train.steps_per_stage"));
    for (size_t i = 0; i < 2; ++i) {
        struct setting_pair overrides[] = {
            {"data.task", "classification"},  {"teacher.depth", i == 0 ? p->two : p->one},
            {"network.depth", "2"},           {"data.test_size", size},
            {"train.steps_per_stage", steps}, {NULL, NULL}};
        STRATA_TRY(add_all(p, i == 0 ? learners : joint, SEEDS_USUAL, 5, overrides, cases[i]));
        if (i == 0) STRATA_TRY(add(p, "linear", SEEDS_USUAL, 3, overrides, cases[i]));
        overrides[4].value = long_steps;
        STRATA_TRY(add_all(p, layerwise, SEEDS_USUAL, 8, overrides, cases[i]));
    }
    return STRATA_OK;
}

/* A learner on growing training sets in growing dimensions. */
static strata_status plan_grid(const struct planner *p, const char *learner, const char *dimension_key,
                               const char *size_key, double power) {
    const double *dimensions, *sizes;
    size_t dimension_count = list_size(p, dimension_key, &dimensions), size_count = list_size(p, size_key, &sizes);
    char steps[24], dimension[24], size[24], case_[64];
    snprintf(steps, sizeof steps, "%zu", settings_count(p->settings, "study.sample_steps"));
    for (size_t i = 0; i < dimension_count; ++i)
        for (size_t j = 0; j < size_count; ++j) {
            size_t d = (size_t)dimensions[i], n = (size_t)llround(sizes[j]);
            snprintf(dimension, sizeof dimension, "%zu", d);
            snprintf(size, sizeof size, "%zu", n);
            const struct setting_pair overrides[] = {{"data.dimension", dimension}, {"data.train_size", size},
                                                     {"train.steps", steps},        {"teacher.depth", p->two},
                                                     {"network.depth", "2"},        {NULL, NULL}};
            snprintf(case_, sizeof case_, BFC_SAMPLES, d, n);
            double weight = power > 0 ? 4 * pow((double)n / 4000, power) : 2;
            STRATA_TRY(add(p, learner, SEEDS_FEW, weight, overrides, case_));
        }
    return STRATA_OK;
}

/*
 * All rivals on one training set of medium size, and the degree-two target that the degree-two kernel learns exactly.
 */
static strata_status plan_few(const struct planner *p) {
    size_t n = settings_count(p->settings, "study.kernel_train_size");
    if (n == 0) return STRATA_OK;
    char size[24], case_[64];
    snprintf(size, sizeof size, "%zu", n);
    const struct setting_pair overrides[] = {
        {"data.train_size", size}, {"teacher.depth", p->two}, {"network.depth", "2"}, {NULL, NULL}};
    const struct setting_pair gap_zero[] = {{"data.train_size", size},
                                            {"teacher.depth", p->two},
                                            {"network.depth", "2"},
                                            {"teacher.gap", "0"},
                                            {NULL, NULL}};
    snprintf(case_, sizeof case_, BFC_FEW, n);
    STRATA_TRY(add(p, "sgd_joint", SEEDS_FEW, 4, overrides, case_));
    for (size_t i = 0; i < settings_names(p->settings, "kernel.list"); ++i) {
        const char *rival = settings_name(p->settings, "kernel.list", i);
        double weight = strncmp(rival, "mlp", 3) == 0 ? 30 : 8;
        STRATA_TRY(add(p, rival, SEEDS_FEW, weight, overrides, case_));
    }
    snprintf(case_, sizeof case_, BFC_FEW_GAP_ZERO, n);
    STRATA_TRY(add(p, "sgd_joint", SEEDS_FEW, 4, gap_zero, case_));
    return add(p, "krr_poly2", SEEDS_FEW, 8, gap_zero, case_);
}

static strata_status plan_images(const struct planner *p) {
    static const char *const learners[] = {"dense_joint", "dense_greedy", "dense_staged"}, *const activations[] = {
                                                                                               "relu", "identity"};
    if (strcmp(settings_text(p->settings, "images.name"), "none") == 0) return STRATA_OK;
    char depth[24], width[24], batch[24], rate[32], steps[24];
    snprintf(depth, sizeof depth, "%zu", settings_count(p->settings, "images.depth"));
    snprintf(width, sizeof width, "%zu", settings_count(p->settings, "images.hidden_width"));
    snprintf(batch, sizeof batch, "%zu", settings_count(p->settings, "images.batch_size"));
    snprintf(steps, sizeof steps, "%zu", settings_count(p->settings, "images.steps_per_stage"));
    bfc_number_text(settings_number(p->settings, "images.learning_rate"), rate);
    for (size_t l = 0; l < 3; ++l)
        for (size_t a = 0; a < 2; ++a) {
            if (l == 2 && a == 1) continue; /* the control compares joint and greedy alone */
            const struct setting_pair overrides[] = {{"network.depth", depth},
                                                     {"network.hidden_width", width},
                                                     {"network.activation", activations[a]},
                                                     {"train.batch_size", batch},
                                                     {"train.learning_rate", rate},
                                                     {"train.steps_per_stage", steps},
                                                     {"train.warmup", "50"},
                                                     {NULL, NULL}};
            for (size_t seed = 1; seed <= bfc_seed_count(p->settings, SEEDS_USUAL); ++seed)
                STRATA_TRY(task_list_add(p->ctx, p->list, BFC_IMAGES, learners[l], seed, 8, overrides,
                                         "%s/images/%s/seed=%zu", learners[l], activations[a], seed));
        }
    return STRATA_OK;
}

strata_status bfc_plan(strata_context *ctx, const struct settings *settings, enum preset_kind preset,
                       struct task_list *list) {
    (void)preset;
    struct planner planner = {.ctx = ctx, .settings = settings, .list = list};
    snprintf(planner.one, sizeof planner.one, "%zu", 1 + bfc_given_layers(settings));
    snprintf(planner.two, sizeof planner.two, "%zu", 2 + bfc_given_layers(settings));
    STRATA_TRY(plan_depths(&planner));
    STRATA_TRY(plan_gaps(&planner));
    STRATA_TRY(plan_linear_teacher(&planner));
    STRATA_TRY(plan_labels(&planner));
    STRATA_TRY(plan_grid(&planner, "sgd_joint", "study.dimensions", "study.sample_sizes", 0));
    STRATA_TRY(plan_grid(&planner, "krr_poly4", "study.kernel_dimensions", "study.kernel_sample_sizes", 2));
    STRATA_TRY(plan_few(&planner));
    return plan_images(&planner);
}
