/* SPDX-License-Identifier: MIT */
/* Planning: which nodes run, which want gradients, in what order parameters lie, how much memory all of it takes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/program_parts.h"

struct program_options program_options_default(void) {
    return (struct program_options){.precision = PRECISION_F32, .rows = 1, .shards = 1};
}

static bool is_frozen(const struct program *program, node n) {
    return program->slots[n].tracked || ((program->options.frozen_groups >> node_of(program, n)->group) & 1);
}

static void mark_reached(struct program *program) {
    const struct graph *graph = program->graph;
    for (size_t i = graph->count; i-- > 0;) {
        struct slot *slot = &program->slots[i];
        slot->size = shape_size(&graph->nodes[i].shape);
        slot->value = slot->gradient = slot->tangent = slot->step = NO_OFFSET;
        if ((node)i == program->root || graph->nodes[i].kept) slot->reached = true;
        if (!slot->reached || is_leaf(&graph->nodes[i])) continue;
        unsigned tracks = op_class_get(graph->nodes[i].kind, program->options.precision)->tracks;
        for (size_t k = 0; k < graph->nodes[i].input_count; ++k) {
            program->slots[graph->nodes[i].inputs[k]].reached = true;
            program->slots[graph->nodes[i].inputs[k]].tracked |= tracks >> k & 1;
        }
    }
}

/* A node wants a gradient when a trainable leaf feeds it and it feeds the root. */
static strata_status mark_gradients(strata_context *ctx, struct program *program) {
    const struct graph *graph = program->graph;
    const struct program_options *options = &program->options;
    bool *feeds_root = mem_zero(graph->count, sizeof *feeds_root);
    if (!feeds_root) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a plan of %zu nodes", graph->count);
    feeds_root[program->root] = true;
    for (size_t i = graph->count; i-- > 0;) {
        if (!feeds_root[i] || is_leaf(&graph->nodes[i])) continue;
        if (op_class_get(graph->nodes[i].kind, options->precision)->stops_gradient) continue;
        for (size_t k = 0; k < graph->nodes[i].input_count; ++k) feeds_root[graph->nodes[i].inputs[k]] = true;
    }
    for (size_t i = 0; i < graph->count; ++i) {
        const struct graph_node *n = &graph->nodes[i];
        bool wants = false;
        if (n->kind == OP_PARAMETER)
            wants = options->gradients && !is_frozen(program, (node)i);
        else if (n->kind == OP_INPUT)
            wants = options->input_gradients && n->shape.batched;
        else if (n->kind != OP_CONSTANT && !op_class_get(n->kind, options->precision)->stops_gradient)
            for (size_t k = 0; k < n->input_count; ++k) wants |= program->slots[n->inputs[k]].wants_gradient;
        program->slots[i].wants_gradient = wants && feeds_root[i] && program->slots[i].reached;
    }
    mem_free(feeds_root);
    return STRATA_OK;
}

static strata_status check_modes(strata_context *ctx, const struct program *program) {
    for (size_t i = 0; i < program->graph->count; ++i)
        if (program->slots[i].tracked && program->graph->nodes[i].kind != OP_PARAMETER)
            return strata_fail(ctx, STRATA_ERR_ARGUMENT, "a value that an op tracks must be a parameter");
    for (size_t i = 0; i < program->step_count; ++i) {
        const struct op_step *step = &program->steps[i];
        const struct graph_node *n = node_of(program, step->output);
        if (program->options.shards > 1 && step->class_->mixes_rows &&
            (!step->class_->gather || program->options.tangents))
            return strata_fail(ctx, STRATA_ERR_UNSUPPORTED,
                               "%zu shards: op '%s' mixes the rows of the whole batch; expected 1 shard",
                               program->options.shards, step->class_->name);
        if (program->options.shards == 1 || n->shape.batched) continue;
        bool consumed = false;
        for (size_t k = 0; k < program->step_count; ++k)
            for (size_t j = 0; j < node_of(program, program->steps[k].output)->input_count; ++j)
                consumed |= node_of(program, program->steps[k].output)->inputs[j] == step->output;
        if (!step->class_->reduces_rows || consumed)
            return strata_fail(ctx, STRATA_ERR_UNSUPPORTED,
                               "%zu shards: op '%s' computes on numbers that all shards share", program->options.shards,
                               step->class_->name);
    }
    return STRATA_OK;
}

