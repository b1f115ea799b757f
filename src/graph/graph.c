/* SPDX-License-Identifier: MIT */
#include "graph/graph.h"

#include <string.h>

#include "core/memory.h"
#include "graph/graph_nodes.h"

struct shape shape_rows(size_t width) {
    return (struct shape){.batched = true, .rank = 1, .dims = {width}};
}

struct shape shape_vector(size_t width) {
    return (struct shape){.rank = 1, .dims = {width}};
}

struct shape shape_matrix(size_t rows, size_t columns) {
    return (struct shape){.rank = 2, .dims = {rows, columns}};
}

struct shape shape_scalar(void) {
    return (struct shape){0};
}

size_t shape_size(const struct shape *shape) {
    size_t size = 1;
    for (unsigned i = 0; i < shape->rank; ++i) size *= shape->dims[i];
    return size;
}

bool shape_equal(const struct shape *a, const struct shape *b) {
    if (a->batched != b->batched || a->rank != b->rank) return false;
    for (unsigned i = 0; i < a->rank; ++i)
        if (a->dims[i] != b->dims[i]) return false;
    return true;
}

strata_status graph_create(strata_context *ctx, struct graph **graph) {
    *graph = mem_zero(1, sizeof **graph);
    if (!*graph) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a graph");
    (*graph)->ctx = ctx;
    return STRATA_OK;
}

void graph_destroy(struct graph *graph) {
    if (!graph) return;
    for (size_t i = 0; i < graph->count; ++i) {
        mem_free(graph->nodes[i].name);
        mem_free(graph->nodes[i].constant);
    }
    mem_free(graph->nodes);
    mem_free(graph);
}

strata_status graph_status(const struct graph *graph) { return graph->status; }

node graph_fail(struct graph *graph, strata_status status, const char *text) {
    if (graph->status == STRATA_OK) graph->status = strata_fail(graph->ctx, status, "%s", text);
    return NODE_NONE;
}

/* Takes over `fresh.name` and `fresh.constant`, also on failure. */
static node add_node(struct graph *graph, struct graph_node fresh) {
    if (graph->status == STRATA_OK && graph->count == graph->capacity) {
        size_t capacity = graph->capacity ? 2 * graph->capacity : 32;
        struct graph_node *nodes = mem_resize(graph->nodes, capacity, sizeof *nodes);
        if (nodes) {
            graph->nodes = nodes;
            graph->capacity = capacity;
        } else {
            graph->status = strata_fail(graph->ctx, STRATA_ERR_MEMORY, "out of memory for a graph of %zu nodes",
                                        capacity);
        }
    }
    if (graph->status != STRATA_OK) {
        mem_free(fresh.name);
        mem_free(fresh.constant);
        return NODE_NONE;
    }
    graph->nodes[graph->count] = fresh;
    return (node)graph->count++;
}

static node add_named(struct graph *graph, enum op_kind kind, const char *name, struct shape shape, unsigned group) {
    if (graph->status != STRATA_OK) return NODE_NONE;
    size_t size = 1;
    for (unsigned i = 0; i < shape.rank; ++i) {
        if (shape.dims[i] == 0 || __builtin_mul_overflow(size, shape.dims[i], &size)) {
            graph->status = strata_fail(graph->ctx, STRATA_ERR_ARGUMENT, "%s: dimension %u is %zu", name, i,
                                        shape.dims[i]);
            return NODE_NONE;
        }
    }
    if (graph_find(graph, name) != NODE_NONE) {
        graph->status = strata_fail(graph->ctx, STRATA_ERR_ARGUMENT, "%s: the name is already taken in this graph",
                                    name);
        return NODE_NONE;
    }
    char *copy = mem_string(name);
    if (!copy) {
        graph->status = strata_fail(graph->ctx, STRATA_ERR_MEMORY, "out of memory for node %s", name);
        return NODE_NONE;
    }
    return add_node(graph, (struct graph_node){.kind = kind, .shape = shape, .name = copy, .group = group});
}

