/* SPDX-License-Identifier: MIT */
#include "learn/learner.h"

#include <string.h>

#include "core/memory.h"
#include "measure/errors.h"

/* The table: one line a learner. */
#define LEARNER_LIST(X)    \
    X(sgd_joint)           \
    X(sgd_staged)          \
    X(layerwise)           \
    X(layerwise_refit)     \
    X(staged_cut)          \
    X(paper)               \
    X(paper_frozen)        \
    X(paper_cut)           \
    X(two_layer)           \
    X(linear)              \
    X(mlp_relu)            \
    X(mlp_gelu)            \
    X(dense_joint)         \
    X(dense_greedy)        \
    X(dense_staged)        \
    X(random_features)     \
    X(krr)                 \
    X(krr_poly2)           \
    X(krr_poly4)           \
    X(krr_rbf)             \
    X(krr_relu_ntk)        \
    X(krr_cg)              \
    X(falkon)              \
    X(eigenpro)            \
    X(random_fourier)      \
    X(kernel_stack)        \
    X(rfm)                 \
    X(cnn_small)           \
    X(linear_form)         \
    X(frozen_units)        \
    X(gate_ntk)            \
    X(cubic)               \
    X(picture)             \
    X(picture_layerwise)   \
    X(picture_overlap)     \
    X(picture_staged)      \
    X(picture_staged_cut)  \
    X(picture_cut)         \
    X(picture_alone)       \
    X(picture_freeze)      \
    X(picture_reuse)       \
    X(picture_reuse_alone) \
    X(picture_reuse_cut)

#define DECLARE(name) extern const struct learner_class learner_##name;
LEARNER_LIST(DECLARE)
#undef DECLARE

#define ENTRY(name) &learner_##name,
const struct learner_class *const learner_table[] = {LEARNER_LIST(ENTRY)};
#undef ENTRY
const size_t learner_table_size = sizeof learner_table / sizeof *learner_table;

const struct setting learner_settings[] = {
    {"network.depth", SETTING_COUNT, "2", 1, 24, NULL, "hidden layers"},
    {"network.hidden_width", SETTING_COUNT, "40", 1, 65536, NULL,
     "units in a hidden layer; at least k(k+1)/2 to span all quadratic forms of k directions"},
    {"network.activation", SETTING_CHOICE, "relu", 0, 0, "identity|relu|gelu|tanh|sigmoid",
     "activation of dense networks"},
    {"network.input_squares", SETTING_FLAG, "false", 0, 0, NULL,
     "quadratic networks see [x, (x^2 - 1) / sqrt 2] in place of x"},
    {"train.optimizer", SETTING_CHOICE, "adam", 0, 0, "sgd|momentum|nesterov|adam|adamw", "update rule"},
    {"train.learning_rate", SETTING_NUMBER, "5e-3", 1e-8, 10, NULL, "base learning rate"},
    {"train.batch_size", SETTING_COUNT, "512", 1, 65536, NULL, "rows of a step"},
    {"train.steps_per_stage", SETTING_COUNT, "3000", 1, 10000000, NULL,
     "steps of a stage; learners with one stage take depth times as many"},
    {"train.steps", SETTING_COUNT, "0", 0, 100000000, NULL,
     "steps of learners with one stage; 0: depth * steps_per_stage"},
    {"train.warmup", SETTING_COUNT, "200", 0, 1000000, NULL, "steps of linear warm-up, in every stage"},
    {"train.schedule", SETTING_CHOICE, "cosine", 0, 0, "constant|step|cosine|one_cycle",
     "learning rate after the warm-up"},
    {"train.clip_norm", SETTING_NUMBER, "5", 0, 1e9, NULL, "largest norm of a step's gradient; 0: no clipping"},
    {"train.weight_decay", SETTING_NUMBER, "0", 0, 1, NULL, "L2 penalty in the gradient (adamw: decoupled)"},
    {"train.label_smoothing", SETTING_NUMBER, "0", 0, 0.99, NULL,
     "share of the target that all classes have alike, in tasks of several classes"},
    {"train.recompute", SETTING_FLAG, "false", 0, 0, NULL,
     "forget what is cheap to compute again for the gradient: less memory, equal bits"},
    {"train.shards", SETTING_COUNT, "1", 1, 64, NULL, "parts of a batch whose gradients are summed in order"},
    {"adversarial.method", SETTING_CHOICE, "none", 0, 0, "none|fgm|pgd|fgsm_rs|trades|free|noise",
     "how adversarial training moves its rows; none: clean training"},
    {"adversarial.norm", SETTING_CHOICE, "l2", 0, 0, "l2|linf", "norm of its ball"},
    {"adversarial.epsilon", SETTING_NUMBER, "0.25", 0, 1e6, NULL, "radius of its ball, in the units of the inputs"},
    {"adversarial.steps", SETTING_COUNT, "7", 1, 10000, NULL,
     "steps of pgd and trades; steps in a row on one batch of free"},
    {"adversarial.fast_step", SETTING_NUMBER, "1.25", 1e-3, 1000, NULL,
     "step of fgsm_rs in radii, which its guard shortens"},
    {"adversarial.trades_weight", SETTING_NUMBER, "6", 0, 1e6, NULL, "weight of the divergence of trades"},
    {"adversarial.ramp", SETTING_NUMBER, "0", 0, 1, NULL, "share of the steps over which the radius rises from 0"},
    {"adversarial.from_step", SETTING_COUNT, "0", 0, 100000000, NULL, "steps of clean training before"},
    {"adversarial.box", SETTING_NUMBERS, "none", -1e9, 1e9, NULL,
     "least and largest value of an input, which moved rows keep to"},
    {NULL, SETTING_TEXT, NULL, 0, 0, NULL, NULL},
};

