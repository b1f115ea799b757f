/* SPDX-License-Identifier: MIT */
#include "kernels/dual.h"

#include <math.h>
#include <string.h>

#include "core/clones.h"

static const double pi = 3.14159265358979323846;

/* The table: one line an activation. */
#define DUAL_LIST(X)                                                                                                 \
    X(relu)                                                                                                          \
    X(leaky_relu)                                                                                                    \
    X(abs) X(identity) X(sign) X(step) X(relu_squared) X(square) X(hermite) X(erf) X(gelu) X(gaussian) X(sin) X(cos) \
        X(rbf) X(tanh) X(sigmoid) X(softplus) X(silu)

#define DECLARE(name) extern const struct dual_class dual_##name;
DUAL_LIST(DECLARE)
#undef DECLARE

#define ENTRY(name) &dual_##name,
const struct dual_class *const dual_table[] = {DUAL_LIST(ENTRY)};
#undef ENTRY
const size_t dual_table_size = sizeof dual_table / sizeof *dual_table;

const struct dual_class *dual_find(const char *name) {
    for (size_t i = 0; i < dual_table_size; ++i)
        if (strcmp(dual_table[i]->name, name) == 0) return dual_table[i];
    return NULL;
}

/*
 * atan2 with the octant folded away and a rational function on [0, tan(pi/8) or so] (Cephes, Moshier
 * 1989): no branches, so that compilers vectorise it; the C library's takes ten times as long.
 */
STRATA_CLONES void dual_angles(size_t count, const double *cosine, double *sine) {
    for (size_t j = 0; j < count; ++j) {
        double s = sine[j], c = cosine[j], size = fabs(c);
        double large = s >= size ? s : size, small = s >= size ? size : s;
        double ratio = small / (large > 0.0 ? large : 1.0);
        double folded = (ratio - 1.0) / (ratio + 1.0);
        double q = ratio > 0.66 ? folded : ratio, z = q * q;
        double top = (((-8.750608600031904122785e-1 * z - 1.615753718733365076637e1) * z - 7.500855792314704667340e1) *
                          z -
                      1.228866684490136173410e2) *
                         z -
                     6.485021904942025371773e1;
        double bottom =
            ((((z + 2.485846490142306297962e1) * z + 1.650270098316988542046e2) * z + 4.328810604912902668951e2) * z +
             4.853903996359136964868e2) *
                z +
            1.945506571482613964425e2;
        double angle = q + q * (z * top / bottom);
        angle = ratio > 0.66 ? 0.25 * pi + angle : angle;
        angle = s >= size ? 0.5 * pi - angle : angle;
        sine[j] = c < 0.0 ? pi - angle : angle;
    }
}
