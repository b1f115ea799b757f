/* SPDX-License-Identifier: MIT */
/* k(x, z) = exp(-|x - z| / l). Source: Schölkopf & Smola, Learning with Kernels, 2002, sec. 4.4. */
#include "core/clones.h"
#include "kernels/radial.h"
#include "kernels/vector_exp.h"

static const struct kernel_parameter laplace_parameters[] = {RADIAL_PARAMETER, {0}};

STRATA_CLONES static void exp_loop(size_t count, double factor, double *restrict values) {
    for (size_t j = 0; j < count; ++j) values[j] = vector_exp(factor * __builtin_sqrt(values[j]));
}

static void laplace_row(const struct kernel *kernel, size_t count, double xx, const double *zz, double *values) {
    radial_squares(count, xx, zz, values);
    exp_loop(count, -1.0 / kernel->number[RADIAL_BANDWIDTH], values);
}

extern const struct kernel_class kernel_laplace;
const struct kernel_class kernel_laplace = {
    .name = "laplace",
    .formula = "exp(-r / bandwidth)",
    .derivative = "-k / bandwidth",
    .domain = "any",
    .source = "Schölkopf & Smola 2002, sec. 4.4",
    .parameters = laplace_parameters,
    .prepare = radial_prepare,
    .row = laplace_row,
    .diagonal = radial_diagonal,
};
