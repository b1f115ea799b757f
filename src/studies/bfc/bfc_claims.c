/* SPDX-License-Identifier: MIT */
/*
 * What the study claims, with bounds from the specification of each effect, and the controls in which it must not
 * show.
 */
#include <math.h>

#include "studies/bfc/bfc.h"

#define ALL  (1u << PRESET_SMOKE | 1u << PRESET_DEFAULT | 1u << PRESET_PAPER)
#define LONG (1u << PRESET_DEFAULT | 1u << PRESET_PAPER)

#define BFC      "Allen-Zhu & Li 2020, "
#define NO_BOUND INFINITY

const struct claim bfc_claims[] = {
    {"bfc.efficient",
     "SGD on all layers learns targets of degree 2^q with q-layer networks: the largest test error over the depths q.",
     BFC "theorem 1 (sec. 3)", "relative error", SCALE_LOG, EXPECT_HOLDS, -NO_BOUND, 1e-3, false, false, ALL},
    {"bfc.efficient.two_layer", "The same for one hidden layer with as many parameters and as many steps.",
     BFC "sec. 1", "relative error", SCALE_LOG, EXPECT_FAILS, -NO_BOUND, 1e-3, true, false, ALL},

    {"bfc.correction",
     "Training layer 2 corrects the features of layer 1: their error when stage 1 ends over their error at the end.",
     BFC "sec. 1 and 4", "ratio", SCALE_LOG, EXPECT_HOLDS, 20, NO_BOUND, false, false, ALL},
    {"bfc.correction.frozen", "The same when layer 1 is frozen after stage 1.", BFC "sec. 1", "ratio", SCALE_LOG,
     EXPECT_FAILS, 20, NO_BOUND, true, false, ALL},
    {"bfc.correction.cut", "The same when layer 1 goes on training but no gradient reaches it through layer 2.",
     BFC "sec. 1", "ratio", SCALE_LOG, EXPECT_FAILS, 20, NO_BOUND, true, false, ALL},

    {"bfc.correction_paper",
     "The same correction in the paper's own algorithm, whose random expansions span every quadratic feature.",
     BFC "sec. 3 and 4", "ratio", SCALE_LOG, EXPECT_HOLDS, 5, NO_BOUND, false, false, LONG},
    {"bfc.correction_paper.frozen", "The same when level 1 is frozen after stage 1.", BFC "sec. 1", "ratio", SCALE_LOG,
     EXPECT_FAILS, 5, NO_BOUND, true, false, LONG},
    {"bfc.correction_paper.cut", "The same when no gradient reaches level 1 through level 2.", BFC "sec. 1", "ratio",
     SCALE_LOG, EXPECT_FAILS, 5, NO_BOUND, true, false, LONG},

    {"bfc.bias",
     "A layer trained alone is biased by the part of the target above it: slope of log form error after stage 1 on log "
     "gap.",
     BFC "sec. 1 (relative size of the layers above)", "exponent", SCALE_LINEAR, EXPECT_HOLDS, 1.2, 2.4, false, false,
     LONG},
    {"bfc.bias.no_upper", "The same when the layers above are left out of the target and the gap is a label alone.",
     BFC "sec. 1", "exponent", SCALE_LINEAR, EXPECT_FAILS, 1.2, 2.4, true, false, LONG},

    {"bfc.bias_removed",
     "Training the layer above removes the bias: form error at the end over form error after stage 1, worst gap.",
     BFC "sec. 1", "ratio", SCALE_LOG, EXPECT_HOLDS, -NO_BOUND, 0.5, false, false, LONG},
    {"bfc.bias_removed.cut", "The same when no gradient reaches layer 1 through layer 2.", BFC "sec. 1", "ratio",
     SCALE_LOG, EXPECT_FAILS, -NO_BOUND, 0.5, true, false, LONG},

    {"bfc.layerwise",
     "Layer-wise training falls behind: its test error over that of joint training at equal steps, smallest over the "
     "depths.",
     BFC "abstract and sec. 1", "ratio", SCALE_LOG, EXPECT_HOLDS, 10, NO_BOUND, false, false, ALL},
    {"bfc.layerwise.linear_teacher", "The same on a target of one layer, where there is nothing above to correct.",
     BFC "sec. 1", "ratio", SCALE_LOG, EXPECT_FAILS, 10, NO_BOUND, true, false, ALL},

    {"bfc.amplified",
     "Every layer below the top keeps a larger feature error when layers are frozen: layer-wise over staged, smallest "
     "over layers and depths.",
     BFC "sec. 1", "ratio", SCALE_LOG, EXPECT_HOLDS, 1.2, NO_BOUND, false, false, LONG},
    {"bfc.amplified.longer", "Layer-wise training against itself with twice the steps.", BFC "sec. 1", "ratio",
     SCALE_LOG, EXPECT_FAILS, 1.2, NO_BOUND, true, false, LONG},

    {"bfc.samples",
     "Joint training needs polynomially many samples: exponent of the number for 1 % error in the input dimension.",
     BFC "theorem 1 (sec. 3)", "exponent", SCALE_LINEAR, EXPECT_HOLDS, -NO_BOUND, 2, false, false, LONG},
    {"bfc.samples.kernel",
     "The same for kernel regression with the polynomial kernel of degree 4, which needs about d^4.",
     BFC "theorem 3 (lower bounds)", "exponent", SCALE_LINEAR, EXPECT_FAILS, -NO_BOUND, 2, true, false, LONG},

    {"bfc.kernel_gap",
     "Kernels and plain networks fall behind on equal data: smallest of their test errors over that of joint training.",
     BFC "sec. 1 and 3", "ratio", SCALE_LOG, EXPECT_HOLDS, 10, NO_BOUND, false, false, LONG},
    {"bfc.kernel_gap.degree_two",
     "The kernel of degree 2 on a target of degree 2 (gap 0), which it represents exactly.", BFC "sec. 1", "ratio",
     SCALE_LOG, EXPECT_FAILS, 10, NO_BOUND, true, false, LONG},

    {"bfc.classification", "Joint training learns the labels sign(y - median).", BFC "sec. 3 (classification)",
     "error rate", SCALE_LINEAR, EXPECT_HOLDS, -NO_BOUND, 0.01, false, false, ALL},
    {"bfc.classification.linear", "Logistic regression on x.", BFC "sec. 1", "error rate", SCALE_LINEAR, EXPECT_FAILS,
     -NO_BOUND, 0.01, true, false, ALL},

    {"bfc.classification_layerwise",
     "Layer-wise training makes more errors on labels, even with as many steps for each layer as joint training has in "
     "all: its error rate over joint's.",
     BFC "sec. 1 and 3", "ratio", SCALE_LOG, EXPECT_HOLDS, 1.3, NO_BOUND, false, false, LONG},
    {"bfc.classification_layerwise.linear_teacher", "The same on labels of a target of one layer.", BFC "sec. 1",
     "ratio", SCALE_LOG, EXPECT_FAILS, 1.3, NO_BOUND, true, false, LONG},

    {"bfc.classification_correction", "Correction of layer 1 when the network is trained on labels.",
     BFC "sec. 1 and 3", "ratio", SCALE_LOG, EXPECT_HOLDS, 10, NO_BOUND, false, false, LONG},
    {"bfc.classification_correction.frozen", "The same when layer 1 is frozen after stage 1.", BFC "sec. 1", "ratio",
     SCALE_LOG, EXPECT_FAILS, 10, NO_BOUND, true, false, LONG},
    {"bfc.classification_correction.cut", "The same when no gradient reaches layer 1 through layer 2.", BFC "sec. 1",
     "ratio", SCALE_LOG, EXPECT_FAILS, 10, NO_BOUND, true, false, LONG},

    {"bfc.gap",
     "Layer-wise training comes close to joint training when no layer dominates: test error over joint's, smallest "
     "over the gaps.",
     BFC "sec. 1 (role of the information gap)", "ratio", SCALE_LOG, EXPECT_FAILS, -NO_BOUND, 2, false, false, LONG},
    {"bfc.gap.zero", "The same at gap 0, where the target is one layer.", BFC "sec. 1", "ratio", SCALE_LOG,
     EXPECT_HOLDS, -NO_BOUND, 2, true, false, LONG},

    {"bfc.real",
     "Joint training beats greedy layer-wise training on pictures at equal steps: test accuracy, paired per seed.",
     BFC "sec. 1 and experiments", "points", SCALE_LINEAR, EXPECT_OPEN, 0.5, NO_BOUND, false, false, LONG},
    {"bfc.real.linear", "The same with identity activations, where depth adds nothing.", BFC "sec. 1", "points",
     SCALE_LINEAR, EXPECT_FAILS, 0.5, NO_BOUND, true, false, LONG},

    {.id = NULL},
};

