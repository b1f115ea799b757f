/* SPDX-License-Identifier: MIT */
/* Shared parts of the learners that end in one ridge regression. */
#include "learn/ridge_fit.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

/* ---- the set ---- */

static size_t target_outputs(const struct dataset *data) {
    return data->task == TASK_MULTICLASS ? data->classes : data->task == TASK_BINARY ? 1 : data->outputs;
}

/* Row i of the targets before their mean is taken off. */
static void target_row(const struct dataset *data, size_t i, size_t outputs, double *row) {
    const float *y = data->y + i * data->outputs;
    for (size_t o = 0; o < outputs; ++o) switch (data->task) {
        case TASK_REGRESSION: row[o] = (double)y[o]; break;
        case TASK_BINARY: row[o] = y[0] > 0.5f ? 1.0 : -1.0; break;
        case TASK_MULTICLASS: row[o] = (float)o == y[0] ? 1.0 : 0.0; break;
        }
}

static strata_status rows_allocate(strata_context *ctx, size_t count, size_t inputs, size_t outputs,
                                   struct ridge_rows *rows) {
    size_t x_cells = 0, y_cells = 0;
    STRATA_TRY(mem_product(ctx, count, inputs, "training rows", &x_cells));
    STRATA_TRY(mem_product(ctx, count, outputs, "training targets", &y_cells));
    *rows = (struct ridge_rows){.rows = count,
                                .inputs = inputs,
                                .outputs = outputs,
                                .x = mem_zero(x_cells, sizeof(double)),
                                .y = mem_zero(y_cells, sizeof(double)),
                                .mean = mem_zero(outputs, sizeof(double))};
    if (rows->x && rows->y && rows->mean) return STRATA_OK;
    ridge_rows_destroy(rows);
    return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu training rows of %zu inputs", count, inputs);
}

strata_status ridge_rows_create(strata_context *ctx, const char *learner, const struct sample_source *source,
                                struct ridge_rows *rows) {
    const struct dataset *data = source_dataset(source);
    if (!data)
        return strata_fail(
            ctx, STRATA_ERR_UNSUPPORTED,
            "learner '%s' fits a finite set: set data.train_size above 0 (0 means endless fresh samples)", learner);
    if (data->rows < 2)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "learner '%s': expected at least 2 training rows, got %zu",
                           learner, data->rows);
    STRATA_TRY(rows_allocate(ctx, data->rows, data->inputs, target_outputs(data), rows));
    size_t outputs = rows->outputs;
    for (size_t i = 0; i < data->rows; ++i) {
        double check = 0.0;
        for (size_t k = 0; k < data->inputs; ++k)
            check += rows->x[i * data->inputs + k] = (double)data->x[i * data->inputs + k];
        target_row(data, i, outputs, rows->y + i * outputs);
        for (size_t o = 0; o < outputs; ++o) check += rows->y[i * outputs + o];
        if (!isfinite(check)) {
            ridge_rows_destroy(rows);
            return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                               "learner '%s': training row %zu holds a value that is not finite", learner, i);
        }
        for (size_t o = 0; o < outputs; ++o) rows->mean[o] += rows->y[i * outputs + o];
    }
    for (size_t o = 0; o < outputs; ++o) rows->mean[o] /= (double)rows->rows;
    for (size_t i = 0; i < rows->rows; ++i)
        for (size_t o = 0; o < outputs; ++o) rows->y[i * outputs + o] -= rows->mean[o];
    return STRATA_OK;
}

strata_status ridge_rows_take(strata_context *ctx, const struct ridge_rows *from, size_t count, struct ridge_rows *to) {
    if (count > from->rows) count = from->rows;
    STRATA_TRY(rows_allocate(ctx, count, from->inputs, from->outputs, to));
    for (size_t i = 0; i < count; ++i) {
        size_t row = i * from->rows / count;
        memcpy(to->x + i * from->inputs, from->x + row * from->inputs, from->inputs * sizeof(double));
        memcpy(to->y + i * from->outputs, from->y + row * from->outputs, from->outputs * sizeof(double));
    }
    memcpy(to->mean, from->mean, from->outputs * sizeof(double));
    return STRATA_OK;
}

void ridge_rows_destroy(struct ridge_rows *rows) {
    mem_free(rows->x);
    mem_free(rows->y);
    mem_free(rows->mean);
    *rows = (struct ridge_rows){0};
}

