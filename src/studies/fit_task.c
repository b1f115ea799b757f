/* SPDX-License-Identifier: MIT */
#include "studies/fit_task.h"

struct fit {
    strata_context *ctx;
    struct task_run *run;
    struct fit_hooks watch;
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

static strata_status observe(void *user, struct learner *learner, const struct fit_point *point) {
    const struct fit *fit = user;
    return fit->watch.observe(fit->watch.user, learner, point);
}

static bool observe_due(void *user, const struct fit_point *point) {
    const struct fit *fit = user;
    return fit->watch.observe_due(fit->watch.user, point);
}

strata_status fit_task_begin(strata_context *ctx, struct task_run *run, const char *name, struct sample_source *source,
                             struct learner **learner) {
    const struct learner_request request = {.settings = task_run_settings(run),
                                            .train = source,
                                            .seed = settings_count(task_run_settings(run), "study.seed"),
                                            .replicate = task_run_task(run)->replicate};
    *learner = NULL;
    STRATA_TRY(learner_create(ctx, name, &request, learner));
    return task_state(run) ? learner_load(ctx, *learner, task_state(run)) : STRATA_OK;
}

strata_status fit_task_finish(strata_context *ctx, struct task_run *run, struct learner *learner,
                              const struct fit_hooks *watch) {
    struct fit fit = {ctx, run, watch ? *watch : (struct fit_hooks){0}};
    const struct fit_hooks hooks = {.user = &fit,
                                    .step = after_step,
                                    .observe = fit.watch.observe ? observe : NULL,
                                    .observe_due = fit.watch.observe_due ? observe_due : NULL,
                                    .checkpoint = checkpoint};
    strata_status status = learner_fit(ctx, learner, &hooks);
    if (status == STRATA_ERR_DIVERGED) STRATA_TRY(task_diverged(ctx, run, learner->diverged_step));
    return status;
}

strata_status fit_task(strata_context *ctx, struct task_run *run, const char *name, struct sample_source *source,
                       struct learner **learner) {
    STRATA_TRY(fit_task_begin(ctx, run, name, source, learner));
    return fit_task_finish(ctx, run, *learner, NULL);
}
