/* SPDX-License-Identifier: MIT */
#include "cli/user_data.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/settings.h"

enum { LABELS_LOOK_LIKE = 100 }; /* distinct whole numbers beyond which a column is a quantity */

/* ---- options ---- */

strata_status user_required(const struct cli *cli, const struct arguments *arguments, const char *option,
                            const char **value) {
    *value = argument_value(arguments, option);
    if (*value && **value) return STRATA_OK;
    return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "%s: expected --%s; see: strata %s --help",
                       arguments->command->name, option, arguments->command->name);
}

static bool number_part(const char *text, const char *end, double *number) {
    char copy[64];
    size_t size = (size_t)(end - text);
    if (size == 0 || size >= sizeof copy) return false;
    memcpy(copy, text, size);
    copy[size] = '\0';
    return number_parse(copy, number);
}

strata_status user_number(const struct cli *cli, const char *option, const char *text, double *number) {
    const char *slash = strchr(text, '/'), *end = text + strlen(text);
    double divisor = 1;
    bool fine = number_part(text, slash ? slash : end, number);
    if (fine && slash) fine = number_part(slash + 1, end, &divisor) && divisor != 0;
    if (!fine)
        return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "--%s: expected a number such as 0.03 or 8/255, got '%.60s'",
                           option, text);
    *number /= divisor;
    return STRATA_OK;
}

strata_status user_count(const struct cli *cli, const struct arguments *arguments, const char *option, size_t fallback,
                         size_t *count) {
    const char *text = argument_value(arguments, option);
    char *end;
    *count = fallback;
    if (!text) return STRATA_OK;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end || errno || value == 0 || strchr(text, '-'))
        return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "--%s: expected a whole number of at least 1, got '%.60s'",
                           option, text);
    *count = (size_t)value;
    return STRATA_OK;
}

strata_status user_seed(const struct cli *cli, const struct arguments *arguments, uint64_t *seed) {
    size_t value;
    STRATA_TRY(user_count(cli, arguments, "seed", 1, &value));
    *seed = value;
    return STRATA_OK;
}

/* ---- data ---- */

static bool known_data(const char *name) {
    for (size_t i = 0; data_name(i); ++i)
        if (strcmp(data_name(i), name) == 0) return true;
    return false;
}

static strata_status fail_no_data(const struct cli *cli, const char *name) {
    char suggestion[128], folder[PATH_MAX];
    data_suggestion(name, suggestion);
    bool relative = name[0] != '/' && getcwd(folder, sizeof folder);
    return strata_fail(cli->ctx, STRATA_ERR_NOT_FOUND,
                       "--data: %.400s: no such file%s%.300s, and no known data set%s; see: strata data list", name,
                       relative ? " in " : "", relative ? folder : "", suggestion);
}

/* "t10k-images-idx3-ubyte.gz" -> "t10k-labels-idx1-ubyte.gz", if that is there; fresh string or NULL. */
static char *labels_beside(const char *path) {
    const char *images = strstr(path, "images");
    if (!images) return NULL;
    char *labels = string_format("%.*slabels%s", (int)(images - path), path, images + 6);
    char *rank = labels ? strstr(labels, "idx3") : NULL;
    if (rank) rank[3] = '1';
    if (labels && file_exists(labels)) return labels;
    mem_free(labels);
    return NULL;
}

/* What the targets look like: few whole numbers from 0 are classes. */
static strata_task guess_task(const strata_dataset *data) {
    const strata_dataset_shape shape = strata_dataset_get_shape(data);
    const float *targets = strata_dataset_targets(data);
    double largest = 0;
    if (shape.targets != 1) return STRATA_TASK_REGRESSION;
    for (size_t r = 0; r < shape.rows; ++r) {
        double value = (double)targets[r];
        if (value < 0 || value != floor(value) || value >= LABELS_LOOK_LIKE) return STRATA_TASK_REGRESSION;
        largest = fmax(largest, value);
    }
    return largest <= 1 ? STRATA_TASK_BINARY : STRATA_TASK_MULTICLASS;
}

static strata_status read_file(const struct cli *cli, const strata_dataset_file *file, bool guess,
                               strata_dataset **data) {
    strata_dataset_file as_numbers = *file;
    if (!guess) return strata_dataset_read(cli->ctx, file, data);
    as_numbers.task = STRATA_TASK_REGRESSION;
    STRATA_TRY(strata_dataset_read(cli->ctx, &as_numbers, data));
    strata_task task = guess_task(*data);
    if (task == STRATA_TASK_REGRESSION) return STRATA_OK;
    strata_dataset_destroy(*data);
    *data = NULL;
    as_numbers.task = task;
    return strata_dataset_read(cli->ctx, &as_numbers, data);
}

