/* SPDX-License-Identifier: MIT */
/*
 * y = mean of all numbers of x. Batched x: sum over the call's rows / (rows of the whole batch * row
 * size), so that the sum over shards is the mean over the batch. Unbatched: plain mean. Output [].
 * No attributes.
 */
#define REDUCE_SCALE(call, x) (1.0 / ((double)((x)->batched ? (call)->total_rows : 1) * (double)shape_size(x)))
#include "graph/ops/reduce.h"

const struct op_class OP_CLASS(mean) = {
    .name = "mean",
    .formula = "y = mean x",
    .min_inputs = 1,
    .max_inputs = 1,
    .reduces_rows = true,
    .shape = reduce_shape,
    .forward = reduce_forward,
    .tangent = reduce_tangent,
    .backward = reduce_backward,
    .probe = reduce_probe,
};
