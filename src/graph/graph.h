/* SPDX-License-Identifier: MIT */
/*
 * A static computation graph. Building it computes nothing: nodes record an op, its inputs and its
 * shape. graph/program.h turns it into a memory plan and an executor.
 *
 *     struct graph *g;
 *     graph_create(ctx, &g);
 *     node x = graph_input(g, "x", shape_rows(20));
 *     node w = graph_parameter(g, "w", shape_matrix(20, 40), 0);
 *     node h = graph_apply(g, OP_DENSE, NULL, 2, (node[]){x, w});
 *     node y = graph_apply(g, OP_SQUARE, NULL, 1, &h);
 *     STRATA_TRY(graph_status(g));          // the first fault of any call above
 */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rng.h"
#include "core/status.h"

enum { OP_MAX_INPUTS = 12, SHAPE_MAX_RANK = 4, OP_MAX_NUMBERS = 8 };

enum precision { PRECISION_F32, PRECISION_F64 };

/** A batched value has one row of dims[0..rank) per sample; an unbatched one (parameter, loss) is dims alone. */
struct shape {
    bool batched;
    unsigned rank;
    size_t dims[SHAPE_MAX_RANK];
};

struct shape shape_rows(size_t width);                  /* [batch, width] */
struct shape shape_vector(size_t width);                /* [width] */
struct shape shape_matrix(size_t rows, size_t columns); /* [rows, columns] */
struct shape shape_scalar(void);                        /* [] = one number */

/** Numbers in one row of a batched shape, or in the whole of an unbatched one. */
size_t shape_size(const struct shape *shape);
bool shape_equal(const struct shape *a, const struct shape *b);

/** Settings of one op node; each op's file says which entries it reads and what they mean. */
struct op_attributes {
    double number[OP_MAX_NUMBERS];
    size_t size[OP_MAX_NUMBERS];
};

/* The op table's names: one line per op in graph/op_list.h makes OP_DENSE, OP_RELU, ... */
#define OP_ENUM(upper, lower) OP_##upper,
enum op_kind {
    OP_INPUT,
    OP_PARAMETER,
    OP_CONSTANT,
#include "graph/op_list.h"
    OP_COUNT
};
#undef OP_ENUM

typedef int32_t node; /* index of a node; NODE_NONE after a fault */
enum { NODE_NONE = -1 };

struct graph;

STRATA_MUST_USE strata_status graph_create(strata_context *ctx, struct graph **graph);
void graph_destroy(struct graph *graph);

/** The first fault of any building call; the message is in the context. */
STRATA_MUST_USE strata_status graph_status(const struct graph *graph);

/** Records a fault of the caller's own while building (the first one counts); returns NODE_NONE. */
node graph_fail(struct graph *graph, strata_status status, const char *text);

/** Data bound before a run; batched or not. Names are unique over the graph and copied. */
node graph_input(struct graph *graph, const char *name, struct shape shape);

/** A trainable array; `group` < 64 addresses learning rate and freezing. */
node graph_parameter(struct graph *graph, const char *name, struct shape shape, unsigned group);

/** Fixed numbers, copied: [shape_size(shape)], unbatched. */
node graph_constant(struct graph *graph, struct shape shape, const double *values);

/** One op node; `attributes` NULL means all zero. Shape faults are recorded with the op's name and the shapes. */
node graph_apply(struct graph *graph, enum op_kind kind, const struct op_attributes *attributes, size_t input_count,
                 const node *inputs);

/** graph_apply for one and two inputs without attributes. */
node graph_unary(struct graph *graph, enum op_kind kind, node x);
node graph_binary(struct graph *graph, enum op_kind kind, node x, node y);

/** Keeps the value of a node readable after a run. */
void graph_keep(struct graph *graph, node value);

struct shape graph_shape(const struct graph *graph, node value);
node graph_find(const struct graph *graph, const char *name); /* input or parameter; NODE_NONE if absent */

/** Numbers of all parameters; SIZE_MAX when there are more. */
size_t graph_parameter_numbers(const struct graph *graph);

#endif
