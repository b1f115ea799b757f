/* SPDX-License-Identifier: MIT */
/* The training loss of a task. */
#ifndef LEARN_OBJECTIVE_H
#define LEARN_OBJECTIVE_H

#include "data/dataset.h"
#include "graph/graph.h"

/** Mean over rows of the squared error, the logistic loss or the softmax cross-entropy. */
node objective_node(struct graph *graph, enum learning_task task, node output, node target);

#endif
