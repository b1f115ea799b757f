/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the user's data set. The first byte picks the kind of file, the second what is asked of it, the third
 * where a second file, of the targets, begins. What is read is finite, and its labels are classes.
 */
#include <math.h>
#include <strata/strata.h>

#include "foreign.h"

enum { HEAD = 3 };

static void check(const strata_dataset *data) {
    strata_dataset_shape shape = strata_dataset_get_shape(data);
    const float *x = strata_dataset_inputs(data), *y = strata_dataset_targets(data);
    size_t pixels = shape.picture[0] * shape.picture[1] * shape.picture[2];
    if (shape.rows == 0 || shape.inputs == 0 || shape.targets == 0 || (pixels && pixels != shape.inputs)) abort();
    for (size_t i = 0; i < shape.rows * shape.inputs; ++i)
        if (!isfinite(x[i])) abort();
    for (size_t i = 0; i < shape.rows * shape.targets; ++i)
        if (!isfinite(y[i]) || (shape.classes && !(y[i] >= 0 && y[i] < (float)shape.classes))) abort();
    if (strata_dataset_columns(data) && !*strata_dataset_columns(data)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"x.csv", "x.npy", "x-idx3-ubyte", "x.bin", "x.csv.gz"};
    char path[128], targets[128];
    strata_dataset *made = NULL;
    if (size < HEAD) return 0;
    unsigned kind = data[0] % 5, asked = data[1];
    bool two = asked & 1;
    size_t cut = two ? data[2] : size - HEAD;
    if (cut > size - HEAD) cut = size - HEAD;
    foreign_write(names[kind], data + HEAD, cut, path);
    foreign_write(kind == 1 ? "y.npy" : "y-idx1-ubyte", data + HEAD + cut, size - HEAD - cut, targets);
    strata_dataset_file file = strata_dataset_file_default(path);
    file.targets_path = two ? targets : NULL;
    file.unlabelled = asked & 2;
    file.target = asked & 4 ? "label" : NULL;
    file.columns = asked & 8 ? "b\na" : NULL;
    file.task = (strata_task)((asked >> 4) % 3);
    if (strata_dataset_read(foreign_context(), &file, &made) == STRATA_OK) check(made);
    strata_dataset_destroy(made);
    return 0;
}
