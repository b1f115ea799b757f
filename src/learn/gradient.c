/* SPDX-License-Identifier: MIT */
/* The life of a gradient learner: its settings, memory and weights. */
#include "learn/gradient.h"

#include <string.h>

#include "core/memory.h"
#include "learn/gradient_parts.h"

strata_status gradient_initialise(strata_context *ctx, struct gradient_learner *self, uint64_t kept) {
    const struct gradient_builder *builder = self->details->builder;
    for (size_t i = 0; i < self->store.count; ++i) {
        struct stored_parameter *item = &self->store.items[i];
        if (kept >> item->group & 1) continue;
        STRATA_TRY(builder
                       ? builder->initialise(ctx, &self->request, &self->network, self->stream, item->name, item->count,
                                             item->values)
                       : network_initialise(ctx, &self->network, self->stream, item->name, item->count, item->values));
    }
    return STRATA_OK;
}

strata_status gradient_synchronise(strata_context *ctx, struct gradient_learner *self) {
    const struct gradient_builder *builder = self->details->builder;
    if (self->training.program && self->started) store_from_program(&self->store, self->training.program, true);
    if (!builder || !builder->refresh || !store_finite(&self->store)) return STRATA_OK;
    return builder->refresh(ctx, &self->request, &self->network, self->stage, &self->store);
}

static void read_settings(struct gradient_learner *self) {
    const struct settings *settings = self->request.settings;
    const struct gradient_details *details = self->details;
    self->learning_rate = settings_number(settings, details->rate_key ? details->rate_key : "train.learning_rate");
    self->batch = settings_count(settings, "train.batch_size");
    size_t rows = source_rows(self->request.train);
    if (rows && rows < self->batch) self->batch = rows;
    self->warmup = settings_count(settings, "train.warmup");
    self->shards = settings_count(settings, "train.shards");
    if (self->shards > self->batch) self->shards = self->batch;
    self->stages = details->rule.reuse ? 2 : details->rule.staged ? self->network.layer_count : 1;
    self->steps_per_stage = settings_count(settings, "train.steps_per_stage");
    if ((details->rule.staged || details->rule.reuse) && details->steps_key) {
        size_t all = settings_count(settings, details->steps_key);
        self->steps_per_stage = (all + self->stages - 1) / self->stages;
    } else if (!details->rule.staged) {
        size_t depth = settings_count(settings, "network.depth");
        size_t all = settings_count(settings, details->steps_key ? details->steps_key : "train.steps");
        self->steps_per_stage = all ? all : self->steps_per_stage * depth;
    }
    self->optimizer = optimizer_find(settings_text(settings, "train.optimizer"));
    self->schedule = schedule_find(settings_text(settings, "train.schedule"));
    self->update = update_default(self->learning_rate);
    self->update.clip_norm = settings_number(settings, "train.clip_norm");
    self->update.weight_decay = settings_number(settings, "train.weight_decay");
    if (details->noise_key) self->update.noise = settings_number(settings, details->noise_key);
    if (details->threshold_key) self->threshold = settings_number(settings, details->threshold_key);
}

/* The store has an entry for every parameter that some stage trains or some layer's features read. */
static strata_status create_store(strata_context *ctx, struct gradient_learner *self) {
    const struct stage_rule *rule = &self->details->rule;
    struct network_view all = {.layers = self->network.layer_count,
                               .last_readout = rule->last_readout && !rule->alone && (rule->whole || !rule->staged)};
    struct program_options options = program_options_default();
    struct engine whole = {0};
    STRATA_TRY(engine_build(ctx, self, &all, &options, false, &whole));
    strata_status status = store_create(ctx, whole.program, self->optimizer->slots, &self->store);
    engine_destroy(&whole);
    return status == STRATA_OK ? gradient_initialise(ctx, self, 0) : status;
}

/* What the adversary needs of the learner: a copy of the weights, gradients to the rows. */
static strata_status allocate_memory(strata_context *ctx, struct gradient_learner *self) {
    struct adversary *adversary = self->adversary;
    if (adversary->class_->stays) {
        self->followed = mem_zero(self->batch * self->network.inputs, sizeof *self->followed);
        if (!self->followed)
            return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for gradients to %zu rows", self->batch);
    }
    if (!adversary->class_->guard) return STRATA_OK;
    for (size_t i = 0; i < self->store.count; ++i) adversary->good_count += self->store.items[i].count;
    adversary->good = mem_zero(adversary->good_count, sizeof *adversary->good);
    return adversary->good ? STRATA_OK : strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a copy of the weights");
}

strata_status gradient_create(strata_context *ctx, const struct learner_class *class_,
                              const struct learner_request *request, struct learner **learner) {
    *learner = NULL;
    struct gradient_learner *self = mem_zero(1, sizeof *self);
    if (!self) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for learner %s", class_->name);
    self->base.class_ = class_;
    self->details = class_->details;
    self->request = *request;
    self->stream = rng_stream_make(request->seed, request->replicate, RNG_INIT);
    self->stage = 1;
    self->version = 1;
    strata_status status = self->details->describe(ctx, request, &self->network);
    if (status == STRATA_OK) {
        read_settings(self);
        status = source_reserve(ctx, request->train, self->batch);
    }
    if (status == STRATA_OK)
        status = adversary_create(ctx, request->settings, source_task(request->train), self->batch,
                                  self->network.inputs, self->network.outputs,
                                  rng_stream_make(request->seed, request->replicate, RNG_ADVERSARY), &self->adversary);
    if (status == STRATA_OK && self->adversary && source_target_width(request->train) != source_outputs(request->train))
        status = strata_fail(ctx, STRATA_ERR_CONFIG, "key 'adversarial.method': expected none with mixed pictures");
    if (status == STRATA_OK) status = create_store(ctx, self);
    if (status == STRATA_OK && self->adversary) status = allocate_memory(ctx, self);
    if (status != STRATA_OK)
        gradient_destroy(&self->base);
    else
        *learner = &self->base;
    return status;
}

void gradient_destroy(struct learner *learner) {
    if (!learner) return;
    struct gradient_learner *self = self_of(learner);
    engine_destroy(&self->training);
    engine_destroy(&self->prediction);
    engine_destroy(&self->reading);
    engine_destroy(&self->derivative);
    store_destroy(&self->store);
    adversary_destroy(self->adversary);
    mem_free(self->block);
    mem_free(self->followed);
    mem_free(self);
}

size_t gradient_layer_count(const struct learner *learner) {
    return ((const struct gradient_learner *)learner)->network.layer_count;
}

size_t gradient_layer_width(const struct learner *learner, size_t layer) {
    return ((const struct gradient_learner *)learner)->network.layers[layer - 1].width;
}

strata_status gradient_parameter(strata_context *ctx, struct learner *learner, const char *name, size_t *count,
                                 double *values) {
    struct gradient_learner *self = self_of(learner);
    STRATA_TRY(gradient_synchronise(ctx, self));
    const struct stored_parameter *item = store_find(&self->store, name);
    if (!item) return strata_fail(ctx, STRATA_ERR_NOT_FOUND, "%s has no parameter '%s'", learner->class_->name, name);
    *count = item->count;
    if (values) memcpy(values, item->values, item->count * sizeof *values);
    return STRATA_OK;
}

size_t gradient_parameter_count(const struct learner *learner) {
    const struct parameter_store *store = &((const struct gradient_learner *)learner)->store;
    size_t count = 0;
    for (size_t i = 0; i < store->count; ++i) count += store->items[i].tracked ? 0 : store->items[i].count;
    return count;
}
