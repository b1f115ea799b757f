/* SPDX-License-Identifier: MIT */
/* strata_run: a study's result as text and claims. */
#include <strata/study.h>

#include <math.h>
#include <string.h>

#include "api/handles.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/threads.h"
#include "run/run.h"
#include "studies/studies.h"

enum { NAMES_MOST = 64 };

struct strata_run {
    char *directory;
    json_t *result;
    struct buffer text;
};

/* ---- the table ---- */

size_t strata_study_count(void) { return study_table_size; }

const char *strata_study_name(size_t index) { return index < study_table_size ? study_table[index]->name : NULL; }

const char *strata_study_summary(size_t index) { return index < study_table_size ? study_table[index]->summary : NULL; }

static strata_status find_study(strata_context *ctx, const char *name, const struct study **study) {
    const char *names[NAMES_MOST];
    size_t count = 0;
    *study = study_find(name);
    if (*study) return STRATA_OK;
    for (; count < study_table_size && count < NAMES_MOST; ++count) names[count] = study_table[count]->name;
    return name_unknown(ctx, "study", name, names, count);
}

/* The study that a run directory was made for. */
static strata_status study_of(strata_context *ctx, const char *directory, const struct study **study) {
    char *name;
    STRATA_TRY(run_study_name(ctx, directory, &name));
    strata_status status = find_study(ctx, name, study);
    mem_free(name);
    return status;
}

/* ---- running ---- */

strata_study_options strata_study_options_default(void) { return (strata_study_options){.preset = NULL}; }

static void pass_progress(void *user, const struct run_progress *progress) {
    const strata_study_options *options = user;
    const strata_study_progress shown = {.tasks = progress->tasks,
                                         .tasks_done = progress->tasks_done,
                                         .fraction = progress->fraction,
                                         .seconds = progress->seconds,
                                         .eta_seconds = progress->eta_seconds,
                                         .task = progress->task};
    options->progress(options->user, &shown);
}

/* `options` must outlive the run. */
static struct run_options run_options_of(const struct study *study, strata_study_options *options) {
    return (struct run_options){.study = study,
                                .out = options->directory,
                                .data_folder = options->data_folder,
                                .threads = options->threads ? options->threads : thread_available(),
                                .progress = options->progress ? pass_progress : NULL,
                                .user = options};
}

/* Takes `directory` and `result` over, also on failure. */
static strata_status run_create(strata_context *ctx, char *directory, json_t *result, strata_run **run) {
    strata_run *made = mem_zero(1, sizeof *made);
    if (!made) {
        mem_free(directory);
        json_decref(result);
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the result of a run");
    }
    made->directory = directory;
    made->result = result;
    strata_status status = json_print(ctx, result, 1, &made->text);
    if (status == STRATA_OK)
        *run = made;
    else
        strata_run_destroy(made);
    return status;
}

strata_status strata_study_run(strata_context *ctx, const char *name, const strata_study_options *options,
                               strata_run **run) {
    strata_study_options own = options ? *options : strata_study_options_default();
    const struct study *study;
    struct settings *settings = NULL;
    char *directory = NULL;
    json_t *result = NULL;
    size_t count = 0;
    strata_status status = STRATA_OK;
    *run = NULL;
    STRATA_GO(find_study(ctx, name, &study));
    while (own.settings && own.settings[count]) ++count;
    STRATA_GO(run_settings(ctx, study, own.preset, count, own.settings, &settings));
    const struct run_options wanted = run_options_of(study, &own);
    STRATA_GO(run_study(ctx, &wanted, settings, &directory, &result));
    status = run_create(ctx, directory, result, run);
    directory = NULL, result = NULL;
cleanup:
    json_decref(result);
    mem_free(directory);
    settings_destroy(settings);
    return status;
}

strata_status strata_study_resume(strata_context *ctx, const char *directory, const strata_study_options *options,
                                  strata_run **run) {
    strata_study_options own = options ? *options : strata_study_options_default();
    const struct study *study;
    json_t *result;
    *run = NULL;
    STRATA_TRY(study_of(ctx, directory, &study));
    const struct run_options wanted = run_options_of(study, &own);
    STRATA_TRY(run_resume(ctx, directory, &wanted, &result));
    char *path = mem_string(directory);
    if (path) return run_create(ctx, path, result, run);
    json_decref(result);
    return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a path");
}

strata_status strata_study_report(strata_context *ctx, const char *directory) {
    const struct study *study;
    STRATA_TRY(study_of(ctx, directory, &study));
    return run_report(ctx, study, directory);
}

void strata_run_destroy(strata_run *run) {
    if (!run) return;
    mem_free(run->directory);
    json_decref(run->result);
    buffer_destroy(&run->text);
    mem_free(run);
}

/* ---- the result ---- */

const char *strata_run_directory(const strata_run *run) { return run->directory; }

const char *strata_run_json(const strata_run *run) { return run->text.data; }

size_t strata_run_claim_count(const strata_run *run) { return json_array_size(json_object_get(run->result, "claims")); }

static const char *text_of(const json_t *claim, const char *key) {
    const char *text = json_string_value(json_object_get(claim, key));
    return text ? text : "";
}

static double number_of(const json_t *claim, const char *key) {
    const json_t *value = json_object_get(claim, key);
    return value ? json_number_read(value) : NAN;
}

bool strata_run_claim(const strata_run *run, size_t index, strata_claim *claim) {
    const json_t *row = json_array_get(json_object_get(run->result, "claims"), index);
    *claim = (strata_claim){.id = text_of(row, "id"),
                            .statement = text_of(row, "statement"),
                            .source = text_of(row, "source"),
                            .control = strcmp(text_of(row, "role"), "control") == 0,
                            .expected = text_of(row, "expected"),
                            .verdict = text_of(row, "verdict"),
                            .bound = text_of(row, "bound"),
                            .unit = text_of(row, "unit"),
                            .measured = number_of(row, "measured"),
                            .low = number_of(row, "low"),
                            .high = number_of(row, "high")};
    return row != NULL;
}
