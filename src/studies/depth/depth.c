/* SPDX-License-Identifier: MIT */
/*
 * Deep networks on real pictures. Does training all layers together learn what training them one by one cannot, and
 * is it the path from above that corrects the layers below?
 * Source: Z. Allen-Zhu, Y. Li, "Backward Feature Correction: How Deep Learning Performs Deep Learning", arXiv
 * 2001.04413; E. Belilovsky, M. Eickenberg, E. Oyallon, ICML 2019, arXiv 1812.11446; K. He et al., CVPR 2016, arXiv
 * 1512.03385.
 */
#include "studies/depth/depth.h"

#include "data/augment.h"
#include "learn/picture_learners.h"
#include "studies/checks.h"

const struct setting depth_settings[] = {
    {"data.name", SETTING_CHOICE, "fashion-mnist", 0, 0, "fashion-mnist|mnist|cifar10", "pictures"},
    {"data.train_size", SETTING_COUNT, "4000", 20, 60000, NULL, "training pictures, drawn anew for every seed"},
    {"data.pool", SETTING_COUNT, "20000", 20, 60000, NULL,
     "first training pictures of the file, from which they are drawn"},
    {"data.test_size", SETTING_COUNT, "4000", 10, 10000, NULL, "test pictures"},
    {"data.shrink", SETTING_COUNT, "2", 1, 4, NULL, "pictures are means over squares of so many pixels a side"},
    {"study.rules", SETTING_NAMES,
     "joint, freeze, layerwise, layerwise_linear, layerwise_strong, layerwise_long, overlap, staged, staged_cut, cut, "
     "layerwise_one, cut_one, alone, reuse, reuse_alone, reuse_cut",
     0, 0,
     "joint|freeze|layerwise|layerwise_linear|layerwise_strong|layerwise_long|overlap|staged|staged_cut|cut|"
     "layerwise_one|cut_one|alone|reuse|reuse_alone|reuse_cut",
     "ways to train the network"},
    {"study.networks", SETTING_FLAG, "true", 0, 0, NULL, "compare it with shallow, deeper and plain networks"},
    {"study.sample_sizes", SETTING_NUMBERS, "500", 20, 60000, NULL, "smaller numbers of training pictures, rising"},
    {"correction.seeds", SETTING_COUNT, "10", 1, 1000, NULL,
     "seeds of the fits whose first unit is reused or probed; study.seeds where that is more"},
    {"layers.seeds", SETTING_COUNT, "5", 1, 1000, NULL,
     "seeds of the shallow and the deepest networks; study.seeds where that is more"},
    {"shallow.depth", SETTING_COUNT, "8", 8, 1000, NULL, "layers of the shallow networks"},
    {"deepest.depth", SETTING_COUNT, "32", 8, 1000, NULL, "layers of the deepest ones"},
    {"probe.times", SETTING_COUNT, "6", 0, 100, NULL, "linear probes during a fit, a multiple of the units; 0: none"},
    {"probe.train_size", SETTING_COUNT, "1500", 10, 60000, NULL, "pictures that a probe is fitted to"},
    {"probe.test_size", SETTING_COUNT, "1500", 10, 10000, NULL, "pictures that it is scored on"},
    {"kernel.train_size", SETTING_COUNT, "60", 0, 5000, NULL, "training pictures of tangent kernels; 0: none"},
    {"kernel.test_size", SETTING_COUNT, "150", 10, 10000, NULL, "their test pictures"},
    {"tiles.count", SETTING_COUNT, "8", 0, 64, NULL, "channels of a unit whose pictures are sought"},
    {"tiles.steps", SETTING_COUNT, "40", 1, 10000, NULL, "steps of gradient ascent to them"},
    {NULL, SETTING_TEXT, NULL, 0, 0, NULL, NULL},
};
static const struct setting *const setting_tables[] = {depth_settings, augment_settings, NULL};

