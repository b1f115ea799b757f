/* SPDX-License-Identifier: MIT */
/* Certificates against exact answers, twins and attacks: what is proved is never found false. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "attack/certificate.h"

enum { MOST_INPUTS = 8, MOST_UNITS = 16, CASES = 10000 };

static void assert_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("got %.17g, expected %.17g within %g", value, expected, tolerance);
}

static double uniform(uint64_t number, uint64_t which) {
    double value;
    rng_uniform_f64(rng_stream_at(rng_stream_make(3, which, RNG_TEST), number), 1, &value);
    return value;
}

/* ---- linear functions ---- */

static void linear_radius_is_the_quotient_of_norms(void **state) {
    (void)state;
    const double weights[] = {3, -4, 0};
    const float x[] = {1, 0.5f, 7};
    assert_near(certificate_linear(3, weights, 9, false, -INFINITY, INFINITY, x), 2, 1e-15);
    assert_near(certificate_linear(3, weights, 9, true, -INFINITY, INFINITY, x), 10. / 7, 1e-15);
    assert_near(certificate_linear(3, weights, -11, false, -INFINITY, INFINITY, x), 2, 1e-15); /* the other side */
    assert_near(certificate_linear(3, weights, -1, true, -INFINITY, INFINITY, x), 0, 0);
}

/* f = 3a - 4b + 1 at (.5, .5): both coordinates have .5 of room, f falls to -1 at the corner (0, 1). */
static void linear_radius_in_a_box_by_hand(void **state) {
    (void)state;
    const double weights[] = {3, -4}, flat[] = {0, 0};
    const float x[] = {0.5f, 0.5f}, edge[] = {0.1f, 0.5f};
    assert_near(certificate_linear(2, weights, 2, false, 0, 1, x), 0.3, 1e-15);
    assert_true(isinf(certificate_linear(2, weights, 6, false, 0, 1, x)));
    assert_true(isinf(certificate_linear(2, weights, 6, true, 0, 1, x)));
    assert_near(certificate_linear(2, weights, 4, false, 0, 1, x), sqrt(0.5), 1e-15); /* through the corner */
    assert_near(certificate_linear(2, weights, 4, true, 0, 1, x), 0.5, 1e-15);
    /* at (.1, .5), f = 1.1: the first stops after .1, the second makes up for it: 4 t = .8 */
    assert_near(certificate_linear(2, weights, 2.8, true, 0, 1, edge), 0.2, 1e-7);
    assert_near(certificate_linear(2, weights, 2.8, false, 0, 1, edge), hypot(0.1, 0.2), 1e-7);
    assert_true(isinf(certificate_linear(2, flat, 1, false, -INFINITY, INFINITY, x)));
}

/* ---- Lipschitz bounds ---- */

static void operator_norm_of_known_matrices(void **state) {
    (void)state;
    const double identity[] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, row[] = {3, 4}, zeros[4] = {0};
    assert_near(certificate_operator_norm(3, 3, identity), 1, 1e-14); /* by the norms of rows and columns */
    assert_near(certificate_operator_norm(1, 2, row), 5, 1e-14);      /* by Frobenius, and so exact */
    assert_near(certificate_operator_norm(2, 2, zeros), 0, 0);
    const double wild[] = {NAN, 1};
    assert_true(isnan(certificate_operator_norm(1, 2, wild)));
}

/* |W v| / |v| for the best v of many steps of power iteration, which comes from below. */
static double grown_norm(size_t rows, size_t columns, const double *weights) {
    double v[MOST_INPUTS], u[MOST_UNITS], length = 0;
    for (size_t j = 0; j < columns; ++j) v[j] = 1 + 0.1 * (double)j;
    for (int step = 0; step < 200; ++step) {
        double square = 0, out = 0;
        for (size_t j = 0; j < columns; ++j) square += v[j] * v[j];
        for (size_t i = 0; i < rows; ++i) {
            u[i] = 0;
            for (size_t j = 0; j < columns; ++j) u[i] += weights[i * columns + j] * v[j] / sqrt(square);
            out += u[i] * u[i];
        }
        length = sqrt(out);
        for (size_t j = 0; j < columns; ++j) {
            v[j] = 0;
            for (size_t i = 0; i < rows; ++i) v[j] += weights[i * columns + j] * u[i];
        }
    }
    return length;
}

