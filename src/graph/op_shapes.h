/* SPDX-License-Identifier: MIT */
/* What the shape rules of graph/ops share: comparing shapes and refusing them in one wording. */
#ifndef GRAPH_OP_SHAPES_H
#define GRAPH_OP_SHAPES_H

#include "graph/op.h"

/** Room for the longest shape: "[batch, d, d, d, d]" with 20 digits each. */
enum { SHAPE_TEXT_SIZE = 128 };

/** Writes "[batch, 3, 4]", "[7]" or "[]" into text[SHAPE_TEXT_SIZE]; returns `text`. */
const char *shape_text(const struct shape *shape, char *text);

/** Equal rank and dims, whether batched or not. */
bool shape_same_dims(const struct shape *a, const struct shape *b);

/** The last dim of a shape, 1 for a scalar row. */
size_t shape_last(const struct shape *shape);

/** Fails with "NAME: expected EXPECTED, found SHAPE, SHAPE, ...". */
STRATA_MUST_USE strata_status op_refuse(strata_context *ctx, const char *name, size_t count,
                                        const struct shape *const *inputs, const char *expected);

/** Shape rule of elementwise ops with broadcasting: equal dims, batched if any input is. */
STRATA_MUST_USE strata_status op_shape_broadcast(strata_context *ctx, const char *name, size_t count,
                                                 const struct shape *const *inputs, struct shape *output);

#endif
