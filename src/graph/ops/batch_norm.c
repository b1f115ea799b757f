/* SPDX-License-Identifier: MIT */
/*
 * Every channel over a batch, brought to mean 0 and variance 1, then scale[c] z + shift[c].
 *
 * Inputs: x [batch, C, ...], scale [C], shift [C], and two tracked parameters [C]: running mean, running variance.
 * Training takes the moments of the batch and moves the running ones by their share of the way (the variance without
 * bias); otherwise the running ones are the moments. number[0]: added to the variance (0: 1e-5); number[1]: the
 * share (0: 0.1). Source: Ioffe & Szegedy, ICML 2015; forms and defaults as PyTorch's BatchNorm.
 */
#include "graph/ops/kernels.h"

enum { MOMENT_LANES = 8, SCALE = 1, SHIFT, RUNNING_MEAN, RUNNING_VARIANCE, INPUTS };

struct channels {
    size_t count, pixels, row; /* pixels of a channel, numbers of a row */
    double epsilon, share;
};

static struct channels channels_of(const struct op_call *call) {
    const struct op_attributes *attributes = call->attributes;
    struct channels c = {.count = call->input_shapes[0]->dims[0],
                         .row = shape_size(call->input_shapes[0]),
                         .epsilon = attributes->number[0] > 0 ? attributes->number[0] : 1e-5,
                         .share = attributes->number[1] > 0 ? attributes->number[1] : .1};
    c.pixels = c.row / c.count;
    return c;
}

static strata_status batch_norm_shape(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                                      const struct shape *const *inputs, struct shape *output) {
    const struct shape *x = inputs[0];
    if (!x->batched || x->rank < 1 || shape_size(x) == 0)
        return op_refuse(ctx, "batch_norm", count, inputs, "[batch, C, ...]");
    if (attributes->number[1] < 0 || attributes->number[1] > 1)
        return op_refuse(ctx, "batch_norm", count, inputs, "a share of the running moments within [0, 1]");
    for (size_t i = SCALE; i < INPUTS; ++i)
        if (inputs[i]->batched || inputs[i]->rank != 1 || inputs[i]->dims[0] != x->dims[0])
            return op_refuse(ctx, "batch_norm", count, inputs, "scale, shift and running moments for every channel");
    *output = *x;
    return STRATA_OK;
}

/* ---- sums over a channel of the batch, around an origin near its mean: of x and x^2, of y and x y when there is y */

struct sums {
    double x, xx, y, xy;
};

static double total(const double lanes[MOMENT_LANES]) {
    double sum = 0;
    for (size_t lane = 0; lane < MOMENT_LANES; ++lane) sum += lanes[lane];
    return sum;
}

static struct sums sums_of(const struct op_call *call, const struct channels *c, size_t channel, const real *x,
                           const real *y, double origin) {
    double sx[MOMENT_LANES] = {0}, sxx[MOMENT_LANES] = {0}, sy[MOMENT_LANES] = {0}, sxy[MOMENT_LANES] = {0};
    for (size_t r = 0; r < call->rows; ++r) {
        const real *restrict from = x + r * c->row + channel * c->pixels;
        const real *restrict with = y ? y + r * c->row + channel * c->pixels : NULL;
        size_t whole = c->pixels - c->pixels % MOMENT_LANES;
        for (size_t i = 0; i < whole; i += MOMENT_LANES)
            for (size_t lane = 0; lane < MOMENT_LANES; ++lane) {
                double v = (double)from[i + lane] - origin;
                sx[lane] += v;
                sxx[lane] += v * v;
            }
        for (size_t i = whole; i < c->pixels; ++i) {
            double v = (double)from[i] - origin;
            sx[i - whole] += v;
            sxx[i - whole] += v * v;
        }
        if (!with) continue;
        for (size_t i = 0; i < whole; i += MOMENT_LANES)
            for (size_t lane = 0; lane < MOMENT_LANES; ++lane) {
                sy[lane] += (double)with[i + lane];
                sxy[lane] += ((double)from[i + lane] - origin) * (double)with[i + lane];
            }
        for (size_t i = whole; i < c->pixels; ++i) {
            sy[i - whole] += (double)with[i];
            sxy[i - whole] += ((double)from[i] - origin) * (double)with[i];
        }
    }
    return (struct sums){total(sx), total(sxx), total(sy), total(sxy)};
}