static void operator_norm_is_never_below_the_true_one(void **state) {
    (void)state;
    for (uint64_t number = 0; number < 500; ++number) {
        double weights[MOST_UNITS * MOST_INPUTS];
        size_t rows = 1 + (size_t)(MOST_UNITS * uniform(number, 1)),
               columns = 1 + (size_t)(MOST_INPUTS * uniform(number, 2));
        rng_normal_f64(rng_stream_at(rng_stream_make(4, 1, RNG_TEST), number), rows * columns, weights);
        double bound = certificate_operator_norm(rows, columns, weights), grown = grown_norm(rows, columns, weights);
        if (!(bound >= grown * (1 - 1e-15))) fail_msg("bound %.17g below norm %.17g", bound, grown);
        if (rows == 1 || columns == 1) assert_near(bound / grown, 1, 1e-12);
    }
}

static void lipschitz_radius_by_hand(void **state) {
    (void)state;
    const float logits[] = {1, 4, 2}, tie[] = {4, 4, 2}, one[] = {-3}, wild[] = {NAN, 1, 0};
    assert_near(certificate_lipschitz(3, logits, 1, 2), 2 / (2 * sqrt(2)), 1e-15);
    assert_near(certificate_lipschitz(3, logits, 0, 2), 0, 0);
    assert_near(certificate_lipschitz(3, tie, 1, 2), 0, 0);
    assert_near(certificate_lipschitz(1, one, 0, 2), 1.5, 1e-15);
    assert_near(certificate_lipschitz(1, one, 1, 2), 0, 0);
    assert_near(certificate_lipschitz(3, logits, 1, NAN), 0, 0);
    assert_near(certificate_lipschitz(3, wild, 1, 1), 0, 0);
    assert_true(isinf(certificate_lipschitz(3, logits, 1, 0))); /* a constant function */
}

/* Logits z = W x: the distance to another class is (z_y - z_i) / |w_y - w_i|, and with two opposite rows exactly
 * margin / (sqrt 2 L), so that a factor of sqrt 2 left out is caught. */
static void lipschitz_radius_is_below_the_distance_of_linear_models(void **state) {
    (void)state;
    const double opposite[] = {3, 4, -3, -4};
    const float logits[] = {10, -10}; /* at x = (2, 1) */
    double exact = 20 / hypot(6, 8),
           bound = certificate_lipschitz(2, logits, 0, certificate_operator_norm(2, 2, opposite));
    assert_true(bound <= exact);
    assert_near(bound, exact, 1e-12);
}

/* ---- the threshold network ---- */

struct net_case {
    struct threshold_weights net;
    float weights[MOST_UNITS * MOST_INPUTS], thresholds[MOST_UNITS], x[MOST_INPUTS];
    double y, radius;
};

static void draw_case(uint64_t number, struct net_case *c) {
    struct rng_stream stream = rng_stream_at(rng_stream_make(5, 1, RNG_TEST), number);
    c->net = (struct threshold_weights){.width = 1 + (size_t)(MOST_UNITS * pow(uniform(number, 3), 2)),
                                        .inputs = 1 + (size_t)(MOST_INPUTS * uniform(number, 4)),
                                        .weights = c->weights,
                                        .thresholds = c->thresholds};
    rng_normal_f32(stream, MOST_UNITS * MOST_INPUTS, c->weights);
    rng_normal_f32(rng_stream_sub(stream, 1), MOST_INPUTS, c->x);
    rng_uniform_f32(rng_stream_sub(stream, 2), MOST_UNITS, c->thresholds);
    for (size_t i = 0; number % 7 == 0 && i < MOST_UNITS; ++i) c->thresholds[i] = 0; /* a linear network */
    c->y = number % 2 ? 1 : -1;
    c->radius = number % 11 == 0 ? 0 : 2 * pow(uniform(number, 5), 2);
}

static double unit(double t, double b) { return fmax(t - b, 0) - fmax(-t - b, 0); }

