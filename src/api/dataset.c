/* SPDX-License-Identifier: MIT */
/* strata_dataset: handles over struct dataset, checked once when they are made. */
#include <strata/dataset.h>

#include <math.h>
#include <string.h>

#include "api/handles.h"
#include "core/memory.h"
#include "data/source.h"

_Static_assert((int)STRATA_TASK_REGRESSION == (int)TASK_REGRESSION && (int)STRATA_TASK_BINARY == (int)TASK_BINARY &&
                   (int)STRATA_TASK_MULTICLASS == (int)TASK_MULTICLASS,
               "strata_task is learning_task");

enum { CLASSES_MOST = 1 << 16 };

strata_dataset *dataset_handle(void) {
    strata_dataset *data = mem_zero(1, sizeof *data);
    if (data) data->owned = true;
    return data;
}

void strata_dataset_destroy(strata_dataset *data) {
    if (!data) return;
    if (data->owned) dataset_destroy(&data->data);
    mem_free(data->columns);
    mem_free(data->target);
    mem_free(data);
}

/* ---- checks ---- */

/* Index of the first number that is not finite, `count` if there is none. */
static size_t find_unbounded(size_t count, const float *values) {
    size_t i = 0;
    while (i < count && isfinite(values[i])) ++i;
    return i;
}

static strata_status check_labels(strata_context *ctx, strata_status fault, const char *where, struct dataset *data) {
    size_t limit = data->task == TASK_BINARY ? 2 : data->classes ? data->classes : CLASSES_MOST, largest = 0;
    for (size_t row = 0; row < data->rows; ++row) {
        double label = (double)data->y[row];
        if (label < 0 || label >= (double)limit || label != floor(label))
            return strata_fail(ctx, fault, "%s: row %zu: expected a class from 0 to %zu, found %g", where, row + 1,
                               limit - 1, label);
        if ((size_t)label > largest) largest = (size_t)label;
    }
    if (data->task == TASK_BINARY) data->classes = 2;
    if (data->classes == 0) data->classes = largest < 1 ? 2 : largest + 1;
    return STRATA_OK;
}

strata_status dataset_check(strata_context *ctx, strata_status fault, const char *where, struct dataset *data) {
    size_t inputs, targets;
    STRATA_TRY(mem_product(ctx, data->rows, data->inputs, "the inputs of a data set", &inputs));
    STRATA_TRY(mem_product(ctx, data->rows, data->outputs, "the targets of a data set", &targets));
    size_t i = find_unbounded(inputs, data->x);
    if (i < inputs)
        return strata_fail(ctx, fault, "%s: row %zu: input %zu is not a finite number", where, i / data->inputs + 1,
                           i % data->inputs + 1);
    i = find_unbounded(targets, data->y);
    if (i < targets)
        return strata_fail(ctx, fault, "%s: row %zu: the target is not a finite number", where, i / data->outputs + 1);
    return data->task == TASK_REGRESSION ? STRATA_OK : check_labels(ctx, fault, where, data);
}

bool picture_fits(const size_t picture[3], size_t inputs) {
    size_t left = inputs;
    for (size_t i = 0; i < 3; ++i) {
        if (picture[i] == 0 || left % picture[i]) return false;
        left /= picture[i];
    }
    return left == 1;
}

static strata_status check_shape(strata_context *ctx, const strata_dataset_shape *shape) {
    if ((unsigned)shape->task > STRATA_TASK_MULTICLASS)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "data set: there is no task %d", (int)shape->task);
    if (shape->rows == 0 || shape->inputs == 0 || shape->targets == 0)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "data set: expected at least one row, input and target, found %zu, %zu and %zu", shape->rows,
                           shape->inputs, shape->targets);
    if (shape->task != STRATA_TASK_REGRESSION && shape->targets != 1)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "data set: expected one label a row, found %zu targets",
                           shape->targets);
    if (shape->picture[0] && !picture_fits(shape->picture, shape->inputs))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "data set: pictures of %zu x %zu x %zu are no rows of %zu inputs",
                           shape->picture[0], shape->picture[1], shape->picture[2], shape->inputs);
    if (shape->classes > CLASSES_MOST)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "data set: expected at most %d classes, found %zu",
                           (int)CLASSES_MOST, shape->classes);
    return STRATA_OK;
}

