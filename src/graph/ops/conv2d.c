/* SPDX-License-Identifier: MIT */
/*
 * Convolution of pictures (cross-correlation): y[o] = sum over channels and taps of W[o, c, v, u] x[c, ...] (+ b[o]).
 *
 * Inputs: x [batch, C, H, W], W [O, C / groups, kernel height, kernel width], optionally b [O]. size[0..3]: stride,
 * padding (zeros), dilation, groups; 0 means 1 for stride, dilation and groups. Depthwise is groups = C.
 *
 * A row becomes a matrix of taps by output pixels, and each direction one product with it; a 1 x 1 convolution of
 * stride 1 reads the picture itself. Source of the method: Chellapilla, Puri & Simard 2006. In float32 a convolution
 * of stride 1 without dilation and groups needs no such matrix: linalg/shift_conv.h. Larger strides fill it from phases
 * of the picture: graph/ops/phases.h.
 */
#include <string.h>

#include "graph/ops/phases.h"
#include "graph/ops/unfold.h"
#include "linalg/linalg.h"
#include "linalg/stride_one.h"

struct conv {
    struct windows w;
    size_t outputs, groups, taps; /* taps: rows of the matrix of one group */
    size_t pixels;                /* of an output channel */
    bool direct;                  /* the picture is that matrix */
};

static struct conv conv_of(const struct op_attributes *attributes, const struct shape *x, const struct shape *weight) {
    struct conv c = {.w = {.channels = x->dims[0],
                           .height = x->dims[1],
                           .width = x->dims[2],
                           .kernel_height = weight->dims[2],
                           .kernel_width = weight->dims[3],
                           .stride = at_least_one(attributes->size[0]),
                           .padding = attributes->size[1],
                           .dilation = at_least_one(attributes->size[2])},
                     .outputs = weight->dims[0],
                     .groups = at_least_one(attributes->size[3])};
    c.taps = weight->dims[1] * c.w.kernel_height * c.w.kernel_width;
    if (windows_fit(&c.w)) c.pixels = c.w.out_height * c.w.out_width;
    c.direct = c.w.kernel_height == 1 && c.w.kernel_width == 1 && c.w.stride == 1 && c.w.padding == 0;
    return c;
}

static struct conv conv_of_call(const struct op_call *call) {
    return conv_of(call->attributes, call->input_shapes[0], call->input_shapes[1]);
}

static strata_status conv2d_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                  const struct shape *const *inputs, struct shape *output) {
    const struct shape *x = inputs[0], *weight = inputs[1];
    if (!x->batched || x->rank != 3 || weight->batched || weight->rank != 4 || shape_size(weight) == 0)
        return op_refuse(ctx, "conv2d", count, inputs, "[batch, C, H, W] and weights [O, C / groups, h, w]");
    struct conv c = conv_of(attributes, x, weight);
    if (c.w.channels % c.groups || c.outputs % c.groups || weight->dims[1] != c.w.channels / c.groups)
        return op_refuse(ctx, "conv2d", count, inputs, "groups that divide both channel counts, weights of C / groups");
    if (c.pixels == 0) return op_refuse(ctx, "conv2d", count, inputs, "a kernel within the padded picture");
    if (count == 3 && (inputs[2]->batched || inputs[2]->rank != 1 || inputs[2]->dims[0] != c.outputs))
        return op_refuse(ctx, "conv2d", count, inputs, "a bias of one number an output channel");
    *output = (struct shape){.batched = true, .rank = 3, .dims = {c.outputs, c.w.out_height, c.w.out_width}};
    return STRATA_OK;
}

#if REAL_BITS == 32
/* Plans both directions by shifts; false where the matrix of taps is to be used. */
static bool plan_shifts(const struct conv *c, struct stride_one *forward, struct stride_one *backward) {
    const struct windows *w = &c->w;
    bool fits = w->stride == 1 && w->dilation == 1 && c->groups == 1 && !c->direct && w->padding < w->kernel_height &&
                w->padding < w->kernel_width;
    const struct shift_shape shape = {.inputs = w->channels,
                                      .outputs = c->outputs,
                                      .height = w->height,
                                      .width = w->width,
                                      .kernel_height = w->kernel_height,
                                      .kernel_width = w->kernel_width,
                                      .pad_height = w->padding,
                                      .pad_width = w->padding};
    const struct shift_shape back = {.inputs = c->outputs,
                                     .outputs = w->channels,
                                     .height = w->out_height,
                                     .width = w->out_width,
                                     .kernel_height = w->kernel_height,
                                     .kernel_width = w->kernel_width,
                                     .pad_height = w->kernel_height - 1 - w->padding,
                                     .pad_width = w->kernel_width - 1 - w->padding};
    return fits && stride_one_plan(forward, &shape) && stride_one_plan(backward, &back);
}
#endif

