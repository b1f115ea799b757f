/* SPDX-License-Identifier: MIT */
/* What the study claims, with bounds from theory, and the controls in which it must not show. */
#include <math.h>

#include "studies/overparam/overparam.h"

#define ALL  (1u << PRESET_SMOKE | 1u << PRESET_DEFAULT | 1u << PRESET_PAPER)
#define LONG (1u << PRESET_DEFAULT | 1u << PRESET_PAPER)
#define ALS  "Allen-Zhu, Li & Song 2019, "
#define LEE  "Lee et al. 2019, "
#define COB  "Chizat, Oyallon & Bach 2019, "

#define HOLDS(id, statement, source, unit, scale, low, high, presets) \
    { "overparam." id, statement, source, unit, scale, EXPECT_HOLDS, low, high, false, false, presets }
#define FAILS(id, statement, source, unit, scale, low, high, presets) \
    { "overparam." id, statement, source, unit, scale, EXPECT_FAILS, low, high, true, false, presets }
#define DUPLICATES \
    "The same where a quarter of the samples repeat others with the opposite label, which no function fits."
#define MEAN_FIELD \
    "The same in mean-field scaling, in which the output is divided by the root of the width: features are learned."

const struct claim overparam_claims[] = {
    HOLDS("zero_loss", "Gradient descent fits random labels: training accuracy.", ALS "theorem 1", "accuracy",
          SCALE_LINEAR, 1, INFINITY, ALL),
    FAILS("zero_loss.duplicates", DUPLICATES, ALS "assumption on separation", "accuracy", SCALE_LINEAR, 1, INFINITY,
          ALL),
    HOLDS("true_labels", "Gradient descent fits the labels of one direction: training accuracy.", ALS "theorem 1",
          "accuracy", SCALE_LINEAR, 1, INFINITY, ALL),
    FAILS("true_labels.duplicates", DUPLICATES, ALS "assumption on separation", "accuracy", SCALE_LINEAR, 1, INFINITY,
          ALL),
    HOLDS("sgd", "Stochastic gradient descent on four samples a step fits random labels: training accuracy.",
          ALS "theorem 2", "accuracy", SCALE_LINEAR, 1, INFINITY, ALL),
    FAILS("sgd.duplicates", DUPLICATES, ALS "assumption on separation", "accuracy", SCALE_LINEAR, 1, INFINITY, ALL),
    HOLDS("linear_rate",
          "The loss falls at a linear rate: R^2 of its logarithm over the second half of training, 0 where it stays "
          "above a hundredth.",
          ALS "theorem 1", "R^2", SCALE_LINEAR, 0.98, INFINITY, ALL),
    FAILS("linear_rate.duplicates", DUPLICATES, ALS "theorem 1", "R^2", SCALE_LINEAR, 0.98, INFINITY, ALL),
    HOLDS("rate_ntk",
          "The tangent kernel at the start gives the rate: measured over 2 ln(1 - eta lambda_min), widest network.",
          LEE "sec. 2", "ratio", SCALE_LINEAR, 0.5, 1.5, LONG),
    FAILS("rate_ntk.close_pair", "The same where two samples with different labels are 0.05 apart.", LEE "sec. 2",
          "ratio", SCALE_LINEAR, 0.5, 1.5, LONG),
    HOLDS("gradient",
          "There is no critical point on the way: least squared gradient over 2 F lambda_min(K_0), widest network.",
          ALS "theorem 3", "ratio", SCALE_LINEAR, 0.4, INFINITY, LONG),
    FAILS("gradient.close_pair", "The same where two samples with different labels are 0.05 apart.", ALS "theorem 3",
          "ratio", SCALE_LINEAR, 0.4, INFINITY, LONG),
    HOLDS("separation",
          "The bound on the gradient is proportional to the least distance of two samples: slope of log lambda_min "
          "over log distance.",
          ALS "theorem 3", "exponent", SCALE_LINEAR, 0.8, 1.6, ALL),
    FAILS("separation.no_pair", "The same where one sample is moved as far without coming close to another.",
          ALS "theorem 3", "exponent", SCALE_LINEAR, 0.8, 1.6, ALL),
    HOLDS("movement",
          "The wider, the less the weights move: slope of log Frobenius norm of the movement over log width.",
          ALS "proof of theorem 1", "exponent", SCALE_LINEAR, -0.75, -0.4, ALL),
    FAILS("movement.mean_field", MEAN_FIELD, COB "sec. 1", "exponent", SCALE_LINEAR, -0.75, -0.4, ALL),
    HOLDS("spectral", "So do their spectral norms, of the layer that moves most.", ALS "proof of theorem 1", "exponent",
          SCALE_LINEAR, -0.8, -0.4, ALL),
    FAILS("spectral.mean_field", MEAN_FIELD, COB "sec. 1", "exponent", SCALE_LINEAR, -0.8, -0.4, ALL),
    HOLDS("flips", "Ever fewer units change their sign: slope of the log share over log width.",
          ALS "lemma on sign changes", "exponent", SCALE_LINEAR, -0.6, -0.2, LONG),
    FAILS("flips.mean_field", MEAN_FIELD, COB "sec. 1", "exponent", SCALE_LINEAR, -0.6, -0.2, LONG),
    HOLDS("kernel_fixed", "The tangent kernel stays what it was: slope of its log relative change over log width.",
          LEE "theorem 2.1", "exponent", SCALE_LINEAR, -1, -0.35, ALL),
    FAILS("kernel_fixed.mean_field", MEAN_FIELD, COB "sec. 1", "exponent", SCALE_LINEAR, -1, -0.35, ALL),
    HOLDS("linearised",
          "The network stays close to its linearisation: slope of the log largest distance over log width.",
          LEE "theorem 2.1", "exponent", SCALE_LINEAR, -0.8, -0.2, LONG),
    FAILS("linearised.mean_field", MEAN_FIELD, COB "sec. 1", "exponent", SCALE_LINEAR, -0.8, -0.2, LONG),
    HOLDS("lazy_level", "At the largest width that distance is small, over the first residual.", LEE "theorem 2.1",
          "relative error", SCALE_LINEAR, -INFINITY, 0.1, LONG),
    FAILS("lazy_level.mean_field", MEAN_FIELD, COB "sec. 1", "relative error", SCALE_LINEAR, -INFINITY, 0.1, LONG),
    HOLDS(
        "descent",
        "A step takes off the loss what gradient and kernel say, eta |g|^2 - eta^2 |K r|^2 / 2: sum over the first 20 "
        "steps and over the second half, the smaller ratio, 0 where the loss is not to fall; widest network.",
        ALS "theorem 4", "ratio", SCALE_LINEAR, 0.7, INFINITY, LONG),
    FAILS("descent.fast", "The same at a learning rate of 2.5 over lambda_max.", ALS "theorem 4", "ratio", SCALE_LINEAR,
          0.7, INFINITY, LONG),
    HOLDS("semismooth",
          "Near the start the loss is semi-smooth: largest excess over its tangent, over the theorem's two terms with "
          "all constants 1, at movements up to 0.3.",
          ALS "theorem 4", "ratio", SCALE_LOG, -INFINITY, 1, ALL),
    FAILS("semismooth.far", "The same at a movement of 100.", ALS "theorem 4", "ratio", SCALE_LOG, -INFINITY, 1, ALL),
    HOLDS("depth",
          "The norm of the top layer keeps to 1 as theory says: distance of the mean of log |h_L|^2 from -5(L+1)/2m, "
          "over the deviation.",
          ALS "lemma on the forward pass", "deviations", SCALE_LINEAR, -INFINITY, 0.75, ALL),
    FAILS("depth.init1", "The same at half the variance of the weights.", ALS "lemma on the forward pass", "deviations",
          SCALE_LINEAR, -INFINITY, 0.75, ALL),
    HOLDS("fluctuation", "Its spread is that of theory: standard deviation over sqrt(5 (L + 1) / m).",
          ALS "lemma on the forward pass", "ratio", SCALE_LINEAR, 0.7, 1.4, ALL),
    FAILS("fluctuation.residual", "The same in a residual network, whose branches add little.", ALS "residual networks",
          "ratio", SCALE_LINEAR, 0.7, 1.4, ALL),
    HOLDS("resnet",
          "Residual networks keep all norms through many layers: largest | |h_l| - 1 | over layers and inputs.",
          ALS "residual networks", "deviation", SCALE_LINEAR, -INFINITY, 0.3, LONG),
    FAILS("resnet.plain", "The same in a plain network.", ALS "residual networks", "deviation", SCALE_LINEAR, -INFINITY,
          0.3, LONG),
    FAILS("resnet.tau1", "The same with branches of weight 1.", ALS "residual networks", "deviation", SCALE_LOG,
          -INFINITY, 0.3, LONG),
    HOLDS("cnn", "Convolutional networks move less the wider they are: slope of the log movement over log width.",
          ALS "convolutional networks", "exponent", SCALE_LINEAR, -0.8, -0.3, ALL),
    FAILS("cnn.mean_field", "The same of fully connected networks in mean-field scaling.", COB "sec. 1", "exponent",
          SCALE_LINEAR, -0.8, -0.3, ALL),
    {.id = NULL},
};

