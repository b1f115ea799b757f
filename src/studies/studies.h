/* SPDX-License-Identifier: MIT */
/* The table of studies: one line a study in studies.c. */
#ifndef STUDIES_STUDIES_H
#define STUDIES_STUDIES_H

#include "run/study.h"

extern const struct study *const study_table[];
extern const size_t study_table_size;

/** NULL when there is none of that name. */
const struct study *study_find(const char *name);

#endif
