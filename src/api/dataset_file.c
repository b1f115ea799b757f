/* SPDX-License-Identifier: MIT */
/* Rows of inputs and targets from one file or two: a table's columns, or an array beside another. */
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

/* One file: the target is one of its columns. */
static strata_status split_columns(strata_context *ctx, const char *path, const struct number_file *numbers,
                                   size_t target, struct dataset *data) {
    if (numbers->rows == 0 || numbers->columns < 2)
        return strata_fail(ctx, STRATA_ERR_FORMAT,
                           "%s: expected rows of at least one input and the target, found %zu x %zu", path,
                           numbers->rows, numbers->columns);
    data->rows = numbers->rows, data->inputs = numbers->columns - 1, data->outputs = 1;
    STRATA_TRY(dataset_allocate(ctx, data));
    put_columns(numbers, target, data);
    return STRATA_OK;
}

static strata_status find_column(strata_context *ctx, const char *path, const struct csv_table *table, const char *name,
                                 size_t *column) {
    *column = table->columns - 1;
    if (!name) return STRATA_OK;
    for (*column = 0; *column < table->columns; ++*column)
        if (strcmp(table->names[*column], name) == 0) return STRATA_OK;
    const char *nearest = name_nearest(name, (const char *const *)table->names, table->columns);
    return strata_fail(ctx, STRATA_ERR_NOT_FOUND, "%s: no column '%s'%s%s%s", path, name,
                       nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static strata_status read_table(strata_context *ctx, const strata_dataset_file *file, struct dataset *data) {
    struct csv_table table;
    size_t target = 0;
    if (file->targets_path)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "%s: a table has its targets in a column, not in %s", file->path,
                           file->targets_path);
    STRATA_TRY(csv_read(ctx, file->path, &table));
    const struct number_file numbers = {.rows = table.rows, .columns = table.columns, .values = table.values};
    strata_status status = find_column(ctx, file->path, &table, file->target, &target);
    if (status == STRATA_OK) status = split_columns(ctx, file->path, &numbers, target, data);
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
        STRATA_GO(split_columns(ctx, file->path, &x, x.columns - 1, data));
cleanup:
    mem_free(x.values);
    mem_free(y.values);
    return status;
}

strata_dataset_file strata_dataset_file_default(const char *path) { return (strata_dataset_file){.path = path}; }

strata_status dataset_file_read(strata_context *ctx, const strata_dataset_file *file, struct dataset *data) {
    *data = (struct dataset){.task = (enum learning_task)file->task};
    bool table = ends_with(file->path, ".csv") || ends_with(file->path, ".csv.gz");
    return table ? read_table(ctx, file, data) : read_arrays(ctx, file, data);
}
