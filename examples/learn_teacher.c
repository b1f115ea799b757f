/* SPDX-License-Identifier: MIT */
/*
 * Builds a teacher with known hidden features, fits a network to it once with all layers together and once layer by
 * layer, and reads both errors. Joint training is far better: training the upper layer corrects the lower one.
 *
 *     $ cc learn_teacher.c -o learn_teacher $(pkg-config --cflags --libs strata) && ./learn_teacher
 *     sgd_joint    test error 3.9e-05
 *     layerwise    test error 1.9e-03
 *
 * The error is the mean squared error over the variance of the target. Last digits differ between processors.
 */
#include <stdio.h>

#include <strata/strata.h>

int main(void) {
    const char *const learners[] = {"sgd_joint", "layerwise"};
    const char *const settings[] = {"network.hidden_width=16", "train.steps_per_stage=1500", NULL};
    strata_learner_options options = {.settings = settings, .seed = 1, .replicate = 1};
    strata_teacher_options wanted = strata_teacher_options_default();
    strata_context *ctx;
    strata_teacher *teacher = NULL;
    strata_dataset *test = NULL;
    double error = 0;
    if (strata_context_create(&ctx)) return 1;
    wanted.dimension = 10, wanted.width = 4;
    strata_status status = strata_teacher_create(ctx, &wanted, &teacher);
    if (!status) status = strata_dataset_create_from_teacher(ctx, teacher, STRATA_PART_TEST, 0, 8192, &test);
    for (size_t i = 0; !status && i < 2; ++i) {
        strata_learner *learner;
        status = strata_learner_create_from_teacher(ctx, learners[i], &options, teacher, &learner);
        if (!status) status = strata_learner_fit(ctx, learner, NULL, NULL);
        if (!status) status = strata_learner_test_error(ctx, learner, test, &error);
        if (!status) printf("%-12s test error %.1e\n", learners[i], error);
        strata_learner_destroy(learner);
    }
    if (status) fprintf(stderr, "%s\n", strata_context_message(ctx));
    strata_dataset_destroy(test);
    strata_teacher_destroy(teacher);
    strata_context_destroy(ctx);
    return status != STRATA_OK;
}
