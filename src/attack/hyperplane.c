/* SPDX-License-Identifier: MIT */
/*
 * Against the sign of the function at x every coordinate moves by min(t s_j, room_j): room_j is its way to the box, s_j
 * its speed, |w_j| in l2 and 1 in l-infinity (Karush, Kuhn and Tucker). What the function loses,
 * D(t) = sum_j |w_j| min(t s_j, room_j), is concave, rising and made of lines, so that Newton's steps from t = 0 rise
 * to the root of D(t) = |value| and end on it: each step but the last stops a coordinate for good. No sorting, no
 * memory; some three passes on random input.
 */
#include "attack/hyperplane.h"

#include <float.h>
#include <math.h>

static const double CORNER = 4 * DBL_EPSILON; /* a plane this near to the box's last corner goes through it */

static double room_of(double weight, double low, double high, float x) {
    return fmax(weight > 0 ? (double)x - low : high - (double)x, 0);
}

/* The multiplier t, INFINITY when all the room does not do. `sign` turns the function so that its value is positive. */
static double multiplier(size_t count, const double *weights, double size, double sign, bool linf, double low,
                         double high, const float *x) {
    for (double t = 0;;) {
        double left = size, slope = 0;
        for (size_t j = 0; j < count; ++j) {
            double w = sign * weights[j], speed = linf ? 1 : fabs(w), room = room_of(w, low, high, x[j]);
            if (w == 0) continue;
            if (t * speed < room)
                slope += fabs(w) * speed;
            else
                left -= fabs(w) * room;
        }
        if (!(left > 0)) return t;
        if (!(slope > 0)) return left > CORNER * (double)count * size ? INFINITY : DBL_MAX;
        double next = left / slope;
        if (!(next > t)) return t;
        t = next;
    }
}

double hyperplane_project(size_t count, const double *weights, double value, bool linf, double low, double high,
                          const float *x, double *point) {
    double sign = value < 0 ? -1 : 1, square = 0, largest = 0;
    double t = multiplier(count, weights, fabs(value), sign, linf, low, high, x);
    for (size_t j = 0; j < count; ++j) {
        double w = sign * weights[j], move = 0;
        if (w != 0) move = fmin(isinf(t) ? t : t * (linf ? 1 : fabs(w)), room_of(w, low, high, x[j]));
        if (isinf(move)) move = 0; /* no plane at all: nothing to move along */
        square += move * move;
        largest = fmax(largest, move);
        if (point) point[j] = fmin(fmax(w > 0 ? (double)x[j] - move : (double)x[j] + move, low), high);
    }
    return isinf(t) ? INFINITY : linf ? largest : sqrt(square);
}
