/* SPDX-License-Identifier: MIT */
/* Accuracy of the networks of pictures under attack, and of each on what was made against another. */
#include <stdio.h>

#include "core/memory.h"
#include "studies/purify/purify_images.h"

static strata_status keep_accuracy(strata_context *ctx, struct task_run *run, struct images *images, size_t network,
                                   const char *prefix, const char *key, const char *attack, double epsilon,
                                   float *points) {
    const strata_function function = images_function(images, network);
    const struct attack_target target = images_target(images, &function);
    const struct attack_rows rows = {.rows = images->test.rows, .x = images->test.x, .labels = images->labels};
    struct attack_options options = images_options(run);
    struct attack_result result;
    char name[64];
    options.epsilon = epsilon;
    STRATA_TRY(attack_run(ctx, attack_find(attack), &target, &options, &rows, NULL, points, &result));
    snprintf(name, sizeof name, "%s.%s", prefix, key);
    return task_record(ctx, run, name, 1 - (double)result.broken / (double)rows.rows);
}

strata_status images_keep_robustness(strata_context *ctx, struct task_run *run, struct images *images, size_t network,
                                     const char *name) {
    double epsilon = images_options(run).epsilon;
    float *points = mem_zero(images->test.rows * images->test.inputs, sizeof *points);
    if (!points) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu pictures", images->test.rows);
    strata_status status = keep_accuracy(ctx, run, images, network, name, "accuracy", "fgm", 0, points);
    if (status == STRATA_OK) status = keep_accuracy(ctx, run, images, network, name, "pgd", "pgd", epsilon, points);
    mem_free(points);
    return status;
}

/* Accuracy of network `to` on points made against network `from`. */
static strata_status keep_transfer(strata_context *ctx, struct task_run *run, struct images *images, size_t from,
                                   size_t to, const float *points) {
    const strata_function function = images_function(images, to);
    size_t rows = images->test.rows, outputs = images->test.classes, right = 0;
    float *out = mem_zero(rows * outputs, sizeof *out);
    char name[64];
    if (!out) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu rows", rows);
    strata_status status = strata_function_evaluate(ctx, &function, rows, points, out);
    for (size_t r = 0; status == STRATA_OK && r < rows; ++r)
        right += !attack_broken(outputs, out + r * outputs, images->labels[r]);
    mem_free(out);
    STRATA_TRY(status);
    snprintf(name, sizeof name, "transfer.%s.%s", images_names[from], images_names[to]);
    return task_record(ctx, run, name, (double)right / (double)rows);
}

strata_status images_measure_attacks(strata_context *ctx, struct task_run *run, struct images *images) {
    const struct attack_options options = images_options(run);
    const struct attack_rows rows = {.rows = images->test.rows, .x = images->test.x, .labels = images->labels};
    float *points = mem_zero(images->test.rows * images->test.inputs, sizeof *points);
    strata_status status = STRATA_OK;
    if (!points) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu pictures", images->test.rows);
    for (size_t i = 0; i < IMAGES_NETWORKS; ++i) {
        const strata_function function = images_function(images, i);
        const struct attack_target target = images_target(images, &function);
        STRATA_GO(keep_accuracy(ctx, run, images, i, images_names[i], "accuracy", "fgm", 0, points));
        STRATA_GO(keep_accuracy(ctx, run, images, i, images_names[i], "fgsm", "fgm", options.epsilon, points));
        STRATA_GO(keep_accuracy(ctx, run, images, i, images_names[i], "pgd", "pgd", options.epsilon, points));
        STRATA_GO(attack_points(ctx, attack_find("pgd"), &target, &options, &rows, points));
        for (size_t to = 0; to < IMAGES_NETWORKS; ++to) STRATA_GO(keep_transfer(ctx, run, images, i, to, points));
    }
cleanup:
    mem_free(points);
    return status;
}
