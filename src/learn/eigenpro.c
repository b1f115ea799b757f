/* SPDX-License-Identifier: MIT */
/*
 * EigenPro 2: stochastic gradient descent on the weights of all training rows, interpolating, with the leading
 * directions of the kernel damped so that large batches may take large steps.
 *
 * From s random rows, K_ss = E w E' (descending): sigma_i = w_i / s and D_i = (1 - sigma_{q+1} / sigma_i) / w_i for the
 * q leading ones. beta = max_x k(x, x) - sum_i D_i (e_i . k_s(x))^2, critical batch m* = floor(beta / sigma_{q+1}) + 1.
 * A step on batch B of m rows: g = f(x_B) - y_B; weights_B -= step g; weights_s += step E D E' K_sB g, with
 * step = 1 / beta for one row, 2 / (beta + (m - 1) sigma_{q+1}) from m* rows on, the lower of both rules between.
 * Source: Ma & Belkin, MLSys 2019.
 */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "learn/kernel_machine.h"
#include "linalg/linalg.h"

static const struct setting eigenpro_settings[] = {
    KERNEL_ROW_NAME,
    RIDGE_ROW_MEMORY,
    {"solver.directions", SETTING_COUNT, "80", 0, 2000, NULL, "leading directions that are damped"},
    {"solver.subsample", SETTING_COUNT, "500", 2, 20000, NULL, "training rows that these come from"},
    {"solver.epochs", SETTING_COUNT, "30", 1, 100000, NULL, "passes over the training rows"},
    {"solver.batch_size", SETTING_COUNT, "0", 0, 1000000, NULL, "rows of a step; 0: the critical batch"},
    SOLVER_ROW_THREADS,
    {0},
};

struct eigenpro {
    struct kernel_learner *self;
    struct iterative_fit fit;
    size_t n, s, q, batch;
    double step;
    uint32_t *order;   /* [n]: a permutation; the first s rows are the subsample */
    double *vectors;   /* [q, s] */
    double *damping;   /* [q]: D */
    double *gram;      /* [batch, n] */
    double *rows;      /* [batch, inputs] */
    double *gradient;  /* [batch, outputs] */
    double *sample;    /* [s, outputs]: K_sB g, then its correction */
    double *projected; /* [q, outputs] */
};

static strata_status subsample_gram(strata_context *ctx, struct eigenpro *e, double **gram, double **x) {
    const struct ridge_rows *rows = &e->fit.rows;
    *gram = mem_zero(e->s * e->s, sizeof **gram);
    *x = mem_zero(e->s * rows->inputs, sizeof **x);
    if (!*gram || !*x) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu rows", e->s);
    for (size_t i = 0; i < e->s; ++i)
        memcpy(*x + i * rows->inputs, rows->x + e->order[i] * rows->inputs, rows->inputs * sizeof **x);
    return kernel_gram(ctx, e->fit.pool, &e->fit.kernel, e->s, *x, e->s, *x, *gram);
}

/* max over training rows of the damped kernel's diagonal. */
static strata_status damped_diagonal(strata_context *ctx, const struct eigenpro *e, const double *x, double *beta) {
    enum { BLOCK = 256 };
    const struct ridge_rows *rows = &e->fit.rows;
    strata_status status = STRATA_OK;
    double *own = mem_zero(e->n, sizeof *own), *cross = mem_zero(BLOCK * e->s, sizeof *cross),
           *along = mem_zero(BLOCK * e->q + 1, sizeof *along);
    *beta = 0;
    if (!own || !cross || !along) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu rows", e->n));
    STRATA_GO(kernel_diagonal(ctx, &e->fit.kernel, e->n, rows->x, own));
    for (size_t first = 0; first < e->n; first += BLOCK) {
        size_t count = e->n - first < BLOCK ? e->n - first : BLOCK;
        STRATA_GO(kernel_gram(ctx, e->fit.pool, &e->fit.kernel, count, rows->x + first * rows->inputs, e->s, x, cross));
        if (e->q)
            linalg_gemm_f64(AS_IS, TRANSPOSED, count, e->q, e->s, 1.0, cross, e->s, e->vectors, e->s, 0.0, along, e->q);
        for (size_t i = 0; i < count; ++i) {
            double value = own[first + i];
            for (size_t k = 0; k < e->q; ++k) value -= e->damping[k] * along[i * e->q + k] * along[i * e->q + k];
            *beta = fmax(*beta, value);
        }
    }
cleanup:
    mem_free(own);
    mem_free(cross);
    mem_free(along);
    return status;
}

