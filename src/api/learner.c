/* SPDX-License-Identifier: MIT */
/* strata_learner: a learner with the settings and the source that it borrows. */
#include <strata/learner.h>

#include <math.h>
#include <string.h>

#include "api/handles.h"
#include "core/memory.h"

enum { NAMES_MOST = 128 };

/* ---- the table ---- */

size_t strata_learner_count(void) { return learner_table_size; }

const char *strata_learner_name(size_t index) { return index < learner_table_size ? learner_table[index]->name : NULL; }

const char *strata_learner_summary(size_t index) {
    return index < learner_table_size ? learner_table[index]->summary : NULL;
}

strata_status name_unknown(strata_context *ctx, const char *kind, const char *name, const char *const *names,
                           size_t count) {
    const char *nearest = name_nearest(name, names, count);
    return strata_fail(ctx, STRATA_ERR_NOT_FOUND, "no %s is called '%.100s'%s%s%s", kind, name,
                       nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static strata_status find_class(strata_context *ctx, const char *name, const struct learner_class **class_) {
    const char *names[NAMES_MOST];
    size_t count = 0;
    *class_ = learner_find(name);
    if (*class_) return STRATA_OK;
    for (; count < learner_table_size && count < NAMES_MOST; ++count) names[count] = learner_table[count]->name;
    return name_unknown(ctx, "learner", name, names, count);
}

/* ---- making ---- */

strata_learner_options strata_learner_options_default(void) {
    return (strata_learner_options){.seed = 1, .replicate = 1, .threads = 1};
}

strata_status learner_handle(strata_context *ctx, const char *name, strata_learner **learner) {
    const struct learner_class *class_;
    *learner = NULL;
    STRATA_TRY(find_class(ctx, name, &class_));
    const struct setting *const tables[] = {learner_settings, teacher_settings, class_->settings};
    strata_learner *made = mem_zero(1, sizeof *made);
    if (!made) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for learner '%s'", name);
    strata_status status = settings_create(ctx, class_->settings ? 3 : 2, tables, &made->settings);
    if (status == STRATA_OK)
        *learner = made;
    else
        strata_learner_destroy(made);
    return status;
}

strata_status learner_handle_finish(strata_context *ctx, const char *name, strata_learner *learner) {
    const struct learner_request request = {.settings = learner->settings,
                                            .train = learner->source,
                                            .seed = learner->seed,
                                            .replicate = learner->replicate,
                                            .most_numbers = learner->most_numbers,
                                            .pool = learner->pool};
    return learner_create(ctx, name, &request, &learner->learner);
}

/* A handle with the settings and threads of `options`. */
static strata_status begin(strata_context *ctx, const char *name, const strata_learner_options *options,
                           strata_learner **learner) {
    const strata_learner_options standard = strata_learner_options_default();
    if (!options) options = &standard;
    STRATA_TRY(learner_handle(ctx, name, learner));
    (*learner)->seed = options->seed;
    (*learner)->replicate = options->replicate;
    if (options->threads > 1) STRATA_TRY(thread_pool_create(ctx, options->threads, &(*learner)->pool));
    return settings_set_all(ctx, (*learner)->settings, name, options->settings);
}

strata_status strata_learner_create(strata_context *ctx, const char *name, const strata_learner_options *options,
                                    const strata_dataset *data, strata_learner **learner) {
    strata_learner *made = NULL;
    strata_status status = STRATA_OK;
    *learner = NULL;
    STRATA_GO(begin(ctx, name, options, &made));
    memcpy(made->picture, data->data.image, sizeof made->picture);
    if (options && options->standardise) STRATA_GO(learner_standardise(ctx, made, &data->data));
    STRATA_GO(source_from_dataset(ctx, made->mean ? &made->prepared : &data->data, made->seed, made->replicate,
                                  &made->source));
    STRATA_GO(learner_handle_finish(ctx, name, made));
    *learner = made;
    made = NULL;
cleanup:
    strata_learner_destroy(made);
    return status;
}

/* Some learners read the teacher's settings: they are the teacher's own, and no one else's. */
static strata_status adopt_teacher(strata_context *ctx, const strata_learner_options *options,
                                   const strata_teacher *teacher, struct settings *settings) {
    for (const char *const *pair = options ? options->settings : NULL; pair && *pair; ++pair)
        if (strncmp(*pair, "teacher.", 8) == 0 || strncmp(*pair, "data.", 5) == 0)
            return strata_fail(ctx, STRATA_ERR_CONFIG,
                               "learner setting '%.100s': the teacher has it already; set it in strata_teacher_options",
                               *pair);
    for (size_t i = 0; i < settings_size(teacher->settings); ++i) {
        const char *value = settings_value(teacher->settings, i);
        if (*value) STRATA_TRY(settings_set(ctx, settings, "teacher", settings_row(teacher->settings, i)->key, value));
    }
    return STRATA_OK;
}

strata_status strata_learner_create_from_teacher(strata_context *ctx, const char *name,
                                                 const strata_learner_options *options, const strata_teacher *teacher,
                                                 strata_learner **learner) {
    strata_learner *made = NULL;
    strata_status status = STRATA_OK;
    *learner = NULL;
    STRATA_GO(begin(ctx, name, options, &made));
    STRATA_GO(adopt_teacher(ctx, options, teacher, made->settings));
    STRATA_GO(source_from_teacher(ctx, teacher->teacher, made->seed, made->replicate, teacher->noise,
                                  teacher_task(teacher->teacher), &made->source));
    STRATA_GO(learner_handle_finish(ctx, name, made));
    *learner = made;
    made = NULL;
cleanup:
    strata_learner_destroy(made);
    return status;
}

void strata_learner_destroy(strata_learner *learner) {
    if (!learner) return;
    learner_destroy(learner->learner);
    thread_pool_destroy(learner->pool);
    source_destroy(learner->source);
    dataset_destroy(&learner->blank);
    dataset_destroy(&learner->prepared);
    tensor_file_destroy(&learner->notes);
    mem_free(learner->mean);
    mem_free(learner->sd);
    settings_destroy(learner->settings);
    mem_free(learner);
}

/* ---- fitting ---- */

struct fit_call {
    strata_context *ctx;
    strata_fit_callback callback;
    void *user;
};

static bool after_step(void *user, const struct fit_point *point) {
    const struct fit_call *call = user;
    const strata_fit_progress progress = {
        .step = point->step, .total = point->total, .stage = point->stage, .loss = point->loss};
    bool goes_on = !call->callback || call->callback(call->user, &progress);
    return !goes_on || context_cancelled(call->ctx);
}

/* Nothing is written: the learner keeps where it stood, for a later call to go on from. */
static strata_status stop(void *user, struct learner *learner, const struct fit_point *point) {
    const struct fit_call *call = user;
    return strata_fail(call->ctx, STRATA_ERR_INTERRUPTED, "%s: stopped at step %zu of %zu", learner->class_->name,
                       point->step, point->total);
}

strata_status strata_learner_fit(strata_context *ctx, strata_learner *learner, strata_fit_callback callback,
                                 void *user) {
    struct fit_call call = {.ctx = ctx, .callback = callback, .user = user};
    const struct fit_hooks hooks = {.user = &call, .step = after_step, .checkpoint = stop};
    if (learner->opened)
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED,
                           "%s: opened from a file without its data, so it cannot be fitted",
                           learner->learner->class_->name);
    return learner_fit(ctx, learner->learner, &hooks);
}

/* ---- asking ---- */

size_t strata_learner_inputs(const strata_learner *learner) { return source_inputs(learner->source); }

size_t strata_learner_outputs(const strata_learner *learner) {
    bool classes = source_task(learner->source) == TASK_MULTICLASS;
    return classes ? source_classes(learner->source) : source_outputs(learner->source);
}

strata_task strata_learner_task(const strata_learner *learner) { return (strata_task)source_task(learner->source); }

size_t strata_learner_classes(const strata_learner *learner) { return source_classes(learner->source); }

void strata_learner_picture(const strata_learner *learner, size_t picture[3]) {
    memcpy(picture, learner->picture, sizeof learner->picture);
}

void strata_learner_box(const strata_learner *learner, double *low, double *high) {
    *low = learner->picture[0] ? 0 : -INFINITY;
    *high = learner->picture[0] ? 1 : INFINITY;
}

strata_status strata_learner_predict(strata_context *ctx, strata_learner *learner, size_t rows, const float *x,
                                     float *out) {
    const float *ready;
    float *own;
    STRATA_TRY(learner_rows(ctx, learner, rows, x, &ready, &own));
    strata_status status = learner_predict(ctx, learner->learner, rows, ready, out);
    mem_free(own);
    return status;
}

size_t strata_learner_layer_count(const strata_learner *learner) {
    const struct learner_class *class_ = learner->learner->class_;
    return class_->layer_count ? class_->layer_count(learner->learner) : 0;
}

size_t strata_learner_layer_width(const strata_learner *learner, size_t layer) {
    bool there = layer >= 1 && layer <= strata_learner_layer_count(learner);
    return there ? learner->learner->class_->layer_width(learner->learner, layer) : 0;
}

strata_status strata_learner_features(strata_context *ctx, strata_learner *learner, size_t layer, size_t rows,
                                      const float *x, float *features) {
    const float *ready;
    float *own;
    STRATA_TRY(learner_rows(ctx, learner, rows, x, &ready, &own));
    strata_status status = learner_features(ctx, learner->learner, layer, rows, ready, features);
    mem_free(own);
    return status;
}

strata_status strata_learner_test_error(strata_context *ctx, strata_learner *learner, const strata_dataset *data,
                                        double *error) {
    const struct dataset *set = &data->data;
    if (set->task != source_task(learner->source) || set->inputs != source_inputs(learner->source) ||
        set->outputs != source_outputs(learner->source) || set->classes > source_classes(learner->source))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "%s: expected the task of its training set with %zu inputs, %zu targets and %zu classes, "
                           "found %zu, %zu and %zu",
                           learner->learner->class_->name, source_inputs(learner->source),
                           source_outputs(learner->source), source_classes(learner->source), set->inputs, set->outputs,
                           set->classes);
    struct dataset ready = *set;
    const float *x;
    float *own;
    STRATA_TRY(learner_rows(ctx, learner, set->rows, set->x, &x, &own));
    if (own) ready.x = own;
    strata_status status = learner_test_error(ctx, learner->learner, strata_learner_outputs(learner), &ready, error);
    mem_free(own);
    return status;
}
