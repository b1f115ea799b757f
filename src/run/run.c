/* SPDX-License-Identifier: MIT */
/*
 * A run from settings to result.json. The result is computed from the records of the tasks alone, so it
 * does not matter in how many sessions, on how many threads or in which order the tasks ran.
 */
#include "run/run.h"

#include <stdio.h>
#include <string.h>

#include "core/json.h"
#include "core/memory.h"
#include "run/host.h"
#include "run/report.h"
#include "run/session.h"
#include "run/summary.h"

/* ---- result.json ---- */

/* A setting as JSON: numbers and flags as such, text and lists as config.ini writes them. */
static json_t *setting_json(const struct settings *settings, size_t i) {
    const struct setting *row = settings_row(settings, i);
    if (row->type == SETTING_NUMBER) return json_number(settings_number(settings, row->key));
    if (row->type == SETTING_COUNT) return json_integer((json_int_t)settings_count(settings, row->key));
    if (row->type == SETTING_FLAG) return json_boolean(settings_flag(settings, row->key));
    return json_string(settings_value(settings, i));
}

static json_t *settings_json(const struct settings *settings) {
    json_t *object = json_object();
    for (size_t i = 0; object && i < settings_size(settings); ++i) {
        if (json_object_set_new(object, settings_row(settings, i)->key, setting_json(settings, i)) == 0) continue;
        json_decref(object);
        object = NULL;
    }
    return object;
}

static strata_status result_make(strata_context *ctx, const struct session *session, const struct summary *summary,
                                 json_t **result) {
    const struct settings *settings = session->settings;
    *result = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:I, s:f, s:o, s:o}", "study", session->study->name, "version", strata_version(),
        "preset", preset_name(summary->preset), "seed", (json_int_t)settings_count(settings, "study.seed"), "seeds",
        (json_int_t)settings_count(settings, "study.seeds"), "threads", (json_int_t)session->options->threads,
        "seconds", session->directory.seconds, "host", host_describe(), "config", settings_json(settings));
    if (!*result)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: result of study '%s'", session->study->name);
    strata_status status = summary_print(ctx, summary, *result);
    if (status == STRATA_OK) return STRATA_OK;
    json_decref(*result);
    *result = NULL;
    return status;
}

/* Settings may leave out what a claim is measured by: it is then absent, which log.txt says. */
static strata_status log_unmeasured(strata_context *ctx, struct session *session, const struct summary *summary) {
    for (size_t i = 0; i < summary->claim_count; ++i) {
        const struct claim *claim = &session->study->claims[i];
        if (!summary->claims[i].measured && claim->presets & (1u << summary->preset))
            STRATA_TRY(session_log(ctx, session, "claim %s: not measured with these settings", claim->id));
    }
    return STRATA_OK;
}

/* Tables, figures and verdicts of the records; result.json comes last, its absence means "not finished". */
static strata_status session_finish(strata_context *ctx, struct session *session, json_t **result) {
    const struct records records = {.tasks = &session->tasks, .sets = session->records, .settings = session->settings};
    struct summary summary = {0};
    const char *folder = session->directory.path;
    char *metrics = NULL, *path = NULL;
    json_t *made = NULL;
    strata_status status;
    STRATA_GO(directory_file(ctx, folder, "metrics.jsonl", &metrics));
    STRATA_GO(directory_file(ctx, folder, "result.json", &path));
    STRATA_GO(metrics_settle(ctx, metrics, &session->tasks, session->marks));
    STRATA_GO(summary_create(ctx, session->study, settings_preset(session->settings), &summary));
    STRATA_GO(session->study->summarise(ctx, &records, &summary));
    STRATA_GO(summary_check(ctx, &summary));
    STRATA_GO(log_unmeasured(ctx, session, &summary));
    STRATA_GO(summary_write_figures(ctx, &summary, folder));
    STRATA_GO(result_make(ctx, session, &summary, &made));
    STRATA_GO(report_write(ctx, session->study, folder, made));
    STRATA_GO(json_write(ctx, made, 1, path));
    STRATA_GO(session_log(ctx, session, "finished after %.1f s", session->directory.seconds));
    *result = made;
    made = NULL;
cleanup:
    json_decref(made);
    summary_destroy(&summary);
    mem_free(metrics);
    mem_free(path);
    return status;
}

