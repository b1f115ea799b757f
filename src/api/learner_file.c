/* SPDX-License-Identifier: MIT */
/*
 * A learner as one safetensors file: its state as tensors; name, settings (INI text), sizes and seeds in the
 * metadata, under "strata.".
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/handles.h"
#include "core/ini.h"
#include "core/memory.h"
#include "learn/parameter_store.h"

static const char FORMAT[] = "learner 1";

/* The sizes that a file's learner and a handle's must share. */
struct sizes {
    uint64_t task, inputs, targets, classes;
};

static struct sizes sizes_of(const struct sample_source *source) {
    return (struct sizes){.task = source_task(source),
                          .inputs = source_inputs(source),
                          .targets = source_outputs(source),
                          .classes = source_classes(source)};
}

/* ---- writing ---- */

static const char NOTE[] = "strata.note.";

/* Preprocessing as tensors, so that other programs read it with ease; picture sizes and notes. */
static strata_status set_extras(strata_context *ctx, const strata_learner *learner, struct tensor_file *file) {
    size_t inputs = source_inputs(learner->source);
    char text[80];
    if (learner->mean) {
        STRATA_TRY(tensor_file_add(ctx, file, "input.mean", TENSOR_F32, 1, &inputs, learner->mean));
        STRATA_TRY(tensor_file_add(ctx, file, "input.sd", TENSOR_F32, 1, &inputs, learner->sd));
    }
    snprintf(text, sizeof text, "%zu,%zu,%zu", learner->picture[0], learner->picture[1], learner->picture[2]);
    if (learner->picture[0]) STRATA_TRY(tensor_file_set(ctx, file, "strata.picture", text));
    for (size_t i = 0; i < learner->notes.metadata_count; ++i) {
        snprintf(text, sizeof text, "%s%.60s", NOTE, learner->notes.keys[i]);
        STRATA_TRY(tensor_file_set(ctx, file, text, learner->notes.values[i]));
    }
    return STRATA_OK;
}

static strata_status set_metadata(strata_context *ctx, const strata_learner *learner, struct tensor_file *file) {
    struct sizes sizes = sizes_of(learner->source);
    struct buffer text = {0};
    strata_status status = settings_print(ctx, learner->settings, &text);
    if (status == STRATA_OK) status = tensor_file_set(ctx, file, "strata.settings", text.size ? text.data : "");
    buffer_destroy(&text);
    STRATA_TRY(status);
    STRATA_TRY(tensor_file_set(ctx, file, "strata.format", FORMAT));
    STRATA_TRY(tensor_file_set(ctx, file, "strata.version", strata_version()));
    STRATA_TRY(tensor_file_set(ctx, file, "strata.learner", learner->learner->class_->name));
    STRATA_TRY(state_set_count(ctx, file, "strata.task", sizes.task));
    STRATA_TRY(state_set_count(ctx, file, "strata.inputs", sizes.inputs));
    STRATA_TRY(state_set_count(ctx, file, "strata.targets", sizes.targets));
    STRATA_TRY(state_set_count(ctx, file, "strata.classes", sizes.classes));
    STRATA_TRY(set_extras(ctx, learner, file));
    STRATA_TRY(state_set_count(ctx, file, "strata.seed", learner->seed));
    return state_set_count(ctx, file, "strata.replicate", learner->replicate);
}

strata_status strata_learner_save(strata_context *ctx, strata_learner *learner, const char *path) {
    struct tensor_file file = {0};
    strata_status status = learner_save(ctx, learner->learner, &file);
    if (status == STRATA_OK) status = set_metadata(ctx, learner, &file);
    if (status == STRATA_OK) status = tensor_file_write(ctx, &file, path);
    tensor_file_destroy(&file);
    return status;
}

/* ---- reading ---- */

/* Reads a learner's file: its name (borrowed from `file`) and sizes. */
static strata_status read_file(strata_context *ctx, const char *path, struct tensor_file *file, const char **name,
                               struct sizes *sizes) {
    STRATA_TRY(tensor_file_read(ctx, path, file));
    const char *format = tensor_file_get(file, "strata.format");
    if (!format || strcmp(format, FORMAT) != 0)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: metadata 'strata.format': expected '%s', found '%.40s'", path,
                           FORMAT, format ? format : "nothing");
    *name = tensor_file_get(file, "strata.learner");
    if (!*name) return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: metadata 'strata.learner': expected a name", path);
    STRATA_TRY(state_get_count(ctx, file, "strata.task", &sizes->task));
    STRATA_TRY(state_get_count(ctx, file, "strata.inputs", &sizes->inputs));
    STRATA_TRY(state_get_count(ctx, file, "strata.targets", &sizes->targets));
    return state_get_count(ctx, file, "strata.classes", &sizes->classes);
}

