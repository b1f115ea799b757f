/* SPDX-License-Identifier: MIT */
/*
 * Limits of kernels. What do kernels, tangent kernels of networks among them, need to learn what a deep network learns
 * by backward feature correction?
 * Sources: Z. Allen-Zhu, Y. Li, "Backward Feature Correction", arXiv 2001.04413; B. Ghorbani, S. Mei, T. Misiakiewicz,
 * A. Montanari, "Linearized two-layers neural networks in high dimension", arXiv 1904.12191; A. Canatar, B. Bordelon,
 * C. Pehlevan, "Spectral bias and task-model alignment explain generalization in kernel regression", arXiv 2006.13198;
 * S. Arora et al., "On exact computation with an infinitely wide neural net", arXiv 1904.11955.
 */
#include "studies/kernels/kernels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "data/dataset.h"
#include "data/teacher.h"
#include "learn/learner.h"
#include "studies/checks.h"

const struct setting kernels_settings[] = {
    {"study.kernels", SETTING_NAMES, "poly2, poly4, rbf, laplace, ntk3, ntk(layers=3, bias_variance=0), nngp1, comp3",
     0, 0, NULL, "kernels on the hierarchical target: NAME or NAME(parameter=value, ...)"},
    {"study.sample_sizes", SETTING_NUMBERS, "200, 400, 800, 1600, 3200", 10, 1e6, NULL,
     "training samples of the hierarchical target, rising; claims are measured at the last"},
    {"study.ridges", SETTING_NUMBERS, "logspace(1e-8, 1, 9)", 0, 1e6, NULL,
     "ridges tried, in units of the kernel's mean diagonal"},
    {"study.sequential", SETTING_NAMES, "two_stage, residual, kernel_pca", 0, 0, NULL,
     "constructions of kernels on kernels (stack.construction); none: leave them out"},
    {"study.feature_learning", SETTING_FLAG, "true", 0, 0, NULL, "also run recursive feature machines"},
    {"study.epochs", SETTING_COUNT, "150", 1, 1000000, NULL, "passes of the network over its training samples"},
    {"sphere.kernels", SETTING_NAMES, "rbf, ntk3", 0, 0, NULL, "kernels on the sphere; rbf takes bandwidth sqrt(d)"},
    {"sphere.dimension", SETTING_COUNT, "20", 3, 512, NULL, "inputs d there"},
    {"sphere.sizes", SETTING_NUMBERS, "30, 100, 300, 1000, 3000", 2, 1e6, NULL, "training samples, rising"},
    {"sphere.staircase", SETTING_NUMBERS, "30, 1000, 100, 3000", 2, 1e6, NULL,
     "of them: degree 2 not yet learned, learned; degree 3 not yet learned, learned"},
    {"sphere.test_size", SETTING_COUNT, "2000", 10, 1e6, NULL, "test samples on the sphere"},
    {"sphere.seeds", SETTING_COUNT, "5", 1, 1000, NULL, "seeds on the sphere"},
    {"exponent.seeds", SETTING_COUNT, "10", 1, 1000, NULL, "seeds of the exponent"},
    {"pictures.seeds", SETTING_COUNT, "3", 1, 1000, NULL, "seeds on pictures"},
    {"exponent.dimensions", SETTING_NUMBERS, "10, 14, 20, 28", 3, 512, NULL,
     "inputs d of the sample count, at least 3 of them; none: leave it out"},
    {"exponent.sizes", SETTING_NUMBERS, "logspace(20, 9000, 22)", 2, 1e6, NULL,
     "training samples tried, up to well above what theory predicts"},
    {"monomials.kernels", SETTING_NAMES, "elementary, rbf, ntk3", 0, 0, NULL, "kernels of the dimension bound"},
    {"monomials.dimension", SETTING_COUNT, "20", 3, 64, NULL, "inputs d, of +1 and -1"},
    {"monomials.degree", SETTING_COUNT, "3", 1, 5, NULL, "factors of each monomial"},
    {"monomials.train_size", SETTING_COUNT, "300", 2, 20000, NULL, "training samples"},
    {"monomials.test_size", SETTING_COUNT, "10000", 10, 1e6, NULL, "test samples"},
    {"limit.kernel", SETTING_TEXT, "ntk(layers=2)", 0, 0, NULL, "tangent kernel that finite networks come close to"},
    {"limit.widths", SETTING_NUMBERS, "32, 64, 128, 256, 512, 1024", 2, 65536, NULL, "units of their hidden layers"},
    {"limit.networks", SETTING_COUNT, "32", 1, 1000, NULL, "networks a width and seed"},
    {"pictures.names", SETTING_NAMES, "fashion-mnist", 0, 0, "fashion-mnist|mnist|cifar10",
     "sets of pictures; none: leave them out"},
    {"pictures.networks", SETTING_NAMES, "mlp_relu, cnn_small", 0, 0,
     "mlp_relu|mlp_gelu|cnn_small|linear|random_features", "networks on the same pictures"},
    {"pictures.kernels", SETTING_NAMES, "rbf, laplace, nngp3, ntk3", 0, 0, NULL, "kernels on whole pictures"},
    {"pictures.train_size", SETTING_COUNT, "1000", 10, 20000, NULL, "training pictures"},
    {"pictures.test_size", SETTING_COUNT, "2000", 10, 10000, NULL, "test pictures"},
    {"pictures.convolutional", SETTING_NAMES, "cntk3, cnngp3, conv_comp2, ntk3", 0, 0, NULL,
     "kernels on pictures averaged over squares"},
    {"pictures.shrink", SETTING_COUNT, "4", 1, 16, NULL, "side of these squares, in pixels"},
    {"pictures.small_train_size", SETTING_COUNT, "200", 10, 20000, NULL, "training pictures of these"},
    {"pictures.small_test_size", SETTING_COUNT, "500", 10, 10000, NULL, "test pictures of these"},
    {"pictures.steps", SETTING_COUNT, "1500", 1, 1000000, NULL, "steps of the networks on pictures"},
    {NULL, SETTING_TEXT, NULL, 0, 0, NULL, NULL},
};

