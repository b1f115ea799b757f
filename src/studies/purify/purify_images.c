/* SPDX-License-Identifier: MIT */
/*
 * Pictures: a clean network, the same trained on adversarially, the same trained on cleanly for as long, and a clean
 * one from another start, which shares nothing with the first but the pictures. What goes on begins with a fresh
 * optimizer and schedule at the clean network's weights.
 */
#include "studies/purify/purify_images.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "studies/checks.h"

/* OTHER: replicates of the other starts, beyond those of any seed. */
enum { BATCH = 128, OTHER = 1 << 20 };

const char *const images_names[IMAGES_NETWORKS] = {"clean", "robust", "continued", "other"};

const struct setting purify_image_settings[] = {
    {"images.data", SETTING_CHOICE, "fashion-mnist", 0, 0, "none|fashion-mnist|mnist|cifar10",
     "pictures of the image part; none: leave it out"},
    {"images.norm", SETTING_CHOICE, "linf", 0, 0, "l2|linf", "norm of attacks on them"},
    {"images.epsilon", SETTING_NUMBER, "0.1", 0, 1, NULL, "radius, of training and attacks; pixels lie in [0, 1]"},
    {"images.method", SETTING_CHOICE, "fgsm_rs", 0, 0, "fgm|pgd|fgsm_rs|trades|free", "adversarial training of them"},
    {"images.epochs", SETTING_COUNT, "8", 1, 10000, NULL, "epochs of clean training"},
    {"images.adversarial_epochs", SETTING_COUNT, "4", 1, 10000, NULL, "epochs of adversarial training from there"},
    {"images.train_size", SETTING_COUNT, "10000", 256, 1000000, NULL, "training pictures"},
    {"images.test_size", SETTING_COUNT, "1000", 100, 1000000, NULL, "pictures that networks are attacked on"},
    {"images.attack_steps", SETTING_COUNT, "20", 1, 100000, NULL, "steps of PGD on them"},
    {NULL, SETTING_TEXT, NULL, 0, 0, NULL, NULL},
};

static bool wanted(const struct settings *settings) {
    return strcmp(settings_text(settings, "images.data"), "none") != 0;
}

strata_status purify_images_check(strata_context *ctx, const struct settings *settings) {
    if (!wanted(settings) || settings_number(settings, "images.epsilon") > 0) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_CONFIG,
                       "key 'images.epsilon': expected a radius in (0, 1], got %g (8/255 is "
                       ".0314)",
                       settings_number(settings, "images.epsilon"));
}

static size_t steps_of(const struct settings *settings, const char *epochs_key) {
    return (settings_count(settings, epochs_key) * settings_count(settings, "images.train_size") + BATCH - 1) / BATCH;
}

strata_status purify_images_plan(strata_context *ctx, const struct settings *settings, size_t seed,
                                 struct task_list *list) {
    if (!wanted(settings)) return STRATA_OK;
    static const struct setting_pair pairs[] = {
        {"train.optimizer", "adam"},    {"train.batch_size", "128"}, {"train.schedule", "cosine"},
        {"train.weight_decay", "0"},    {"train.clip_norm", "0"},    {"cnn.learning_rate", "2e-3"},
        {"adversarial.method", "none"}, {"adversarial.box", "0, 1"}, {NULL, NULL}};
    double images = (double)settings_count(settings, "images.train_size") *
                    (double)(2 * settings_count(settings, "images.epochs") +
                             4 * settings_count(settings, "images.adversarial_epochs"));
    return task_list_add(ctx, list, PURIFY_IMAGES, NULL, seed, 1e-4 * images, pairs, "images/seed=%zu", seed);
}

/* ---- training */

struct stage {
    struct task_run *run;
    double before, share; /* of the task's progress */
};

static bool report(void *user, const struct fit_point *point) {
    const struct stage *stage = user;
    (void)task_progress(stage->run, stage->before + stage->share * (double)point->step / (double)point->total);
    return false;
}

