/* SPDX-License-Identifier: MIT */
/* Any bytes as an INI file: parsed or refused; what is parsed keeps the limits the format promises. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/ini.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ini_file file = {0};
    if (ini_read_bytes(NULL, "fuzz", (const char *)data, size, &file) != STRATA_OK) return 0;
    for (size_t i = 0; i < file.count; ++i) {
        const struct ini_entry *entry = &file.entries[i];
        bool good = ini_name_valid(entry->section, strlen(entry->section)) &&
                    ini_name_valid(entry->key, strlen(entry->key)) && *entry->value &&
                    strlen(entry->value) <= INI_LINE_LIMIT && !ini_text_fault(entry->value, strlen(entry->value));
        if (!good) abort();
    }
    ini_destroy(&file);
    return 0;
}
