/* SPDX-License-Identifier: MIT */
/*
 * Kernel ridge regression without its matrix: conjugate gradients on (K + ridge I) weights = y over Gram blocks, as
 * many of which are kept as kernel.memory_mb allows, preconditioned by L L' + ridge I with a pivoted partial Cholesky
 * factor L [n, rank] of K. Sources: Gardner et al., NeurIPS 2018; Harbrecht, Peters & Schneider 2012 (the factor).
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "kernels/kernel_blocks.h"
#include "learn/conjugate_gradients.h"
#include "learn/kernel_machine.h"
#include "linalg/linalg.h"

static const struct setting kernel_cg_settings[] = {
    RIDGE_ROW_RIDGE,
    KERNEL_ROW_SELECTION,
    KERNEL_ROW_BANDWIDTHS,
    KERNEL_ROW_NAME,
    RIDGE_ROW_MEMORY,
    {"solver.rank", SETTING_COUNT, "100", 0, 10000, NULL, "columns of the preconditioner's partial factor"},
    SOLVER_ROW_STEPS,
    SOLVER_ROW_TOLERANCE,
    SOLVER_ROW_THREADS,
    {0},
};

struct cg {
    struct iterative_fit fit;
    size_t n, rank;
    double ridge;
    double *factor; /* [n, rank] */
    double *inner;  /* [rank, rank]: Cholesky factor of ridge I + L'L */
    double *middle; /* [rank, outputs] */
    struct kernel_blocks *blocks;
};

static strata_status apply(strata_context *ctx, void *user, const double *v, double *out) {
    struct cg *cg = user;
    size_t cells = cg->n * cg->fit.rows.outputs;
    STRATA_TRY(kernel_blocks_apply(ctx, cg->blocks, cg->fit.rows.outputs, v, out));
    for (size_t i = 0; i < cells; ++i) out[i] += cg->ridge * v[i];
    return STRATA_OK;
}

/* (v - L (ridge I + L'L)^-1 L'v) / ridge, by Woodbury's identity. */
static void precondition(void *user, const double *v, double *out) {
    struct cg *cg = user;
    size_t outputs = cg->fit.rows.outputs, cells = cg->n * outputs;
    memcpy(out, v, cells * sizeof *v);
    linalg_gemm_f64(TRANSPOSED, AS_IS, cg->rank, outputs, cg->n, 1.0, cg->factor, cg->rank, v, outputs, 0.0, cg->middle,
                    outputs);
    linalg_cholesky_solve(cg->rank, cg->inner, outputs, cg->middle);
    linalg_gemm_f64(AS_IS, AS_IS, cg->n, outputs, cg->rank, -1.0, cg->factor, cg->rank, cg->middle, outputs, 1.0, out,
                    outputs);
    for (size_t i = 0; i < cells; ++i) out[i] /= cg->ridge;
}

/* Column by column at the largest remaining diagonal entry, until none is left. */
static strata_status partial_cholesky(strata_context *ctx, struct cg *cg, double *left, double *column) {
    const struct ridge_rows *rows = &cg->fit.rows;
    size_t most = cg->rank, d = rows->inputs;
    STRATA_TRY(kernel_diagonal(ctx, &cg->fit.kernel, cg->n, rows->x, left));
    double largest = 0;
    for (size_t i = 0; i < cg->n; ++i) largest = fmax(largest, left[i]);
    for (size_t k = 0; k < most; ++k) {
        size_t pivot = 0;
        for (size_t i = 1; i < cg->n; ++i)
            if (left[i] > left[pivot]) pivot = i;
        if (!(left[pivot] > 1e-12 * largest)) break; /* the rest of the columns stays zero */
        double root = sqrt(left[pivot]);
        STRATA_TRY(kernel_gram(ctx, cg->fit.pool, &cg->fit.kernel, 1, rows->x + pivot * d, cg->n, rows->x, column));
        linalg_gemm_f64(AS_IS, TRANSPOSED, cg->n, 1, k, -1.0, cg->factor, most, cg->factor + pivot * most, most, 1.0,
                        column, 1);
        for (size_t i = 0; i < cg->n; ++i) {
            cg->factor[i * most + k] = column[i] / root;
            left[i] -= column[i] / root * (column[i] / root);
        }
        left[pivot] = 0;
    }
    return STRATA_OK;
}

