/* SPDX-License-Identifier: MIT */
/* What the study claims, with bounds from theory, and the controls in which it must not show. */
#include <math.h>

#include "studies/kernels/kernels.h"

#define ALL  (1u << PRESET_SMOKE | 1u << PRESET_DEFAULT | 1u << PRESET_PAPER)
#define LONG (1u << PRESET_DEFAULT | 1u << PRESET_PAPER)

#define BFC       "Allen-Zhu & Li 2020, "
#define STAIRCASE "Ghorbani et al. 2019, theorem 4"
#define NO_BOUND  INFINITY

const struct claim kernels_claims[] = {
    {"kernels.staircase",
     "A kernel learns degree q only from about d^q samples: smallest margin by which the RBF kernel misses degrees 2 "
     "and 3 (error above 0.9) at few samples and has them (below 0.05 and 0.15) at many.",
     STAIRCASE, "relative error", SCALE_LINEAR, EXPECT_HOLDS, 0, NO_BOUND, false, false, ALL},
    {"kernels.staircase.projected", "The same for a kernel on the one direction that the target depends on.", STAIRCASE,
     "relative error", SCALE_LINEAR, EXPECT_FAILS, 0, NO_BOUND, true, false, ALL},

    {"kernels.theory",
     "The formula of the learning curve predicts the error of kernels: root mean square of measured less predicted, "
     "where it predicts less than 1.",
     "Canatar et al. 2021, eq. 4", "relative error", SCALE_LINEAR, EXPECT_HOLDS, -NO_BOUND, 0.12, false, false, ALL},
    {"kernels.theory.wrong_n", "The same for the formula at a quarter of the samples.", "Canatar et al. 2021, eq. 4",
     "relative error", SCALE_LINEAR, EXPECT_FAILS, -NO_BOUND, 0.12, true, false, ALL},

    {"kernels.exponent",
     "Samples for half of the power of degree q grow as the number of its directions B(d, q), about d^q: slope of "
     "their logarithms over the dimensions, the one of q = 2, 3 that is farther from 1.",
     STAIRCASE, "exponent", SCALE_LINEAR, EXPECT_HOLDS, 0.75, 1.2, false, false, LONG},
    {"kernels.exponent.known_direction", "The same for a kernel on the one direction that the target depends on.",
     STAIRCASE, "exponent", SCALE_LINEAR, EXPECT_FAILS, 0.75, 1.2, true, false, LONG},

    {"kernels.dimension",
     "From n samples no kernel learns more than n of M orthonormal functions: mean error over all monomials of one "
     "degree less the bound 1 - n / M, smallest over the kernels.",
     BFC "theorem 3 (lower bounds)", "relative error", SCALE_LINEAR, EXPECT_HOLDS, -0.02, NO_BOUND, false, false, ALL},
    {"kernels.dimension.label_dependent", "The same for kernels that know each target, k + f f'.", BFC "sec. 1",
     "relative error", SCALE_LINEAR, EXPECT_FAILS, -0.02, NO_BOUND, true, false, ALL},

    {"kernels.bfc_gap",
     "No kernel follows the deep network on a target of degree 4: smallest error of all kernels, at the ridge that is "
     "best on the test set, over the network's on the same samples.",
     BFC "theorem 3 and sec. 1", "ratio", SCALE_LOG, EXPECT_HOLDS, 5, NO_BOUND, false, false, ALL},
    {"kernels.bfc_gap.alpha3_zero",
     "The same on a target of degree 2, which fewer samples determine than there are: the kernel of degree 2 is exact.",
     BFC "sec. 1", "ratio", SCALE_LOG, EXPECT_FAILS, 5, NO_BOUND, true, false, ALL},

    {"kernels.sequential", "Kernels on kernels do not either: smallest error of all constructions over the network's.",
     BFC "sec. 1 (layer-wise training)", "ratio", SCALE_LOG, EXPECT_HOLDS, 5, NO_BOUND, false, false, ALL},
    {"kernels.sequential.alpha3_zero", "The same on a target of degree 2.", BFC "sec. 1", "ratio", SCALE_LOG,
     EXPECT_FAILS, 5, NO_BOUND, true, false, ALL},

    {"kernels.feature_learning",
     "A kernel that learns its metric from the labels (recursive feature machine) beats the same kernel without: error "
     "of the Laplace kernel over its own, bandwidth and ridge by leave-one-out in both.",
     "Radhakrishnan et al. 2024, Science 383 (1461)", "ratio", SCALE_LOG, EXPECT_OPEN, 1.5, NO_BOUND, false, false,
     LONG},
    {"kernels.feature_learning.all_directions",
     "The same on a target in which every direction matters as much, so that there is no metric to learn.",
     "Radhakrishnan et al. 2024, Science 383 (1461)", "ratio", SCALE_LOG, EXPECT_FAILS, 1.5, NO_BOUND, true, false,
     LONG},

    {"kernels.plateau", "The kernel of degree 2 stops at the power of the higher degrees: its error over that power.",
     BFC "sec. 1", "ratio", SCALE_LOG, EXPECT_HOLDS, 0.9, 1.5, false, false, LONG},
    {"kernels.plateau.poly4", "The same for the kernel of degree 4, which goes on.", BFC "sec. 1", "ratio", SCALE_LOG,
     EXPECT_FAILS, 0.9, 1.5, true, false, LONG},

    {"kernels.ntk_limit",
     "Tangent kernels of finite networks come close to the closed form as the root of the width: slope of the "
     "logarithm of their deviation over that of the width.",
     "Arora et al. 2019, theorem 3.1", "exponent", SCALE_LINEAR, EXPECT_HOLDS, -0.65, -0.4, false, false, ALL},
    {"kernels.ntk_limit.mean_field", "The same when the output is divided by the width instead of its root.",
     "Arora et al. 2019, theorem 3.1", "exponent", SCALE_LINEAR, EXPECT_FAILS, -0.65, -0.4, true, false, ALL},

    {.id = NULL},
};

