/* SPDX-License-Identifier: MIT */
/*
 * Recursive feature machines: kernel ridge regression with exp(-r / l), r^2 = (x - z)' M (x - z), whose metric M is
 * learned: M <- mean over training rows of grad f grad f' (the average gradient outer product), scaled to trace d,
 * round after round from M = I; the round of least leave-one-out error is kept. In rows x' = x R, R = M^(1/2), it is
 * the plain Laplace kernel, and grad f = R grad' f. A kernel that depends on the labels: lower bounds for kernels
 * leave it out. Source: Radhakrishnan, Beaglehole, Pandit & Belkin, Science 383 (2024) 1461.
 */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "learn/kernel_machine.h"
#include "linalg/linalg.h"

enum { BLOCK = 256 };

static const struct setting rfm_settings[] = {
    RIDGE_ROW_RIDGE,
    KERNEL_ROW_SELECTION,
    KERNEL_ROW_BANDWIDTHS,
    RIDGE_ROW_MEMORY,
    {"rfm.rounds", SETTING_COUNT, "5", 0, 1000, NULL, "times that the metric is learned"},
    {0},
};

struct rfm {
    struct kernel_learner base;
    double *root; /* [inputs, inputs] */
};

/* The class's kernel is fixed: its slope is what the metric is made of. */
static struct kernel_ridge_request request_of(const struct rfm *self) {
    struct kernel_ridge_request request = kernel_learner_request(&self->base);
    request.image = NULL;
    return request;
}

/* out [rows, d] = x R. */
static void transform(const double *root, size_t d, size_t rows, const double *x, double *out) {
    linalg_gemm_f64(AS_IS, AS_IS, rows, d, d, 1.0, x, d, root, d, 0.0, out, d);
}

/* k -> weight_j k / (l r): what the gradient's difference x - x_j is multiplied with; 0 where r = 0. */
static void slopes(size_t rows, const struct kernel_machine *machine, size_t output, const double *gram, double *out) {
    double bandwidth = kernel_parameter(&machine->kernel, "bandwidth");
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j < machine->rows; ++j) {
            double k = gram[i * machine->rows + j], distance = k > 0 ? -bandwidth * log(k) : INFINITY;
            double weight = machine->weights[j * machine->outputs + output];
            out[i * machine->rows + j] = distance > 1e-12 * bandwidth ? -weight * k / (bandwidth * distance) : 0;
        }
}

/* metric += sum over a block of rows and outputs of grad' grad'', grad' = (diag(W 1) X - W X) in transformed rows. */
static void add_gradients(const struct kernel_machine *machine, size_t first, size_t rows, const double *weights,
                          double *gradient, double *metric) {
    size_t d = machine->inputs, n = machine->rows;
    linalg_gemm_f64(AS_IS, AS_IS, rows, d, n, -1.0, weights, n, machine->x, d, 0.0, gradient, d);
    for (size_t i = 0; i < rows; ++i) {
        double sum = 0;
        for (size_t j = 0; j < n; ++j) sum += weights[i * n + j];
        for (size_t k = 0; k < d; ++k) gradient[i * d + k] += sum * machine->x[(first + i) * d + k];
    }
    linalg_gemm_f64(TRANSPOSED, AS_IS, d, d, rows, 1.0, gradient, d, gradient, d, 1.0, metric, d);
}

static strata_status outer_products(strata_context *ctx, const struct kernel_machine *machine, double *metric) {
    size_t d = machine->inputs, n = machine->rows;
    strata_status status = STRATA_OK;
    double *gram = mem_zero(2 * BLOCK * n + BLOCK * d, sizeof *gram);
    if (!gram) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for gradients of %zu rows", n);
    double *weights = gram + BLOCK * n, *gradient = weights + BLOCK * n;
    memset(metric, 0, d * d * sizeof *metric);
    for (size_t first = 0; status == STRATA_OK && first < n; first += BLOCK) {
        size_t rows = n - first < BLOCK ? n - first : BLOCK;
        status = kernel_gram(ctx, NULL, &machine->kernel, rows, machine->x + first * d, n, machine->x, gram);
        for (size_t o = 0; status == STRATA_OK && o < machine->outputs; ++o) {
            slopes(rows, machine, o, gram, weights);
            add_gradients(machine, first, rows, weights, gradient, metric);
        }
    }
    mem_free(gram);
    return status;
}

