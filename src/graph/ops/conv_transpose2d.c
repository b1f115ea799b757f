/* SPDX-License-Identifier: MIT */
/*
 * Transposed convolution: every pixel lays its kernel, times its number, onto a larger picture. It is the gradient of
 * conv2d to its inputs, taken as a map of its own.
 *
 * Inputs: x [batch, I, H, W], W [I, O / groups, kernel height, kernel width], optionally b [O]. size[0..4]: stride,
 * padding (pixels cut off around), dilation, groups, and lines added below and right; 0 means 1 for stride, dilation
 * and groups. Forms as PyTorch's conv_transpose2d. Source: Zeiler et al., CVPR 2010.
 */
#include <string.h>

#include "graph/ops/unfold.h"
#include "linalg/linalg.h"

struct transposed {
    struct windows w;                    /* of the larger picture: its windows are the pixels of x */
    size_t inputs, groups, pixels, taps; /* pixels of x; taps of a group */
};

static struct transposed transposed_of(const struct op_attributes *attributes, const struct shape *x,
                                       const struct shape *weight) {
    const size_t *size = attributes->size;
    struct transposed t = {.inputs = x->dims[0], .groups = at_least_one(size[3]), .pixels = x->dims[1] * x->dims[2]};
    t.w = (struct windows){.channels = weight->dims[1] * t.groups,
                           .kernel_height = weight->dims[2],
                           .kernel_width = weight->dims[3],
                           .stride = at_least_one(size[0]),
                           .padding = size[1],
                           .dilation = at_least_one(size[2]),
                           .out_height = x->dims[1],
                           .out_width = x->dims[2]};
    size_t tall = t.w.dilation * (t.w.kernel_height - 1) + 1, wide = t.w.dilation * (t.w.kernel_width - 1) + 1;
    size_t height = (x->dims[1] - 1) * t.w.stride + tall + size[4],
           width = (x->dims[2] - 1) * t.w.stride + wide + size[4], cut = 2 * t.w.padding;
    if (height > cut) t.w.height = height - cut;
    if (width > cut) t.w.width = width - cut;
    t.taps = weight->dims[1] * t.w.kernel_height * t.w.kernel_width;
    return t;
}

static struct transposed transposed_of_call(const struct op_call *call) {
    return transposed_of(call->attributes, call->input_shapes[0], call->input_shapes[1]);
}

static strata_status conv_transpose2d_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                            const struct shape *const *inputs, struct shape *output) {
    static const char name[] = "conv_transpose2d";
    const struct shape *x = inputs[0], *weight = inputs[1];
    if (!x->batched || x->rank != 3 || shape_size(x) == 0 || weight->batched || weight->rank != 4 ||
        shape_size(weight) == 0)
        return op_refuse(ctx, name, count, inputs, "[batch, I, H, W] and weights [I, O / groups, h, w]");
    struct transposed t = transposed_of(attributes, x, weight);
    if (weight->dims[0] != t.inputs || t.inputs % t.groups)
        return op_refuse(ctx, name, count, inputs, "a kernel for every input channel, and groups that divide them");
    if (attributes->size[4] >= t.w.stride && attributes->size[4] >= t.w.dilation)
        return op_refuse(ctx, name, count, inputs, "fewer added lines than the stride or the dilation");
    if (t.w.height == 0 || t.w.width == 0) return op_refuse(ctx, name, count, inputs, "padding that leaves a picture");
    if (count == 3 && (inputs[2]->batched || inputs[2]->rank != 1 || inputs[2]->dims[0] != t.w.channels))
        return op_refuse(ctx, name, count, inputs, "a bias of one number an output channel");
    *output = (struct shape){.batched = true, .rank = 3, .dims = {t.w.channels, t.w.height, t.w.width}};
    return STRATA_OK;
}

static size_t conv_transpose2d_scratch(const struct op_call *planned, size_t rows) {
    (void)rows;
    struct transposed t = transposed_of_call(planned);
    return t.groups * t.taps * t.pixels * sizeof(real);
}

static void gemm(enum transpose ta, enum transpose tb, size_t m, size_t n, size_t k, const real *a, size_t lda,
                 const real *b, size_t ldb, bool keep, real *c, size_t ldc) {
#if REAL_BITS == 32
    linalg_gemm_f32(ta, tb, m, n, k, 1, a, lda, b, ldb, keep, c, ldc);
#else
    linalg_gemm_f64(ta, tb, m, n, k, 1, a, lda, b, ldb, keep, c, ldc);
#endif
}

static size_t row_in(const struct transposed *t) { return t->inputs * t->pixels; }
static size_t row_out(const struct transposed *t) { return t->w.channels * t->w.height * t->w.width; }

