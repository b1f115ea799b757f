/* SPDX-License-Identifier: MIT */
#include "linalg/shift_conv.h"

#include <string.h>

#include "core/clones.h"

#if STRATA_HAVE_XSMM
#include <libxsmm.h>
#endif

enum {
    ALIGN = 16,           /* floats of a cache line */
    BLOCK_NUMBERS = 16384 /* of the lines that a block reads and writes: measured among 1024 .. 65536 */
};

static size_t padded(size_t count) { return (count + ALIGN - 1) / ALIGN * ALIGN; }

static size_t taps_of(const struct shift_conv *plan) { return plan->shape.kernel_height * plan->shape.kernel_width; }
static size_t shift_of(const struct shift_conv *plan, size_t tap) {
    return tap / plan->shape.kernel_width * plan->line + tap % plan->shape.kernel_width;
}

/* Lines of block `number`, and places of the padded lines from its first to its last output pixel. */
static size_t lines_of(const struct shift_conv *plan, size_t number) {
    size_t begin = number * plan->block;
    return plan->out_height - begin < plan->block ? plan->out_height - begin : plan->block;
}
static bool last_of(const struct shift_conv *plan, size_t number) { return number + 1 == plan->blocks; }
static size_t span_of(const struct shift_conv *plan, size_t number) {
    return lines_of(plan, number) * plan->line - (last_of(plan, number) ? plan->shape.kernel_width - 1 : 0);
}

#if STRATA_HAVE_XSMM
/* Column-major as libxsmm sees them: pictures are [places, channels], the weights of a tap [inputs, outputs]. */
static void *sum_kernel(const struct shift_conv *plan, size_t block) {
    const libxsmm_blasint lda = (libxsmm_blasint)plan->plane, ldb = (libxsmm_blasint)plan->shape.inputs,
                          ldc = (libxsmm_blasint)(plan->block * plan->line);
    const float alpha = 1, beta = 0;
    const int flags = LIBXSMM_GEMM_FLAG_NONE, prefetch = 0;
    libxsmm_smmfunction_reducebatch_addr kernel = libxsmm_smmdispatch_reducebatch_addr(
        (libxsmm_blasint)span_of(plan, block), (libxsmm_blasint)plan->shape.outputs,
        (libxsmm_blasint)plan->shape.inputs, &lda, &ldb, &ldc, &alpha, &beta, &flags, &prefetch);
    void *pointer;
    _Static_assert(sizeof pointer == sizeof kernel, "function and data pointers of one size");
    memcpy(&pointer, &kernel, sizeof pointer);
    return pointer;
}

static void *outer_kernel(const struct shift_conv *plan, size_t block) {
    const libxsmm_blasint lda = (libxsmm_blasint)plan->shape.inputs, ldb = (libxsmm_blasint)(plan->block * plan->line),
                          ldc = lda;
    const float alpha = 1, beta = 1;
    const int flags = LIBXSMM_GEMM_FLAG_NONE, prefetch = 0;
    libxsmm_smmfunction kernel = libxsmm_smmdispatch(
        (libxsmm_blasint)plan->shape.inputs, (libxsmm_blasint)plan->shape.outputs,
        (libxsmm_blasint)span_of(plan, block), &lda, &ldb, &ldc, &alpha, &beta, &flags, &prefetch);
    void *pointer;
    memcpy(&pointer, &kernel, sizeof pointer);
    return pointer;
}

static void run_sum(const struct shift_conv *plan, size_t block, const float *picture, const float *weight, float *y) {
    libxsmm_smmfunction_reducebatch_addr kernel;
    const float *a[SHIFT_MOST_TAPS], *b[SHIFT_MOST_TAPS];
    unsigned long long count = taps_of(plan);
    memcpy(&kernel, &plan->sum[last_of(plan, block)], sizeof kernel);
    for (size_t tap = 0; tap < count; ++tap) {
        a[tap] = picture + block * plan->block * plan->line + shift_of(plan, tap);
        b[tap] = weight + tap * plan->shape.inputs * plan->shape.outputs;
    }
    kernel(a, b, y, &count);
}

