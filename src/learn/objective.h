/* SPDX-License-Identifier: MIT */
/* The training loss of a task. */
#ifndef LEARN_OBJECTIVE_H
#define LEARN_OBJECTIVE_H

#include "data/dataset.h"
#include "graph/graph.h"

/**
 * Mean over rows of the squared error, the logistic loss or the softmax cross-entropy; `label_smoothing` is read by
 * the last alone (0: none), and so are targets of three numbers, label, other label and share: share times the loss of
 * the first, the rest times that of the second (mixup, Zhang et al. 2018).
 */
node objective_node(struct graph *graph, enum learning_task task, double label_smoothing, node output, node target);

#endif
