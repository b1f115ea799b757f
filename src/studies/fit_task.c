/* SPDX-License-Identifier: MIT */
#include "studies/fit_task.h"

struct fit {
    strata_context *ctx;
    struct task_run *run;
};

static bool after_step(void *user, const struct fit_point *point) {
    const struct fit *fit = user;
    return task_progress(fit->run, (double)point->step / (double)point->total);
}

static strata_status checkpoint(void *user, struct learner *learner, const struct fit_point *point) {
    const struct fit *fit = user;
    struct tensor_file state = {0};
    strata_status status = learner_save(fit->ctx, learner, &state);
    if (status == STRATA_OK) status = task_checkpoint(fit->ctx, fit->run, &state, point->step);
    tensor_file_destroy(&state);
    return status;
}

strata_status fit_task(strata_context *ctx, struct task_run *run, const char *name, struct sample_source *source,
                       struct learner **learner) {
    struct fit fit = {ctx, run};
    const struct learner_request request = {.settings = task_run_settings(run),
                                            .train = source,
                                            .seed = settings_count(task_run_settings(run), "study.seed"),
                                            .replicate = task_run_task(run)->replicate};
    const struct fit_hooks hooks = {.user = &fit, .step = after_step, .checkpoint = checkpoint};
    *learner = NULL;
    STRATA_TRY(learner_create(ctx, name, &request, learner));
    if (task_state(run)) STRATA_TRY(learner_load(ctx, *learner, task_state(run)));
    strata_status status = learner_fit(ctx, *learner, &hooks);
    if (status == STRATA_ERR_DIVERGED) STRATA_TRY(task_diverged(ctx, run, (*learner)->diverged_step));
    return status;
}
