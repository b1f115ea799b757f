/* SPDX-License-Identifier: MIT */
/*
 * Convolutions of stride 1, by transforms and by shifts, against the sums of their definition: odd and even pictures, all
 * paddings, more pictures than a block holds and fewer, both directions and the gradient to the weights.
 */
#include <math.h>
#include <string.h>

#include "draws.h"
#include "linalg/stride_one.h"

struct conv_case {
    size_t rows;
    struct shift_shape shape;
};

static const struct conv_case cases[] = {
    {3, {16, 16, 8, 8, 3, 3, 1, 1}},   {5, {32, 16, 7, 5, 3, 3, 1, 1}},  {2, {16, 48, 9, 16, 3, 3, 0, 0}},
    {2, {16, 16, 4, 6, 3, 3, 2, 2}},   {1, {16, 32, 3, 3, 3, 3, 0, 0}},  {9, {64, 64, 8, 8, 3, 3, 1, 1}},
    {2, {16, 16, 31, 33, 3, 3, 1, 1}}, {21, {16, 16, 1, 1, 3, 3, 1, 1}}, {3, {16, 16, 6, 5, 3, 3, 1, 0}},
    {3, {5, 7, 8, 6, 3, 3, 1, 1}},     {2, {16, 16, 9, 7, 5, 3, 2, 1}},
};
enum { CASES = sizeof cases / sizeof *cases };

struct problem {
    struct shift_shape s;
    size_t rows, out_height, out_width, taps;
    float *x, *weight, *y; /* y: [rows, outputs, out_height, out_width] */
};

static struct problem problem_of(const struct conv_case *from) {
    struct problem p = {.s = from->shape, .rows = from->rows};
    p.out_height = p.s.height + 2 * p.s.pad_height - p.s.kernel_height + 1;
    p.out_width = p.s.width + 2 * p.s.pad_width - p.s.kernel_width + 1;
    p.taps = p.s.kernel_height * p.s.kernel_width;
    p.x = draws(1, p.rows * p.s.inputs * p.s.height * p.s.width);
    p.weight = draws(2, p.s.outputs * p.s.inputs * p.taps);
    p.y = draws(3, p.rows * p.s.outputs * p.out_height * p.out_width);
    return p;
}

static void problem_destroy(struct problem *p) {
    mem_free(p->x);
    mem_free(p->weight);
    mem_free(p->y);
}

/* One product of the definition: numbers of y, weight and x that belong together. */
typedef void visit(const struct problem *p, size_t y, size_t weight, size_t x, double *sums);

static void each_product(const struct problem *p, visit *add, double *sums) {
    const struct shift_shape *s = &p->s;
    for (size_t r = 0; r < p->rows; ++r)
        for (size_t o = 0; o < s->outputs; ++o)
            for (size_t i = 0; i < p->out_height; ++i)
                for (size_t j = 0; j < p->out_width; ++j)
                    for (size_t c = 0; c < s->inputs; ++c)
                        for (size_t t = 0; t < p->taps; ++t) {
                            size_t h = i + t / s->kernel_width, w = j + t % s->kernel_width; /* in the padded picture */
                            if (h < s->pad_height || h >= s->height + s->pad_height || w < s->pad_width ||
                                w >= s->width + s->pad_width)
                                continue;
                            add(p, ((r * s->outputs + o) * p->out_height + i) * p->out_width + j,
                                (o * s->inputs + c) * p->taps + t,
                                ((r * s->inputs + c) * s->height + h - s->pad_height) * s->width + w - s->pad_width,
                                sums);
                        }
}

static void to_output(const struct problem *p, size_t y, size_t weight, size_t x, double *sums) {
    sums[y] += (double)p->weight[weight] * (double)p->x[x];
}
static void to_weight(const struct problem *p, size_t y, size_t weight, size_t x, double *sums) {
    sums[weight] += (double)p->y[y] * (double)p->x[x];
}
static void to_input(const struct problem *p, size_t y, size_t weight, size_t x, double *sums) {
    sums[x] += (double)p->y[y] * (double)p->weight[weight];
}

/* Sums of up to thousands of products of size one: their rounding errors stay far below 1e-3. */
static void assert_close(size_t count, const double *wanted, const float *old, bool keep, const float *found) {
    for (size_t i = 0; i < count; ++i)
        assert_true(fabs((double)found[i] - wanted[i] - (keep ? (double)old[i] : 0)) < 2e-5 * (10 + fabs(wanted[i])));
}

static void check(const struct problem *p, size_t count, visit *add, const struct shift_shape *shape, bool keep) {
    float *found = draws(4, count), *old = draws(4, count);
    double *wanted = mem_zero(count, sizeof *wanted);
    struct stride_one plan;
    assert_true(stride_one_plan(&plan, shape));
    void *scratch = mem_aligned(stride_one_scratch(&plan));
    memset(scratch, 0xff, stride_one_scratch(&plan)); /* NaN: nothing is read before it is written */
    each_product(p, add, wanted);
    if (add == to_output)
        stride_one_apply(&plan, p->rows, p->x, p->weight, false, keep, found, scratch);
    else if (add == to_input)
        stride_one_apply(&plan, p->rows, p->y, p->weight, true, keep, found, scratch);
    else
        stride_one_weights(&plan, p->rows, p->x, p->y, keep, found, scratch);
    assert_close(count, wanted, old, keep, found);
    mem_free(found);
    mem_free(old);
    mem_free(wanted);
    mem_free(scratch);
}

static void equal_to_the_definition(void **state) {
    struct stride_one plan;
    (void)state;
    if (!stride_one_plan(&plan, &cases[0].shape)) skip(); /* no generated kernels here */
    for (size_t i = 0; i < CASES; ++i) {
        struct problem p = problem_of(&cases[i]);
        const struct shift_shape *s = &p.s, back = {s->outputs,
                                                    s->inputs,
                                                    p.out_height,
                                                    p.out_width,
                                                    s->kernel_height,
                                                    s->kernel_width,
                                                    s->kernel_height - 1 - s->pad_height,
                                                    s->kernel_width - 1 - s->pad_width};
        for (int keep = 0; keep < 2; ++keep) {
            check(&p, p.rows * s->outputs * p.out_height * p.out_width, to_output, s, keep);
            check(&p, s->outputs * s->inputs * p.taps, to_weight, s, keep);
            check(&p, p.rows * s->inputs * s->height * s->width, to_input, &back, keep);
        }
        problem_destroy(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(equal_to_the_definition)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
