/* SPDX-License-Identifier: MIT */
/* Optimizers as one vectorised pass over a contiguous block, in a table. */
#ifndef GRAPH_OPTIMIZER_H
#define GRAPH_OPTIMIZER_H

#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"

struct optimizer_step {
    uint64_t number;          /* 1 for the first step */
    double learning_rate, weight_decay;
    double gradient_scale;    /* clipping, applied on the fly */
};

struct optimizer_class {
    const char *name, *summary;
    size_t slots; /* state arrays of the parameter's shape */
    /** parameters -= step(gradients); `slot` points at `slots` arrays. Index by precision. */
    void (*update[2])(const struct optimizer_step *step, size_t count, void *parameters, const void *gradients, void *const *slot);
};

/** sgd, momentum (0.9), nesterov (0.9), adam (0.9, 0.999, 1e-8), adamw; NULL when unknown. */
const struct optimizer_class *optimizer_find(const char *name);
extern const struct optimizer_class *const optimizer_table[];
extern const size_t optimizer_table_size;

#endif
