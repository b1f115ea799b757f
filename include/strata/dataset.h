/* SPDX-License-Identifier: MIT */
/** @file
 * Data sets: rows of inputs and targets in memory.
 */
#ifndef STRATA_DATASET_H
#define STRATA_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strata/context.h>
#include <strata/teacher.h>

STRATA_BEGIN

/** Rows of inputs and targets. Constant once made: any number of threads may read it. */
typedef struct strata_dataset strata_dataset;

/** What the targets are. */
typedef enum strata_task {
    STRATA_TASK_REGRESSION, /**< numbers */
    STRATA_TASK_BINARY,     /**< labels 0 and 1 */
    STRATA_TASK_MULTICLASS  /**< labels 0 .. classes - 1 */
} strata_task;

/** Sizes of a data set. */
typedef struct strata_dataset_shape {
    strata_task task;  /**< what the targets are */
    size_t rows;       /**< at least 1 */
    size_t inputs;     /**< numbers of an input row, at least 1 */
    size_t targets;    /**< numbers of a target row; 1 for labels */
    size_t classes;    /**< of labels; 0 for regression */
    size_t picture[3]; /**< channels, height and width of an input row; 0 where it is no picture */
} strata_dataset_shape;

/** Where a file's rows are. Begin with strata_dataset_file_default(). */
typedef struct strata_dataset_file {
    const char *path;         /**< .csv, .npy, .bin (CIFAR-10) or IDX; .csv and IDX also with .gz */
    const char *target;       /**< .csv: name of the target column; NULL: the last one (also of an .npy matrix) */
    const char *targets_path; /**< .npy and IDX: a second file with the targets, row by row; NULL: none */
    strata_task task;         /**< what the targets are */
    const char *columns; /**< .csv: names of the input columns in their order, one a line; NULL: all but the target */
    bool unlabelled;     /**< without targets, which are then 0; of a .csv the target column is left out if there */
} strata_dataset_file;

/** A file of regression targets in the last column. */
strata_dataset_file strata_dataset_file_default(const char *path);

/**
 * A data set over the caller's arrays.
 *
 * @param shape  borrowed during the call.
 * @param x      [rows, inputs], finite; borrowed for the life of the data set.
 * @param y      [rows, targets], finite; borrowed for the life of the data set. Labels are class numbers.
 * @param data   out; freed by strata_dataset_destroy.
 * @return STRATA_OK; STRATA_ERR_ARGUMENT (a size of 0, a label that is no class, a number that is not finite, with its
 *         row); STRATA_ERR_TOO_LARGE; STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_dataset_create(strata_context *ctx, const strata_dataset_shape *shape,
                                                    const float *x, const float *y, strata_dataset **data);

/** strata_dataset_create with copies of `x` and `y`, which are free to go afterwards. */
STRATA_MUST_USE strata_status strata_dataset_create_copy(strata_context *ctx, const strata_dataset_shape *shape,
                                                         const float *x, const float *y, strata_dataset **data);

/**
 * Samples `first`..`first + rows - 1` of a teacher, with its noise on the training part.
 *
 * @return STRATA_OK; STRATA_ERR_ARGUMENT (no rows, no such part); STRATA_ERR_TOO_LARGE; STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_dataset_create_from_teacher(strata_context *ctx, const strata_teacher *teacher,
                                                                 strata_part part, uint64_t first, size_t rows,
                                                                 strata_dataset **data);

/**
 * Reads a table (.csv, with or without a header line), an array (.npy of rank 1 to 4) or pictures (IDX, and
 * CIFAR-10's .bin, which are always of ten classes; scaled to [0, 1]). Pictures in an array or IDX file need
 * `targets_path` or `unlabelled`. Labels must be whole numbers from 0; the largest tells the number of classes.
 *
 * @param file  borrowed during the call.
 * @return STRATA_OK; STRATA_ERR_NOT_FOUND (no file, no such column: the nearest one is named); STRATA_ERR_FORMAT (with
 *         path and line, byte or row); STRATA_ERR_ARGUMENT; STRATA_ERR_IO; STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_dataset_read(strata_context *ctx, const strata_dataset_file *file,
                                                  strata_dataset **data);

/**
 * A known data set ("fashion-mnist", "mnist", "cifar10"): pictures in [0, 1] with class labels.
 *
 * @param folder  looked in first; NULL: only $STRATA_DATA, ~/.local/share/strata and the system's packages.
 * @param train   out; NULL: not wanted.
 * @param test    out; NULL: not wanted.
 * @return STRATA_OK; STRATA_ERR_NOT_FOUND (says where it was looked for and how to fetch it); STRATA_ERR_FORMAT;
 *         STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_dataset_load(strata_context *ctx, const char *name, const char *folder,
                                                  strata_dataset **train, strata_dataset **test);

/**
 * The first `rows` rows (all, if there are fewer) as a copy.
 *
 * @return STRATA_OK; STRATA_ERR_ARGUMENT (no rows); STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_dataset_take(strata_context *ctx, const strata_dataset *data, size_t rows,
                                                  strata_dataset **taken);

/**
 * Shuffles the rows by `seed` and splits them in two, as copies.
 *
 * @param rows   of the first part: 1 .. rows of `data` - 1.
 * @param first  out. @param rest  out.
 * @return STRATA_OK; STRATA_ERR_ARGUMENT (`rows`); STRATA_ERR_TOO_LARGE (2^32 rows); STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_dataset_split(strata_context *ctx, const strata_dataset *data, size_t rows,
                                                   uint64_t seed, strata_dataset **first, strata_dataset **rest);

/**
 * A copy whose inputs have mean 0 and sd 1 over the rows of `reference` (the training set, also for test rows); a
 * column that is constant there is only centred. Targets stay as they are.
 *
 * @return STRATA_OK; STRATA_ERR_ARGUMENT (other inputs); STRATA_ERR_MEMORY.
 */
STRATA_MUST_USE strata_status strata_dataset_create_standardised(strata_context *ctx, const strata_dataset *reference,
                                                                 const strata_dataset *data,
                                                                 strata_dataset **standardised);

/** Sizes. */
strata_dataset_shape strata_dataset_get_shape(const strata_dataset *data);

/** [rows, inputs], valid as long as the data set. */
const float *strata_dataset_inputs(const strata_dataset *data);

/** [rows, targets], valid as long as the data set. */
const float *strata_dataset_targets(const strata_dataset *data);

/**
 * Names of a table's input columns, one a line, as strata_dataset_file takes them; NULL where the file had no header.
 * Valid as long as the data set.
 */
const char *strata_dataset_columns(const strata_dataset *data);

/** Name of a table's target column; NULL where the file had no header or no such column. */
const char *strata_dataset_target(const strata_dataset *data);

/** Frees a data set, not the arrays it borrowed; NULL is fine. Learners made from it must be gone. */
void strata_dataset_destroy(strata_dataset *data);

STRATA_END
#endif
