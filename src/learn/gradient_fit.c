/* SPDX-License-Identifier: MIT */
/* Training: stages, the steps of a stage, and when a fit has diverged. */
#include <math.h>

#include "learn/gradient_parts.h"

static uint64_t layer_groups(size_t layer, bool readout) {
    return UINT64_C(1) << (GROUP_LAYER + layer) | (readout ? UINT64_C(1) << (GROUP_READOUT + layer) : 0);
}

static uint64_t frozen_groups(const struct gradient_learner *self, size_t stage) {
    const struct stage_rule *rule = &self->details->rule;
    uint64_t mask = 0;
    if (rule->reuse && stage == 2) return layer_groups(0, true);
    for (size_t l = 0; rule->staged && rule->freeze_below && l + 1 + rule->overlap < stage; ++l)
        mask |= layer_groups(l, !rule->refit_readouts);
    return mask;
}

/* Steps that the optimizer and the schedule count: of the stage, or of the fit where stages only go on. */
static size_t steps_counted(const struct gradient_learner *self) {
    return (self->details->rule.whole ? (self->stage - 1) * self->steps_per_stage : 0) + self->step;
}

/* The pair loss has none of what a learner or a setting adds to the usual one: refused, not forgotten. */
static strata_status check_pairs(strata_context *ctx, const struct gradient_learner *self) {
    double smoothing = settings_number(self->request.settings, "train.label_smoothing");
    if (self->training.nodes.other_count > 0 || self->training.penalised)
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED,
                           "%s: key 'adversarial.method': trades trains networks of one output layer without penalty; "
                           "expected none, fgm, pgd, fgsm_rs, free or noise",
                           self->base.class_->name);
    if (smoothing > 0)
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "key 'train.label_smoothing': expected 0 with adversarial.method=trades, got %g", smoothing);
    return STRATA_OK;
}

/* Plans the stage from the store; a stopped fit goes on in the program that it left. */
static strata_status begin_stage(strata_context *ctx, struct gradient_learner *self) {
    if (self->training.program && self->started) return STRATA_OK;
    if (self->details->rule.reuse && self->stage == 2 && !self->started)
        STRATA_TRY(gradient_initialise(ctx, self, layer_groups(0, true)));
    struct network_view view = gradient_view(self, self->stage);
    struct program_options options = program_options_default();
    bool pairs = self->adversary && self->adversary->class_->pairs;
    options.rows = pairs ? 2 * self->batch : self->batch;
    options.shards = self->shards;
    options.pool = self->request.pool;
    options.gradients = true;
    options.input_gradients = gradient_stays(self);
    options.recompute = settings_flag(self->request.settings, "train.recompute");
    options.optimizer = self->optimizer;
    options.frozen_groups = frozen_groups(self, self->stage);
    options.stream = rng_stream_sub(self->stream, self->stage);
    engine_destroy(&self->training);
    STRATA_TRY(engine_build(ctx, self, &view, &options, !pairs, &self->training));
    if (pairs) STRATA_TRY(check_pairs(ctx, self));
    store_to_program(&self->store, self->training.program, self->started);
    program_set_steps(self->training.program, self->started ? steps_counted(self) : 0);
    self->started = true;
    ++self->version;
    return STRATA_OK;
}

/* Where the fit is after a step. */
static bool stage_over(const struct gradient_learner *self) {
    if (self->step == self->steps_per_stage) return true;
    return self->stage < self->stages && self->step > self->warmup && self->running_loss < self->threshold;
}

static struct fit_point point_of(const struct gradient_learner *self, double loss) {
    return (struct fit_point){.step = (self->stage - 1) * self->steps_per_stage + self->step,
                              .total = self->stages * self->steps_per_stage,
                              .stage = self->stage,
                              .stage_end = stage_over(self),
                              .layers = gradient_active_layers(self, self->stage),
                              .loss = loss};
}

/* The pair loss of TRADES is made by hand from the logits of clean and moved rows. */
static double pair_step(struct gradient_learner *self, const float *rows, const float *y) {
    struct adversary *adversary = self->adversary;
    struct program *program = self->training.program;
    program_bind(program, self->training.nodes.input, rows);
    program_forward(program, 2 * self->batch, true);
    program_read_f32(program, self->training.nodes.output, adversary->logits);
    double loss = adversary_pair_loss(adversary, adversary->logits, y, adversary->seeds);
    program_backward(program, adversary->seeds);
    program_update(program, &self->update);
    return loss;
}

