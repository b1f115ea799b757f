/* SPDX-License-Identifier: MIT */
/* The networks of a task, trained one after the other; a checkpoint holds all weights, the phase and its step. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "learn/parameter_store.h"
#include "learn/threshold_fit.h"
#include "measure/mixture.h"
#include "studies/purify/purify.h"

static const struct purify_phase network_phases[] = {
    {.name = "clean", .title = "clean training", .method = "none", .share = 1},
    {.name = "robust", .title = "adversarial training", .share = 1},
    {.name = "from_clean", .title = "adversarial, from the clean network", .begins = "clean", .share = 0.5},
    {.name = "continued", .title = "clean training, continued", .begins = "clean", .method = "none", .share = 0.5},
    {.name = "noise", .title = "training on random directions", .method = "noise", .share = 1},
    {.name = NULL},
};

static const struct purify_phase control_phases[] = {
    {.name = "shuffled", .title = "labels by a coin", .method = "none", .share = 1, .shuffled = true},
    {.name = "linearised", .title = "adversarial, no thresholds", .share = 1, .linearised = true},
    {.name = "dense_clean", .title = "dense codes, clean training", .method = "none", .share = 1, .dense = true},
    {.name = "dense_robust", .title = "dense codes, adversarial training", .share = 1, .dense = true},
    {.name = "dense_other",
     .title = "dense codes, adversarial, another start and atoms",
     .share = 1,
     .dense = true,
     .other = true},
    {.name = NULL},
};

static const struct purify_phase scan_phases[] = {
    {.name = "clean", .title = "clean training", .method = "none", .share = 1},
    {.name = "robust", .title = "adversarial training", .share = 1},
    {.name = NULL},
};

const struct purify_phase *purify_phases(const char *kind) {
    if (strcmp(kind, PURIFY_NETWORKS) == 0) return network_phases;
    return strcmp(kind, PURIFY_CONTROLS) == 0 ? control_phases : scan_phases;
}

struct threshold_net *purify_find(struct purify_trained *trained, const char *name) {
    for (size_t i = 0; i < trained->count; ++i)
        if (strcmp(trained->phases[i].name, name) == 0) return &trained->nets[i];
    return NULL;
}

void purify_trained_destroy(struct purify_trained *trained) {
    for (size_t i = 0; i < trained->count; ++i) threshold_net_destroy(&trained->nets[i]);
    *trained = (struct purify_trained){0};
}

/* ---- one phase ---- */

/* A replicate that no seed of the study has. */
static uint64_t replicate_of(const struct task_run *run, bool other) {
    return task_run_task(run)->replicate + (other ? UINT64_C(1) << 32 : 0);
}

strata_status purify_coding(strata_context *ctx, const struct task_run *run, bool dense, bool other,
                            struct sparse_coding *coding) {
    const struct settings *settings = task_run_settings(run);
    const struct sparse_coding_options options = {
        .dimension = settings_count(settings, "data.dimension"),
        .sparsity = settings_count(settings, "teacher.sparsity"),
        .margin = settings_count(settings, "teacher.margin"),
        .noise = settings_number(settings, "teacher.input_noise"),
        .dense = dense || settings_flag(settings, "teacher.dense"),
    };
    return sparse_coding_create(ctx, &options, settings_count(settings, "study.seed"), replicate_of(run, other),
                                coding);
}

static size_t steps_of(const struct settings *settings, const struct purify_phase *phase) {
    size_t steps = (size_t)llround(phase->share * (double)settings_count(settings, "train.steps"));
    return steps ? steps : 1;
}

static struct threshold_fit_options options_of(const struct task_run *run, const struct purify_phase *phase,
                                               const char *begins) {
    const struct settings *settings = task_run_settings(run);
    double first = settings_number(settings, "network.threshold_start"),
           last = settings_number(settings, "network.threshold_end");
    const char *method = phase->method ? phase->method : settings_text(settings, "adversarial.method");
    size_t batch = settings_count(settings, "train.batch_size");
    return (struct threshold_fit_options){
        .perturbation = perturbation_find(method),
        .epsilon = settings_number(settings, "adversarial.epsilon"),
        .steps = steps_of(settings, phase),
        .batch_size = batch,
        .learning_rate = settings_number(settings, "train.rate_per_input") *
                         (double)settings_count(settings, "data.dimension"),
        .weight_decay = settings_number(settings, "train.weight_decay"),
        .beta_start = phase->linearised ? 0
                    : begins            ? last
                                        : first,
        .beta_end = phase->linearised ? 0 : last,
        .perturbation_steps = settings_count(settings, "adversarial.steps"),
        .beta_trades = settings_number(settings, "adversarial.trades_weight"),
        .first_sample = begins ? settings_count(settings, "train.steps") * batch : 0, /* rows it has not seen */
        .shuffled_labels = phase->shuffled,
        .stream = rng_stream_make(settings_count(settings, "study.seed"), replicate_of(run, phase->other),
                                  RNG_ADVERSARY),
    };
}