static void run_outer(const struct shift_conv *plan, size_t block, const float *picture, const float *gradient,
                      float *weight) {
    libxsmm_smmfunction kernel;
    memcpy(&kernel, &plan->outer[last_of(plan, block)], sizeof kernel);
    for (size_t tap = 0; tap < taps_of(plan); ++tap)
        kernel(picture + (block * plan->block * plan->line + shift_of(plan, tap)) * plan->shape.inputs, gradient,
               weight + tap * plan->shape.inputs * plan->shape.outputs);
}
#else
static void *sum_kernel(const struct shift_conv *plan, size_t block) {
    (void)plan, (void)block;
    return NULL;
}

static void *outer_kernel(const struct shift_conv *plan, size_t block) {
    (void)plan, (void)block;
    return NULL;
}

static void run_sum(const struct shift_conv *plan, size_t block, const float *picture, const float *weight, float *y) {
    (void)plan, (void)block, (void)picture, (void)weight, (void)y;
}

static void run_outer(const struct shift_conv *plan, size_t block, const float *picture, const float *gradient,
                      float *weight) {
    (void)plan, (void)block, (void)picture, (void)gradient, (void)weight;
}
#endif

bool shift_conv_plan(struct shift_conv *plan, const struct shift_shape *shape) {
    *plan = (struct shift_conv){.shape = *shape};
    plan->line = shape->width + 2 * shape->pad_width;
    plan->plane = (shape->height + 2 * shape->pad_height) * plan->line;
    plan->out_height = shape->height + 2 * shape->pad_height - shape->kernel_height + 1;
    plan->out_width = plan->line - shape->kernel_width + 1;
    if (taps_of(plan) > SHIFT_MOST_TAPS) return false;
    size_t line = (shape->inputs + shape->outputs) * plan->line, lines = line ? BLOCK_NUMBERS / line : 0;
    size_t most = lines ? lines : 1, count = (plan->out_height + most - 1) / most;
    if (count == 0) return false;
    plan->block = (plan->out_height + count - 1) / count; /* blocks of about equal size */
    plan->blocks = plan->block ? (plan->out_height + plan->block - 1) / plan->block : 0;
    for (size_t last = 0; last < 2; ++last) {
        size_t block = last ? plan->blocks - 1 : 0;
        plan->sum[last] = sum_kernel(plan, block);
        plan->outer[last] = outer_kernel(plan, block);
        if (!plan->sum[last] || !plan->outer[last]) return false;
    }
    return true;
}

/* ---- scratch: padded picture, padded output lines, weights by taps */

static float *lines_in(const struct shift_conv *plan, void *scratch) {
    return (float *)scratch + padded(plan->shape.inputs * plan->plane);
}

static float *taps_in(const struct shift_conv *plan, void *scratch) {
    return lines_in(plan, scratch) + padded(plan->shape.outputs * plan->block * plan->line);
}

size_t shift_conv_scratch(const struct shift_conv *plan) {
    return sizeof(float) *
           (padded(plan->shape.inputs * plan->plane) + padded(plan->shape.outputs * plan->block * plan->line) +
            padded(taps_of(plan) * plan->shape.inputs * plan->shape.outputs));
}

static void clear(size_t count, float *values) { memset(values, 0, count * sizeof *values); }

/* Weights of a tap side by side, [tap, outputs, inputs]. */
static void pack(const struct shift_conv *plan, const float *weight, bool transposed, float *taps) {
    size_t count = taps_of(plan), inputs = plan->shape.inputs, outputs = plan->shape.outputs;
    for (size_t o = 0; o < outputs; ++o)
        for (size_t i = 0; i < inputs; ++i) {
            const float *from = weight + (transposed ? i * outputs + o : o * inputs + i) * count;
            for (size_t tap = 0; tap < count; ++tap)
                taps[(tap * outputs + o) * inputs + i] = from[transposed ? count - 1 - tap : tap];
        }
}

/* Inside of the padded picture, channel by channel. */
STRATA_CLONES static void place(const struct shift_conv *plan, const float *restrict x, float *restrict picture) {
    const struct shift_shape *s = &plan->shape;
    for (size_t c = 0; c < s->inputs; ++c)
        for (size_t i = 0; i < s->height; ++i) {
            const float *from = x + (c * s->height + i) * s->width;
            float *to = picture + c * plan->plane + (s->pad_height + i) * plan->line + s->pad_width;
            for (size_t j = 0; j < s->width; ++j) to[j] = from[j];
        }
}

