/* SPDX-License-Identifier: MIT */
/* Rows of inputs and targets from one file or two: a table's columns, records, or an array beside another. */
#include <stdio.h>
#include <string.h>

#include "api/handles.h"
#include "core/memory.h"

/* A file's numbers as rows: [rows, columns]. `image` is 0 unless the rows are pictures. */
struct number_file {
    size_t rows, columns;
    size_t image[3];
    double *values;
};

static bool ends_with(const char *path, const char *ending) {
    size_t length = strlen(path), size = strlen(ending);
    return length >= size && strcmp(path + length - size, ending) == 0;
}

static strata_status npy_numbers(strata_context *ctx, const char *path, struct number_file *numbers) {
    struct npy_array array;
    STRATA_TRY(npy_read(ctx, path, &array));
    if (array.rank < 1 || array.rank > 4) {
        unsigned rank = array.rank;
        npy_destroy(&array);
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: expected an array of rank 1 to 4, found rank %u", path, rank);
    }
    *numbers = (struct number_file){.rows = array.dims[0], .columns = 1, .values = array.values};
    for (unsigned axis = 1; axis < array.rank; ++axis) numbers->columns *= array.dims[axis];
    if (array.rank >= 3) {
        numbers->image[0] = array.rank == 4 ? array.dims[1] : 1;
        numbers->image[1] = array.dims[array.rank - 2];
        numbers->image[2] = array.dims[array.rank - 1];
    }
    return STRATA_OK;
}

/* Pixels of pictures in [0, 1]; a list of bytes stays as it is. */
static strata_status idx_numbers(strata_context *ctx, const char *path, struct number_file *numbers) {
    unsigned rank;
    size_t dims[4], cells = 0;
    uint8_t *bytes = NULL;
    strata_status status = STRATA_OK;
    STRATA_TRY(idx_read(ctx, path, &rank, dims, &bytes));
    *numbers = (struct number_file){.rows = dims[0], .columns = dims[1] * dims[2] * dims[3]};
    if (rank == 3) memcpy(numbers->image, (const size_t[]){1, dims[1], dims[2]}, sizeof numbers->image);
    if (rank == 4) memcpy(numbers->image, &dims[1], sizeof numbers->image);
    STRATA_GO(mem_product(ctx, numbers->rows, numbers->columns, path, &cells));
    numbers->values = mem_zero(cells ? cells : 1, sizeof *numbers->values);
    if (!numbers->values)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "%s: out of memory for %zu numbers", path, cells));
    for (size_t i = 0; i < cells; ++i) numbers->values[i] = rank == 1 ? (double)bytes[i] : (double)bytes[i] / 255.0;
cleanup:
    mem_free(bytes);
    return status;
}

static strata_status array_numbers(strata_context *ctx, const char *path, struct number_file *numbers) {
    return ends_with(path, ".npy") ? npy_numbers(ctx, path, numbers) : idx_numbers(ctx, path, numbers);
}

/* data->x is columns of `from` but `target` (its columns: none is left out), data->y the target column. */
static void put_columns(const struct number_file *from, size_t target, struct dataset *data) {
    for (size_t row = 0; row < from->rows; ++row) {
        const double *values = from->values + row * from->columns;
        float *x = data->x + row * data->inputs;
        for (size_t column = 0; column < from->columns; ++column)
            if (column != target) *x++ = (float)values[column];
        if (target < from->columns) data->y[row] = (float)values[target];
    }
}

/* One array: the target is the last column, or there is none. */
static strata_status split_columns(strata_context *ctx, const strata_dataset_file *file,
                                   const struct number_file *numbers, struct dataset *data) {
    size_t targets = file->unlabelled ? 0 : 1;
    if (targets && numbers->image[0]) /* else the last pixel would pass for the target */
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "%s: pictures of %zu x %zu x %zu: expected a second file with their labels", file->path,
                           numbers->image[0], numbers->image[1], numbers->image[2]);
    if (numbers->rows == 0 || numbers->columns < 1 + targets)
        return strata_fail(ctx, STRATA_ERR_FORMAT,
                           "%s: expected rows of at least one input and the target, found %zu x %zu", file->path,
                           numbers->rows, numbers->columns);
    data->rows = numbers->rows, data->inputs = numbers->columns - targets, data->outputs = 1;
    if (file->unlabelled) memcpy(data->image, numbers->image, sizeof data->image);
    STRATA_TRY(dataset_allocate(ctx, data));
    put_columns(numbers, numbers->columns - targets, data);
    return STRATA_OK;
}