const struct learner_class *learner_find(const char *name) {
    for (size_t i = 0; i < learner_table_size; ++i)
        if (strcmp(learner_table[i]->name, name) == 0) return learner_table[i];
    return NULL;
}

strata_status learner_picture_shape(strata_context *ctx, const struct learner_request *request, const char *key,
                                    size_t picture[3]) {
    const struct dataset *data = source_dataset(request->train);
    const double *said;
    size_t count = settings_numbers(request->settings, key, &said), rows = source_inputs(request->train);
    for (size_t i = 0; i < 3; ++i) picture[i] = count == 3 ? (size_t)said[i] : data && count == 0 ? data->image[i] : 0;
    if (picture[0] * picture[1] * picture[2] == rows) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_UNSUPPORTED,
                       "this learner reads pictures: expected rows of channels x height x width, got rows of %zu "
                       "numbers that are none; %s may say their sizes",
                       rows, key);
}

strata_status learner_check_size(strata_context *ctx, const struct learner_request *request, size_t numbers) {
    if (!request->most_numbers || numbers <= request->most_numbers) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_FORMAT, "saved state: its settings ask for %zu numbers, which it does not hold",
                       numbers);
}

strata_status learner_create(strata_context *ctx, const char *name, const struct learner_request *request,
                             struct learner **learner) {
    const struct learner_class *class_ = learner_find(name);
    *learner = NULL;
    if (!class_) return strata_fail(ctx, STRATA_ERR_NOT_FOUND, "no learner is called '%s'", name);
    return class_->create(ctx, class_, request, learner);
}

void learner_destroy(struct learner *learner) {
    if (learner) learner->class_->destroy(learner);
}

strata_status learner_fit(strata_context *ctx, struct learner *learner, const struct fit_hooks *hooks) {
    return learner->class_->fit(ctx, learner, hooks);
}

strata_status learner_predict(strata_context *ctx, struct learner *learner, size_t rows, const float *x, float *out) {
    return learner->class_->predict(ctx, learner, rows, x, out);
}

