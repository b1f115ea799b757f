/* SPDX-License-Identifier: MIT */
#include "learn/conjugate_gradients.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

/* Vectors of one run, each [rows, columns], and scalars a column. */
struct run {
    const struct linear_system *system;
    double *residual, *direction, *product, *z;
    double *rz, *first, *scale; /* [columns] */
    double *x;
};

/* out[c] = sum over rows of a b in column c. */
static void column_products(const struct linear_system *s, const double *a, const double *b, double *out) {
    memset(out, 0, s->columns * sizeof *out);
    for (size_t i = 0; i < s->rows; ++i)
        for (size_t c = 0; c < s->columns; ++c) out[c] += a[i * s->columns + c] * b[i * s->columns + c];
}

static void precondition(struct run *run) {
    const struct linear_system *s = run->system;
    if (s->precondition)
        s->precondition(s->user, run->residual, run->z);
    else
        memcpy(run->z, run->residual, s->rows * s->columns * sizeof *run->z);
}

/* Largest of the columns' residuals over their right-hand sides. */
static double largest_residual(struct run *run) {
    double largest = 0;
    column_products(run->system, run->residual, run->residual, run->scale);
    for (size_t c = 0; c < run->system->columns; ++c)
        if (run->first[c] > 0) largest = fmax(largest, sqrt(run->scale[c] / run->first[c]));
    return largest;
}

static strata_status step(strata_context *ctx, struct run *run) {
    const struct linear_system *s = run->system;
    size_t cells = s->rows * s->columns;
    STRATA_TRY(s->apply(ctx, s->user, run->direction, run->product));
    column_products(s, run->direction, run->product, run->scale);
    for (size_t c = 0; c < s->columns; ++c) run->scale[c] = run->scale[c] > 0 ? run->rz[c] / run->scale[c] : 0;
    for (size_t i = 0; i < cells; ++i) {
        double alpha = run->scale[i % s->columns];
        run->x[i] += alpha * run->direction[i];
        run->residual[i] -= alpha * run->product[i];
    }
    precondition(run);
    column_products(s, run->residual, run->z, run->scale);
    for (size_t c = 0; c < s->columns; ++c) {
        double next = run->scale[c];
        run->scale[c] = run->rz[c] > 0 ? next / run->rz[c] : 0;
        run->rz[c] = next;
    }
    for (size_t i = 0; i < cells; ++i) run->direction[i] = run->z[i] + run->scale[i % s->columns] * run->direction[i];
    return STRATA_OK;
}

strata_status conjugate_gradients(strata_context *ctx, const struct linear_system *system, struct kernel_learner *self,
                                  const struct fit_hooks *hooks, const double *b, double *x) {
    size_t cells = system->rows * system->columns, steps = settings_count(self->settings, "solver.steps");
    double tolerance = settings_number(self->settings, "solver.tolerance"), loss = 1;
    double *memory = mem_zero(4 * cells + 3 * system->columns, sizeof *memory);
    if (!memory) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for conjugate gradients");
    double *scalars = memory + 4 * cells;
    struct run run = {.system = system,
                      .residual = memory,
                      .direction = memory + cells,
                      .product = memory + 2 * cells,
                      .z = memory + 3 * cells,
                      .rz = scalars,
                      .first = scalars + system->columns,
                      .scale = scalars + 2 * system->columns,
                      .x = x};
    strata_status status = STRATA_OK;
    memset(x, 0, cells * sizeof *x);
    memcpy(run.residual, b, cells * sizeof *b);
    column_products(system, b, b, run.first);
    precondition(&run);
    memcpy(run.direction, run.z, cells * sizeof *b);
    column_products(system, run.residual, run.z, run.rz);
    for (size_t i = 1; status == STRATA_OK && i <= steps; ++i) {
        status = step(ctx, &run);
        if (status == STRATA_OK) loss = largest_residual(&run);
        bool done = loss <= tolerance;
        if (status == STRATA_OK) status = iterative_report(ctx, self, hooks, done ? steps : i, steps, loss);
        if (done) break;
    }
    mem_free(memory);
    return status;
}
