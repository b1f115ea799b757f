/* SPDX-License-Identifier: MIT */
/* Optimizer passes over contiguous blocks, compiled like the ops for each precision and instruction set. */
#include "graph/optimizer.h"
#include "graph/real.h"

#define UPDATE(name)                                                                                               \
    void REAL_NAME(name)(const struct optimizer_step *, size_t, void *, const void *, void *const *);              \
    void REAL_NAME(name)(const struct optimizer_step *step, size_t count, void *parameters, const void *gradients, \
                         void *const *slot)

UPDATE(update_sgd) {
    real *restrict p = parameters;
    const real *restrict g = gradients;
    const real rate = (real)step->learning_rate, decay = (real)step->weight_decay, scale = (real)step->gradient_scale;
    (void)slot;
    for (size_t i = 0; i < count; ++i) p[i] -= rate * (scale * g[i] + decay * p[i]);
}

/* Heavy ball as PyTorch writes it: m = mu m + g, p -= rate m. */
UPDATE(update_momentum) {
    real *restrict p = parameters, *restrict m = slot[0];
    const real *restrict g = gradients;
    const real rate = (real)step->learning_rate, decay = (real)step->weight_decay, scale = (real)step->gradient_scale,
               mu = (real)0.9;
    for (size_t i = 0; i < count; ++i) {
        m[i] = mu * m[i] + (scale * g[i] + decay * p[i]);
        p[i] -= rate * m[i];
    }
}

/* Sutskever et al. 2013 in PyTorch's form: p -= rate (g + mu m). */
UPDATE(update_nesterov) {
    real *restrict p = parameters, *restrict m = slot[0];
    const real *restrict g = gradients;
    const real rate = (real)step->learning_rate, decay = (real)step->weight_decay, scale = (real)step->gradient_scale,
               mu = (real)0.9;
    for (size_t i = 0; i < count; ++i) {
        real gradient = scale * g[i] + decay * p[i];
        m[i] = mu * m[i] + gradient;
        p[i] -= rate * (gradient + mu * m[i]);
    }
}

/*
 * Kingma & Ba 2015, algorithm 1, with weight decay in the gradient (`coupled`) or on the weights (`decoupled`:
 * AdamW).
 */
static inline void adam_pass(const struct optimizer_step *step, size_t count, void *parameters, const void *gradients,
                             void *const *slot, double coupled, double decoupled) {
    real *restrict p = parameters, *restrict m = slot[0], *restrict v = slot[1];
    const real *restrict g = gradients;
    const double beta1 = 0.9, beta2 = 0.999;
    const double correction1 = 1 - pow(beta1, (double)step->number), correction2 = 1 - pow(beta2, (double)step->number);
    const real b1 = (real)beta1, b2 = (real)beta2, c1 = (real)(1 - beta1), c2 = (real)(1 - beta2);
    const real rate = (real)(step->learning_rate / correction1), inverse = (real)(1 / sqrt(correction2)),
               epsilon = (real)1e-8;
    const real scale = (real)step->gradient_scale, decay = (real)coupled,
               shrink = (real)(1 - step->learning_rate * decoupled);
    for (size_t i = 0; i < count; ++i) {
        real gradient = scale * g[i] + decay * p[i];
        m[i] = b1 * m[i] + c1 * gradient;
        v[i] = b2 * v[i] + c2 * gradient * gradient;
        p[i] = shrink * p[i] - rate * m[i] / (REAL(sqrt)(v[i]) * inverse + epsilon);
    }
}

UPDATE(update_adam) { adam_pass(step, count, parameters, gradients, slot, step->weight_decay, 0); }

UPDATE(update_adamw) { adam_pass(step, count, parameters, gradients, slot, 0, step->weight_decay); }