const struct figure kernels_figures[] = {
    {"errors", FIGURE_LINES, "A target of degree 4: kernels and the network", "training samples",
     "test error (1 = best constant)", true, true,
     "Each kernel at the ridge that is best on the test set. Kernels learn the quadratic part of the target and then "
     "wait for the degree above; the network goes on. Theory: what the formula of the learning curve predicts for the "
     "RBF kernel from the power of each degree. Lines: geometric mean over seeds; bands: 95 % interval."},
    {"samples", FIGURE_POINTS, "Samples for half of the power of a degree", "input dimension d", "training samples",
     true, true,
     "The RBF kernel on the sphere; one point a seed, with the fitted power law. Theory: the formula of the learning "
     "curve. With the direction known, a handful of samples does in every dimension."},
    {"theory", FIGURE_LINES, "The staircase: measured and predicted", "training samples",
     "error of a target of one degree", true, false,
     "Errors on pure harmonics of degree 1 to 3 on the sphere, mean and 95 % interval over seeds, and the prediction "
     "(dashed). A degree costs d times as many samples as the one below. Above 1 the kernel takes what it "
     "cannot learn for noise, and a tiny ridge follows it."},
    {"limit", FIGURE_LINES, "Finite networks against their limit", "units of a hidden layer",
     "deviation of the tangent kernel", true, true,
     "Relative root mean square deviation of the tangent kernel of random finite networks from the closed form. It "
     "falls as the root of the width; with the output divided by the width (mean field) it does not."},
    {"pictures", FIGURE_BARS, "Kernels and a network on few pictures", "", "test error rate", false, false,
     "Share of test pictures that get the wrong class, mean and 95 % interval over subsets. Convolutional kernels see "
     "pictures averaged over squares, and so do their rivals beside them."},
    {.id = NULL},
};

const struct table_title kernels_tables[] = {
    {"family", "A target of degree 4 on equal data",
     "Test error over the target's variance: geometric means and 95 % intervals over seeds. Kernels: at the ridge that "
     "is best on the test set, and at the one that leave-one-out chooses."},
    {"powers", "What the target is made of", "Share of its variance by degree, by least squares on all quadratics."},
    {"sphere", "Pure degrees on the sphere", "Measured errors (mean over seeds) and the predicted ones."},
    {"samples", "Samples for half of the power", "Interpolated on log axes; empty: outside the sizes tried."},
    {"monomials", "All monomials of one degree", "Mean error over all of them, and the bound 1 - n / M."},
    {"limit", "Tangent kernels of finite networks", "Relative root mean square deviation from the closed form."},
    {"pictures", "Few pictures", "Share of test pictures that get the wrong class: mean, 95 % interval over subsets."},
    {.id = NULL},
};