/* The phase whose weights this one goes on from, or NULL. */
static const char *begins_of(const struct task_run *run, const struct purify_phase *phase) {
    const char *start = settings_text(task_run_settings(run), "adversarial.start");
    return strcmp(phase->name, "robust") == 0 && strcmp(start, "clean") == 0 ? "clean" : phase->begins;
}

static void begin_weights(const struct task_run *run, const struct purify_phase *phase, struct purify_trained *trained,
                          struct threshold_net *net) {
    const struct settings *settings = task_run_settings(run);
    const char *begins = begins_of(run, phase);
    if (begins)
        memcpy(net->weights, purify_find(trained, begins)->weights, net->width * net->inputs * sizeof *net->weights);
    else
        threshold_net_initialise(
            net, rng_stream_make(settings_count(settings, "study.seed"), replicate_of(run, phase->other), RNG_INIT),
            settings_number(settings, "network.initial_scale"));
}

/* ---- curves: what a phase looks like on the way ---- */

struct curve {
    size_t count;
    double steps[PURIFY_LOOKS + 1], dense[PURIFY_LOOKS + 1], fgm[PURIFY_LOOKS + 1];
};

static strata_status look(strata_context *ctx, struct task_run *run, const struct purify_phase *phase, size_t done,
                          size_t metric_step, double loss, const struct sparse_coding *coding,
                          struct threshold_net *net, const struct purify_test *test, struct curve *curve) {
    const strata_function function = threshold_net_function(net);
    float *residuals = mem_zero(net->width * net->inputs, sizeof *residuals);
    struct mixture mixture = {0};
    double fgm = NAN;
    if (!residuals) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for the residuals of a network");
    mixture_split(net->width, net->inputs, net->weights, coding->atoms, residuals, NULL);
    strata_status status = mixture_measure(ctx, net->width, net->inputs, net->weights, residuals, coding->direction,
                                           &mixture);
    mem_free(residuals);
    STRATA_TRY(status);
    STRATA_TRY(purify_accuracy(ctx, run, "fgm", &function, test,
                               settings_number(task_run_settings(run), "adversarial.epsilon"), &fgm));
    curve->steps[curve->count] = (double)done;
    curve->dense[curve->count] = 1 - mixture.purity;
    curve->fgm[curve->count++] = fgm;
    const char *const names[] = {"loss", "dense_share", "coherent_share", "fgm_accuracy"};
    const double values[] = {loss, 1 - mixture.purity, mixture.coherent, fgm};
    return task_metric(ctx, run, metric_step, phase->name, 4, names, values);
}

static strata_status keep_curve(strata_context *ctx, struct task_run *run, const char *name,
                                const struct curve *curve) {
    char key[64];
    snprintf(key, sizeof key, "%s.curve_steps", name);
    STRATA_TRY(task_record_array(ctx, run, key, curve->count, curve->steps));
    snprintf(key, sizeof key, "%s.curve_dense", name);
    STRATA_TRY(task_record_array(ctx, run, key, curve->count, curve->dense));
    snprintf(key, sizeof key, "%s.curve_fgm", name);
    return task_record_array(ctx, run, key, curve->count, curve->fgm);
}

static void recall_curve(struct task_run *run, const char *name, struct curve *curve) {
    const double *steps, *dense, *fgm;
    char key[64];
    snprintf(key, sizeof key, "%s.curve_steps", name);
    curve->count = task_recorded_array(run, key, &steps);
    snprintf(key, sizeof key, "%s.curve_dense", name);
    if (task_recorded_array(run, key, &dense) != curve->count) curve->count = 0;
    snprintf(key, sizeof key, "%s.curve_fgm", name);
    if (task_recorded_array(run, key, &fgm) != curve->count) curve->count = 0;
    for (size_t i = 0; i < curve->count; ++i)
        curve->steps[i] = steps[i], curve->dense[i] = dense[i], curve->fgm[i] = fgm[i];
}

/* ---- all phases, with checkpoints ---- */

struct place {
    size_t phase, step, before, total; /* steps of the phases before, of all */
};

static strata_status save(strata_context *ctx, struct task_run *run, const struct purify_trained *trained,
                          const struct place *place) {
    struct tensor_file state = {0};
    strata_status status = STRATA_OK;
    for (size_t i = 0; status == STRATA_OK && i <= place->phase; ++i)
        status = tensor_file_add(ctx, &state, trained->phases[i].name, TENSOR_F32, 2,
                                 (const size_t[]){trained->nets[i].width, trained->nets[i].inputs},
                                 trained->nets[i].weights);
    if (status == STRATA_OK) status = state_set_count(ctx, &state, "phase", place->phase);
    if (status == STRATA_OK) status = state_set_count(ctx, &state, "step", place->step);
    if (status == STRATA_OK) status = task_checkpoint(ctx, run, &state, place->before + place->step);
    tensor_file_destroy(&state);
    return status;
}

