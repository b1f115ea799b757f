/* SPDX-License-Identifier: MIT */
/*
 * Weights of PyTorch: five bytes for the architecture, the picture and the preprocessing, then HEADER NUL DATA.
 */
#include "learner_use.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { HEAD = 5, MOMENTS = 64 };
    static double mean[MOMENTS], sd[MOMENTS];
    char path[64];
    size_t total;
    strata_learner *learner = NULL;
    if (size < HEAD) return 0;
    for (size_t i = 0; i < MOMENTS; ++i) mean[i] = 0.5, sd[i] = 0.25 + (double)i;
    strata_import import = strata_import_default(data[0] & 1 ? "cnn_small" : "mlp_relu");
    for (size_t i = 0; i < 3; ++i) import.picture[i] = data[1 + i];
    import.moments = data[4] % MOMENTS;
    import.mean = mean;
    import.sd = sd;
    uint8_t *bytes = foreign_tensors(data + HEAD, size - HEAD, &total);
    int file = foreign_open(bytes, total, path);
    if (strata_learner_open_weights(foreign_context(), path, &import, &learner) == STRATA_OK) use_learner(learner);
    strata_learner_destroy(learner);
    close(file);
    free(bytes);
    return 0;
}
