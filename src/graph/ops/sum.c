/* SPDX-License-Identifier: MIT */
/*
 * y = sum of all numbers of x: over rows too when x is batched (a shard gives its rows' share, the
 * executor adds the shards), over everything when it is not. Output []. No attributes.
 */
#define REDUCE_SCALE(call, x) 1.0
#include "graph/ops/reduce.h"

const struct op_class OP_CLASS(sum) = {
    .name = "sum",
    .formula = "y = sum x",
    REDUCE_RULES,
};
