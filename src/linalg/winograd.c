/* SPDX-License-Identifier: MIT */
#include "linalg/winograd.h"

#include <string.h>

#include "core/clones.h"

enum {
    LANES = 16, /* channels of a vector */
    SIDE = 4,   /* of a tile of inputs */
    POINTS = SIDE * SIDE,
    BLOCK_NUMBERS = 8192 /* tiles of a block times channels: its transforms stay in the second-level cache */
};

typedef float lanes __attribute__((vector_size(64)));
typedef float lanes_at __attribute__((vector_size(64), aligned(4), may_alias)); /* in memory */

#define INLINE static inline __attribute__((always_inline))

/* Functions that take or return vectors would not be the same in every variant. */
#define LOAD(from)       ((lanes)(*(const lanes_at *)(from)))
#define STORE(to, value) (*(lanes_at *)(to) = (value))

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

bool winograd_plan(struct winograd *plan, const struct shift_shape *shape) {
    bool fits = shape->kernel_height == 3 && shape->kernel_width == 3 && shape->inputs % LANES == 0 &&
                shape->outputs % LANES == 0;
#if defined(__x86_64__)
    fits = fits && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
#else
    fits = false;
#endif
    *plan = (struct winograd){.shape = *shape};
    if (!fits) return false;
    plan->out_height = shape->height + 2 * shape->pad_height - 2;
    plan->out_width = shape->width + 2 * shape->pad_width - 2;
    plan->tile_lines = (plan->out_height + 1) / 2;
    plan->tile_columns = (plan->out_width + 1) / 2;
    size_t lines = BLOCK_NUMBERS / (shape->inputs + shape->outputs) / plan->tile_columns;
    plan->block = lines ? lines : 1;
    plan->tiles = plan->block * plan->tile_columns;
    gemm_plan_f32(&plan->product, AS_IS, AS_IS, plan->tiles, shape->outputs, shape->inputs, shape->inputs,
                  shape->outputs, shape->outputs);
    gemm_plan_f32(&plan->outer, TRANSPOSED, AS_IS, shape->inputs, shape->outputs, plan->tiles, shape->inputs,
                  shape->outputs, shape->outputs);
    return true;
}

/* ---- scratch: pictures with channels side by side, their transforms, the transformed kernels */

static size_t in_line(const struct winograd *plan) { return (2 * plan->tile_columns + 2) * plan->shape.inputs; }
static size_t in_numbers(const struct winograd *plan) { return (2 * plan->tile_lines + 2) * in_line(plan); }
static size_t out_line(const struct winograd *plan) { return 2 * plan->tile_columns * plan->shape.outputs; }
static size_t out_numbers(const struct winograd *plan) { return 2 * plan->tile_lines * out_line(plan); }

/* Between two points of a transform: one line more than they hold, or all points would share their sets of a cache. */
static size_t in_point(const struct winograd *plan) { return plan->tiles * plan->shape.inputs + LANES; }
static size_t out_point(const struct winograd *plan) { return plan->tiles * plan->shape.outputs + LANES; }
static size_t kernel_point(const struct winograd *plan) { return plan->shape.inputs * plan->shape.outputs + LANES; }

struct parts {
    float *in, *out; /* [2 tile_lines + 2, 2 tile_columns + 2, inputs], [.., .., outputs] */
    float *in_tiles, *out_tiles,
        *kernel; /* [POINTS][tiles, inputs], [POINTS][tiles, outputs], [POINTS][inputs, outputs] */
};

static struct parts parts_in(const struct winograd *plan, void *scratch) {
    struct parts parts = {.in = scratch};
    parts.out = parts.in + in_numbers(plan);
    parts.in_tiles = parts.out + out_numbers(plan);
    parts.out_tiles = parts.in_tiles + POINTS * in_point(plan);
    parts.kernel = parts.out_tiles + POINTS * out_point(plan);
    return parts;
}

size_t winograd_scratch(const struct winograd *plan) {
    return sizeof(float) *
           (in_numbers(plan) + out_numbers(plan) + POINTS * (in_point(plan) + out_point(plan) + kernel_point(plan)));
}

/* ---- pictures: [channels, pixels] outside, [lines, columns, channels] inside */

/* Which numbers of two lines change places: halves, quarters, pairs, single ones. */
#define LOW_8  0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define HIGH_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#define LOW_4  0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define HIGH_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define LOW_2  0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define HIGH_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define LOW_1  0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define HIGH_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31

