/* SPDX-License-Identifier: MIT */
/* A task while it runs: what it may ask of the run, and its life from saved state to TASK.done.json. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/memory.h"
#include "run/session.h"

struct task_run {
    strata_context *ctx;
    struct session *session;
    const struct task *task;
    size_t index;
    struct settings *settings;
    struct record_set *records;
    struct task_mark *mark;
    struct tensor_file state;
    bool has_state;
    double earlier;      /* seconds of sessions before this one */
    double begin, saved; /* when this session's part began, when it was last saved */
    char *state_path, *done_path;
};

const struct task *task_run_task(const struct task_run *run) { return run->task; }

const struct settings *task_run_settings(const struct task_run *run) { return run->settings; }

struct rng_stream task_run_stream(const struct task_run *run, enum rng_purpose purpose) {
    return rng_stream_make(settings_count(run->settings, "study.seed"), run->task->replicate, purpose);
}

const char *task_run_data_folder(const struct task_run *run) { return run->session->options->data_folder; }

const struct tensor_file *task_state(const struct task_run *run) { return run->has_state ? &run->state : NULL; }

strata_status task_metric(strata_context *ctx, struct task_run *run, size_t step, const char *series, size_t count,
                          const char *const *names, const double *values) {
    struct buffer line = {0};
    if (step < run->mark->step)
        return strata_fail(ctx, STRATA_ERR_INTERNAL, "task '%s': metric '%s' of step %zu after one of step %zu",
                           run->task->id, series, step, run->mark->step);
    strata_status status = metric_print(ctx, &line, run->task->id, step, series, count, names, values);
    if (status == STRATA_OK) status = line_file_append(ctx, &run->session->metrics, line.data, line.size);
    if (status == STRATA_OK) {
        run->mark->lines++;
        run->mark->bytes += line.size;
        run->mark->step = step;
    }
    buffer_destroy(&line);
    return status;
}

strata_status task_record(strata_context *ctx, struct task_run *run, const char *key, double value) {
    return record_set_put(ctx, run->records, key, false, 1, &value);
}

strata_status task_record_array(strata_context *ctx, struct task_run *run, const char *key, size_t count,
                                const double *values) {
    return record_set_put(ctx, run->records, key, true, count, values);
}

double task_recorded(const struct task_run *run, const char *key) {
    const struct record *record = record_set_find(run->records, key);
    return record && record->count ? record->values[0] : NAN;
}

size_t task_recorded_array(const struct task_run *run, const char *key, const double **values) {
    const struct record *record = record_set_find(run->records, key);
    *values = record ? record->values : NULL;
    return record ? record->count : 0;
}

strata_status task_diverged(strata_context *ctx, struct task_run *run, size_t step) {
    run->records->diverged = true;
    run->records->diverged_step = step;
    return session_log(ctx, run->session, "task %s: diverged at step %zu", run->task->id, step);
}

bool task_progress(struct task_run *run, double fraction) {
    progress_move(&run->session->meter, run->index, fraction);
    return session_stopping(run->session) || clock_seconds() - run->saved >= run->session->checkpoint_seconds;
}

static struct checkpoint_owner task_owner(const struct task_run *run, const char *path) {
    return (struct checkpoint_owner){.path = path, .task = run->task->id, .config = run->session->directory.config};
}

strata_status task_checkpoint(strata_context *ctx, struct task_run *run, struct tensor_file *state, size_t step) {
    const struct checkpoint_owner owner = task_owner(run, run->state_path);
    run->mark->seconds = run->earlier + (clock_seconds() - run->begin);
    STRATA_TRY(line_file_sync(ctx, &run->session->metrics));
    STRATA_TRY(state_write(ctx, &owner, step, run->records, run->mark, state));
    run->saved = clock_seconds();
    if (!session_stopping(run->session)) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_INTERRUPTED, "task '%s' was stopped at step %zu", run->task->id, step);
}

/* ---- life of a task ---- */

static strata_status task_run_open(strata_context *ctx, struct session *session, size_t index, struct task_run *run) {
    const char *folder = session->directory.path, *id = session->tasks.tasks[index].id;
    *run = (struct task_run){.ctx = ctx,
                             .session = session,
                             .task = &session->tasks.tasks[index],
                             .index = index,
                             .records = &session->records[index],
                             .mark = &session->marks[index],
                             .begin = clock_seconds()};
    run->saved = run->begin;
    STRATA_TRY(task_settings(ctx, run->task, session->settings, &run->settings));
    STRATA_TRY(directory_task_file(ctx, folder, id, "safetensors", &run->state_path));
    STRATA_TRY(directory_task_file(ctx, folder, id, "done.json", &run->done_path));
    char *slash = strrchr(run->done_path, '/');
    *slash = '\0';
    strata_status status = file_make_folder(ctx, run->done_path);
    *slash = '/';
    STRATA_TRY(status);
    if (!file_exists(run->state_path)) return STRATA_OK;
    const struct checkpoint_owner owner = task_owner(run, run->state_path);
    STRATA_TRY(state_read(ctx, &owner, run->records, run->mark, &run->state));
    run->has_state = true;
    run->earlier = run->mark->seconds;
    return STRATA_OK;
}

static strata_status task_run_finish(strata_context *ctx, struct task_run *run) {
    const struct checkpoint_owner owner = task_owner(run, run->done_path);
    run->mark->seconds = run->earlier + (clock_seconds() - run->begin);
    STRATA_TRY(task_record(ctx, run, "seconds", run->mark->seconds));
    STRATA_TRY(line_file_sync(ctx, &run->session->metrics));
    STRATA_TRY(done_write(ctx, &owner, run->records, run->mark));
    if (unlink(run->state_path) != 0 && errno != ENOENT)
        return strata_fail_errno(ctx, errno, "remove", run->state_path);
    run->session->done[run->index] = true;
    return session_log(ctx, run->session, "task %s: done in %.1f s", run->task->id, run->mark->seconds);
}

static void task_run_close(struct task_run *run) {
    settings_destroy(run->settings);
    tensor_file_destroy(&run->state);
    mem_free(run->state_path);
    mem_free(run->done_path);
}

/* The task's name before the message of its fault. */
static strata_status task_blame(strata_context *ctx, const struct task_run *run, strata_status status) {
    char message[800];
    if (status == STRATA_OK || status == STRATA_ERR_INTERRUPTED) return status;
    snprintf(message, sizeof message, "%s", strata_context_message(ctx));
    return strata_fail(ctx, status, "task '%s': %s", run->task->id, *message ? message : strata_status_text(status));
}

strata_status session_run_task(strata_context *ctx, struct session *session, size_t index) {
    struct task_run run;
    strata_status status;
    STRATA_GO(task_run_open(ctx, session, index, &run));
    STRATA_GO(session_log(ctx, session, "task %s: %s", run.task->id, run.has_state ? "goes on" : "begins"));
    status = session->study->run_task(ctx, &run);
    if (status == STRATA_ERR_DIVERGED) {
        context_clear(ctx);
        status = run.records->diverged ? STRATA_OK : task_diverged(ctx, &run, run.mark->step);
    }
    STRATA_GO(status);
    STRATA_GO(task_run_finish(ctx, &run));
    progress_done(&session->meter, index);
cleanup:
    status = task_blame(ctx, &run, status);
    task_run_close(&run);
    return status;
}
