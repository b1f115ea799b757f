/* SPDX-License-Identifier: MIT */
#include "kernels/sphere.h"

#include <math.h>
#include <stddef.h>

#include "core/memory.h"
#include "data/harmonic.h"

static const double pi = 3.14159265358979323846;

enum { NODES = 600 };

/* Nodes on (0, pi) and weights of Gauss and Legendre, by Newton's method from Chebyshev-like starts. */
static void legendre_nodes(double *theta, double *weight) {
    for (size_t i = 0; i < NODES; ++i) {
        double z = cos(pi * ((double)i + 0.75) / (NODES + 0.5)), slope = 0, step = 1;
        for (int round = 0; round < 100 && fabs(step) > 1e-15; ++round) {
            double before = 0, now = 1;
            for (size_t k = 0; k < NODES; ++k) {
                double next = ((2 * (double)k + 1) * z * now - (double)k * before) / ((double)k + 1);
                before = now;
                now = next;
            }
            slope = NODES * (z * now - before) / (z * z - 1);
            step = now / slope;
            z -= step;
        }
        theta[i] = 0.5 * pi * (1 - z);
        weight[i] = pi / ((1 - z * z) * slope * slope);
    }
}

/* Weights of the sphere in d dimensions, which add up to 1; in logarithms, or they underflow at large d. */
static void sphere_weights(size_t dimension, const double *theta, double *weight) {
    double sum = 0;
    for (size_t i = 0; i < NODES; ++i) {
        weight[i] *= exp((double)(dimension - 2) * log(sin(theta[i])));
        sum += weight[i];
    }
    for (size_t i = 0; i < NODES; ++i) weight[i] /= sum;
}

strata_status sphere_eigenvalues(strata_context *ctx, const struct kernel *kernel, size_t degrees, double *values,
                                 double *at_one) {
    size_t d = kernel->dimension;
    if (!kernel->class_->row)
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED,
                           "kernel '%s' is no function of inner products: it has no "
                           "eigenvalues by degree",
                           kernel->class_->name);
    if (d < 3) return strata_fail(ctx, STRATA_ERR_ARGUMENT, "sphere: expected at least 3 dimensions, got %zu", d);
    double *block = mem_zero(6 * NODES, sizeof *block);
    if (!block) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a quadrature");
    double *theta = block, *weight = block + NODES, *t = block + 2 * NODES, *squares = block + 3 * NODES,
           *k = block + 4 * NODES, *q = block + 5 * NODES;
    legendre_nodes(theta, weight);
    sphere_weights(d, theta, weight);
    for (size_t i = 0; i < NODES; ++i) {
        t[i] = cos(theta[i]);
        squares[i] = (double)d;
        k[i] = (double)d * t[i];
    }
    kernel->class_->row(kernel, NODES, (double)d, squares, k);
    for (size_t degree = 0; degree < degrees; ++degree) {
        harmonic_polynomial(d, degree, NODES, t, q);
        values[degree] = 0;
        for (size_t i = 0; i < NODES; ++i) values[degree] += weight[i] * k[i] * q[i];
    }
    *at_one = kernel->class_->diagonal(kernel, (double)d);
    mem_free(block);
    return STRATA_OK;
}
