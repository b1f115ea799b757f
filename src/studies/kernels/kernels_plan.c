/* SPDX-License-Identifier: MIT */
/* Which tasks the study runs. Weights are relative costs (about seconds), for order and ETA. */
#include <math.h>
#include <stdio.h>

#include "core/file.h"
#include "studies/kernels/kernels.h"

/* What every planning function needs. */
struct planner {
    strata_context *ctx;
    const struct settings *settings;
    struct task_list *list;
    size_t seeds, sphere_seeds, exponent_seeds, picture_seeds;
};

/* One task a seed, "NAME/CASE/seed=N". `learner` NULL: the task is no learner's. */
static strata_status add(const struct planner *p, const char *kind, const char *learner, size_t seeds, double weight,
                         const struct setting_pair *overrides, const char *name, const char *case_) {
    for (size_t seed = 1; seed <= seeds; ++seed)
        STRATA_TRY(task_list_add(p->ctx, p->list, kind, learner, seed, weight, overrides, "%s/%s/seed=%zu", name, case_,
                                 seed));
    return STRATA_OK;
}

static double cubic(size_t n) { return 0.2 + 4 * pow((double)n / 3200, 2.5); }

static strata_status plan_sphere(const struct planner *p) {
    size_t sizes[KERNELS_MAX_SIZES], count = kernels_sizes(p->settings, "sphere.sizes", sizes);
    for (size_t i = 0; count && i < settings_names(p->settings, "sphere.kernels"); ++i) {
        char text[KERNEL_TEXT], slug[KERNELS_SLUG];
        kernels_text(p->settings, "sphere.kernels", i, text);
        kernels_slug(text, slug);
        const struct setting_pair overrides[] = {{"kernel.name", text}, {NULL, NULL}};
        STRATA_TRY(
            add(p, KERNELS_SPHERE, NULL, p->sphere_seeds, cubic(sizes[count - 1]) / 2, overrides, slug, CASE_SPHERE));
    }
    const struct setting_pair rbf[] = {{"kernel.name", "rbf"}, {NULL, NULL}};
    return count && settings_names(p->settings, "sphere.kernels")
             ? add(p, KERNELS_SPHERE, NULL, p->sphere_seeds, cubic(sizes[count - 1]) / 2, rbf, "rbf", CASE_PROJECTED)
             : STRATA_OK;
}

static strata_status plan_exponent(const struct planner *p) {
    const double *dimensions;
    size_t count = settings_numbers(p->settings, "exponent.dimensions", &dimensions);
    for (size_t i = 0; i < count; ++i) {
        char dimension[24], case_[64];
        size_t d = (size_t)llround(dimensions[i]);
        snprintf(dimension, sizeof dimension, "%zu", d);
        const struct setting_pair overrides[] = {{"kernel.name", "rbf"}, {"sphere.dimension", dimension}, {NULL, NULL}};
        snprintf(case_, sizeof case_, CASE_EXPONENT, d);
        STRATA_TRY(add(p, KERNELS_EXPONENT, NULL, p->exponent_seeds, pow((double)d / 16, 5), overrides, "rbf", case_));
        snprintf(case_, sizeof case_, CASE_KNOWN, d);
        STRATA_TRY(add(p, KERNELS_EXPONENT, NULL, p->exponent_seeds, 0.1, overrides, "poly4", case_));
    }
    return STRATA_OK;
}

static strata_status plan_monomials(const struct planner *p) {
    for (size_t i = 0; i < settings_names(p->settings, "monomials.kernels"); ++i) {
        char text[KERNEL_TEXT], slug[KERNELS_SLUG];
        kernels_text(p->settings, "monomials.kernels", i, text);
        kernels_slug(text, slug);
        const struct setting_pair overrides[] = {{"kernel.name", text}, {NULL, NULL}};
        STRATA_TRY(add(p, KERNELS_MONOMIALS, NULL, p->seeds, 1, overrides, slug, CASE_MONOMIALS));
    }
    return STRATA_OK;
}

/* Sample size and steps as text, for overrides. */
struct size_text {
    char rows[24], steps[24];
};

static void size_print(const struct planner *p, size_t n, struct size_text *text) {
    size_t batch = settings_count(p->settings, "train.batch_size"),
           epochs = settings_count(p->settings, "study.epochs");
    size_t steps = epochs * ((n + batch - 1) / batch);
    snprintf(text->rows, sizeof text->rows, "%zu", n);
    snprintf(text->steps, sizeof text->steps, "%zu", steps);
}

