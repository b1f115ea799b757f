/* SPDX-License-Identifier: MIT */
/* The guard of one-step adversarial training: it keeps good weights and takes them back. */
#include <string.h>

#include "learn/gradient_parts.h"

static void keep_good_weights(struct gradient_learner *self) {
    double *to = self->adversary->good;
    for (size_t i = 0; i < self->store.count; ++i) {
        const struct stored_parameter *item = &self->store.items[i];
        memcpy(to, item->values, item->count * sizeof *to);
        to += item->count;
    }
}

static void restore_good_weights(struct gradient_learner *self) {
    const double *from = self->adversary->good;
    for (size_t i = 0; i < self->store.count; ++i) {
        struct stored_parameter *item = &self->store.items[i];
        memcpy(item->values, from, item->count * sizeof *from);
        from += item->count;
    }
    store_to_program(&self->store, self->training.program, true);
    ++self->version;
}

strata_status gradient_guard(strata_context *ctx, struct gradient_learner *self, const strata_function *function,
                             const float *x, const float *y) {
    const double drop = 0.2, shorter = 0.85;
    struct adversary *adversary = self->adversary;
    size_t rows = source_rows(self->request.train), step = (self->stage - 1) * self->steps_per_stage + self->step;
    if (!adversary->class_->guard || rows == 0 || adversary->task == TASK_REGRESSION) return STRATA_OK;
    if (step <= adversary->from_step || step * self->batch / rows == (step - 1) * self->batch / rows) return STRATA_OK;
    double fgm, pgd;
    STRATA_TRY(adversary_look(ctx, adversary, function, x, y, &fgm, &pgd));
    store_from_program(&self->store, self->training.program, true);
    if (adversary->looked && pgd < adversary->last_pgd - drop && fgm > adversary->last_fgm) {
        restore_good_weights(self);
        adversary->alpha *= shorter;
        ++adversary->restored;
        context_log(ctx, STRATA_LOG_WARNING,
                    "%s: catastrophic overfitting before step %zu (PGD accuracy %.2f after %.2f); weights restored, "
                    "step of the attack now %.3g radii",
                    self->base.class_->name, step, pgd, adversary->last_pgd, adversary->alpha);
        return STRATA_OK;
    }
    keep_good_weights(self);
    adversary->last_fgm = fgm;
    adversary->last_pgd = pgd;
    adversary->looked = true;
    return STRATA_OK;
}
