/* SPDX-License-Identifier: MIT */
/* Reading records seed by seed: what is missing, what diverged, and statistics over seeds. */
#ifndef STUDIES_BFC_BFC_LOOK_H
#define STUDIES_BFC_BFC_LOOK_H

#include "measure/interval.h"
#include "run/study.h"

enum { LOOK_MAX_SEEDS = 1000 };

/* One look at the records of one seed. */
struct look {
    const struct records *records;
    const struct settings *settings;
    size_t seed;
    bool absent;   /* a task was not planned, or its measure does not apply */
    char note[96]; /* first divergence met */
};

/* Record `key` of task LEARNER/CASE/seed=N, case in printf form; notes absence and divergence. */
double look_get(struct look *look, const char *key, const char *learner, const char *case_format, ...)
    __attribute__((format(printf, 4, 5)));

/* a / b after flooring both at 1e-6. */
double look_ratio(double a, double b);

/* Geometric mean and 95 % interval of a record over seeds 1..seeds; false when no task has it. */
bool look_interval(const struct records *records, size_t seeds, const char *key, const char *learner, const char *case_,
                   enum interval_scale scale, struct interval *interval);

/* Training samples at which a learner's error falls through 1 % in a dimension: +-Inf outside the grid `size_key`, NaN after a divergence. */
double bfc_samples_needed(struct look *look, const char *learner, const char *size_key, size_t dimension);

#endif