/* Numbers of scratch: the matrix, the phases where there are any, and a transposed gradient with transposed weights. */
static size_t padded_numbers(size_t count) { return (count + PHASE_PIECE - 1) / PHASE_PIECE * PHASE_PIECE; }

static size_t matrix_numbers(const struct conv *c) {
    return padded_numbers(c->groups * c->taps * c->pixels + PHASE_PIECE);
}

static size_t phase_numbers(const struct conv *c) {
    return phases_fit(&c->w) ? padded_numbers(phases_of(&c->w).picture) : 0;
}

static size_t conv2d_scratch(const struct op_call *planned, size_t rows) {
    (void)rows;
    struct conv c = conv_of_call(planned);
#if REAL_BITS == 32
    struct stride_one forward, backward;
    if (plan_shifts(&c, &forward, &backward)) {
        size_t one = stride_one_scratch(&forward), two = stride_one_scratch(&backward);
        return one > two ? one : two;
    }
#endif
    size_t numbers = matrix_numbers(&c) + phase_numbers(&c);
#if REAL_BITS == 32
    numbers += padded_numbers(c.outputs * c.pixels) + padded_numbers(c.outputs * c.taps);
#endif
    return numbers * sizeof(real);
}

/* ---- products of one group */

#if REAL_BITS == 32
struct conv_plan {
    bool shifts; /* the two plans below it hold, not the three */
    struct stride_one shift_forward, shift_backward;
    struct gemm_plan forward, to_weight, to_matrix;
};

static const struct conv_plan *shifts_of(const struct op_call *call) {
    const struct conv_plan *plan = call->prepared;
    return plan->shifts ? plan : NULL;
}

static void conv2d_prepare(struct op_call *planned, size_t rows) {
    struct conv_plan *plan = planned->prepared;
    struct conv c = conv_of_call(planned);
    size_t o = c.outputs / c.groups;
    (void)rows;
    plan->shifts = plan_shifts(&c, &plan->shift_forward, &plan->shift_backward);
    if (plan->shifts) return;
    gemm_plan_f32(&plan->forward, AS_IS, AS_IS, o, c.pixels, c.taps, c.taps, c.pixels, c.pixels);
    gemm_plan_f32(&plan->to_weight, AS_IS, AS_IS, c.taps, o, c.pixels, c.pixels, c.outputs, c.outputs);
    gemm_plan_f32(&plan->to_matrix, TRANSPOSED, AS_IS, c.taps, c.pixels, o, c.taps, c.pixels, c.pixels);
}

static void product_forward(const struct op_call *call, const struct conv *c, const real *weight, const real *matrix,
                            bool keep, real *y) {
    const struct conv_plan *plan = call->prepared;
    gemm_run_f32(&plan->forward, c->outputs / c->groups, c->taps, weight, matrix, keep, y);
}

static void product_to_matrix(const struct op_call *call, const struct conv *c, const real *weight, const real *grad,
                              bool keep, real *matrix) {
    const struct conv_plan *plan = call->prepared;
    gemm_run_f32(&plan->to_matrix, c->taps, c->outputs / c->groups, weight, grad, keep, matrix);
}
#else
static void product_forward(const struct op_call *call, const struct conv *c, const real *weight, const real *matrix,
                            bool keep, real *y) {
    (void)call;
    linalg_gemm_f64(AS_IS, AS_IS, c->outputs / c->groups, c->pixels, c->taps, 1, weight, c->taps, matrix, c->pixels,
                    keep, y, c->pixels);
}

static void product_to_matrix(const struct op_call *call, const struct conv *c, const real *weight, const real *grad,
                              bool keep, real *matrix) {
    (void)call;
    linalg_gemm_f64(TRANSPOSED, AS_IS, c->taps, c->pixels, c->outputs / c->groups, 1, weight, c->taps, grad, c->pixels,
                    keep, matrix, c->pixels);
}
#endif

/* ---- the op */

static size_t input_row(const struct conv *c) { return c->w.channels * c->w.height * c->w.width; }

static real *phases_in(const struct op_call *call, const struct conv *c) {
    return (real *)call->scratch + matrix_numbers(c);
}

/* Once before the rows of a call: the padding of the phases. */
static void clear_phases(const struct op_call *call, const struct conv *c) {
    memset(phases_in(call, c), 0, phase_numbers(c) * sizeof(real));
}

static const real *matrix_of(const struct op_call *call, const struct conv *c, const real *x) {
    if (c->direct) return x;
    if (phases_fit(&c->w)) {
        const struct phases p = phases_of(&c->w);
        phases_split(&c->w, &p, x, phases_in(call, c));
        phases_unfold(&c->w, &p, phases_in(call, c), call->scratch);
    } else {
        unfold(&c->w, x, call->scratch);
    }
    return call->scratch;
}

