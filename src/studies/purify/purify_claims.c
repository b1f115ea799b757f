/* SPDX-License-Identifier: MIT */
/* What the study claims, with bounds from the specification of each statement, and the controls in which it fails. */
#include <math.h>

#include "studies/purify/purify.h"

#define ALL   (1u << PRESET_SMOKE | 1u << PRESET_DEFAULT | 1u << PRESET_PAPER)
#define LONG  (1u << PRESET_DEFAULT | 1u << PRESET_PAPER)
#define PAPER "Allen-Zhu & Li 2021, "
#define OURS  "ours; "

#define CLAIM(id, statement, source, unit, scale, low, high, presets) \
    { "purify." id, statement, source, unit, scale, EXPECT_HOLDS, low, high, false, false, presets }
#define CONTROL(id, statement, source, unit, scale, low, high, presets) \
    { "purify." id, statement, source, unit, scale, EXPECT_FAILS, low, high, true, false, presets }

const struct claim purify_claims[] = {
    CLAIM("clean_accuracy", "Clean training learns the task: accuracy of the clean network on fresh rows.",
          PAPER "theorem on clean training", "accuracy", SCALE_LINEAR, 0.98, INFINITY, ALL),
    CONTROL("clean_accuracy.shuffled", "The same with labels by a coin.", PAPER "setting", "accuracy", SCALE_LINEAR,
            0.98, INFINITY, ALL),
    CLAIM("nonrobust", "The clean network is not robust: accuracy under the worst attack of the radius.",
          PAPER "theorem on clean training", "accuracy", SCALE_LINEAR, -INFINITY, 0.55, ALL),
    CONTROL("nonrobust.adversarial", "The same of the adversarially trained network.", PAPER "abstract", "accuracy",
            SCALE_LINEAR, -INFINITY, 0.55, ALL),
    CLAIM("robust", "Adversarial training gives robustness: its network's accuracy under the worst attack.",
          PAPER "theorem on adversarial training", "accuracy", SCALE_LINEAR, 0.93, INFINITY, ALL),
    CONTROL("robust.random_direction", "The same after training on random directions of the same length.",
            PAPER "abstract", "accuracy", SCALE_LINEAR, 0.93, INFINITY, ALL),
    CONTROL("robust.linearised", "The same with all thresholds at 0, which makes the network linear.",
            PAPER "theorem on linear classifiers", "accuracy", SCALE_LINEAR, 0.93, INFINITY, ALL),
    CLAIM("any",
          "Training on one gradient step (FGM) protects against any perturbation: accuracy under FGM minus accuracy "
          "under the worst attack.",
          PAPER "theorem on adversarial training", "accuracy", SCALE_LINEAR, -INFINITY, 0.02, ALL),
    CONTROL("any.clean", "The same of the clean network.", PAPER "abstract", "accuracy", SCALE_LINEAR, -INFINITY, 0.02,
            ALL),
    CLAIM("certified",
          "The robustness is proved, not only unbroken: share of rows certified at certificate.radius by a linear "
          "relaxation, adversarial training.",
          OURS "linear relaxation as in Weng et al. 2018", "accuracy", SCALE_LINEAR, 0.9, INFINITY, ALL),
    CONTROL("certified.clean", "The same of the clean network.", OURS "linear relaxation", "accuracy", SCALE_LINEAR,
            0.9, INFINITY, ALL),
    CLAIM("direction",
          "Perturbations of the clean network point along all features at once: cosine of their mean, signed by the "
          "label, with the direction of the labels.",
          PAPER "on universal perturbations", "cosine", SCALE_LINEAR, 0.95, INFINITY, ALL),
    CONTROL("direction.other_labels", "The same with the direction of other random labels.", PAPER "setting", "cosine",
            SCALE_LINEAR, 0.95, INFINITY, ALL),
    CLAIM("dense",
          "Adversarial training removes dense mixtures: share of the weights outside each unit's own atom, clean over "
          "adversarial.",
          PAPER "theorem on feature purification", "ratio", SCALE_LOG, 4, INFINITY, ALL),
    CONTROL("dense.continued", "The same, clean over clean training that went on.", PAPER "abstract", "ratio",
            SCALE_LOG, 4, INFINITY, ALL),
    CLAIM("coherent",
          "What it removes is the mixture that points along the labels: share of the weights in it, clean over "
          "adversarial.",
          PAPER "theorem on feature purification", "ratio", SCALE_LOG, 10, INFINITY, ALL),
    CONTROL("coherent.random_direction", "The same, clean over training on random directions.", PAPER "abstract",
            "ratio", SCALE_LOG, 10, INFINITY, ALL),
    CLAIM("from_clean",
          "Adversarial training from the clean network purifies it: accuracy under PGD gained in half the steps.",
          PAPER "sec. on purification from clean weights", "accuracy", SCALE_LINEAR, 0.4, INFINITY, ALL),
    CONTROL("from_clean.continued", "The same when clean training goes on for as many steps.", PAPER "abstract",
            "accuracy", SCALE_LINEAR, 0.4, INFINITY, ALL),
    CLAIM("remove",
          "The mixtures are the cause: accuracy under PGD gained when they are deleted from the clean network by hand.",
          OURS "after the paper's decomposition", "accuracy", SCALE_LINEAR, 0.3, INFINITY, ALL),
    CONTROL("remove.random_direction", "The same when a random direction is deleted.", OURS "control", "accuracy",
            SCALE_LINEAR, 0.3, INFINITY, ALL),
    CLAIM("implant",
          "And sufficient: accuracy along the direction of the labels lost when the clean network's mixtures are added "
          "to the robust one.",
          OURS "after the paper's decomposition", "accuracy", SCALE_LINEAR, 0.1, INFINITY, ALL),
    CONTROL("implant.random_sign", "The same when each mixture gets a random sign.", OURS "control", "accuracy",
            SCALE_LINEAR, 0.1, INFINITY, ALL),
    CLAIM("sparse", "It needs sparse codes: worst accuracy after adversarial training, sparse minus dense codes.",
          PAPER "setting", "accuracy", SCALE_LINEAR, 0.8, INFINITY, ALL),
    CONTROL("sparse.dense", "The same, dense minus dense codes of other atoms.", PAPER "setting", "accuracy",
            SCALE_LINEAR, 0.8, INFINITY, ALL),
    CLAIM("linear", "No linear classifier is robust: worst accuracy of one trained on its exact adversary.",
          PAPER "theorem on linear classifiers", "accuracy", SCALE_LINEAR, -INFINITY, 0.15, LONG),
    CONTROL("linear.network", "The same of the adversarially trained network.", PAPER "abstract", "accuracy",
            SCALE_LINEAR, -INFINITY, 0.15, LONG),
    CLAIM("random_features", "Nor are random features: accuracy under PGD after adversarial training.",
          PAPER "theorem on low-complexity models", "accuracy", SCALE_LINEAR, -INFINITY, 0.4, LONG),
    CONTROL("random_features.network", "The same of the adversarially trained network.", PAPER "abstract", "accuracy",
            SCALE_LINEAR, -INFINITY, 0.4, LONG),
    CLAIM("ntk_gap", "Tangent features stay behind: accuracy under PGD, network minus its tangent kernel.",
          PAPER "theorem on the NTK", "accuracy", SCALE_LINEAR, 0.15, INFINITY, LONG),
    CONTROL("ntk_gap.network", "The same, network minus the network that began as the clean one.", PAPER "abstract",
            "accuracy", SCALE_LINEAR, 0.15, INFINITY, LONG),
    CLAIM("cubic_gap", "Cubic polynomials stay behind: accuracy under PGD, network minus polynomial.",
          PAPER "theorem on low-degree polynomials", "accuracy", SCALE_LINEAR, 0.15, INFINITY, LONG),
    CONTROL("cubic_gap.network", "The same, network minus the network that began as the clean one.", PAPER "abstract",
            "accuracy", SCALE_LINEAR, 0.15, INFINITY, LONG),
    {"purify.images",
     "It shows on pictures: accuracy of a convolutional network under PGD gained by adversarial training from the "
     "clean "
     "network.",
     PAPER "experiments", "accuracy", SCALE_LINEAR, EXPECT_OPEN, 0.08, INFINITY, false, false, LONG},
    CONTROL("images.continued", "The same when clean training goes on for as many steps.", PAPER "abstract", "accuracy",
            SCALE_LINEAR, 0.08, INFINITY, LONG),
    {"purify.attack_exact",
     "The attacks find what is there: on linear functions FGM, PGD and APGD break rows from the exact radius on, "
     "largest relative error over both norms.",
     "closed form", "relative error", SCALE_LOG, EXPECT_HOLDS, -INFINITY, 1e-3, false, true, ALL},
    {"purify.attack_exact.flipped", "The same for FGM along a derivative of the wrong sign; 1: out of range.",
     "closed form", "relative error", SCALE_LOG, EXPECT_FAILS, -INFINITY, 1e-3, true, true, ALL},
    {.id = NULL},
};

