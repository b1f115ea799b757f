/* SPDX-License-Identifier: MIT */
/* Learners of low complexity, trained adversarially and attacked as strongly as the network. */
#include "studies/fit_task.h"
#include "studies/purify/purify.h"

strata_status purify_run_baseline(strata_context *ctx, struct task_run *run) {
    const char *name = task_run_task(run)->learner;
    struct sparse_coding coding = {0};
    struct purify_test test = {0};
    struct sample_source *source = NULL;
    struct learner *learner = NULL;
    strata_status status = STRATA_OK;
    STRATA_GO(purify_coding(ctx, run, false, false, &coding));
    STRATA_GO(source_from_sparse_coding(ctx, &coding, 0, &source));
    STRATA_GO(fit_task(ctx, run, name, source, &learner));
    STRATA_GO(purify_test_create(ctx, run, &coding, &test));
    const strata_function function = learner_function(learner, test.inputs, 1);
    STRATA_GO(purify_attack(ctx, run, "fit", &function, NULL, &test));
    STRATA_GO(purify_along(ctx, run, "fit", &function, &coding, &test));
cleanup:
    learner_destroy(learner);
    source_destroy(source);
    purify_test_destroy(&test);
    sparse_coding_destroy(&coding);
    return status;
}
