/* SPDX-License-Identifier: MIT */
#include "learn/objective.h"

static node column(struct graph *graph, node rows, size_t number) {
    const struct op_attributes attributes = {.size = {number, 1}};
    return graph_apply(graph, OP_SLICE, &attributes, 1, &rows);
}

static node mixed_loss(struct graph *graph, const struct op_attributes *attributes, node output, node target) {
    const struct op_attributes rest = {.number = {-1, 1}};
    node share = column(graph, target, 2), losses[2];
    for (size_t i = 0; i < 2; ++i)
        losses[i] = graph_apply(graph, OP_SOFTMAX_CROSS_ENTROPY, attributes, 2,
                                (node[]){output, column(graph, target, i)});
    return graph_binary(graph, OP_ADD, graph_binary(graph, OP_MULTIPLY, losses[0], share),
                        graph_binary(graph, OP_MULTIPLY, losses[1], graph_apply(graph, OP_SCALE, &rest, 1, &share)));
}

node objective_node(struct graph *graph, enum learning_task task, double label_smoothing, node output, node target) {
    static const enum op_kind losses[] = {[TASK_REGRESSION] = OP_SQUARED_ERROR,
                                          [TASK_BINARY] = OP_LOGISTIC,
                                          [TASK_MULTICLASS] = OP_SOFTMAX_CROSS_ENTROPY};
    const struct op_attributes smoothing = {.number = {label_smoothing}};
    const struct op_attributes *attributes = task == TASK_MULTICLASS ? &smoothing : NULL;
    if (task == TASK_MULTICLASS && target != NODE_NONE && graph_shape(graph, target).dims[0] == 3)
        return graph_unary(graph, OP_MEAN, mixed_loss(graph, attributes, output, target));
    return graph_unary(graph, OP_MEAN, graph_apply(graph, losses[task], attributes, 2, (node[]){output, target}));
}
