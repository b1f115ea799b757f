/* SPDX-License-Identifier: MIT */
/*
 * Sum of products with an optional bias: y = x_1 W_1 + x_2 W_2 + ... (+ b).
 *
 * Inputs: pairs x_i [batch, in_i], W_i [in_i, out]; an odd last input is the bias [out].
 * Output: [batch, out]. Weights are stored [in, out], so that the forward product reads both operands along rows.
 * The product to the inputs wants the transposed weights: small ones are transposed into scratch,
 * which costs less than the slower kernel for a transposed operand.
 */
#include <string.h>

#include "graph/op.h"
#include "graph/real.h"
#include "linalg/linalg.h"

enum { TRANSPOSE_LIMIT = 1024 * 1024, MAX_PAIRS = OP_MAX_INPUTS / 2, DOT_LANES = 32 };

static strata_status dense_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                 const struct shape *const *inputs, struct shape *output) {
    (void)attributes;
    size_t out = 0;
    for (size_t i = 0; i + 1 < count; i += 2) {
        const struct shape *x = inputs[i], *w = inputs[i + 1];
        if (!x->batched || x->rank != 1 || w->batched || w->rank != 2)
            return strata_fail(ctx, STRATA_ERR_ARGUMENT, "dense: pair %zu: expected [batch, in] and [in, out]",
                               i / 2 + 1);
        if (x->dims[0] != w->dims[0] || (i > 0 && w->dims[1] != out))
            return strata_fail(ctx, STRATA_ERR_ARGUMENT, "dense: pair %zu: [batch, %zu] does not fit [%zu, %zu]",
                               i / 2 + 1, x->dims[0], w->dims[0], w->dims[1]);
        out = w->dims[1];
    }
    if (count % 2 == 1) {
        const struct shape *b = inputs[count - 1];
        if (b->batched || b->rank != 1 || b->dims[0] != out)
            return strata_fail(ctx, STRATA_ERR_ARGUMENT, "dense: expected a bias of %zu numbers", out);
    }
    *output = shape_rows(out);
    return STRATA_OK;
}

static inline size_t width_in(const struct op_call *call, size_t i) { return call->input_shapes[i]->dims[0]; }
static inline size_t width_out(const struct op_call *call) { return call->output_shape->dims[0]; }
static inline bool has_bias(const struct op_call *call) { return call->input_count % 2 == 1; }

static size_t dense_scratch(const struct op_call *planned, size_t rows) {
    (void)rows;
    size_t largest = 0;
    for (size_t i = 0; i + 1 < planned->input_count; i += 2) {
        size_t size = width_in(planned, i) * width_out(planned);
        if (size <= TRANSPOSE_LIMIT && size > largest) largest = size;
    }
    return largest * sizeof(real);
}

#if REAL_BITS == 32
/* Products of one pair, chosen when the graph is planned. */
struct pair_plan {
    struct gemm_plan forward, to_input, to_weight;
    bool transposed; /* to_input reads a transposed copy of the weights */
};

struct dense_plan {
    struct pair_plan pairs[MAX_PAIRS];
};

static void dense_prepare(struct op_call *planned, size_t rows) {
    struct dense_plan *plan = planned->prepared;
    size_t out = width_out(planned);
    for (size_t i = 0; i + 1 < planned->input_count; i += 2) {
        size_t in = width_in(planned, i);
        struct pair_plan *pair = &plan->pairs[i / 2];
        pair->transposed = in * out <= TRANSPOSE_LIMIT && rows >= 16;
        gemm_plan_f32(&pair->forward, AS_IS, AS_IS, rows, out, in, in, out, out);
        if (pair->transposed)
            gemm_plan_f32(&pair->to_input, AS_IS, AS_IS, rows, in, out, out, in, in);
        else
            gemm_plan_f32(&pair->to_input, AS_IS, TRANSPOSED, rows, in, out, out, out, in);
        gemm_plan_f32(&pair->to_weight, TRANSPOSED, AS_IS, in, out, rows, in, out, out);
    }
}