/* Both kinds of run from here on: the tasks that are left, then the result. */
static strata_status session_complete(strata_context *ctx, struct session *session, json_t **result) {
    STRATA_TRY(session_log(ctx, session, "study %s, version %s: %zu tasks on %zu threads", session->study->name,
                           strata_version(), session->tasks.count, session->options->threads));
    strata_status status = session_run(ctx, session);
    if (status == STRATA_OK) status = session_finish(ctx, session, result);
    if (status == STRATA_OK) return STRATA_OK;
    char message[1000];
    snprintf(message, sizeof message, "%s", strata_context_message(ctx));
    /* The run's own fault is the one to report, whether or not these two can still be written. */
    strata_status kept = directory_save(ctx, &session->directory);
    if (kept == STRATA_OK) kept = session_log(ctx, session, "stopped: %s", message);
    (void)kept;
    return strata_fail(ctx, status, "%s", message);
}

/* ---- public ---- */

strata_status run_study(strata_context *ctx, const struct run_options *options, const struct settings *settings,
                        char **directory, json_t **result) {
    struct session session;
    strata_status status;
    *directory = NULL;
    *result = NULL;
    session_open(ctx, options, &session);
    STRATA_GO(session_plan(ctx, &session, settings));
    STRATA_GO(directory_create(ctx, options->out, options->study, settings, session.data, &session.directory));
    STRATA_GO(session_open_files(ctx, &session));
    STRATA_GO(session_complete(ctx, &session, result));
cleanup:
    *directory = session.directory.path;
    session.directory.path = NULL;
    session_close(&session);
    return status;
}

/* The settings that a run directory was made with. */
static strata_status settings_reload(strata_context *ctx, const struct session *session, struct settings **settings) {
    char *assignment = string_format("@%s/config.ini", session->directory.path);
    if (!assignment) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: a path in %s", session->directory.path);
    strata_status status = run_settings(ctx, session->study, session->directory.preset, 1,
                                        (const char *const[]){assignment}, settings);
    mem_free(assignment);
    return status;
}

strata_status run_resume(strata_context *ctx, const char *directory, const struct run_options *options,
                         json_t **result) {
    struct session session;
    struct settings *settings = NULL;
    char *path = NULL;
    strata_status status;
    *result = NULL;
    session_open(ctx, options, &session);
    STRATA_GO(directory_open(ctx, directory, &session.directory));
    if (strcmp(session.directory.study, options->study->name) != 0)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_ARGUMENT, "%s: a run of study '%s', not of '%s'", directory,
                              session.directory.study, options->study->name));
    STRATA_GO(directory_file(ctx, directory, "result.json", &path));
    if (file_exists(path)) {
        status = json_read(ctx, path, result);
        goto cleanup;
    }
    STRATA_GO(settings_reload(ctx, &session, &settings));
    STRATA_GO(session_plan(ctx, &session, settings));
    if (session.data != session.directory.data)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_CONFIG,
                              "%s: the data sets found now are not those that the run began with; resume with the same "
                              "files (--data, $STRATA_DATA), or start a new run with --config %s/config.ini",
                              directory, directory));
    STRATA_GO(session_load(ctx, &session));
    STRATA_GO(session_open_files(ctx, &session));
    STRATA_GO(session_complete(ctx, &session, result));
cleanup:
    session_close(&session);
    settings_destroy(settings);
    mem_free(path);
    return status;
}

strata_status run_study_name(strata_context *ctx, const char *directory, char **name) {
    struct run_directory description;
    *name = NULL;
    strata_status status = directory_describe(ctx, directory, &description);
    if (status == STRATA_OK) {
        *name = description.study;
        description.study = NULL;
    }
    directory_close(&description);
    return status;
}

strata_status run_report(strata_context *ctx, const struct study *study, const char *directory) {
    char *path, *word = NULL;
    STRATA_TRY(directory_file(ctx, directory, "result.json", &path));
    bool finished = file_exists(path);
    if (!finished) word = shell_word(directory);
    strata_status status = finished ? report_build(ctx, study, directory)
                                    : strata_fail(ctx, STRATA_ERR_NOT_FOUND,
                                                  "%s: the run is not finished; go on with: strata resume %s", path,
                                                  word ? word : directory);
    mem_free(word);
    mem_free(path);
    return status;
}