/* x (+)= what the windows of the matrix in scratch read. */
static void fold_matrix(const struct op_call *call, const struct conv *c, bool keep, real *x) {
    if (phases_fit(&c->w)) {
        const struct phases p = phases_of(&c->w);
        clear_phases(call, c);
        phases_fold(&c->w, &p, call->scratch, phases_in(call, c));
        phases_merge(&c->w, &p, phases_in(call, c), keep, x);
        return;
    }
    if (!keep) memset(x, 0, input_row(c) * sizeof *x);
    fold(&c->w, call->scratch, x);
}

/* y (+)= W x, row by row. */
static void convolve(const struct op_call *call, const struct conv *c, const real *x, const real *weight, bool keep,
                     real *y) {
    size_t group_out = c->outputs / c->groups;
#if REAL_BITS == 32
    const struct conv_plan *plan = shifts_of(call);
    if (plan) {
        stride_one_apply(&plan->shift_forward, call->rows, x, weight, false, keep, y, call->scratch);
        return;
    }
#endif
    clear_phases(call, c);
    for (size_t r = 0; r < call->rows; ++r) {
        const real *matrix = matrix_of(call, c, x + r * input_row(c));
        for (size_t g = 0; g < c->groups; ++g)
            product_forward(call, c, weight + g * group_out * c->taps, matrix + g * c->taps * c->pixels, keep,
                            y + (r * c->outputs + g * group_out) * c->pixels);
    }
}

static void conv2d_forward(const struct op_call *call) {
    struct conv c = conv_of_call(call);
    bool bias = call->input_count == 3;
    if (bias) channel_spread(call->rows, c.outputs, c.pixels, call->inputs[2], false, call->output);
    convolve(call, &c, call->inputs[0], call->inputs[1], bias, call->output);
}

static void conv2d_tangent(const struct op_call *call) {
    struct conv c = conv_of_call(call);
    channel_spread(call->rows, c.outputs, c.pixels, call->input_count == 3 ? call->input_tangents[2] : NULL, false,
                   call->output_tangent);
    if (call->input_tangents[0])
        convolve(call, &c, call->input_tangents[0], call->inputs[1], true, call->output_tangent);
    if (call->input_tangents[1])
        convolve(call, &c, call->inputs[0], call->input_tangents[1], true, call->output_tangent);
}

#if REAL_BITS == 32
/* to [columns, lines] = from [lines, columns] transposed. */
static void transpose(size_t lines, size_t columns, const real *restrict from, real *restrict to) {
    size_t i = 0;
    for (; i + 8 <= lines; i += 8) /* eight lines at once: whole vectors are written */
        for (size_t j = 0; j < columns; ++j)
            for (size_t t = 0; t < 8; ++t) to[j * lines + i + t] = from[(i + t) * columns + j];
    for (; i < lines; ++i)
        for (size_t j = 0; j < columns; ++j) to[j * lines + i] = from[i * columns + j];
}

/*
 * Sums over rows of matrix x gradient', [taps, outputs]: generated kernels take no transposed second operand, and of
 * the two the gradient is the smaller one.
 */
static void weights_by_matrix(const struct op_call *call, const struct conv *c) {
    const struct conv_plan *plan = call->prepared;
    real *turned = phases_in(call, c) + phase_numbers(c), *sums = turned + padded_numbers(c->outputs * c->pixels),
         *to = call->input_gradients[1];
    size_t group_out = c->outputs / c->groups;
    for (size_t r = 0; r < call->rows; ++r) {
        const real *matrix = matrix_of(call, c, (const real *)call->inputs[0] + r * input_row(c));
        transpose(c->outputs, c->pixels, (const real *)call->output_gradient + r * c->outputs * c->pixels, turned);
        for (size_t g = 0; g < c->groups; ++g)
            gemm_run_f32(&plan->to_weight, c->taps, c->pixels, matrix + g * c->taps * c->pixels, turned + g * group_out,
                         r > 0, sums + g * group_out);
    }
    for (size_t o = 0; o < c->outputs; ++o)
        for (size_t tap = 0; tap < c->taps; ++tap, ++to) *to = (call->keep[1] ? *to : 0) + sums[tap * c->outputs + o];
}
#else
static void weights_by_matrix(const struct op_call *call, const struct conv *c) {
    size_t group_out = c->outputs / c->groups;
    for (size_t r = 0; r < call->rows; ++r) {
        const real *grad = (const real *)call->output_gradient + r * c->outputs * c->pixels;
        const real *matrix = matrix_of(call, c, (const real *)call->inputs[0] + r * input_row(c));
        for (size_t g = 0; g < c->groups; ++g)
            linalg_gemm_f64(AS_IS, TRANSPOSED, group_out, c->taps, c->pixels, 1, grad + g * group_out * c->pixels,
                            c->pixels, matrix + g * c->taps * c->pixels, c->pixels, r > 0 || call->keep[1],
                            (real *)call->input_gradients[1] + g * group_out * c->taps, c->taps);
    }
}
#endif

