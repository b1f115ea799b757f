/* SPDX-License-Identifier: MIT */
/*
 * A symmetric matrix brought to a band by an orthogonal basis: A = Q B Qᵀ. That costs a few Cholesky factorisations;
 * A + shift I is then solved for any shift at the cost of the band's.
 * Source: LAPACK's dsytrd_sy2sb; Bischof, Lang & Sun, "A framework for symmetric band reduction", 2000.
 */
#ifndef LINALG_BAND_H
#define LINALG_BAND_H

#include "core/status.h"
#include "core/threads.h"

/** Zero-initialised is empty. */
struct band_form {
    size_t n, band;
    double norm;    /* largest row sum of |B|, at least the largest eigenvalue in size */
    double *values; /* [n, band + 1]: B[j + k][j] at [j][k] */
    double *basis;  /* [n, n]: Q's columns in rows */
};

/** Cholesky factor of B + shift I and what is needed to solve with it. Zero-initialised is empty. */
struct band_factor {
    size_t n, band;
    double log_determinant;
    double *values; /* as those of the form */
    double *blocks; /* [blocks, 2, band, band]: each block row of the factor left of its diagonal, and on it */
};

/**
 * From a symmetric [n, n], which is destroyed. `pool` borrowed or NULL. Errors: CONVERGENCE (a number that is not
 * finite), MEMORY.
 */
STRATA_MUST_USE strata_status band_form_create(strata_context *ctx, struct thread_pool *pool, size_t n, double *a,
                                               struct band_form *form);
void band_form_destroy(struct band_form *form);

/** Memory for factors of a form, made once for any number of shifts. */
STRATA_MUST_USE strata_status band_factor_create(strata_context *ctx, const struct band_form *form,
                                                 struct band_factor *factor);
void band_factor_destroy(struct band_factor *factor);

/** False when B + shift I is not positive definite to working precision. */
bool band_factorise(const struct band_form *form, double shift, struct band_factor *factor);

/** Solves (B + shift I) x = b for each of `count` rows of `b` [count, n], in place. */
void band_solve(const struct band_factor *factor, size_t count, double *b);

/** diagonal[i] = [(A + shift I)^-1]_ii. `pool` borrowed or NULL; any size of it gives the same bits. Errors: MEMORY. */
STRATA_MUST_USE strata_status band_inverse_diagonal(strata_context *ctx, struct thread_pool *pool,
                                                    const struct band_form *form, const struct band_factor *factor,
                                                    double *diagonal);

#endif