strata_status strata_learner_load(strata_context *ctx, strata_learner *learner, const char *path) {
    struct tensor_file file = {0};
    struct sizes found = {0}, own = sizes_of(learner->source);
    const char *name = NULL, *own_name = learner->learner->class_->name;
    strata_status status = STRATA_OK;
    STRATA_GO(read_file(ctx, path, &file, &name, &found));
    if (strcmp(name, own_name) != 0)
        STRATA_GO(
            strata_fail(ctx, STRATA_ERR_FORMAT, "%s: expected a learner '%s', found '%.100s'", path, own_name, name));
    if (memcmp(&found, &own, sizeof own) != 0)
        STRATA_GO(
            strata_fail(ctx, STRATA_ERR_FORMAT,
                        "%s: expected task %d with %zu inputs, %zu targets, %zu classes, found %d with %zu, %zu, %zu",
                        path, (int)own.task, (size_t)own.inputs, (size_t)own.targets, (size_t)own.classes,
                        (int)found.task, (size_t)found.inputs, (size_t)found.targets, (size_t)found.classes));
    STRATA_GO(learner_load(ctx, learner->learner, &file));
cleanup:
    tensor_file_destroy(&file);
    return status;
}

static strata_status restore_settings(strata_context *ctx, const char *path, const struct tensor_file *file,
                                      struct settings *settings) {
    const char *text = tensor_file_get(file, "strata.settings");
    struct ini_file ini = {0};
    if (!text) return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: metadata 'strata.settings': expected INI text", path);
    STRATA_TRY(ini_read_bytes(ctx, path, text, strlen(text), &ini));
    strata_status status = STRATA_OK;
    for (size_t i = 0; status == STRATA_OK && i < ini.count; ++i) {
        char key[2 * INI_NAME_LIMIT + 2];
        snprintf(key, sizeof key, "%s.%s", ini.entries[i].section, ini.entries[i].key);
        status = settings_set(ctx, settings, path, key, ini.entries[i].value);
    }
    ini_destroy(&ini);
    return status;
}

/*
 * A short file must not ask for much memory: what its learner is to learn is in it, but for what was saved before it
 * was fitted. Pictures of a network without dense layers may be larger than all its weights.
 */
static strata_status check_size(strata_context *ctx, const char *path, const struct tensor_file *file,
                                const struct sizes *sizes, strata_learner *learner) {
    enum { SMALL = 1 << 22 };
    size_t numbers = 0;
    for (size_t i = 0; i < file->tensor_count; ++i) numbers += tensor_count(&file->tensors[i]);
    learner->most_numbers = numbers > SMALL ? numbers : SMALL;
    const uint64_t found[] = {sizes->inputs, sizes->targets, sizes->classes};
    for (size_t i = 0; i < sizeof found / sizeof *found; ++i)
        if (found[i] > learner->most_numbers)
            return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: metadata: expected at most %zu inputs, targets and classes",
                               path, learner->most_numbers);
    return STRATA_OK;
}

/* One row of zeros in the sizes of the data that the learner was fitted to. */
static strata_status restore_source(strata_context *ctx, const char *path, const struct sizes *sizes,
                                    strata_learner *learner) {
    if (sizes->task > TASK_MULTICLASS || sizes->inputs == 0 || sizes->targets == 0 ||
        (sizes->task == TASK_MULTICLASS && sizes->classes < 2))
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: task %d with %zu inputs, %zu targets, %zu classes is none",
                           path, (int)sizes->task, (size_t)sizes->inputs, (size_t)sizes->targets,
                           (size_t)sizes->classes);
    learner->blank = (struct dataset){.task = (enum learning_task)sizes->task,
                                      .rows = 1,
                                      .inputs = sizes->inputs,
                                      .outputs = sizes->targets,
                                      .classes = sizes->classes};
    memcpy(learner->blank.image, learner->picture, sizeof learner->picture);
    STRATA_TRY(dataset_allocate(ctx, &learner->blank));
    return source_from_dataset(ctx, &learner->blank, learner->seed, learner->replicate, &learner->source);
}

