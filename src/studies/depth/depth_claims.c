/* SPDX-License-Identifier: MIT */
/* What the study claims, with the controls in which it must not show. Points are percent of test accuracy. */
#include <math.h>

#include "studies/depth/depth.h"

#define ALL  (1u << PRESET_SMOKE | 1u << PRESET_DEFAULT | 1u << PRESET_PAPER)
#define LONG (1u << PRESET_DEFAULT | 1u << PRESET_PAPER)
#define BFC  "Allen-Zhu & Li 2020, sec. 1"

#define HOLDS(id, statement, source, unit, low, presets) \
    { "depth." id, statement, source, unit, SCALE_LINEAR, EXPECT_HOLDS, low, INFINITY, false, false, presets }
#define OPEN(id, statement, source, unit, low, presets) \
    { "depth." id, statement, source, unit, SCALE_LINEAR, EXPECT_OPEN, low, INFINITY, false, false, presets }
#define FAILS(id, statement, source, unit, low, presets) \
    { "depth." id, statement, source, unit, SCALE_LINEAR, EXPECT_FAILS, low, INFINITY, true, false, presets }

const struct claim depth_claims[] = {
    HOLDS("joint", "Training all units together beats training them one by one at equal steps in all.", BFC, "points",
          1, ALL),
    FAILS("joint.one_unit", "The same where the network is one unit, which has none above it.", BFC, "points", 1, ALL),
    HOLDS("joint_epochs", "It does when every unit has as many steps of its own as joint training gives it.", BFC,
          "points", 1, LONG),
    FAILS("joint_epochs.one_unit", "The same where the network is one unit.", BFC, "points", 1, LONG),
    HOLDS("path", "Training all units at once, cutting the gradient between them costs accuracy.", BFC, "points", 1,
          LONG),
    FAILS("path.one_unit", "The same where the network is one unit, in which there is nothing to cut.", BFC, "points",
          1, LONG),
    HOLDS("correction",
          "A first unit learns better features below units that train than alone: test accuracy of equal fresh units "
          "above it, frozen after equally many steps, learned together less learned alone.",
          BFC, "points", 0.5, LONG),
    FAILS("correction.cut", "The same when no gradient reaches it from above.", BFC, "points", 0.5, ALL),
    OPEN("probe",
         "A linear probe of the first unit gains from training above it, more than from longer training alone: "
         "difference of the gains after its first stage.",
         BFC, "points", 0.5, LONG),
    FAILS("probe.cut", "The same when no gradient reaches it from above.", BFC, "points", 0.5, ALL),
    OPEN("cut", "Cutting the gradient between units loses at least half of what joint training gains at equal steps.",
         BFC, "share", 0.5, LONG),
    FAILS("cut.freeze", "The same share, lost by freezing the units one after the other from below.", BFC, "share", 0.5,
          LONG),
    OPEN("deeper", "A deep residual network beats a shallow one of equally many parameters.",
         "He et al. 2016, sec. 4.2", "points", 0, LONG),
    FAILS("deeper.plain", "The same without skips.", "He et al. 2016, sec. 4.2", "points", 0, LONG),
    HOLDS("plain", "Without skips a network of the same channels gets worse with depth: shallow less deepest.",
          "He et al. 2016, sec. 1", "points", 1, LONG),
    FAILS("plain.skips", "The same with skips.", "He et al. 2016, sec. 4.2", "points", 1, LONG),
    {.id = NULL},
};

const struct figure depth_figures[] = {
    {"regimes", FIGURE_RANKING, "Test accuracy by training rule", "test accuracy", "", false, false,
     "Equal network, data and steps in all (unless said otherwise); mean and 95 % interval over seeds."},
    {"probes", FIGURE_LINES, "What a linear probe reads from the first unit", "step", "probe accuracy", false, false,
     "Mean and 95 % interval over seeds. Markers: a unit is added to those that grow one by one."},
    {"units", FIGURE_LINES, "Linear probes of all units at the end", "unit", "probe accuracy", false, false,
     "Mean and 95 % interval over seeds. Trained one by one, low units show their classes early; trained together they "
     "leave it to the higher ones."},
    {"few_shot", FIGURE_LINES, "Accuracy against the number of training pictures", "training pictures", "test accuracy",
     true, false,
     "Mean and 95 % interval over seeds, equal steps for all sizes. Kernels: the network's tangent kernel with the "
     "ridge "
     "that is best on the test pictures."},
    {"layers", FIGURE_LINES, "Deeper networks of equal channels", "layers", "test accuracy", false, false,
     "Mean and 95 % interval over seeds."},
    {"features", FIGURE_TILES, "What channels look for", "", "", false, false,
     "Pictures that excite a channel most, by gradient ascent from noise, in a network whose units are added one by "
     "one "
     "(seed 1): before the units above were trained, and after."},
    {.id = NULL},
};

const struct table_title depth_tables[] = {
    {"regimes", "Training rules",
     "Test accuracy pooled over seeds with its Wilson 95 % interval; accuracy on the training pictures; mean of "
     "seeds."},
    {"networks", "Networks and kernels", "Test accuracy pooled over seeds with its Wilson 95 % interval."},
    {"alignment", "Features before and after the units above were trained",
     "Linear CKA on equal pictures (1: equal up to rotation and scale), and what a linear probe gained; means over "
     "seeds."},
    {.id = NULL},
};