/* y += W' x, row by row: a group's matrix of taps is the product, and folding lays it down. */
static void lay_down(const struct op_call *call, const struct transposed *t, const real *x, const real *weight,
                     real *y) {
    size_t in = t->inputs / t->groups;
    for (size_t r = 0; r < call->rows; ++r) {
        real *matrix = call->scratch;
        for (size_t g = 0; g < t->groups; ++g)
            gemm(TRANSPOSED, AS_IS, t->taps, t->pixels, in, weight + g * in * t->taps, t->taps,
                 x + r * row_in(t) + g * in * t->pixels, t->pixels, false, matrix + g * t->taps * t->pixels, t->pixels);
        fold(&t->w, matrix, y + r * row_out(t));
    }
}

static void conv_transpose2d_forward(const struct op_call *call) {
    struct transposed t = transposed_of_call(call);
    channel_spread(call->rows, t.w.channels, t.w.height * t.w.width, call->input_count == 3 ? call->inputs[2] : NULL,
                   false, call->output);
    lay_down(call, &t, call->inputs[0], call->inputs[1], call->output);
}

static void conv_transpose2d_tangent(const struct op_call *call) {
    struct transposed t = transposed_of_call(call);
    channel_spread(call->rows, t.w.channels, t.w.height * t.w.width,
                   call->input_count == 3 ? call->input_tangents[2] : NULL, false, call->output_tangent);
    if (call->input_tangents[0]) lay_down(call, &t, call->input_tangents[0], call->inputs[1], call->output_tangent);
    if (call->input_tangents[1]) lay_down(call, &t, call->inputs[0], call->input_tangents[1], call->output_tangent);
}

/* Both directions read the gradient as a matrix of taps: dx = W m, dW = x m'. */
static void conv_transpose2d_backward(const struct op_call *call) {
    struct transposed t = transposed_of_call(call);
    size_t in = t.inputs / t.groups;
    const real *grad = call->output_gradient;
    for (size_t r = 0; r < call->rows && (call->input_gradients[0] || call->input_gradients[1]); ++r) {
        unfold(&t.w, grad + r * row_out(&t), call->scratch);
        for (size_t g = 0; g < t.groups; ++g) {
            const real *matrix = (const real *)call->scratch + g * t.taps * t.pixels;
            size_t at = r * row_in(&t) + g * in * t.pixels, weights = g * in * t.taps;
            if (call->input_gradients[0])
                gemm(AS_IS, AS_IS, in, t.pixels, t.taps, (const real *)call->inputs[1] + weights, t.taps, matrix,
                     t.pixels, call->keep[0], (real *)call->input_gradients[0] + at, t.pixels);
            if (call->input_gradients[1])
                gemm(AS_IS, TRANSPOSED, in, t.taps, t.pixels, (const real *)call->inputs[0] + at, t.pixels, matrix,
                     t.pixels, r > 0 || call->keep[1], (real *)call->input_gradients[1] + weights, t.taps);
        }
    }
    if (call->input_count == 3 && call->input_gradients[2])
        channel_sums(call->rows, t.w.channels, t.w.height * t.w.width, grad, call->keep[2], call->input_gradients[2]);
}

#define PICTURE(c, h, w)     \
    {                        \
        true, 3, { c, h, w } \
    }
#define WEIGHTS(i, o, h, w)      \
    {                            \
        false, 4, { i, o, h, w } \
    }
static const struct op_probe conv_transpose2d_probe[4] = {
    {.input_count = 3,
     .inputs = {PICTURE(3, 4, 3), WEIGHTS(3, 2, 3, 3), {false, 1, {2}}},
     .attributes = {.size = {2, 1, 0, 0, 1}},
     .next = &conv_transpose2d_probe[1]},
    {.input_count = 2,
     .inputs = {PICTURE(2, 3, 2), WEIGHTS(2, 3, 2, 3)},
     .attributes = {.size = {3, 2, 2}},
     .next = &conv_transpose2d_probe[2]},
    {.input_count = 3,
     .inputs = {PICTURE(4, 2, 3), WEIGHTS(4, 2, 3, 1), {false, 1, {4}}},
     .attributes = {.size = {1, 0, 1, 2}},
     .next = &conv_transpose2d_probe[3]},
    {.input_count = 2, .inputs = {PICTURE(1, 1, 1), WEIGHTS(1, 1, 1, 1)}, .attributes = {.size = {5}}},
};

const struct op_class OP_CLASS(conv_transpose2d) = {
    .name = "conv_transpose2d",
    .formula = "y[o, i stride + v dilation - padding, ...] = sum over c, v, u of W[c, o, v, u] x[c, i, ...] (+ b[o])",
    .min_inputs = 2,
    .max_inputs = 3,
    .reads = OP_READS_INPUTS,
    .shape = conv_transpose2d_shape,
    .scratch = conv_transpose2d_scratch,
    .forward = conv_transpose2d_forward,
    .tangent = conv_transpose2d_tangent,
    .backward = conv_transpose2d_backward,
    .probe = conv_transpose2d_probe,
};