/* y f, and its gradient; [inputs]. */
static double value_at(const struct net_case *c, const double *x, double *gradient) {
    double value = 0;
    for (size_t j = 0; j < c->net.inputs; ++j) gradient[j] = 0;
    for (size_t i = 0; i < c->net.width; ++i) {
        double u = 0, b = (double)c->thresholds[i];
        for (size_t j = 0; j < c->net.inputs; ++j) u += (double)c->weights[i * c->net.inputs + j] * x[j];
        value += c->y * unit(u, b);
        for (size_t j = 0; fabs(u) > b && j < c->net.inputs; ++j)
            gradient[j] += c->y * (double)c->weights[i * c->net.inputs + j];
    }
    return value;
}

/* The least y f that descent in the ball finds from one start: in direction `start`, [inputs]. */
static double descend(const struct net_case *c, const double *start) {
    double delta[MOST_INPUTS], x[MOST_INPUTS] = {0}, gradient[MOST_INPUTS], least = INFINITY;
    for (size_t j = 0; j < c->net.inputs; ++j) delta[j] = c->radius * start[j];
    for (int step = 0; step < 25; ++step) {
        double square = 0, slope = 0;
        for (size_t j = 0; j < c->net.inputs; ++j) square += delta[j] * delta[j];
        double shrink = square > c->radius * c->radius ? c->radius / sqrt(square) : 1;
        for (size_t j = 0; j < c->net.inputs; ++j) x[j] = (double)c->x[j] + (delta[j] *= shrink);
        least = fmin(least, value_at(c, x, gradient));
        for (size_t j = 0; j < c->net.inputs; ++j) slope += gradient[j] * gradient[j];
        for (size_t j = 0; slope > 0 && j < c->net.inputs; ++j)
            delta[j] -= (step < 12 ? 0.6 : 3) * c->radius * gradient[j] / sqrt(slope);
    }
    return least;
}

/* From x, towards each unit's weights either way, and from two random points. */
static double least_found(uint64_t number, const struct net_case *c) {
    double start[MOST_INPUTS] = {0}, least = descend(c, start);
    for (size_t i = 0; i < 2 * c->net.width; ++i) {
        const float *row = c->weights + i / 2 * c->net.inputs;
        double square = 0;
        for (size_t j = 0; j < c->net.inputs; ++j) square += (double)row[j] * (double)row[j];
        for (size_t j = 0; j < c->net.inputs; ++j) start[j] = (i % 2 ? -1 : 1) * (double)row[j] / sqrt(square);
        least = fmin(least, descend(c, start));
    }
    for (uint64_t i = 0; i < 2; ++i) {
        rng_normal_f64(rng_stream_at(rng_stream_make(6, i, RNG_TEST), number), MOST_INPUTS, start);
        least = fmin(least, descend(c, start));
    }
    return least;
}

enum flaw { SOUND, STEEP_LINE, CHORD_AS_TANGENT, TANGENT_ABOVE, LARGE_CHORD, FLAWS };

/* The relaxation by the specification, written apart from the library's, with a flaw to choose. */
static double relaxed(const struct net_case *c, enum flaw flaw) {
    double sum = 0, direction[MOST_INPUTS] = {0}, square = 0;
    for (size_t i = 0; i < c->net.width; ++i) {
        const float *row = c->weights + i * c->net.inputs;
        double centre = 0, norm = 0, b = (double)c->thresholds[i], slope, offset;
        for (size_t j = 0; j < c->net.inputs; ++j) {
            centre += c->y * (double)row[j] * (double)c->x[j];
            norm += (double)row[j] * (double)row[j];
        }
        double low = centre - c->radius * sqrt(norm), high = centre + c->radius * sqrt(norm);
        if (low >= -b) {
            slope = centre > b;
            offset = slope * (flaw == TANGENT_ABOVE ? -0.9 * b : -b);
        } else if (high <= b) {
            slope = high > low ? (unit(high, b) - unit(low, b)) / (high - low) : 0;
            if (flaw == LARGE_CHORD) slope *= 0.95;
            offset = unit(high, b) - slope * high;
            if (flaw == CHORD_AS_TANGENT) slope = centre < -b, offset = slope * b;
        } else {
            slope = -unit(low, b) / (b - low) * (flaw == STEEP_LINE ? 0.95 : 1);
            offset = -slope * b;
        }
        sum += slope * centre + offset;
        for (size_t j = 0; j < c->net.inputs; ++j) direction[j] += c->y * slope * (double)row[j];
    }
    for (size_t j = 0; j < c->net.inputs; ++j) square += direction[j] * direction[j];
    return sum - c->radius * sqrt(square);
}

