/* SPDX-License-Identifier: MIT */
/* Learning rate over a fit, as a factor of the base rate. */
#ifndef LEARN_SCHEDULE_H
#define LEARN_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>

struct schedule {
    const char *name, *summary;
    /** Factor after warm-up at fraction `progress` in [0, 1) of the rest. */
    double (*factor)(double progress);
};

extern const struct schedule schedule_table[];
extern const size_t schedule_table_size;

/** NULL when unknown. */
const struct schedule *schedule_find(const char *name);

/** Factor for step 0 <= step < total: linear from 1/warmup to 1 over `warmup` steps, then the schedule's curve. */
double schedule_factor(const struct schedule *schedule, size_t step, size_t total, size_t warmup);

#endif