const struct figure overparam_figures[] = {
    {"trajectory", FIGURE_LINES, "The loss, and that of the linearised network", "step", "loss over the first one",
     false, true,
     "One seed. The linearised network follows the tangent kernel of the start, in closed form. The wider the network, "
     "the "
     "longer the two agree; in the tail units go on changing their signs at every step and the network falls behind."},
    {"width", FIGURE_POINTS, "What shrinks as networks get wider", "width m", "movement, share or change", true, true,
     "One point a seed, with the fitted power law: movement of the weights (Frobenius and spectral norm), share of "
     "units "
     "whose sign changed, relative change of the tangent kernel, largest distance to the linearised network."},
    {"mean_field", FIGURE_POINTS, "The same in mean-field scaling", "width m", "movement, share or change", true, true,
     "With the output divided by the root of the width nothing shrinks: features are learned at any width, and "
     "training "
     "still ends at zero loss."},
    {"depth", FIGURE_LINES, "Norms through the layers", "layer", "largest | |h| - 1 |", false, true,
     "Eight inputs, mean over seeds. Residual branches of weight 1 / (L ln m) keep every norm; with weight 1 they grow "
     "exponentially."},
    {.id = NULL},
};

const struct table_title overparam_tables[] = {
    {"widths", "Against the width",
     "Means over seeds. rate: measured over the tangent kernel's; gradient: least squared gradient over 2 F "
     "lambda_min."},
    {"labels", "Any labels",
     "Training accuracy and loss at the end, mean over seeds; steps: how many it took, at most those allowed."},
    {.id = NULL},
};