const struct figure bfc_figures[] = {
    {"correction", FIGURE_LINES, "Training layer 2 corrects layer 1", "training steps", "feature error of layer 1",
     false, true,
     "The share of the variance of the target's true first-layer features that the network's first layer misses. It "
     "stands still while "
     "stage 1 trains layer 1 alone. When layer 2 joins, it falls by orders of magnitude if layer 1 keeps training "
     "(staged), "
     "but not if it is frozen, and hardly if the gradient through layer 2 is cut. Lines: geometric mean over seeds; "
     "bands: 95 % interval."},
    {"learners", FIGURE_RANKING, "Who learns a target of degree 4", "test error (1 = best constant)", "", true, false,
     "Test error at the first depth, fresh samples, equal steps: geometric mean and 95 % interval over seeds. Further "
     "left is better."},
    {"layers", FIGURE_BARS, "Feature error layer by layer", "", "feature error", false, true,
     "Feature error of each layer below the top after training, layer-wise against staged, for each depth. Frozen "
     "layers keep their errors. The axis is logarithmic."},
    {"bias", FIGURE_LINES, "Bias of the first layer, and its removal", "gap: weight of the layer above",
     "form error of layer 1", true, true,
     "How far the quadratic form that layer 1 has learnt is from the true one. Trained alone it is wrong by an amount "
     "that falls with "
     "the weight of the layer above (a line on these axes: a power law); training the layer above removes most of it; "
     "where the target has no upper layers, there is none."},
    {"gap", FIGURE_LINES, "Test error against the gap", "gap: weight of the layer above", "test error", true, true,
     "Joint training succeeds at every gap; the error of layer-wise training grows with the weight of the layers "
     "above. The proof needs a gap; the network does not."},
    {"routes", FIGURE_LINES, "Where layer 1's gradient comes from", "training steps",
     "share of gradient energy through layer 2", false, false,
     "Of the squared gradient of layer 1, the part that arrives through layer 2 rather than through layer 1's own "
     "output weights. 1: all of it."},
    {"few_samples", FIGURE_RANKING, "Equal data: network against kernels", "test error (1 = best constant)", "", true,
     false,
     "Test error after training on the same finite set: geometric mean and 95 % interval over seeds. Kernels and plain "
     "networks with tuned settings stay far above joint training of the quadratic network."},
    {"samples", FIGURE_POINTS, "Samples needed for 1 % error", "input dimension d", "training samples", true, true,
     "Where the test error crosses 1 %, for joint training and for kernel regression with the polynomial kernel of "
     "degree 4; one point a seed, "
     "with the fitted power law. The steeper line is the lower bound for kernels at work."},
    {"probes", FIGURE_LINES, "Linear probes on pictures", "layer", "probe accuracy", false, false,
     "Test accuracy of a linear readout of each layer's features, for joint, staged and greedy training of dense ReLU "
     "networks: mean and 95 % interval over seeds. The axis does not begin at 0."},
    {"features", FIGURE_TILES, "What first-layer units respond to, before and after", "", "", false, false,
     "Test pictures averaged with the activation of a unit as weight, less the mean picture, for the first units of "
     "layer 1 (staged training, seed 1): when layer 1 has been trained alone, and after the layers above have been "
     "trained. Sharper, more varied pictures mean more selective units."},
    {.id = NULL},
};

const struct table_title bfc_tables[] = {
    {"learners", "Learners at the first depth",
     "Fresh samples, equal steps. Test error relative to the best constant; geometric means over seeds; low and high: "
     "95 % intervals. Feature error 1 is that of layer 1."},
    {"depths", "Depth by depth",
     "Test error and feature errors at every depth; stage 1 is the state when layer 1 has been trained alone, movement "
     "how far its weights went from there."},
    {"gaps", "Gap by gap", "Form error of layer 1 after stage 1 and at the end, and test errors."},
    {"few", "Equal finite data",
     "Test error on fresh samples after training on the same set: geometric means, 95 % intervals."},
    {"samples", "Samples for 1 % error",
     "Where the error crosses 1 % on the grid of training-set sizes, interpolated on log axes; empty: outside the "
     "grid."},
    {"labels", "Learning labels", "Error rates and feature errors on sign(y - median)."},
    {"images", "Dense networks on pictures",
     "Test accuracy, linear probes of layers 1 to 4, and alignment (CKA) of layer-1 features before and after the "
     "layers above were trained."},
    {.id = NULL},
};
