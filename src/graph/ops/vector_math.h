/* SPDX-License-Identifier: MIT */
/* exp, erf, tanh and the normal distribution function over `real`. */
#ifndef GRAPH_OPS_VECTOR_MATH_H
#define GRAPH_OPS_VECTOR_MATH_H

#include "graph/real.h"

#define REAL_CONSTANT(value) ((real)(value))

static inline real real_exp(real x) { return REAL(exp)(x); }
static inline real real_erf(real x) { return REAL(erf)(x); }
static inline real real_tanh(real x) { return REAL(tanh)(x); }

/* (1 + erf(x / sqrt 2)) / 2 without cancellation in the lower tail. */
static inline real real_normal_cdf(real x) {
    return REAL_CONSTANT(0.5) * REAL(erfc)(x * REAL_CONSTANT(-0.70710678118654752440));
}

#endif
