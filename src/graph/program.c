/* SPDX-License-Identifier: MIT */
/*
 * Execution. Every shard runs its own calls over its own region; results that shards share
 * (losses, parameter gradients) are summed in shard order, so threads never change a bit.
 */
#include "graph/program.h"

#include <math.h>
#include <string.h>

#include "graph/program_parts.h"

const void *program_value(const struct program *program, size_t shard, node value) {
    const struct slot *slot = &program->slots[value];
    switch (program->graph->nodes[value].kind) {
    case OP_INPUT: {
        size_t row = program->graph->nodes[value].shape.batched ? shard_begin(program, program->rows, shard) : 0;
        return slot->bound ? (const unsigned char *)slot->bound + row * slot->size * program->element : NULL;
    }
    case OP_PARAMETER: return program->block + slot->fixed * program->element;
    case OP_CONSTANT: return program->constants + slot->fixed;
    default: return region_of(program, shard) + slot->value;
    }
}

void program_bind(struct program *program, node input, const void *data) { program->slots[input].bound = data; }

/* Rows, streams and bound inputs of one shard's calls. */
static void prepare_shard(struct program *program, size_t shard) {
    size_t begin = shard_begin(program, program->rows, shard), end = shard_begin(program, program->rows, shard + 1);
    for (size_t i = 0; i < program->step_count; ++i) {
        struct op_call *call = &program->calls[shard * program->step_count + i];
        const struct graph_node *n = &program->graph->nodes[program->steps[i].output];
        call->rows = end - begin;
        call->total_rows = program->rows;
        call->first_row = begin;
        call->training = program->training && !(program->options.per_sample && program->steps[i].class_->mixes_rows);
        if (program->steps[i].class_->draws && program->training)
            call->stream = rng_stream_sub(rng_stream_sub(program->options.stream, (uint64_t)program->steps[i].output),
                                          program->steps_done);
        for (size_t k = 0; k < n->input_count; ++k)
            if (program->graph->nodes[n->inputs[k]].kind == OP_INPUT)
                call->inputs[k] = program_value(program, shard, n->inputs[k]);
    }
}

/* Ops that mix rows are computed in two passes over the shards; the second begins when the first has ended in all. */
static bool gathers(const struct program *program, size_t i) {
    return program->steps[i].class_->gather && program->training && !program->options.per_sample;
}

/* Steps [run_begin, run_end) of one shard, and the first pass of the next. */
static void forward_shard(void *user, size_t shard, size_t worker) {
    struct program *program = user;
    (void)worker;
    if (program->run_begin == 0) prepare_shard(program, shard);
    struct op_call *calls = &program->calls[shard * program->step_count];
    for (size_t i = program->run_begin; i < program->run_end; ++i) program->steps[i].class_->forward(&calls[i]);
    if (program->run_end < program->step_count)
        program->steps[program->run_end].class_->gather(&calls[program->run_end]);
}

static void begin_forward(struct program *program, size_t rows, bool training) {
    program->rows = rows;
    program->training = training;
    program->active_shards = program->options.shards < rows ? program->options.shards : rows;
}

static void run_shards(struct program *program, thread_job job) {
    if (program->active_shards == program->options.shards) {
        thread_pool_run(program->options.pool, program->options.shards, job, program);
        return;
    }
    for (size_t shard = 0; shard < program->options.shards; ++shard)
        if (!shard_empty(program, shard)) job(program, shard, 0);
}

/* Parts of shards without rows count nothing. */
static void clear_empty_parts(struct program *program) {
    for (size_t i = 0; i < program->step_count; ++i)
        for (size_t shard = 0; gathers(program, i) && shard < program->options.shards; ++shard)
            if (shard_empty(program, shard))
                memset(program->parts + program->steps[i].parts + shard * program->steps[i].part_size, 0,
                       program->steps[i].part_size);
}

static size_t next_gathering(const struct program *program, size_t i) {
    while (i < program->step_count && !gathers(program, i)) ++i;
    return i;
}

