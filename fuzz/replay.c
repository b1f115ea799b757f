/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target once over each file of its corpus, without libFuzzer: what was found once stays mended. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool replay(const char *folder, const char *name) {
    char path[4096];
    struct buffer bytes = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (file_read(NULL, path, 1 << 24, &bytes) != STRATA_OK) return false;
    uint8_t *exact = malloc(bytes.size ? bytes.size
                                       : 1); /* of the exact size, so that the sanitizer sees any overrun */
    if (!exact) return false;
    for (size_t i = 0; i < bytes.size; ++i) exact[i] = (uint8_t)bytes.data[i];
    LLVMFuzzerTestOneInput(exact, bytes.size);
    free(exact);
    buffer_destroy(&bytes);
    return true;
}

int main(int argc, char **argv) {
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    size_t count = 0;
    if (!folder) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
        return 2;
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        if (!replay(argv[1], entry->d_name)) {
            fprintf(stderr, "%s/%s: cannot be read\n", argv[1], entry->d_name);
            return 1;
        }
        ++count;
    }
    closedir(folder);
    return count ? 0 : 1;
}
