/* SPDX-License-Identifier: MIT */
/* k(x, z) = exp(-|x - z|^2 / 2 l^2). Source: Schölkopf & Smola, Learning with Kernels, 2002, sec. 2.3. */
#include "core/clones.h"
#include "kernels/radial.h"
#include "kernels/vector_exp.h"

static const struct kernel_parameter rbf_parameters[] = {RADIAL_PARAMETER, {0}};

STRATA_CLONES static void exp_loop(size_t count, double factor, double *restrict values) {
    for (size_t j = 0; j < count; ++j) values[j] = vector_exp(factor * values[j]);
}

static void rbf_row(const struct kernel *kernel, size_t count, double xx, const double *zz, double *values) {
    radial_squares(count, xx, zz, values);
    exp_loop(count, -0.5 / (kernel->number[RADIAL_BANDWIDTH] * kernel->number[RADIAL_BANDWIDTH]), values);
}

extern const struct kernel_class kernel_rbf;
const struct kernel_class kernel_rbf = {
    .name = "rbf",
    .formula = "exp(-r^2 / 2 bandwidth^2)",
    .derivative = "-r / bandwidth^2 k",
    .domain = "any",
    .source = "Schölkopf & Smola 2002, sec. 2.3",
    .parameters = rbf_parameters,
    .prepare = radial_prepare,
    .row = rbf_row,
    .diagonal = radial_diagonal,
};