static void matrix_forward(const struct op_call *call, size_t i, const real *x, const real *w, bool accumulate,
                           real *y) {
    const struct dense_plan *plan = call->prepared;
    gemm_run_f32(&plan->pairs[i / 2].forward, call->rows, width_in(call, i), x, w, accumulate, y);
}

static void matrix_to_weight(const struct op_call *call, size_t i, const real *x, const real *grad, bool accumulate,
                             real *grad_w) {
    const struct dense_plan *plan = call->prepared;
    gemm_run_f32(&plan->pairs[i / 2].to_weight, width_in(call, i), call->rows, x, grad, accumulate, grad_w);
}

/* ---- transposed copy, in tiles of 8 x 8 that fit the registers ---- */

enum { TILE = 8 };
typedef float tile_row __attribute__((vector_size(TILE * sizeof(float))));

/*
 * Swaps the off-diagonal blocks of size `distance` of all tiles of twice that size: lanes 8.. are those of the lower
 * row.
 */
#define SWAP_BLOCKS(row, distance, upper, lower)                                \
    for (size_t r = 0; r < TILE; ++r)                                           \
        if (!(r & (distance))) {                                                \
            tile_row above = row[r], below = row[r + (distance)];               \
            row[r] = __builtin_shufflevector(above, below, upper);              \
            row[r + (distance)] = __builtin_shufflevector(above, below, lower); \
        }
#define LANES(...) __VA_ARGS__

static inline void transpose_tile(const real *restrict from, size_t from_stride, real *restrict to, size_t to_stride) {
    tile_row row[TILE];
    for (size_t r = 0; r < TILE; ++r) memcpy(&row[r], from + r * from_stride, sizeof row[r]);
    SWAP_BLOCKS(row, 4, LANES(0, 1, 2, 3, 8, 9, 10, 11), LANES(4, 5, 6, 7, 12, 13, 14, 15))
    SWAP_BLOCKS(row, 2, LANES(0, 1, 8, 9, 4, 5, 12, 13), LANES(2, 3, 10, 11, 6, 7, 14, 15))
    SWAP_BLOCKS(row, 1, LANES(0, 8, 2, 10, 4, 12, 6, 14), LANES(1, 9, 3, 11, 5, 13, 7, 15))
    for (size_t r = 0; r < TILE; ++r) memcpy(to + r * to_stride, &row[r], sizeof row[r]);
}

static void transpose(size_t rows, size_t columns, const real *restrict from, real *restrict to) {
    size_t whole_rows = rows - rows % TILE, whole_columns = columns - columns % TILE;
    for (size_t c = 0; c < whole_columns; c += TILE)
        for (size_t r = 0; r < whole_rows; r += TILE)
            transpose_tile(from + r * columns + c, columns, to + c * rows + r, rows);
    for (size_t c = 0; c < columns; ++c)
        for (size_t r = c < whole_columns ? whole_rows : 0; r < rows; ++r) to[c * rows + r] = from[r * columns + c];
}

static void matrix_to_input(const struct op_call *call, size_t i, const real *grad, const real *w, bool accumulate,
                            real *grad_x) {
    const struct pair_plan *pair = &((const struct dense_plan *)call->prepared)->pairs[i / 2];
    if (pair->transposed) {
        transpose(width_in(call, i), width_out(call), w, call->scratch);
        w = call->scratch;
    }
    gemm_run_f32(&pair->to_input, call->rows, width_out(call), grad, w, accumulate, grad_x);
}
#else
static void matrix_forward(const struct op_call *call, size_t i, const real *x, const real *w, bool accumulate,
                           real *y) {
    size_t in = width_in(call, i), out = width_out(call);
    linalg_gemm_f64(AS_IS, AS_IS, call->rows, out, in, 1, x, in, w, out, accumulate, y, out);
}

static void matrix_to_weight(const struct op_call *call, size_t i, const real *x, const real *grad, bool accumulate,
                             real *grad_w) {
    size_t in = width_in(call, i), out = width_out(call);
    linalg_gemm_f64(TRANSPOSED, AS_IS, in, out, call->rows, 1, x, in, grad, out, accumulate, grad_w, out);
}

