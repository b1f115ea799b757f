/* SPDX-License-Identifier: MIT */
/*
 * Kernels on kernels: a first machine learned on its own makes features, a second one learns from inputs and features.
 *
 *   two_stage    the first fits the targets on every other training row; the feature is its prediction
 *   residual     the same; the second fits what is left of the targets on the other rows, and the two add up
 *   kernel_pca   the features are the leading principal components of the kernel, without labels
 *
 * Features are standardised, then multiplied with stack.weight (components: 1). Sources: Allen-Zhu & Li 2020, sec. 1
 * (kernels applied layer after layer); Schölkopf, Smola & Müller 1998 (kernel PCA); Friedman 2001 (fitting residuals).
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "learn/kernel_machine.h"
#include "linalg/linalg.h"

#define CONSTRUCTIONS "two_stage|residual|kernel_pca"

static const struct setting kernel_stack_settings[] = {
    {"stack.construction", SETTING_CHOICE, "two_stage", 0, 0, CONSTRUCTIONS, "how the first kernel makes features"},
    {"stack.kernel", SETTING_TEXT, "poly2", 0, 0, NULL, "kernel of both: NAME or NAME(parameter=value, ...)"},
    {"stack.weight", SETTING_NUMBER, "3", 1e-6, 1e6, NULL,
     "standard deviation of the first one's prediction as a feature"},
    {"stack.components", SETTING_COUNT, "64", 1, 2000, NULL, "principal components"},
    RIDGE_ROW_RIDGE,
    KERNEL_ROW_SELECTION,
    KERNEL_ROW_BANDWIDTHS,
    RIDGE_ROW_MEMORY,
    {0},
};

struct kernel_stack {
    struct learner base;
    const struct settings *settings;
    const struct sample_source *source;
    struct kernel_machine first, second;
    double *centre, *scale; /* [features of the first]: what its outputs are standardised with */
    double adds;            /* 1: the first one's prediction is added to the second one's */
};

static bool is(const struct kernel_stack *self, const char *construction) {
    return strcmp(settings_text(self->settings, "stack.construction"), construction) == 0;
}

static struct kernel_ridge_request request_of(const struct kernel_stack *self) {
    return (struct kernel_ridge_request){.learner = self->base.class_->name,
                                         .kernel = settings_text(self->settings, "stack.kernel"),
                                         .settings = self->settings};
}

static void stack_clear(struct kernel_stack *self) {
    kernel_machine_clear(&self->first);
    kernel_machine_clear(&self->second);
    mem_free(self->centre);
    mem_free(self->scale);
    self->centre = self->scale = NULL;
}

/* ---- the first kernel */

/* Every other row, from row `from`. */
static strata_status half_of(strata_context *ctx, const struct ridge_rows *rows, size_t from, struct ridge_rows *half) {
    STRATA_TRY(ridge_rows_take(ctx, rows, (rows->rows + 1 - from) / 2, half));
    for (size_t i = 0; i < half->rows; ++i) {
        memcpy(half->x + i * rows->inputs, rows->x + (2 * i + from) * rows->inputs, rows->inputs * sizeof(double));
        memcpy(half->y + i * rows->outputs, rows->y + (2 * i + from) * rows->outputs, rows->outputs * sizeof(double));
    }
    return STRATA_OK;
}

static strata_status fit_on_half(strata_context *ctx, struct kernel_stack *self, const struct ridge_rows *rows) {
    const struct kernel_ridge_request request = request_of(self);
    struct ridge_rows half = {0};
    double loss;
    STRATA_TRY(half_of(ctx, rows, 0, &half));
    strata_status status = kernel_ridge_fit(ctx, &request, &half, &self->first, &loss);
    ridge_rows_destroy(&half);
    return status;
}

