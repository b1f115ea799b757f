/* SPDX-License-Identifier: MIT */
/*
 * Falkon: kernel ridge regression on M centres drawn from the training rows, by conjugate gradients on preconditioned
 * normal equations. Memory M^2 and, as far as kernel.memory_mb allows, the kept part of the n x M Gram matrix.
 *
 * With K_MM = L L', L'L / M + lambda I = G G' and lambda = ridge / n, the system
 *
 *   G^-1 (L^-1 K_nM' K_nM L^-T / n + lambda I) G^-T beta = G^-1 L^-1 K_nM' y / n
 *
 * has a condition near 1; weights = L^-T G^-T beta. Source: Rudi, Carratino & Rosasco, NIPS 2017, algorithm 1.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "kernels/kernel_blocks.h"
#include "learn/conjugate_gradients.h"
#include "learn/kernel_machine.h"
#include "linalg/linalg.h"

static const struct setting falkon_settings[] = {
    RIDGE_ROW_RIDGE,
    KERNEL_ROW_SELECTION,
    KERNEL_ROW_BANDWIDTHS,
    KERNEL_ROW_NAME,
    RIDGE_ROW_MEMORY,
    {"solver.centres", SETTING_COUNT, "1000", 1, 100000, NULL, "training rows that the function is made of"},
    SOLVER_ROW_STEPS,
    SOLVER_ROW_TOLERANCE,
    SOLVER_ROW_THREADS,
    {0},
};

struct falkon {
    struct kernel_learner *self;
    struct iterative_fit fit;
    size_t centres;
    double lambda;
    double *z;       /* [centres, inputs] */
    double *l, *g;   /* [centres, centres]: the two factors */
    double *scratch; /* [centres, outputs] */
    struct kernel_blocks *blocks;
};

static strata_status take_centres(strata_context *ctx, struct falkon *f) {
    const struct ridge_rows *rows = &f->fit.rows;
    uint32_t *order = mem_zero(rows->rows, sizeof *order);
    f->z = mem_zero(f->centres * rows->inputs, sizeof *f->z);
    if (!order || !f->z) {
        mem_free(order);
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu centres", f->centres);
    }
    rng_permutation(rng_stream_make(f->self->seed, f->self->replicate, RNG_FEATURES), rows->rows, order);
    for (size_t i = 0; i < f->centres; ++i)
        memcpy(f->z + i * rows->inputs, rows->x + order[i] * rows->inputs, rows->inputs * sizeof *f->z);
    mem_free(order);
    return STRATA_OK;
}

/* Both factors; K_MM gets rounding's worth on its diagonal, so that equal centres do no harm. */
static strata_status precondition(strata_context *ctx, struct falkon *f) {
    size_t m = f->centres, cells;
    STRATA_TRY(mem_product(ctx, m, m, "Gram matrix of the centres", &cells));
    f->l = mem_zero(cells, sizeof *f->l);
    f->g = mem_zero(cells, sizeof *f->g);
    f->scratch = mem_zero(m * f->fit.rows.outputs, sizeof *f->scratch);
    if (!f->l || !f->g || !f->scratch) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu centres", m);
    STRATA_TRY(kernel_gram(ctx, f->fit.pool, &f->fit.kernel, m, f->z, m, f->z, f->l));
    double largest = 0;
    for (size_t i = 0; i < m; ++i) largest = fmax(largest, f->l[i * m + i]);
    for (size_t i = 0; i < m; ++i) f->l[i * m + i] += 10 * DBL_EPSILON * (double)m * largest;
    linalg_set_blas_threads((int)thread_pool_size(f->fit.pool));
    strata_status status = linalg_cholesky(ctx, m, f->l);
    if (status == STRATA_OK) linalg_syrk_f64(TRANSPOSED, m, m, 1 / (double)m, f->l, m, 0.0, f->g);
    for (size_t i = 0; i < m; ++i) f->g[i * m + i] += f->lambda;
    if (status == STRATA_OK) status = linalg_cholesky(ctx, m, f->g);
    linalg_set_blas_threads(1);
    return status;
}

/* The system's matrix times v. */
static strata_status apply(strata_context *ctx, void *user, const double *v, double *out) {
    struct falkon *f = user;
    size_t m = f->centres, outputs = f->fit.rows.outputs, cells = m * outputs;
    double n = (double)f->fit.rows.rows;
    memcpy(f->scratch, v, cells * sizeof *v);
    linalg_lower_solve(TRANSPOSED, m, f->g, outputs, f->scratch);
    memcpy(out, f->scratch, cells * sizeof *out);
    linalg_lower_solve(TRANSPOSED, m, f->l, outputs, f->scratch);
    double *product = mem_zero(cells, sizeof *product);
    if (!product) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu centres", m);
    strata_status status = kernel_blocks_apply_normal(ctx, f->blocks, outputs, f->scratch, product);
    linalg_lower_solve(AS_IS, m, f->l, outputs, product);
    for (size_t i = 0; i < cells; ++i) out[i] = product[i] / n + f->lambda * out[i];
    linalg_lower_solve(AS_IS, m, f->g, outputs, out);
    mem_free(product);
    return status;
}

