/* SPDX-License-Identifier: MIT */
/* The point of a box nearest to a given one at which an affine function vanishes. */
#ifndef ATTACK_HYPERPLANE_H
#define ATTACK_HYPERPLANE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Nearest point to x, in l2 or l-infinity, of {z : value + <weights, z - x> = 0, low <= z <= high}.
 *
 * @param value   of the affine function at x.
 * @param low     below high; -INFINITY, INFINITY: no box. x lies inside.
 * @param point   [count] out; when the box does not reach the plane, its point where the function is nearest to zero.
 *                NULL: not wanted.
 * @return its distance from x; INFINITY when the box does not reach the plane.
 */
double hyperplane_project(size_t count, const double *weights, double value, bool linf, double low, double high,
                          const float *x, double *point);

#endif
