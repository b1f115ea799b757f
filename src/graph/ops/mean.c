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
    REDUCE_RULES,
};