/* Leading directions, batch and step. */
static strata_status prepare(strata_context *ctx, struct eigenpro *e) {
    strata_status status = STRATA_OK;
    double *gram = NULL, *x = NULL, beta = 0;
    double *values = mem_zero(e->q + 1, sizeof *values), *vectors = mem_zero((e->q + 1) * e->s, sizeof *vectors);
    e->vectors = vectors;
    e->damping = mem_zero(e->q + 1, sizeof *e->damping);
    if (!values || !vectors || !e->damping)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu directions", e->q));
    STRATA_GO(subsample_gram(ctx, e, &gram, &x));
    STRATA_GO(linalg_eigen_largest(ctx, e->s, gram, e->q + 1, values, vectors));
    double next = fmax(values[e->q], 1e-14 * values[0]), sigma = next / (double)e->s;
    for (size_t k = 0; k < e->q; ++k) e->damping[k] = values[k] > next ? (1 - next / values[k]) / values[k] : 0;
    STRATA_GO(damped_diagonal(ctx, e, x, &beta));
    size_t critical = (size_t)fmin(floor(beta / sigma) + 1, (double)e->n), asked = e->batch;
    e->batch = asked && asked < e->n ? asked : asked ? e->n : critical;
    e->step = e->batch < critical ? 1 / beta : 2 / (beta + ((double)e->batch - 1) * sigma);
    context_log(ctx, STRATA_LOG_INFO, "eigenpro: critical batch %zu, batch %zu, step %g", critical, e->batch, e->step);
cleanup:
    mem_free(values);
    mem_free(gram);
    mem_free(x);
    return status;
}

static strata_status allocate(strata_context *ctx, struct eigenpro *e) {
    const struct ridge_rows *rows = &e->fit.rows;
    size_t cells;
    STRATA_TRY(mem_product(ctx, e->batch, e->n, "Gram block", &cells));
    STRATA_TRY(ridge_memory_check(ctx, "eigenpro", e->self->settings, e->batch, e->n));
    e->gram = mem_zero(cells, sizeof *e->gram);
    e->rows = mem_zero(e->batch * rows->inputs, sizeof *e->rows);
    e->gradient = mem_zero(e->batch * rows->outputs, sizeof *e->gradient);
    e->sample = mem_zero(e->s * rows->outputs, sizeof *e->sample);
    e->projected = mem_zero(e->q * rows->outputs + 1, sizeof *e->projected);
    if (e->gram && e->rows && e->gradient && e->sample && e->projected) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for batches of %zu of %zu rows", e->batch, e->n);
}

/* weights_s += step E D E' K_sB g. */
static void correct(struct eigenpro *e, size_t count, double *weights) {
    size_t outputs = e->fit.rows.outputs;
    if (!e->q) return;
    for (size_t i = 0; i < e->s; ++i)
        for (size_t o = 0; o < outputs; ++o) {
            double sum = 0;
            for (size_t b = 0; b < count; ++b) sum += e->gram[b * e->n + e->order[i]] * e->gradient[b * outputs + o];
            e->sample[i * outputs + o] = sum;
        }
    linalg_gemm_f64(AS_IS, AS_IS, e->q, outputs, e->s, 1.0, e->vectors, e->s, e->sample, outputs, 0.0, e->projected,
                    outputs);
    for (size_t k = 0; k < e->q; ++k)
        for (size_t o = 0; o < outputs; ++o) e->projected[k * outputs + o] *= e->step * e->damping[k];
    linalg_gemm_f64(TRANSPOSED, AS_IS, e->s, outputs, e->q, 1.0, e->vectors, e->s, e->projected, outputs, 0.0,
                    e->sample, outputs);
    for (size_t i = 0; i < e->s; ++i)
        for (size_t o = 0; o < outputs; ++o) weights[e->order[i] * outputs + o] += e->sample[i * outputs + o];
}