static strata_status plan_kernel(const struct planner *p, const char *kernel, size_t n, const char *gap,
                                 const char *case_) {
    char slug[KERNELS_SLUG];
    struct size_text text;
    size_print(p, n, &text);
    kernels_slug(kernel, slug);
    const struct setting_pair overrides[] = {
        {"kernel.name", kernel}, {"data.train_size", text.rows}, {gap ? "teacher.gap" : NULL, gap}, {NULL, NULL}};
    return add(p, KERNELS_FAMILY, NULL, p->seeds, cubic(n), overrides, slug, case_);
}

static strata_status plan_network(const struct planner *p, size_t n, const char *gap, const char *case_) {
    struct size_text text;
    size_print(p, n, &text);
    const struct setting_pair overrides[] = {
        {"data.train_size", text.rows}, {"train.steps", text.steps}, {gap ? "teacher.gap" : NULL, gap}, {NULL, NULL}};
    return add(p, KERNELS_LEARNER, "sgd_joint", p->seeds, 0.3, overrides, "sgd_joint", case_);
}

static strata_status plan_stacks(const struct planner *p, size_t n, const char *gap) {
    struct size_text text;
    size_print(p, n, &text);
    for (size_t i = 0; i < settings_names(p->settings, "study.sequential"); ++i) {
        const char *construction = settings_name(p->settings, "study.sequential", i);
        char case_[64];
        snprintf(case_, sizeof case_, CASE_STACK, construction, gap ? LINEAR : "", n);
        const struct setting_pair overrides[] = {{"stack.construction", construction},
                                                 {"data.train_size", text.rows},
                                                 {gap ? "teacher.gap" : NULL, gap},
                                                 {NULL, NULL}};
        STRATA_TRY(add(p, KERNELS_LEARNER, "kernel_stack", p->seeds, 2 * cubic(n), overrides, "kernel_stack", case_));
    }
    return STRATA_OK;
}

/* Kernels, kernels on kernels and the network on each training set. */
static strata_status plan_family(const struct planner *p) {
    size_t sizes[KERNELS_MAX_SIZES], count = kernels_sizes(p->settings, "study.sample_sizes", sizes);
    char case_[64];
    for (size_t i = 0; i < count; ++i) {
        snprintf(case_, sizeof case_, CASE_FAMILY, sizes[i]);
        for (size_t k = 0; k < settings_names(p->settings, "study.kernels"); ++k) {
            char text[KERNEL_TEXT];
            kernels_text(p->settings, "study.kernels", k, text);
            STRATA_TRY(plan_kernel(p, text, sizes[i], NULL, case_));
        }
        STRATA_TRY(plan_network(p, sizes[i], NULL, case_));
        STRATA_TRY(plan_stacks(p, sizes[i], NULL));
    }
    return count ? add(p, KERNELS_POWERS, NULL, p->seeds, 1, NULL, "target", CASE_POWERS) : STRATA_OK;
}

/* The target without its upper layer, which the kernel of degree 2 represents. */
static strata_status plan_linear(const struct planner *p) {
    size_t n = kernels_most_samples(p->settings);
    char case_[64];
    if (n == 0) return STRATA_OK;
    snprintf(case_, sizeof case_, CASE_LINEAR, n);
    STRATA_TRY(plan_kernel(p, "poly2", n, "0", case_));
    STRATA_TRY(plan_network(p, n, "0", case_));
    return plan_stacks(p, n, "0");
}

/* A learner on the target, or on one in which every direction matters: width d, one layer. */
static strata_status plan_plain_learner(const struct planner *p, const char *learner, size_t n, bool all_directions) {
    char case_[64], width[24], size[24];
    snprintf(size, sizeof size, "%zu", n);
    snprintf(width, sizeof width, "%zu", settings_count(p->settings, "data.dimension"));
    snprintf(case_, sizeof case_, "%s" CASE_FAMILY, all_directions ? ALL_DIRECTIONS : "", n);
    /* the list ends at the first key NULL */
    const struct setting_pair overrides[] = {{"data.train_size", size},
                                             {"kernel.name", "laplace"},
                                             {all_directions ? "teacher.width" : NULL, width},
                                             {"teacher.gap", "0"},
                                             {NULL, NULL}};
    return add(p, KERNELS_LEARNER, learner, p->seeds, 2 * cubic(n), overrides, learner, case_);
}

