/* SPDX-License-Identifier: MIT */
/*
 * CIFAR-10, binary layout: records of one label byte and 32 x 32 pixels in three planes (red, green, blue);
 * data_batch_1.bin to data_batch_5.bin (those that are there) and test_batch.bin.
 * Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
 */
#include "core/memory.h"
#include "data/data_table.h"
#include "data/dataset.h"

enum { CLASSES = 10, CHANNELS = 3, SIDE = 32, PIXELS = CHANNELS * SIDE * SIDE, RECORD = 1 + PIXELS, BATCHES = 5 };
static const size_t MAX_BYTES = (size_t)256 << 20;

/* Appends the file to `bytes`, after checking its records. */
static strata_status append_records(strata_context *ctx, const char *path, struct buffer *bytes) {
    size_t before = bytes->size;
    STRATA_TRY(file_read(ctx, path, MAX_BYTES, bytes));
    size_t size = bytes->size - before;
    if (size == 0 || size % RECORD)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: expected records of %d bytes, got a file of %zu", path,
                           (int)RECORD, size);
    for (size_t at = before; at < bytes->size; at += RECORD)
        if ((unsigned char)bytes->data[at] >= CLASSES)
            return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: byte %zu (row %zu): expected a label of 0 to %d, got %u",
                               path, at - before, (at - before) / RECORD, CLASSES - 1,
                               (unsigned)(unsigned char)bytes->data[at]);
    return STRATA_OK;
}

/* The same of FOLDER/NAME. An absent file is fine when `optional`. */
static strata_status append_file(strata_context *ctx, const char *folder, const char *name, bool optional,
                                 struct buffer *bytes) {
    char *path = string_format("%s/%s", folder, name);
    if (!path) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a path in %s", folder);
    strata_status status = optional && !file_exists(path) ? STRATA_OK : append_records(ctx, path, bytes);
    mem_free(path);
    return status;
}

static strata_status convert(strata_context *ctx, const struct buffer *bytes, struct dataset *data) {
    struct dataset result = {.task = TASK_MULTICLASS,
                             .rows = bytes->size / RECORD,
                             .inputs = PIXELS,
                             .outputs = 1,
                             .classes = CLASSES,
                             .image = {CHANNELS, SIDE, SIDE}};
    STRATA_TRY(dataset_allocate(ctx, &result));
    for (size_t r = 0; r < result.rows; ++r) {
        const unsigned char *record = (const unsigned char *)bytes->data + r * RECORD;
        result.y[r] = (float)record[0];
        for (size_t i = 0; i < PIXELS; ++i) result.x[r * PIXELS + i] = (float)record[1 + i] / 255.0f;
    }
    *data = result;
    return STRATA_OK;
}

strata_status cifar_read(strata_context *ctx, const char *path, struct dataset *data) {
    struct buffer bytes = {0};
    strata_status status = append_records(ctx, path, &bytes);
    if (status == STRATA_OK) status = convert(ctx, &bytes, data);
    buffer_destroy(&bytes);
    return status;
}

/* BATCHES of training, then the test batch. */
static const char *const parts[] = {"data_batch_1.bin",
                                    "data_batch_2.bin",
                                    "data_batch_3.bin",
                                    "data_batch_4.bin",
                                    "data_batch_5.bin",
                                    "test_batch.bin",
                                    NULL};

static strata_status load_train(strata_context *ctx, const char *folder, size_t rows, struct dataset *train) {
    struct buffer bytes = {0};
    strata_status status = STRATA_OK;
    for (size_t i = 0; i < BATCHES; ++i) STRATA_GO(append_file(ctx, folder, parts[i], i > 0, &bytes));
    if (rows < bytes.size / RECORD) bytes.size = rows * RECORD;
    STRATA_GO(convert(ctx, &bytes, train));
cleanup:
    buffer_destroy(&bytes);
    return status;
}

static strata_status load_test(strata_context *ctx, const char *folder, struct dataset *test) {
    struct buffer bytes = {0};
    strata_status status = append_file(ctx, folder, parts[BATCHES], false, &bytes);
    if (status == STRATA_OK) status = convert(ctx, &bytes, test);
    buffer_destroy(&bytes);
    return status;
}

static strata_status cifar_load(strata_context *ctx, const char *folder, size_t train_rows, struct dataset *train,
                                struct dataset *test) {
    struct dataset first = {0};
    if (train) STRATA_TRY(load_train(ctx, folder, train_rows, &first));
    strata_status status = test ? load_test(ctx, folder, test) : STRATA_OK;
    if (status != STRATA_OK)
        dataset_destroy(&first);
    else if (train)
        *train = first;
    return status;
}

static const struct data_file cifar_files[] = {
    {"cifar-10-binary.tar.gz", "https://www.cs.toronto.edu/~kriz/", "c32a1d4ab5d03f1284b67883e8d87530"},
    {NULL, NULL, NULL},
};

const struct data_source data_cifar10 = {
    .name = "cifar10",
    .summary = "photographs, 50,000 (or the first 10,000) + 10,000, 32 x 32 RGB, 10 classes",
    .folder = "cifar10",
    .files = cifar_files,
    .archive = true,
    .marker = "test_batch.bin",
    .parts = parts,
    .load = cifar_load,
};