const struct figure purify_figures[] = {
    {"robustness", FIGURE_LINES, "Accuracy against the radius of the attack", "l2 radius", "accuracy", false, false,
     "Under PGD, mean over seeds with 95 % intervals; certified: a lower bound that no attack can break. Where the "
     "certificate of the robust network meets its attack, the truth lies between."},
    {"purification", FIGURE_LINES, "Dense share of the hidden weights on the way", "step", "share outside own atom",
     false, true,
     "Mean over seeds. Clean training pulls features out of the noise and leaves mixtures; adversarial training, from "
     "scratch or from the clean network, goes on removing them."},
    {"interventions", FIGURE_BARS, "Mixtures deleted and implanted by hand", "", "accuracy", false, false,
     "No training: weights are changed, thresholds follow from the new norms. Deleting the mixtures makes the clean "
     "network robust; implanting them hurts the robust one along the labels, random signs of the same mixtures do "
     "not."},
    {"learners", FIGURE_RANKING, "Accuracy under PGD after adversarial training", "accuracy", "", false, false,
     "All trained on FGM of the same radius, attacked alike. Mean over seeds with 95 % intervals."},
    {"weights", FIGURE_TILES, "Hidden weights in the basis of atoms", "", "", false, false,
     "One row a unit, one column an atom, bright: large. For each of the first atoms the unit that carries it with the "
     "largest norm, seed 1. Clean training: mixtures of many atoms beside the diagonal; adversarial training: the "
     "diagonal alone."},
    {"image_features", FIGURE_TILES, "What units of the convolutional networks look for", "", "", false, false,
     "Pictures within l2 distance 3 of grey that drive the centre unit of 16 maps most, seed 1; the same unit has the "
     "same "
     "place in both panels of a layer."},
    {"image_filters", FIGURE_TILES, "First-layer filters", "", "", false, false,
     "5 x 5 weights of the first layer (first input channel), seed 1: clean, and after adversarial training from "
     "there."},
    {"image_gradients", FIGURE_TILES, "Gradients of the loss to the pictures", "", "", false, false,
     "Of the same eight test pictures, seed 1: noise where the network is fragile, outlines where it is robust."},
    {.id = NULL},
};