static void to_weights(const struct op_call *call, const struct conv *c) {
#if REAL_BITS == 32
    const struct conv_plan *plan = shifts_of(call);
    if (plan) {
        stride_one_weights(&plan->shift_forward, call->rows, call->inputs[0], call->output_gradient, call->keep[1],
                           call->input_gradients[1], call->scratch);
        return;
    }
#endif
    clear_phases(call, c);
    weights_by_matrix(call, c);
}

static void to_inputs(const struct op_call *call, const struct conv *c) {
    size_t group_out = c->outputs / c->groups, row = input_row(c);
    const real *weight = call->inputs[1];
#if REAL_BITS == 32
    const struct conv_plan *plan = shifts_of(call);
    if (plan) {
        stride_one_apply(&plan->shift_backward, call->rows, call->output_gradient, weight, true, call->keep[0],
                         call->input_gradients[0], call->scratch);
        return;
    }
#endif
    for (size_t r = 0; r < call->rows; ++r) {
        const real *grad = (const real *)call->output_gradient + r * c->outputs * c->pixels;
        real *to = (real *)call->input_gradients[0] + r * row, *matrix = c->direct ? to : call->scratch;
        for (size_t g = 0; g < c->groups; ++g)
            product_to_matrix(call, c, weight + g * group_out * c->taps, grad + g * group_out * c->pixels,
                              c->direct && call->keep[0], matrix + g * c->taps * c->pixels);
        if (!c->direct) fold_matrix(call, c, call->keep[0], to);
    }
}

static void conv2d_backward(const struct op_call *call) {
    struct conv c = conv_of_call(call);
    if (call->input_gradients[1]) to_weights(call, &c);
    if (call->input_gradients[0]) to_inputs(call, &c);
    if (call->input_count == 3 && call->input_gradients[2])
        channel_sums(call->rows, c.outputs, c.pixels, call->output_gradient, call->keep[2], call->input_gradients[2]);
}

#define PICTURE(c, h, w)     \
    {                        \
        true, 3, { c, h, w } \
    }
#define WEIGHTS(o, c, h, w)      \
    {                            \
        false, 4, { o, c, h, w } \
    }
static const struct op_probe conv2d_probe[6] = {
    {.input_count = 3,
     .inputs = {PICTURE(3, 7, 5), WEIGHTS(4, 3, 3, 3), {false, 1, {4}}},
     .attributes = {.size = {1, 1}},
     .next = &conv2d_probe[1]},
    {.input_count = 2,
     .inputs = {PICTURE(2, 7, 11), WEIGHTS(3, 2, 2, 3)},
     .attributes = {.size = {3, 2, 2}},
     .next = &conv2d_probe[2]},
    {.input_count = 3,
     .inputs = {PICTURE(4, 5, 5), WEIGHTS(6, 2, 3, 1), {false, 1, {6}}},
     .attributes = {.size = {2, 1, 1, 2}},
     .next = &conv2d_probe[3]},
    {.input_count = 2,
     .inputs = {PICTURE(3, 4, 4), WEIGHTS(3, 1, 3, 3)},
     .attributes = {.size = {1, 0, 1, 3}},
     .next = &conv2d_probe[4]},
    {.input_count = 2, .inputs = {PICTURE(5, 3, 2), WEIGHTS(7, 5, 1, 1)}, .next = &conv2d_probe[5]},
    {.input_count = 2, .inputs = {PICTURE(1, 1, 1), WEIGHTS(1, 1, 1, 1)}, .attributes = {.size = {5}}},
};

const struct op_class OP_CLASS(conv2d) = {
    .name = "conv2d",
    .formula = "y[o] = sum over c, v, u of W[o, c, v, u] x[c, i stride + v dilation - padding, ...] (+ b[o])",
    .min_inputs = 2,
    .max_inputs = 3,
    .reads = OP_READS_INPUTS,
    .shape = conv2d_shape,
    .scratch = conv2d_scratch,
#if REAL_BITS == 32
    .prepared_size = sizeof(struct conv_plan),
    .prepare = conv2d_prepare,
#endif
    .forward = conv2d_forward,
    .tangent = conv2d_tangent,
    .backward = conv2d_backward,
    .probe = conv2d_probe,
};
