/* SPDX-License-Identifier: MIT */
/*
 * Orthonormal functions of every degree: harmonics on the sphere of radius sqrt(d), monomials on {-1, 1}^d; and inputs
 * drawn from either. Sources: Atkinson & Han, Spherical Harmonics, 2012, ch. 2; O'Donnell, Analysis of Boolean
 * Functions, 2014, ch. 1.
 */
#ifndef DATA_HARMONIC_H
#define DATA_HARMONIC_H

#include <stdbool.h>
#include <stddef.h>

#include "core/rng.h"

/** n! / k! (n - k)!, rounded where it is not exact. */
double binomial(size_t n, size_t k);

/** B(d, q): independent harmonics of degree q on the sphere in d >= 2 dimensions. */
double harmonic_count(size_t dimension, size_t degree);

/**
 * Q_degree at each t in [-1, 1]: the Gegenbauer polynomial of the sphere in d dimensions with Q(1) = 1, by recursion.
 *
 * @param t, q  [count]; may not overlap.
 */
void harmonic_polynomial(size_t dimension, size_t degree, size_t count, const double *t, double *q);

/** x [n, d]: uniform on the sphere of radius sqrt(d); row i is the stream at index i. */
void sphere_inputs(struct rng_stream stream, size_t n, size_t dimension, double *x);

/** x [n, d]: uniform on {-1, 1}^d; row i is the stream at index i. */
void hypercube_inputs(struct rng_stream stream, size_t n, size_t dimension, double *x);

/** y_i = sqrt(B(d, q)) Q_q(w.x_i / |w| sqrt(d)): a harmonic of degree q with mean square 1 on the sphere. w not 0. */
void harmonic_target(const double *w, size_t dimension, size_t degree, size_t n, const double *x, double *y);

/* ---- monomials x_S = product of x_j over j in S; S is a rising list of `degree` indices */

/** The first S: 0, 1, ..., degree - 1. */
void monomial_first(size_t degree, size_t *index);

/** The next S in order; false when there is none. All C(d, degree) come once. */
bool monomial_next(size_t dimension, size_t degree, size_t *index);

/** out [n]: x_S of each row of x [n, dimension]. */
void monomial_values(size_t n, size_t dimension, const double *x, size_t degree, const size_t *index, double *out);

#endif
