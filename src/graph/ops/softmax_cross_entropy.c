/* SPDX-License-Identifier: MIT */
/*
 * y = log sum_j exp(z_j) - z_k per row: logits z [rows, c], labels k [rows, 1] (class numbers 0..c-1 held
 * as reals, not differentiated) -> [rows, 1]. number[0]: label smoothing e in [0, 1): the target is (1 - e) of the
 * label and e / c of every class, which adds e (z_k - mean z). Source: Szegedy et al. 2016, sec. 7.
 *
 * Stable: with m the first largest logit, log sum_j exp(z_j) = z_m + log1p(rest), rest = sum_{j != m}
 * exp(z_j - z_m), so a small loss keeps its digits; so does p_k - 1 = -(sum of the others) / sum.
 * Labels are checked where data is read; one that is no class number (out of range, fractional, NaN)
 * reads nothing outside the row and gives NaN for loss, tangent and gradient of its row.
 */
#include "graph/ops/kernels.h"
#include "graph/ops/vector_math.h"

static strata_status softmax_cross_entropy_shape(strata_context *ctx, const struct op_attributes *attributes,
                                                 size_t count, const struct shape *const *inputs,
                                                 struct shape *output) {
    const struct shape column = shape_rows(1);
    if (!inputs[0]->batched || inputs[0]->rank != 1 || !shape_equal(inputs[1], &column))
        return op_refuse(ctx, "softmax_cross_entropy", count, inputs, "logits [batch, c] and labels [batch, 1]");
    if (!(attributes->number[0] >= 0 && attributes->number[0] < 1))
        return op_refuse(ctx, "softmax_cross_entropy", count, inputs, "a label smoothing from 0 to below 1");
    *output = column;
    return STRATA_OK;
}

/* Room for one row of exp(z_j - z_m). */
static size_t softmax_cross_entropy_scratch(const struct op_call *planned, size_t rows) {
    (void)rows;
    return planned->input_shapes[0]->dims[0] * sizeof(real);
}

/* One row's label and sums. */
struct softmax_row {
    size_t top, label;
    bool valid;
    double rest; /* sum of exp(z_j - z_top) over j != top */
};

static struct softmax_row softmax_row_make(size_t classes, const real *restrict z, real label, real *restrict exps) {
    struct softmax_row row = {.valid = label >= 0 && label < (real)classes && label == REAL(floor)(label)};
    row.label = row.valid ? (size_t)label : 0;
    for (size_t j = 1; j < classes; ++j)
        if (z[j] > z[row.top]) row.top = j;
    const real top = z[row.top];
    for (size_t j = 0; j < classes; ++j) exps[j] = real_exp(z[j] - top);
    row.rest = real_sum(row.top, exps) + real_sum(classes - row.top - 1, exps + row.top + 1);
    return row;
}

/* p_k - 1 of the label's class. */
static double softmax_row_deficit(const struct softmax_row *row, const real *exps) {
    double others = row->label == row->top ? row->rest : 1 + row->rest - (double)exps[row->label];
    return -others / (1 + row->rest);
}

/* What smoothing adds to a row: e (v_k - mean v), v the logits or their tangents. */
static double smoothed(const struct op_call *call, size_t classes, const real *v, size_t label) {
    double smoothing = call->attributes->number[0];
    return smoothing > 0 ? smoothing * ((double)v[label] - real_sum(classes, v) / (double)classes) : 0;
}

static void softmax_cross_entropy_forward(const struct op_call *call) {
    const real *z = call->inputs[0], *labels = call->inputs[1];
    size_t classes = call->input_shapes[0]->dims[0];
    real *y = call->output;
    for (size_t row = 0; row < call->rows; ++row, z += classes) {
        struct softmax_row made = softmax_row_make(classes, z, labels[row], call->scratch);
        double loss = (double)z[made.top] - (double)z[made.label] + log1p(made.rest);
        y[row] = made.valid ? (real)(loss + smoothed(call, classes, z, made.label)) : (real)NAN;
    }
}