const struct table_title purify_tables[] = {
    {"networks", "Networks",
     "Means over seeds. along: accuracy on rows moved against their label along the direction of all labels; dense: "
     "share of the weights outside each unit's atom; coherent: share along the direction of the labels; outside: "
     "share of the perturbations outside the atoms that a row has."},
    {"learners", "Learners of low complexity, trained adversarially", "Means over seeds."},
    {"principle", "The paper's principle for weights, clean w and w' trained on from it",
     "w = beta w' + v with |beta w'| > |v| (explained: share of |w|^2 in beta w'), both nearly uncorrelated with the "
     "start, W' - W of low rank. Reported, not claimed: runs are short here."},
    {"cases", "Other dimensions and sparsities", "Means over seeds at the radius of adversarial.epsilon."},
    {"images", "Pictures",
     "Means over seeds. LAYER_low, gradients_low: share of energy below 1/8 cycle a pixel, of what units look for and "
     "of "
     "gradients; roughness of first-layer filters: squared differences of neighbours over squared weights."},
    {"images_transfer", "Attacks on one network, tried on another",
     "Accuracy of the column's network on PGD points made against the row's, means over seeds."},
    {"images_weights", "Weights of the convolutional networks before and after",
     "w of the clean network, w' after training on: the paper's w = beta w' + v. Means over seeds."},
    {"images_low_rank", "Low-rank adversarial training of the convolutional network",
     "Seed 1. What training changes in each layer is brought back to the rank every 20 steps and at the end."},
    {.id = NULL},
};
