/* SPDX-License-Identifier: MIT */
/* Graphs of a stage's network, with the loss or without. */
#include "learn/gradient_parts.h"
#include "learn/objective.h"

void engine_destroy(struct engine *engine) {
    program_destroy(engine->program);
    graph_destroy(engine->graph);
    *engine = (struct engine){0};
}

size_t gradient_active_layers(const struct gradient_learner *self, size_t stage) {
    const struct stage_rule *rule = &self->details->rule;
    if (rule->alone && !(rule->reuse && stage == 2)) return 1;
    return rule->staged && !rule->whole ? stage : self->network.layer_count;
}

struct network_view gradient_view(const struct gradient_learner *self, size_t stage) {
    const struct stage_rule *rule = &self->details->rule;
    bool anew = rule->reuse && stage == 2;
    return (struct network_view){.layers = gradient_active_layers(self, stage),
                                 .cut = rule->cut && !anew,
                                 .last_readout = rule->last_readout || anew};
}

static node loss_of(const struct gradient_learner *self, const struct engine *engine, node output) {
    return objective_node(engine->graph, source_task(self->request.train),
                          settings_number(self->request.settings, "train.label_smoothing"), output, engine->target);
}

strata_status engine_build(strata_context *ctx, const struct gradient_learner *self, const struct network_view *view,
                           const struct program_options *options, bool with_loss, struct engine *engine) {
    const struct gradient_builder *builder = self->details->builder;
    node penalty = NODE_NONE;
    STRATA_TRY(graph_create(ctx, &engine->graph));
    strata_status status = builder ? builder->build(ctx, &self->request, &self->network, view, engine->graph,
                                                    &engine->nodes, &penalty)
                                   : network_build(&self->network, view, engine->graph, &engine->nodes);
    node root = engine->nodes.output;
    engine->layers = view->layers;
    engine->penalised = penalty != NODE_NONE;
    if (status == STRATA_OK && engine->root_layer) root = engine->nodes.layers[engine->root_layer - 1];
    if (status == STRATA_OK && with_loss) {
        engine->target = graph_input(engine->graph, "target", shape_rows(source_target_width(self->request.train)));
        root = engine->loss = loss_of(self, engine, engine->nodes.output);
        for (size_t i = 0; i < engine->nodes.other_count; ++i)
            root = engine->loss = graph_binary(engine->graph, OP_ADD, engine->loss,
                                               loss_of(self, engine, engine->nodes.others[i]));
        if (penalty != NODE_NONE) root = engine->loss = graph_binary(engine->graph, OP_ADD, engine->loss, penalty);
        status = graph_status(engine->graph);
    } else if (status == STRATA_OK && !engine->root_layer) { /* every parameter of the view is to be there */
        for (size_t l = 0; l < view->layers; ++l) graph_keep(engine->graph, engine->nodes.layers[l]);
        for (size_t i = 0; i < engine->nodes.other_count; ++i) graph_keep(engine->graph, engine->nodes.others[i]);
    }
    if (status == STRATA_OK) status = learner_check_size(ctx, &self->request, graph_parameter_numbers(engine->graph));
    if (status == STRATA_OK) status = program_create(ctx, engine->graph, root, options, &engine->program);
    if (status != STRATA_OK) engine_destroy(engine);
    return status;
}