/* A table whose first line was numbers has names of our making, which say nothing. */
static bool has_header(const struct csv_table *table) {
    for (size_t i = 0; i < table->columns; ++i) {
        char made[32];
        snprintf(made, sizeof made, "column_%zu", i + 1);
        if (strcmp(table->names[i], made) != 0) return true;
    }
    return false;
}

static strata_status find_column(strata_context *ctx, const char *path, const struct csv_table *table, const char *name,
                                 size_t *column) {
    for (*column = 0; *column < table->columns; ++*column)
        if (strcmp(table->names[*column], name) == 0) return STRATA_OK;
    const char *nearest = name_nearest(name, (const char *const *)table->names, table->columns);
    return strata_fail(ctx, STRATA_ERR_NOT_FOUND, "%s: no column '%s'%s%s%s", path, name,
                       nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

/* The target's column: `columns` where there is none, which only rows without targets may have. */
static strata_status find_target(strata_context *ctx, const strata_dataset_file *file, const struct csv_table *table,
                                 size_t *target) {
    *target = file->unlabelled ? table->columns : table->columns - 1;
    if (!file->target) return STRATA_OK;
    strata_status status = find_column(ctx, file->path, table, file->target, target);
    if (status == STRATA_OK || !file->unlabelled) return status;
    context_clear(ctx);
    *target = table->columns;
    return STRATA_OK;
}

/* The columns of the inputs: those named by `file`, whatever their place in this table, or all but the target. */
static strata_status find_inputs(strata_context *ctx, const strata_dataset_file *file, const struct csv_table *table,
                                 size_t target, size_t *order, size_t *count) {
    *count = 0;
    if (!file->columns || !has_header(table)) {
        for (size_t column = 0; column < table->columns; ++column)
            if (column != target) order[(*count)++] = column;
        return STRATA_OK;
    }
    for (const char *name = file->columns, *end; *name; name = *end ? end + 1 : end) {
        end = name + strcspn(name, "\n");
        if (*count == table->columns)
            return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: expected more than its %zu columns", file->path,
                               table->columns);
        char *copy = string_format("%.*s", (int)(end - name), name);
        if (!copy) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the names of columns");
        strata_status status = find_column(ctx, file->path, table, copy, &order[(*count)++]);
        mem_free(copy);
        STRATA_TRY(status);
    }
    return STRATA_OK;
}

static strata_status keep_names(strata_context *ctx, const struct csv_table *table, size_t target, const size_t *order,
                                strata_dataset *made) {
    struct buffer names = {0};
    strata_status status = STRATA_OK;
    if (!has_header(table)) return STRATA_OK;
    for (size_t i = 0; i < made->data.inputs; ++i)
        STRATA_GO(buffer_print(ctx, &names, "%s%s", i ? "\n" : "", table->names[order[i]]));
    made->columns = string_format("%s", names.size ? names.data : "");
    if (target < table->columns) made->target = string_format("%s", table->names[target]);
    if (!made->columns || (target < table->columns && !made->target))
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the names of columns");
cleanup:
    buffer_destroy(&names);
    return status;
}

static strata_status table_rows(strata_context *ctx, const strata_dataset_file *file, const struct csv_table *table,
                                size_t target, const size_t *order, size_t inputs, struct dataset *data) {
    if (table->rows == 0 || inputs == 0)
        return strata_fail(ctx, STRATA_ERR_FORMAT,
                           "%s: expected rows of at least one input and the target, found %zu x %zu", file->path,
                           table->rows, table->columns);
    data->rows = table->rows, data->inputs = inputs, data->outputs = 1;
    STRATA_TRY(dataset_allocate(ctx, data));
    for (size_t row = 0; row < table->rows; ++row) {
        const double *values = table->values + row * table->columns;
        for (size_t i = 0; i < inputs; ++i) data->x[row * inputs + i] = (float)values[order[i]];
        data->y[row] = target < table->columns && !file->unlabelled ? (float)values[target] : 0;
    }
    return STRATA_OK;
}

static strata_status read_table(strata_context *ctx, const strata_dataset_file *file, strata_dataset *made) {
    struct csv_table table;
    size_t target = 0, inputs = 0;
    if (file->targets_path)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "%s: a table has its targets in a column, not in %s", file->path,
                           file->targets_path);
    STRATA_TRY(csv_read(ctx, file->path, &table));
    strata_status status = STRATA_OK;
    size_t *order = mem_zero(table.columns + 1, sizeof *order);
    if (!order) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu columns", table.columns));
    STRATA_GO(find_target(ctx, file, &table, &target));
    STRATA_GO(find_inputs(ctx, file, &table, target, order, &inputs));
    STRATA_GO(table_rows(ctx, file, &table, target, order, inputs, &made->data));
    STRATA_GO(keep_names(ctx, &table, target, order, made));
cleanup:
    mem_free(order);
    csv_destroy(&table);
    return status;
}