static strata_status restore(strata_context *ctx, const struct tensor_file *state, struct purify_trained *trained,
                             struct place *place) {
    uint64_t phase, step;
    STRATA_TRY(state_get_count(ctx, state, "phase", &phase));
    STRATA_TRY(state_get_count(ctx, state, "step", &step));
    if (phase >= trained->count) return strata_fail(ctx, STRATA_ERR_FORMAT, "checkpoint: no such phase");
    for (size_t i = 0; i <= phase; ++i) {
        struct threshold_net *net = &trained->nets[i];
        const struct tensor *tensor = tensor_file_find(state, trained->phases[i].name);
        if (!tensor || tensor->type != TENSOR_F32 || tensor_count(tensor) != net->width * net->inputs)
            return strata_fail(ctx, STRATA_ERR_FORMAT, "checkpoint: expected tensor '%s' of %zu x %zu float32 numbers",
                               trained->phases[i].name, net->width, net->inputs);
        memcpy(net->weights, tensor->data, net->width * net->inputs * sizeof *net->weights);
    }
    place->phase = (size_t)phase;
    place->step = (size_t)step;
    return STRATA_OK;
}

static strata_status run_phase(strata_context *ctx, struct task_run *run, struct purify_trained *trained,
                               struct place *place) {
    const struct purify_phase *phase = &trained->phases[place->phase];
    struct threshold_net *net = &trained->nets[place->phase];
    struct threshold_fit_options options = options_of(run, phase, begins_of(run, phase));
    struct sparse_coding coding = {0};
    struct purify_test test = {0};
    struct threshold_fit fit = {0};
    struct curve curve = {0};
    strata_status status = STRATA_OK;
    STRATA_GO(purify_coding(ctx, run, phase->dense, phase->other, &coding));
    STRATA_GO(purify_test_create(ctx, run, &coding, &test));
    STRATA_GO(threshold_fit_create(ctx, &options, &coding, net, &fit));
    if (place->step == 0) begin_weights(run, phase, trained, net);
    recall_curve(run, phase->name, &curve);
    for (size_t done = place->step, looks = PURIFY_LOOKS; done < options.steps;) {
        double loss = threshold_fit_step(&fit, done);
        place->step = ++done;
        bool due = task_progress(run, (double)(place->before + done) / (double)place->total);
        if (!isfinite(loss)) {
            STRATA_GO(task_diverged(ctx, run, place->before + done));
            STRATA_GO(strata_fail(ctx, STRATA_ERR_DIVERGED, "%s: diverged at step %zu", phase->name, done));
        }
        if (done * looks / options.steps > (done - 1) * looks / options.steps) {
            STRATA_GO(look(ctx, run, phase, done, place->before + done, loss, &coding, net, &test, &curve));
            STRATA_GO(keep_curve(ctx, run, phase->name, &curve));
        }
        if (due) STRATA_GO(save(ctx, run, trained, place));
    }
    threshold_net_set_thresholds(net, options.beta_end);
cleanup:
    threshold_fit_destroy(&fit);
    purify_test_destroy(&test);
    sparse_coding_destroy(&coding);
    return status;
}

strata_status purify_train(strata_context *ctx, struct task_run *run, struct purify_trained *trained) {
    const struct settings *settings = task_run_settings(run);
    size_t inputs = settings_count(settings, "data.dimension"),
           width = inputs * settings_count(settings, "network.width_per_input");
    struct place place = {0};
    *trained = (struct purify_trained){.phases = purify_phases(task_run_task(run)->kind)};
    while (trained->phases[trained->count].name) {
        STRATA_TRY(threshold_net_create(ctx, width, inputs, &trained->nets[trained->count]));
        place.total += steps_of(settings, &trained->phases[trained->count++]);
    }
    if (task_state(run)) STRATA_TRY(restore(ctx, task_state(run), trained, &place));
    for (size_t i = 0; i < trained->count; ++i) {
        size_t steps = steps_of(settings, &trained->phases[i]);
        if (i > place.phase) place.phase = i, place.step = 0;
        if (i == place.phase)
            STRATA_TRY(run_phase(ctx, run, trained, &place));
        else
            threshold_net_set_thresholds(&trained->nets[i], options_of(run, &trained->phases[i], NULL).beta_end);
        place.before += steps;
    }
    return STRATA_OK;
}