/* ---- making ---- */

strata_status strata_dataset_create(strata_context *ctx, const strata_dataset_shape *shape, const float *x,
                                    const float *y, strata_dataset **data) {
    *data = NULL;
    STRATA_TRY(check_shape(ctx, shape));
    strata_dataset *made = dataset_handle();
    if (!made) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a data set");
    made->owned = false;
    /* Never written through: the handle is not owned, and nothing here changes a set in place but its own copies. */
    made->data = (struct dataset){.task = (enum learning_task)shape->task,
                                  .rows = shape->rows,
                                  .inputs = shape->inputs,
                                  .outputs = shape->targets,
                                  .classes = shape->task == STRATA_TASK_REGRESSION ? 0 : shape->classes,
                                  .image = {shape->picture[0], shape->picture[1], shape->picture[2]},
                                  .x = (float *)(uintptr_t)x,
                                  .y = (float *)(uintptr_t)y};
    strata_status status = dataset_check(ctx, STRATA_ERR_ARGUMENT, "data set", &made->data);
    if (status == STRATA_OK)
        *data = made;
    else
        strata_dataset_destroy(made);
    return status;
}

/* A handle that owns a copy of some rows. */
static strata_status copy_rows(strata_context *ctx, const strata_dataset *from, const uint32_t *order, size_t first,
                               size_t rows, strata_dataset **data) {
    *data = NULL;
    strata_dataset *made = dataset_handle();
    if (!made) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a data set");
    strata_status status = dataset_take(ctx, &from->data, order, first, rows, &made->data);
    if (from->columns) made->columns = string_format("%s", from->columns);
    if (from->target) made->target = string_format("%s", from->target);
    if (status == STRATA_OK && ((from->columns && !made->columns) || (from->target && !made->target)))
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the names of columns");
    if (status == STRATA_OK)
        *data = made;
    else
        strata_dataset_destroy(made);
    return status;
}

strata_status strata_dataset_create_copy(strata_context *ctx, const strata_dataset_shape *shape, const float *x,
                                         const float *y, strata_dataset **data) {
    strata_dataset *view;
    *data = NULL;
    STRATA_TRY(strata_dataset_create(ctx, shape, x, y, &view));
    strata_status status = copy_rows(ctx, view, NULL, 0, view->data.rows, data);
    strata_dataset_destroy(view);
    return status;
}

strata_status strata_dataset_create_from_teacher(strata_context *ctx, const strata_teacher *teacher, strata_part part,
                                                 uint64_t first, size_t rows, strata_dataset **data) {
    *data = NULL;
    if (part != STRATA_PART_TRAIN && part != STRATA_PART_TEST)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "part %d of a teacher's samples: expected train or test",
                           (int)part);
    if (rows == 0) return strata_fail(ctx, STRATA_ERR_ARGUMENT, "data set: expected at least one row");
    strata_dataset *made = dataset_handle();
    if (!made) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a data set");
    bool train = part == STRATA_PART_TRAIN;
    strata_status status = dataset_from_teacher(ctx, teacher->teacher, train ? RNG_TRAIN_INPUT : RNG_TEST_INPUT, first,
                                                rows, train ? teacher->noise : 0, teacher_task(teacher->teacher),
                                                teacher->seed, teacher->replicate, &made->data);
    if (status == STRATA_OK)
        *data = made;
    else
        strata_dataset_destroy(made);
    return status;
}

strata_status strata_dataset_read(strata_context *ctx, const strata_dataset_file *file, strata_dataset **data) {
    *data = NULL;
    if ((unsigned)file->task > STRATA_TASK_MULTICLASS)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "%s: there is no task %d", file->path, (int)file->task);
    strata_dataset *made = dataset_handle();
    if (!made) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a data set");
    strata_status status = dataset_file_read(ctx, file, made);
    if (status == STRATA_OK) status = dataset_check(ctx, STRATA_ERR_FORMAT, file->path, &made->data);
    if (status == STRATA_OK)
        *data = made;
    else
        strata_dataset_destroy(made);
    return status;
}

