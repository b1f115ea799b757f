/* SPDX-License-Identifier: MIT */
#include "data/harmonic.h"

#include <math.h>

double binomial(size_t n, size_t k) {
    if (k > n) return 0;
    double value = 1;
    for (size_t i = 1; i <= k; ++i) value = value * (double)(n - k + i) / (double)i;
    return value < 9e15 ? nearbyint(value) : value;
}

double harmonic_count(size_t dimension, size_t degree) {
    double all = binomial(dimension + degree - 1, degree);
    return degree < 2 ? all : all - binomial(dimension + degree - 3, degree - 2);
}

static double polynomial_at(size_t dimension, size_t degree, double t) {
    double before = 1, now = t, d = (double)dimension;
    if (degree == 0) return 1;
    for (size_t k = 1; k < degree; ++k) {
        double q = (double)k, next = ((2 * q + d - 2) * t * now - q * before) / (q + d - 2);
        before = now;
        now = next;
    }
    return now;
}

void harmonic_polynomial(size_t dimension, size_t degree, size_t count, const double *t, double *q) {
    for (size_t i = 0; i < count; ++i) q[i] = polynomial_at(dimension, degree, t[i]);
}

void sphere_inputs(struct rng_stream stream, size_t n, size_t dimension, double *x) {
    for (size_t i = 0; i < n; ++i) {
        double *row = x + i * dimension, square = 0;
        rng_normal_f64(rng_stream_at(stream, i), dimension, row);
        for (size_t j = 0; j < dimension; ++j) square += row[j] * row[j];
        double factor = sqrt((double)dimension / square);
        for (size_t j = 0; j < dimension; ++j) row[j] *= factor;
    }
}

void hypercube_inputs(struct rng_stream stream, size_t n, size_t dimension, double *x) {
    for (size_t i = 0; i < n; ++i) {
        double *row = x + i * dimension;
        rng_uniform_f64(rng_stream_at(stream, i), dimension, row);
        for (size_t j = 0; j < dimension; ++j) row[j] = row[j] < 0.5 ? -1 : 1;
    }
}

void harmonic_target(const double *w, size_t dimension, size_t degree, size_t n, const double *x, double *y) {
    double square = 0, root = sqrt(harmonic_count(dimension, degree));
    for (size_t j = 0; j < dimension; ++j) square += w[j] * w[j];
    double factor = 1 / sqrt(square * (double)dimension);
    for (size_t i = 0; i < n; ++i) {
        double product = 0;
        for (size_t j = 0; j < dimension; ++j) product += w[j] * x[i * dimension + j];
        y[i] = root * polynomial_at(dimension, degree, product * factor);
    }
}

void monomial_first(size_t degree, size_t *index) {
    for (size_t k = 0; k < degree; ++k) index[k] = k;
}

bool monomial_next(size_t dimension, size_t degree, size_t *index) {
    for (size_t k = degree; k-- > 0;) {
        if (index[k] + degree - k >= dimension) continue;
        ++index[k];
        for (size_t i = k + 1; i < degree; ++i) index[i] = index[i - 1] + 1;
        return true;
    }
    return false;
}

void monomial_values(size_t n, size_t dimension, const double *x, size_t degree, const size_t *index, double *out) {
    for (size_t i = 0; i < n; ++i) {
        double product = 1;
        for (size_t k = 0; k < degree; ++k) product *= x[i * dimension + index[k]];
        out[i] = product;
    }
}