static const struct setting *const setting_tables[] = {kernels_settings, teacher_settings, teacher_size_settings, NULL};

/* The network and the target of the comparison, the same in every preset. */
#define FAMILY_SETTINGS                                                                                   \
    {"study.seeds", "5"}, {"teacher.width", "10"}, {"teacher.skip", "1"}, {"network.hidden_width", "20"}, \
        {"train.learning_rate", "9e-3"}, {"train.schedule", "one_cycle"}, {"train.batch_size", "64"}, {   \
        "train.clip_norm", "1"                                                                            \
    }

static const struct setting_pair smoke[] = {FAMILY_SETTINGS,
                                            {"study.seeds", "4"},
                                            {"sphere.seeds", "4"},
                                            {"study.kernels", "poly2, poly4, rbf, ntk3"},
                                            {"study.sample_sizes", "125, 250, 500, 1000"},
                                            {"study.sequential", "two_stage"},
                                            {"study.feature_learning", "false"},
                                            {"study.epochs", "400"},
                                            {"data.dimension", "12"},
                                            {"data.test_size", "5000"},
                                            {"teacher.width", "6"},
                                            {"sphere.dimension", "10"},
                                            {"sphere.sizes", "15, 40, 100, 200, 400"},
                                            {"sphere.staircase", "15, 200, 40, 400"},
                                            {"exponent.dimensions", "none"},
                                            {"monomials.dimension", "12"},
                                            {"monomials.train_size", "80"},
                                            {"monomials.test_size", "2000"},
                                            {"limit.widths", "32, 64, 128, 256"},
                                            {"pictures.names", "none"},
                                            {NULL, NULL}};

static const struct setting_pair standard[] = {FAMILY_SETTINGS, {"data.test_size", "20000"}, {NULL, NULL}};

