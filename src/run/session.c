/* SPDX-License-Identifier: MIT */
/* A sitting of a run: planning, loading what earlier sittings left, and running the rest on threads. */
#include "run/session.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/memory.h"
#include "data/dataset.h"
#include "core/threads.h"
#include "linalg/linalg.h"

void session_open(strata_context *ctx, const struct run_options *options, struct session *session) {
    *session = (struct session){.study = options->study,
                                .options = options,
                                .ctx = ctx,
                                .directory.lock = -1,
                                .metrics.descriptor = -1,
                                .log.descriptor = -1};
    pthread_mutex_init(&session->mutex, NULL);
}

void session_close(struct session *session) {
    for (size_t i = 0; session->records && i < session->tasks.count; ++i) record_set_destroy(&session->records[i]);
    mem_free(session->records);
    mem_free(session->marks);
    mem_free(session->done);
    progress_destroy(&session->meter);
    task_list_destroy(&session->tasks);
    line_file_close(&session->metrics);
    line_file_close(&session->log);
    directory_close(&session->directory);
    pthread_mutex_destroy(&session->mutex);
}

strata_status session_log(strata_context *ctx, struct session *session, const char *format, ...) {
    struct buffer line = {0};
    char time[32];
    va_list arguments;
    va_start(arguments, format);
    char *text = string_format_list(format, arguments);
    va_end(arguments);
    if (!text) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: a line of log.txt");
    clock_text(CLOCK_LOG, time);
    strata_status status = buffer_print(ctx, &line, "%s %s\n", time, text);
    if (status == STRATA_OK) status = line_file_append(ctx, &session->log, line.data, line.size);
    context_log(ctx, STRATA_LOG_INFO, "%s", text);
    buffer_destroy(&line);
    mem_free(text);
    return status;
}

bool session_stopping(struct session *session) {
    return atomic_load(&session->stop) || context_cancelled(session->ctx);
}

/* ---- planning and loading ---- */

/* Adds one set to the checksum; a name that is no set ("none") has no files. */
static strata_status data_add(strata_context *ctx, struct session *session, const char *name) {
    const struct data_source *source = data_find(name);
    uint64_t checksum;
    if (!source) return STRATA_OK;
    STRATA_TRY(data_checksum(ctx, source, session->options->data_folder, &checksum));
    const uint64_t parts[] = {session->data, checksum};
    session->data = file_checksum(parts, sizeof parts);
    return STRATA_OK;
}

static bool names_data(const struct study *study, const char *key) {
    for (const char *const *at = study->data_keys; at && *at; ++at)
        if (strcmp(*at, key) == 0) return true;
    return false;
}

/* The data sets that the settings name are there; their checksum. */
static strata_status data_check(strata_context *ctx, struct session *session) {
    const char *folder = session->options->data_folder;
    if (folder && !file_is_folder(folder))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "--data: %s: expected a folder", folder);
    for (size_t i = 0; i < settings_size(session->settings); ++i) {
        const struct setting *row = settings_row(session->settings, i);
        if (!names_data(session->study, row->key)) continue;
        bool list = row->type == SETTING_NAMES;
        size_t count = list ? settings_names(session->settings, row->key) : 1;
        for (size_t k = 0; k < count; ++k)
            STRATA_TRY(data_add(ctx, session,
                                list ? settings_name(session->settings, row->key, k)
                                     : settings_text(session->settings, row->key)));
    }
    return STRATA_OK;
}

strata_status session_plan(strata_context *ctx, struct session *session, const struct settings *settings) {
    session->settings = settings;
    session->checkpoint_seconds = settings_number(settings, "checkpoint.seconds");
    STRATA_TRY(data_check(ctx, session));
    STRATA_TRY(session->study->plan(ctx, settings, settings_preset(settings), &session->tasks));
    if (session->tasks.count == 0)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "study '%s': these settings leave nothing to run",
                           session->study->name);
    for (size_t i = 0; i < session->tasks.count; ++i) {
        struct settings *changed;
        STRATA_TRY(task_settings(ctx, &session->tasks.tasks[i], settings, &changed));
        strata_status status = session->study->check ? session->study->check(ctx, changed) : STRATA_OK;
        settings_destroy(changed);
        STRATA_TRY(status);
    }
    session->records = mem_zero(session->tasks.count, sizeof *session->records);
    session->marks = mem_zero(session->tasks.count, sizeof *session->marks);
    session->done = mem_zero(session->tasks.count, sizeof *session->done);
    if (!session->records || !session->marks || !session->done)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: %zu tasks", session->tasks.count);
    return STRATA_OK;
}

strata_status session_open_files(strata_context *ctx, struct session *session) {
    char *metrics = NULL, *log = NULL;
    strata_status status;
    STRATA_GO(directory_file(ctx, session->directory.path, "metrics.jsonl", &metrics));
    STRATA_GO(directory_file(ctx, session->directory.path, "log.txt", &log));
    STRATA_GO(line_file_open(ctx, log, &session->log));
    STRATA_GO(line_file_open(ctx, metrics, &session->metrics));
cleanup:
    mem_free(metrics);
    mem_free(log);
    return status;
}

