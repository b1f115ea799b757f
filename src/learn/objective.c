/* SPDX-License-Identifier: MIT */
#include "learn/objective.h"

node objective_node(struct graph *graph, enum learning_task task, double label_smoothing, node output, node target) {
    static const enum op_kind losses[] = {[TASK_REGRESSION] = OP_SQUARED_ERROR,
                                          [TASK_BINARY] = OP_LOGISTIC,
                                          [TASK_MULTICLASS] = OP_SOFTMAX_CROSS_ENTROPY};
    const struct op_attributes smoothing = {.number = {label_smoothing}};
    const struct op_attributes *attributes = task == TASK_MULTICLASS ? &smoothing : NULL;
    return graph_unary(graph, OP_MEAN, graph_apply(graph, losses[task], attributes, 2, (node[]){output, target}));
}