/* Component c at x: sum_j k(x, x_j) u_cj, u the eigenvectors; centred and scaled like any feature. */
static strata_status fit_components(strata_context *ctx, struct kernel_stack *self, const struct ridge_rows *rows) {
    struct kernel_machine *m = &self->first;
    size_t n = rows->rows, d = rows->inputs, count = settings_count(self->settings, "stack.components");
    strata_status status = STRATA_OK;
    double *gram = NULL, *vectors = NULL, *values = NULL;
    if (count >= n)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "learner 'kernel_stack': %zu components of %zu rows: expected fewer",
                           count, n);
    STRATA_TRY(ridge_memory_check(ctx, "kernel_stack", self->settings, n, n));
    STRATA_TRY(kernel_create(ctx, settings_text(self->settings, "stack.kernel"), n, rows->x, d, NULL, &m->kernel));
    STRATA_TRY(kernel_check(ctx, &m->kernel, "training row", n, rows->x));
    gram = mem_zero(n * n, sizeof *gram);
    vectors = mem_zero(count * n, sizeof *vectors);
    values = mem_zero(count, sizeof *values);
    m->x = mem_zero(n * d, sizeof *m->x);
    m->weights = mem_zero(n * count, sizeof *m->weights);
    m->mean = mem_zero(count, sizeof *m->mean);
    if (!gram || !vectors || !values || !m->x || !m->weights || !m->mean)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu components of %zu rows", count, n));
    STRATA_GO(kernel_gram(ctx, NULL, &m->kernel, n, rows->x, n, rows->x, gram));
    STRATA_GO(linalg_eigen_largest(ctx, n, gram, count, values, vectors));
    for (size_t i = 0; i < n; ++i)
        for (size_t c = 0; c < count; ++c) m->weights[i * count + c] = vectors[c * n + i];
    memcpy(m->x, rows->x, n * d * sizeof *m->x);
    m->rows = n, m->inputs = d, m->outputs = count;
cleanup:
    mem_free(gram);
    mem_free(vectors);
    mem_free(values);
    return status;
}

/* ---- features */

/* Mean and standard deviation of the first machine's outputs over the training rows. */
static strata_status standardise(strata_context *ctx, struct kernel_stack *self, const struct ridge_rows *rows) {
    size_t features = self->first.outputs, n = rows->rows;
    double weight = is(self, "kernel_pca") ? 1 : settings_number(self->settings, "stack.weight");
    double *values = mem_zero(n * features, sizeof *values);
    self->centre = mem_zero(features, sizeof *self->centre);
    self->scale = mem_zero(features, sizeof *self->scale);
    strata_status status = STRATA_OK;
    if (!values || !self->centre || !self->scale)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for features of %zu rows", n));
    STRATA_GO(kernel_machine_predict(ctx, NULL, &self->first, n, rows->x, values));
    for (size_t i = 0; i < n * features; ++i) self->centre[i % features] += values[i] / (double)n;
    for (size_t i = 0; i < n * features; ++i) {
        double deviation = values[i] - self->centre[i % features];
        self->scale[i % features] += deviation * deviation / (double)n;
    }
    for (size_t f = 0; f < features; ++f) self->scale[f] = self->scale[f] > 0 ? weight / sqrt(self->scale[f]) : 0;
cleanup:
    mem_free(values);
    return status;
}

/* z [rows, d + features] of x [rows, d]; `raw` [rows, features] gets what the first machine says. */
static strata_status extend(strata_context *ctx, const struct kernel_stack *self, size_t rows, const double *x,
                            double *raw, double *z) {
    size_t d = self->first.inputs, features = self->first.outputs, width = d + features;
    STRATA_TRY(kernel_machine_predict(ctx, NULL, &self->first, rows, x, raw));
    for (size_t i = 0; i < rows; ++i) {
        memcpy(z + i * width, x + i * d, d * sizeof *z);
        for (size_t f = 0; f < features; ++f)
            z[i * width + d + f] = self->scale[f] * (raw[i * features + f] - self->centre[f]);
    }
    return STRATA_OK;
}