static void threshold_bound_is_never_contradicted(void **state) {
    (void)state;
    size_t tight = 0, contradicted[FLAWS] = {0};
    for (uint64_t number = 0; number < CASES; ++number) {
        struct net_case c;
        double scratch[MOST_INPUTS], interval;
        draw_case(number, &c);
        double bound = certificate_threshold(&c.net, c.x, c.y, c.radius, scratch, &interval);
        double least = least_found(number, &c), slack = 1e-10 * (1 + fabs(least));
        if (!(bound <= least + slack)) fail_msg("case %u: proved %.17g, found %.17g", (unsigned)number, bound, least);
        assert_true(interval <= bound);
        assert_near(bound, fmax(relaxed(&c, SOUND), interval), slack);
        tight += bound >= least - 1e-6 * (1 + fabs(least));
        for (enum flaw flaw = STEEP_LINE; flaw < FLAWS; ++flaw) contradicted[flaw] += relaxed(&c, flaw) > least + slack;
    }
    if (tight < CASES / 10) fail_msg("only %zu of %d bounds are reached", tight, CASES);
    for (enum flaw flaw = STEEP_LINE; flaw < FLAWS; ++flaw)
        if (contradicted[flaw] == 0) fail_msg("no case contradicts flaw %d", (int)flaw);
}

/* Without thresholds the network is linear, and the bound its exact minimum. */
static void threshold_bound_of_a_linear_network_is_exact(void **state) {
    (void)state;
    for (uint64_t number = 0; number < 700; number += 7) {
        struct net_case c;
        double scratch[MOST_INPUTS], x[MOST_INPUTS], gradient[MOST_INPUTS], square = 0, direction[MOST_INPUTS] = {0};
        draw_case(number, &c);
        for (size_t i = 0; i < c.net.width; ++i)
            for (size_t j = 0; j < c.net.inputs; ++j) direction[j] += (double)c.weights[i * c.net.inputs + j];
        for (size_t j = 0; j < c.net.inputs; ++j) square += direction[j] * direction[j], x[j] = (double)c.x[j];
        assert_near(certificate_threshold(&c.net, c.x, c.y, c.radius, scratch, NULL),
                    value_at(&c, x, gradient) - c.radius * sqrt(square), 1e-12);
    }
}

/* A tangent at the middle is a line for one radius only, so that the relaxation need not fall; the interval bound does. */
static void threshold_bound_starts_at_the_value_and_the_interval_falls(void **state) {
    (void)state;
    for (uint64_t number = 0; number < 500; ++number) {
        struct net_case c;
        double scratch[MOST_INPUTS], x[MOST_INPUTS], gradient[MOST_INPUTS], narrow, wide;
        draw_case(number, &c);
        for (size_t j = 0; j < c.net.inputs; ++j) x[j] = (double)c.x[j];
        assert_near(certificate_threshold(&c.net, c.x, c.y, 0, scratch, NULL), value_at(&c, x, gradient), 1e-12);
        (void)certificate_threshold(&c.net, c.x, c.y, c.radius, scratch, &narrow);
        (void)certificate_threshold(&c.net, c.x, c.y, 2 * c.radius, scratch, &wide);
        assert_true(wide <= narrow);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_radius_is_the_quotient_of_norms),
        cmocka_unit_test(linear_radius_in_a_box_by_hand),
        cmocka_unit_test(operator_norm_of_known_matrices),
        cmocka_unit_test(operator_norm_is_never_below_the_true_one),
        cmocka_unit_test(lipschitz_radius_by_hand),
        cmocka_unit_test(lipschitz_radius_is_below_the_distance_of_linear_models),
        cmocka_unit_test(threshold_bound_is_never_contradicted),
        cmocka_unit_test(threshold_bound_of_a_linear_network_is_exact),
        cmocka_unit_test(threshold_bound_starts_at_the_value_and_the_interval_falls),
    };
    return cmocka_run_group_tests_name("certificates", tests, NULL, NULL);
}
