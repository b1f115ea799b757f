/* SPDX-License-Identifier: MIT */
/* What a learner has learnt: outputs, features, their derivatives to the inputs, and where its gradient comes from. */
#include "core/memory.h"
#include "learn/gradient_parts.h"

enum { PREDICT_ROWS = 512 };

/* Fewer rows where many of them would fall out of the caches, which costs a wide network half of its speed. */
static size_t rows_of(const struct engine *engine) {
    const size_t cached = 4 << 20, least = 16;
    size_t rows = PREDICT_ROWS, bytes = program_bytes(engine->program);
    while (rows > least && bytes * rows / PREDICT_ROWS > cached) rows /= 2;
    return rows;
}

static strata_status build_reader(strata_context *ctx, struct gradient_learner *self, size_t layer, size_t rows,
                                  struct engine *engine) {
    const struct network_view view = gradient_view(self, self->stage);
    struct program_options options = program_options_default();
    options.rows = rows;
    options.input_gradients = engine == &self->derivative;
    engine_destroy(engine);
    engine->root_layer = layer;
    engine->rows = rows;
    return engine_build(ctx, self, &view, &options, false, engine);
}

/*
 * Brings an engine without loss to the layers and weights of now; `layer` is its root, 0 for the output: what is above
 * the root does not run.
 */
static strata_status prepare(strata_context *ctx, struct gradient_learner *self, struct engine *engine, size_t layer) {
    if (!engine->program || engine->layers != gradient_active_layers(self, self->stage) ||
        engine->root_layer != layer) {
        STRATA_TRY(build_reader(ctx, self, layer, PREDICT_ROWS, engine));
        size_t rows = rows_of(engine);
        if (rows < PREDICT_ROWS) STRATA_TRY(build_reader(ctx, self, layer, rows, engine));
    }
    if (engine->version == self->version) return STRATA_OK;
    STRATA_TRY(gradient_synchronise(ctx, self));
    store_to_program(&self->store, engine->program, false);
    engine->version = self->version;
    return STRATA_OK;
}

static size_t value_width(const struct engine *engine, node value) { return graph_shape(engine->graph, value).dims[0]; }

static void read_value(const struct gradient_learner *self, const struct engine *engine, node value, size_t rows,
                       const float *x, float *out) {
    size_t width = value_width(engine, value), inputs = self->network.inputs;
    for (size_t begin = 0; begin < rows; begin += engine->rows) {
        size_t count = rows - begin < engine->rows ? rows - begin : engine->rows;
        program_bind(engine->program, engine->nodes.input, x + begin * inputs);
        program_forward(engine->program, count, false);
        program_read_f32(engine->program, value, out + begin * width);
    }
}

strata_status gradient_predict(strata_context *ctx, struct learner *learner, size_t rows, const float *x, float *out) {
    struct gradient_learner *self = self_of(learner);
    STRATA_TRY(prepare(ctx, self, &self->prediction, 0));
    read_value(self, &self->prediction, self->prediction.nodes.output, rows, x, out);
    return STRATA_OK;
}

/* Where the seeds of a pull come from: given, or made from the outputs. */
struct pull {
    const float *seed;
    strata_seeds seeds;
    void *user;
};

/* Through the root of self->derivative. */
static strata_status pull_back(struct gradient_learner *self, node root, size_t rows, const float *x,
                               const struct pull *pull, float *out, float *gradient) {
    const struct engine *engine = &self->derivative;
    size_t inputs = self->network.inputs, outputs = value_width(engine, root);
    float *own_out = self->block, *own_seed = own_out + engine->rows * outputs;
    for (size_t begin = 0; begin < rows; begin += engine->rows) {
        size_t count = rows - begin < engine->rows ? rows - begin : engine->rows;
        float *values = out ? out + begin * outputs : own_out;
        program_bind(engine->program, engine->nodes.input, x + begin * inputs);
        program_forward(engine->program, count, false);
        if (out || pull->seeds) program_read_f32(engine->program, root, values);
        if (pull->seeds) pull->seeds(pull->user, begin, count, values, own_seed);
        program_backward(engine->program, pull->seeds ? own_seed : pull->seed + begin * outputs);
        program_read_input_gradient_f32(engine->program, engine->nodes.input, gradient + begin * inputs);
    }
    return STRATA_OK;
}