/* How a channel is normalised: z = (x - mean) inverse. */
struct moments {
    double mean, variance, inverse;
};

static double origin_of(const struct op_call *call, const struct channels *c, size_t channel) {
    if (!call->training) return (double)((const real *)call->inputs[RUNNING_MEAN])[channel];
    return (double)((const real *)call->inputs[0])[channel * c->pixels];
}

static struct moments moments_of(const struct op_call *call, const struct channels *c, size_t channel,
                                 const struct sums *sums, double origin) {
    double numbers = (double)(call->rows * c->pixels);
    struct moments m = {.mean = origin, .variance = (double)((const real *)call->inputs[RUNNING_VARIANCE])[channel]};
    if (call->training) {
        m.mean = origin + sums->x / numbers;
        m.variance = sums->xx / numbers - (sums->x / numbers) * (sums->x / numbers);
    }
    m.inverse = 1 / sqrt((m.variance > 0 ? m.variance : 0) + c->epsilon);
    return m;
}

/* ---- the op */

/* Parameters are inputs like any other to the planner, which alone knows these two as tracked. */
static real *running(const struct op_call *call, size_t input) { return (real *)(uintptr_t)call->inputs[input]; }

static void track(const struct op_call *call, const struct channels *c, size_t channel, const struct moments *m) {
    real *mean = running(call, RUNNING_MEAN) + channel, *variance = running(call, RUNNING_VARIANCE) + channel;
    double numbers = (double)(call->rows * c->pixels);
    if (!call->training || numbers < 2) return;
    *mean = (real)((1 - c->share) * (double)*mean + c->share * m->mean);
    *variance = (real)((1 - c->share) * (double)*variance + c->share * m->variance * numbers / (numbers - 1));
}

static void batch_norm_forward(const struct op_call *call) {
    struct channels c = channels_of(call);
    const real *scale = call->inputs[SCALE], *shift = call->inputs[SHIFT];
    for (size_t k = 0; k < c.count; ++k) {
        double origin = origin_of(call, &c, k);
        struct sums sums = {0};
        if (call->training) sums = sums_of(call, &c, k, call->inputs[0], NULL, origin);
        struct moments m = moments_of(call, &c, k, &sums, origin);
        track(call, &c, k, &m);
        real slope = (real)((double)scale[k] * m.inverse), mean = (real)m.mean, at_mean = shift[k];
        for (size_t r = 0; r < call->rows; ++r) {
            const real *restrict x = (const real *)call->inputs[0] + r * c.row + k * c.pixels;
            real *restrict y = (real *)call->output + r * c.row + k * c.pixels;
            for (size_t i = 0; i < c.pixels; ++i) y[i] = slope * (x[i] - mean) + at_mean;
        }
    }
}

/* With the batch's moments dz = (dx - mean(dx) - z mean(z dx)) inverse, with given ones dz = dx inverse. */
static void batch_norm_tangent(const struct op_call *call) {
    struct channels c = channels_of(call);
    const real *scale = call->inputs[SCALE], *tscale = call->input_tangents[SCALE],
               *tshift = call->input_tangents[SHIFT], *tangent = call->input_tangents[0];
    for (size_t k = 0; k < c.count; ++k) {
        double origin = origin_of(call, &c, k), numbers = (double)(call->rows * c.pixels), mean = 0, along = 0;
        struct sums sums = sums_of(call, &c, k, call->inputs[0], tangent, origin);
        struct moments m = moments_of(call, &c, k, &sums, origin);
        if (call->training && tangent) {
            mean = sums.y / numbers;
            along = (sums.xy - (m.mean - origin) * sums.y) * m.inverse / numbers;
        }
        for (size_t r = 0; r < call->rows; ++r) {
            size_t at = r * c.row + k * c.pixels;
            const real *x = (const real *)call->inputs[0] + at, *tx = tangent ? tangent + at : NULL;
            real *ty = (real *)call->output_tangent + at;
            for (size_t i = 0; i < c.pixels; ++i) {
                double z = ((double)x[i] - m.mean) * m.inverse,
                       tz = tx ? ((double)tx[i] - mean - z * along) * m.inverse : 0;
                ty[i] = (real)((double)scale[k] * tz + (tscale ? (double)tscale[k] * z : 0) +
                               (tshift ? (double)tshift[k] : 0));
            }
        }
    }
}

