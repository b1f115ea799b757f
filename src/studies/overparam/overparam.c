/* SPDX-License-Identifier: MIT */
/*
 * Over-parameterised convergence. Does gradient descent fit any labels at a linear rate once the network is wide, and
 * does it hardly move on the way?
 * Source: Z. Allen-Zhu, Y. Li, Z. Song, "A Convergence Theory for Deep Learning via Over-Parameterization", ICML 2019,
 * arXiv 1811.03962; J. Lee et al., NeurIPS 2019, arXiv 1902.06720; L. Chizat, E. Oyallon, F. Bach, NeurIPS 2019,
 * arXiv 1812.07956.
 */
#include "studies/overparam/overparam.h"

#include <math.h>
#include <string.h>

#include "studies/checks.h"

const struct setting overparam_settings[] = {
    {"study.mean_field_scale", SETTING_NUMBER, "0.2", 1e-3, 1e3, NULL,
     "output scale of the mean-field control at width 64; it falls as the root of the width"},
    {"data.train_size", SETTING_COUNT, "24", 2, 5000, NULL, "training samples n"},
    {"data.dimension", SETTING_COUNT, "16", 3, 4096, NULL,
     "inputs d of a sample (of a pixel for cnn), the bias one among them"},
    {"data.separation", SETTING_NUMBER, "0.5", 0, 1.4, NULL, "least distance of any two samples"},
    {"data.labels", SETTING_CHOICE, "random", 0, 0, "random|teacher|true",
     "labels +1, -1: by coin, by one direction, or of the pictures"},
    {"data.conflicting_pairs", SETTING_COUNT, "0", 0, 2500, NULL,
     "samples that repeat another one with the other label"},
    {"data.close_pair", SETTING_NUMBER, "0", 0, 1.4, NULL, "distance of one pair with different labels; 0: none"},
    {"data.name", SETTING_CHOICE, "none", 0, 0, "none|fashion-mnist|mnist|cifar10",
     "pictures of classes 0 and 1 in place of random samples"},
    {"network.kind", SETTING_CHOICE, "fc", 0, 0, "fc|resnet|cnn", "fully connected, residual, convolutional on a ring"},
    {"network.layers", SETTING_COUNT, "2", 1, 1000, NULL, "trained layers L"},
    {"network.width", SETTING_COUNT, "256", 8, 65536, NULL, "units m of every layer where widths are not compared"},
    {"network.widths", SETTING_NUMBERS, "64, 128, 256, 512, 1024", 8, 65536, NULL,
     "widths that are compared, rising, at least 3"},
    {"network.residual_weight", SETTING_NUMBER, "0", 0, 1, NULL, "tau of residual layers; 0: 1 / (L ln m)"},
    {"network.pixels", SETTING_COUNT, "8", 1, 4096, NULL, "pixels of cnn"},
    {"network.patch", SETTING_COUNT, "3", 1, 4095, NULL, "pixels of its patches, odd"},
    {"network.output_scale", SETTING_NUMBER, "1", 1e-3, 1e3, NULL, "factor of the output"},
    {"train.relative_rate", SETTING_NUMBER, "1", 1e-6, 4, NULL,
     "learning rate times the largest eigenvalue of K_0; 2 and more diverges"},
    {"train.steps", SETTING_COUNT, "400", 1, 100000000, NULL, "steps of gradient descent where widths are compared"},
    {"train.batch_size", SETTING_COUNT, "0", 0, 5000, NULL, "samples of a step; 0: all"},
    {"train.stop", SETTING_NUMBER, "1e-8", 0, 1, NULL, "loss over the first one at which training ends"},
    {"long.steps", SETTING_COUNT, "2000", 1, 100000000, NULL, "steps where any labels are to be fitted"},
    {"stochastic.steps", SETTING_COUNT, "1200", 1, 100000000, NULL, "steps of stochastic gradient descent"},
    {"separation.distances", SETTING_NUMBERS, "0.02, 0.05, 0.1, 0.2", 1e-4, 1.4, NULL,
     "distances of the close pair, rising, at least 3"},
    {"separation.networks", SETTING_COUNT, "24", 1, 100000, NULL,
     "random networks and directions a seed, averaged in logarithms"},
    {"cnn.widths", SETTING_NUMBERS, "64, 128, 256", 8, 65536, NULL, "widths of the convolutional network, at least 3"},
    {"cnn.train_size", SETTING_COUNT, "16", 2, 5000, NULL, "its training samples"},
    {"norms.width", SETTING_COUNT, "1024", 8, 65536, NULL, "width of networks whose norms are taken"},
    {"norms.layers", SETTING_COUNT, "50", 1, 10000, NULL, "their layers"},
    {"norms.networks", SETTING_COUNT, "200", 3, 100000, NULL, "random networks a seed"},
    {"depth.width", SETTING_COUNT, "512", 8, 65536, NULL, "width of deep networks"},
    {"depth.layers", SETTING_COUNT, "100", 2, 10000, NULL, "their layers"},
    {"pictures.name", SETTING_CHOICE, "fashion-mnist", 0, 0, "none|fashion-mnist|mnist|cifar10",
     "pictures with true, random and conflicting labels; none: leave them out"},
    {"pictures.train_size", SETTING_COUNT, "48", 2, 5000, NULL, "pictures of them"},
    {NULL, SETTING_TEXT, NULL, 0, 0, NULL, NULL},
};

static const struct setting *const setting_tables[] = {overparam_settings, NULL};

