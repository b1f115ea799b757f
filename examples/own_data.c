/* SPDX-License-Identifier: MIT */
/*
 * Fits a ReLU network to a table of one's own: reads FILE (.csv, target in the last column; or .npy), keeps a fifth of
 * the rows as a test set, standardises the inputs, trains, prints the error (mean squared error over the variance of
 * the target) and keeps the model.
 *
 *     $ cc own_data.c -o own_data $(pkg-config --cflags --libs strata) && ./own_data example.csv model.safetensors
 *     example.csv: 400 rows, 3 inputs
 *     step 200 of 600, loss 0.0007
 *     step 400 of 600, loss 0.0003
 *     step 600 of 600, loss 0.0002
 *     test error 0.0051
 *
 * Last digits differ between processors.
 */
#include <stdio.h>

#include <strata/strata.h>

static const char *const settings[] = {"mlp.depth=2",
                                       "mlp.hidden_width=32",
                                       "mlp.learning_rate=1e-2",
                                       "mlp.steps=600",
                                       "train.batch_size=64",
                                       "train.warmup=50",
                                       NULL};

static bool show(void *user, const strata_fit_progress *progress) {
    (void)user;
    if (progress->step % 200 == 0)
        printf("step %zu of %zu, loss %.4f\n", progress->step, progress->total, progress->loss);
    return true;
}

static strata_status learn(strata_context *ctx, const char *path, const char *model) {
    strata_dataset_file file = strata_dataset_file_default(path);
    strata_learner_options options = strata_learner_options_default();
    strata_dataset *all = NULL, *train_rows = NULL, *test_rows = NULL, *train = NULL, *test = NULL;
    strata_learner *learner = NULL;
    strata_dataset_shape shape;
    double error;
    options.settings = settings;
    strata_status status = strata_dataset_read(ctx, &file, &all);
    if (status) goto done;
    shape = strata_dataset_get_shape(all);
    printf("%s: %zu rows, %zu inputs\n", path, shape.rows, shape.inputs);
    if ((status = strata_dataset_split(ctx, all, shape.rows - shape.rows / 5, 1, &train_rows, &test_rows))) goto done;
    if ((status = strata_dataset_create_standardised(ctx, train_rows, train_rows, &train))) goto done;
    if ((status = strata_dataset_create_standardised(ctx, train_rows, test_rows, &test))) goto done;
    if ((status = strata_learner_create(ctx, "mlp_relu", &options, train, &learner))) goto done;
    if ((status = strata_learner_fit(ctx, learner, show, NULL))) goto done;
    if ((status = strata_learner_test_error(ctx, learner, test, &error))) goto done;
    printf("test error %.4f\n", error);
    status = strata_learner_save(ctx, learner, model);
done:
    strata_learner_destroy(learner);
    strata_dataset_destroy(test);
    strata_dataset_destroy(train);
    strata_dataset_destroy(test_rows);
    strata_dataset_destroy(train_rows);
    strata_dataset_destroy(all);
    return status;
}

int main(int count, char **words) {
    strata_context *ctx;
    if (count != 3) {
        fprintf(stderr, "usage: own_data FILE MODEL\n");
        return 2;
    }
    if (strata_context_create(&ctx)) return 1;
    strata_status status = learn(ctx, words[1], words[2]);
    if (status) fprintf(stderr, "%s\n", strata_context_message(ctx));
    strata_context_destroy(ctx);
    return status != STRATA_OK;
}