strata_status learner_test_error(strata_context *ctx, struct learner *learner, size_t outputs,
                                 const struct dataset *data, double *error) {
    size_t cells;
    STRATA_TRY(mem_product(ctx, data->rows, outputs, "predictions", &cells));
    float *out = mem_zero(cells, sizeof *out);
    if (!out) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu predictions", cells);
    strata_status status = learner_predict(ctx, learner, data->rows, data->x, out);
    if (status == STRATA_OK)
        *error = data->task == TASK_BINARY     ? binary_error_rate(data->rows, out, data->y)
               : data->task == TASK_MULTICLASS ? multiclass_error_rate(data->rows, outputs, out, data->y)
                                               : relative_error(data->rows, data->outputs, out, data->y);
    mem_free(out);
    return status;
}

strata_status learner_features(strata_context *ctx, struct learner *learner, size_t layer, size_t rows, const float *x,
                               float *out) {
    if (!learner->class_->features)
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED, "%s has no hidden layers", learner->class_->name);
    return learner->class_->features(ctx, learner, layer, rows, x, out);
}

strata_status learner_vjp(strata_context *ctx, struct learner *learner, size_t rows, const float *x, const float *seed,
                          float *out, float *gradient) {
    if (!learner->class_->vjp)
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED, "%s: the derivative to its inputs is not available",
                           learner->class_->name);
    return learner->class_->vjp(ctx, learner, rows, x, seed, out, gradient);
}

static strata_status evaluate(strata_context *ctx, void *user, size_t rows, const float *x, float *out) {
    return learner_predict(ctx, user, rows, x, out);
}

static strata_status vjp(strata_context *ctx, void *user, size_t rows, const float *x, const float *seed, float *out,
                         float *gradient) {
    return learner_vjp(ctx, user, rows, x, seed, out, gradient);
}

static strata_status pull(strata_context *ctx, void *user, size_t rows, const float *x, strata_seeds seeds,
                          void *seeds_user, float *out, float *gradient) {
    struct learner *learner = user;
    return learner->class_->pull(ctx, learner, rows, x, seeds, seeds_user, out, gradient);
}

strata_function learner_function(struct learner *learner, size_t inputs, size_t outputs) {
    return (strata_function){.user = learner,
                             .inputs = inputs,
                             .outputs = outputs,
                             .evaluate = evaluate,
                             .vjp = vjp,
                             .pull = learner->class_->pull ? pull : NULL};
}

strata_status learner_feature_vjp(strata_context *ctx, struct learner *learner, size_t layer, size_t rows,
                                  const float *x, const float *seed, float *out, float *gradient) {
    if (!learner->class_->feature_vjp)
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED, "%s: derivatives of its features are not available",
                           learner->class_->name);
    return learner->class_->feature_vjp(ctx, learner, layer, rows, x, seed, out, gradient);
}

strata_status learner_save(strata_context *ctx, struct learner *learner, struct tensor_file *state) {
    if (!learner->class_->save)
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED, "%s keeps no state", learner->class_->name);
    return learner->class_->save(ctx, learner, state);
}

strata_status learner_load(strata_context *ctx, struct learner *learner, const struct tensor_file *state) {
    if (!learner->class_->load)
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED, "%s keeps no state", learner->class_->name);
    return learner->class_->load(ctx, learner, state);
}

strata_status fit_report(strata_context *ctx, struct learner *learner, const struct fit_hooks *hooks,
                         const struct fit_point *point) {
    if (context_cancelled(ctx) && (!hooks || !hooks->checkpoint))
        return strata_fail(ctx, STRATA_ERR_INTERRUPTED, "%s: stopped at step %zu of %zu", learner->class_->name,
                           point->step, point->total);
    if (!hooks) return STRATA_OK;
    if (hooks->observe && (point->stage_end || (hooks->observe_due && hooks->observe_due(hooks->user, point))))
        STRATA_TRY(hooks->observe(hooks->user, learner, point));
    if (hooks->step && hooks->step(hooks->user, point) && hooks->checkpoint)
        return hooks->checkpoint(hooks->user, learner, point);
    return STRATA_OK;
}