/* Records of a finished task; of a begun one only how many metric lines count. */
static strata_status task_load(strata_context *ctx, struct session *session, size_t index) {
    const char *id = session->tasks.tasks[index].id, *folder = session->directory.path;
    struct checkpoint_owner owner = {.task = id, .config = session->directory.config};
    struct record_set records = {0};
    struct tensor_file state = {0};
    char *done = NULL, *begun = NULL;
    strata_status status;
    STRATA_GO(directory_task_file(ctx, folder, id, "done.json", &done));
    STRATA_GO(directory_task_file(ctx, folder, id, "safetensors", &begun));
    session->done[index] = file_exists(done);
    owner.path = session->done[index] ? done : begun;
    if (session->done[index])
        STRATA_GO(done_read(ctx, &owner, &session->records[index], &session->marks[index]));
    else if (file_exists(begun))
        STRATA_GO(state_read(ctx, &owner, &records, &session->marks[index], &state));
cleanup:
    record_set_destroy(&records);
    tensor_file_destroy(&state);
    mem_free(done);
    mem_free(begun);
    return status;
}

strata_status session_load(strata_context *ctx, struct session *session) {
    char *path;
    for (size_t i = 0; i < session->tasks.count; ++i) STRATA_TRY(task_load(ctx, session, i));
    STRATA_TRY(directory_file(ctx, session->directory.path, "metrics.jsonl", &path));
    strata_status status = STRATA_OK;
    if (file_exists(path)) status = metrics_settle(ctx, path, &session->tasks, session->marks);
    mem_free(path);
    return status;
}

/* ---- running ---- */

struct schedule {
    struct session *session;
    size_t *order;
    size_t count;
};

/* Heaviest first, so that no long task is left alone at the end; equal ones in declared order. */
static strata_status schedule_create(strata_context *ctx, struct session *session, struct schedule *schedule) {
    const struct task *tasks = session->tasks.tasks;
    *schedule = (struct schedule){.session = session, .order = mem_zero(session->tasks.count, sizeof *schedule->order)};
    if (!schedule->order)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: order of %zu tasks", session->tasks.count);
    for (size_t i = 0; i < session->tasks.count; ++i) {
        if (session->done[i]) continue;
        size_t at = schedule->count++;
        for (; at > 0 && tasks[schedule->order[at - 1]].weight < tasks[i].weight; --at)
            schedule->order[at] = schedule->order[at - 1];
        schedule->order[at] = i;
    }
    return STRATA_OK;
}

/* The first failure is the run's; those that follow are tasks being stopped. */
static void session_fail(struct session *session, const strata_context *ctx, strata_status status) {
    pthread_mutex_lock(&session->mutex);
    if (session->failure == STRATA_OK ||
        (session->failure == STRATA_ERR_INTERRUPTED && status != STRATA_ERR_INTERRUPTED)) {
        session->failure = status;
        if (ctx)
            strata_fail_copy(session->ctx, ctx);
        else
            status = strata_fail(session->ctx, status, "out of memory: context of a task");
    }
    pthread_mutex_unlock(&session->mutex);
    atomic_store(&session->stop, 1);
}

static void schedule_job(void *user, size_t index, size_t worker) {
    const struct schedule *schedule = user;
    struct session *session = schedule->session;
    strata_context *ctx;
    (void)worker;
    if (session_stopping(session)) return;
    strata_status status = context_child(session->ctx, &ctx);
    if (status == STRATA_OK) status = session_run_task(ctx, session, schedule->order[index]);
    if (status != STRATA_OK) session_fail(session, ctx, status);
    strata_context_destroy(ctx);
}

/* What the caller reads: where it stands, and how to go on. */
static strata_status session_stopped(strata_context *ctx, struct session *session) {
    char message[700];
    size_t done = 0;
    strata_status status;
    for (size_t i = 0; i < session->tasks.count; ++i) done += session->done[i];
    if (session->failure == STRATA_OK && done == session->tasks.count) return STRATA_OK;
    char *word = shell_word(session->directory.path);
    const char *path = word ? word : session->directory.path;
    snprintf(message, sizeof message, "%s", strata_context_message(ctx));
    if (session->failure == STRATA_OK || session->failure == STRATA_ERR_INTERRUPTED)
        status = strata_fail(ctx, STRATA_ERR_INTERRUPTED,
                             "interrupted with %zu of %zu tasks done; go on with: strata resume %s", done,
                             session->tasks.count, path);
    else
        status = strata_fail(ctx, session->failure,
                             "%s; %zu of %zu tasks are done and kept, go on with: strata resume %s", message, done,
                             session->tasks.count, path);
    mem_free(word);
    return status;
}

strata_status session_run(strata_context *ctx, struct session *session) {
    struct schedule schedule = {0};
    struct thread_pool *pool = NULL;
    size_t threads = session->options->threads;
    strata_status status;
    STRATA_GO(progress_create(ctx, session->options, &session->tasks, session->directory.seconds, &session->meter));
    STRATA_GO(schedule_create(ctx, session, &schedule));
    if (threads > schedule.count) threads = schedule.count;
    STRATA_GO(thread_pool_create(ctx, threads > 1 ? threads : 1, &pool));
    linalg_set_blas_threads(1);
    for (size_t i = 0; i < session->tasks.count; ++i)
        if (session->done[i]) progress_skip(&session->meter, i);
    progress_begin(&session->meter);
    thread_pool_run(pool, schedule.count, schedule_job, &schedule);
    session->directory.seconds = progress_seconds(&session->meter);
    status = session_stopped(ctx, session);
cleanup:
    thread_pool_destroy(pool);
    mem_free(schedule.order);
    return status;
}
