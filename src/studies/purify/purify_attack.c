/* SPDX-License-Identifier: MIT */
/* Test rows of a task, and how a function stands up to attacks on them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "studies/purify/purify.h"

enum { OTHER_ROWS = 500, NAME_SIZE = 96 };

strata_status purify_keep(strata_context *ctx, struct task_run *run, const char *name, const char *key, double value) {
    char text[NAME_SIZE];
    snprintf(text, sizeof text, "%s.%s", name, key);
    return task_record(ctx, run, text, value);
}

/* ---- rows */

static void draw_rows(const struct sparse_coding *coding, enum rng_purpose purpose, size_t rows, float *x,
                      uint32_t *labels, float *z, float *scratch) {
    sparse_coding_rows(coding, purpose, 0, rows, x, scratch, z);
    for (size_t r = 0; r < rows; ++r) labels[r] = scratch[r] > 0;
}

strata_status purify_test_create(strata_context *ctx, const struct task_run *run, const struct sparse_coding *coding,
                                 struct purify_test *test) {
    size_t rows = settings_count(task_run_settings(run), "data.test_size"), inputs = coding->options.dimension, numbers;
    STRATA_TRY(mem_product(ctx, rows > OTHER_ROWS ? rows : OTHER_ROWS, inputs, "the test rows", &numbers));
    *test = (struct purify_test){.rows = rows, .inputs = inputs, .other_rows = OTHER_ROWS};
    test->x = mem_zero(numbers, sizeof(float));
    test->z = mem_zero(numbers, sizeof(float));
    test->others = mem_zero(numbers, sizeof(float));
    test->labels = mem_zero(rows, sizeof *test->labels);
    test->other_labels = mem_zero(OTHER_ROWS, sizeof *test->other_labels);
    float *scratch = mem_zero(rows > OTHER_ROWS ? rows : OTHER_ROWS, sizeof *scratch);
    if (!test->x || !test->z || !test->others || !test->labels || !test->other_labels || !scratch) {
        mem_free(scratch);
        purify_test_destroy(test);
        return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu test rows", rows);
    }
    draw_rows(coding, RNG_TEST_INPUT, rows, test->x, test->labels, test->z, scratch);
    draw_rows(coding, RNG_PROBE, OTHER_ROWS, test->others, test->other_labels, NULL, scratch);
    mem_free(scratch);
    return STRATA_OK;
}

void purify_test_destroy(struct purify_test *test) {
    mem_free(test->x);
    mem_free(test->z);
    mem_free(test->others);
    mem_free(test->labels);
    mem_free(test->other_labels);
    *test = (struct purify_test){0};
}

/* ---- attacks */

struct attempt {
    struct attack_target target;
    struct attack_options options;
    struct attack_rows rows;
};

static struct attempt attempt_of(const struct task_run *run, const strata_function *function,
                                 const strata_function *surrogate, const struct purify_test *test, double epsilon) {
    const struct settings *settings = task_run_settings(run);
    struct attempt attempt = {
        .target = {.functions = function, .classes = 2, .low = -INFINITY, .high = INFINITY, .surrogate = surrogate},
        .options = attack_options_default(attack_norm_find("l2"), epsilon),
        .rows = {.rows = test->rows, .x = test->x, .labels = test->labels},
    };
    attempt.options.steps = settings_count(settings, "attack.steps");
    attempt.options.restarts = settings_count(settings, "attack.restarts");
    attempt.options.stream = task_run_stream(run, RNG_ATTACK);
    attempt.options.others = (struct attack_rows){
        .rows = test->other_rows, .x = test->others, .labels = test->other_labels};
    return attempt;
}

/* Rows that one attack does not break into `alive` [rows]; `standing` [rows] (NULL: not wanted) loses the others. */
static strata_status attempt_run(strata_context *ctx, const struct attempt *attempt, const char *name, float *points,
                                 bool *alive, bool *standing, double *accuracy) {
    const struct attack_class *attack = attack_find(name);
    struct attack_result result;
    size_t rows = attempt->rows.rows;
    if (!attack) return strata_fail(ctx, STRATA_ERR_CONFIG, "key 'attack.names': '%s' is no attack", name);
    memset(alive, true, rows * sizeof *alive);
    STRATA_TRY(attack_run(ctx, attack, &attempt->target, &attempt->options, &attempt->rows, alive, points, &result));
    for (size_t r = 0; standing && r < rows; ++r) standing[r] = standing[r] && alive[r];
    *accuracy = 1 - (double)result.broken / (double)rows;
    return STRATA_OK;
}