static const struct setting_pair paper[] = {FAMILY_SETTINGS,
                                            {"study.seeds", "10"},
                                            {"sphere.seeds", "10"},
                                            {"pictures.seeds", "10"},
                                            {"data.dimension", "30"},
                                            {"data.test_size", "20000"},
                                            {"study.sample_sizes", "400, 800, 1600, 3200, 6400, 12800"},
                                            {"kernel.memory_mb", "8192"},
                                            {"exponent.dimensions", "10, 14, 20, 28, 40"},
                                            {"limit.widths", "32, 64, 128, 256, 512, 1024, 2048, 4096"},
                                            {"pictures.names", "fashion-mnist, cifar10"},
                                            {"pictures.train_size", "5000"},
                                            {"pictures.small_train_size", "1000"},
                                            {"pictures.small_test_size", "1000"},
                                            {NULL, NULL}};

void kernels_text(const struct settings *settings, const char *key, size_t i, char text[KERNEL_TEXT]) {
    const char *name = settings_name(settings, key, i), *arguments = settings_name_arguments(settings, key, i);
    if (arguments && arguments[0])
        snprintf(text, KERNEL_TEXT, "%s(%s)", name, arguments);
    else
        snprintf(text, KERNEL_TEXT, "%s", name);
}

void kernels_slug(const char *text, char slug[KERNELS_SLUG]) {
    size_t size = 0;
    for (; *text && size + 1 < KERNELS_SLUG; ++text) {
        bool plain = strchr("abcdefghijklmnopqrstuvwxyz0123456789_.=", *text) != NULL;
        if (plain)
            slug[size++] = *text;
        else if (size && slug[size - 1] != '-')
            slug[size++] = '-';
    }
    while (size && slug[size - 1] == '-') --size;
    slug[size] = '\0';
}

size_t kernels_sizes(const struct settings *settings, const char *key, size_t sizes[KERNELS_MAX_SIZES]) {
    const double *values;
    size_t count = settings_numbers(settings, key, &values);
    if (count > KERNELS_MAX_SIZES) count = KERNELS_MAX_SIZES;
    for (size_t i = 0; i < count; ++i) sizes[i] = (size_t)llround(values[i]);
    return count;
}

size_t kernels_most_samples(const struct settings *settings) {
    size_t sizes[KERNELS_MAX_SIZES], count = kernels_sizes(settings, "study.sample_sizes", sizes);
    return count ? sizes[count - 1] : 0;
}

/* ---- settings that contradict each other */

/* Makes every kernel of a list on a few rows: bad names and parameters are refused before anything is written. */
static strata_status check_kernels(strata_context *ctx, const struct settings *settings, const char *key,
                                   size_t dimension, const size_t *image) {
    enum { ROWS = 8 };
    double *x = mem_zero(ROWS * dimension, sizeof *x);
    if (!x) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %d rows", ROWS);
    rng_normal_f64(rng_stream_make(1, 1, RNG_PROBE), ROWS * dimension, x);
    strata_status status = STRATA_OK;
    for (size_t i = 0; status == STRATA_OK && i < settings_names(settings, key); ++i) {
        char text[KERNEL_TEXT], message[512];
        struct kernel kernel;
        kernels_text(settings, key, i, text);
        status = kernel_create(ctx, text, ROWS, x, dimension, image, &kernel);
        if (status == STRATA_OK || status == STRATA_ERR_MEMORY) continue;
        snprintf(message, sizeof message, "%s", strata_context_message(ctx));
        status = strata_fail(ctx, STRATA_ERR_CONFIG, "key '%s': %s", key, message);
    }
    mem_free(x);
    return status;
}

/* The staircase reads the error at four of the sizes. */
static strata_status check_staircase(strata_context *ctx, const struct settings *settings) {
    size_t sizes[KERNELS_MAX_SIZES], stairs[KERNELS_MAX_SIZES];
    size_t count = kernels_sizes(settings, "sphere.sizes", sizes);
    if (kernels_sizes(settings, "sphere.staircase", stairs) != 4)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "key 'sphere.staircase': expected four of sphere.sizes");
    for (size_t i = 0; i < 4; ++i) {
        bool known = false;
        for (size_t j = 0; j < count; ++j) known |= sizes[j] == stairs[i];
        if (!known)
            return strata_fail(ctx, STRATA_ERR_CONFIG, "key 'sphere.staircase': %zu is not in sphere.sizes", stairs[i]);
    }
    return STRATA_OK;
}

