/* SPDX-License-Identifier: MIT */
/* The inside of a graph, for the planner. */
#ifndef GRAPH_GRAPH_NODES_H
#define GRAPH_GRAPH_NODES_H

#include "graph/op.h"

struct graph_node {
    enum op_kind kind;
    struct op_attributes attributes;
    size_t input_count;
    node inputs[OP_MAX_INPUTS];
    struct shape shape;
    char *name;       /* inputs and parameters */
    unsigned group;   /* parameters */
    double *constant; /* constants */
    bool kept;
};

struct graph {
    strata_context *ctx;
    strata_status status;
    struct graph_node *nodes;
    size_t count, capacity;
};

#endif