strata_status purify_survivors(strata_context *ctx, const struct task_run *run, const char *attack,
                               const strata_function *function, const struct purify_test *test, double epsilon,
                               bool *alive, double *accuracy) {
    const struct attempt attempt = attempt_of(run, function, NULL, test, epsilon);
    float *points = mem_zero(test->rows * test->inputs, sizeof *points);
    if (!points) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for an attack on %zu rows", test->rows);
    strata_status status = attempt_run(ctx, &attempt, attack, points, alive, NULL, accuracy);
    mem_free(points);
    return status;
}

strata_status purify_accuracy(strata_context *ctx, const struct task_run *run, const char *attack,
                              const strata_function *function, const struct purify_test *test, double epsilon,
                              double *accuracy) {
    bool *alive = mem_zero(test->rows, sizeof *alive);
    if (!alive) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for an attack on %zu rows", test->rows);
    strata_status status = purify_survivors(ctx, run, attack, function, test, epsilon, alive, accuracy);
    mem_free(alive);
    return status;
}

strata_status purify_attack(strata_context *ctx, struct task_run *run, const char *name,
                            const strata_function *function, const strata_function *surrogate,
                            const struct purify_test *test) {
    const struct settings *settings = task_run_settings(run);
    double epsilon = settings_number(settings, "adversarial.epsilon"), accuracy;
    struct attempt attempt = attempt_of(run, function, surrogate, test, epsilon);
    size_t left = 0;
    float *points = mem_zero(test->rows * test->inputs, sizeof *points);
    bool *standing = mem_zero(test->rows, sizeof *standing), *alive = mem_zero(test->rows, sizeof *alive);
    strata_status status = STRATA_OK;
    if (!points || !standing || !alive)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu rows", test->rows));
    for (size_t r = 0; r < test->rows; ++r) standing[r] = true;
    attempt.options.epsilon = 0;
    STRATA_GO(attempt_run(ctx, &attempt, "fgm", points, alive, NULL, &accuracy));
    STRATA_GO(purify_keep(ctx, run, name, "accuracy", accuracy));
    attempt.options.epsilon = epsilon;
    for (size_t i = 0; i < settings_names(settings, "attack.names"); ++i) {
        const char *attack = settings_name(settings, "attack.names", i);
        if (strcmp(attack, "transfer") == 0 && !surrogate) continue;
        STRATA_GO(attempt_run(ctx, &attempt, attack, points, alive, standing, &accuracy));
        STRATA_GO(purify_keep(ctx, run, name, attack, accuracy));
    }
    for (size_t r = 0; r < test->rows; ++r) left += standing[r];
    STRATA_GO(purify_keep(ctx, run, name, "worst", (double)left / (double)test->rows));
cleanup:
    mem_free(points);
    mem_free(standing);
    mem_free(alive);
    return status;
}

strata_status purify_points(strata_context *ctx, const struct task_run *run, const strata_function *function,
                            const struct purify_test *test, double epsilon, float *points) {
    const struct attempt attempt = attempt_of(run, function, NULL, test, epsilon);
    return attack_points(ctx, attack_find("pgd"), &attempt.target, &attempt.options, &attempt.rows, points);
}

strata_status purify_along(strata_context *ctx, struct task_run *run, const char *name, const strata_function *function,
                           const struct sparse_coding *coding, const struct purify_test *test) {
    double epsilon = settings_number(task_run_settings(run), "adversarial.epsilon");
    size_t right = 0;
    float *moved = mem_zero(test->rows * test->inputs, sizeof *moved), *out = mem_zero(test->rows, sizeof *out);
    strata_status status = STRATA_OK;
    if (!moved || !out) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu rows", test->rows));
    for (size_t r = 0; r < test->rows; ++r) {
        float length = (float)(test->labels[r] ? -epsilon : epsilon);
        for (size_t j = 0; j < test->inputs; ++j)
            moved[r * test->inputs + j] = test->x[r * test->inputs + j] + length * coding->direction[j];
    }
    STRATA_GO(strata_function_evaluate(ctx, function, test->rows, moved, out));
    for (size_t r = 0; r < test->rows; ++r) right += !attack_broken(1, out + r, test->labels[r]);
    STRATA_GO(purify_keep(ctx, run, name, "along", (double)right / (double)test->rows));
cleanup:
    mem_free(moved);
    mem_free(out);
    return status;
}
