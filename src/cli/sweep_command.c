/* SPDX-License-Identifier: MIT */
/*
 * strata sweep: every combination of a grid is an ordinary run in a directory of its own, several at a time.
 * A directory that is already there with the same settings is resumed, so the same command continues a sweep.
 */
#include <assert.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/grid.h"
#include "cli/outcome.h"
#include "cli/live.h"
#include "cli/settings_arguments.h"
#include "cli/sweep_table.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/threads.h"
#include "run/run.h"

struct sweep {
    struct cli *cli;
    const struct study *study;
    const struct arguments *arguments;
    struct grid grid;
    struct sweep_run *runs; /* [grid.combinations] */
    size_t threads_each;
    pthread_mutex_t mutex; /* of the fractions */
    double start;          /* clock_seconds */
};

/* Runs count alike: their costs are not known beforehand. */
static void show_progress(void *user, const struct run_progress *now) {
    struct sweep_run *run = user;
    struct sweep *sweep = run->sweep;
    struct run_progress whole = {.tasks = sweep->grid.combinations, .task = run->folder, .eta_seconds = -1};
    pthread_mutex_lock(&sweep->mutex);
    run->fraction = now->fraction;
    for (size_t i = 0; i < whole.tasks; ++i) {
        whole.fraction += sweep->runs[i].fraction / (double)whole.tasks;
        whole.tasks_done += sweep->runs[i].fraction >= 1;
    }
    whole.seconds = clock_seconds() - sweep->start;
    if (whole.fraction > 0) whole.eta_seconds = whole.seconds * (1 - whole.fraction) / whole.fraction;
    live_show(sweep->cli->live, &whole);
    pthread_mutex_unlock(&sweep->mutex);
}

/* Refuses to resume a directory that was made with other settings than those asked for now. */
static strata_status check_same_settings(strata_context *ctx, const struct study *study, const struct sweep_run *run) {
    struct settings *stored = NULL;
    struct buffer then = {0}, now = {0};
    strata_status status = STRATA_OK;
    char *assignment = string_format("@%s/config.ini", run->folder);
    if (!assignment) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a path");
    STRATA_GO(run_settings(ctx, study, NULL, 1, (const char *const[]){assignment}, &stored));
    STRATA_GO(settings_print(ctx, stored, &then));
    STRATA_GO(settings_print(ctx, run->settings, &now));
    if (then.size != now.size || memcmp(then.data, now.data, now.size) != 0)
        status = strata_fail(ctx, STRATA_ERR_CONFIG, "%s: holds a run with other settings; choose another --out",
                             run->folder);
cleanup:
    buffer_destroy(&then);
    buffer_destroy(&now);
    settings_destroy(stored);
    mem_free(assignment);
    return status;
}

static bool holds_run(const struct sweep_run *run) {
    char *path = string_format("%s/checkpoint/run.json", run->folder);
    bool found = path && file_exists(path);
    mem_free(path);
    return found;
}

static void run_one(void *user, size_t index, size_t worker) {
    struct sweep *sweep = user;
    struct sweep_run *run = &sweep->runs[index];
    char *directory = NULL;
    struct run_options options = {.study = sweep->study,
                                  .out = run->folder,
                                  .threads = sweep->threads_each,
                                  .data_folder = argument_value(sweep->arguments, "data"),
                                  .progress = show_progress,
                                  .user = run};
    (void)worker;
    if (context_cancelled(run->ctx))
        run->status = strata_fail(run->ctx, STRATA_ERR_INTERRUPTED, "interrupted");
    else if (run->resumed)
        run->status = run_resume(run->ctx, run->folder, &options, &run->result);
    else
        run->status = run_study(run->ctx, &options, run->settings, &directory, &run->result);
    if (run->status == STRATA_OK) show_progress(run, &(struct run_progress){.fraction = 1});
    mem_free(directory);
}

/* Settings, folder and context of one combination; everything that can be refused is refused here. */
static strata_status prepare_run(struct sweep *sweep, const char *out, size_t index) {
    strata_context *ctx = sweep->cli->ctx;
    struct sweep_run *run = &sweep->runs[index];
    const struct grid *grid = &sweep->grid;
    char *name = grid_folder(grid, index), **pairs = mem_zero(grid->axis_count, sizeof *pairs);
    strata_status status = name && pairs ? STRATA_OK : STRATA_ERR_MEMORY;
    run->sweep = sweep;
    run->folder = name ? string_format("%s/%s", out, name) : NULL;
    for (size_t i = 0; pairs && i < grid->axis_count; ++i) {
        pairs[i] = string_format("%s=%s", grid->axes[i].key, grid_value(grid, index, i));
        if (!pairs[i]) status = STRATA_ERR_MEMORY;
    }
    if (status != STRATA_OK || !run->folder) {
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for combination %zu", index + 1);
        goto cleanup;
    }
    STRATA_GO(settings_from_arguments(ctx, sweep->study, sweep->arguments, grid->axis_count, (const char *const *)pairs,
                                      &run->settings));
    run->resumed = holds_run(run);
    if (run->resumed) STRATA_GO(check_same_settings(ctx, sweep->study, run));
    STRATA_GO(context_child(ctx, &run->ctx));
cleanup:
    for (size_t i = 0; pairs && i < grid->axis_count; ++i) mem_free(pairs[i]);
    mem_free(pairs);
    mem_free(name);
    return status;
}

