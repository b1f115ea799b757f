/* SPDX-License-Identifier: MIT */
/* What studies refuse in the same words before anything is written, and how they find the function of a task. */
#ifndef STUDIES_CHECKS_H
#define STUDIES_CHECKS_H

#include "run/study.h"

/** Refuses a list of numbers that does not rise, or has fewer than `least` or more than `most`. CONFIG. */
STRATA_MUST_USE strata_status check_rising(strata_context *ctx, const struct settings *settings, const char *key,
                                           size_t least, size_t most);

/** A kind of task and what runs it; tables end with kind NULL. */
struct task_kind {
    const char *kind;
    strata_status (*run)(strata_context *ctx, struct task_run *run);
};

/** Runs a task by the table. INTERNAL where the kind is missing. */
STRATA_MUST_USE strata_status run_by_kind(strata_context *ctx, struct task_run *run, const struct task_kind *kinds);

#endif
