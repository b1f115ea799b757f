/* SPDX-License-Identifier: MIT */
/*
 * Every channel over a batch, brought to mean 0 and variance 1, then scale[c] z + shift[c].
 *
 * Inputs: x [batch, C, ...], scale [C], shift [C], and two tracked parameters [C]: running mean, running variance.
 * Training takes the moments of the batch and moves the running ones by their share of the way (the variance without
 * bias); otherwise the running ones are the moments. number[0]: added to the variance (0: 1e-5); number[1]: the
 * share (0: 0.1); size[0]: 1 takes the positive part of the result, a relu without another pass. Source: Ioffe &
 * Szegedy, ICML 2015; forms and defaults as PyTorch's BatchNorm.
 */
#include "graph/ops/kernels.h"

enum { MOMENT_LANES = 16, SCALE = 1, SHIFT, RUNNING_MEAN, RUNNING_VARIANCE, INPUTS };

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

/* ---- a channel of the batch */

/* How forward normalised it: z = (x - mean) inverse, y = slope (x - mean) + shift. */
struct moments {
    real mean, inverse, slope, shift;
};

/* Two sums over a channel, by lanes: within a run of pixels in `real`, from run to run in double. */
struct sums {
    double one[MOMENT_LANES], two[MOMENT_LANES];
};

static void add_lanes(const real *one, const real *two, struct sums *sums) {
    for (size_t lane = 0; lane < MOMENT_LANES; ++lane) {
        sums->one[lane] += (double)one[lane];
        sums->two[lane] += (double)two[lane];
    }
}

static double total(const double *lanes) {
    double sum = 0;
    for (size_t lane = 0; lane < MOMENT_LANES; ++lane) sum += lanes[lane];
    return sum;
}

/* Adds the sums of v and v^2, v = x - origin, of one run of pixels. */
static void add_squares(size_t count, const real *restrict x, real origin, struct sums *sums) {
    real s[MOMENT_LANES] = {0}, ss[MOMENT_LANES] = {0};
    size_t whole = count - count % MOMENT_LANES;
    for (size_t i = 0; i < whole; i += MOMENT_LANES)
        for (size_t lane = 0; lane < MOMENT_LANES; ++lane) {
            real v = x[i + lane] - origin;
            s[lane] += v;
            ss[lane] += v * v;
        }
    for (size_t i = whole; i < count; ++i) {
        real v = x[i] - origin;
        s[i - whole] += v;
        ss[i - whole] += v * v;
    }
    add_lanes(s, ss, sums);
}

/* Adds the sums of g and (x - mean) g, where g counts where y does not stop it. */
static void add_products(size_t count, const real *restrict x, const real *restrict g, const struct moments *m,
                         real floor, struct sums *sums) {
    real s[MOMENT_LANES] = {0}, sp[MOMENT_LANES] = {0};
    size_t whole = count - count % MOMENT_LANES;
    for (size_t i = 0; i < whole; i += MOMENT_LANES)
        for (size_t lane = 0; lane < MOMENT_LANES; ++lane) {
            real v = x[i + lane] - m->mean, passes = m->slope * v + m->shift > floor ? g[i + lane] : 0;
            s[lane] += passes;
            sp[lane] += v * passes;
        }
    for (size_t i = whole; i < count; ++i) {
        real v = x[i] - m->mean, passes = m->slope * v + m->shift > floor ? g[i] : 0;
        s[i - whole] += passes;
        sp[i - whole] += v * passes;
    }
    add_lanes(s, sp, sums);
}

/* What y has to be above to let a gradient through. */
static real floor_of(const struct op_call *call) { return call->attributes->size[0] ? 0 : (real)-INFINITY; }

/* Parameters are inputs like any other to the planner, which alone knows these two as tracked. */
static real *running(const struct op_call *call, size_t input) { return (real *)(uintptr_t)call->inputs[input]; }

/*
 * A shard's part: how many numbers of a channel it has, and two sums a channel. Before forward mean and sum of squares
 * around it (merged as in Chan, Golub & LeVeque 1983), before backward sums of g and (x - mean) g.
 */
struct pair {
    double one, two;
};
struct part {
    double numbers;
    struct pair channels[];
};

static size_t batch_norm_part(const struct op_call *planned) {
    return sizeof(struct part) + planned->input_shapes[0]->dims[0] * sizeof(struct pair);
}

static struct part *part_of(const struct op_call *call, size_t number) {
    return (struct part *)(void *)(call->parts + number * call->part_size);
}

static void batch_norm_gather(const struct op_call *call) {
    struct channels c = channels_of(call);
    struct part *part = part_of(call, call->part);
    part->numbers = (double)(call->rows * c.pixels);
    for (size_t k = 0; k < c.count; ++k) {
        const real *x = (const real *)call->inputs[0] + k * c.pixels, origin = x[0]; /* near the mean */
        struct sums sums = {0};
        for (size_t r = 0; r < call->rows; ++r) add_squares(c.pixels, x + r * c.row, origin, &sums);
        double shift = total(sums.one) / part->numbers;
        part->channels[k] = (struct pair){(double)origin + shift, total(sums.two) - shift * shift * part->numbers};
    }
}

