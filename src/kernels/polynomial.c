/* SPDX-License-Identifier: MIT */
/* k(x, z) = (x.z / scale + offset)^degree. Source: Schölkopf & Smola, Learning with Kernels, 2002, sec. 2.3. */
#include "core/clones.h"
#include "kernels/kernel.h"

STRATA_CLONES static void power_row(size_t degree, double inverse_scale, double offset, size_t count,
                                    double *restrict values) {
    for (size_t j = 0; j < count; ++j) {
        double base = values[j] * inverse_scale + offset, power = base;
        for (size_t i = 1; i < degree; ++i) power *= base;
        values[j] = power;
    }
}

static void polynomial_row(const struct kernel_options *options, size_t dimension, size_t count, double xx,
                           const double *zz, double *values) {
    (void)dimension, (void)xx, (void)zz;
    power_row(options->degree, 1.0 / options->scale, options->offset, count, values);
}

static double polynomial_diagonal(const struct kernel_options *options, size_t dimension, double xx) {
    polynomial_row(options, dimension, 1, xx, &xx, &xx);
    return xx;
}

const struct kernel_class kernel_polynomial = {
    .name = "polynomial",
    .formula = "(x.z / scale + offset)^degree",
    .source = "Schölkopf & Smola 2002, sec. 2.3",
    .row = polynomial_row,
    .diagonal = polynomial_diagonal,
};