static void softmax_cross_entropy_tangent(const struct op_call *call) {
    const real *z = call->inputs[0], *labels = call->inputs[1], *dz = call->input_tangents[0];
    size_t classes = call->input_shapes[0]->dims[0];
    real *y = call->output_tangent;
    if (!dz) {
        real_add_constant(call->rows, 0, false, y);
        return;
    }
    for (size_t row = 0; row < call->rows; ++row, z += classes, dz += classes) {
        const real *exps = call->scratch;
        struct softmax_row made = softmax_row_make(classes, z, labels[row], call->scratch);
        double sum = softmax_row_deficit(&made, exps) * (double)dz[made.label];
        for (size_t j = 0; j < classes; ++j)
            if (j != made.label) sum += (double)exps[j] / (1 + made.rest) * (double)dz[j];
        y[row] = made.valid ? (real)(sum + smoothed(call, classes, dz, made.label)) : (real)NAN;
    }
}

static void softmax_cross_entropy_backward(const struct op_call *call) {
    const real *z = call->inputs[0], *labels = call->inputs[1], *g = call->output_gradient;
    size_t classes = call->input_shapes[0]->dims[0];
    real *to = call->input_gradients[0], *to_labels = call->input_gradients[1];
    const real smoothing = (real)call->attributes->number[0];
    for (size_t row = 0; to && row < call->rows; ++row, z += classes, to += classes) {
        const real *exps = call->scratch;
        struct softmax_row made = softmax_row_make(classes, z, labels[row], call->scratch);
        const real upstream = made.valid ? g[row] : (real)NAN;
        real old = call->keep[0] ? to[made.label] : 0;
        real_add(classes, upstream * (real)(1 / (1 + made.rest)), exps, call->keep[0], to);
        to[made.label] = old + upstream * (real)softmax_row_deficit(&made, exps);
        if (smoothing == 0) continue;
        real_add_constant(classes, -upstream * smoothing / (real)classes, true, to);
        to[made.label] += upstream * smoothing;
    }
    if (to_labels && !call->keep[1]) real_add_constant(call->rows, 0, false, to_labels);
}

/* Labels spread over the classes: {0, 1} suits every probe below but the one of a single class. */
static void softmax_labels_two(size_t input, size_t count, double *values) {
    for (size_t i = 0; input == 1 && i < count; ++i) values[i] = values[i] > 0 ? 1 : 0;
}

static void softmax_labels_one(size_t input, size_t count, double *values) {
    for (size_t i = 0; input == 1 && i < count; ++i) values[i] = 0;
}

static void softmax_labels_ten(size_t input, size_t count, double *values) {
    for (size_t i = 0; input == 1 && i < count; ++i) values[i] = (double)(7 * i % 10);
}

static const struct op_probe softmax_cross_entropy_probe[4] = {
    {.input_count = 2,
     .inputs = {{true, 1, {1}}, {true, 1, {1}}},
     .constant_inputs = 2,
     .adjust = softmax_labels_one,
     .next = &softmax_cross_entropy_probe[1]},
    {.input_count = 2,
     .inputs = {{true, 1, {2}}, {true, 1, {1}}},
     .constant_inputs = 2,
     .adjust = softmax_labels_two,
     .next = &softmax_cross_entropy_probe[2]},
    {.input_count = 2,
     .inputs = {{true, 1, {10}}, {true, 1, {1}}},
     .constant_inputs = 2,
     .adjust = softmax_labels_ten,
     .next = &softmax_cross_entropy_probe[3]},
    {.input_count = 2,
     .inputs = {{true, 1, {10}}, {true, 1, {1}}},
     .attributes = {.number = {0.1}},
     .constant_inputs = 2,
     .adjust = softmax_labels_ten},
};

const struct op_class OP_CLASS(softmax_cross_entropy) = {
    .name = "softmax_cross_entropy",
    .formula = "y = log sum_j exp(z_j) - (1 - e) z_k - e mean z",
    .min_inputs = 2,
    .max_inputs = 2,
    .reads = OP_READS_INPUTS,
    .shape = softmax_cross_entropy_shape,
    .scratch = softmax_cross_entropy_scratch,
    .forward = softmax_cross_entropy_forward,
    .tangent = softmax_cross_entropy_tangent,
    .backward = softmax_cross_entropy_backward,
    .probe = softmax_cross_entropy_probe,
};