static void matrix_to_input(const struct op_call *call, size_t i, const real *grad, const real *w, bool accumulate,
                            real *grad_x) {
    size_t in = width_in(call, i), out = width_out(call);
    linalg_gemm_f64(AS_IS, TRANSPOSED, call->rows, in, out, 1, grad, out, w, out, accumulate, grad_x, in);
}
#endif

/* ---- products of one output: a matrix kernel would fill one lane of its registers ---- */

static inline real dot(size_t count, const real *restrict x, const real *restrict w) {
    real lanes[DOT_LANES] = {0}, sum = 0;
    size_t whole = count - count % DOT_LANES;
    for (size_t i = 0; i < whole; i += DOT_LANES)
        for (size_t lane = 0; lane < DOT_LANES; ++lane) lanes[lane] += x[i + lane] * w[i + lane];
    for (size_t i = whole; i < count; ++i) lanes[i - whole] += x[i] * w[i];
    for (size_t lane = 0; lane < DOT_LANES; ++lane) sum += lanes[lane];
    return sum;
}

static void column_forward(size_t rows, size_t in, const real *x, const real *w, bool accumulate, real *restrict y) {
    for (size_t r = 0; r < rows; ++r) y[r] = (accumulate ? y[r] : 0) + dot(in, x + r * in, w);
}

static void column_to_weight(size_t rows, size_t in, const real *restrict x, const real *restrict grad, bool accumulate,
                             real *restrict grad_w) {
    if (!accumulate) memset(grad_w, 0, in * sizeof *grad_w);
    for (size_t r = 0; r < rows; ++r)
        for (size_t p = 0; p < in; ++p) grad_w[p] += grad[r] * x[r * in + p];
}

static void column_to_input(size_t rows, size_t in, const real *restrict grad, const real *restrict w, bool accumulate,
                            real *restrict grad_x) {
    for (size_t r = 0; r < rows; ++r)
        for (size_t p = 0; p < in; ++p) {
            real old = accumulate ? grad_x[r * in + p] : 0;
            grad_x[r * in + p] = old + grad[r] * w[p];
        }
}

/* ---- either kind ---- */

static void product_forward(const struct op_call *call, size_t i, const real *x, const real *w, bool accumulate,
                            real *y) {
    if (width_out(call) == 1)
        column_forward(call->rows, width_in(call, i), x, w, accumulate, y);
    else
        matrix_forward(call, i, x, w, accumulate, y);
}

static void product_to_weight(const struct op_call *call, size_t i, const real *x, const real *grad, bool accumulate,
                              real *grad_w) {
    if (width_out(call) == 1)
        column_to_weight(call->rows, width_in(call, i), x, grad, accumulate, grad_w);
    else
        matrix_to_weight(call, i, x, grad, accumulate, grad_w);
}

static void product_to_input(const struct op_call *call, size_t i, const real *grad, const real *w, bool accumulate,
                             real *grad_x) {
    if (width_out(call) == 1)
        column_to_input(call->rows, width_in(call, i), grad, w, accumulate, grad_x);
    else
        matrix_to_input(call, i, grad, w, accumulate, grad_x);
}

static void dense_forward(const struct op_call *call) {
    size_t out = width_out(call);
    real *y = call->output;
    if (has_bias(call)) {
        const real *b = call->inputs[call->input_count - 1];
        for (size_t r = 0; r < call->rows; ++r) memcpy(y + r * out, b, out * sizeof *y);
    }
    for (size_t i = 0; i + 1 < call->input_count; i += 2)
        product_forward(call, i, call->inputs[i], call->inputs[i + 1], i > 0 || has_bias(call), y);
}

static void dense_tangent(const struct op_call *call) {
    size_t out = width_out(call);
    real *ty = call->output_tangent;
    memset(ty, 0, call->rows * out * sizeof *ty);
    for (size_t i = 0; i + 1 < call->input_count; i += 2) {
        if (call->input_tangents[i]) product_forward(call, i, call->input_tangents[i], call->inputs[i + 1], true, ty);
        if (call->input_tangents[i + 1])
            product_forward(call, i, call->inputs[i], call->input_tangents[i + 1], true, ty);
    }
    const real *tb = has_bias(call) ? call->input_tangents[call->input_count - 1] : NULL;
    for (size_t r = 0; tb && r < call->rows; ++r)
        for (size_t j = 0; j < out; ++j) ty[r * out + j] += tb[j];
}

