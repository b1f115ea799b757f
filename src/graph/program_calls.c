/* SPDX-License-Identifier: MIT */
/* The calls of a program's steps: what each needs, and, once the memory is there, where it finds everything. */
#include "graph/program_parts.h"

/* A call with shapes and attributes only: what `scratch` and `prepare` may look at. */
static struct op_call blank_call(const struct program *program, const struct op_step *step) {
    const struct graph_node *n = node_of(program, step->output);
    struct op_call call = {.attributes = &n->attributes,
                           .output_shape = &n->shape,
                           .input_count = n->input_count,
                           .rows = program->shard_rows,
                           .total_rows = program->options.rows};
    for (size_t k = 0; k < n->input_count; ++k) call.input_shapes[k] = &node_of(program, n->inputs[k])->shape;
    return call;
}

void plan_measure_calls(struct program *program) {
    for (size_t i = 0; i < program->step_count; ++i) {
        struct op_step *step = &program->steps[i];
        struct op_call call = blank_call(program, step);
        step->saved = program->saved_size;
        step->parts = program->parts_size;
        step->part_size = step->class_->part ? arena_padded(step->class_->part(&call)) : 0;
        program->parts_size += program->options.shards * step->part_size;
        if (step->class_->saved) program->saved_size += arena_padded(step->class_->saved(&call, program->shard_rows));
        size_t scratch = step->class_->scratch ? arena_padded(step->class_->scratch(&call, program->shard_rows)) : 0;
        if (scratch > program->scratch_size) program->scratch_size = scratch;
        program->prepared_size += arena_padded(step->class_->prepared_size);
    }
    for (size_t i = 0; i < program->graph->count; ++i)
        if (program->graph->nodes[i].kind == OP_CONSTANT) {
            program->slots[i].fixed = program->constants_size;
            program->constants_size += arena_padded(program->slots[i].size * program->element);
        }
}

static unsigned char *gradient_address(const struct program *program, size_t shard, node n) {
    const struct slot *slot = &program->slots[n];
    if (!slot->wants_gradient) return NULL;
    if (node_of(program, n)->kind == OP_PARAMETER)
        return program->gradients + (shard * program->trainable + slot->fixed) * program->element;
    return region_of(program, shard) + slot->gradient;
}

static unsigned char *tangent_address(const struct program *program, size_t shard, node n) {
    const struct slot *slot = &program->slots[n];
    const struct graph_node *self = node_of(program, n);
    if (!program->options.tangents || self->kind == OP_CONSTANT) return NULL;
    if (self->kind == OP_PARAMETER) return program->parameter_tangents + slot->fixed * program->element;
    return slot->tangent == NO_OFFSET ? NULL : region_of(program, shard) + slot->tangent;
}

static void fill_call(struct program *program, size_t shard, size_t number, void *prepared) {
    const struct op_step *step = &program->steps[number];
    const struct graph_node *n = node_of(program, step->output);
    struct op_call *call = &program->calls[shard * program->step_count + number];
    *call = blank_call(program, step);
    call->prepared = prepared;
    call->scratch = program->scratch_size ? program->scratch + shard * program->scratch_size : NULL;
    call->parts = step->part_size ? program->parts + step->parts : NULL;
    call->part = shard, call->part_count = program->options.shards, call->part_size = step->part_size;
    call->saved = program->saved_size ? program->saved + shard * program->saved_size + step->saved : NULL;
    call->output = region_of(program, shard) + program->slots[step->output].value;
    call->output_gradient = gradient_address(program, shard, step->output);
    call->output_tangent = tangent_address(program, shard, step->output);
    for (size_t k = 0; k < n->input_count; ++k) {
        call->inputs[k] = program_value(program, shard, n->inputs[k]);
        call->input_tangents[k] = tangent_address(program, shard, n->inputs[k]);
        if (step->backward) call->input_gradients[k] = gradient_address(program, shard, n->inputs[k]);
        /* The first writer in backward order overwrites: consumers behind this op, or an earlier operand of it. */
        for (size_t later = number + 1; later < program->step_count; ++later) {
            const struct graph_node *other = node_of(program, program->steps[later].output);
            for (size_t j = 0; program->steps[later].backward && j < other->input_count; ++j)
                call->keep[k] |= other->inputs[j] == n->inputs[k];
        }
        for (size_t j = 0; j < k; ++j) call->keep[k] |= n->inputs[j] == n->inputs[k];
        call->keep[k] |= n->inputs[k] == program->root;
    }
}

void plan_fill_calls(struct program *program) {
    unsigned char *prepared = program->prepared;
    for (size_t i = 0; i < program->step_count; ++i) {
        const struct op_class *class_ = program->steps[i].class_;
        if (class_->prepare) {
            struct op_call call = blank_call(program, &program->steps[i]);
            call.prepared = prepared;
            class_->prepare(&call, program->shard_rows);
        }
        for (size_t shard = 0; shard < program->options.shards; ++shard)
            fill_call(program, shard, i, class_->prepared_size ? prepared : NULL);
        prepared += arena_padded(class_->prepared_size);
    }
}

void plan_fill_constants(struct program *program) {
    for (size_t i = 0; i < program->graph->count; ++i) {
        const struct graph_node *n = &program->graph->nodes[i];
        if (n->kind != OP_CONSTANT) continue;
        unsigned char *target = program->constants + program->slots[i].fixed;
        for (size_t k = 0; k < program->slots[i].size; ++k) {
            if (program->element == sizeof(float))
                ((float *)target)[k] = (float)n->constant[k];
            else
                ((double *)target)[k] = n->constant[k];
        }
    }
}
