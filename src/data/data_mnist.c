/* SPDX-License-Identifier: MIT */
/* MNIST and the sets that share its files: 28 x 28 grey pictures of ten classes, IDX, plain or gzip. */
#include <string.h>

#include "core/memory.h"
#include "data/data_table.h"
#include "data/dataset.h"

enum { CLASSES = 10 };

/* The file STEM-PART of the folder, plain or with .gz; *path = NULL when it is not there. */
static strata_status find_file(strata_context *ctx, const char *folder, const char *stem, const char *part,
                               char **path) {
    char *name = string_format("%s-%s", stem, part);
    if (!name) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a path in %s", folder);
    strata_status status = data_find_file(ctx, folder, name, path);
    mem_free(name);
    return status;
}

/* Pixels to [0, 1] and labels to class numbers. */
static strata_status convert(strata_context *ctx, const char *images_path, const char *labels_path,
                             const size_t dims[4], const uint8_t *pixels, size_t label_count, const uint8_t *labels,
                             size_t rows, struct dataset *data) {
    if (label_count != dims[0])
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: expected a label for each of the %zu images of %s, got %zu",
                           labels_path, dims[0], images_path, label_count);
    if (dims[0] == 0 || dims[1] == 0 || dims[2] == 0)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: expected images, got %zu of %zu x %zu pixels", images_path,
                           dims[0], dims[1], dims[2]);
    for (size_t r = 0; r < label_count; ++r)
        if (labels[r] >= CLASSES)
            return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: row %zu: expected a label of 0 to %d, got %u", labels_path,
                               r, CLASSES - 1, labels[r]);
    struct dataset result = {.task = TASK_MULTICLASS,
                             .rows = dims[0] < rows ? dims[0] : rows,
                             .inputs = dims[1] * dims[2],
                             .outputs = 1,
                             .classes = CLASSES,
                             .image = {1, dims[1], dims[2]}};
    STRATA_TRY(dataset_allocate(ctx, &result));
    for (size_t i = 0; i < result.rows * result.inputs; ++i) result.x[i] = (float)pixels[i] / 255.0f;
    for (size_t r = 0; r < result.rows; ++r) result.y[r] = (float)labels[r];
    *data = result;
    return STRATA_OK;
}

static strata_status read_ranked(strata_context *ctx, const char *path, unsigned expected, size_t rows, size_t dims[4],
                                 uint8_t **values) {
    unsigned rank;
    STRATA_TRY(idx_read_rows(ctx, path, rows, &rank, dims, values));
    if (rank == expected) return STRATA_OK;
    mem_free(*values);
    *values = NULL;
    return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: byte 3: expected %u dimensions, got %u", path, expected, rank);
}

/* One half of the set; `stems` in order of preference, ended by NULL. */
static strata_status load_half(strata_context *ctx, const char *folder, const char *const *stems, size_t rows,
                               struct dataset *data) {
    char *images_path = NULL, *labels_path = NULL;
    uint8_t *pixels = NULL, *labels = NULL;
    size_t dims[4], label_dims[4];
    strata_status status = STRATA_OK;
    const char *const *stem = stems;
    STRATA_GO(find_file(ctx, folder, *stem, "images-idx3-ubyte", &images_path));
    while (!images_path && stem[1]) STRATA_GO(find_file(ctx, folder, *++stem, "images-idx3-ubyte", &images_path));
    if (images_path) STRATA_GO(find_file(ctx, folder, *stem, "labels-idx1-ubyte", &labels_path));
    if (!labels_path) {
        if (!images_path) stem = stems;
        status = strata_fail(ctx, STRATA_ERR_NOT_FOUND, "%s: no file %s-%s, plain or with .gz", folder, *stem,
                             images_path ? "labels-idx1-ubyte" : "images-idx3-ubyte");
        goto cleanup;
    }
    STRATA_GO(read_ranked(ctx, images_path, 3, rows, dims, &pixels));
    STRATA_GO(read_ranked(ctx, labels_path, 1, rows, label_dims, &labels));
    STRATA_GO(convert(ctx, images_path, labels_path, dims, pixels, label_dims[0], labels, rows, data));
cleanup:
    mem_free(images_path);
    mem_free(labels_path);
    mem_free(pixels);
    mem_free(labels);
    return status;
}

static strata_status mnist_load(strata_context *ctx, const char *folder, size_t train_rows, struct dataset *train,
                                struct dataset *test) {
    static const char *const train_stems[] = {"train", "train10k", NULL}, *const test_stems[] = {"t10k", NULL};
    struct dataset first = {0};
    if (train) STRATA_TRY(load_half(ctx, folder, train_stems, train_rows, &first));
    if (test) {
        strata_status status = load_half(ctx, folder, test_stems, SIZE_MAX, test);
        if (status != STRATA_OK) {
            dataset_destroy(&first);
            return status;
        }
    }
    if (train) *train = first;
    return STRATA_OK;
}

static const char FASHION[] = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/";
static const char DIGITS[] = "https://ossci-datasets.s3.amazonaws.com/mnist/";

static const struct data_file fashion_files[] = {
    {"train-images-idx3-ubyte.gz", FASHION, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"},
    {"train-labels-idx1-ubyte.gz", FASHION, "25c81989df183df01b3e8a0aad5dffbe"},
    {"t10k-labels-idx1-ubyte.gz", FASHION, "bb300cfdad3c16e7a12a480ee83cd310"},
    {"t10k-images-idx3-ubyte.gz", FASHION, "bef4ecab320f06d8554ea6380940ec79"},
    {NULL, NULL, NULL},
};

static const struct data_file mnist_files[] = {
    {"train-images-idx3-ubyte.gz", DIGITS, "f68b3c2dcbeaaa9fbdd348bbdeb94873"},
    {"train-labels-idx1-ubyte.gz", DIGITS, "d53e105ee54ea40749a09fcbcd1e9432"},
    {"t10k-labels-idx1-ubyte.gz", DIGITS, "ec29112dd5afa0611ce80d1b7f02629c"},
    {"t10k-images-idx3-ubyte.gz", DIGITS, "9fb629c4189551a2d022fa330f9573f3"},
    {NULL, NULL, NULL},
};

static const char *const parts[] = {"train-images-idx3-ubyte",
                                    "train-labels-idx1-ubyte",
                                    "train10k-images-idx3-ubyte",
                                    "train10k-labels-idx1-ubyte",
                                    "t10k-images-idx3-ubyte",
                                    "t10k-labels-idx1-ubyte",
                                    NULL};

const struct data_source data_fashion_mnist = {
    .name = "fashion-mnist",
    .summary = "pictures of clothes, 60,000 + 10,000, 28 x 28 grey, 10 classes (MIT licence)",
    .folder = "fashion-mnist",
    .package = "dataset-fashion-mnist",
    .package_folder = "/usr/share/datasets/fashion-mnist",
    .files = fashion_files,
    .marker = "t10k-images-idx3-ubyte",
    .parts = parts,
    .load = mnist_load,
};

const struct data_source data_mnist = {
    .name = "mnist",
    .summary = "handwritten digits, 60,000 (or the first 10,000) + 10,000, 28 x 28 grey, 10 classes",
    .folder = "mnist",
    .files = mnist_files,
    .marker = "t10k-images-idx3-ubyte",
    .parts = parts,
    .load = mnist_load,
};
