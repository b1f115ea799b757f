/* SPDX-License-Identifier: MIT */
/* Fitting a learner inside a task: begins where a checkpoint ended, reports progress, saves when it is due. */
#ifndef STUDIES_FIT_TASK_H
#define STUDIES_FIT_TASK_H

#include "learn/learner.h"
#include "run/study.h"

/**
 * @param name     of the learner; it reads the task's settings.
 * @param source   borrowed for the learner's life.
 * @param learner  out, owned by the caller (also on failure; may be NULL): fitted.
 * Errors: DIVERGED with the task marked so, INTERRUPTED with a checkpoint written, those of the learner.
 */
STRATA_MUST_USE strata_status fit_task(strata_context *ctx, struct task_run *run, const char *name,
                                       struct sample_source *source, struct learner **learner);

#endif
