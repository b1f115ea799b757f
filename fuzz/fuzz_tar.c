/* SPDX-License-Identifier: MIT */
/* Any bytes as a tar archive, gzip or not: unpacked below the folder and nowhere else, or refused. */
#include "data/fetch.h"
#include "foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64], folder[128];
    int file = foreign_open(data, size, path);
    snprintf(folder, sizeof folder, "%s/out", foreign_folder());
    if (file_make_folder(foreign_context(), folder) != STRATA_OK) abort();
    strata_status status = tar_unpack(foreign_context(), path, folder);
    if (status != STRATA_OK && status != STRATA_ERR_FORMAT && status != STRATA_ERR_NOT_FOUND) abort();
    foreign_empty(folder);
    rmdir(folder);
    foreign_empty(foreign_folder()); /* nothing of it may have gone here */
    close(file);
    return 0;
}
