/* SPDX-License-Identifier: MIT */
/* Any bytes as CIFAR-10 records, as one file and as the folder of a set: labels are classes, pixels in [0, 1]. */
#include "data/data_table.h"
#include "foreign.h"

static void check(struct dataset *data) {
    for (size_t i = 0; i < data->rows; ++i)
        if (!(data->y[i] >= 0 && data->y[i] < (float)data->classes)) abort();
    for (size_t i = 0; i < data->rows * data->inputs; ++i)
        if (!(data->x[i] >= 0 && data->x[i] <= 1)) abort();
    dataset_destroy(data);
}

/* A byte for the rows wanted, two for where the second file begins, in records and bytes; then the files. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { HEAD = 3, RECORD = 3073 };
    char path[128];
    struct dataset train = {0}, test = {0};
    if (size < HEAD) return 0;
    size_t rows = data[0], cut = (size_t)data[1] * RECORD + data[2];
    data += HEAD, size -= HEAD;
    if (cut > size) cut = size;
    foreign_write("test_batch.bin", data + cut, size - cut, path);
    foreign_write("data_batch_1.bin", data, cut, path);
    if (cifar_read(foreign_context(), path, &train) == STRATA_OK) check(&train);
    if (data_cifar10.load(foreign_context(), foreign_folder(), rows, &train, &test) != STRATA_OK) return 0;
    check(&train);
    check(&test);
    return 0;
}
