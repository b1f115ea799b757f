/* SPDX-License-Identifier: MIT */
/* Matern kernels of smoothness 3/2 and 5/2. Source: Rasmussen & Williams, Gaussian Processes, 2006, eq. (4.17). */
#include <math.h>

#include "core/clones.h"
#include "kernels/radial.h"
#include "kernels/vector_exp.h"

enum { NU = RADIAL_BANDWIDTH + 1 };
enum { NU_3_2, NU_5_2 };

static const struct kernel_parameter matern_parameters[] = {
    RADIAL_PARAMETER, [NU] = {"nu", NU_3_2, 0, 0, false, "1.5|2.5", "smoothness"}, {0}};

STRATA_CLONES static void matern_loop(size_t count, double factor, double square, double *restrict values) {
    for (size_t j = 0; j < count; ++j) {
        double u = factor * __builtin_sqrt(values[j]);
        values[j] = (1 + u + square * u * u) * vector_exp(-u);
    }
}

static void matern_row(const struct kernel *kernel, size_t count, double xx, const double *zz, double *values) {
    double length = kernel->number[RADIAL_BANDWIDTH];
    bool smooth = kernel->number[NU] == NU_5_2;
    radial_squares(count, xx, zz, values);
    matern_loop(count, sqrt(smooth ? 5.0 : 3.0) / length, smooth ? 1.0 / 3.0 : 0.0, values);
}

extern const struct kernel_class kernel_matern;
const struct kernel_class kernel_matern = {
    .name = "matern",
    .formula = "nu=1.5: (1 + u) exp(-u), u = sqrt(3) r / bandwidth; nu=2.5: (1 + u + u^2 / 3) exp(-u), u = sqrt(5) r / "
               "bandwidth",
    .derivative = "nu=1.5: -3 r / bandwidth^2 exp(-u); nu=2.5: -5 r / 3 bandwidth^2 (1 + u) exp(-u)",
    .domain = "any",
    .source = "Rasmussen & Williams 2006, eq. (4.17)",
    .parameters = matern_parameters,
    .prepare = radial_prepare,
    .row = matern_row,
    .diagonal = radial_diagonal,
};