static const struct setting_pair smoke[] = {{"study.seeds", "8"},
                                            {"separation.networks", "8"},
                                            {"network.widths", "64, 128, 256"},
                                            {"train.steps", "200"},
                                            {"long.steps", "400"},
                                            {"stochastic.steps", "600"},
                                            {"norms.networks", "60"},
                                            {"depth.width", "256"},
                                            {"cnn.widths", "32, 64, 128"},
                                            {"pictures.name", "none"},
                                            {NULL, NULL}};
static const struct setting_pair standard[] = {{"study.seeds", "5"}, {NULL, NULL}};
static const struct setting_pair paper[] = {{"study.seeds", "20"},
                                            {"data.train_size", "100"},
                                            {"data.dimension", "32"},
                                            {"network.widths", "64, 128, 256, 512, 1024, 2048, 4096"},
                                            {"train.steps", "2000"},
                                            {"long.steps", "20000"},
                                            {"stochastic.steps", "20000"},
                                            {"pictures.train_size", "200"},
                                            {NULL, NULL}};

size_t overparam_widths(const struct settings *settings, size_t widths[OVERPARAM_MAX_WIDTHS]) {
    const double *values;
    size_t count = settings_numbers(settings, "network.widths", &values);
    if (count > OVERPARAM_MAX_WIDTHS) count = OVERPARAM_MAX_WIDTHS;
    for (size_t i = 0; i < count; ++i) widths[i] = (size_t)llround(values[i]);
    return count;
}

struct wide_shape overparam_shape(const struct settings *settings, const struct wide_data *data) {
    const char *kind = settings_text(settings, "network.kind");
    struct wide_shape shape = {.kind = strcmp(kind, "fc") == 0     ? WIDE_FC
                                     : strcmp(kind, "resnet") == 0 ? WIDE_RESNET
                                                                   : WIDE_CNN,
                               .inputs = data->inputs,
                               .width = settings_count(settings, "network.width"),
                               .layers = settings_count(settings, "network.layers"),
                               .pixels = data->pixels,
                               .patch = 1,
                               .residual_weight = settings_number(settings, "network.residual_weight"),
                               .output_scale = settings_number(settings, "network.output_scale")};
    if (shape.kind == WIDE_CNN) shape.patch = settings_count(settings, "network.patch");
    if (shape.residual_weight <= 0) shape.residual_weight = 1 / ((double)shape.layers * log((double)shape.width));
    return shape;
}

/* ---- settings that contradict each other */

static strata_status check(strata_context *ctx, const struct settings *settings) {
    size_t n = settings_count(settings, "data.train_size"), patch = settings_count(settings, "network.patch"),
           pixels = settings_count(settings, "network.pixels");
    STRATA_TRY(check_rising(ctx, settings, "network.widths", 3, OVERPARAM_MAX_WIDTHS));
    STRATA_TRY(check_rising(ctx, settings, "cnn.widths", 3, OVERPARAM_MAX_WIDTHS));
    STRATA_TRY(check_rising(ctx, settings, "separation.distances", 3, OVERPARAM_MAX_WIDTHS));
    if (2 * settings_count(settings, "data.conflicting_pairs") > n)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "key 'data.conflicting_pairs': expected at most half of %zu samples",
                           n);
    if (patch % 2 == 0 || patch > pixels)
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "key 'network.patch': expected an odd number up to network.pixels = %zu, found %zu", pixels,
                           patch);
    if (strcmp(settings_text(settings, "data.labels"), "true") == 0 &&
        strcmp(settings_text(settings, "data.name"), "none") == 0)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "key 'data.labels': true labels need pictures (data.name)");
    if (strcmp(settings_text(settings, "network.kind"), "cnn") == 0 &&
        strcmp(settings_text(settings, "data.name"), "none") != 0)
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "key 'network.kind': cnn works on rings of random pixels, not on pictures");
    return STRATA_OK;
}

/* ---- tasks */

static const struct task_kind kinds[] = {
    {OVERPARAM_FIT, overparam_run_fit},     {OVERPARAM_SEPARATION, overparam_run_separation},
    {OVERPARAM_NORMS, overparam_run_norms}, {OVERPARAM_SMOOTHNESS, overparam_run_smoothness},
    {OVERPARAM_DEPTH, overparam_run_depth}, {NULL, NULL},
};

static strata_status run_task(strata_context *ctx, struct task_run *run) { return run_by_kind(ctx, run, kinds); }

const struct study study_overparam = {
    .name = "overparam",
    .summary = "gradient descent fits any labels at a linear rate once the network is wide, and hardly moves",
    .source = "Allen-Zhu, Li & Song 2019, arXiv 1811.03962; Lee et al. 2019, arXiv 1902.06720; "
              "Chizat, Oyallon & Bach 2019, arXiv 1812.07956",
    .question =
        "The loss of a deep network is far from convex, yet gradient descent finds zero. The theory of "
        "over-parameterised "
        "convergence says why: in a wide network there is no critical point near the random start as long as no two "
        "samples coincide, the loss falls at a linear rate that the tangent kernel gives, and the weights move so "
        "little "
        "that the network stays close to its linearisation. Here fully-connected, residual and convolutional networks "
        "are "
        "trained in the theory's own scaling on random labels, and every quantity it speaks of is measured against the "
        "width. The control in most claims is mean-field scaling, in which networks train as well but do move and "
        "learn "
        "features.",
    .setting_tables = setting_tables,
    .data_keys = (const char *const[]){"pictures.name", "data.name", NULL},
    .presets = {smoke, standard, paper},
    .claims = overparam_claims,
    .figures = overparam_figures,
    .tables = overparam_tables,
    .check = check,
    .plan = overparam_plan,
    .run_task = run_task,
    .summarise = overparam_summarise,
};
