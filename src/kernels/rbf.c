/* SPDX-License-Identifier: MIT */
/* k(x, z) = exp(-|x - z|^2 / 2 l^2). Source: Schölkopf & Smola, Learning with Kernels, 2002, sec. 2.3. */
#include <math.h>

#include "kernels/kernel.h"

static void rbf_row(const struct kernel_options *options, size_t dimension, size_t count, double xx, const double *zz,
                    double *values) {
    (void)dimension;
    double factor = -0.5 / (options->bandwidth * options->bandwidth);
    for (size_t j = 0; j < count; ++j) {
        double square = xx + zz[j] - 2.0 * values[j];
        values[j] = exp(factor * (square > 0.0 ? square : 0.0));
    }
}

static double rbf_diagonal(const struct kernel_options *options, size_t dimension, double xx) {
    (void)options, (void)dimension, (void)xx;
    return 1.0;
}

const struct kernel_class kernel_rbf = {
    .name = "rbf",
    .formula = "exp(-|x - z|^2 / 2 l^2)",
    .source = "Schölkopf & Smola 2002, sec. 2.3",
    .row = rbf_row,
    .diagonal = rbf_diagonal,
};