static void list_steps(struct program *program) {
    const struct graph *graph = program->graph;
    program->fast_rows = true;
    for (size_t i = 0; i < graph->count; ++i) {
        const struct graph_node *n = &graph->nodes[i];
        if (!program->slots[i].reached || is_leaf(n)) continue;
        program->slots[i].step = program->step_count;
        struct op_step *step = &program->steps[program->step_count++];
        step->output = (node)i;
        step->class_ = op_class_get(n->kind, program->options.precision);
        for (size_t k = 0; program->slots[i].wants_gradient && k < n->input_count; ++k) {
            const struct graph_node *input = node_of(program, n->inputs[k]);
            if (!program->slots[n->inputs[k]].wants_gradient) continue;
            step->backward = true;
            if (input->shape.batched) continue;
            step->fast_rows = true;
            /* A gradient block per row exists for parameters alone. */
            if (!step->class_->backward_rows || input->kind != OP_PARAMETER) program->fast_rows = false;
        }
    }
}

static int compare_parameters(const void *a, const void *b, void *user) {
    const struct program *program = user;
    node x = *(const node *)a, y = *(const node *)b;
    const struct graph_node *nx = node_of(program, x), *ny = node_of(program, y);
    bool fx = is_frozen(program, x), fy = is_frozen(program, y);
    if (fx != fy) return fx ? 1 : -1;
    if (nx->group != ny->group) return nx->group < ny->group ? -1 : 1;
    return x < y ? -1 : 1;
}

/* Parameters side by side, each padded to a cache line: an optimizer pass is one loop over a segment. */
static void place_parameters(struct program *program) {
    const struct graph *graph = program->graph;
    for (size_t i = 0; i < graph->count; ++i)
        if (graph->nodes[i].kind == OP_PARAMETER && program->slots[i].reached)
            program->parameters[program->parameter_count++] = (node)i;
    qsort_r(program->parameters, program->parameter_count, sizeof *program->parameters, compare_parameters, program);
    size_t line = MEM_ALIGNMENT / program->element;
    for (size_t i = 0; i < program->parameter_count; ++i) {
        const struct graph_node *n = node_of(program, program->parameters[i]);
        struct slot *slot = &program->slots[program->parameters[i]];
        slot->fixed = program->total;
        program->total += (slot->size + line - 1) / line * line;
        if (is_frozen(program, program->parameters[i])) continue;
        program->trainable = program->total;
        size_t count = program->segment_count;
        if (count == 0 || program->segments[count - 1].group != n->group) {
            program->segments[count] = (struct segment){.group = n->group, .begin = slot->fixed};
            program->segment_count = ++count;
        }
        program->segments[count - 1].count = program->total - program->segments[count - 1].begin;
    }
}

/* Refuses more bytes than the machine has; `growing` of them are as many as the batch has rows. */
static strata_status check_memory(strata_context *ctx, const struct program_options *options, size_t capacity,
                                  size_t growing) {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages <= 0 || page <= 0 || capacity / (size_t)page < (size_t)pages) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_TOO_LARGE,
                       "the network needs %.1f GB at a batch of %zu rows; this machine has %.1f GB. %.1f GB of it "
                       "fall with the batch: try a smaller train.batch_size or train.recompute%s",
                       (double)capacity * 1e-9, options->rows, (double)pages * (double)page * 1e-9,
                       (double)growing * 1e-9, growing < capacity / 2 ? " and a narrower network" : "");
}

static strata_status take_arena(strata_context *ctx, struct program *program) {
    const struct program_options *options = &program->options;
    size_t gradient_blocks = !options->gradients ? 0 : options->per_sample ? options->rows : options->shards;
    size_t state_count = options->optimizer ? options->optimizer->slots : 0;
    program->update_blocks = program->trainable / UPDATE_BLOCK + program->segment_count + 1;
    size_t sizes[] = {program->total * program->element,
                      gradient_blocks * program->trainable * program->element,
                      state_count * program->trainable * program->element,
                      program->constants_size,
                      options->tangents ? program->total * program->element : 0,
                      options->shards * program->region_size,
                      options->shards * program->scratch_size,
                      options->shards * program->saved_size,
                      program->parts_size,
                      program->prepared_size,
                      program->update_blocks * sizeof(double)};
    unsigned char **blocks[] = {&program->block,
                                &program->gradients,
                                &program->states,
                                &program->constants,
                                &program->parameter_tangents,
                                &program->regions,
                                &program->scratch,
                                &program->saved,
                                &program->parts,
                                &program->prepared,
                                NULL};
    size_t capacity = 0, count = sizeof sizes / sizeof *sizes;
    for (size_t i = 0; i < count; ++i) capacity += arena_padded(sizes[i]);
    size_t growing = options->shards * program->region_size + (options->per_sample ? sizes[1] : 0);
    STRATA_TRY(check_memory(ctx, options, capacity, growing));
    STRATA_TRY(arena_create(ctx, capacity, &program->arena));
    for (size_t i = 0; i + 1 < count; ++i) *blocks[i] = arena_take(&program->arena, sizes[i]);
    program->norms = arena_take(&program->arena, sizes[count - 1]);
    return STRATA_OK;
}

