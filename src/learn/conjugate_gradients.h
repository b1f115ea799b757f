/* SPDX-License-Identifier: MIT */
/*
 * Conjugate gradients for several right-hand sides at once, each with step sizes of its own, optionally preconditioned.
 * Source: Hestenes & Stiefel 1952; Golub & Van Loan, Matrix Computations, 4th ed., sec. 11.5.
 */
#ifndef LEARN_CONJUGATE_GRADIENTS_H
#define LEARN_CONJUGATE_GRADIENTS_H

#include "learn/kernel_machine.h"

/** A symmetric positive definite system of `columns` right-hand sides. */
struct linear_system {
    size_t rows, columns;
    void *user;
    /** out [rows, columns] = A v. */
    strata_status (*apply)(strata_context *ctx, void *user, const double *v, double *out);
    /** out = P^-1 v; NULL: none. */
    void (*precondition)(void *user, const double *v, double *out);
};

/**
 * x [rows, columns] from zero, for at most solver.steps steps, until all residuals are below solver.tolerance times the
 * right-hand side's; every step is told to `hooks` with the largest of these ratios.
 * Errors: those of `apply`; INTERRUPTED; MEMORY.
 */
STRATA_MUST_USE strata_status conjugate_gradients(strata_context *ctx, const struct linear_system *system,
                                                  struct kernel_learner *self, const struct fit_hooks *hooks,
                                                  const double *b, double *x);

#endif