/* A learner of the task's settings with another number of steps and, adversarially, another method. */
static strata_status make_network(strata_context *ctx, const struct task_run *run, const struct images *images,
                                  size_t network, struct settings **settings, struct learner **learner) {
    const struct settings *base = task_run_settings(run);
    bool goes_on = network == IMAGES_ROBUST || network == IMAGES_CONTINUED;
    size_t steps = steps_of(base, goes_on ? "images.adversarial_epochs" : "images.epochs"),
           replicate = task_run_task(run)->replicate + (network == IMAGES_OTHER ? OTHER : 0);
    const char *method = network == IMAGES_ROBUST ? settings_text(base, "images.method") : "none";
    char text[32], epsilon[32];
    STRATA_TRY(settings_copy(ctx, base, settings));
    snprintf(text, sizeof text, "%zu", steps);
    STRATA_TRY(settings_set(ctx, *settings, "images", "cnn.steps", text));
    snprintf(text, sizeof text, "%zu", steps / 5);
    STRATA_TRY(settings_set(ctx, *settings, "images", "train.warmup", text));
    STRATA_TRY(settings_set(ctx, *settings, "images", "adversarial.method", method));
    STRATA_TRY(settings_set(ctx, *settings, "images", "adversarial.norm", settings_text(base, "images.norm")));
    number_format(settings_number(base, "images.epsilon"), epsilon);
    STRATA_TRY(settings_set(ctx, *settings, "images", "adversarial.epsilon", epsilon));
    const struct learner_request request = {.settings = *settings,
                                            .train = images->source,
                                            .seed = settings_count(base, "study.seed"),
                                            .replicate = replicate};
    return learner_create(ctx, "cnn_small", &request, learner);
}

/* The weights of one network as the start of another: its optimizer begins anew. */
static strata_status begin_from(strata_context *ctx, struct learner *from, struct learner *to) {
    struct tensor_file weights = {0}, state = {0};
    strata_status status = STRATA_OK;
    STRATA_GO(learner_save(ctx, from, &weights));
    STRATA_GO(learner_save(ctx, to, &state));
    for (size_t i = 0; i < state.tensor_count; ++i) {
        struct tensor *tensor = &state.tensors[i];
        const struct tensor *source = tensor_file_find(&weights, tensor->name);
        if (strncmp(tensor->name, "parameter.", 10) == 0 && source) tensor->data = source->data;
    }
    STRATA_GO(learner_load(ctx, to, &state));
cleanup:
    tensor_file_destroy(&weights);
    tensor_file_destroy(&state);
    return status;
}

strata_status images_begin_robust(strata_context *ctx, const struct task_run *run, const struct images *images,
                                  struct settings **settings, struct learner **network) {
    *network = NULL;
    STRATA_TRY(make_network(ctx, run, images, IMAGES_ROBUST, settings, network));
    return begin_from(ctx, images->networks[IMAGES_CLEAN], *network);
}

static strata_status train(strata_context *ctx, struct task_run *run, struct images *images, size_t network,
                           struct settings **settings, double before, double share) {
    struct stage stage = {run, before, share};
    const struct fit_hooks hooks = {.user = &stage, .step = report};
    STRATA_TRY(make_network(ctx, run, images, network, settings, &images->networks[network]));
    if (network == IMAGES_ROBUST || network == IMAGES_CONTINUED)
        STRATA_TRY(begin_from(ctx, images->networks[IMAGES_CLEAN], images->networks[network]));
    if (network == IMAGES_CLEAN)
        for (size_t l = 0; l < IMAGES_LAYERS; ++l) {
            size_t count;
            STRATA_TRY(images_weights(ctx, images->networks[network], l + 1, &count, &images->start[l]));
        }
    return learner_fit(ctx, images->networks[network], &hooks);
}