/* R <- square root of R metric R, scaled to trace d; `metric` is that of transformed rows. */
static strata_status learn_metric(strata_context *ctx, const struct kernel_machine *machine, double *root) {
    size_t d = machine->inputs;
    strata_status status = STRATA_OK;
    double *memory = mem_zero(3 * d * d + d, sizeof *memory), trace = 0;
    if (!memory) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a metric of %zu inputs", d);
    double *metric = memory, *product = metric + d * d, *vectors = product + d * d, *values = vectors + d * d;
    STRATA_GO(outer_products(ctx, machine, metric));
    linalg_gemm_f64(AS_IS, AS_IS, d, d, d, 1.0, root, d, metric, d, 0.0, product, d);
    linalg_gemm_f64(AS_IS, AS_IS, d, d, d, 1.0, product, d, root, d, 0.0, metric, d);
    for (size_t i = 0; i < d; ++i) trace += metric[i * d + i];
    if (!(trace > 0)) STRATA_GO(strata_fail(ctx, STRATA_ERR_CONVERGENCE, "learner 'rfm': the function is constant"));
    STRATA_GO(linalg_eigen_symmetric(ctx, d, metric, values, vectors));
    for (size_t k = 0; k < d; ++k)
        for (size_t i = 0; i < d; ++i)
            product[k * d + i] = sqrt(fmax(values[k], 0) * (double)d / trace) * vectors[k * d + i];
    linalg_gemm_f64(TRANSPOSED, AS_IS, d, d, d, 1.0, vectors, d, product, d, 0.0, root, d);
cleanup:
    mem_free(memory);
    return status;
}

/* Fits a machine to rows transformed by `root`. */
static strata_status fit_round(strata_context *ctx, const struct rfm *self, const struct ridge_rows *rows,
                               const double *root, struct kernel_machine *machine, double *loss) {
    const struct kernel_ridge_request request = request_of(self);
    struct ridge_rows transformed = {0};
    STRATA_TRY(ridge_rows_take(ctx, rows, rows->rows, &transformed));
    transform(root, rows->inputs, rows->rows, rows->x, transformed.x);
    strata_status status = kernel_ridge_fit(ctx, &request, &transformed, machine, loss);
    ridge_rows_destroy(&transformed);
    return status;
}

static strata_status run_rounds(strata_context *ctx, struct rfm *self, const struct ridge_rows *rows, double *root,
                                const struct fit_hooks *hooks) {
    size_t rounds = settings_count(self->base.settings, "rfm.rounds"), d = rows->inputs;
    double best = INFINITY, loss = NAN;
    for (size_t round = 0; round <= rounds; ++round) {
        struct kernel_machine machine = {0};
        strata_status status = fit_round(ctx, self, rows, root, &machine, &loss);
        bool better = status == STRATA_OK && !(loss >= best);
        if (better) {
            best = loss;
            memcpy(self->root, root, d * d * sizeof *root);
        }
        if (status == STRATA_OK && round < rounds) status = learn_metric(ctx, &machine, root);
        if (better) {
            kernel_machine_clear(&self->base.machine);
            self->base.machine = machine;
        } else {
            kernel_machine_clear(&machine);
        }
        STRATA_TRY(status);
        STRATA_TRY(iterative_report(ctx, &self->base, hooks, round + 1, rounds + 1, loss));
    }
    return STRATA_OK;
}

