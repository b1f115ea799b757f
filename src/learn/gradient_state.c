/* SPDX-License-Identifier: MIT */
/* The state of a fit in a file, so that a stopped one goes on with equal bits. */
#include <string.h>

#include "learn/gradient_parts.h"

/* The adversary's memory: where rows moved to; what the guard saw last, and the weights of then. */
static strata_status save_adversary(strata_context *ctx, struct gradient_learner *self, struct tensor_file *state) {
    struct adversary *adversary = self->adversary;
    if (gradient_stays(self)) {
        const size_t shape[] = {self->batch, self->network.inputs};
        STRATA_TRY(tensor_file_add(ctx, state, "adversary.offsets", TENSOR_F32, 2, shape, adversary->offsets));
    }
    if (!adversary || !adversary->good) return STRATA_OK;
    adversary->saved[0] = adversary->last_fgm;
    adversary->saved[1] = adversary->last_pgd;
    adversary->saved[2] = adversary->alpha;
    adversary->saved[3] = (double)adversary->restored;
    adversary->saved[4] = adversary->looked;
    STRATA_TRY(tensor_file_add(ctx, state, "guard.weights", TENSOR_F64, 1, &adversary->good_count, adversary->good));
    return tensor_file_add(ctx, state, "guard.seen", TENSOR_F64, 1, (const size_t[]){5}, adversary->saved);
}

static strata_status load_adversary(strata_context *ctx, struct gradient_learner *self,
                                    const struct tensor_file *state) {
    struct adversary *adversary = self->adversary;
    if (self->request.most_numbers) return STRATA_OK; /* without its data, whose batches it moved: nothing is fitted */
    if (gradient_stays(self)) {
        const struct tensor *offsets = tensor_file_find(state, "adversary.offsets");
        size_t numbers = self->batch * self->network.inputs;
        if (!offsets || offsets->type != TENSOR_F32 || tensor_count(offsets) != numbers)
            return strata_fail(ctx, STRATA_ERR_FORMAT,
                               "checkpoint: expected tensor 'adversary.offsets' of %zu float32 numbers", numbers);
        memcpy(adversary->offsets, offsets->data, numbers * sizeof *adversary->offsets);
    }
    if (!adversary || !adversary->good) return STRATA_OK;
    const struct tensor *weights = tensor_file_find(state, "guard.weights"),
                        *seen = tensor_file_find(state, "guard.seen");
    if (!weights || weights->type != TENSOR_F64 || tensor_count(weights) != adversary->good_count || !seen ||
        seen->type != TENSOR_F64 || tensor_count(seen) != 5)
        return strata_fail(ctx, STRATA_ERR_FORMAT,
                           "checkpoint: expected tensors 'guard.weights' of %zu float64 numbers "
                           "and 'guard.seen' of 5",
                           adversary->good_count);
    memcpy(adversary->good, weights->data, adversary->good_count * sizeof *adversary->good);
    memcpy(adversary->saved, seen->data, sizeof adversary->saved);
    adversary->last_fgm = adversary->saved[0];
    adversary->last_pgd = adversary->saved[1];
    adversary->alpha = adversary->saved[2];
    adversary->restored = (size_t)adversary->saved[3];
    adversary->looked = adversary->saved[4] > 0;
    return STRATA_OK;
}

strata_status gradient_save(strata_context *ctx, struct learner *learner, struct tensor_file *state) {
    struct gradient_learner *self = self_of(learner);
    STRATA_TRY(gradient_synchronise(ctx, self));
    STRATA_TRY(store_save(ctx, &self->store, state));
    STRATA_TRY(tensor_file_add(ctx, state, "running_loss", TENSOR_F64, 0, NULL, &self->running_loss));
    STRATA_TRY(state_set_count(ctx, state, "stage", self->stage));
    STRATA_TRY(save_adversary(ctx, self, state));
    return state_set_count(ctx, state, "step", self->step);
}

strata_status gradient_load(strata_context *ctx, struct learner *learner, const struct tensor_file *state) {
    struct gradient_learner *self = self_of(learner);
    uint64_t stage, step;
    STRATA_TRY(state_get_count(ctx, state, "stage", &stage));
    STRATA_TRY(state_get_count(ctx, state, "step", &step));
    if (stage < 1 || stage > self->stages || step > self->steps_per_stage)
        return strata_fail(ctx, STRATA_ERR_FORMAT,
                           "checkpoint: stage %llu, step %llu do not fit %zu stages of %zu steps",
                           (unsigned long long)stage, (unsigned long long)step, self->stages, self->steps_per_stage);
    const struct tensor *loss = tensor_file_find(state, "running_loss");
    if (!loss || loss->type != TENSOR_F64 || tensor_count(loss) != 1)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "checkpoint: expected tensor 'running_loss', one float64 number");
    STRATA_TRY(store_load(ctx, &self->store, state));
    STRATA_TRY(load_adversary(ctx, self, state));
    ++self->version;
    memcpy(&self->running_loss, loss->data, sizeof self->running_loss);
    engine_destroy(&self->training);
    self->stage = (size_t)stage;
    self->step = (size_t)step;
    self->started = true;
    return STRATA_OK;
}
