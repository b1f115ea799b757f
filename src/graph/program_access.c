/* SPDX-License-Identifier: MIT */
/* Reading and writing a program's numbers in the caller's precision. */
#include <string.h>

#include "graph/program_parts.h"

static void to_double(const struct program *program, const void *from, size_t count, double *to) {
    if (program->element == sizeof(double))
        memcpy(to, from, count * sizeof *to);
    else
        for (size_t i = 0; i < count; ++i) to[i] = (double)((const float *)from)[i];
}

static void to_float(const struct program *program, const void *from, size_t count, float *to) {
    if (program->element == sizeof(float))
        memcpy(to, from, count * sizeof *to);
    else
        for (size_t i = 0; i < count; ++i) to[i] = (float)((const double *)from)[i];
}

static void from_double(const struct program *program, const double *from, size_t count, void *to) {
    if (program->element == sizeof(double))
        memcpy(to, from, count * sizeof *from);
    else
        for (size_t i = 0; i < count; ++i) ((float *)to)[i] = (float)from[i];
}

static size_t live_rows(const struct program *program, node value, size_t shard, size_t *begin) {
    bool batched = program->graph->nodes[value].shape.batched;
    *begin = batched ? shard_begin(program, program->rows, shard) : 0;
    return batched ? shard_begin(program, program->rows, shard + 1) - *begin : 1;
}

double program_scalar(const struct program *program, node value) {
    double sum = 0;
    for (size_t shard = 0; shard < program->options.shards; ++shard) {
        if (shard_empty(program, shard)) continue;
        double part;
        to_double(program, program_value(program, shard, value), 1, &part);
        sum += part;
        if (program->graph->nodes[value].input_count == 0) break; /* a leaf is one number */
    }
    return sum;
}

void program_read(const struct program *program, node value, double *out) {
    size_t size = program->slots[value].size, begin;
    for (size_t shard = 0; shard < program->options.shards; ++shard) {
        size_t rows = live_rows(program, value, shard, &begin);
        to_double(program, program_value(program, shard, value), rows * size, out + begin * size);
    }
}

void program_read_f32(const struct program *program, node value, float *out) {
    size_t size = program->slots[value].size, begin;
    for (size_t shard = 0; shard < program->options.shards; ++shard) {
        size_t count = live_rows(program, value, shard, &begin) * size;
        to_float(program, program_value(program, shard, value), count, out + begin * size);
    }
}

void program_read_gradient(const struct program *program, node value, double *out) {
    const struct slot *slot = &program->slots[value];
    if (!slot->wants_gradient) {
        size_t rows = program->graph->nodes[value].shape.batched ? program->rows : 1;
        memset(out, 0, rows * slot->size * sizeof *out);
        return;
    }
    if (program->graph->nodes[value].kind == OP_PARAMETER) {
        memset(out, 0, slot->size * sizeof *out);
        for (size_t shard = 0; shard < program->options.shards; ++shard) {
            if (shard_empty(program, shard)) continue;
            const unsigned char *from = program->gradients +
                                        (shard * program->trainable + slot->fixed) * program->element;
            for (size_t i = 0; i < slot->size; ++i) {
                double part;
                to_double(program, from + i * program->element, 1, &part);
                out[i] += part;
            }
        }
        return;
    }
    for (size_t shard = 0; shard < program->options.shards; ++shard) {
        size_t begin, rows = live_rows(program, value, shard, &begin);
        to_double(program, region_of(program, shard) + slot->gradient, rows * slot->size, out + begin * slot->size);
    }
}

void program_read_input_gradient_f32(const struct program *program, node input, float *out) {
    const struct slot *slot = &program->slots[input];
    if (!slot->wants_gradient) {
        memset(out, 0, program->rows * slot->size * sizeof *out);
        return;
    }
    for (size_t shard = 0; shard < program->options.shards; ++shard) {
        size_t begin, count = live_rows(program, input, shard, &begin) * slot->size;
        to_float(program, region_of(program, shard) + slot->gradient, count, out + begin * slot->size);
    }
}