/* Where the adversary stays: the gradient to the rows comes with that to the weights. */
static double followed_step(struct gradient_learner *self, const float *x, const float *moved, const float *y) {
    struct program *program = self->training.program;
    program_bind(program, self->training.nodes.input, moved);
    program_bind(program, self->training.target, y);
    program_forward(program, self->batch, true);
    double loss = program_scalar(program, self->training.loss);
    program_backward(program, NULL);
    program_read_gradient(program, self->training.nodes.input, self->followed);
    program_update(program, &self->update);
    adversary_follow(self->adversary, x, self->followed);
    return loss;
}

/* Rows of the step, moved by the adversary if there is one. */
static strata_status move_batch(strata_context *ctx, struct gradient_learner *self, size_t step, const float **x,
                                const float *y) {
    if (!self->adversary) return STRATA_OK;
    const strata_function function = learner_function(&self->base, self->network.inputs, self->network.outputs);
    STRATA_TRY(gradient_guard(ctx, self, &function, *x, y));
    return adversary_move(ctx, self->adversary, &function, step, self->stages * self->steps_per_stage, *x, y, x);
}

static strata_status one_step(strata_context *ctx, struct gradient_learner *self, double *loss) {
    const float *x, *y;
    size_t step = (self->stage - 1) * self->steps_per_stage + self->step;
    source_batch(self->request.train, self->adversary ? adversary_batch(self->adversary, step) : step, self->batch, &x,
                 &y);
    const float *rows = x;
    STRATA_TRY(move_batch(ctx, self, step, &x, y));
    self->update.learning_rate = self->learning_rate *
                                 schedule_factor(self->schedule, steps_counted(self),
                                                 (self->details->rule.whole ? self->stages : 1) * self->steps_per_stage,
                                                 self->warmup);
    if (self->adversary && self->adversary->class_->pairs) {
        *loss = pair_step(self, x, y);
    } else if (gradient_stays(self) && step >= self->adversary->from_step) {
        *loss = followed_step(self, rows, x, y);
    } else {
        program_bind(self->training.program, self->training.nodes.input, x);
        program_bind(self->training.program, self->training.target, y);
        *loss = program_step(self->training.program, self->batch, &self->update);
    }
    const double share = 0.02;
    self->running_loss = self->step == 0 ? *loss : (1 - share) * self->running_loss + share * *loss;
    ++self->step;
    ++self->version;
    return STRATA_OK;
}

/* A step's loss tells of the steps before it; after the last one of a stage the same batch is asked again. */
static bool step_diverged(struct gradient_learner *self, const struct fit_point *point) {
    if (!isfinite(point->loss)) return true;
    if (!point->stage_end) return false;
    if (self->adversary && self->adversary->class_->pairs) {
        store_from_program(&self->store, self->training.program, true);
        return !store_finite(&self->store);
    }
    program_forward(self->training.program, self->batch, false);
    return !isfinite(program_scalar(self->training.program, self->training.loss));
}

strata_status gradient_fit(strata_context *ctx, struct learner *learner, const struct fit_hooks *hooks) {
    struct gradient_learner *self = self_of(learner);
    for (; self->stage <= self->stages; ++self->stage, self->step = 0, self->started = self->details->rule.whole) {
        STRATA_TRY(begin_stage(ctx, self));
        while (!stage_over(self)) {
            double loss;
            STRATA_TRY(one_step(ctx, self, &loss));
            struct fit_point point = point_of(self, loss);
            if (step_diverged(self, &point)) {
                learner->diverged_step = point.step;
                return strata_fail(ctx, STRATA_ERR_DIVERGED, "%s: diverged at step %zu", learner->class_->name,
                                   point.step);
            }
            STRATA_TRY(fit_report(ctx, learner, hooks, &point));
        }
        STRATA_TRY(gradient_synchronise(ctx, self));
        if (self->stage < self->stages) engine_destroy(&self->training);
    }
    self->stage = self->stages;
    self->step = self->steps_per_stage;
    self->started = true;
    return STRATA_OK;
}
