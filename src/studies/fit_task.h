/* SPDX-License-Identifier: MIT */
/* Fitting a learner inside a task: begins where a checkpoint ended, reports progress, saves when it is due. */
#ifndef STUDIES_FIT_TASK_H
#define STUDIES_FIT_TASK_H

#include "learn/learner.h"
#include "run/study.h"

/**
 * A learner with the task's settings and streams, in the state of its last checkpoint.
 *
 * @param source   borrowed for the learner's life.
 * @param learner  out, owned by the caller (also on failure; may be NULL).
 */
STRATA_MUST_USE strata_status fit_task_begin(strata_context *ctx, struct task_run *run, const char *name,
                                             struct sample_source *source, struct learner **learner);

/**
 * Fits it to its end.
 *
 * @param watch  its `user`, `observe` and `observe_due` alone are read; NULL: nothing is observed.
 * Errors: DIVERGED with the task marked so, INTERRUPTED with a checkpoint written, those of the learner and of `watch`.
 */
STRATA_MUST_USE strata_status fit_task_finish(strata_context *ctx, struct task_run *run, struct learner *learner,
                                              const struct fit_hooks *watch);

/** Both, without a look in between. */
STRATA_MUST_USE strata_status fit_task(strata_context *ctx, struct task_run *run, const char *name,
                                       struct sample_source *source, struct learner **learner);

#endif
