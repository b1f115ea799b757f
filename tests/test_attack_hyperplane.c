/* SPDX-License-Identifier: MIT */
/* The projection onto a plane inside a box against bisection of its multiplier, and against other points of both. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "attack/hyperplane.h"
#include "core/rng.h"

enum { MOST = 40, CASES = 10000 };

struct problem {
    size_t count;
    double weights[MOST], value, low, high;
    float x[MOST];
    bool linf;
};

static void draw_problem(uint64_t number, struct problem *p) {
    struct rng_stream stream = rng_stream_at(rng_stream_make(9, 1, RNG_TEST), number);
    double draws[4], scale = 0;
    rng_uniform_f64(stream, 4, draws);
    p->count = 1 + (size_t)(MOST * draws[0]);
    p->linf = number % 2;
    p->low = number % 3 == 0 ? -INFINITY : 0;
    p->high = number % 3 == 1 ? INFINITY : 1; /* no box, half a box, a box */
    if (number % 3 == 0) p->high = INFINITY;
    rng_normal_f64(rng_stream_sub(stream, 1), p->count, p->weights);
    rng_uniform_f32(rng_stream_sub(stream, 2), p->count, p->x);
    for (size_t j = 0; j < p->count; ++j) {
        if (number % 5 == 0 && j % 3 == 0) p->weights[j] = 0;
        if (number % 7 == 0 && j % 4 == 0) p->x[j] = j % 8 ? 1 : 0; /* on the wall */
        if (number % 13 == 0) p->weights[j] *= pow(10, 4 * draws[3] * (double)j / MOST);
        scale += fabs(p->weights[j]);
    }
    p->value = (draws[1] - 0.5) * scale * (number % 11 == 0 ? 3 : 0.9);
}

static double move_of(const struct problem *p, size_t j, double t) {
    double sign = p->value < 0 ? 1 : -1; /* towards zero */
    double step = p->linf ? (p->weights[j] > 0 ? t : p->weights[j] < 0 ? -t : 0) : t * p->weights[j];
    double end = (double)p->x[j] + sign * step;
    return (end < p->low ? p->low : end > p->high ? p->high : end) - (double)p->x[j];
}

static double value_after(const struct problem *p, double t) {
    double value = p->value;
    for (size_t j = 0; j < p->count; ++j) value += p->weights[j] * move_of(p, j, t);
    return value;
}

static double length_of(const struct problem *p, const double *point) {
    double largest = 0, square = 0;
    for (size_t j = 0; j < p->count; ++j) {
        double move = point[j] - (double)p->x[j];
        largest = fmax(largest, fabs(move));
        square += move * move;
    }
    return p->linf ? largest : sqrt(square);
}

/* By bisection on the multiplier, whose bracket grows until the value turns; INFINITY when it never does. */
static double by_bisection(const struct problem *p) {
    double low = 0, high = 1, point[MOST];
    if (p->value == 0) return 0;
    for (int i = 0; i < 400 && value_after(p, high) * p->value > 0; ++i) high *= 2;
    if (value_after(p, high) * p->value > 0) return INFINITY;
    for (int i = 0; i < 200; ++i) {
        double middle = 0.5 * (low + high);
        *(value_after(p, middle) * p->value > 0 ? &low : &high) = middle;
    }
    for (size_t j = 0; j < p->count; ++j) point[j] = (double)p->x[j] + move_of(p, j, high);
    return length_of(p, point);
}

static double value_at(const struct problem *p, const double *point) {
    double value = p->value;
    for (size_t j = 0; j < p->count; ++j) value += p->weights[j] * (point[j] - (double)p->x[j]);
    return value;
}

static void projection_agrees_with_bisection_of_the_multiplier(void **state) {
    (void)state;
    size_t beyond = 0;
    for (uint64_t number = 0; number < CASES; ++number) {
        struct problem p;
        double point[MOST], scale = 0;
        draw_problem(number, &p);
        double distance = hyperplane_project(p.count, p.weights, p.value, p.linf, p.low, p.high, p.x, point);
        double expected = by_bisection(&p);
        for (size_t j = 0; j < p.count; ++j) {
            scale += fabs(p.weights[j]);
            assert_true(point[j] >= p.low && point[j] <= p.high);
        }
        beyond += isinf(expected) != 0;
        if (isinf(expected) != isinf(distance) || fabs(distance - expected) > 1e-10 * (1 + expected))
            fail_msg("case %u: got %.17g, bisection %.17g", (unsigned)number, distance, expected);
        double left = value_at(&p, point);
        if (isinf(distance)) { /* then as near as the box lets it */
            assert_true(fabs(left - value_after(&p, 1e300)) <= 1e-10 * scale && left * p.value >= 0);
            continue;
        }
        if (!(fabs(left) <= 1e-12 * scale * (1 + distance))) fail_msg("case %u: left %g", (unsigned)number, left);
        if (!(fabs(length_of(&p, point) - distance) <= 1e-12 * (1 + distance)))
            fail_msg("case %u: a point at %g is said to be at %g", (unsigned)number, length_of(&p, point), distance);
    }
    assert_true(beyond > 50 && beyond < CASES / 2);
}