node graph_input(struct graph *graph, const char *name, struct shape shape) {
    return add_named(graph, OP_INPUT, name, shape, 0);
}

node graph_parameter(struct graph *graph, const char *name, struct shape shape, unsigned group) {
    if (graph->status == STRATA_OK && (shape.batched || group >= 64))
        graph->status = strata_fail(graph->ctx, STRATA_ERR_ARGUMENT,
                                    "%s: a parameter is unbatched and of a group below 64", name);
    return add_named(graph, OP_PARAMETER, name, shape, group);
}

node graph_constant(struct graph *graph, struct shape shape, const double *values) {
    if (graph->status != STRATA_OK) return NODE_NONE;
    size_t size = shape_size(&shape);
    double *copy = mem_zero(size, sizeof *copy);
    if (!copy) {
        graph->status = strata_fail(graph->ctx, STRATA_ERR_MEMORY, "out of memory for a constant of %zu numbers", size);
        return NODE_NONE;
    }
    memcpy(copy, values, size * sizeof *copy);
    return add_node(graph, (struct graph_node){.kind = OP_CONSTANT, .shape = shape, .constant = copy});
}

node graph_apply(struct graph *graph, enum op_kind kind, const struct op_attributes *attributes, size_t input_count,
                 const node *inputs) {
    if (graph->status != STRATA_OK) return NODE_NONE;
    const struct op_class *class_ = op_class_get(kind, PRECISION_F64);
    if (!class_ || input_count < class_->min_inputs || input_count > class_->max_inputs) {
        graph->status = strata_fail(graph->ctx, STRATA_ERR_ARGUMENT, "%s: %zu inputs given", op_names[kind],
                                    input_count);
        return NODE_NONE;
    }
    struct graph_node fresh = {.kind = kind, .input_count = input_count};
    if (attributes) fresh.attributes = *attributes;
    const struct shape *shapes[OP_MAX_INPUTS];
    for (size_t i = 0; i < input_count; ++i) {
        if (inputs[i] < 0 || (size_t)inputs[i] >= graph->count) {
            graph->status = strata_fail(graph->ctx, STRATA_ERR_ARGUMENT, "%s: input %zu is no node of this graph",
                                        class_->name, i);
            return NODE_NONE;
        }
        fresh.inputs[i] = inputs[i];
        shapes[i] = &graph->nodes[inputs[i]].shape;
    }
    graph->status = class_->shape(graph->ctx, &fresh.attributes, input_count, shapes, &fresh.shape);
    return graph->status == STRATA_OK ? add_node(graph, fresh) : NODE_NONE;
}

node graph_unary(struct graph *graph, enum op_kind kind, node x) { return graph_apply(graph, kind, NULL, 1, &x); }

node graph_binary(struct graph *graph, enum op_kind kind, node x, node y) {
    return graph_apply(graph, kind, NULL, 2, (node[]){x, y});
}

void graph_keep(struct graph *graph, node value) {
    if (graph->status == STRATA_OK && value >= 0 && (size_t)value < graph->count) graph->nodes[value].kept = true;
}

struct shape graph_shape(const struct graph *graph, node value) {
    return graph->status == STRATA_OK ? graph->nodes[value].shape : shape_vector(1); /* so that descriptions go on */
}

node graph_find(const struct graph *graph, const char *name) {
    for (size_t i = 0; i < graph->count; ++i)
        if (graph->nodes[i].name && strcmp(graph->nodes[i].name, name) == 0) return (node)i;
    return NODE_NONE;
}

size_t graph_parameter_numbers(const struct graph *graph) {
    size_t numbers = 0;
    for (size_t i = 0; i < graph->count; ++i)
        if (graph->nodes[i].kind == OP_PARAMETER &&
            __builtin_add_overflow(numbers, shape_size(&graph->nodes[i].shape), &numbers))
            return SIZE_MAX;
    return numbers;
}
