/* SPDX-License-Identifier: MIT */
/* strata fit: one of our learners on the user's own data, as one file. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/live.h"
#include "cli/user_data.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/safetensors.h"

enum { MOST_SETTINGS = 64 };
static const double CHECKPOINT_SECONDS = 20;

struct fitting {
    struct cli *cli;
    strata_learner *learner;
    const char *partial;       /* where the state is kept on the way */
    double begun, kept, shown; /* seconds: of the fit, of the last checkpoint, of the last line of progress */
    bool due;                  /* the fit stops to be kept, then goes on */
};

static bool after_step(void *user, const strata_fit_progress *progress) {
    struct fitting *self = user;
    double now = clock_seconds(), share = (double)progress->step / (double)progress->total;
    const struct run_progress shown = {.tasks = progress->total,
                                       .tasks_done = progress->step,
                                       .unit = "steps",
                                       .fraction = share,
                                       .seconds = now - self->begun,
                                       .eta_seconds = (now - self->begun) * (1 - share) / fmax(share, 1e-9)};
    if (now - self->shown > 0.1 && now - self->begun > 1) {
        live_show(self->cli->live, &shown);
        self->shown = now;
    }
    self->due = now - self->kept > CHECKPOINT_SECONDS && progress->step < progress->total;
    return !self->due;
}

/* Fits to the end; every 20 seconds it stops for a moment, so that a killed fit goes on from there. */
static strata_status fit_and_keep(struct fitting *self) {
    strata_context *ctx = self->cli->ctx;
    self->begun = self->kept = clock_seconds();
    for (;;) {
        strata_status status = strata_learner_fit(ctx, self->learner, after_step, self);
        if (status != STRATA_ERR_INTERRUPTED) return status;
        STRATA_TRY(strata_learner_save(ctx, self->learner, self->partial));
        self->kept = clock_seconds();
        if (!self->due || context_cancelled(ctx))
            return strata_fail(ctx, STRATA_ERR_INTERRUPTED, "stopped; the same command goes on from %s", self->partial);
        context_clear(ctx);
    }
}

static strata_status collect_settings(const struct cli *cli, const struct arguments *arguments,
                                      const char *pairs[MOST_SETTINGS + 1]) {
    size_t count = 0;
    for (size_t i = 0; i < arguments->given_count; ++i) {
        if (strcmp(arguments->given[i].option->name, "set") != 0) continue;
        if (count == MOST_SETTINGS)
            return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "--set: at most %d settings", MOST_SETTINGS);
        pairs[count++] = arguments->given[i].value;
    }
    pairs[count] = NULL;
    return STRATA_OK;
}

static strata_status check_classes(const struct cli *cli, const strata_dataset *data, const char *name) {
    const strata_dataset_shape shape = strata_dataset_get_shape(data);
    const float *targets = strata_dataset_targets(data);
    if (shape.task == STRATA_TASK_REGRESSION) return STRATA_OK;
    for (size_t r = 1; r < shape.rows; ++r)
        if (targets[r] != targets[0]) return STRATA_OK;
    return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "%s: expected at least two classes, all %zu rows are of class %g",
                       name, shape.rows, (double)targets[0]);
}

static const char *default_learner(const strata_dataset *data) {
    return strata_dataset_get_shape(data).picture[0] ? "cnn_small" : "mlp_relu";
}

/* The error on the training rows, in words. */
static void print_end(const struct cli *cli, const struct fitting *self, const strata_dataset *data, const char *name,
                      const char *out) {
    const strata_dataset_shape shape = strata_dataset_get_shape(data);
    double error = NAN;
    if (cli->quiet || strata_learner_test_error(cli->ctx, self->learner, data, &error) != STRATA_OK) return;
    if (shape.task == STRATA_TASK_REGRESSION)
        printf("%s on %zu rows of %zu inputs: relative error %.4g on them, %.1f s\n", name, shape.rows, shape.inputs,
               error, clock_seconds() - self->begun);
    else
        printf("%s on %zu rows of %zu inputs, %zu classes: accuracy %.4g on them, %.1f s\n", name, shape.rows,
               shape.inputs, shape.classes, 1 - error, clock_seconds() - self->begun);
    printf("Model: %s\n", out);
}

/* ---- which fit a checkpoint belongs to */

static const char FIT_NOTE[] = "fit";

/* Learner, seed, settings and rows in one number: equal commands on equal data have the same. */
static strata_status name_fit(struct cli *cli, const char *name, const strata_learner_options *options,
                              const strata_dataset *data, char text[17]) {
    const strata_dataset_shape shape = strata_dataset_get_shape(data);
    struct buffer said = {0};
    strata_status status = STRATA_OK;
    STRATA_GO(buffer_print(cli->ctx, &said, "%s %" PRIu64 " %zu x %zu %d %016" PRIx64 " %016" PRIx64, name,
                           options->seed, shape.rows, shape.inputs, (int)shape.task,
                           file_checksum(strata_dataset_inputs(data), shape.rows * shape.inputs * sizeof(float)),
                           file_checksum(strata_dataset_targets(data), shape.rows * shape.targets * sizeof(float))));
    for (size_t i = 0; options->settings[i]; ++i) STRATA_GO(buffer_print(cli->ctx, &said, " %s", options->settings[i]));
    snprintf(text, 17, "%016" PRIx64, file_checksum(said.data, said.size));
cleanup:
    buffer_destroy(&said);
    return status;
}

