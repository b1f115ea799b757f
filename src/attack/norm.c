/* SPDX-License-Identifier: MIT */
/* The balls of attacks: l2 and l-infinity. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "attack/attack.h"
#include "core/clones.h"

static float clamp(float value, double low, double high) {
    return (double)value < low ? (float)low : (double)value > high ? (float)high : value;
}

/* ---- l2 ---- */

static double l2_length(size_t count, const float *delta) {
    double square = 0;
    for (size_t j = 0; j < count; ++j) square += (double)delta[j] * (double)delta[j];
    return sqrt(square);
}

/* Scale into the ball, then clip to the box, which holds x and so only shrinks delta. */
static void l2_project(size_t count, const float *x, double epsilon, double low, double high, float *point) {
    double square = 0;
    for (size_t j = 0; j < count; ++j) {
        double delta = (double)point[j] - (double)x[j];
        square += delta * delta;
    }
    double share = square > epsilon * epsilon ? epsilon / sqrt(square) : 1;
    for (size_t j = 0; j < count; ++j) {
        if (share < 1) point[j] = (float)((double)x[j] + share * ((double)point[j] - (double)x[j]));
        point[j] = clamp(point[j], low, high);
    }
}

/* By the largest entry first: the squares of a tiny gradient must not vanish. */
static void l2_steepest(size_t count, const float *gradient, float *direction) {
    float largest = 0;
    double square = 0;
    for (size_t j = 0; j < count; ++j) largest = fmaxf(largest, fabsf(gradient[j]));
    if (!(largest > 0)) {
        memset(direction, 0, count * sizeof *direction);
        return;
    }
    for (size_t j = 0; j < count; ++j) {
        double part = (double)gradient[j] / (double)largest;
        square += part * part;
    }
    double scale = 1 / sqrt(square);
    for (size_t j = 0; j < count; ++j) direction[j] = (float)((double)gradient[j] / (double)largest * scale);
}

static void l2_on_sphere(struct rng_stream stream, size_t count, float *delta) {
    rng_normal_f32(stream, count, delta);
    l2_steepest(count, delta, delta);
}

static void l2_in_ball(struct rng_stream stream, size_t count, float *delta) {
    double uniform;
    rng_uniform_f64(rng_stream_sub(stream, 1), 1, &uniform);
    l2_on_sphere(stream, count, delta);
    double radius = pow(uniform, 1 / (double)count);
    for (size_t j = 0; j < count; ++j) delta[j] = (float)((double)delta[j] * radius);
}

static double l2_step(size_t steps) { return 2.5 / (double)steps; }

/* ---- l-infinity ---- */

static double linf_length(size_t count, const float *delta) {
    double largest = 0;
    for (size_t j = 0; j < count; ++j) largest = fmax(largest, fabs((double)delta[j]));
    return largest;
}

STRATA_CLONES static void linf_project(size_t count, const float *x, double epsilon, double low, double high,
                                       float *point) {
    for (size_t j = 0; j < count; ++j) {
        double least = (double)x[j] - epsilon, most = (double)x[j] + epsilon, value = (double)point[j];
        least = least < low ? low : least;
        most = most > high ? high : most;
        value = value < least ? least : value > most ? most : value;
        point[j] = (float)value;
    }
}

static void linf_steepest(size_t count, const float *gradient, float *direction) {
    for (size_t j = 0; j < count; ++j) direction[j] = gradient[j] > 0 ? 1.f : gradient[j] < 0 ? -1.f : 0.f;
}

static void linf_on_sphere(struct rng_stream stream, size_t count, float *delta) {
    rng_normal_f32(stream, count, delta);
    for (size_t j = 0; j < count; ++j) delta[j] = delta[j] < 0 ? -1.f : 1.f;
}

static void linf_in_ball(struct rng_stream stream, size_t count, float *delta) {
    rng_uniform_f32(stream, count, delta);
    for (size_t j = 0; j < count; ++j) delta[j] = 2 * delta[j] - 1;
}

static double linf_step(size_t steps) { return fmax(0.25, 2.5 / (double)steps); }

static const struct attack_norm l2 = {.name = "l2",
                                      .title = "l2",
                                      .kind = ATTACK_L2,
                                      .length = l2_length,
                                      .project = l2_project,
                                      .steepest = l2_steepest,
                                      .random_in_ball = l2_in_ball,
                                      .random_on_sphere = l2_on_sphere,
                                      .step = l2_step};
static const struct attack_norm linf = {.name = "linf",
                                        .title = "l-infinity",
                                        .kind = ATTACK_LINF,
                                        .length = linf_length,
                                        .project = linf_project,
                                        .steepest = linf_steepest,
                                        .random_in_ball = linf_in_ball,
                                        .random_on_sphere = linf_on_sphere,
                                        .step = linf_step};

const struct attack_norm *const attack_norm_table[] = {&l2, &linf};
const size_t attack_norm_table_size = sizeof attack_norm_table / sizeof *attack_norm_table;

const struct attack_norm *attack_norm_find(const char *name) {
    for (size_t i = 0; i < attack_norm_table_size; ++i)
        if (strcmp(attack_norm_table[i]->name, name) == 0) return attack_norm_table[i];
    return NULL;
}