/* Room for a block's outputs and seeds. */
static strata_status prepare_derivative(strata_context *ctx, struct gradient_learner *self, size_t layer) {
    STRATA_TRY(prepare(ctx, self, &self->derivative, layer));
    const struct engine *engine = &self->derivative;
    size_t outputs = value_width(engine, layer ? engine->nodes.layers[layer - 1] : engine->nodes.output), numbers;
    STRATA_TRY(mem_product(ctx, engine->rows, 2 * outputs, "outputs and their seeds", &numbers));
    if (self->block && numbers <= self->block_numbers) return STRATA_OK;
    mem_free(self->block);
    self->block_numbers = numbers;
    self->block = mem_zero(numbers, sizeof *self->block);
    return self->block ? STRATA_OK
                       : strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu outputs and seeds", numbers);
}

strata_status gradient_vjp(strata_context *ctx, struct learner *learner, size_t rows, const float *x, const float *seed,
                           float *out, float *gradient) {
    struct gradient_learner *self = self_of(learner);
    STRATA_TRY(prepare_derivative(ctx, self, 0));
    return pull_back(self, self->derivative.nodes.output, rows, x, &(struct pull){.seed = seed}, out, gradient);
}

strata_status gradient_pull(strata_context *ctx, struct learner *learner, size_t rows, const float *x,
                            strata_seeds seeds, void *seeds_user, float *out, float *gradient) {
    struct gradient_learner *self = self_of(learner);
    STRATA_TRY(prepare_derivative(ctx, self, 0));
    return pull_back(self, self->derivative.nodes.output, rows, x, &(struct pull){.seeds = seeds, .user = seeds_user},
                     out, gradient);
}

static strata_status check_layer(strata_context *ctx, const struct gradient_learner *self, size_t layer) {
    size_t layers = gradient_active_layers(self, self->stage);
    if (layer >= 1 && layer <= layers) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_ARGUMENT, "%s: layer %zu of %zu asked for", self->base.class_->name, layer,
                       layers);
}

strata_status gradient_feature_vjp(strata_context *ctx, struct learner *learner, size_t layer, size_t rows,
                                   const float *x, const float *seed, float *out, float *gradient) {
    struct gradient_learner *self = self_of(learner);
    STRATA_TRY(check_layer(ctx, self, layer));
    STRATA_TRY(prepare_derivative(ctx, self, layer));
    return pull_back(self, self->derivative.nodes.layers[layer - 1], rows, x, &(struct pull){.seed = seed}, out,
                     gradient);
}

strata_status gradient_features(strata_context *ctx, struct learner *learner, size_t layer, size_t rows, const float *x,
                                float *out) {
    struct gradient_learner *self = self_of(learner);
    STRATA_TRY(check_layer(ctx, self, layer));
    STRATA_TRY(prepare(ctx, self, &self->reading, layer));
    read_value(self, &self->reading, self->reading.nodes.layers[layer - 1], rows, x, out);
    return STRATA_OK;
}

/* Loss gradient at layer 1's input weights in the current view, with or without the path through upper layers. */
static strata_status route_gradient(strata_context *ctx, struct gradient_learner *self, bool cut, size_t rows,
                                    const float *x, const float *y, double *gradient) {
    struct network_view view = {.layers = gradient_active_layers(self, self->stage),
                                .cut = cut,
                                .last_readout = self->details->rule.last_readout};
    struct program_options options = program_options_default();
    options.rows = rows;
    options.gradients = true;
    struct engine engine = {0};
    STRATA_TRY(engine_build(ctx, self, &view, &options, true, &engine));
    store_to_program(&self->store, engine.program, false);
    program_bind(engine.program, engine.nodes.input, x);
    program_bind(engine.program, engine.target, y);
    program_forward(engine.program, rows, false);
    program_backward(engine.program, NULL);
    program_read_gradient(engine.program, graph_find(engine.graph, "layer1.input"), gradient);
    engine_destroy(&engine);
    return STRATA_OK;
}

strata_status gradient_routes(strata_context *ctx, struct learner *learner, size_t rows, const float *x, const float *y,
                              double *own, double *above) {
    struct gradient_learner *self = self_of(learner);
    const struct stored_parameter *first = store_find(&self->store, "layer1.input");
    if (!first)
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED, "%s: its layer 1 has no readout of its own",
                           learner->class_->name);
    STRATA_TRY(gradient_synchronise(ctx, self));
    size_t count = first->count;
    double *gradients = mem_zero(2 * count, sizeof *gradients);
    if (!gradients) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a gradient of %zu numbers", count);
    strata_status status = route_gradient(ctx, self, false, rows, x, y, gradients);
    if (status == STRATA_OK) status = route_gradient(ctx, self, true, rows, x, y, gradients + count);
    *own = *above = 0;
    for (size_t i = 0; status == STRATA_OK && i < count; ++i) {
        double through = gradients[i] - gradients[count + i];
        *own += gradients[count + i] * gradients[count + i];
        *above += through * through;
    }
    mem_free(gradients);
    return status;
}