/* Two files, row by row. */
static strata_status join_files(strata_context *ctx, const strata_dataset_file *file, const struct number_file *x,
                                const struct number_file *y, struct dataset *data) {
    if (x->rows != y->rows)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: expected %zu rows as in %s, found %zu", file->targets_path,
                           x->rows, file->path, y->rows);
    if (x->rows == 0 || x->columns == 0 || y->columns == 0)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: expected rows of at least one number", file->path);
    if (file->task != STRATA_TASK_REGRESSION && y->columns != 1)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: expected one label a row, found %zu numbers",
                           file->targets_path, y->columns);
    data->rows = x->rows, data->inputs = x->columns, data->outputs = y->columns;
    STRATA_TRY(dataset_allocate(ctx, data));
    put_columns(x, x->columns, data);
    for (size_t i = 0; i < y->rows * y->columns; ++i) data->y[i] = (float)y->values[i];
    memcpy(data->image, x->image, sizeof data->image);
    return STRATA_OK;
}

static strata_status read_arrays(strata_context *ctx, const strata_dataset_file *file, struct dataset *data) {
    struct number_file x = {0}, y = {0};
    strata_status status = STRATA_OK;
    if (file->target)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "%s: no .csv file, so it has no column '%s'", file->path,
                           file->target);
    STRATA_GO(array_numbers(ctx, file->path, &x));
    if (file->targets_path) STRATA_GO(array_numbers(ctx, file->targets_path, &y));
    if (file->targets_path)
        STRATA_GO(join_files(ctx, file, &x, &y, data));
    else
        STRATA_GO(split_columns(ctx, file, &x, data));
cleanup:
    mem_free(x.values);
    mem_free(y.values);
    return status;
}

/* Records that hold their labels, which are classes whatever the task asked for. */
static strata_status read_records(strata_context *ctx, const strata_dataset_file *file, struct dataset *data) {
    if (file->target || file->targets_path)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "%s: CIFAR-10 records hold their labels, so '%s' has no use",
                           file->path, file->target ? file->target : file->targets_path);
    return cifar_read(ctx, file->path, data);
}

strata_dataset_file strata_dataset_file_default(const char *path) { return (strata_dataset_file){.path = path}; }

strata_status dataset_file_read(strata_context *ctx, const strata_dataset_file *file, strata_dataset *data) {
    data->data = (struct dataset){.task = (enum learning_task)file->task};
    if (ends_with(file->path, ".bin")) return read_records(ctx, file, &data->data);
    bool table = ends_with(file->path, ".csv") || ends_with(file->path, ".csv.gz");
    return table ? read_table(ctx, file, data) : read_arrays(ctx, file, &data->data);
}