static strata_status load_file(const struct cli *cli, const struct arguments *arguments, const char *path,
                               const struct user_rows *wanted, strata_dataset **data) {
    static const char *const words[] = {"regression", "binary", "classes"};
    const char *said = argument_value(arguments, "task"), *labels = argument_value(arguments, "labels"),
               *column = argument_value(arguments, "target");
    int task = wanted->unlabelled ? STRATA_TASK_REGRESSION : wanted->task;
    char *beside = labels || wanted->unlabelled ? NULL : labels_beside(path);
    strata_dataset_file file = strata_dataset_file_default(path);
    for (int i = 0; said && !wanted->unlabelled && i < 3; ++i)
        if (strcmp(words[i], said) == 0) task = i;
    bool table = strstr(path, ".csv") != NULL;
    file.task = task >= 0 ? (strata_task)task : STRATA_TASK_REGRESSION;
    file.target = column ? column : table ? wanted->target : NULL;
    file.targets_path = labels && !wanted->unlabelled ? labels : beside;
    file.columns = table ? wanted->columns : NULL;
    file.unlabelled = wanted->unlabelled;
    strata_status status = read_file(cli, &file, task < 0, data);
    mem_free(beside);
    return status;
}

static strata_status keep_rows(const struct cli *cli, const struct arguments *arguments, strata_dataset **data) {
    size_t rows;
    STRATA_TRY(user_count(cli, arguments, "rows", SIZE_MAX, &rows));
    if (rows >= strata_dataset_get_shape(*data).rows) return STRATA_OK;
    strata_dataset *taken;
    STRATA_TRY(strata_dataset_take(cli->ctx, *data, rows, &taken));
    strata_dataset_destroy(*data);
    *data = taken;
    return STRATA_OK;
}

strata_status user_data_load(const struct cli *cli, const struct arguments *arguments, const struct user_rows *wanted,
                             strata_dataset **data) {
    const char *name;
    *data = NULL;
    STRATA_TRY(user_required(cli, arguments, "data", &name));
    strata_status status = STRATA_OK;
    if (known_data(name) && !file_exists(name))
        STRATA_GO(strata_dataset_load(cli->ctx, name, NULL, wanted->part == USER_TRAIN ? data : NULL,
                                      wanted->part == USER_TEST ? data : NULL));
    else
        STRATA_GO(file_exists(name) ? load_file(cli, arguments, name, wanted, data) : fail_no_data(cli, name));
    STRATA_GO(keep_rows(cli, arguments, data));
cleanup:
    if (status != STRATA_OK) {
        strata_dataset_destroy(*data);
        *data = NULL;
    }
    return status;
}

/* ---- models ---- */

/* The numbers of a list such as "0.49,0.48,0.45"; fresh array. */
static strata_status number_list(const struct cli *cli, const char *option, const char *text, double **numbers,
                                 size_t *count) {
    char **items;
    STRATA_TRY(list_split(cli->ctx, text, &items, count));
    *numbers = mem_zero(*count + 1, sizeof **numbers);
    strata_status status = *numbers ? STRATA_OK
                                    : strata_fail(cli->ctx, STRATA_ERR_MEMORY, "no memory for %zu numbers", *count);
    for (size_t i = 0; i < *count; ++i) {
        if (status == STRATA_OK) status = user_number(cli, option, items[i], &(*numbers)[i]);
        mem_free(items[i]);
    }
    mem_free(items);
    return status;
}

static strata_status open_weights(const struct cli *cli, const struct arguments *arguments, const char *path,
                                  const char *architecture, strata_learner **model) {
    strata_import import = strata_import_default(architecture);
    const char *picture = argument_value(arguments, "picture"), *mean = argument_value(arguments, "mean"),
               *sd = argument_value(arguments, "sd");
    double *means = NULL, *sds = NULL;
    size_t mean_count, sd_count;
    strata_status status = STRATA_OK;
    char more;
    if (picture &&
        sscanf(picture, "%zu,%zu,%zu%c", &import.picture[0], &import.picture[1], &import.picture[2], &more) != 3)
        return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT,
                           "--picture: expected channels, height and width such as 1,28,28, got '%.60s'", picture);
    STRATA_GO(number_list(cli, "mean", mean ? mean : "0", &means, &mean_count));
    STRATA_GO(number_list(cli, "sd", sd ? sd : "1", &sds, &sd_count));
    if (mean && sd && mean_count != sd_count)
        STRATA_GO(strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "--sd: expected %zu numbers as in --mean, got %zu",
                              mean_count, sd_count));
    if ((mean_count > 1) != (sd_count > 1))
        STRATA_GO(strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "expected both --mean and --sd where one is a list"));
    import.moments = mean || sd ? mean_count : 0;
    import.mean = means;
    import.sd = sds;
    STRATA_GO(strata_learner_open_weights(cli->ctx, path, &import, model));
