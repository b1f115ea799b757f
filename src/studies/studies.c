/* SPDX-License-Identifier: MIT */
#include "studies/studies.h"

#include <string.h>

const struct study *const study_table[] = {NULL}; /* ends with NULL */
const size_t study_table_size = sizeof study_table / sizeof *study_table - 1;

const struct study *study_find(const char *name) {
    for (size_t i = 0; i < study_table_size; ++i)
        if (strcmp(study_table[i]->name, name) == 0) return study_table[i];
    return NULL;
}
