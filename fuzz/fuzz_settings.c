/* SPDX-License-Identifier: MIT */
/* Any text as the value of a setting of each type: refused, or printed and taken again as the same text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct setting rows[] = {
    {"a.number", SETTING_NUMBER, "1", -1e300, 1e300, NULL, ""}, {"a.count", SETTING_COUNT, "1", 0.0, 0.0, NULL, ""},
    {"a.flag", SETTING_FLAG, "true", 0.0, 0.0, NULL, ""},       {"a.text", SETTING_TEXT, "", 0.0, 0.0, NULL, ""},
    {"a.choice", SETTING_CHOICE, "x", 0.0, 0.0, "x|yy", ""},    {"a.numbers", SETTING_NUMBERS, "1", 0.0, 0.0, NULL, ""},
    {"a.names", SETTING_NAMES, "x", 0.0, 0.0, NULL, ""},        {0}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct setting *const tables[] = {rows};
    struct settings *settings, *copy;
    char *text = mem_zero(size + 1, 1);
    if (!text || settings_create(NULL, 1, tables, &settings) != STRATA_OK) abort();
    if (size) memcpy(text, data, size);
    for (size_t i = 0; rows[i].key; ++i) {
        if (settings_set(NULL, settings, "fuzz", rows[i].key, text) != STRATA_OK) continue;
        if (settings_copy(NULL, settings, &copy) != STRATA_OK) abort();
        if (strcmp(settings_value(copy, i), settings_value(settings, i)) != 0) abort();
        settings_destroy(copy);
    }
    settings_destroy(settings);
    mem_free(text);
    return 0;
}
