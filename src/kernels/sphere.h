/* SPDX-License-Identifier: MIT */
/* Eigenvalues of kernels of inner products on the sphere. */
#ifndef KERNELS_SPHERE_H
#define KERNELS_SPHERE_H

#include "kernels/kernel.h"

/**
 * values[q], q = 0..degrees-1: the eigenvalue of the kernel on the harmonics of degree q, on the sphere of radius
 * sqrt(kernel->dimension) with the uniform law,
 *
 *     lambda_q = int k(t) Q_q(t) sin^(d-2) dtheta / int sin^(d-2) dtheta,  t = cos theta,
 *
 * by Gauss-Legendre quadrature in theta, in which the kernels of this library are smooth. Each has multiplicity
 * harmonic_count(d, q), and all eigenvalues add up to `at_one` = k(x, x).
 *
 * Errors: UNSUPPORTED for kernels that are no functions of x.z and norms; ARGUMENT for fewer than 3 dimensions; MEMORY.
 * Source: Atkinson & Han 2012, theorem 2.22 (Funk and Hecke).
 */
STRATA_MUST_USE strata_status sphere_eigenvalues(strata_context *ctx, const struct kernel *kernel, size_t degrees,
                                                 double *values, double *at_one);

#endif