/* One step on the rows `batch`; adds their squared residuals to `squares`. */
static strata_status step(strata_context *ctx, struct eigenpro *e, size_t count, const uint32_t *batch, double *weights,
                          double *squares) {
    const struct ridge_rows *rows = &e->fit.rows;
    size_t outputs = rows->outputs, d = rows->inputs;
    for (size_t b = 0; b < count; ++b) memcpy(e->rows + b * d, rows->x + batch[b] * d, d * sizeof *e->rows);
    STRATA_TRY(kernel_gram(ctx, e->fit.pool, &e->fit.kernel, count, e->rows, e->n, rows->x, e->gram));
    linalg_gemm_f64(AS_IS, AS_IS, count, outputs, e->n, 1.0, e->gram, e->n, weights, outputs, 0.0, e->gradient,
                    outputs);
    for (size_t b = 0; b < count; ++b)
        for (size_t o = 0; o < outputs; ++o) {
            double residual = e->gradient[b * outputs + o] -= rows->y[batch[b] * outputs + o];
            *squares += residual * residual;
        }
    for (size_t b = 0; b < count; ++b)
        for (size_t o = 0; o < outputs; ++o) weights[batch[b] * outputs + o] -= e->step * e->gradient[b * outputs + o];
    correct(e, count, weights);
    return STRATA_OK;
}

static strata_status train(strata_context *ctx, struct eigenpro *e, const struct fit_hooks *hooks, double *weights) {
    strata_status status = STRATA_OK;
    size_t epochs = settings_count(e->self->settings, "solver.epochs");
    uint32_t *shuffled = mem_zero(e->n, sizeof *shuffled);
    if (!shuffled) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the order of %zu rows", e->n);
    for (size_t epoch = 1; status == STRATA_OK && epoch <= epochs; ++epoch) {
        double squares = 0;
        struct rng_stream stream = rng_stream_make(e->self->seed, e->self->replicate, RNG_SHUFFLE);
        rng_permutation(rng_stream_at(stream, epoch), e->n, shuffled);
        for (size_t first = 0; status == STRATA_OK && first < e->n; first += e->batch)
            status = step(ctx, e, e->n - first < e->batch ? e->n - first : e->batch, shuffled + first, weights,
                          &squares);
        if (status == STRATA_OK && !isfinite(squares)) {
            e->self->base.diverged_step = epoch;
            status = strata_fail(ctx, STRATA_ERR_DIVERGED, "learner 'eigenpro' diverged in epoch %zu", epoch);
        }
        if (status == STRATA_OK) status = iterative_report(ctx, e->self, hooks, epoch, epochs, squares / (double)e->n);
    }
    mem_free(shuffled);
    return status;
}

static void eigenpro_end(struct eigenpro *e) {
    double *const all[] = {e->vectors, e->damping, e->gram, e->rows, e->gradient, e->sample, e->projected};
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i) mem_free(all[i]);
    mem_free(e->order);
    iterative_fit_end(&e->fit);
}

static strata_status eigenpro_fit(strata_context *ctx, struct learner *learner, const struct fit_hooks *hooks) {
    struct kernel_learner *self = (struct kernel_learner *)learner;
    struct kernel_machine *machine = &self->machine;
    struct eigenpro e = {.self = self, .batch = settings_count(self->settings, "solver.batch_size")};
    strata_status status = STRATA_OK;
    if (machine->rows) return STRATA_OK; /* loaded: nothing is left to do */
    STRATA_GO(iterative_fit_begin(ctx, self, &e.fit));
    e.n = e.fit.rows.rows;
    e.s = settings_count(self->settings, "solver.subsample");
    e.q = settings_count(self->settings, "solver.directions");
    if (e.s > e.n) e.s = e.n;
    if (e.q + 2 > e.s)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_CONFIG,
                              "learner 'eigenpro': %zu directions from %zu rows: expected at most %zu", e.q, e.s,
                              e.s - 2));
    e.order = mem_zero(e.n, sizeof *e.order);
    if (!e.order) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the order of %zu rows", e.n));
    rng_permutation(rng_stream_make(self->seed, self->replicate, RNG_FEATURES), e.n, e.order);
    STRATA_GO(prepare(ctx, &e));
    STRATA_GO(allocate(ctx, &e));
    STRATA_GO(kernel_machine_allocate(ctx, &e.fit, e.n, machine));
    STRATA_GO(train(ctx, &e, hooks, machine->weights));
    machine->x = e.fit.rows.x;
    machine->rows = e.n;
    e.fit.rows.x = NULL; /* now the machine's */
cleanup:
    if (status != STRATA_OK) kernel_machine_clear(machine);
    eigenpro_end(&e);
    return status;
}

extern const struct learner_class learner_eigenpro;
const struct learner_class learner_eigenpro = {
    .name = "eigenpro",
    .title = "EigenPro",
    .summary = "interpolating kernel machine by preconditioned SGD (Ma & Belkin 2019)",
    .settings = eigenpro_settings,
    .fit = eigenpro_fit,
    KERNEL_LEARNER_CLASS};
