/* SPDX-License-Identifier: MIT */
/*
 * Y = A^T B with A [k, a], B [k, b], both unbatched -> [a, b]; for regularisers such as
 * ||K^T K - W^T W||^2. No attributes. dA = B G^T, dB = A G.
 */
#include "graph/ops/kernels.h"
#include "linalg/linalg.h"

#if REAL_BITS == 32
#define REAL_GEMM linalg_gemm_f32
#else
#define REAL_GEMM linalg_gemm_f64
#endif

static strata_status cross_product_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                         const struct shape *const *inputs, struct shape *output) {
    (void)attributes;
    const struct shape *a = inputs[0], *b = inputs[1];
    if (a->batched || b->batched || a->rank != 2 || b->rank != 2 || a->dims[0] != b->dims[0])
        return op_refuse(ctx, "cross_product", count, inputs, "unbatched matrices [k, a] and [k, b]");
    *output = shape_matrix(a->dims[1], b->dims[1]);
    return STRATA_OK;
}

/* y (+)= a^T b. */
static void cross_product_of(const struct op_call *call, const real *a, const real *b, bool keep, real *y) {
    size_t inner = call->input_shapes[0]->dims[0], rows = call->output_shape->dims[0], columns = call->output_shape->dims[1];
    REAL_GEMM(TRANSPOSED, AS_IS, rows, columns, inner, 1, a, rows, b, columns, keep ? 1 : 0, y, columns);
}

static void cross_product_forward(const struct op_call *call) {
    cross_product_of(call, call->inputs[0], call->inputs[1], false, call->output);
}

static void cross_product_tangent(const struct op_call *call) {
    const real *da = call->input_tangents[0], *db = call->input_tangents[1];
    if (da) cross_product_of(call, da, call->inputs[1], false, call->output_tangent);
    if (db) cross_product_of(call, call->inputs[0], db, da != NULL, call->output_tangent);
    if (!da && !db) real_add_constant(call_size(call, call->output_shape), 0, false, call->output_tangent);
}

static void cross_product_backward(const struct op_call *call) {
    const real *a = call->inputs[0], *b = call->inputs[1], *g = call->output_gradient;
    real *const *to = (real *const *)call->input_gradients;
    size_t inner = call->input_shapes[0]->dims[0], rows = call->output_shape->dims[0], columns = call->output_shape->dims[1];
    if (to[0]) REAL_GEMM(AS_IS, TRANSPOSED, inner, rows, columns, 1, b, columns, g, columns, call->keep[0] ? 1 : 0, to[0], rows);
    if (to[1]) REAL_GEMM(AS_IS, AS_IS, inner, columns, rows, 1, a, rows, g, columns, call->keep[1] ? 1 : 0, to[1], columns);
}

static const struct op_probe cross_product_probe[3] = {
    {.input_count = 2, .inputs = {{false, 2, {1, 1}}, {false, 2, {1, 1}}}, .next = &cross_product_probe[1]},
    {.input_count = 2, .inputs = {{false, 2, {5, 3}}, {false, 2, {5, 7}}}, .next = &cross_product_probe[2]},
    {.input_count = 2, .inputs = {{false, 2, {3, 13}}, {false, 2, {3, 1}}}},
};

const struct op_class OP_CLASS(cross_product) = {
    .name = "cross_product", .formula = "Y = A^T B", .min_inputs = 2, .max_inputs = 2, .reads = OP_READS_INPUTS,
    .shape = cross_product_shape, .forward = cross_product_forward, .tangent = cross_product_tangent,
    .backward = cross_product_backward, .probe = cross_product_probe,
};
