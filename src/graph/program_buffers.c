/* SPDX-License-Identifier: MIT */
/*
 * How long each buffer of a program lives and where it lies. Time runs over forward steps 0..F-1 and backward steps
 * F..2F-1 (op p goes backward at 2F-1-p). Buffers whose lifetimes do not meet share bytes; they are placed largest
 * first at the lowest free offset.
 */
#include <stdlib.h>

#include "graph/program_parts.h"

struct piece {
    size_t *offset; /* where to write the result */
    size_t bytes, first, last;
    bool twice; /* alive again from `back_first` to `back_last` */
    size_t back_first, back_last;
};

static bool overlap(size_t first_a, size_t last_a, size_t first_b, size_t last_b) {
    return first_a <= last_b && first_b <= last_a;
}

static bool meet(const struct piece *a, const struct piece *b) {
    return overlap(a->first, a->last, b->first, b->last) ||
           (a->twice && overlap(a->back_first, a->back_last, b->first, b->last)) ||
           (b->twice && overlap(a->first, a->last, b->back_first, b->back_last)) ||
           (a->twice && b->twice && overlap(a->back_first, a->back_last, b->back_first, b->back_last));
}

static int compare_pieces(const void *a, const void *b) {
    const struct piece *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Lowest offset at which piece `number` meets no earlier placed piece in both time and space. */
static size_t lowest_offset(const struct piece *pieces, size_t number) {
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < number; ++i) {
            bool in_time = meet(&pieces[i], &pieces[number]);
            size_t begin = *pieces[i].offset, end = begin + pieces[i].bytes;
            if (in_time && offset < end && begin < offset + pieces[number].bytes) {
                offset = end;
                moved = true;
            }
        }
    }
    return offset;
}

static size_t shard_bytes(const struct program *program, node n) {
    size_t rows = node_of(program, n)->shape.batched ? program->shard_rows : 1;
    return arena_padded(program->slots[n].size * rows * program->element);
}

/*
 * Splits the life of a value that is computed again: forward until its last use there, and from its first use backward.
 * Its op comes later on the way back than all that use it, so what it reads is still there.
 */
static void split_life(struct program *program, size_t number, struct piece *value) {
    size_t forward = program->step_count, last = number, first_back = 2 * forward, at = NO_OFFSET;
    struct op_step *step = &program->steps[number];
    step->recompute_at = NO_OFFSET;
    if (!program->options.recompute || !step->class_->recompute || value->last < forward ||
        value->last >= 2 * forward || step->class_->reads & OP_READS_OUTPUT)
        return;
    const struct graph_node *self = node_of(program, step->output);
    for (size_t k = 0; k < self->input_count; ++k) { /* what it reads must not be forgotten in its turn */
        size_t below = program->slots[self->inputs[k]].step;
        if (below != NO_OFFSET && program->steps[below].recompute_at != NO_OFFSET) return;
    }
    for (size_t p = number + 1; p < forward; ++p) {
        const struct graph_node *user = node_of(program, program->steps[p].output);
        size_t back = 2 * forward - 1 - p;
        bool uses = false;
        for (size_t k = 0; k < user->input_count; ++k) uses |= user->inputs[k] == step->output;
        if (!uses) continue;
        last = p;
        if (program->steps[p].backward && program->steps[p].class_->reads & OP_READS_INPUTS && back < first_back)
            first_back = back, at = p;
    }
    if (at == NO_OFFSET || !step->backward || !(step->class_->reads & OP_READS_INPUTS)) return;
    step->recompute_at = at;
    value->twice = true;
    value->back_first = first_back;
    value->back_last = value->last;
    value->last = last;
}

/* Lifetimes of the value and the gradient of one op's output or input. */
static void lifetimes(const struct program *program, node n, struct piece *value, struct piece *gradient) {
    size_t forward = program->step_count, end = 2 * forward;
    const struct graph_node *self = node_of(program, n);
    bool reuse = !program->options.tangents && !program->options.per_sample;
    value->first = gradient->first = end;
    value->last = gradient->last = 0;
    for (size_t p = 0; p < forward; ++p) {
        const struct op_step *step = &program->steps[p];
        size_t back = 2 * forward - 1 - p;
        if (step->output == n) {
            value->first = p;
            if (value->last < p) value->last = p;
            if (step->backward && step->class_->reads & OP_READS_OUTPUT && value->last < back) value->last = back;
            if (step->backward) gradient->last = back;
        }
        const struct graph_node *consumer = node_of(program, step->output);
        for (size_t k = 0; k < consumer->input_count; ++k) {
            if (consumer->inputs[k] != n) continue;
            if (value->last < p) value->last = p;
            if (step->backward && step->class_->reads & OP_READS_INPUTS && value->last < back) value->last = back;
            if (step->backward && gradient->first > back) gradient->first = back;
        }
    }
    if (n == program->root) gradient->first = forward;
    if (self->kept || n == program->root || !reuse) value->last = end;
    if (is_leaf(self) || !reuse || gradient->last < gradient->first) gradient->first = 0, gradient->last = end;
    if (!reuse) value->first = 0;
}

strata_status plan_buffers(strata_context *ctx, struct program *program) {
    const struct graph *graph = program->graph;
    struct piece *pieces = mem_zero(3 * graph->count + 1, sizeof *pieces);
    if (!pieces) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a plan of %zu nodes", graph->count);
    size_t count = 0;
    for (size_t i = 0; i < graph->count; ++i) {
        struct slot *slot = &program->slots[i];
        const struct graph_node *n = &graph->nodes[i];
        if (!slot->reached || n->kind == OP_CONSTANT || n->kind == OP_PARAMETER) continue;
        struct piece value = {0}, gradient = {0};
        lifetimes(program, (node)i, &value, &gradient);
        if (!is_leaf(n)) split_life(program, slot->step, &value);
        value.bytes = gradient.bytes = shard_bytes(program, (node)i);
        value.offset = &slot->value;
        gradient.offset = &slot->gradient;
        if (!is_leaf(n)) pieces[count++] = value;
        if (slot->wants_gradient) pieces[count++] = gradient;
        if (program->options.tangents)
            pieces[count++] = (struct piece){
                .offset = &slot->tangent, .bytes = value.bytes, .last = 2 * program->step_count};
    }
    qsort(pieces, count, sizeof *pieces, compare_pieces);
    for (size_t i = 0; i < count; ++i) {
        *pieces[i].offset = lowest_offset(pieces, i);
        size_t end = *pieces[i].offset + pieces[i].bytes;
        if (end > program->region_size) program->region_size = end;
    }
    mem_free(pieces);
    return STRATA_OK;
}