static void run_forward(struct program *program) {
    size_t begin = 0, end = next_gathering(program, 0);
    if (program->active_shards < program->options.shards) clear_empty_parts(program);
    for (;;) {
        program->run_begin = begin;
        program->run_end = end;
        run_shards(program, forward_shard);
        if (end == program->step_count) return;
        begin = end; /* its first pass is over */
        end = next_gathering(program, begin + 1);
    }
}

void program_forward(struct program *program, size_t rows, bool training) {
    begin_forward(program, rows, training);
    run_forward(program);
}

/* ---- backward ---- */

static void fill_ones(struct program *program, void *gradient, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        if (program->element == sizeof(float))
            ((float *)gradient)[i] = 1.0f;
        else
            ((double *)gradient)[i] = 1.0;
    }
}

/* Gradient of the root: the caller's seed, or one. */
static void seed_shard(struct program *program, size_t shard) {
    const struct slot *root = &program->slots[program->root];
    bool batched = program->graph->nodes[program->root].shape.batched;
    if (!root->wants_gradient) return;
    unsigned char *gradient = region_of(program, shard) + root->gradient;
    size_t begin = batched ? shard_begin(program, program->rows, shard) : 0;
    size_t rows = batched ? shard_begin(program, program->rows, shard + 1) - begin : 1;
    if (!program->seed)
        fill_ones(program, gradient, rows * root->size);
    else
        memcpy(gradient, (const unsigned char *)program->seed + begin * root->size * program->element,
               rows * root->size * program->element);
}

/* Outputs that step `i` is the first to need on the way back. */
static void recompute_for(struct program *program, size_t shard, size_t i) {
    const struct graph_node *n = &program->graph->nodes[program->steps[i].output];
    for (size_t k = 0; k < n->input_count; ++k) {
        size_t step = program->slots[n->inputs[k]].step;
        if (step != NO_OFFSET && program->steps[step].recompute_at == i)
            program->steps[step].class_->recompute(&program->calls[shard * program->step_count + step]);
    }
}

/* Steps [run_begin, run_end) of one shard, last first, and the first pass of the one before them. */
static void backward_shard(void *user, size_t shard, size_t worker) {
    struct program *program = user;
    struct op_call *calls = &program->calls[shard * program->step_count];
    (void)worker;
    if (program->run_end == program->step_count) seed_shard(program, shard);
    for (size_t i = program->run_end; i-- > program->run_begin;) {
        if (!program->steps[i].backward) continue;
        if (program->options.recompute) recompute_for(program, shard, i);
        program->steps[i].class_->backward(&calls[i]);
    }
    if (program->run_begin == 0) return;
    const struct op_step *next = &program->steps[program->run_begin - 1];
    if (program->options.recompute) recompute_for(program, shard, program->run_begin - 1);
    next->class_->gather_back(&calls[program->run_begin - 1]);
}

/* End of the segment that begins where the way back, from step i - 1 on, next meets a first pass. */
static size_t last_gathering(const struct program *program, size_t i) {
    while (i > 0 && !(program->steps[i - 1].backward && gathers(program, i - 1))) --i;
    return i;
}

static void run_backward(struct program *program) {
    size_t end = program->step_count, begin = last_gathering(program, end);
    for (;;) {
        program->run_begin = begin;
        program->run_end = end;
        run_shards(program, backward_shard);
        if (begin == 0) return;
        end = begin;
        begin = last_gathering(program, begin - 1);
    }
}

static unsigned char *row_address(const struct program *program, const struct shape *shape, const void *base,
                                  size_t row) {
    return (unsigned char *)(uintptr_t)base + (shape->batched ? row * shape_size(shape) * program->element : 0);
}