void program_read_sample_gradient(const struct program *program, node parameter, size_t row, double *out) {
    const struct slot *slot = &program->slots[parameter];
    if (!slot->wants_gradient)
        memset(out, 0, slot->size * sizeof *out);
    else
        to_double(program, program->gradients + (row * program->trainable + slot->fixed) * program->element, slot->size,
                  out);
}

void program_set_tangent(struct program *program, node value, const double *tangent) {
    struct slot *slot = &program->slots[value];
    slot->tangent_set = tangent != NULL;
    if (!tangent) return;
    if (program->graph->nodes[value].kind == OP_PARAMETER) {
        from_double(program, tangent, slot->size, program->parameter_tangents + slot->fixed * program->element);
        return;
    }
    for (size_t shard = 0; slot->reached && shard < program->options.shards; ++shard) {
        size_t begin, rows = live_rows(program, value, shard, &begin);
        from_double(program, tangent + begin * slot->size, rows * slot->size,
                    region_of(program, shard) + slot->tangent);
    }
}

void program_read_tangent(const struct program *program, node value, double *out) {
    const struct slot *slot = &program->slots[value];
    bool batched = program->graph->nodes[value].shape.batched;
    memset(out, 0, (batched ? program->rows : 1) * slot->size * sizeof *out);
    for (size_t shard = 0; slot->tangent_set && shard < program->options.shards; ++shard) {
        size_t begin, rows = live_rows(program, value, shard, &begin);
        const unsigned char *from = region_of(program, shard) + slot->tangent;
        for (size_t i = 0; i < rows * slot->size; ++i) {
            double part;
            to_double(program, from + i * program->element, 1, &part);
            out[begin * slot->size + i] += part; /* an unbatched result is a sum over shards */
        }
    }
}

size_t program_parameter_count(const struct program *program) { return program->parameter_count; }

node program_parameter(const struct program *program, size_t number) { return program->parameters[number]; }

const char *program_parameter_name(const struct program *program, size_t number) {
    return program->graph->nodes[program->parameters[number]].name;
}

bool program_parameter_tracked(const struct program *program, size_t number) {
    return program->slots[program->parameters[number]].tracked;
}

unsigned program_parameter_group(const struct program *program, size_t number) {
    return program->graph->nodes[program->parameters[number]].group;
}

size_t program_parameter_size(const struct program *program, size_t number) {
    return program->slots[program->parameters[number]].size;
}

void program_set_parameter(struct program *program, node parameter, const double *values) {
    const struct slot *slot = &program->slots[parameter];
    from_double(program, values, slot->size, program->block + slot->fixed * program->element);
}

void program_read_parameter(const struct program *program, node parameter, double *values) {
    const struct slot *slot = &program->slots[parameter];
    to_double(program, program->block + slot->fixed * program->element, slot->size, values);
}

size_t program_slots(const struct program *program) {
    return program->options.optimizer ? program->options.optimizer->slots : 0;
}

static unsigned char *state_address(const struct program *program, node parameter, size_t number) {
    const struct slot *slot = &program->slots[parameter];
    if (slot->fixed >= program->trainable) return NULL; /* frozen: no state */
    return program->states + (number * program->trainable + slot->fixed) * program->element;
}

void program_read_slot(const struct program *program, node parameter, size_t number, double *values) {
    const unsigned char *state = state_address(program, parameter, number);
    if (state)
        to_double(program, state, program->slots[parameter].size, values);
    else
        memset(values, 0, program->slots[parameter].size * sizeof *values);
}

void program_set_slot(struct program *program, node parameter, size_t number, const double *values) {
    unsigned char *state = state_address(program, parameter, number);
    if (state) from_double(program, values, program->slots[parameter].size, state);
}

uint64_t program_steps(const struct program *program) { return program->steps_done; }

void program_set_steps(struct program *program, uint64_t steps) { program->steps_done = steps; }

void program_reset_optimizer(struct program *program) {
    memset(program->states, 0, program_slots(program) * program->trainable * program->element);
    program->steps_done = 0;
}

size_t program_bytes(const struct program *program) { return program->arena.capacity; }