static strata_status check_partial(struct cli *cli, const char *partial, const char *fit) {
    struct tensor_file file = {0};
    STRATA_TRY(tensor_file_read(cli->ctx, partial, &file));
    const char *found = tensor_file_get(&file, "strata.note.fit");
    bool same = found && strcmp(found, fit) == 0;
    tensor_file_destroy(&file);
    if (same) return STRATA_OK;
    return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT,
                       "%s: the checkpoint of a fit with other data, learner, settings or seed; repeat that command, "
                       "or remove the file to begin anew",
                       partial);
}

/* Names that stay with the model: its columns are found by them, in whatever order they come. */
static strata_status set_notes(struct cli *cli, const strata_dataset *data, const char *fit, strata_learner *learner) {
    const char *target = strata_dataset_target(data), *columns = strata_dataset_columns(data);
    STRATA_TRY(strata_learner_set_note(cli->ctx, learner, FIT_NOTE, fit));
    if (target) STRATA_TRY(strata_learner_set_note(cli->ctx, learner, "target", target));
    if (columns) STRATA_TRY(strata_learner_set_note(cli->ctx, learner, "columns", columns));
    return STRATA_OK;
}

/* A fit of an hour should not end at a folder that is not there. */
static strata_status check_out(struct cli *cli, const char *out) {
    const char *slash = strrchr(out, '/');
    char *folder = slash > out ? string_format("%.*s", (int)(slash - out), out) : string_format(slash ? "/" : ".");
    strata_status status = STRATA_OK;
    if (!folder) return strata_fail(cli->ctx, STRATA_ERR_MEMORY, "no memory for a path");
    if (!file_is_folder(folder))
        status = strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "--out: there is no folder '%s'", folder);
    else if (access(folder, W_OK) != 0)
        status = strata_fail_errno(cli->ctx, errno, "write to", folder);
    else if (file_is_folder(out))
        status = strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "--out: expected a file, '%s' is a folder", out);
    else if (file_exists(out) && !file_is_regular(out))
        status = strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "--out: expected a file, '%s' is a device", out);
    mem_free(folder);
    return status;
}

static strata_status prepare(struct cli *cli, const struct arguments *arguments, const strata_dataset *data,
                             const char *name, struct fitting *fitting) {
    const char *pairs[MOST_SETTINGS + 1];
    char fit[17];
    strata_learner_options options = strata_learner_options_default();
    STRATA_TRY(collect_settings(cli, arguments, pairs));
    STRATA_TRY(user_seed(cli, arguments, &options.seed));
    STRATA_TRY(cli_threads(cli, arguments, &options.threads));
    options.settings = pairs;
    options.standardise = !strata_dataset_get_shape(data).picture[0]; /* pixels are alike already */
    STRATA_TRY(strata_learner_create(cli->ctx, name, &options, data, &fitting->learner));
    STRATA_TRY(name_fit(cli, name, &options, data, fit));
    STRATA_TRY(set_notes(cli, data, fit, fitting->learner));
    if (!file_exists(fitting->partial)) return STRATA_OK;
    STRATA_TRY(check_partial(cli, fitting->partial, fit));
    STRATA_TRY(strata_learner_load(cli->ctx, fitting->learner, fitting->partial));
    cli_note(cli, "going on from %s", fitting->partial);
    return STRATA_OK;
}

strata_status command_fit(struct cli *cli, const struct arguments *arguments) {
    const char *out, *name = argument_value(arguments, "learner");
    strata_dataset *data = NULL;
    struct fitting fitting = {.cli = cli};
    const struct user_rows wanted = {.part = USER_TRAIN, .task = -1};
    char *partial = NULL;
    strata_status status = STRATA_OK;
    STRATA_GO(user_required(cli, arguments, "out", &out));
    STRATA_GO(check_out(cli, out));
    STRATA_GO(user_data_load(cli, arguments, &wanted, &data));
    STRATA_GO(check_classes(cli, data, argument_value(arguments, "data")));
    if (!name) name = default_learner(data);
    fitting.partial = partial = string_format("%s.partial", out);
    if (!partial) STRATA_GO(strata_fail(cli->ctx, STRATA_ERR_MEMORY, "no memory for a path"));
    STRATA_GO(prepare(cli, arguments, data, name, &fitting));
    STRATA_GO(fit_and_keep(&fitting));
    live_end(cli->live);
    STRATA_GO(strata_learner_save(cli->ctx, fitting.learner, out));
    (void)unlink(partial);
    print_end(cli, &fitting, data, name, out);
cleanup:
    strata_learner_destroy(fitting.learner);
    strata_dataset_destroy(data);
    mem_free(partial);
    return status;
}