/* The call of step `i` narrowed to one row, with parameter gradients going to that row's block. */
static struct op_call row_call(const struct program *program, size_t i, size_t row) {
    struct op_call call = program->calls[i];
    const struct graph_node *n = &program->graph->nodes[program->steps[i].output];
    call.rows = call.total_rows = 1;
    call.first_row = row;
    call.output = row_address(program, call.output_shape, call.output, row);
    call.output_gradient = row_address(program, call.output_shape, call.output_gradient, row);
    for (size_t k = 0; k < n->input_count; ++k) {
        call.inputs[k] = row_address(program, call.input_shapes[k], call.inputs[k], row);
        if (!call.input_gradients[k]) continue;
        if (program->graph->nodes[n->inputs[k]].kind == OP_PARAMETER)
            call.input_gradients[k] = (unsigned char *)call.input_gradients[k] +
                                      row * program->trainable * program->element;
        else
            call.input_gradients[k] = row_address(program, call.input_shapes[k], call.input_gradients[k], row);
    }
    return call;
}

static void replay_rows(struct program *program) {
    for (size_t row = 0; row < program->rows; ++row) {
        seed_shard(program, 0);
        for (size_t i = program->step_count; i-- > 0;) {
            if (!program->steps[i].backward) continue;
            struct op_call call = row_call(program, i, row);
            program->steps[i].class_->backward(&call);
        }
    }
}

static void backward_rows(struct program *program) {
    size_t stride[OP_MAX_INPUTS];
    seed_shard(program, 0);
    for (size_t i = program->step_count; i-- > 0;) {
        if (!program->steps[i].backward) continue;
        struct op_call call = program->calls[i];
        call.total_rows = 1; /* each row's own loss, not its share of the mean */
        for (size_t k = 0; k < call.input_count; ++k) stride[k] = program->trainable;
        if (program->steps[i].fast_rows)
            program->steps[i].class_->backward_rows(&call, stride);
        else
            program->steps[i].class_->backward(&call);
    }
}

void program_backward(struct program *program, const void *seed) {
    program->seed = seed;
    if (!program->options.per_sample)
        run_backward(program);
    else if (program->fast_rows)
        backward_rows(program);
    else
        replay_rows(program);
}

/* ---- tangent ---- */

void program_tangent(struct program *program) {
    for (size_t i = 0; i < program->step_count; ++i) {
        node output = program->steps[i].output;
        const struct graph_node *n = &program->graph->nodes[output];
        struct slot *slot = &program->slots[output];
        slot->tangent_set = false;
        for (size_t k = 0; k < n->input_count; ++k) slot->tangent_set |= program->slots[n->inputs[k]].tangent_set;
        if (program->steps[i].class_->stops_gradient) slot->tangent_set = false;
        for (size_t shard = 0; slot->tangent_set && shard < program->options.shards; ++shard) {
            if (shard_empty(program, shard)) continue;
            struct op_call call = program->calls[shard * program->step_count + i];
            for (size_t k = 0; k < n->input_count; ++k)
                if (!program->slots[n->inputs[k]].tangent_set) call.input_tangents[k] = NULL;
            program->steps[i].class_->tangent(&call);
        }
    }
}

static void step_shard(void *user, size_t shard, size_t worker) {
    forward_shard(user, shard, worker);
    backward_shard(user, shard, worker);
}

/* Where no op mixes rows a shard goes there and back without waiting for others. */
static void run_step(struct program *program) {
    bool mixes = false;
    for (size_t i = 0; i < program->step_count; ++i) mixes |= gathers(program, i);
    program->run_begin = 0;
    program->run_end = program->step_count;
    if (!mixes) {
        run_shards(program, step_shard);
        return;
    }
    run_forward(program);
    run_backward(program);
}

double program_step(struct program *program, size_t rows, const struct update *update) {
    begin_forward(program, rows, true);
    program->seed = NULL;
    run_step(program);
    double loss = program_scalar(program, program->root);
    double norm = isfinite(loss) ? program_update(program, update) : NAN;
    return isfinite(norm) ? loss : NAN;
}