/* An interruption is said as such; otherwise the first fault, with the run it is in. */
static strata_status first_failure(const struct sweep *sweep, const char *out) {
    strata_context *ctx = sweep->cli->ctx;
    for (size_t i = 0; i < sweep->grid.combinations; ++i) {
        if (sweep->runs[i].status != STRATA_ERR_INTERRUPTED) continue;
        char *word = shell_word(out);
        strata_status status = strata_fail(ctx, STRATA_ERR_INTERRUPTED,
                                           "interrupted; go on with the same command and --out %s", word ? word : out);
        mem_free(word);
        return status;
    }
    for (size_t i = 0; i < sweep->grid.combinations; ++i) {
        const struct sweep_run *run = &sweep->runs[i];
        if (run->status != STRATA_OK)
            return strata_fail(ctx, run->status, "%s: %s", run->folder, strata_context_message(run->ctx));
    }
    return STRATA_OK;
}

static strata_status run_all(struct sweep *sweep, size_t threads, const char *out) {
    struct thread_pool *pool = NULL;
    size_t workers = threads < sweep->grid.combinations ? threads : sweep->grid.combinations;
    assert(workers > 0); /* a grid has a combination, --threads at least 1 */
    sweep->threads_each = threads / workers;
    sweep->start = clock_seconds();
    STRATA_TRY(thread_pool_create(sweep->cli->ctx, workers, &pool));
    live_begin(sweep->cli->live, &sweep->cli->started);
    thread_pool_run(pool, sweep->grid.combinations, run_one, sweep);
    thread_pool_destroy(pool);
    live_end(sweep->cli->live);
    return first_failure(sweep, out);
}

static strata_status show_sweep(struct sweep *sweep, const char *out) {
    struct cli *cli = sweep->cli;
    size_t i, unexpected = 0;
    json_t *claim;
    STRATA_TRY(sweep_write_csv(cli->ctx, &sweep->grid, sweep->runs, out));
    if (argument_given(sweep->arguments, "json"))
        STRATA_TRY(sweep_print_json(cli->ctx, stdout, sweep->study->name, &sweep->grid, sweep->runs));
    else if (!cli->quiet)
        STRATA_TRY(sweep_print(cli->ctx, stdout, &sweep->grid, sweep->runs));
    for (size_t run = 0; run < sweep->grid.combinations; ++run)
        json_array_foreach(json_object_get(sweep->runs[run].result, "claims"), i, claim)
            unexpected += claim_unexpected(claim);
    if (argument_given(sweep->arguments, "check") && unexpected) cli->exit_status = STATUS_UNEXPECTED;
    cli_note(cli, "%zu verdicts are not as expected; the whole table: %s/sweep.csv", unexpected, out);
    return STRATA_OK;
}

/* --out, or runs/sweep-STUDY-YYYYMMDD-HHMMSS. */
static char *sweep_folder(const struct sweep *sweep) {
    const char *given = argument_value(sweep->arguments, "out");
    char stamp[32] = "";
    struct tm when;
    time_t now = time(NULL);
    if (given) return mem_string(given);
    if (localtime_r(&now, &when)) strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &when);
    return string_format("runs/sweep-%s-%s", sweep->study->name, stamp);
}

static void destroy_runs(struct sweep *sweep) {
    for (size_t i = 0; sweep->runs && i < sweep->grid.combinations; ++i) {
        struct sweep_run *run = &sweep->runs[i];
        json_decref(run->result);
        settings_destroy(run->settings);
        strata_context_destroy(run->ctx);
        mem_free(run->folder);
    }
    mem_free(sweep->runs);
}

strata_status command_sweep(struct cli *cli, const struct arguments *arguments) {
    struct sweep sweep = {.cli = cli, .arguments = arguments, .mutex = PTHREAD_MUTEX_INITIALIZER};
    size_t threads = 1;
    char *out = NULL;
    strata_status status = STRATA_OK;
    STRATA_TRY(cli_study(cli, arguments->operands[0], &sweep.study));
    STRATA_TRY(cli_threads(cli, arguments, &threads));
    STRATA_TRY(grid_create(cli->ctx, arguments, &sweep.grid));
    out = sweep_folder(&sweep);
    sweep.runs = mem_zero(sweep.grid.combinations, sizeof *sweep.runs);
    if (!out || !sweep.runs) STRATA_GO(strata_fail(cli->ctx, STRATA_ERR_MEMORY, "out of memory for a sweep"));
    for (size_t i = 0; i < sweep.grid.combinations; ++i) STRATA_GO(prepare_run(&sweep, out, i));
    STRATA_GO(file_make_folder(cli->ctx, out));
    STRATA_GO(run_all(&sweep, threads, out));
    status = show_sweep(&sweep, out);
cleanup:
    destroy_runs(&sweep);
    grid_destroy(&sweep.grid);
    mem_free(out);
    return status;
}