cleanup:
    mem_free(means);
    mem_free(sds);
    return status;
}

strata_status user_model_open(const struct cli *cli, const struct arguments *arguments, strata_learner **model) {
    const char *path, *architecture = argument_value(arguments, "architecture");
    *model = NULL;
    STRATA_TRY(user_required(cli, arguments, "model", &path));
    if (architecture) return open_weights(cli, arguments, path, architecture, model);
    return strata_learner_open(cli->ctx, path, model);
}

strata_status user_model_data(const struct cli *cli, const struct arguments *arguments, const strata_learner *model,
                              bool unlabelled, strata_dataset **data) {
    struct user_rows wanted = {.part = USER_TEST,
                               .task = (int)strata_learner_task(model),
                               .target = strata_learner_note(model, "target"),
                               .columns = strata_learner_note(model, "columns"),
                               .unlabelled = unlabelled};
    size_t inputs = strata_learner_inputs(model), classes = strata_learner_classes(model), picture[3];
    strata_learner_picture(model, picture);
    STRATA_TRY(user_data_load(cli, arguments, &wanted, data));
    if (unlabelled && strata_dataset_get_shape(*data).inputs == inputs + 1) { /* without names the last is the target */
        strata_dataset_destroy(*data);
        wanted.unlabelled = false;
        STRATA_TRY(user_data_load(cli, arguments, &wanted, data));
    }
    const strata_dataset_shape shape = strata_dataset_get_shape(*data);
    const char *name = argument_value(arguments, "data");
    strata_status status = STRATA_OK;
    if (shape.inputs != inputs)
        status = strata_fail(cli->ctx, STRATA_ERR_ARGUMENT,
                             "%s: expected rows of %zu inputs as the model reads, found %zu", name, inputs,
                             shape.inputs);
    else if (picture[0] && shape.picture[0] && memcmp(picture, shape.picture, sizeof picture) != 0)
        status = strata_fail(cli->ctx, STRATA_ERR_ARGUMENT,
                             "%s: expected pictures of %zu x %zu x %zu as the model reads, found %zu x %zu x %zu", name,
                             picture[0], picture[1], picture[2], shape.picture[0], shape.picture[1], shape.picture[2]);
    else if (shape.task != STRATA_TASK_REGRESSION && shape.classes > classes)
        status = strata_fail(cli->ctx, STRATA_ERR_ARGUMENT,
                             "%s: expected at most the %zu classes of the model, found %zu", name, classes,
                             shape.classes);
    if (status == STRATA_OK) return STRATA_OK;
    strata_dataset_destroy(*data);
    *data = NULL;
    return status;
}

size_t user_class(size_t outputs, const float *out) {
    if (outputs == 1) return out[0] > 0;
    size_t best = 0;
    for (size_t i = 1; i < outputs; ++i)
        if (out[i] > out[best]) best = i;
    return best;
}

/* ---- copies */

void user_copies_destroy(struct user_copies *copies) {
    thread_pool_destroy(copies->pool);
    for (size_t i = 0; copies->models && i < copies->count; ++i) strata_learner_destroy(copies->models[i]);
    mem_free(copies->models);
    mem_free(copies->functions);
}

strata_status user_copies_open(struct cli *cli, const struct arguments *arguments, struct user_copies *copies) {
    STRATA_TRY(cli_threads(cli, arguments, &copies->count));
    copies->models = mem_zero(copies->count, sizeof(strata_learner *));
    copies->functions = mem_zero(copies->count, sizeof *copies->functions);
    if (!copies->models || !copies->functions)
        return strata_fail(cli->ctx, STRATA_ERR_MEMORY, "no memory for %zu copies of the model", copies->count);
    for (size_t i = 0; i < copies->count; ++i) {
        STRATA_TRY(user_model_open(cli, arguments, &copies->models[i]));
        copies->functions[i] = strata_learner_function(copies->models[i]);
    }
    return thread_pool_create(cli->ctx, copies->count, &copies->pool);
}

strata_status user_check_classifier(const struct cli *cli, const struct arguments *arguments,
                                    const strata_learner *model) {
    if (strata_learner_task(model) != STRATA_TASK_REGRESSION) return STRATA_OK;
    return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "%s: expected a classifier, found a model of numbers",
                       argument_value(arguments, "model"));
}

strata_status user_labels(const struct cli *cli, const strata_dataset *data, uint32_t **labels) {
    const float *targets = strata_dataset_targets(data);
    size_t rows = strata_dataset_get_shape(data).rows;
    *labels = mem_zero(rows, sizeof **labels);
    if (!*labels) return strata_fail(cli->ctx, STRATA_ERR_MEMORY, "no memory for %zu labels", rows);
    for (size_t r = 0; r < rows; ++r) (*labels)[r] = (uint32_t)targets[r];
    return STRATA_OK;
}
