/* SPDX-License-Identifier: MIT */
#include "run/figure_tiles.h"

#include <string.h>

#include "data/dataset.h"

strata_status tiles_write(strata_context *ctx, const char *path, const size_t dims[3], const double *values) {
    return npy_write(ctx, path, 3, dims, values, false);
}

strata_status tiles_read(strata_context *ctx, const char *path, size_t dims[3], double **values) {
    struct npy_array array = {0};
    STRATA_TRY(npy_read(ctx, path, &array));
    if (array.rank != 3) {
        strata_status status = strata_fail(
            ctx, STRATA_ERR_FORMAT, "%s: expected shape [count, height, width], found %u dimensions", path, array.rank);
        npy_destroy(&array);
        return status;
    }
    memcpy(dims, array.dims, 3 * sizeof *dims);
    *values = array.values; /* the array owns nothing else */
    return STRATA_OK;
}