static strata_status make_preconditioner(strata_context *ctx, struct cg *cg) {
    strata_status status = STRATA_OK;
    double *work = mem_zero(2 * cg->n, sizeof *work);
    cg->factor = mem_zero(cg->n * cg->rank + 1, sizeof *cg->factor);
    cg->inner = mem_zero(cg->rank * cg->rank + 1, sizeof *cg->inner);
    cg->middle = mem_zero(cg->rank * cg->fit.rows.outputs + 1, sizeof *cg->middle);
    if (!work || !cg->factor || !cg->inner || !cg->middle)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a preconditioner of rank %zu", cg->rank));
    STRATA_GO(partial_cholesky(ctx, cg, work, work + cg->n));
    if (cg->rank) linalg_syrk_f64(TRANSPOSED, cg->rank, cg->n, 1.0, cg->factor, cg->rank, 0.0, cg->inner);
    for (size_t i = 0; i < cg->rank; ++i) cg->inner[i * cg->rank + i] += cg->ridge;
    STRATA_GO(linalg_cholesky(ctx, cg->rank, cg->inner));
cleanup:
    mem_free(work);
    return status;
}

static strata_status kernel_cg_fit(strata_context *ctx, struct learner *learner, const struct fit_hooks *hooks) {
    struct kernel_learner *self = (struct kernel_learner *)learner;
    struct kernel_machine *machine = &self->machine;
    struct cg cg = {0};
    strata_status status = STRATA_OK;
    double loss = 0;
    if (machine->rows) return STRATA_OK; /* loaded: nothing is left to do */
    STRATA_GO(iterative_fit_begin(ctx, self, &cg.fit));
    struct kernel_ridge_request request = kernel_learner_request(self);
    request.pool = cg.fit.pool;
    STRATA_GO(kernel_ridge_choose(ctx, &request, &cg.fit.kernel, &cg.fit.rows, &cg.ridge, &loss));
    cg.n = cg.fit.rows.rows;
    cg.rank = settings_count(self->settings, "solver.rank");
    if (cg.rank > cg.n) cg.rank = cg.n;
    STRATA_GO(make_preconditioner(ctx, &cg));
    STRATA_GO(kernel_blocks_create(ctx, cg.fit.pool, &cg.fit.kernel, cg.n, cg.fit.rows.x, cg.n, cg.fit.rows.x,
                                   settings_count(self->settings, "kernel.memory_mb") << 20, &cg.blocks));
    STRATA_GO(kernel_machine_allocate(ctx, &cg.fit, cg.n, machine));
    const struct linear_system system = {
        .rows = cg.n, .columns = cg.fit.rows.outputs, .user = &cg, .apply = apply, .precondition = precondition};
    STRATA_GO(conjugate_gradients(ctx, &system, self, hooks, cg.fit.rows.y, machine->weights));
    machine->ridge = cg.ridge;
    machine->x = cg.fit.rows.x;
    machine->rows = cg.n;
    cg.fit.rows.x = NULL; /* now the machine's */
cleanup:
    if (status != STRATA_OK) kernel_machine_clear(machine);
    kernel_blocks_destroy(cg.blocks);
    mem_free(cg.factor);
    mem_free(cg.inner);
    mem_free(cg.middle);
    iterative_fit_end(&cg.fit);
    return status;
}

extern const struct learner_class learner_krr_cg;
const struct learner_class learner_krr_cg = {
    .name = "krr_cg",
    .title = "Kernel ridge, conjugate gradients",
    .summary = "kernel ridge regression without its matrix, preconditioned conjugate gradients (Gardner et al. 2018)",
    .settings = kernel_cg_settings,
    .fit = kernel_cg_fit,
    KERNEL_LEARNER_CLASS};