/* ---- the second kernel */

static strata_status fit_second(strata_context *ctx, struct kernel_stack *self, const struct ridge_rows *rows,
                                double *loss) {
    const struct kernel_ridge_request request = request_of(self);
    size_t features = self->first.outputs, n = rows->rows, width = rows->inputs + features;
    strata_status status = STRATA_OK;
    struct ridge_rows wide = {.rows = n, .inputs = width, .outputs = rows->outputs};
    assert(rows->x && rows->y && rows->mean);
    double *raw = mem_zero(n * features, sizeof *raw);
    wide.x = mem_zero(n * width, sizeof *wide.x);
    wide.y = mem_zero(n * rows->outputs, sizeof *wide.y);
    wide.mean = mem_zero(rows->outputs, sizeof *wide.mean);
    if (!raw || !wide.x || !wide.y || !wide.mean)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for features of %zu rows", n));
    STRATA_GO(extend(ctx, self, n, rows->x, raw, wide.x));
    memcpy(wide.y, rows->y, n * rows->outputs * sizeof *wide.y);
    if (self->adds > 0) /* the targets are centred, the first machine's predictions are not */
        for (size_t i = 0; i < n * rows->outputs; ++i) wide.y[i] += rows->mean[i % rows->outputs] - raw[i];
    else
        memcpy(wide.mean, rows->mean, rows->outputs * sizeof *wide.mean);
    STRATA_GO(kernel_ridge_fit(ctx, &request, &wide, &self->second, loss));
cleanup:
    mem_free(raw);
    ridge_rows_destroy(&wide);
    return status;
}

static strata_status kernel_stack_fit(strata_context *ctx, struct learner *learner, const struct fit_hooks *hooks) {
    struct kernel_stack *self = (struct kernel_stack *)learner;
    struct ridge_rows rows = {0}, half = {0};
    strata_status status = STRATA_OK;
    double loss = NAN;
    if (self->second.rows) return STRATA_OK; /* loaded: nothing is left to do */
    stack_clear(self);
    STRATA_TRY(ridge_rows_create(ctx, learner->class_->name, self->source, &rows));
    if (rows.rows < 4)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_ARGUMENT,
                              "learner 'kernel_stack': expected at least 4 training rows, got %zu", rows.rows));
    STRATA_GO(is(self, "kernel_pca") ? fit_components(ctx, self, &rows) : fit_on_half(ctx, self, &rows));
    STRATA_GO(standardise(ctx, self, &rows));
    self->adds = is(self, "residual") ? 1 : 0;
    if (self->adds > 0) STRATA_GO(half_of(ctx, &rows, 1, &half));
    STRATA_GO(fit_second(ctx, self, self->adds > 0 ? &half : &rows, &loss));
    status = ridge_report(ctx, learner, hooks, loss);
cleanup:
    if (status != STRATA_OK) stack_clear(self);
    ridge_rows_destroy(&rows);
    ridge_rows_destroy(&half);
    return status;
}

/* ---- the interface of learners */

static strata_status kernel_stack_create(strata_context *ctx, const struct learner_class *class_,
                                         const struct learner_request *request, struct learner **learner) {
    struct kernel_stack *self = mem_zero(1, sizeof *self);
    if (!self) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for learner '%s'", class_->name);
    *self = (struct kernel_stack){.base.class_ = class_, .settings = request->settings, .source = request->train};
    *learner = &self->base;
    return STRATA_OK;
}

static void kernel_stack_destroy(struct learner *learner) {
    if (!learner) return;
    stack_clear((struct kernel_stack *)learner);
    mem_free(learner);
}

static strata_status predict_block(strata_context *ctx, void *user, size_t rows, const double *x, double *scratch,
                                   double *out) {
    const struct kernel_stack *self = user;
    double *raw = scratch, *z = scratch + rows * self->first.outputs;
    STRATA_TRY(extend(ctx, self, rows, x, raw, z));
    STRATA_TRY(kernel_machine_predict(ctx, NULL, &self->second, rows, z, out));
    for (size_t i = 0; self->adds > 0 && i < rows * self->second.outputs; ++i) out[i] += raw[i];
    return STRATA_OK;
}

