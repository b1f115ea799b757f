/* SPDX-License-Identifier: MIT */
/* Optimizers as one vectorised pass over a contiguous block, in a table. */
#ifndef GRAPH_OPTIMIZER_H
#define GRAPH_OPTIMIZER_H

#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"

struct optimizer_step {
    uint64_t number; /* 1 for the first step */
    double learning_rate, weight_decay;
    double gradient_scale; /* clipping, applied on the fly */
};

struct optimizer_class {
    const char *name, *summary;
    size_t slots; /* state arrays of the parameters' shape */
    /* By instruction set (enum op_variant) and precision. */
    void (*updates[3][2])(const struct optimizer_step *step, size_t count, void *parameters, const void *gradients,
                          void *const *slot);
};

/** parameters -= step(gradients) over `count` numbers; `slot` points at class_->slots state arrays. */
void optimizer_update(const struct optimizer_class *class_, enum precision precision, const struct optimizer_step *step,
                      size_t count, void *parameters, const void *gradients, void *const *slot);

/** NULL when unknown. */
const struct optimizer_class *optimizer_find(const char *name);
extern const struct optimizer_class *const optimizer_table[];
extern const size_t optimizer_table_size;

#endif
