/* SPDX-License-Identifier: MIT */
/* A learner's file, as HEADER NUL DATA: opened and used, or refused. */
#include "learner_use.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    size_t total;
    strata_learner *learner = NULL;
    uint8_t *bytes = foreign_tensors(data, size, &total);
    int file = foreign_open(bytes, total, path);
    if (strata_learner_open(foreign_context(), path, &learner) == STRATA_OK) use_learner(learner);
    strata_learner_destroy(learner);
    close(file);
    free(bytes);
    return 0;
}