/* Swaps the off-diagonal blocks of side `size` of a matrix of 16 x 16. */
#define SWAP_BLOCKS(rows, size)                                                       \
    do {                                                                              \
        for (size_t k = 0; k < LANES; ++k) {                                          \
            if (k & (size)) continue;                                                 \
            lanes first = (rows)[k], second = (rows)[k + (size)];                     \
            (rows)[k] = __builtin_shufflevector(first, second, LOW_##size);           \
            (rows)[k + (size)] = __builtin_shufflevector(first, second, HIGH_##size); \
        }                                                                             \
    } while (0)

INLINE void transpose(lanes rows[LANES]) {
    SWAP_BLOCKS(rows, 8);
    SWAP_BLOCKS(rows, 4);
    SWAP_BLOCKS(rows, 2);
    SWAP_BLOCKS(rows, 1);
}

/* Where the next 16 pixels of a picture lie inside; the walk goes on from `column` and `at`. */
INLINE void walk(size_t width, size_t line, size_t channels, size_t *column, size_t *at, size_t places[LANES]) {
    for (size_t k = 0; k < LANES; ++k) {
        places[k] = *at;
        *at += channels;
        if (++*column < width) continue;
        *column = 0;
        *at += line - width * channels;
    }
}

/* One picture to the inside; `to` is its pixel (0, 0). */
STRATA_CLONES static void take_picture(size_t channels, size_t height, size_t width, size_t line,
                                       const float *restrict x, float *restrict to) {
    size_t pixels = height * width;
    for (size_t c = 0; c < channels; c += LANES) {
        size_t column = 0, at = c, places[LANES];
        for (size_t p = 0; p < pixels; p += LANES) {
            const float *from = x + c * pixels + p;
            walk(width, line, channels, &column, &at, places);
            if (p + LANES <= pixels) {
                lanes rows[LANES];
                for (size_t k = 0; k < LANES; ++k) rows[k] = LOAD(from + k * pixels);
                transpose(rows);
                for (size_t k = 0; k < LANES; ++k) STORE(to + places[k], rows[k]);
                continue;
            }
            for (size_t i = 0; p + i < pixels; ++i)
                for (size_t k = 0; k < LANES; ++k) to[places[i] + k] = from[k * pixels + i];
        }
    }
}

/* One picture to the outside. */
STRATA_CLONES static void give_picture(size_t channels, size_t height, size_t width, size_t line,
                                       const float *restrict from, bool keep, float *restrict y) {
    size_t pixels = height * width;
    for (size_t c = 0; c < channels; c += LANES) {
        size_t column = 0, at = c, places[LANES];
        for (size_t p = 0; p < pixels; p += LANES) {
            float *to = y + c * pixels + p;
            walk(width, line, channels, &column, &at, places);
            if (p + LANES <= pixels) {
                lanes rows[LANES];
                for (size_t k = 0; k < LANES; ++k) rows[k] = LOAD(from + places[k]);
                transpose(rows);
                for (size_t k = 0; k < LANES; ++k)
                    STORE(to + k * pixels, keep ? LOAD(to + k * pixels) + rows[k] : rows[k]);
                continue;
            }
            for (size_t i = 0; p + i < pixels; ++i)
                for (size_t k = 0; k < LANES; ++k)
                    to[k * pixels + i] = (keep ? to[k * pixels + i] : 0) + from[places[i] + k];
        }
    }
}

/* ---- transforms of a line of tiles: B'dB, A'mA and its transpose AyA', with the matrices of the source */

STRATA_CLONES static void transform_inputs(size_t columns, size_t channels, size_t line, size_t point,
                                           const float *restrict picture, float *restrict tiles) {
    for (size_t t = 0; t < columns; ++t)
        for (size_t c = 0; c < channels; c += LANES) {
            const float *from = picture + 2 * t * channels + c;
            float *to = tiles + t * channels + c;
            lanes h[SIDE][SIDE];
            for (size_t j = 0; j < SIDE; ++j) {
                lanes a = LOAD(from + j * channels), b = LOAD(from + line + j * channels),
                      d = LOAD(from + 2 * line + j * channels), e = LOAD(from + 3 * line + j * channels);
                h[0][j] = a - d, h[1][j] = b + d, h[2][j] = d - b, h[3][j] = b - e;
            }
            for (size_t i = 0; i < SIDE; ++i) {
                float *at = to + SIDE * i * point;
                STORE(at, h[i][0] - h[i][2]);
                STORE(at + point, h[i][1] + h[i][2]);
                STORE(at + 2 * point, h[i][2] - h[i][1]);
                STORE(at + 3 * point, h[i][1] - h[i][3]);
            }
        }
}

STRATA_CLONES static void transform_products(size_t columns, size_t channels, size_t line, size_t point,
                                             const float *restrict tiles, float *restrict picture) {
    for (size_t t = 0; t < columns; ++t)
        for (size_t c = 0; c < channels; c += LANES) {
            const float *from = tiles + t * channels + c;
            float *to = picture + 2 * t * channels + c;
            lanes h[2][SIDE];
            for (size_t j = 0; j < SIDE; ++j) {
                lanes a = LOAD(from + j * point), b = LOAD(from + (SIDE + j) * point),
                      d = LOAD(from + (2 * SIDE + j) * point), e = LOAD(from + (3 * SIDE + j) * point);
                h[0][j] = a + b + d, h[1][j] = b - d - e;
            }
            for (size_t i = 0; i < 2; ++i) {
                STORE(to + i * line, h[i][0] + h[i][1] + h[i][2]);
                STORE(to + i * line + channels, h[i][1] - h[i][2] - h[i][3]);
            }
        }
}

STRATA_CLONES static void transform_gradient(size_t columns, size_t channels, size_t line, size_t point,
                                             const float *restrict picture, float *restrict tiles) {
    for (size_t t = 0; t < columns; ++t)
        for (size_t c = 0; c < channels; c += LANES) {
            const float *from = picture + 2 * t * channels + c;
            float *to = tiles + t * channels + c;
            lanes h[SIDE][2];
            for (size_t j = 0; j < 2; ++j) {
                lanes a = LOAD(from + j * channels), b = LOAD(from + line + j * channels);
                h[0][j] = a, h[1][j] = a + b, h[2][j] = a - b, h[3][j] = -b;
            }
            for (size_t i = 0; i < SIDE; ++i) {
                float *at = to + SIDE * i * point;
                STORE(at, h[i][0]);
                STORE(at + point, h[i][0] + h[i][1]);
                STORE(at + 2 * point, h[i][0] - h[i][1]);
                STORE(at + 3 * point, -h[i][1]);
            }
        }
}

/* ---- kernels: GgG' and its transpose */

static const float G[SIDE][3] = {{1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}};

/* Kernel of a pair of channels, [POINTS]. */
static void transform_kernel(const float *weight, bool turned, float *restrict out) {
    float h[SIDE][3];
    for (size_t i = 0; i < SIDE; ++i)
        for (size_t u = 0; u < 3; ++u) {
            h[i][u] = 0;
            for (size_t v = 0; v < 3; ++v) h[i][u] += G[i][v] * weight[turned ? 8 - 3 * v - u : 3 * v + u];
        }
    for (size_t i = 0; i < SIDE; ++i)
        for (size_t j = 0; j < SIDE; ++j) out[SIDE * i + j] = h[i][0] * G[j][0] + h[i][1] * G[j][1] + h[i][2] * G[j][2];
}

static void transform_kernels(const struct winograd *plan, const float *weight, bool transposed, float *kernel) {
    size_t inputs = plan->shape.inputs, outputs = plan->shape.outputs, point = kernel_point(plan);
    for (size_t i = 0; i < inputs; ++i)
        for (size_t o = 0; o < outputs; ++o) {
            float points[POINTS];
            transform_kernel(weight + 9 * (transposed ? i * outputs + o : o * inputs + i), transposed, points);
            for (size_t k = 0; k < POINTS; ++k) kernel[k * point + i * outputs + o] = points[k];
        }
}

static void gather_kernels(const struct winograd *plan, const float *kernel, bool keep, float *weight) {
    size_t inputs = plan->shape.inputs, outputs = plan->shape.outputs, point = kernel_point(plan);
    for (size_t i = 0; i < inputs; ++i)
        for (size_t o = 0; o < outputs; ++o) {
            const float *from = kernel + i * outputs + o;
            float h[3][SIDE] = {{0}}, *to = weight + 9 * (o * inputs + i);
            for (size_t v = 0; v < 3; ++v)
                for (size_t k = 0; k < SIDE; ++k)
                    for (size_t j = 0; j < SIDE; ++j) h[v][j] += G[k][v] * from[(SIDE * k + j) * point];
            for (size_t v = 0; v < 3; ++v)
                for (size_t u = 0; u < 3; ++u) {
                    float sum = 0;
                    for (size_t j = 0; j < SIDE; ++j) sum += h[v][j] * G[j][u];
                    to[3 * v + u] = (keep ? to[3 * v + u] : 0) + sum;
                }
        }
}

/* ---- blocks of tile lines */

static void clear(size_t count, float *values) { memset(values, 0, count * sizeof *values); }

/* Transforms line `line` over all pictures, line `at` of its block. Its picture is taken when its first line comes. */
static void take_inputs(const struct winograd *plan, const struct parts *parts, const float *x, size_t line,
                        size_t at) {
    const struct shift_shape *s = &plan->shape;
    size_t row = line / plan->tile_lines, i = line % plan->tile_lines;
    if (i == 0)
        take_picture(s->inputs, s->height, s->width, in_line(plan), x + row * s->inputs * s->height * s->width,
                     parts->in + s->pad_height * in_line(plan) + s->pad_width * s->inputs);
    transform_inputs(plan->tile_columns, s->inputs, in_line(plan), in_point(plan), parts->in + 2 * i * in_line(plan),
                     parts->in_tiles + at * plan->tile_columns * s->inputs);
}

static size_t out_size(const struct winograd *plan) { return plan->shape.outputs * plan->out_height * plan->out_width; }

/* The other way: a picture is given when its last line is done. */
static void give_outputs(const struct winograd *plan, const struct parts *parts, size_t line, size_t at, bool keep,
                         float *y) {
    size_t row = line / plan->tile_lines, i = line % plan->tile_lines, outputs = plan->shape.outputs;
    transform_products(plan->tile_columns, outputs, out_line(plan), out_point(plan),
                       parts->out_tiles + at * plan->tile_columns * outputs, parts->out + 2 * i * out_line(plan));
    if (i + 1 == plan->tile_lines)
        give_picture(outputs, plan->out_height, plan->out_width, out_line(plan), parts->out, keep,
                     y + row * out_size(plan));
}

static void take_gradient(const struct winograd *plan, const struct parts *parts, const float *gradient, size_t line,
                          size_t at) {
    size_t row = line / plan->tile_lines, i = line % plan->tile_lines, outputs = plan->shape.outputs;
    if (i == 0)
        take_picture(outputs, plan->out_height, plan->out_width, out_line(plan), gradient + row * out_size(plan),
                     parts->out);
    transform_gradient(plan->tile_columns, outputs, out_line(plan), out_point(plan),
                       parts->out + 2 * i * out_line(plan), parts->out_tiles + at * plan->tile_columns * outputs);
}

void winograd_apply(const struct winograd *plan, size_t rows, const float *x, const float *weight, bool transposed,
                    bool keep, float *y, void *scratch) {
    struct parts parts = parts_in(plan, scratch);
    size_t lines = rows * plan->tile_lines;
    clear(in_numbers(plan), parts.in);
    if (lines < plan->block) clear(POINTS * in_point(plan), parts.in_tiles);
    transform_kernels(plan, weight, transposed, parts.kernel);
    for (size_t begin = 0; begin < lines; begin += plan->block) {
        size_t count = least(plan->block, lines - begin);
        for (size_t l = 0; l < count; ++l) take_inputs(plan, &parts, x, begin + l, l);
        for (size_t k = 0; k < POINTS; ++k)
            gemm_run_f32(&plan->product, plan->tiles, plan->shape.inputs, parts.in_tiles + k * in_point(plan),
                         parts.kernel + k * kernel_point(plan), false, parts.out_tiles + k * out_point(plan));
        for (size_t l = 0; l < count; ++l) give_outputs(plan, &parts, begin + l, l, keep, y);
    }
}

void winograd_weights(const struct winograd *plan, size_t rows, const float *x, const float *gradient, bool keep,
                      float *weight, void *scratch) {
    struct parts parts = parts_in(plan, scratch);
    size_t lines = rows * plan->tile_lines;
    clear(in_numbers(plan), parts.in);
    clear(out_numbers(plan), parts.out);
    clear(POINTS * kernel_point(plan), parts.kernel);
    for (size_t begin = 0; begin < lines; begin += plan->block) {
        size_t count = least(plan->block, lines - begin);
        if (count < plan->block) { /* tiles that are left over add nothing */
            clear(POINTS * in_point(plan), parts.in_tiles);
            clear(POINTS * out_point(plan), parts.out_tiles);
        }
        for (size_t l = 0; l < count; ++l) {
            take_inputs(plan, &parts, x, begin + l, l);
            take_gradient(plan, &parts, gradient, begin + l, l);
        }
        for (size_t k = 0; k < POINTS; ++k)
            gemm_run_f32(&plan->outer, plan->shape.inputs, plan->tiles, parts.in_tiles + k * in_point(plan),
                         parts.out_tiles + k * out_point(plan), true, parts.kernel + k * kernel_point(plan));
    }
    gather_kernels(plan, parts.kernel, keep, weight);
}