static void batch_norm_gather_back(const struct op_call *call) {
    struct channels c = channels_of(call);
    const struct moments *saved = call->saved;
    struct part *part = part_of(call, call->part);
    part->numbers = (double)(call->rows * c.pixels);
    for (size_t k = 0; k < c.count; ++k) {
        struct sums sums = {0};
        for (size_t r = 0; r < call->rows; ++r) {
            size_t at = r * c.row + k * c.pixels;
            add_products(c.pixels, (const real *)call->inputs[0] + at, (const real *)call->output_gradient + at,
                         &saved[k], floor_of(call), &sums);
        }
        part->channels[k] = (struct pair){total(sums.one), total(sums.two)};
    }
}

/* Mean and variance of all shards; the shard that has the batch's first row moves the running ones. */
static void take_moments(const struct op_call *call, const struct channels *c, size_t k, double *mean,
                         double *variance) {
    double numbers = 0, squares = 0;
    *mean = 0;
    for (size_t i = 0; i < call->part_count; ++i) {
        const struct part *part = part_of(call, i);
        if (part->numbers == 0) continue;
        double away = part->channels[k].one - *mean, all = numbers + part->numbers;
        squares += part->channels[k].two + away * away * numbers * part->numbers / all;
        *mean += away * part->numbers / all;
        numbers = all;
    }
    *variance = squares / numbers;
    if (numbers < 2 || call->first_row != 0) return; /* of one number there is no variance without bias */
    real *running_mean = running(call, RUNNING_MEAN) + k, *running_variance = running(call, RUNNING_VARIANCE) + k;
    *running_mean = (real)((1 - c->share) * (double)*running_mean + c->share * *mean);
    *running_variance = (real)((1 - c->share) * (double)*running_variance +
                               c->share * *variance * numbers / (numbers - 1));
}

static struct moments moments_of(const struct op_call *call, const struct channels *c, size_t k) {
    double mean, variance, slope = (double)((const real *)call->inputs[SCALE])[k];
    if (call->training)
        take_moments(call, c, k, &mean, &variance);
    else
        mean = (double)running(call, RUNNING_MEAN)[k], variance = (double)running(call, RUNNING_VARIANCE)[k];
    double inverse = 1 / sqrt((variance > 0 ? variance : 0) + c->epsilon);
    return (struct moments){(real)mean, (real)inverse, (real)(slope * inverse), ((const real *)call->inputs[SHIFT])[k]};
}

/* ---- the op */

static size_t batch_norm_saved(const struct op_call *planned, size_t rows) {
    (void)rows;
    return planned->input_shapes[0]->dims[0] * sizeof(struct moments);
}

/* y of one channel by the moments that are saved. */
static void apply_moments(const struct op_call *call, const struct channels *c, size_t k) {
    const struct moments m = ((const struct moments *)call->saved)[k];
    const real floor = floor_of(call);
    for (size_t r = 0; r < call->rows; ++r) {
        const real *restrict x = (const real *)call->inputs[0] + r * c->row + k * c->pixels;
        real *restrict y = (real *)call->output + r * c->row + k * c->pixels;
        for (size_t i = 0; i < c->pixels; ++i) {
            real value = m.slope * (x[i] - m.mean) + m.shift;
            y[i] = value < floor ? floor : value; /* a NaN stays one */
        }
    }
}

static void batch_norm_forward(const struct op_call *call) {
    struct channels c = channels_of(call);
    struct moments *saved = call->saved;
    for (size_t k = 0; k < c.count; ++k) {
        saved[k] = moments_of(call, &c, k);
        apply_moments(call, &c, k);
    }
}

static void batch_norm_recompute(const struct op_call *call) {
    struct channels c = channels_of(call);
    for (size_t k = 0; k < c.count; ++k) apply_moments(call, &c, k);
}

/* With the batch's moments dz = (dx - mean(dx) - z mean(z dx)) inverse, with given ones dz = dx inverse. */
static void batch_norm_tangent(const struct op_call *call) {
    struct channels c = channels_of(call);
    const struct moments *saved = call->saved;
    const real *scale = call->inputs[SCALE], *tscale = call->input_tangents[SCALE],
               *tshift = call->input_tangents[SHIFT], *tangent = call->input_tangents[0], floor = floor_of(call);
    for (size_t k = 0; k < c.count; ++k) {
        const struct moments *m = &saved[k];
        double numbers = (double)(call->rows * c.pixels);
        struct sums sums = {0};
        for (size_t r = 0; call->training && tangent && r < call->rows; ++r) {
            size_t at = r * c.row + k * c.pixels;
            add_products(c.pixels, (const real *)call->inputs[0] + at, tangent + at, m, (real)-INFINITY, &sums);
        }
        double mean = total(sums.one) / numbers, along = total(sums.two) * (double)m->inverse / numbers;
        for (size_t r = 0; r < call->rows; ++r) {
            size_t at = r * c.row + k * c.pixels;
            const real *x = (const real *)call->inputs[0] + at, *tx = tangent ? tangent + at : NULL;
            real *ty = (real *)call->output_tangent + at;
            for (size_t i = 0; i < c.pixels; ++i) {
                real v = x[i] - m->mean;
                double z = (double)v * (double)m->inverse,
                       tz = tx ? ((double)tx[i] - mean - z * along) * (double)m->inverse : 0;
                bool passes = m->slope * v + m->shift > floor;
                ty[i] = (real)(passes ? (double)scale[k] * tz + (tscale ? (double)tscale[k] * z : 0) +
                                            (tshift ? (double)tshift[k] : 0)
                                      : 0);
            }
        }
    }
}