/* Recursive feature machines, and at most samples the kernel they start from. */
static strata_status plan_feature_learning(const struct planner *p) {
    size_t n = kernels_most_samples(p->settings), sizes[KERNELS_MAX_SIZES];
    size_t count = kernels_sizes(p->settings, "study.sample_sizes", sizes);
    if (n == 0 || !settings_flag(p->settings, "study.feature_learning")) return STRATA_OK;
    for (size_t i = 0; i < count; ++i) STRATA_TRY(plan_plain_learner(p, "rfm", sizes[i], false));
    STRATA_TRY(plan_plain_learner(p, "krr", n, false));
    STRATA_TRY(plan_plain_learner(p, "rfm", n, true));
    return plan_plain_learner(p, "krr", n, true);
}

static strata_status plan_limit(const struct planner *p) {
    const double *widths;
    if (settings_numbers(p->settings, "limit.widths", &widths) == 0) return STRATA_OK;
    const char *text = settings_text(p->settings, "limit.kernel");
    char slug[KERNELS_SLUG];
    kernels_slug(text, slug);
    const struct setting_pair overrides[] = {{"kernel.name", text}, {NULL, NULL}};
    STRATA_TRY(add(p, KERNELS_LIMIT, NULL, p->seeds, 1, overrides, "ntk", CASE_LIMIT));
    return add(p, KERNELS_LIMIT, NULL, p->seeds, 1, overrides, "ntk", CASE_MEAN_FIELD);
}

/* One learner on one set of pictures; `small`: averaged over squares. */
static strata_status plan_picture(const struct planner *p, const char *name, const char *learner, const char *kernel,
                                  bool small, double weight) {
    char case_[64], slug[KERNELS_SLUG], steps[24], shrink[24];
    snprintf(shrink, sizeof shrink, "%zu", small ? settings_count(p->settings, "pictures.shrink") : 1);
    snprintf(steps, sizeof steps, "%zu", settings_count(p->settings, "pictures.steps"));
    const struct setting_pair overrides[] = {{"pictures.names", name},
                                             {"pictures.shrink", shrink},
                                             {"mlp.steps", steps},
                                             {"cnn.steps", steps},
                                             {kernel ? "kernel.name" : NULL, kernel},
                                             {NULL, NULL}};
    kernels_slug(kernel ? kernel : learner, slug);
    size_t n = settings_count(p->settings, small ? "pictures.small_train_size" : "pictures.train_size");
    snprintf(case_, sizeof case_, small ? CASE_SMALL_PICTURES : CASE_PICTURES, name, n);
    return add(p, KERNELS_PICTURES, learner, p->picture_seeds, weight, overrides, slug, case_);
}

static strata_status plan_pictures(const struct planner *p) {
    static const char *const lists[] = {"pictures.kernels", "pictures.convolutional"};
    for (size_t i = 0; i < settings_names(p->settings, "pictures.names"); ++i) {
        const char *name = settings_name(p->settings, "pictures.names", i);
        for (size_t small = 0; small < 2; ++small) {
            for (size_t k = 0; k < settings_names(p->settings, lists[small]); ++k) {
                char text[KERNEL_TEXT];
                kernels_text(p->settings, lists[small], k, text);
                STRATA_TRY(plan_picture(p, name, "krr", text, small, small ? 8 : 2));
            }
            for (size_t k = 0; k < settings_names(p->settings, "pictures.networks"); ++k)
                STRATA_TRY(plan_picture(p, name, settings_name(p->settings, "pictures.networks", k), NULL, small, 4));
        }
    }
    return STRATA_OK;
}

strata_status kernels_plan(strata_context *ctx, const struct settings *settings, enum preset_kind preset,
                           struct task_list *list) {
    (void)preset;
    const struct planner planner = {ctx,
                                    settings,
                                    list,
                                    settings_count(settings, "study.seeds"),
                                    settings_count(settings, "sphere.seeds"),
                                    settings_count(settings, "exponent.seeds"),
                                    settings_count(settings, "pictures.seeds")};
    STRATA_TRY(plan_sphere(&planner));
    STRATA_TRY(plan_exponent(&planner));
    STRATA_TRY(plan_monomials(&planner));
    STRATA_TRY(plan_family(&planner));
    STRATA_TRY(plan_linear(&planner));
    STRATA_TRY(plan_feature_learning(&planner));
    STRATA_TRY(plan_limit(&planner));
    return plan_pictures(&planner);
}