/* Without multipliers: where the way between two points of the box crosses the plane, it is never nearer. */
static void no_crossing_of_the_plane_is_nearer(void **state) {
    (void)state;
    size_t crossings = 0;
    for (uint64_t number = 2; number < CASES; number += 3) {
        struct problem p;
        double a[MOST], b[MOST], point[MOST];
        draw_problem(number, &p);
        double distance = hyperplane_project(p.count, p.weights, p.value, p.linf, p.low, p.high, p.x, point);
        for (uint64_t i = 0; i < 20; ++i) {
            struct rng_stream stream = rng_stream_at(rng_stream_make(10, number, RNG_TEST), i);
            rng_uniform_f64(rng_stream_sub(stream, 1), p.count, a);
            rng_uniform_f64(rng_stream_sub(stream, 2), p.count, b);
            for (size_t j = 0; i % 2 && isfinite(distance) && j < p.count; ++j) /* near the projection */
                a[j] = fmin(fmax(point[j] + 0.1 * (a[j] - 0.5), 0), 1),
                b[j] = fmin(fmax(point[j] + 0.1 * (b[j] - 0.5), 0), 1);
            double at_a = value_at(&p, a), at_b = value_at(&p, b);
            if (at_a * at_b >= 0) continue;
            ++crossings;
            for (size_t j = 0; j < p.count; ++j) a[j] += at_a / (at_a - at_b) * (b[j] - a[j]);
            if (!(length_of(&p, a) >= distance - 1e-12)) fail_msg("case %u: %g is nearer", (unsigned)number, distance);
        }
    }
    assert_true(crossings > 5000);
}

static void projection_leaves_a_point_on_the_plane_and_one_without_a_plane(void **state) {
    (void)state;
    const double weights[] = {1, 2}, flat[] = {0, 0};
    const float x[] = {0.25f, 0.5f};
    double point[2];
    for (int linf = 0; linf < 2; ++linf) {
        assert_true(hyperplane_project(2, weights, 0, linf, 0, 1, x, point) == 0);
        assert_true(point[0] == 0.25 && point[1] == 0.5);
        assert_true(isinf(hyperplane_project(2, flat, 1, linf, -INFINITY, INFINITY, x, point)));
        assert_true(point[0] == 0.25 && point[1] == 0.5);
    }
}

/* A plane through the last corner is reached, whatever the order of the sum rounds to; a certificate must not say never. */
static void a_plane_through_the_last_corner_is_reached(void **state) {
    (void)state;
    for (uint64_t number = 2; number < 3000; number += 3) {
        struct problem p;
        double all = 0, corner[MOST];
        draw_problem(number, &p);
        p.low = 0;
        p.high = 1;
        for (size_t j = p.count; j-- > 0;) {
            corner[j] = p.weights[j] > 0 ? 0 : p.weights[j] < 0 ? 1 : (double)p.x[j];
            all += fabs(p.weights[j]) * fabs(corner[j] - (double)p.x[j]);
        }
        p.value = all;
        double distance = hyperplane_project(p.count, p.weights, p.value, p.linf, p.low, p.high, p.x, NULL);
        assert_true(distance <= length_of(&p, corner) * (1 + 1e-12));
        assert_true(distance >= length_of(&p, corner) * (1 - 1e-6)); /* a small weight in front of much rounding */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(projection_agrees_with_bisection_of_the_multiplier),
        cmocka_unit_test(no_crossing_of_the_plane_is_nearer),
        cmocka_unit_test(a_plane_through_the_last_corner_is_reached),
        cmocka_unit_test(projection_leaves_a_point_on_the_plane_and_one_without_a_plane),
    };
    return cmocka_run_group_tests_name("hyperplane", tests, NULL, NULL);
}
