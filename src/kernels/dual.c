/* SPDX-License-Identifier: MIT */
#include "kernels/dual.h"

#include <math.h>
#include <string.h>

#include "core/clones.h"
#include "kernels/vector_angle.h"

/* The table: one line an activation. */
#define DUAL_LIST(X)                                                                                             \
    X(relu)                                                                                                      \
    X(leaky_relu)                                                                                                \
    X(abs)                                                                                                       \
    X(identity)                                                                                                  \
    X(sign) X(step) X(relu_squared) X(square) X(hermite) X(erf) X(gelu) X(gaussian) X(sin) X(cos) X(rbf) X(tanh) \
        X(sigmoid) X(softplus) X(silu)

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

STRATA_CLONES void dual_angles(size_t count, const double *cosine, double *sine) {
    for (size_t j = 0; j < count; ++j) sine[j] = vector_angle(cosine[j], sine[j]);
}