static strata_status solve(strata_context *ctx, struct falkon *f, const struct fit_hooks *hooks, double *weights) {
    size_t m = f->centres, outputs = f->fit.rows.outputs, cells = m * outputs;
    double *right = mem_zero(cells, sizeof *right);
    if (!right) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu centres", m);
    strata_status status = kernel_blocks_apply_transposed(ctx, f->blocks, outputs, f->fit.rows.y, right);
    for (size_t i = 0; i < cells; ++i) right[i] /= (double)f->fit.rows.rows;
    linalg_lower_solve(AS_IS, m, f->l, outputs, right);
    linalg_lower_solve(AS_IS, m, f->g, outputs, right);
    const struct linear_system system = {.rows = m, .columns = outputs, .user = f, .apply = apply};
    if (status == STRATA_OK) status = conjugate_gradients(ctx, &system, f->self, hooks, right, weights);
    linalg_lower_solve(TRANSPOSED, m, f->g, outputs, weights);
    linalg_lower_solve(TRANSPOSED, m, f->l, outputs, weights);
    mem_free(right);
    return status;
}

static void falkon_end(struct falkon *f) {
    kernel_blocks_destroy(f->blocks);
    mem_free(f->z);
    mem_free(f->l);
    mem_free(f->g);
    mem_free(f->scratch);
    iterative_fit_end(&f->fit);
}

/* What the centres' matrices leave of kernel.memory_mb. */
static strata_status budget(strata_context *ctx, const struct falkon *f, size_t *bytes) {
    size_t allowed = settings_count(f->self->settings, "kernel.memory_mb");
    double taken = 2 * (double)f->centres * (double)f->centres * sizeof(double) / 1048576.0;
    if (f->centres > f->fit.rows.rows)
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "learner 'falkon': %zu centres of %zu training rows: expected at "
                           "most as many",
                           f->centres, f->fit.rows.rows);
    if (taken > (double)allowed)
        return strata_fail(ctx, STRATA_ERR_TOO_LARGE,
                           "learner 'falkon': matrices of %zu centres take %.0f MiB, kernel.memory_mb allows %zu: take "
                           "fewer centres, or learner krr_cg",
                           f->centres, taken, allowed);
    *bytes = (size_t)(((double)allowed - taken) * 1048576.0);
    return STRATA_OK;
}

static strata_status falkon_fit(strata_context *ctx, struct learner *learner, const struct fit_hooks *hooks) {
    struct kernel_learner *self = (struct kernel_learner *)learner;
    struct kernel_machine *machine = &self->machine;
    struct falkon f = {.self = self, .centres = settings_count(self->settings, "solver.centres")};
    strata_status status = STRATA_OK;
    double ridge = 0, loss = 0;
    size_t bytes = 0;
    if (machine->rows) return STRATA_OK; /* loaded: nothing is left to do */
    STRATA_GO(iterative_fit_begin(ctx, self, &f.fit));
    STRATA_GO(budget(ctx, &f, &bytes));
    struct kernel_ridge_request request = kernel_learner_request(self);
    request.pool = f.fit.pool;
    STRATA_GO(kernel_ridge_choose(ctx, &request, &f.fit.kernel, &f.fit.rows, &ridge, &loss));
    f.lambda = ridge / (double)f.fit.rows.rows;
    STRATA_GO(take_centres(ctx, &f));
    STRATA_GO(precondition(ctx, &f));
    STRATA_GO(kernel_blocks_create(ctx, f.fit.pool, &f.fit.kernel, f.fit.rows.rows, f.fit.rows.x, f.centres, f.z, bytes,
                                   &f.blocks));
    STRATA_GO(kernel_machine_allocate(ctx, &f.fit, f.centres, machine));
    STRATA_GO(solve(ctx, &f, hooks, machine->weights));
    machine->ridge = ridge;
    machine->x = f.z;
    machine->rows = f.centres;
    f.z = NULL; /* now the machine's */
cleanup:
    if (status != STRATA_OK) kernel_machine_clear(machine);
    falkon_end(&f);
    return status;
}

extern const struct learner_class learner_falkon;
const struct learner_class learner_falkon = {
    .name = "falkon",
    .title = "Falkon",
    .summary = "kernel ridge on a few centres, preconditioned conjugate gradients (Rudi et al. 2017)",
    .settings = falkon_settings,
    .fit = falkon_fit,
    KERNEL_LEARNER_CLASS};
