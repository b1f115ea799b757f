/* SPDX-License-Identifier: MIT */
/*
 * The elementary symmetric polynomial of degree 3 in the products x_j z_j of signs: the sum of x_S z_S over all S of
 * three inputs, whose features are exactly those monomials. With s = x.z it is (s^3 - 3 s d + 2 s) / 6 (Newton).
 */
#include <math.h>

#include "core/clones.h"
#include "kernels/kernel.h"

static const struct kernel_parameter elementary_parameters[] = {{0}};

STRATA_CLONES static void cubic_loop(size_t count, double linear, double *restrict values) {
    for (size_t j = 0; j < count; ++j) values[j] = values[j] * (values[j] * values[j] + linear) * (1.0 / 6.0);
}

static void elementary_row(const struct kernel *kernel, size_t count, double xx, const double *zz, double *values) {
    (void)xx, (void)zz;
    cubic_loop(count, 2 - 3 * (double)kernel->dimension, values);
}

static double elementary_diagonal(const struct kernel *kernel, double xx) {
    elementary_row(kernel, 1, xx, &xx, &xx);
    return xx;
}

static strata_status elementary_check(strata_context *ctx, const struct kernel *kernel, const char *what, size_t n,
                                      const double *x) {
    for (size_t i = 0; i < n * kernel->dimension; ++i)
        if (fabs(x[i]) != 1)
            return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                               "kernel 'elementary': %s %zu: value %zu is %g: expected +1 or -1", what,
                               i / kernel->dimension, i % kernel->dimension, x[i]);
    return STRATA_OK;
}

extern const struct kernel_class kernel_elementary;
const struct kernel_class kernel_elementary = {
    .name = "elementary",
    .formula = "(s^3 - 3 s d + 2 s) / 6, s = x.z",
    .derivative = "(3 s^2 - 3 d + 2) / 6",
    .domain = "rows of +1 and -1",
    .source = "Newton's identities",
    .parameters = elementary_parameters,
    .check = elementary_check,
    .row = elementary_row,
    .diagonal = elementary_diagonal,
};
