/* SPDX-License-Identifier: MIT */
/*
 * A study small enough to be run hundreds of times: every task is a random walk x <- decay x + noise whose
 * state is (step, x), so that any loss or repetition of a step shows in the result.
 */
#ifndef TESTS_TOY_STUDY_H
#define TESTS_TOY_STUDY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/rng.h"
#include "result_equal.h"
#include "run/run.h"

/* What the tests do to tasks: stop after so many steps of all tasks together (0: never). */
static _Atomic long toy_steps_done;
static long toy_stop_after;
static volatile int toy_cancel;

static const struct setting toy_rows[] = {
    {"walk.steps", SETTING_COUNT, "30", 1, 1e6, NULL, "steps of a walk"},
    {"walk.decay", SETTING_NUMBER, "0.9", 0, 1, NULL, "pull to zero"},
    {"walk.widths", SETTING_NUMBERS, "1,2", 1, 100, NULL, "number of walkers"},
    {"walk.diverge_seed", SETTING_COUNT, "0", 0, 1000, NULL, "this seed's walk diverges; 0: none"},
    {"walk.fail_seed", SETTING_COUNT, "0", 0, 1000, NULL, "this seed's walk fails; 0: none"},
    {"walk.note", SETTING_TEXT, "", 0, 0, NULL, "free text"},
    {NULL, SETTING_TEXT, NULL, 0, 0, NULL, NULL},
};
static const struct setting *const toy_tables[] = {toy_rows, NULL};
static const struct setting_pair toy_smoke[] = {{"walk.steps", "20"}, {"study.seeds", "4"}, {NULL, NULL}};
static const struct setting_pair toy_paper[] = {{"walk.steps", "300"}, {NULL, NULL}};

enum { TOY_ALL = 1u << PRESET_SMOKE | 1u << PRESET_DEFAULT | 1u << PRESET_PAPER };

static const struct claim toy_claims[] = {
    {"toy.small", "the walk stays small", "Doe 2020", "distance", SCALE_LINEAR, EXPECT_HOLDS, -INFINITY, 100, false,
     false, TOY_ALL},
    {"toy.small.drift", "so does a walk that drifts", "Doe 2020", "distance", SCALE_LINEAR, EXPECT_FAILS, -INFINITY,
     100, true, false, TOY_ALL},
    {"toy.steps", "all steps are made", "Doe 2020", "steps", SCALE_LOG, EXPECT_OPEN, 1, INFINITY, false, true, TOY_ALL},
    {"toy.long", "only in paper", "Doe 2020", "steps", SCALE_LINEAR, EXPECT_HOLDS, 0, 1e9, false, false,
     1u << PRESET_PAPER},
    {0},
};
static const struct figure toy_figures[] = {
    {"path", FIGURE_LINES, "Path", "step", "x", false, false, "Where the walk was."},
    {"unused", FIGURE_BARS, "Unused", "x", "y", false, false, "Never drawn."},
    {0},
};
static const struct table_title toy_titles[] = {
    {"walks", "Walks", "All walks."}, {"unused", "Unused", "Never filled."}, {0}};

static strata_status toy_check(strata_context *ctx, const struct settings *settings) {
    if (settings_count(settings, "walk.steps") == 13)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "walk.steps: 13 brings bad luck");
    return STRATA_OK;
}

static strata_status toy_plan(strata_context *ctx, const struct settings *settings, enum preset_kind preset,
                              struct task_list *list) {
    const double *widths;
    size_t count = settings_numbers(settings, "walk.widths", &widths);
    (void)preset;
    for (uint64_t seed = 1; seed <= settings_count(settings, "study.seeds"); ++seed)
        for (size_t i = 0; i < count; ++i)
            STRATA_TRY(task_list_add(ctx, list, "walk", NULL, seed, widths[i],
                                     i == 1 ? (const struct setting_pair[]){{"walk.decay", "1"}, {NULL, NULL}} : NULL,
                                     "walk/width=%g/seed=%d", widths[i], (int)seed));
    return STRATA_OK;
}

static strata_status toy_save(strata_context *ctx, struct task_run *run, size_t step, const double *x) {
    struct tensor_file file = {0};
    const size_t dims[1] = {1};
    strata_status status;
    STRATA_GO(tensor_file_add(ctx, &file, "x", TENSOR_F64, 1, dims, x));
    STRATA_GO(tensor_file_set(ctx, &file, "walk_step", "kept"));
    STRATA_GO(task_record(ctx, run, "saved_step", (double)step));
    STRATA_GO(task_checkpoint(ctx, run, &file, step));
cleanup:
    tensor_file_destroy(&file);
    return status;
}