static double numbers_of(const struct shape *shape) {
    double count = 1;
    for (unsigned k = 0; k < shape->rank; ++k) count *= (double)shape->dims[k];
    return count;
}

/* Numbers of an op's scratch at most: a convolution's taps, fewer than its weights, for every pixel that it meets. */
static double scratch_numbers(const struct graph *graph, const struct graph_node *n) {
    double pixels = 1;
    if (n->input_count < 2) return 0;
    const struct shape *shapes[] = {&n->shape, &graph->nodes[n->inputs[0]].shape};
    for (size_t i = 0; i < 2; ++i)
        if (shapes[i]->rank == 3) pixels = fmax(pixels, (double)shapes[i]->dims[1] * (double)shapes[i]->dims[2]);
    return pixels > 1 ? pixels * numbers_of(&graph->nodes[n->inputs[1]].shape) : 0;
}

/* No product of sizes below may wrap: the sum of all of them, in doubles, stays under 2^60. */
static strata_status check_sizes(strata_context *ctx, const struct program *program) {
    const struct graph *graph = program->graph;
    double total = 0, rows = (double)program->options.rows, shards = (double)program->options.shards;
    for (size_t i = 0; i < graph->count; ++i)
        total += 64 * rows * numbers_of(&graph->nodes[i].shape) +
                 16 * shards * scratch_numbers(graph, &graph->nodes[i]);
    if (total < 0x1p60) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_TOO_LARGE, "a batch of %zu rows of this network is beyond any machine",
                       program->options.rows);
}

static strata_status plan(strata_context *ctx, struct program *program) {
    STRATA_TRY(check_sizes(ctx, program));
    mark_reached(program);
    STRATA_TRY(mark_gradients(ctx, program));
    list_steps(program);
    STRATA_TRY(check_modes(ctx, program));
    place_parameters(program);
    STRATA_TRY(plan_buffers(ctx, program));
    plan_measure_calls(program);
    STRATA_TRY(take_arena(ctx, program));
    plan_fill_constants(program);
    plan_fill_calls(program);
    return STRATA_OK;
}

static strata_status check_options(strata_context *ctx, const struct graph *graph, node root,
                                   const struct program_options *options) {
    STRATA_TRY(graph_status(graph));
    if (root < 0 || (size_t)root >= graph->count || is_leaf(&graph->nodes[root]))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "the root of a program must be an op of its graph");
    if (options->rows == 0 || options->shards == 0 || options->shards > options->rows)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "%zu shards of a batch of %zu rows: expected 1 <= shards <= rows",
                           options->shards, options->rows);
    if (options->per_sample && options->shards != 1)
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED, "per-sample gradients take one shard, not %zu",
                           options->shards);
    return STRATA_OK;
}

strata_status program_create(strata_context *ctx, const struct graph *graph, node root,
                             const struct program_options *options, struct program **result) {
    *result = NULL;
    STRATA_TRY(check_options(ctx, graph, root, options));
    struct program *program = mem_zero(1, sizeof *program);
    if (!program) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a program");
    program->graph = graph;
    program->root = root;
    program->options = *options;
    program->options.gradients |= options->per_sample;
    program->element = options->precision == PRECISION_F32 ? sizeof(float) : sizeof(double);
    program->shard_rows = (options->rows + options->shards - 1) / options->shards;
    program->slots = mem_zero(graph->count, sizeof *program->slots);
    program->steps = mem_zero(graph->count, sizeof *program->steps);
    program->calls = mem_zero(graph->count * options->shards, sizeof *program->calls);
    program->parameters = mem_zero(graph->count, sizeof *program->parameters);
    program->segments = mem_zero(graph->count, sizeof *program->segments);
    strata_status status = STRATA_ERR_MEMORY;
    if (program->slots && program->steps && program->calls && program->parameters && program->segments)
        status = plan(ctx, program);
    else
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a plan of %zu nodes", graph->count);
    if (status != STRATA_OK)
        program_destroy(program);
    else
        *result = program;
    return status;
}

void program_destroy(struct program *program) {
    if (!program) return;
    arena_destroy(&program->arena);
    mem_free(program->slots);
    mem_free(program->steps);
    mem_free(program->calls);
    mem_free(program->parameters);
    mem_free(program->segments);
    mem_free(program);
}