strata_status ridge_memory_check(strata_context *ctx, const char *learner, const struct settings *settings, size_t rows,
                                 size_t columns) {
    double wanted = (double)rows * (double)columns * sizeof(double) / 1048576.0;
    size_t allowed = settings_count(settings, "kernel.memory_mb");
    if (wanted <= (double)allowed) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_TOO_LARGE,
                       "learner '%s': a matrix of %zu x %zu takes %.0f MiB, kernel.memory_mb allows %zu: raise it, "
                       "take fewer rows, or "
                       "learner falkon or krr_cg, which need no such matrix",
                       learner, rows, columns, wanted, allowed);
}

/* ---- the ridge ---- */

strata_status ridge_choose(strata_context *ctx, const struct ridge_path *path, const struct ridge_rows *rows,
                           double unit, double *ridge, double *error) {
    enum { COUNT = 23 };
    double ridges[COUNT], errors[COUNT];
    for (int i = 0; i < COUNT; ++i) ridges[i] = unit * pow(10.0, 1.0 - 0.5 * i);
    STRATA_TRY(ridge_path_leave_one_out(ctx, path, rows->outputs, rows->y, COUNT, ridges, errors));
    size_t best = 0;
    for (size_t i = 1; i < COUNT; ++i)
        if (errors[i] < errors[best]) best = i;
    *ridge = ridges[best];
    *error = errors[best];
    return STRATA_OK;
}

double ridge_raise(double ridge) { return ridge * 3.1622776601683795; /* the grid's step, sqrt(10) */ }

/* ---- the interface of learners ---- */

strata_status ridge_report(strata_context *ctx, struct learner *learner, const struct fit_hooks *hooks, double loss) {
    const struct fit_point point = {.step = 1, .total = 1, .stage = 1, .stage_end = true, .loss = loss};
    return fit_report(ctx, learner, hooks, &point);
}

strata_status predict_wide(strata_context *ctx, wide_predictor predict, void *user, size_t inputs, size_t outputs,
                           size_t scratch, size_t rows, const float *x, float *out) {
    enum { BLOCK = 256 };
    strata_status status = STRATA_OK;
    size_t cells;
    STRATA_TRY(mem_product(ctx, BLOCK, inputs + outputs + scratch, "prediction", &cells));
    double *wide = mem_zero(cells, sizeof *wide);
    if (!wide) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for predictions");
    double *values = wide + BLOCK * inputs, *rest = values + BLOCK * outputs;
    for (size_t first = 0; status == STRATA_OK && first < rows; first += BLOCK) {
        size_t count = rows - first < BLOCK ? rows - first : BLOCK;
        for (size_t i = 0; i < count * inputs; ++i) wide[i] = (double)x[first * inputs + i];
        status = predict(ctx, user, count, wide, rest, values);
        for (size_t i = 0; status == STRATA_OK && i < count * outputs; ++i) out[first * outputs + i] = (float)values[i];
    }
    mem_free(wide);
    return status;
}

strata_status ridge_tensor_add(strata_context *ctx, struct tensor_file *state, const char *name, size_t rows,
                               size_t columns, const double *values) {
    const size_t dims[2] = {rows, columns};
    return tensor_file_add(ctx, state, name, TENSOR_F64, 2, dims, values);
}

strata_status ridge_tensor_load(strata_context *ctx, const struct tensor_file *state, const char *name, size_t *rows,
                                size_t *columns, double **values) {
    const struct tensor *tensor = tensor_file_find(state, name);
    if (!tensor || tensor->type != TENSOR_F64 || tensor->rank != 2 || tensor_count(tensor) == 0 ||
        (*rows && tensor->dims[0] != *rows) || (*columns && tensor->dims[1] != *columns))
        return strata_fail(ctx, STRATA_ERR_FORMAT,
                           "saved state: expected a float64 matrix '%s' that fits the others, found %s", name,
                           tensor ? "another type or shape" : "none");
    *rows = tensor->dims[0];
    *columns = tensor->dims[1];
    *values = mem_zero(tensor_count(tensor), sizeof **values);
    if (!*values) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for '%s'", name);
    memcpy(*values, tensor->data, tensor_count(tensor) * sizeof **values);
    return STRATA_OK;
}

strata_status ridge_state_check(strata_context *ctx, const struct sample_source *source, size_t inputs,
                                size_t outputs) {
    size_t wanted = source_task(source) == TASK_MULTICLASS ? source_classes(source) : source_outputs(source);
    if (inputs == source_inputs(source) && outputs == wanted) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_FORMAT,
                       "saved state: expected a function of %zu inputs and %zu outputs, found %zu and %zu",
                       source_inputs(source), wanted, inputs, outputs);
}