static strata_status toy_run(strata_context *ctx, struct task_run *run) {
    const struct task *task = task_run_task(run);
    const struct settings *settings = task_run_settings(run);
    const struct tensor_file *state = task_state(run);
    size_t steps = settings_count(settings, "walk.steps"), step = 0;
    double decay = settings_number(settings, "walk.decay"), x = 0, path[3] = {0};
    if (state) {
        memcpy(&x, tensor_file_find(state, "x")->data, sizeof x);
        step = (size_t)task_recorded(run, "saved_step");
    }
    if (settings_count(settings, "walk.fail_seed") == task->replicate)
        return strata_fail(ctx, STRATA_ERR_CONVERGENCE, "no way out");
    struct rng_stream stream = rng_stream_make(settings_count(settings, "study.seed"), task->replicate, RNG_TEST);
    while (step < steps) {
        double noise;
        rng_normal_f64(rng_stream_at(stream, ++step), 1, &noise);
        x = decay * x + noise + (decay == 1 ? 1000 : 0);
        if (step % 5 == 0)
            STRATA_TRY(
                task_metric(ctx, run, step, "walk", 2, (const char *const[]){"x", "gone"}, (const double[]){x, NAN}));
        if (task->replicate == settings_count(settings, "walk.diverge_seed") && step == 7)
            return task_diverged(ctx, run, step);
        if (atomic_fetch_add(&toy_steps_done, 1) + 1 == toy_stop_after) toy_cancel = 1;
        if (task_progress(run, (double)step / (double)steps)) STRATA_TRY(toy_save(ctx, run, step, &x));
    }
    for (size_t i = 0; i < 3; ++i) path[i] = x * (double)i;
    STRATA_TRY(task_record_array(ctx, run, "path", 3, path));
    STRATA_TRY(task_record(ctx, run, "saved_step", 0));
    STRATA_TRY(task_record(ctx, run, "steps", (double)step));
    return task_record(ctx, run, "x", x);
}

static strata_status toy_summarise(strata_context *ctx, const struct records *records, struct summary *summary) {
    const struct settings *settings = records_settings(records);
    const double *widths;
    size_t seeds = settings_count(settings, "study.seeds"), count = settings_numbers(settings, "walk.widths", &widths),
           step;
    double small[1000], drift[1000], steps[1000];
    char note[64] = "";
    STRATA_TRY(summary_table(ctx, summary, "walks", 4, (const char *const[]){"task", "seed", "x", "walk_seconds"}));
    for (size_t i = 0; i < seeds; ++i) {
        int seed = (int)i + 1;
        small[i] = fabs(records_get(records, "x", "walk/width=%g/seed=%d", widths[0], seed));
        drift[i] = count > 1 ? fabs(records_get(records, "x", "walk/width=%g/seed=%d", widths[1], seed)) : 1e6;
        steps[i] = records_get(records, "steps", "walk/width=%g/seed=%d", widths[0], seed);
        if (records_diverged(records, &step, "walk/width=%g/seed=%d", widths[0], seed))
            snprintf(note, sizeof note, "seed %d diverged at step %zu", seed, step);
        STRATA_TRY(summary_row(ctx, summary, "walks"));
        STRATA_TRY(summary_cell_text(ctx, summary, "walks", "walk"));
        STRATA_TRY(summary_cell(ctx, summary, "walks", seed));
        STRATA_TRY(summary_cell(ctx, summary, "walks", small[i]));
        STRATA_TRY(summary_cell(ctx, summary, "walks",
                                records_get(records, "seconds", "walk/width=%g/seed=%d", widths[0], seed)));
        const double *path;
        size_t points = records_array(records, "path", &path, "walk/width=%g/seed=%d", widths[0], seed);
        for (size_t p = 0; p < points; ++p)
            STRATA_TRY(summary_point(ctx, summary, "path", "walk", (double)p, path[p], NAN, NAN));
    }
    STRATA_TRY(summary_claim(ctx, summary, "toy.long", seeds, small, NULL));
    STRATA_TRY(summary_claim(ctx, summary, "toy.steps", seeds, steps, *note ? note : NULL));
    STRATA_TRY(summary_claim(ctx, summary, "toy.small", seeds, small, NULL));
    return summary_claim(ctx, summary, "toy.small.drift", seeds, drift, NULL);
}