strata_status images_weights(strata_context *ctx, struct learner *network, size_t layer, size_t *count,
                             double **weights) {
    char name[32];
    snprintf(name, sizeof name, "layer%zu.weight", layer);
    *weights = NULL;
    STRATA_TRY(network->class_->parameter(ctx, network, name, count, NULL));
    *weights = mem_zero(*count, sizeof **weights);
    if (!*weights) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu weights", *count);
    return network->class_->parameter(ctx, network, name, count, *weights);
}

/* ---- data */

static strata_status load(strata_context *ctx, const struct task_run *run, struct images *images) {
    const struct settings *settings = task_run_settings(run);
    struct rng_stream stream = task_run_stream(run, RNG_SPLIT);
    size_t train_rows = settings_count(settings, "images.train_size"),
           test_rows = settings_count(settings, "images.test_size");
    struct dataset pool = {0}, tests = {0};
    strata_status status = data_load(ctx, settings_text(settings, "images.data"), task_run_data_folder(run), &pool,
                                     &tests);
    if (status == STRATA_OK)
        status = dataset_draw(ctx, &pool, stream, train_rows < pool.rows ? train_rows : pool.rows, &images->train);
    if (status == STRATA_OK)
        status = dataset_draw(ctx, &tests, rng_stream_at(stream, 1), test_rows < tests.rows ? test_rows : tests.rows,
                              &images->test);
    dataset_destroy(&pool);
    dataset_destroy(&tests);
    STRATA_TRY(status);
    images->labels = mem_zero(images->test.rows, sizeof *images->labels);
    if (!images->labels) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for labels");
    for (size_t r = 0; r < images->test.rows; ++r) images->labels[r] = (uint32_t)images->test.y[r];
    return source_from_dataset(ctx, &images->train, settings_count(settings, "study.seed"),
                               task_run_task(run)->replicate, &images->source);
}

static void images_destroy(struct images *images) {
    for (size_t i = 0; i < IMAGES_NETWORKS; ++i) learner_destroy(images->networks[i]);
    for (size_t l = 0; l < IMAGES_LAYERS; ++l) mem_free(images->start[l]);
    source_destroy(images->source);
    dataset_destroy(&images->train);
    dataset_destroy(&images->test);
    mem_free(images->labels);
}

strata_status purify_images_run(strata_context *ctx, struct task_run *run) {
    static const double begins[] = {0, 0.25, 0.5, 0.6, 0.85};
    struct images images = {0};
    struct settings *settings[IMAGES_NETWORKS] = {NULL};
    strata_status status = STRATA_OK;
    STRATA_GO(load(ctx, run, &images));
    for (size_t i = 0; i < IMAGES_NETWORKS; ++i)
        STRATA_GO(train(ctx, run, &images, i, &settings[i], begins[i], begins[i + 1] - begins[i]));
    STRATA_GO(images_measure_attacks(ctx, run, &images));
    STRATA_GO(images_measure_weights(ctx, run, &images));
    STRATA_GO(images_measure_features(ctx, run, &images));
    STRATA_GO(images_measure_ranks(ctx, run, &images));
cleanup:
    images_destroy(&images);
    for (size_t i = 0; i < IMAGES_NETWORKS; ++i) settings_destroy(settings[i]);
    return status;
}

/* ---- attacks */

struct attack_options images_options(const struct task_run *run) {
    const struct settings *settings = task_run_settings(run);
    struct attack_options options = attack_options_default(attack_norm_find(settings_text(settings, "images.norm")),
                                                           settings_number(settings, "images.epsilon"));
    options.steps = settings_count(settings, "images.attack_steps");
    options.restarts = 1;
    options.stream = task_run_stream(run, RNG_ATTACK);
    return options;
}

strata_function images_function(const struct images *images, size_t network) {
    return learner_function(images->networks[network], images->test.inputs, images->test.classes);
}

struct attack_target images_target(const struct images *images, const strata_function *function) {
    const size_t *picture = images->test.image;
    return (struct attack_target){.functions = function,
                                  .classes = images->test.classes,
                                  .low = 0,
                                  .high = 1,
                                  .picture = {picture[0], picture[1], picture[2]}};
}