/* The same pixel by pixel, [places, channels]. */
STRATA_CLONES static void place_pixels(const struct shift_conv *plan, const float *restrict x,
                                       float *restrict picture) {
    const struct shift_shape *s = &plan->shape;
    for (size_t i = 0; i < s->height; ++i)
        for (size_t j = 0; j < s->width; ++j) {
            const float *from = x + i * s->width + j;
            float *to = picture + ((s->pad_height + i) * plan->line + s->pad_width + j) * s->inputs;
            for (size_t c = 0; c < s->inputs; ++c) to[c] = from[c * s->height * s->width];
        }
}

/* Padded lines of a block to and from the pixels of an output. */
STRATA_CLONES static void take_lines(const struct shift_conv *plan, size_t block, const float *restrict lines,
                                     bool keep, float *restrict y) {
    size_t height = lines_of(plan, block), width = plan->out_width;
    for (size_t c = 0; c < plan->shape.outputs; ++c)
        for (size_t i = 0; i < height; ++i) {
            const float *from = lines + (c * plan->block + i) * plan->line;
            float *to = y + (c * plan->out_height + block * plan->block + i) * width;
            if (keep)
                for (size_t j = 0; j < width; ++j) to[j] += from[j];
            else
                for (size_t j = 0; j < width; ++j) to[j] = from[j];
        }
}

STRATA_CLONES static void give_lines(const struct shift_conv *plan, size_t block, const float *restrict y,
                                     float *restrict lines) {
    size_t height = lines_of(plan, block), width = plan->out_width;
    for (size_t c = 0; c < plan->shape.outputs; ++c)
        for (size_t i = 0; i < height; ++i) {
            const float *from = y + (c * plan->out_height + block * plan->block + i) * width;
            float *to = lines + (c * plan->block + i) * plan->line;
            for (size_t j = 0; j < width; ++j) to[j] = from[j];
        }
}

void shift_conv_apply(const struct shift_conv *plan, size_t rows, const float *x, const float *weight, bool transposed,
                      bool keep, float *y, void *scratch) {
    const struct shift_shape *s = &plan->shape;
    float *picture = scratch, *lines = lines_in(plan, scratch), *taps = taps_in(plan, scratch);
    size_t row = s->inputs * s->height * s->width, out = s->outputs * plan->out_height * plan->out_width;
    clear(s->inputs * plan->plane, picture);
    pack(plan, weight, transposed, taps);
    for (size_t r = 0; r < rows; ++r) {
        place(plan, x + r * row, picture);
        for (size_t block = 0; block < plan->blocks; ++block) {
            run_sum(plan, block, picture, taps, lines);
            take_lines(plan, block, lines, keep, y + r * out);
        }
    }
}

void shift_conv_weights(const struct shift_conv *plan, size_t rows, const float *x, const float *gradient, bool keep,
                        float *weight, void *scratch) {
    const struct shift_shape *s = &plan->shape;
    float *picture = scratch, *lines = lines_in(plan, scratch), *taps = taps_in(plan, scratch);
    size_t row = s->inputs * s->height * s->width, out = s->outputs * plan->out_height * plan->out_width,
           count = taps_of(plan), pairs = s->inputs * s->outputs;
    clear(s->inputs * plan->plane, picture);
    clear(s->outputs * plan->block * plan->line, lines);
    clear(count * pairs, taps);
    for (size_t r = 0; r < rows; ++r) {
        place_pixels(plan, x + r * row, picture);
        for (size_t block = 0; block < plan->blocks; ++block) {
            give_lines(plan, block, gradient + r * out, lines);
            run_outer(plan, block, picture, lines, taps);
        }
    }
    for (size_t pair = 0; pair < pairs; ++pair)
        for (size_t tap = 0; tap < count; ++tap) {
            float *to = weight + pair * count + tap;
            *to = (keep ? *to : 0) + taps[tap * pairs + pair];
        }
}