static strata_status check(strata_context *ctx, const struct settings *settings) {
    enum { SIDE = 8 };
    const size_t image[3] = {1, SIDE, SIDE};
    const double *dimensions;
    size_t dimension = settings_count(settings, "data.dimension");
    STRATA_TRY(teacher_check(ctx, settings));
    STRATA_TRY(check_kernels(ctx, settings, "study.kernels", dimension, NULL));
    STRATA_TRY(check_kernels(ctx, settings, "sphere.kernels", settings_count(settings, "sphere.dimension"), NULL));
    STRATA_TRY(check_kernels(ctx, settings, "pictures.kernels", SIDE * SIDE, image));
    STRATA_TRY(check_kernels(ctx, settings, "pictures.convolutional", SIDE * SIDE, image));
    STRATA_TRY(check_rising(ctx, settings, "study.sample_sizes", 0, KERNELS_MAX_SIZES));
    STRATA_TRY(check_rising(ctx, settings, "sphere.sizes", 0, KERNELS_MAX_SIZES));
    STRATA_TRY(check_rising(ctx, settings, "exponent.sizes", 0, KERNELS_MAX_SIZES));
    STRATA_TRY(check_staircase(ctx, settings));
    size_t count = settings_numbers(settings, "exponent.dimensions", &dimensions);
    if (count && count < 3)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "key 'exponent.dimensions': expected at least 3, found %zu", count);
    if (settings_count(settings, "monomials.degree") > settings_count(settings, "monomials.dimension"))
        return strata_fail(ctx, STRATA_ERR_CONFIG, "key 'monomials.degree': expected at most monomials.dimension");
    return STRATA_OK;
}

/* ---- tasks */

static const struct task_kind kinds[] = {
    {KERNELS_SPHERE, kernels_run_sphere},
    {KERNELS_EXPONENT, kernels_run_exponent},
    {KERNELS_MONOMIALS, kernels_run_monomials},
    {KERNELS_POWERS, kernels_run_powers},
    {KERNELS_FAMILY, kernels_run_family},
    {KERNELS_LEARNER, kernels_run_learner},
    {KERNELS_LIMIT, kernels_run_limit},
    {KERNELS_PICTURES, kernels_run_pictures},
    {NULL, NULL},
};

static strata_status run_task(strata_context *ctx, struct task_run *run) { return run_by_kind(ctx, run, kinds); }

const struct study study_kernels = {
    .name = "kernels",
    .summary = "kernels, however chosen, need d^q samples for degree q; a deep network does not",
    .source = "Allen-Zhu & Li 2020, arXiv 2001.04413; Ghorbani et al. 2019, arXiv 1904.12191; "
              "Canatar et al. 2021, arXiv 2006.13198; Arora et al. 2019, arXiv 1904.11955",
    .question =
        "A kernel predicts with functions that were fixed before the labels were seen. From n samples it can combine "
        "n of them, and polynomials of degree q in d inputs have about d^q independent directions: so it learns degree "
        "after degree, each at its own price, whatever kernel, ridge or solver. Infinitely wide networks that train "
        "near their starting point are kernels too. A deep network that is trained as a whole builds high degrees from "
        "low ones and pays far less. Here the price list is measured and held against its formula; then the strongest "
        "kernels, kernels on kernels and a kernel that learns its metric meet the network on equal data, with the "
        "kernels' ridge chosen on the test set, which favours them.",
    .setting_tables = setting_tables,
    .learners = true,
    .data_keys = (const char *const[]){"pictures.names", NULL},
    .presets = {smoke, standard, paper},
    .claims = kernels_claims,
    .figures = kernels_figures,
    .tables = kernels_tables,
    .check = check,
    .plan = kernels_plan,
    .run_task = run_task,
    .summarise = kernels_summarise,
};
