/* SPDX-License-Identifier: MIT */
#include "learn/kernel_machine.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "linalg/linalg.h"

enum { PREDICT_ROWS = 256 };

/* ---- the machine */

void kernel_machine_clear(struct kernel_machine *machine) {
    mem_free(machine->x);
    mem_free(machine->weights);
    mem_free(machine->mean);
    *machine = (struct kernel_machine){0};
}

strata_status kernel_machine_predict(strata_context *ctx, struct thread_pool *pool,
                                     const struct kernel_machine *machine, size_t rows, const double *x, double *out) {
    strata_status status = STRATA_OK;
    size_t outputs = machine->outputs, cells = 0;
    STRATA_TRY(mem_product(ctx, PREDICT_ROWS, machine->rows, "prediction", &cells));
    double *gram = mem_zero(cells, sizeof *gram);
    if (!gram) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for predictions of a kernel machine");
    for (size_t first = 0; first < rows; first += PREDICT_ROWS) {
        size_t count = rows - first < PREDICT_ROWS ? rows - first : PREDICT_ROWS;
        double *values = out + first * outputs;
        STRATA_GO(kernel_gram(ctx, pool, &machine->kernel, count, x + first * machine->inputs, machine->rows,
                              machine->x, gram));
        linalg_gemm_f64(AS_IS, AS_IS, count, outputs, machine->rows, 1.0, gram, machine->rows, machine->weights,
                        outputs, 0.0, values, outputs);
        for (size_t i = 0; i < count * outputs; ++i) values[i] += machine->mean[i % outputs];
    }
cleanup:
    mem_free(gram);
    return status;
}

static const char *named(const char *prefix, const char *name, char text[96]) {
    snprintf(text, 96, "%s.%s", prefix, name);
    return text;
}

strata_status kernel_machine_save(strata_context *ctx, const char *prefix, const struct kernel_machine *machine,
                                  struct tensor_file *state) {
    char name[96], text[KERNEL_TEXT];
    if (!machine->rows) return STRATA_OK;
    kernel_text(&machine->kernel, text);
    STRATA_TRY(tensor_file_set(ctx, state, named(prefix, "kernel", name), text));
    STRATA_TRY(ridge_tensor_add(ctx, state, named(prefix, "rows", name), machine->rows, machine->inputs, machine->x));
    STRATA_TRY(ridge_tensor_add(ctx, state, named(prefix, "weights", name), machine->rows, machine->outputs,
                                machine->weights));
    STRATA_TRY(ridge_tensor_add(ctx, state, named(prefix, "mean", name), 1, machine->outputs, machine->mean));
    return ridge_tensor_add(ctx, state, named(prefix, "ridge", name), 1, 1, &machine->ridge);
}

strata_status kernel_machine_load(strata_context *ctx, const char *prefix, const size_t *image,
                                  const struct tensor_file *state, struct kernel_machine *machine) {
    char name[96];
    strata_status status = STRATA_OK;
    size_t rows = 0, inputs = 0, outputs = 0, one = 1;
    double *ridge = NULL;
    kernel_machine_clear(machine);
    if (!tensor_file_find(state, named(prefix, "rows", name))) return STRATA_OK;
    const char *text = tensor_file_get(state, named(prefix, "kernel", name));
    if (!text) return strata_fail(ctx, STRATA_ERR_FORMAT, "saved state: expected the text '%s', found none", name);
    STRATA_GO(ridge_tensor_load(ctx, state, named(prefix, "rows", name), &rows, &inputs, &machine->x));
    STRATA_GO(ridge_tensor_load(ctx, state, named(prefix, "weights", name), &rows, &outputs, &machine->weights));
    STRATA_GO(ridge_tensor_load(ctx, state, named(prefix, "mean", name), &one, &outputs, &machine->mean));
    STRATA_GO(ridge_tensor_load(ctx, state, named(prefix, "ridge", name), &one, &one, &ridge));
    STRATA_GO(kernel_create(ctx, text, 0, NULL, inputs, image, &machine->kernel));
    machine->ridge = *ridge;
    machine->rows = rows, machine->inputs = inputs, machine->outputs = outputs;
cleanup:
    mem_free(ridge);
    if (status != STRATA_OK) kernel_machine_clear(machine);
    return status;
}

/* ---- kernel ridge regression */

