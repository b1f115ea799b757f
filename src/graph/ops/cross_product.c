/* SPDX-License-Identifier: MIT */
/*
 * Y = A B^T with A [a, k], B [b, k], both unbatched -> [a, b]; for regularisers such as
 * ||K K^T - W W^T||^2 on weights stored [in, out]. No attributes. dA = G B, dB = G^T A.
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
    if (a->batched || b->batched || a->rank != 2 || b->rank != 2 || a->dims[1] != b->dims[1])
        return op_refuse(ctx, "cross_product", count, inputs, "unbatched matrices [a, k] and [b, k]");
    *output = shape_matrix(a->dims[0], b->dims[0]);
    return STRATA_OK;
}

/* y (+)= a b^T. */
static void cross_product_of(const struct op_call *call, const real *a, const real *b, bool keep, real *y) {
    size_t inner = call->input_shapes[0]->dims[1], rows = call->output_shape->dims[0],
           columns = call->output_shape->dims[1];
    REAL_GEMM(AS_IS, TRANSPOSED, rows, columns, inner, 1, a, inner, b, inner, keep ? 1 : 0, y, columns);
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
    size_t inner = call->input_shapes[0]->dims[1], rows = call->output_shape->dims[0],
           columns = call->output_shape->dims[1];
    if (to[0])
        REAL_GEMM(AS_IS, AS_IS, rows, inner, columns, 1, g, columns, b, inner, call->keep[0] ? 1 : 0, to[0], inner);
    if (to[1])
        REAL_GEMM(TRANSPOSED, AS_IS, columns, inner, rows, 1, g, columns, a, inner, call->keep[1] ? 1 : 0, to[1],
                  inner);
}

static const struct op_probe cross_product_probe[3] = {
    {.input_count = 2, .inputs = {{false, 2, {1, 1}}, {false, 2, {1, 1}}}, .next = &cross_product_probe[1]},
    {.input_count = 2, .inputs = {{false, 2, {3, 5}}, {false, 2, {7, 5}}}, .next = &cross_product_probe[2]},
    {.input_count = 2, .inputs = {{false, 2, {13, 3}}, {false, 2, {1, 3}}}},
};

const struct op_class OP_CLASS(cross_product) = {
    .name = "cross_product",
    .formula = "Y = A B^T",
    .min_inputs = 2,
    .max_inputs = 2,
    .reads = OP_READS_INPUTS,
    .shape = cross_product_shape,
    .forward = cross_product_forward,
    .tangent = cross_product_tangent,
    .backward = cross_product_backward,
    .probe = cross_product_probe,
};
