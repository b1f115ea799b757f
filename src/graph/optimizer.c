/* SPDX-License-Identifier: MIT */
#include "graph/optimizer.h"

#include <string.h>

#include "graph/op.h"

typedef void (*update_function)(const struct optimizer_step *, size_t, void *, const void *, void *const *);

#define DECLARE(name, variant)                                                                             \
    void name##_f32_##variant(const struct optimizer_step *, size_t, void *, const void *, void *const *); \
    void name##_f64_##variant(const struct optimizer_step *, size_t, void *, const void *, void *const *);
#if STRATA_X86_VARIANTS
#define DECLARE_ALL(name) DECLARE(name, base) DECLARE(name, v3) DECLARE(name, v4)
#define VARIANTS(name)                                                                                       \
    {                                                                                                        \
        {name##_f32_base, name##_f64_base}, {name##_f32_v3, name##_f64_v3}, { name##_f32_v4, name##_f64_v4 } \
    }
#else
#define DECLARE_ALL(name) DECLARE(name, base)
#define VARIANTS(name)                       \
    {                                        \
        { name##_f32_base, name##_f64_base } \
    }
#endif

#define OPTIMIZER_LIST(X)                                                    \
    X(sgd, 0, "p -= rate g")                                                 \
    X(momentum, 1, "heavy ball, mu = 0.9: m = mu m + g, p -= rate m")        \
    X(nesterov, 1, "Nesterov momentum, mu = 0.9: p -= rate (g + mu m)")      \
    X(adam, 2, "Adam (Kingma & Ba 2015), betas 0.9 and 0.999, epsilon 1e-8") \
    X(adamw, 2, "Adam with decoupled weight decay (Loshchilov & Hutter 2019)")

#define DECLARE_ONE(lower, slot_count, text) DECLARE_ALL(update_##lower)
OPTIMIZER_LIST(DECLARE_ONE)

#define CLASS_ONE(lower, slot_count, text)                    \
    static const struct optimizer_class optimizer_##lower = { \
        .name = #lower, .summary = text, .slots = slot_count, .updates = VARIANTS(update_##lower)};
OPTIMIZER_LIST(CLASS_ONE)

#define LINE_ONE(lower, slot_count, text) &optimizer_##lower,
const struct optimizer_class *const optimizer_table[] = {OPTIMIZER_LIST(LINE_ONE)};
const size_t optimizer_table_size = sizeof optimizer_table / sizeof *optimizer_table;

const struct optimizer_class *optimizer_find(const char *name) {
    for (size_t i = 0; i < optimizer_table_size; ++i)
        if (strcmp(optimizer_table[i]->name, name) == 0) return optimizer_table[i];
    return NULL;
}

void optimizer_update(const struct optimizer_class *class_, enum precision precision, const struct optimizer_step *step,
                      size_t count, void *parameters, const void *gradients, void *const *slot) {
    class_->updates[op_variant_best()][precision](step, count, parameters, gradients, slot);
}