static void bias_backward(size_t rows, size_t out, const real *restrict grad, bool keep, real *restrict grad_b) {
    if (!keep) memset(grad_b, 0, out * sizeof *grad_b);
    for (size_t r = 0; r < rows; ++r)
        for (size_t j = 0; j < out; ++j) grad_b[j] += grad[r * out + j];
}

static void inputs_backward(const struct op_call *call) {
    for (size_t i = 0; i + 1 < call->input_count; i += 2)
        if (call->input_gradients[i])
            product_to_input(call, i, call->output_gradient, call->inputs[i + 1], call->keep[i],
                             call->input_gradients[i]);
}

static void dense_backward(const struct op_call *call) {
    inputs_backward(call);
    for (size_t i = 0; i + 1 < call->input_count; i += 2)
        if (call->input_gradients[i + 1])
            product_to_weight(call, i, call->inputs[i], call->output_gradient, call->keep[i + 1],
                              call->input_gradients[i + 1]);
    size_t last = call->input_count - 1;
    if (has_bias(call) && call->input_gradients[last])
        bias_backward(call->rows, width_out(call), call->output_gradient, call->keep[last],
                      call->input_gradients[last]);
}

static void outer_product(size_t in, size_t out, const real *restrict x, const real *restrict grad, bool keep,
                          real *restrict block) {
    for (size_t p = 0; p < in; ++p)
        for (size_t j = 0; j < out; ++j) block[p * out + j] = (keep ? block[p * out + j] : 0) + x[p] * grad[j];
}

/* Per-sample gradients: an outer product per row. */
static void dense_backward_rows(const struct op_call *call, const size_t *stride) {
    inputs_backward(call);
    size_t out = width_out(call), last = call->input_count - 1;
    const real *grad = call->output_gradient;
    for (size_t i = 0; i + 1 < call->input_count; i += 2) {
        const real *x = call->inputs[i];
        size_t in = width_in(call, i);
        for (size_t r = 0; call->input_gradients[i + 1] && r < call->rows; ++r)
            outer_product(in, out, x + r * in, grad + r * out, call->keep[i + 1],
                          (real *)call->input_gradients[i + 1] + r * stride[i + 1]);
    }
    if (!has_bias(call) || !call->input_gradients[last]) return;
    for (size_t r = 0; r < call->rows; ++r)
        bias_backward(1, out, grad + r * out, call->keep[last], (real *)call->input_gradients[last] + r * stride[last]);
}

static const struct op_probe probe_two = {.input_count = 4,
                                          .inputs = {{.batched = true, .rank = 1, .dims = {7}},
                                                     {.rank = 2, .dims = {7, 5}},
                                                     {.batched = true, .rank = 1, .dims = {3}},
                                                     {.rank = 2, .dims = {3, 5}}}};
static const struct op_probe probe_single = {
    .input_count = 3,
    .inputs = {{.batched = true, .rank = 1, .dims = {1}}, {.rank = 2, .dims = {1, 1}}, {.rank = 1, .dims = {1}}},
    .next = &probe_two};
static const struct op_probe probe = {
    .input_count = 3,
    .inputs = {{.batched = true, .rank = 1, .dims = {13}}, {.rank = 2, .dims = {13, 17}}, {.rank = 1, .dims = {17}}},
    .next = &probe_single};

const struct op_class OP_CLASS(dense) = {
    .name = "dense",
    .formula = "y = sum_i x_i W_i (+ b)",
    .min_inputs = 2,
    .max_inputs = OP_MAX_INPUTS,
    .reads = OP_READS_INPUTS,
    .shape = dense_shape,
    .scratch = dense_scratch,
#if REAL_BITS == 32
    .prepared_size = sizeof(struct dense_plan),
    .prepare = dense_prepare,
#endif
    .forward = dense_forward,
    .tangent = dense_tangent,
    .backward = dense_backward,
    .backward_rows = dense_backward_rows,
    .probe = &probe,
};
