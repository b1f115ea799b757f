/* SPDX-License-Identifier: MIT */
/* Reading records seed by seed: what is missing, what diverged, and statistics over seeds. */
#ifndef STUDIES_LOOK_H
#define STUDIES_LOOK_H

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

/* Array `key` of that task: how many numbers it has, and where they are; 0 when it is missing. */
size_t look_array(struct look *look, const char *key, const double **values, const char *learner,
                  const char *case_format, ...) __attribute__((format(printf, 5, 6)));

/*
 * One number a seed for a claim. A claim whose tasks were not planned (a learner left out of a list) is left out; a
 * missing number of a planned one is a divergence.
 */
strata_status look_claim(strata_context *ctx, const struct records *records, struct summary *summary, const char *id,
                         size_t seeds, double (*value)(struct look *look));

/* One row of a table: texts, then numbers; an infinite one is an empty cell. */
strata_status look_row(strata_context *ctx, struct summary *summary, const char *table, size_t text_count,
                       const char *const *texts, size_t count, const double *values);

/* a / b after flooring both at 1e-6. */
double look_ratio(double a, double b);

/* Geometric mean and 95 % interval of a record over seeds 1..seeds; false when no task has it. */
bool look_interval(const struct records *records, size_t seeds, const char *key, const char *learner, const char *case_,
                   enum interval_scale scale, struct interval *interval);

#endif
