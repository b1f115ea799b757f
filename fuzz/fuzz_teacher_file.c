/* SPDX-License-Identifier: MIT */
/* teacher.file: a byte for the format, one for the depth, one for the dimension, then .npy or HEADER NUL DATA. */
#include "data/teacher.h"
#include "foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { HEAD = 3 };
    static const struct setting *const tables[] = {teacher_settings};
    char path[128], number[32];
    struct settings *settings;
    size_t total;
    if (size < HEAD) return 0;
    uint8_t *bytes = foreign_tensors(data + HEAD, size - HEAD, &total);
    if (data[0] & 1)
        foreign_write("teacher.npy", data + HEAD, size - HEAD, path);
    else
        foreign_write("teacher.safetensors", bytes, total, path);
    if (settings_create(foreign_context(), 1, tables, &settings) != STRATA_OK) abort();
    bool set = settings_set(foreign_context(), settings, "fuzz", "teacher.kind", "matrix") == STRATA_OK &&
               settings_set(foreign_context(), settings, "fuzz", "teacher.file", path) == STRATA_OK;
    snprintf(number, sizeof number, "%u", 1u + data[1] % 4);
    set = set && settings_set(foreign_context(), settings, "fuzz", "teacher.depth", number) == STRATA_OK;
    snprintf(number, sizeof number, "%u", 1u + data[2]);
    if (set && settings_set(foreign_context(), settings, "fuzz", "data.dimension", number) == STRATA_OK &&
        teacher_check(foreign_context(), settings) == STRATA_ERR_INTERNAL)
        abort();
    settings_destroy(settings);
    free(bytes);
    return 0;
}