static strata_status gram_create(strata_context *ctx, struct thread_pool *pool, const struct kernel *kernel,
                                 const struct ridge_rows *rows, double **gram, double *mean_diagonal) {
    size_t n = rows->rows, cells = 0;
    STRATA_TRY(mem_product(ctx, n, n, "Gram matrix", &cells));
    *gram = mem_zero(cells, sizeof **gram);
    if (!*gram) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the Gram matrix of %zu rows", n);
    STRATA_TRY(kernel_gram(ctx, pool, kernel, n, rows->x, n, rows->x, *gram));
    *mean_diagonal = 0.0;
    for (size_t i = 0; i < n; ++i) *mean_diagonal += (*gram)[i * n + i] / (double)n;
    return STRATA_OK;
}

static strata_status ridge_by_leave_one_out(strata_context *ctx, const struct kernel_ridge_request *request,
                                            const struct kernel *kernel, const struct ridge_rows *rows, double *ridge,
                                            double *loss) {
    strata_status status = STRATA_OK;
    struct ridge_rows some = {0};
    struct ridge_path path = {0};
    double *gram = NULL, unit = 0.0;
    STRATA_GO(ridge_rows_take(ctx, rows, settings_count(request->settings, "kernel.selection_rows"), &some));
    STRATA_GO(gram_create(ctx, request->pool, kernel, &some, &gram, &unit));
    STRATA_GO(ridge_path_from_gram(ctx, some.rows, gram, &path));
    STRATA_GO(ridge_choose(ctx, &path, &some, unit, ridge, loss));
cleanup:
    mem_free(gram);
    ridge_path_destroy(&path);
    ridge_rows_destroy(&some);
    return status;
}

/* The kernel's number that may be chosen; NULL when it has none or its text says it. */
static double *open_bandwidth(const struct kernel_ridge_request *request, struct kernel *kernel) {
    if (strstr(request->kernel, "bandwidth")) return NULL;
    for (size_t i = 0; kernel->class_->parameters[i].name; ++i)
        if (strcmp(kernel->class_->parameters[i].name, "bandwidth") == 0) return &kernel->number[i];
    return NULL;
}

static strata_status bandwidth_by_leave_one_out(strata_context *ctx, const struct kernel_ridge_request *request,
                                                struct kernel *kernel, const struct ridge_rows *rows, double *ridge,
                                                double *loss) {
    const double *factors;
    size_t count = settings_numbers(request->settings, "kernel.bandwidth_factors", &factors);
    double *bandwidth = open_bandwidth(request, kernel), median = bandwidth ? *bandwidth : 0, best = median;
    if (!bandwidth || count == 0) return ridge_by_leave_one_out(ctx, request, kernel, rows, ridge, loss);
    for (size_t i = 0; i < count; ++i) {
        double candidate_ridge, candidate_loss;
        *bandwidth = factors[i] * median;
        STRATA_TRY(ridge_by_leave_one_out(ctx, request, kernel, rows, &candidate_ridge, &candidate_loss));
        if (i && !(candidate_loss < *loss)) continue;
        *loss = candidate_loss;
        *ridge = candidate_ridge;
        best = *bandwidth;
    }
    *bandwidth = best;
    return STRATA_OK;
}

strata_status kernel_ridge_choose(strata_context *ctx, const struct kernel_ridge_request *request,
                                  struct kernel *kernel, const struct ridge_rows *rows, double *ridge, double *loss) {
    double relative = settings_number(request->settings, "kernel.ridge");
    *loss = NAN;
    if (relative <= 0.0) return bandwidth_by_leave_one_out(ctx, request, kernel, rows, ridge, loss);
    double *diagonal = mem_zero(rows->rows, sizeof *diagonal);
    if (!diagonal) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for learner '%s'", request->learner);
    strata_status status = kernel_diagonal(ctx, kernel, rows->rows, rows->x, diagonal);
    *ridge = 0.0;
    for (size_t i = 0; i < rows->rows; ++i) *ridge += relative * diagonal[i] / (double)rows->rows;
    mem_free(diagonal);
    return status;
}

/* weights = (K + ridge I)^-1 y. A ridge so small that rounding makes a pivot negative is raised along the grid. */
static strata_status weights_solve(strata_context *ctx, const struct kernel_ridge_request *request,
                                   const struct ridge_rows *rows, struct kernel_machine *machine) {
    enum { RAISES = 8 };
    strata_status status = STRATA_ERR_CONVERGENCE;
    size_t n = rows->rows;
    for (int raised = 0; raised <= RAISES && status == STRATA_ERR_CONVERGENCE; ++raised) {
        double *gram = NULL, unit = 0.0;
        if (raised) {
            context_log(ctx, STRATA_LOG_WARNING, "%s: %s: ridge raised to %g", request->learner,
                        strata_context_message(ctx), ridge_raise(machine->ridge));
            context_clear(ctx);
            machine->ridge = ridge_raise(machine->ridge);
        }
        status = gram_create(ctx, request->pool, &machine->kernel, rows, &gram, &unit);
        for (size_t i = 0; status == STRATA_OK && i < n; ++i) gram[i * n + i] += machine->ridge;
        if (status == STRATA_OK) status = linalg_cholesky(ctx, n, gram);
        if (status == STRATA_OK) {
            memcpy(machine->weights, rows->y, n * rows->outputs * sizeof *machine->weights);
            linalg_cholesky_solve(n, gram, rows->outputs, machine->weights);
        }
        mem_free(gram);
    }
    return status;
}