/* The transposed map: dx = scale inverse (dy - mean(dy) - z mean(z dy)), or scale inverse dy. */
static void to_input(const struct op_call *call, const struct channels *c, size_t k, const struct moments *m,
                     double mean, double along) {
    double slope = (double)((const real *)call->inputs[SCALE])[k] * m->inverse;
    real factor = (real)slope, centre = (real)m->mean, per_x = (real)(slope * along * m->inverse),
         constant = (real)(slope * mean);
    for (size_t r = 0; r < call->rows; ++r) {
        size_t at = r * c->row + k * c->pixels;
        const real *restrict x = (const real *)call->inputs[0] + at, *restrict grad =
                                                                         (const real *)call->output_gradient + at;
        real *restrict to = (real *)call->input_gradients[0] + at;
        for (size_t i = 0; i < c->pixels; ++i) {
            real old = call->keep[0] ? to[i] : 0;
            to[i] = old + (factor * grad[i] - constant - per_x * (x[i] - centre));
        }
    }
}

static void batch_norm_backward(const struct op_call *call) {
    struct channels c = channels_of(call);
    double numbers = (double)(call->rows * c.pixels);
    for (size_t k = 0; k < c.count; ++k) {
        double origin = origin_of(call, &c, k);
        struct sums sums = sums_of(call, &c, k, call->inputs[0], call->output_gradient, origin);
        struct moments m = moments_of(call, &c, k, &sums, origin);
        double along = (sums.xy - (m.mean - origin) * sums.y) * m.inverse;
        for (size_t i = SCALE; i <= SHIFT; ++i) {
            real *to = call->input_gradients[i];
            if (to) to[k] = (call->keep[i] ? to[k] : 0) + (real)(i == SCALE ? along : sums.y);
        }
        if (!call->input_gradients[0]) continue;
        if (call->training)
            to_input(call, &c, k, &m, sums.y / numbers, along / numbers);
        else
            to_input(call, &c, k, &m, 0, 0);
    }
}

/* A variance is above zero. */
static void positive_variance(size_t input, size_t count, double *values) {
    for (size_t i = 0; input == RUNNING_VARIANCE && i < count; ++i) values[i] = .5 + fabs(values[i]);
}

#define VECTOR(n)       \
    {                   \
        false, 1, { n } \
    }
#define TRACKED (1u << RUNNING_MEAN | 1u << RUNNING_VARIANCE)
static const struct op_probe batch_norm_probe[3] = {
    {.input_count = INPUTS,
     .inputs = {{true, 3, {3, 5, 3}}, VECTOR(3), VECTOR(3), VECTOR(3), VECTOR(3)},
     .constant_inputs = TRACKED,
     .adjust = positive_variance,
     .next = &batch_norm_probe[1]},
    {.input_count = INPUTS,
     .inputs = {{true, 1, {11}}, VECTOR(11), VECTOR(11), VECTOR(11), VECTOR(11)},
     .attributes = {.number = {.1, .3}},
     .constant_inputs = TRACKED,
     .adjust = positive_variance,
     .next = &batch_norm_probe[2]},
    {.input_count = INPUTS,
     .inputs = {{true, 3, {2, 1, 1}}, VECTOR(2), VECTOR(2), VECTOR(2), VECTOR(2)},
     .constant_inputs = TRACKED,
     .adjust = positive_variance},
};

const struct op_class OP_CLASS(batch_norm) = {
    .name = "batch_norm",
    .formula = "y = scale[c] (x - mean) / sqrt(var + epsilon) + shift[c], moments of a channel over the batch",
    .min_inputs = INPUTS,
    .max_inputs = INPUTS,
    .reads = OP_READS_INPUTS,
    .mixes_rows = true,
    .tracks = TRACKED,
    .shape = batch_norm_shape,
    .forward = batch_norm_forward,
    .tangent = batch_norm_tangent,
    .backward = batch_norm_backward,
    .probe = batch_norm_probe,
};