static strata_status read_moments(strata_context *ctx, const char *path, const struct tensor_file *file,
                                  const char *name, size_t inputs, float **values) {
    const struct tensor *tensor = tensor_file_find(file, name);
    if (!tensor || tensor->type != TENSOR_F32 || tensor_count(tensor) != inputs)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: expected tensor '%s' of %zu float32 numbers", path, name,
                           inputs);
    *values = mem_zero(inputs, sizeof **values);
    if (!*values) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu inputs", inputs);
    memcpy(*values, tensor->data, inputs * sizeof **values);
    return STRATA_OK;
}

static strata_status restore_extras(strata_context *ctx, const char *path, const struct tensor_file *file,
                                    size_t inputs, strata_learner *learner) {
    const char *picture = tensor_file_get(file, "strata.picture");
    size_t sizes[3];
    char more;
    if (picture) {
        if (sscanf(picture, "%zu,%zu,%zu%c", &sizes[0], &sizes[1], &sizes[2], &more) != 3 ||
            !picture_fits(sizes, inputs))
            return strata_fail(ctx, STRATA_ERR_FORMAT,
                               "%s: metadata 'strata.picture': expected sizes of %zu inputs, "
                               "found '%.60s'",
                               path, inputs, picture);
        memcpy(learner->picture, sizes, sizeof sizes);
    }
    for (size_t i = 0; i < file->metadata_count; ++i)
        if (strncmp(file->keys[i], NOTE, sizeof NOTE - 1) == 0)
            STRATA_TRY(tensor_file_set(ctx, &learner->notes, file->keys[i] + sizeof NOTE - 1, file->values[i]));
    if (!tensor_file_find(file, "input.mean") && !tensor_file_find(file, "input.sd")) return STRATA_OK;
    STRATA_TRY(read_moments(ctx, path, file, "input.mean", inputs, &learner->mean));
    STRATA_TRY(read_moments(ctx, path, file, "input.sd", inputs, &learner->sd));
    for (size_t j = 0; j < inputs; ++j)
        if (!isfinite(learner->mean[j]) || !(learner->sd[j] > 0) || !isfinite(learner->sd[j]))
            return strata_fail(ctx, STRATA_ERR_FORMAT,
                               "%s: tensors 'input.mean', 'input.sd': input %zu: expected a "
                               "finite mean and a positive deviation",
                               path, j + 1);
    return STRATA_OK;
}

/* A model that was spoilt gives no number, or a wrong one where a ReLU swallows it. */
static strata_status check_weights(strata_context *ctx, const char *path, const struct tensor_file *file) {
    for (size_t i = 0; i < file->tensor_count; ++i) {
        const struct tensor *tensor = &file->tensors[i];
        size_t count = tensor->type == TENSOR_F64 ? tensor_count(tensor) : 0;
        const double *values = tensor->data;
        for (size_t k = 0; k < count; ++k)
            if (!isfinite(values[k]))
                return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: tensor '%.60s': number %zu is not finite", path,
                                   tensor->name, k + 1);
    }
    return STRATA_OK;
}

strata_status strata_learner_open(strata_context *ctx, const char *path, strata_learner **learner) {
    struct tensor_file file = {0};
    struct sizes sizes = {0};
    const char *name = NULL;
    strata_learner *made = NULL;
    strata_status status = STRATA_OK;
    *learner = NULL;
    STRATA_GO(read_file(ctx, path, &file, &name, &sizes));
    STRATA_GO(check_weights(ctx, path, &file));
    STRATA_GO(learner_handle(ctx, name, &made));
    made->opened = true;
    STRATA_GO(state_get_count(ctx, &file, "strata.seed", &made->seed));
    STRATA_GO(state_get_count(ctx, &file, "strata.replicate", &made->replicate));
    STRATA_GO(check_size(ctx, path, &file, &sizes, made));
    STRATA_GO(restore_settings(ctx, path, &file, made->settings));
    STRATA_GO(restore_extras(ctx, path, &file, sizes.inputs, made));
    STRATA_GO(restore_source(ctx, path, &sizes, made));
    STRATA_GO(learner_handle_finish(ctx, name, made));
    STRATA_GO(learner_load(ctx, made->learner, &file));
    *learner = made;
    made = NULL;
cleanup:
    strata_learner_destroy(made);
    tensor_file_destroy(&file);
    return status;
}
