/* SPDX-License-Identifier: MIT */
#include "studies/studies.h"

#include <string.h>

/* The table: one line a study. */
#define STUDY_LIST(X) X(bfc) X(kernels) X(overparam) X(depth) X(purify)

#define DECLARE(name) extern const struct study study_##name;
STUDY_LIST(DECLARE)
#undef DECLARE

#define ENTRY(name) &study_##name,
const struct study *const study_table[] = {STUDY_LIST(ENTRY)};
#undef ENTRY
const size_t study_table_size = sizeof study_table / sizeof *study_table;

const struct study *study_find(const char *name) {
    for (size_t i = 0; i < study_table_size; ++i)
        if (strcmp(study_table[i]->name, name) == 0) return study_table[i];
    return NULL;
}