static const struct study toy_study = {
    .name = "toy",
    .summary = "random walks",
    .source = "Doe 2020",
    .question = "How far?",
    .setting_tables = toy_tables,
    .presets = {toy_smoke, NULL, toy_paper},
    .claims = toy_claims,
    .figures = toy_figures,
    .tables = toy_titles,
    .check = toy_check,
    .plan = toy_plan,
    .run_task = toy_run,
    .summarise = toy_summarise,
};

/* ---- a folder for each test, in memory where the system has one: runs flush every file ---- */

static char toy_folder[64];
static strata_context *ctx;

static int toy_remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk) {
    (void)about, (void)kind, (void)walk;
    return remove(path);
}

static void toy_remove(const char *path) { nftw(path, toy_remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static int toy_setup(void **state) {
    (void)state;
    snprintf(toy_folder, sizeof toy_folder, "%s/strata-run-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    toy_stop_after = 0;
    toy_steps_done = 0;
    toy_cancel = 0;
    if (!mkdtemp(toy_folder) || strata_context_create(&ctx) != STRATA_OK) return -1;
    strata_context_set_cancel(ctx, &toy_cancel);
    return 0;
}

static int toy_teardown(void **state) {
    (void)state;
    mem_fail_from(0);
    toy_remove(toy_folder);
    strata_context_destroy(ctx);
    return 0;
}

static inline const char *toy_path(const char *name) {
    static char paths[4][300];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", toy_folder, name);
    return path;
}

static inline struct settings *toy_settings(const char *preset, const char *const *assignments) {
    struct settings *settings = NULL;
    size_t count = 0;
    while (assignments && assignments[count]) ++count;
    if (run_settings(ctx, &toy_study, preset, count, assignments, &settings) != STRATA_OK)
        fail_msg("%s", strata_context_message(ctx));
    return settings;
}

/* Runs the toy study in DIRECTORY below the test's folder; stops after `stop_after` steps unless 0. */
static inline strata_status toy_start(const char *directory, const char *const *assignments, size_t threads,
                                      long stop_after, json_t **result) {
    struct settings *settings = toy_settings("smoke", assignments);
    const struct run_options options = {.study = &toy_study, .out = toy_path(directory), .threads = threads};
    char *made = NULL;
    toy_cancel = 0;
    toy_steps_done = 0;
    toy_stop_after = stop_after;
    strata_status status = run_study(ctx, &options, settings, &made, result);
    mem_free(made);
    settings_destroy(settings);
    return status;
}

static inline strata_status toy_resume(const char *directory, size_t threads, long stop_after, json_t **result) {
    const struct run_options options = {.study = &toy_study, .threads = threads};
    toy_cancel = 0;
    toy_steps_done = 0;
    toy_stop_after = stop_after;
    return run_resume(ctx, toy_path(directory), &options, result);
}

#define TOY_OK(call)                                                                     \
    do {                                                                                 \
        if ((call) != STRATA_OK) fail_msg("%s: %s", #call, strata_context_message(ctx)); \
    } while (0)

static inline struct buffer toy_read(const char *name) {
    struct buffer bytes = {0};
    TOY_OK(file_read(ctx, toy_path(name), 1 << 24, &bytes));
    return bytes;
}

static inline void toy_assert_same_file(const char *a, const char *b) {
    struct buffer x = toy_read(a), y = toy_read(b);
    if (x.size != y.size || memcmp(x.data, y.data, x.size) != 0)
        fail_msg("%s and %s differ:\n%s\n%s", a, b, x.data, y.data);
    buffer_destroy(&x);
    buffer_destroy(&y);
}

static inline void toy_write(const char *name, const char *text) {
    TOY_OK(file_write_atomic(ctx, toy_path(name), text, strlen(text)));
}

/* Two finished runs, their results in memory and on disk, agree in all that the contract fixes. */
static inline void toy_assert_equal_runs(const char *a, const json_t *x, const char *b, const json_t *y) {
    char first[100], second[100];
    if (!result_equal(x, y)) fail_msg("%s\n%s", json_dumps(x, JSON_INDENT(1)), json_dumps(y, JSON_INDENT(1)));
    static const char *const files[] = {"metrics.jsonl", "config.ini", "figures/path.csv"};
    for (size_t i = 0; i < sizeof files / sizeof *files; ++i) {
        snprintf(first, sizeof first, "%s/%s", a, files[i]);
        snprintf(second, sizeof second, "%s/%s", b, files[i]);
        toy_assert_same_file(first, second);
    }
}

#endif
