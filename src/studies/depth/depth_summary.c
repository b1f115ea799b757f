/* SPDX-License-Identifier: MIT */
/* From records to one number a seed and claim. */
#include <math.h>
#include <stdio.h>

#include "studies/depth/depth.h"
#include "studies/look.h"

static double accuracy(struct look *look, const char *name) {
    return 100 * look_get(look, "test_accuracy", name, DEPTH_CASE, settings_count(look->settings, "data.train_size"));
}

static double difference(struct look *look, const char *better, const char *worse) {
    return accuracy(look, better) - accuracy(look, worse);
}

/* Probe accuracy of the first unit that a rule gains between its first stage and its end. */
static double probe_gain(struct look *look, const char *name) {
    size_t times = settings_count(look->settings, "probe.times"), units = depth_units(look->settings),
           all = settings_count(look->settings, "data.train_size");
    char first[64], last[64];
    snprintf(first, sizeof first, "probe.1.%zu", times / units);
    snprintf(last, sizeof last, "probe.1.%zu", times);
    return 100 * (look_get(look, last, name, DEPTH_CASE, all) - look_get(look, first, name, DEPTH_CASE, all));
}

/* Share of joint training's gain that a rule loses. */
static double lost(struct look *look, const char *name) {
    return difference(look, "joint", name) / difference(look, "joint", "layerwise");
}

static double joint(struct look *look) { return difference(look, "joint", "layerwise"); }
static double joint_one(struct look *look) { return difference(look, "joint", "layerwise_one"); }
static double joint_epochs(struct look *look) { return difference(look, "joint", "layerwise_long"); }
static double path(struct look *look) { return difference(look, "joint", "cut"); }
static double path_one(struct look *look) { return difference(look, "joint", "cut_one"); }
static double correction(struct look *look) { return difference(look, "reuse", "reuse_alone"); }
static double correction_cut(struct look *look) { return difference(look, "reuse_cut", "reuse_alone"); }
static double probe(struct look *look) { return probe_gain(look, "staged") - probe_gain(look, "alone"); }
static double probe_cut(struct look *look) { return probe_gain(look, "staged_cut") - probe_gain(look, "alone"); }
static double cut(struct look *look) { return lost(look, "cut"); }
static double cut_freeze(struct look *look) { return lost(look, "freeze"); }
static double deeper(struct look *look) { return difference(look, "joint", "shallow_equal"); }
static double deeper_plain(struct look *look) { return difference(look, "plain_deep", "plain_equal"); }
static double plain(struct look *look) { return difference(look, "plain_shallow", "plain_deepest"); }
static double plain_skips(struct look *look) { return difference(look, "resnet_shallow", "resnet_deepest"); }

strata_status depth_summarise(strata_context *ctx, const struct records *records, struct summary *summary) {
    static const struct {
        const char *id, *seeds; /* NULL: study.seeds */
        double (*value)(struct look *look);
    } rules[] = {
        {"depth.joint", NULL, joint},
        {"depth.joint.one_unit", NULL, joint_one},
        {"depth.joint_epochs", NULL, joint_epochs},
        {"depth.joint_epochs.one_unit", NULL, joint_one},
        {"depth.path", NULL, path},
        {"depth.path.one_unit", NULL, path_one},
        {"depth.correction", "correction.seeds", correction},
        {"depth.correction.cut", NULL, correction_cut},
        {"depth.probe", "correction.seeds", probe},
        {"depth.probe.cut", NULL, probe_cut},
        {"depth.cut", NULL, cut},
        {"depth.cut.freeze", NULL, cut_freeze},
        {"depth.deeper", NULL, deeper},
        {"depth.deeper.plain", NULL, deeper_plain},
        {"depth.plain", "layers.seeds", plain},
        {"depth.plain.skips", "layers.seeds", plain_skips},
    };
    const struct settings *settings = records_settings(records);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; ++i)
        STRATA_TRY(look_claim(ctx, records, summary, rules[i].id,
                              depth_seeds(settings, rules[i].seeds ? rules[i].seeds : "study.seeds"), rules[i].value));
    return depth_draw(ctx, records, summary);
}
