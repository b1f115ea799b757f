/* SPDX-License-Identifier: MIT */
/* Any bytes as config.ini of each study (the first byte): resolved and printed to what resolves again, or refused. */
#include "foreign.h"
#include "run/run.h"
#include "studies/studies.h"

static strata_status resolve(const struct study *study, const void *bytes, size_t size, struct settings **settings) {
    char path[64], from[66];
    int file = foreign_open(bytes, size, path);
    snprintf(from, sizeof from, "@%s", path);
    strata_status status = run_settings(foreign_context(), study, NULL, 1, (const char *const[]){from}, settings);
    close(file);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct settings *settings = NULL, *again = NULL;
    struct buffer text = {0};
    if (size == 0) return 0;
    const struct study *study = study_table[data[0] % study_table_size];
    if (resolve(study, data + 1, size - 1, &settings) != STRATA_OK) return 0;
    if (settings_print(foreign_context(), settings, &text) != STRATA_OK) abort();
    if (resolve(study, text.data, text.size, &again) != STRATA_OK) abort();
    for (size_t i = 0; i < settings_size(settings); ++i)
        if (strcmp(settings_value(settings, i), settings_value(again, i)) != 0) abort();
    settings_destroy(settings);
    settings_destroy(again);
    buffer_destroy(&text);
    return 0;
}
