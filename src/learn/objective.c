/* SPDX-License-Identifier: MIT */
#include "learn/objective.h"

node objective_node(struct graph *graph, enum learning_task task, node output, node target) {
    static const enum op_kind losses[] = {[TASK_REGRESSION] = OP_SQUARED_ERROR,
                                          [TASK_BINARY] = OP_LOGISTIC,
                                          [TASK_MULTICLASS] = OP_SOFTMAX_CROSS_ENTROPY};
    return graph_unary(graph, OP_MEAN, graph_binary(graph, losses[task], output, target));
}