strata_status strata_dataset_load(strata_context *ctx, const char *name, const char *folder, strata_dataset **train,
                                  strata_dataset **test) {
    if (train) *train = NULL;
    if (test) *test = NULL;
    strata_dataset *first = dataset_handle(), *second = dataset_handle();
    strata_status status = first && second
                             ? data_load(ctx, name, folder, train ? &first->data : NULL, test ? &second->data : NULL)
                             : strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for data set '%s'", name);
    if (status == STRATA_OK && train) *train = first, first = NULL;
    if (status == STRATA_OK && test) *test = second, second = NULL;
    strata_dataset_destroy(first);
    strata_dataset_destroy(second);
    return status;
}

strata_status strata_dataset_take(strata_context *ctx, const strata_dataset *data, size_t rows,
                                  strata_dataset **taken) {
    *taken = NULL;
    if (rows == 0) return strata_fail(ctx, STRATA_ERR_ARGUMENT, "data set: expected at least one row");
    return copy_rows(ctx, data, NULL, 0, rows < data->data.rows ? rows : data->data.rows, taken);
}

strata_status strata_dataset_split(strata_context *ctx, const strata_dataset *data, size_t rows, uint64_t seed,
                                   strata_dataset **first, strata_dataset **rest) {
    size_t all = data->data.rows;
    strata_status status = STRATA_OK;
    *first = *rest = NULL;
    if (rows == 0 || rows >= all)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "a split of %zu rows: expected 1 to %zu in the first part, got %zu", all, all - 1, rows);
    if (all > UINT32_MAX)
        return strata_fail(ctx, STRATA_ERR_TOO_LARGE, "a split: expected less than 2^32 rows, got %zu", all);
    uint32_t *order = mem_zero(all, sizeof *order);
    if (!order) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory to shuffle %zu rows", all);
    rng_permutation(rng_stream_make(seed, 0, RNG_SPLIT), all, order);
    STRATA_GO(copy_rows(ctx, data, order, 0, rows, first));
    STRATA_GO(copy_rows(ctx, data, order, rows, all - rows, rest));
cleanup:
    mem_free(order);
    if (status == STRATA_OK) return status;
    strata_dataset_destroy(*first);
    *first = NULL;
    return status;
}

strata_status strata_dataset_create_standardised(strata_context *ctx, const strata_dataset *reference,
                                                 const strata_dataset *data, strata_dataset **standardised) {
    size_t inputs = data->data.inputs;
    *standardised = NULL;
    if (reference->data.inputs != inputs)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "standardising %zu inputs by a data set that has %zu", inputs,
                           reference->data.inputs);
    double *moments = mem_zero(inputs, 2 * sizeof *moments);
    if (!moments) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the moments of %zu inputs", inputs);
    strata_status status = copy_rows(ctx, data, NULL, 0, data->data.rows, standardised);
    if (status == STRATA_OK) {
        dataset_moments(&reference->data, moments, moments + inputs);
        dataset_standardise(&(*standardised)->data, moments, moments + inputs);
    }
    mem_free(moments);
    return status;
}

/* ---- reading ---- */

strata_dataset_shape strata_dataset_get_shape(const strata_dataset *data) {
    return (strata_dataset_shape){.task = (strata_task)data->data.task,
                                  .rows = data->data.rows,
                                  .inputs = data->data.inputs,
                                  .targets = data->data.outputs,
                                  .classes = data->data.classes,
                                  .picture = {data->data.image[0], data->data.image[1], data->data.image[2]}};
}

const float *strata_dataset_inputs(const strata_dataset *data) { return data->data.x; }

const float *strata_dataset_targets(const strata_dataset *data) { return data->data.y; }

const char *strata_dataset_columns(const strata_dataset *data) { return data->columns; }

const char *strata_dataset_target(const strata_dataset *data) { return data->target; }
