/* SPDX-License-Identifier: MIT */
#include "learn/schedule.h"

#include <math.h>
#include <string.h>

static double factor_constant(double progress) {
    (void)progress;
    return 1;
}

static double factor_step(double progress) { return progress < 0.5 ? 1 : progress < 0.75 ? 0.1 : 0.01; }

static double factor_cosine(double progress) { return 0.5 * (1 + cos(3.14159265358979323846 * progress)); }

/* Smith & Topin 2019: up from 1/25 over the first 30 %, then down to nearly zero, both along cosines. */
static double factor_one_cycle(double progress) {
    const double rise = 0.3, start = 1 / 25.0, end = 1e-4;
    if (progress < rise) return start + (1 - start) * (1 - factor_cosine(progress / rise));
    return end + (1 - end) * factor_cosine((progress - rise) / (1 - rise));
}

const struct schedule schedule_table[] = {
    {"constant", "the base rate throughout", factor_constant},
    {"step", "a tenth after half of the steps, a hundredth after three quarters", factor_step},
    {"cosine", "half a cosine wave to zero", factor_cosine},
    {"one_cycle", "up over 30 % of the steps, down to nearly zero (Smith & Topin 2019)", factor_one_cycle},
};
const size_t schedule_table_size = sizeof schedule_table / sizeof *schedule_table;

const struct schedule *schedule_find(const char *name) {
    for (size_t i = 0; i < schedule_table_size; ++i)
        if (strcmp(schedule_table[i].name, name) == 0) return &schedule_table[i];
    return NULL;
}

double schedule_factor(const struct schedule *schedule, size_t step, size_t total, size_t warmup) {
    if (step < warmup) return (double)(step + 1) / (double)warmup;
    return schedule->factor((double)(step - warmup) / (double)(total > warmup ? total - warmup : 1));
}