static const struct setting_pair smoke[] = {
    {"study.seeds", "3"},
    {"correction.seeds", "3"},
    {"layers.seeds", "3"},
    {"data.train_size", "2000"},
    {"study.networks", "false"},
    {"study.rules", "joint, layerwise, layerwise_one, staged, staged_cut, alone, reuse_alone, reuse_cut"},
    {"data.test_size", "1000"},
    {"study.sample_sizes", "none"},
    {"picture.depth", "8"},
    {"picture.channels", "4"},
    {"picture.steps", "150"},
    {"shallow.depth", "8"},
    {"deepest.depth", "14"},
    {"train.batch_size", "32"},
    {"train.warmup", "10"},
    {"picture.learning_rate", "5e-3"},
    {"probe.times", "3"},
    {"probe.train_size", "500"},
    {"probe.test_size", "500"},
    {"kernel.train_size", "0"},
    {"tiles.count", "4"},
    {"tiles.steps", "10"},
    {NULL, NULL}};

static const struct setting_pair standard[] = {{"study.seeds", "3"},     {"picture.channels", "8"},
                                               {"picture.steps", "210"}, {"train.batch_size", "64"},
                                               {"train.warmup", "20"},   {NULL, NULL}};

static const struct setting_pair paper[] = {
    {"study.seeds", "3"},        {"data.train_size", "50000"}, {"data.pool", "60000"},
    {"data.test_size", "10000"}, {"data.shrink", "1"},         {"study.sample_sizes", "500, 2000, 10000"},
    {"picture.depth", "110"},    {"picture.steps", "20000"},   {"train.batch_size", "128"},
    {"deepest.depth", "164"},    {"probe.times", "12"},        {NULL, NULL}};

static strata_status check(strata_context *ctx, const struct settings *settings) {
    struct picture_network network;
    size_t shape[3], units = depth_units(settings), times = settings_count(settings, "probe.times");
    depth_shape(settings, shape);
    struct augmentation augmentation;
    STRATA_TRY(picture_from_settings(ctx, settings, shape, 10, &network));
    STRATA_TRY(augment_from_settings(ctx, settings, shape, &augmentation));
    struct picture_request request = picture_request_of(settings, shape, 10);
    request.units = 0, request.depth = settings_count(settings, "shallow.depth"), request.family = "resnet";
    STRATA_TRY(picture_describe(ctx, &request, &network));
    request.depth = settings_count(settings, "deepest.depth");
    STRATA_TRY(picture_describe(ctx, &request, &network));
    if (settings_count(settings, "data.train_size") > settings_count(settings, "data.pool"))
        return strata_fail(ctx, STRATA_ERR_CONFIG, "key 'data.train_size': %zu of data.pool = %zu pictures",
                           settings_count(settings, "data.train_size"), settings_count(settings, "data.pool"));
    if (times % units)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "key 'probe.times': expected a multiple of %zu units, found %zu",
                           units, times);
    return check_rising(ctx, settings, "study.sample_sizes", 0, DEPTH_MAX_SIZES - 1);
}

static const struct task_kind kinds[] = {{DEPTH_FIT, depth_run_fit}, {DEPTH_KERNEL, depth_run_kernel}, {NULL, NULL}};

static strata_status run_task(strata_context *ctx, struct task_run *run) { return run_by_kind(ctx, run, kinds); }

const struct study study_depth = {
    .name = "depth",
    .summary = "on pictures, training above corrects the layers below; layer by layer it cannot",
    .source = "Allen-Zhu & Li 2020, arXiv 2001.04413; Belilovsky et al. 2019, arXiv 1812.11446; "
              "He et al. 2016, arXiv 1512.03385",
    .question =
        "How does a deep residual network learn a classifier of pictures from few examples? The theory answers: not "
        "layer after layer. The layers above, while they learn, correct the features of those below. So the same "
        "network is trained in many ways that differ in one thing, whether and for how long a unit hears from above: "
        "all together, unit by unit under auxiliary heads, with overlap, with the gradient cut, frozen early. What a "
        "first unit learned below the others is put to the test by handing it, frozen, to equal fresh units, against "
        "one that trained alone for just as long.",
    .setting_tables = setting_tables,
    .learners = true,
    .data_keys = (const char *const[]){"data.name", NULL},
    .presets = {smoke, standard, paper},
    .claims = depth_claims,
    .figures = depth_figures,
    .tables = depth_tables,
    .check = check,
    .plan = depth_plan,
    .run_task = run_task,
    .summarise = depth_summarise,
};
