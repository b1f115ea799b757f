/* SPDX-License-Identifier: MIT */
/* k(x, z) = (x.z / scale + offset)^degree. Source: Schölkopf & Smola, Learning with Kernels, 2002, sec. 2.3. */
#include "core/clones.h"
#include "kernels/kernel.h"

enum { DEGREE, OFFSET, SCALE };

static const struct kernel_parameter poly_parameters[] = {
    [DEGREE] = {"degree", 2, 1, 64, true, NULL, "power"},
    [OFFSET] = {"offset", 1, 0, 1e6, false, NULL, "added to the product"},
    [SCALE] = {"scale", 0, 0, 1e12, false, NULL, "divides the product; 0: the dimension"},
    {0},
};

static strata_status poly_prepare(strata_context *ctx, struct kernel *kernel, size_t n, const double *x) {
    (void)ctx, (void)n, (void)x;
    if (kernel->number[SCALE] == 0.0) kernel->number[SCALE] = (double)kernel->dimension;
    return STRATA_OK;
}

STRATA_CLONES static void power_row(size_t degree, double inverse_scale, double offset, size_t count,
                                    double *restrict values) {
    for (size_t j = 0; j < count; ++j) {
        double base = values[j] * inverse_scale + offset, power = base;
        for (size_t i = 1; i < degree; ++i) power *= base;
        values[j] = power;
    }
}

static void poly_row(const struct kernel *kernel, size_t count, double xx, const double *zz, double *values) {
    (void)xx, (void)zz;
    power_row((size_t)kernel->number[DEGREE], 1.0 / kernel->number[SCALE], kernel->number[OFFSET], count, values);
}

static double poly_diagonal(const struct kernel *kernel, double xx) {
    poly_row(kernel, 1, xx, &xx, &xx);
    return xx;
}

extern const struct kernel_class kernel_poly;
const struct kernel_class kernel_poly = {
    .name = "poly",
    .formula = "(x.z / scale + offset)^degree",
    .derivative = "degree (x.z / scale + offset)^(degree-1)",
    .domain = "any",
    .source = "Schölkopf & Smola 2002, sec. 2.3",
    .parameters = poly_parameters,
    .shorthand = "degree",
    .prepare = poly_prepare,
    .row = poly_row,
    .diagonal = poly_diagonal,
};
