/* SPDX-License-Identifier: MIT */
/* Convolutions of stride 1: by Winograd's transforms where they fit, else by shifts. One call for both. */
#ifndef LINALG_STRIDE_ONE_H
#define LINALG_STRIDE_ONE_H

#include "linalg/winograd.h"

struct stride_one {
    bool transforms; /* which of the two holds */
    struct winograd winograd;
    struct shift_conv shifts;
};

/** False where neither fits. */
static inline bool stride_one_plan(struct stride_one *plan, const struct shift_shape *shape) {
    plan->transforms = winograd_plan(&plan->winograd, shape);
    return plan->transforms || shift_conv_plan(&plan->shifts, shape);
}

static inline size_t stride_one_scratch(const struct stride_one *plan) {
    return plan->transforms ? winograd_scratch(&plan->winograd) : shift_conv_scratch(&plan->shifts);
}

static inline void stride_one_apply(const struct stride_one *plan, size_t rows, const float *x, const float *weight,
                                    bool transposed, bool keep, float *y, void *scratch) {
    if (plan->transforms)
        winograd_apply(&plan->winograd, rows, x, weight, transposed, keep, y, scratch);
    else
        shift_conv_apply(&plan->shifts, rows, x, weight, transposed, keep, y, scratch);
}

static inline void stride_one_weights(const struct stride_one *plan, size_t rows, const float *x, const float *gradient,
                                      bool keep, float *weight, void *scratch) {
    if (plan->transforms)
        winograd_weights(&plan->winograd, rows, x, gradient, keep, weight, scratch);
    else
        shift_conv_weights(&plan->shifts, rows, x, gradient, keep, weight, scratch);
}

#endif