strata_status kernel_ridge_fit(strata_context *ctx, const struct kernel_ridge_request *request, struct ridge_rows *rows,
                               struct kernel_machine *machine, double *loss) {
    strata_status status = STRATA_OK;
    kernel_machine_clear(machine);
    STRATA_TRY(ridge_memory_check(ctx, request->learner, request->settings, rows->rows, rows->rows));
    STRATA_TRY(
        kernel_create(ctx, request->kernel, rows->rows, rows->x, rows->inputs, request->image, &machine->kernel));
    STRATA_TRY(kernel_check(ctx, &machine->kernel, "training row", rows->rows, rows->x));
    STRATA_TRY(kernel_ridge_choose(ctx, request, &machine->kernel, rows, &machine->ridge, loss));
    machine->weights = mem_zero(rows->rows * rows->outputs, sizeof *machine->weights);
    machine->mean = mem_zero(rows->outputs, sizeof *machine->mean);
    if (!machine->weights || !machine->mean)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for learner '%s'", request->learner));
    if (context_cancelled(ctx)) STRATA_GO(strata_fail(ctx, STRATA_ERR_INTERRUPTED, "interrupted"));
    STRATA_GO(weights_solve(ctx, request, rows, machine));
    memcpy(machine->mean, rows->mean, rows->outputs * sizeof *machine->mean);
    machine->rows = rows->rows, machine->inputs = rows->inputs, machine->outputs = rows->outputs;
    machine->x = rows->x;
    rows->x = NULL; /* now the machine's */
cleanup:
    if (status != STRATA_OK) kernel_machine_clear(machine);
    return status;
}

/* ---- the learner */

static const size_t *source_image(const struct kernel_learner *self) {
    const struct dataset *data = source_dataset(self->source);
    return data ? data->image : NULL;
}

struct kernel_ridge_request kernel_learner_request(const struct kernel_learner *self) {
    const char *fixed = self->base.class_->details;
    return (struct kernel_ridge_request){.learner = self->base.class_->name,
                                         .kernel = fixed ? fixed : settings_text(self->settings, "kernel.name"),
                                         .image = source_image(self),
                                         .settings = self->settings};
}

strata_status kernel_learner_make(strata_context *ctx, const struct learner_class *class_,
                                  const struct learner_request *request, size_t size, struct learner **learner) {
    struct kernel_learner *self = mem_zero(1, size);
    if (!self) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for learner '%s'", class_->name);
    *self = (struct kernel_learner){.base.class_ = class_,
                                    .settings = request->settings,
                                    .source = request->train,
                                    .seed = request->seed,
                                    .replicate = request->replicate};
    *learner = &self->base;
    return STRATA_OK;
}

strata_status kernel_learner_create(strata_context *ctx, const struct learner_class *class_,
                                    const struct learner_request *request, struct learner **learner) {
    return kernel_learner_make(ctx, class_, request, sizeof(struct kernel_learner), learner);
}

void kernel_learner_destroy(struct learner *learner) {
    if (!learner) return;
    kernel_machine_clear(&((struct kernel_learner *)learner)->machine);
    mem_free(learner);
}

static strata_status predict_block(strata_context *ctx, void *user, size_t rows, const double *x, double *scratch,
                                   double *out) {
    (void)scratch;
    return kernel_machine_predict(ctx, NULL, user, rows, x, out);
}

strata_status kernel_learner_predict(strata_context *ctx, struct learner *learner, size_t rows, const float *x,
                                     float *out) {
    struct kernel_machine *machine = &((struct kernel_learner *)learner)->machine;
    if (!machine->rows)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "learner '%s' has not been fitted", learner->class_->name);
    return predict_wide(ctx, predict_block, machine, machine->inputs, machine->outputs, 0, rows, x, out);
}

strata_status kernel_learner_save(strata_context *ctx, struct learner *learner, struct tensor_file *state) {
    return kernel_machine_save(ctx, "kernel", &((struct kernel_learner *)learner)->machine, state);
}

