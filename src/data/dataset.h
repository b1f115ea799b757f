/* SPDX-License-Identifier: MIT */
/* Rows of inputs and targets in memory, and the readers that make them from files. */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/file.h"
#include "core/rng.h"
#include "core/status.h"

enum learning_task { TASK_REGRESSION, TASK_BINARY, TASK_MULTICLASS };

/** Owns x and y. Labels are class numbers as floats: 0/1 for TASK_BINARY. */
struct dataset {
    enum learning_task task;
    size_t rows, inputs; /* x: [rows, inputs] */
    size_t outputs;      /* y: [rows, outputs]; 1 for labels */
    size_t classes;      /* 0 for regression */
    size_t image[3];     /* channels, height, width when the rows are pictures, else 0 */
    float *x, *y;
};

/** Zeroed x and y for the rows, inputs and outputs already set. ERR_TOO_LARGE, ERR_MEMORY (nothing to destroy). */
STRATA_MUST_USE strata_status dataset_allocate(strata_context *ctx, struct dataset *data);
/** Frees x and y and forgets them; a zeroed set and NULL are fine. */
void dataset_destroy(struct dataset *data);

/**
 * Rows `order[first..first+count)` (NULL: as they stand) as a new dataset. ERR_ARGUMENT when they are not all there.
 */
STRATA_MUST_USE strata_status dataset_take(strata_context *ctx, const struct dataset *from, const uint32_t *order,
                                           size_t first, size_t count, struct dataset *to);

/**
 * `count` rows in the order that the stream draws for all: a smaller count gives the first of them. Errors: MEMORY,
 * those of dataset_take.
 */
STRATA_MUST_USE strata_status dataset_draw(strata_context *ctx, const struct dataset *from, struct rng_stream stream,
                                           size_t count, struct dataset *to);

/**
 * Pictures averaged over squares of `side` x `side` pixels, in place. ERR_ARGUMENT for rows that are no pictures, or
 * a side that does not divide them.
 */
STRATA_MUST_USE strata_status dataset_shrink(strata_context *ctx, struct dataset *data, size_t side);

/** Column means and standard deviations of x ([inputs] each); a constant column has sd 1. */
void dataset_moments(const struct dataset *data, double *mean, double *sd);
/** x = (x - mean) / sd in place. */
void dataset_standardise(struct dataset *data, const double *mean, const double *sd);

/* ---- readers: one bounded parser a file; every fault names path and line, byte or row ---- */

/** IDX (ubyte, one to four dimensions), plain or gzip. `dims` [4], unused = 1. Data owned by the caller. */
STRATA_MUST_USE strata_status idx_read(strata_context *ctx, const char *path, unsigned *rank, size_t dims[4],
                                       uint8_t **values);
/** The first `rows` rows of a file of more than that: the rest is neither inflated nor looked at. */
STRATA_MUST_USE strata_status idx_read_rows(strata_context *ctx, const char *path, size_t rows, unsigned *rank,
                                            size_t dims[4], uint8_t **values);
STRATA_MUST_USE strata_status idx_parse(strata_context *ctx, const char *path, const void *bytes, size_t size,
                                        unsigned *rank, size_t dims[4], uint8_t **values);

/**
 * Numeric table with an optional header line (a first line with any field that is no number).
 * Commas separate; fields may be quoted ("" inside is a quote); CR LF and a final line without LF are fine;
 * blank lines are skipped. Refused with line and column: ragged rows, text or nothing where a number belongs,
 * names that repeat or are empty, an open quote, a NUL byte, no rows.
 */
struct csv_table {
    size_t rows, columns;
    char **names;   /* [columns]; "column_1"... without a header */
    double *values; /* [rows, columns] */
};
STRATA_MUST_USE strata_status csv_read(strata_context *ctx, const char *path, struct csv_table *table);
STRATA_MUST_USE strata_status csv_parse(strata_context *ctx, const char *path, const char *text, size_t size,
                                        struct csv_table *table);
void csv_destroy(struct csv_table *table);

/** .npy versions 1 to 3, little-endian f4 f8 i4 i8 u1 b1, C or Fortran order, converted to double in C order. */
struct npy_array {
    unsigned rank;
    size_t dims[8];
    double *values;
};
STRATA_MUST_USE strata_status npy_read(strata_context *ctx, const char *path, struct npy_array *array);
STRATA_MUST_USE strata_status npy_parse(strata_context *ctx, const char *path, const void *bytes, size_t size,
                                        struct npy_array *array);
void npy_destroy(struct npy_array *array);
/** Writes '<f8' (or '<f4' when `single`), C order, version 1, atomically. */
STRATA_MUST_USE strata_status npy_write(strata_context *ctx, const char *path, unsigned rank, const size_t *dims,
                                        const double *values, bool single);

/** One file of CIFAR-10's binary records: pixels in [0, 1], ten classes. ERR_FORMAT names byte and row. */
STRATA_MUST_USE strata_status cifar_read(strata_context *ctx, const char *path, struct dataset *data);

/* ---- known data sets, in a table ---- */

/** A file of a known data set at its public address. */
struct data_file {
    const char *name;    /* in the set's folder */
    const char *address; /* of the folder that it is in, ending in '/' */
    const char *md5;     /* 32 hexadecimal digits, as the set's own page gives them */
};

struct data_source {
    const char *name;         /* "fashion-mnist" */
    const char *summary;      /* one line: what, how many, shape, licence */
    const char *folder;       /* below --data, $STRATA_DATA, ~/.local/share/strata: "fashion-mnist" */
    const char *marker;       /* a file that tells it is there, plain or with .gz */
    const char *const *parts; /* all files that `load` may read, likewise; ends with NULL */
    const char *package;      /* Debian package that ships it, or NULL */
    const char *package_folder;
    const struct data_file *files; /* for `strata data get`; ends with name NULL */
    bool archive;                  /* each is a .tar.gz whose plain files belong into the folder */
    /* `train` or `test` may be NULL: not wanted. */
    /* At most `train_rows` training rows (SIZE_MAX: all). */
    strata_status (*load)(strata_context *ctx, const char *folder, size_t train_rows, struct dataset *train,
                          struct dataset *test);
};
extern const struct data_source *const data_table[];
extern const size_t data_table_size;
const struct data_source *data_find(const char *name);

/**
 * The folder that holds a known data set: DIR/folder or DIR itself (unless that is another set's), from `data_folder`
 * (--data; NULL: skip), $STRATA_DATA, ~/.local/share/strata, the package's folder. ERR_NOT_FOUND names all places
 * tried, the package and `strata data get NAME`. `path` is a fresh string.
 */
STRATA_MUST_USE strata_status data_locate(strata_context *ctx, const struct data_source *source,
                                          const char *data_folder, char **path);

/**
 * data_locate, then a checksum over names and bytes of the files that loading reads. Errors: those of data_locate,
 * IO, MEMORY, TOO_LARGE.
 */
STRATA_MUST_USE strata_status data_checksum(strata_context *ctx, const struct data_source *source,
                                            const char *data_folder, uint64_t *checksum);

/**
 * data_locate, then load: pixels scaled to [0, 1], labels as class numbers, rows as the files order them.
 * `train` or `test` may be NULL.
 */
STRATA_MUST_USE strata_status data_load(strata_context *ctx, const char *name, const char *data_folder,
                                        struct dataset *train, struct dataset *test);

/** The same with the first `train_rows` training rows at most: others take no memory. */
STRATA_MUST_USE strata_status data_load_some(strata_context *ctx, const char *name, const char *data_folder,
                                             size_t train_rows, struct dataset *train, struct dataset *test);

#endif