static strata_status rfm_fit(strata_context *ctx, struct learner *learner, const struct fit_hooks *hooks) {
    struct rfm *self = (struct rfm *)learner;
    struct ridge_rows rows = {0};
    strata_status status = STRATA_OK;
    double *root = NULL;
    if (self->base.machine.rows) return STRATA_OK; /* loaded: nothing is left to do */
    STRATA_TRY(ridge_rows_create(ctx, learner->class_->name, self->base.source, &rows));
    root = mem_zero(rows.inputs * rows.inputs, sizeof *root);
    mem_free(self->root);
    self->root = mem_zero(rows.inputs * rows.inputs, sizeof *root);
    if (!root || !self->root)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a metric of %zu inputs", rows.inputs));
    for (size_t i = 0; i < rows.inputs; ++i) root[i * rows.inputs + i] = 1;
    STRATA_GO(run_rounds(ctx, self, &rows, root, hooks));
cleanup:
    if (status != STRATA_OK) kernel_machine_clear(&self->base.machine);
    mem_free(root);
    ridge_rows_destroy(&rows);
    return status;
}

static strata_status rfm_create(strata_context *ctx, const struct learner_class *class_,
                                const struct learner_request *request, struct learner **learner) {
    return kernel_learner_make(ctx, class_, request, sizeof(struct rfm), learner);
}

static void rfm_destroy(struct learner *learner) {
    if (learner) mem_free(((struct rfm *)learner)->root);
    kernel_learner_destroy(learner);
}

static strata_status predict_block(strata_context *ctx, void *user, size_t rows, const double *x, double *scratch,
                                   double *out) {
    const struct rfm *self = user;
    transform(self->root, self->base.machine.inputs, rows, x, scratch);
    return kernel_machine_predict(ctx, NULL, &self->base.machine, rows, scratch, out);
}

static strata_status rfm_predict(strata_context *ctx, struct learner *learner, size_t rows, const float *x,
                                 float *out) {
    const struct kernel_machine *machine = &((struct rfm *)learner)->base.machine;
    if (!machine->rows) return strata_fail(ctx, STRATA_ERR_ARGUMENT, "learner 'rfm' has not been fitted");
    return predict_wide(ctx, predict_block, learner, machine->inputs, machine->outputs, machine->inputs, rows, x, out);
}

static strata_status rfm_save(strata_context *ctx, struct learner *learner, struct tensor_file *state) {
    struct rfm *self = (struct rfm *)learner;
    size_t d = self->base.machine.inputs;
    if (!self->base.machine.rows) return STRATA_OK;
    STRATA_TRY(kernel_learner_save(ctx, learner, state));
    return ridge_tensor_add(ctx, state, "rfm.root", d, d, self->root);
}

static strata_status rfm_load(strata_context *ctx, struct learner *learner, const struct tensor_file *state) {
    struct rfm *self = (struct rfm *)learner;
    STRATA_TRY(kernel_learner_load(ctx, learner, state));
    size_t d = self->base.machine.inputs;
    if (!self->base.machine.rows) return STRATA_OK;
    mem_free(self->root);
    self->root = NULL;
    strata_status status = ridge_tensor_load(ctx, state, "rfm.root", &d, &d, &self->root);
    if (status != STRATA_OK) kernel_machine_clear(&self->base.machine);
    return status;
}

/* "rfm.metric" [inputs, inputs], and what kernel machines have. */
static strata_status rfm_parameter(strata_context *ctx, struct learner *learner, const char *name, size_t *count,
                                   double *values) {
    const struct rfm *self = (const struct rfm *)learner;
    size_t d = self->base.machine.inputs;
    if (strcmp(name, "rfm.metric") != 0 || !self->base.machine.rows)
        return kernel_learner_parameter(ctx, learner, name, count, values);
    *count = d * d;
    if (values) linalg_gemm_f64(AS_IS, AS_IS, d, d, d, 1.0, self->root, d, self->root, d, 0.0, values, d);
    return STRATA_OK;
}

extern const struct learner_class learner_rfm;
const struct learner_class learner_rfm = {
    .name = "rfm",
    .title = "Recursive feature machine",
    .summary = "Laplace kernel with a metric learned from its own gradients (Radhakrishnan et al. 2024)",
    .settings = rfm_settings,
    .details = "laplace",
    .create = rfm_create,
    .fit = rfm_fit,
    .predict = rfm_predict,
    .save = rfm_save,
    .load = rfm_load,
    .parameter = rfm_parameter,
    .parameter_count = kernel_learner_parameter_count,
    .destroy = rfm_destroy,
};