static strata_status kernel_stack_predict(strata_context *ctx, struct learner *learner, size_t rows, const float *x,
                                          float *out) {
    const struct kernel_stack *self = (const struct kernel_stack *)learner;
    size_t d = self->first.inputs, features = self->first.outputs;
    if (!self->second.rows) return strata_fail(ctx, STRATA_ERR_ARGUMENT, "learner 'kernel_stack' has not been fitted");
    return predict_wide(ctx, predict_block, learner, d, self->second.outputs, d + 2 * features, rows, x, out);
}

static strata_status kernel_stack_save(strata_context *ctx, struct learner *learner, struct tensor_file *state) {
    struct kernel_stack *self = (struct kernel_stack *)learner;
    if (!self->second.rows) return STRATA_OK; /* a fit starts anew */
    STRATA_TRY(kernel_machine_save(ctx, "first", &self->first, state));
    STRATA_TRY(kernel_machine_save(ctx, "second", &self->second, state));
    STRATA_TRY(ridge_tensor_add(ctx, state, "stack.centre", 1, self->first.outputs, self->centre));
    STRATA_TRY(ridge_tensor_add(ctx, state, "stack.scale", 1, self->first.outputs, self->scale));
    return ridge_tensor_add(ctx, state, "stack.adds", 1, 1, &self->adds);
}

static strata_status kernel_stack_load(strata_context *ctx, struct learner *learner, const struct tensor_file *state) {
    struct kernel_stack *self = (struct kernel_stack *)learner;
    strata_status status = STRATA_OK;
    size_t one = 1, features;
    double *adds = NULL;
    stack_clear(self);
    if (!tensor_file_find(state, "stack.adds")) return STRATA_OK;
    STRATA_GO(kernel_machine_load(ctx, "first", NULL, state, &self->first));
    STRATA_GO(kernel_machine_load(ctx, "second", NULL, state, &self->second));
    features = self->first.outputs;
    STRATA_GO(ridge_tensor_load(ctx, state, "stack.centre", &one, &features, &self->centre));
    STRATA_GO(ridge_tensor_load(ctx, state, "stack.scale", &one, &features, &self->scale));
    STRATA_GO(ridge_tensor_load(ctx, state, "stack.adds", &one, &one, &adds));
    self->adds = *adds;
    if (!self->first.rows || !self->second.rows || self->second.inputs != self->first.inputs + features ||
        (self->adds > 0 && self->second.outputs != features))
        STRATA_GO(strata_fail(ctx, STRATA_ERR_FORMAT, "saved state: the two kernels do not fit each other"));
    STRATA_GO(ridge_state_check(ctx, self->source, self->first.inputs, self->second.outputs));
cleanup:
    mem_free(adds);
    if (status != STRATA_OK) stack_clear(self);
    return status;
}

static size_t kernel_stack_parameter_count(const struct learner *learner) {
    const struct kernel_stack *self = (const struct kernel_stack *)learner;
    return self->first.rows * self->first.outputs + self->second.rows * self->second.outputs;
}

extern const struct learner_class learner_kernel_stack;
const struct learner_class learner_kernel_stack = {
    .name = "kernel_stack",
    .title = "Kernel on kernel",
    .summary = "kernel ridge on inputs and features of a kernel machine learned before (Allen-Zhu & Li 2020, sec. 1)",
    .settings = kernel_stack_settings,
    .create = kernel_stack_create,
    .fit = kernel_stack_fit,
    .predict = kernel_stack_predict,
    .save = kernel_stack_save,
    .load = kernel_stack_load,
    .parameter_count = kernel_stack_parameter_count,
    .destroy = kernel_stack_destroy,
};