/* The transposed map: dx = slope (dy - mean(dy) - z mean(z dy)), or slope dy. */
static void to_input(const struct op_call *call, const struct channels *c, size_t k, double mean, double along) {
    const struct moments m = ((const struct moments *)call->saved)[k];
    const real floor = floor_of(call), constant = (real)mean, per_v = (real)(along * (double)m.inverse);
    for (size_t r = 0; r < call->rows; ++r) {
        size_t at = r * c->row + k * c->pixels;
        const real *restrict x = (const real *)call->inputs[0] + at, *restrict grad =
                                                                         (const real *)call->output_gradient + at;
        real *restrict to = (real *)call->input_gradients[0] + at;
        for (size_t i = 0; i < c->pixels; ++i) {
            real old = call->keep[0] ? to[i] : 0, v = x[i] - m.mean,
                 passes = m.slope * v + m.shift > floor ? grad[i] : 0;
            to[i] = old + m.slope * (passes - constant - per_v * v);
        }
    }
}

static void batch_norm_backward(const struct op_call *call) {
    struct channels c = channels_of(call);
    const struct moments *saved = call->saved;
    if (!call->training) batch_norm_gather_back(call); /* its own rows alone */
    for (size_t k = 0; k < c.count; ++k) {
        const struct pair *own = &part_of(call, call->part)->channels[k];
        double numbers = 0, sum = 0, along = 0;
        for (size_t i = 0; call->training && i < call->part_count; ++i) { /* given moments do not mix rows */
            const struct part *part = part_of(call, i);
            numbers += part->numbers, sum += part->channels[k].one, along += part->channels[k].two;
        }
        for (size_t i = SCALE; i <= SHIFT; ++i) {
            real *to = call->input_gradients[i];
            double gradient = i == SCALE ? own->two * (double)saved[k].inverse : own->one;
            if (to) to[k] = (call->keep[i] ? to[k] : 0) + (real)gradient;
        }
        if (numbers > 0) sum /= numbers, along *= (double)saved[k].inverse / numbers;
        if (call->input_gradients[0]) to_input(call, &c, k, sum, along);
    }
}

/* A variance is above zero; shifts that keep the positive part's kink away, with channels on both sides of it. */
static void adjust(size_t input, size_t count, double *values) {
    for (size_t i = 0; input == RUNNING_VARIANCE && i < count; ++i) values[i] = .5 + fabs(values[i]);
}

static void adjust_part(size_t input, size_t count, double *values) {
    adjust(input, count, values);
    for (size_t i = 0; input == SHIFT && i < count; ++i) values[i] = i % 2 ? -8 : 8;
}

#define VECTOR(n)       \
    {                   \
        false, 1, { n } \
    }
#define TRACKED (1u << RUNNING_MEAN | 1u << RUNNING_VARIANCE)
static const struct op_probe batch_norm_probe[4] = {
    {.input_count = INPUTS,
     .inputs = {{true, 3, {3, 5, 3}}, VECTOR(3), VECTOR(3), VECTOR(3), VECTOR(3)},
     .constant_inputs = TRACKED,
     .adjust = adjust,
     .next = &batch_norm_probe[1]},
    {.input_count = INPUTS,
     .inputs = {{true, 1, {11}}, VECTOR(11), VECTOR(11), VECTOR(11), VECTOR(11)},
     .attributes = {.number = {.1, .3}},
     .constant_inputs = TRACKED,
     .adjust = adjust,
     .next = &batch_norm_probe[2]},
    {.input_count = INPUTS,
     .inputs = {{true, 3, {2, 1, 1}}, VECTOR(2), VECTOR(2), VECTOR(2), VECTOR(2)},
     .constant_inputs = TRACKED,
     .adjust = adjust,
     .next = &batch_norm_probe[3]},
    {.input_count = INPUTS,
     .inputs = {{true, 2, {3, 2}}, VECTOR(3), VECTOR(3), VECTOR(3), VECTOR(3)},
     .attributes = {.size = {1}},
     .constant_inputs = TRACKED,
     .adjust = adjust_part},
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
    .saved = batch_norm_saved,
    .part = batch_norm_part,
    .gather = batch_norm_gather,
    .gather_back = batch_norm_gather_back,
    .forward = batch_norm_forward,
    .recompute = batch_norm_recompute,
    .tangent = batch_norm_tangent,
    .backward = batch_norm_backward,
    .probe = batch_norm_probe,
};