strata_status kernel_learner_load(strata_context *ctx, struct learner *learner, const struct tensor_file *state) {
    struct kernel_learner *self = (struct kernel_learner *)learner;
    struct kernel_machine *machine = &self->machine;
    STRATA_TRY(kernel_machine_load(ctx, "kernel", source_image(self), state, machine));
    if (!machine->rows) return STRATA_OK;
    strata_status status = ridge_state_check(ctx, self->source, machine->inputs, machine->outputs);
    if (status != STRATA_OK) kernel_machine_clear(machine);
    return status;
}

/* "kernel.weights" and "kernel.ridge" of a fitted learner. */
strata_status kernel_learner_parameter(strata_context *ctx, struct learner *learner, const char *name, size_t *count,
                                       double *values) {
    const struct kernel_machine *machine = &((const struct kernel_learner *)learner)->machine;
    const struct {
        const char *name;
        const double *values;
        size_t count;
    } known[] = {
        {"kernel.weights", machine->weights, machine->rows * machine->outputs},
        {"kernel.ridge", &machine->ridge, 1},
    };
    for (size_t i = 0; machine->rows && i < sizeof known / sizeof *known; ++i)
        if (strcmp(known[i].name, name) == 0) {
            *count = known[i].count;
            if (values) memcpy(values, known[i].values, known[i].count * sizeof *values);
            return STRATA_OK;
        }
    return strata_fail(ctx, STRATA_ERR_NOT_FOUND, "learner '%s' has no parameter '%s'%s", learner->class_->name, name,
                       machine->rows ? "" : " before it is fitted");
}

size_t kernel_learner_parameter_count(const struct learner *learner) {
    const struct kernel_learner *self = (const struct kernel_learner *)learner;
    const struct kernel_machine *machine = &self->machine;
    return machine->rows ? machine->rows * machine->outputs : source_rows(self->source) * source_outputs(self->source);
}

/* ---- iterative solvers */

strata_status iterative_fit_begin(strata_context *ctx, struct kernel_learner *self, struct iterative_fit *fit) {
    const struct kernel_ridge_request request = kernel_learner_request(self);
    struct ridge_rows some = {0};
    *fit = (struct iterative_fit){0};
    strata_status status = ridge_rows_create(ctx, request.learner, self->source, &fit->rows);
    /* Parameters that rows say, such as a median distance, come from as many as kernel_create looks at in fair time. */
    if (status == STRATA_OK) status = ridge_rows_take(ctx, &fit->rows, 2000, &some);
    if (status == STRATA_OK)
        status = kernel_create(ctx, request.kernel, some.rows, some.x, some.inputs, request.image, &fit->kernel);
    ridge_rows_destroy(&some);
    if (status == STRATA_OK) status = kernel_check(ctx, &fit->kernel, "training row", fit->rows.rows, fit->rows.x);
    if (status == STRATA_OK)
        status = thread_pool_create(ctx, settings_count(self->settings, "solver.threads"), &fit->pool);
    if (status != STRATA_OK) iterative_fit_end(fit);
    return status;
}

void iterative_fit_end(struct iterative_fit *fit) {
    ridge_rows_destroy(&fit->rows);
    thread_pool_destroy(fit->pool);
    *fit = (struct iterative_fit){0};
}

strata_status kernel_machine_allocate(strata_context *ctx, const struct iterative_fit *fit, size_t rows,
                                      struct kernel_machine *machine) {
    kernel_machine_clear(machine);
    *machine = (struct kernel_machine){.kernel = fit->kernel,
                                       .inputs = fit->rows.inputs,
                                       .outputs = fit->rows.outputs,
                                       .weights = mem_zero(rows * fit->rows.outputs, sizeof(double)),
                                       .mean = mem_zero(fit->rows.outputs, sizeof(double))};
    if (!machine->weights || !machine->mean)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu weights", rows * fit->rows.outputs);
    memcpy(machine->mean, fit->rows.mean, fit->rows.outputs * sizeof *machine->mean);
    return STRATA_OK;
}

strata_status iterative_report(strata_context *ctx, struct kernel_learner *self, const struct fit_hooks *hooks,
                               size_t step, size_t total, double loss) {
    const struct fit_point point = {.step = step, .total = total, .stage = 1, .stage_end = step == total, .loss = loss};
    if (context_cancelled(ctx)) return strata_fail(ctx, STRATA_ERR_INTERRUPTED, "interrupted");
    return fit_report(ctx, &self->base, hooks, &point);
}
