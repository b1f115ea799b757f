/* SPDX-License-Identifier: MIT */
/*
 * Random features with a ridge readout, f = mean(y) + phi(x) w, W and v standard normal, u uniform, never trained:
 *
 *   ReLU     phi(x) = sqrt(2 / D) relu(sqrt(2 / d) W x + sqrt(b) v)
 *   Fourier  phi(x) = sqrt(2 / D) cos(W x / l + 2 pi u), whose kernel is exp(-|x - z|^2 / 2 l^2)
 *
 * The ridge has the least exact leave-one-out error, from one eigendecomposition of the smaller of phiᵀphi and phi
 * phiᵀ. Source: Rahimi & Recht, NIPS 2007; NIPS 2008.
 */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "learn/ridge_fit.h"
#include "linalg/linalg.h"

#define ROW_COUNT \
    { "random_features.count", SETTING_COUNT, "1000", 1, 20000, NULL, "random features" }

static const struct setting random_features_settings[] = {
    ROW_COUNT, RIDGE_ROW_RIDGE, RIDGE_ROW_BIAS, RIDGE_ROW_MEMORY, {0},
};

static const struct setting random_fourier_settings[] = {
    ROW_COUNT,
    {"random_features.bandwidth", SETTING_NUMBER, "0", 0, 1e9, NULL,
     "bandwidth l of the Gaussian kernel; 0: the root of the number of inputs"},
    RIDGE_ROW_RIDGE,
    RIDGE_ROW_MEMORY,
    {0},
};

/* `details` of the two classes. */
static const bool relu_features = false, fourier_features = true;

struct random_features {
    struct learner base;
    bool fourier;
    const struct settings *settings;
    const struct sample_source *source;
    size_t count, inputs, outputs;
    double *directions; /* [count, inputs], scaled: sqrt(2 / d) W */
    double *biases;     /* [1, count], scaled */
    double *weights;    /* [count, outputs]; NULL: not fitted */
    double *mean;       /* [1, outputs] */
};

/* phi [rows, count] of x [rows, inputs]. */
static void features_apply(const struct random_features *self, size_t rows, const double *x, double *phi) {
    double scale = sqrt(2.0 / (double)self->count);
    linalg_gemm_f64(AS_IS, TRANSPOSED, rows, self->count, self->inputs, 1.0, x, self->inputs, self->directions,
                    self->inputs, 0.0, phi, self->count);
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j < self->count; ++j) {
            double value = phi[i * self->count + j] + self->biases[j];
            phi[i * self->count + j] = self->fourier ? scale * cos(value) : value > 0.0 ? scale * value : 0.0;
        }
}

static void random_features_destroy(struct learner *learner) {
    struct random_features *self = (struct random_features *)learner;
    if (!self) return;
    mem_free(self->directions);
    mem_free(self->biases);
    mem_free(self->weights);
    mem_free(self->mean);
    mem_free(self);
}

static void draw(struct random_features *self, struct rng_stream stream) {
    const double two_pi = 6.28318530717958647693;
    size_t cells = self->count * self->inputs;
    double bandwidth = self->fourier ? settings_number(self->settings, "random_features.bandwidth") : 0;
    double spread = self->fourier ? 1 / (bandwidth > 0 ? bandwidth : sqrt((double)self->inputs))
                                  : sqrt(2.0 / (double)self->inputs);
    double bias = self->fourier ? two_pi : sqrt(settings_number(self->settings, "kernel.bias_variance"));
    rng_normal_f64(rng_stream_at(stream, 0), cells, self->directions);
    if (self->fourier)
        rng_uniform_f64(rng_stream_at(stream, 1), self->count, self->biases);
    else
        rng_normal_f64(rng_stream_at(stream, 1), self->count, self->biases);
    for (size_t i = 0; i < cells; ++i) self->directions[i] *= spread;
    for (size_t i = 0; i < self->count; ++i) self->biases[i] *= bias;
}

static strata_status random_features_create(strata_context *ctx, const struct learner_class *class_,
                                            const struct learner_request *request, struct learner **learner) {
    size_t count = settings_count(request->settings, "random_features.count"), inputs = source_inputs(request->train),
           cells = 0;
    STRATA_TRY(mem_product(ctx, count, inputs, "random features", &cells));
    STRATA_TRY(learner_check_size(ctx, request, cells));
    struct random_features *self = mem_zero(1, sizeof *self);
    if (self)
        *self = (struct random_features){.base.class_ = class_,
                                         .fourier = *(const bool *)class_->details,
                                         .settings = request->settings,
                                         .source = request->train,
                                         .count = count,
                                         .inputs = inputs,
                                         .directions = mem_zero(cells, sizeof(double)),
                                         .biases = mem_zero(count, sizeof(double))};
    if (!self || !self->directions || !self->biases) {
        random_features_destroy((struct learner *)self);
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu random features of %zu inputs", count,
                           inputs);
    }
    draw(self, rng_stream_make(request->seed, request->replicate, RNG_FEATURES));
    *learner = &self->base;
    return STRATA_OK;
}

static strata_status ridge_pick(strata_context *ctx, const struct random_features *self, const struct ridge_rows *rows,
                                const double *phi, double *ridge, double *loss) {
    double unit = 0.0, relative = settings_number(self->settings, "kernel.ridge");
    for (size_t i = 0; i < rows->rows * self->count; ++i) unit += phi[i] * phi[i];
    unit /= (double)rows->rows;
    *ridge = relative * unit;
    if (relative > 0.0) return STRATA_OK;
    struct ridge_path path = {0};
    STRATA_TRY(ridge_path_from_features(ctx, rows->rows, self->count, phi, &path));
    strata_status status = ridge_choose(ctx, &path, rows, unit, ridge, loss);
    ridge_path_destroy(&path);
    return status;
}

static strata_status random_features_fit(strata_context *ctx, struct learner *learner, const struct fit_hooks *hooks) {
    struct random_features *self = (struct random_features *)learner;
    if (self->weights) return STRATA_OK; /* loaded: nothing is left to do */
    strata_status status = STRATA_OK;
    struct ridge_rows rows = {0};
    double *phi = NULL, *weights = NULL, ridge = 0.0, loss = NAN;
    STRATA_TRY(ridge_rows_create(ctx, learner->class_->name, self->source, &rows));
    STRATA_GO(ridge_memory_check(ctx, learner->class_->name, self->settings, rows.rows, self->count));
    phi = mem_zero(rows.rows * self->count, sizeof *phi);
    weights = mem_zero(self->count * rows.outputs, sizeof *weights);
    if (!phi || !weights) {
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu random features of %zu rows", self->count,
                             rows.rows);
        goto cleanup;
    }
    features_apply(self, rows.rows, rows.x, phi);
    STRATA_GO(ridge_pick(ctx, self, &rows, phi, &ridge, &loss));
    if (context_cancelled(ctx)) {
        status = strata_fail(ctx, STRATA_ERR_INTERRUPTED, "interrupted");
        goto cleanup;
    }
    STRATA_GO(linalg_ridge(ctx, rows.rows, self->count, rows.outputs, phi, rows.y, ridge, weights));
    self->outputs = rows.outputs;
    self->mean = rows.mean, self->weights = weights;
    rows.mean = weights = NULL; /* now the learner's */
    status = ridge_report(ctx, learner, hooks, loss);
cleanup:
    mem_free(phi);
    mem_free(weights);
    ridge_rows_destroy(&rows);
    return status;
}

static strata_status features_block(strata_context *ctx, void *user, size_t rows, const double *x, double *scratch,
                                    double *out) {
    (void)ctx, (void)scratch;
    features_apply(user, rows, x, out);
    return STRATA_OK;
}

static strata_status predict_block(strata_context *ctx, void *user, size_t rows, const double *x, double *scratch,
                                   double *out) {
    const struct random_features *self = user;
    (void)ctx;
    features_apply(self, rows, x, scratch);
    linalg_gemm_f64(AS_IS, AS_IS, rows, self->outputs, self->count, 1.0, scratch, self->count, self->weights,
                    self->outputs, 0.0, out, self->outputs);
    for (size_t i = 0; i < rows * self->outputs; ++i) out[i] += self->mean[i % self->outputs];
    return STRATA_OK;
}

static strata_status random_features_predict(strata_context *ctx, struct learner *learner, size_t rows, const float *x,
                                             float *out) {
    const struct random_features *self = (const struct random_features *)learner;
    if (!self->weights)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "learner '%s' has not been fitted", learner->class_->name);
    return predict_wide(ctx, predict_block, learner, self->inputs, self->outputs, self->count, rows, x, out);
}

static size_t random_features_layer_count(const struct learner *learner) {
    (void)learner;
    return 1;
}

static size_t random_features_layer_width(const struct learner *learner, size_t layer) {
    (void)layer;
    return ((const struct random_features *)learner)->count;
}

static strata_status random_features_features(strata_context *ctx, struct learner *learner, size_t layer, size_t rows,
                                              const float *x, float *out) {
    if (layer != 1)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "learner '%s' has one layer, got layer %zu", learner->class_->name,
                           layer);
    const struct random_features *self = (const struct random_features *)learner;
    return predict_wide(ctx, features_block, learner, self->inputs, self->count, 0, rows, x, out);
}

static strata_status random_features_save(strata_context *ctx, struct learner *learner, struct tensor_file *state) {
    struct random_features *self = (struct random_features *)learner;
    if (!self->weights) return STRATA_OK; /* a fit starts anew */
    STRATA_TRY(ridge_tensor_add(ctx, state, "random_features.directions", self->count, self->inputs, self->directions));
    STRATA_TRY(ridge_tensor_add(ctx, state, "random_features.biases", 1, self->count, self->biases));
    STRATA_TRY(ridge_tensor_add(ctx, state, "random_features.weights", self->count, self->outputs, self->weights));
    return ridge_tensor_add(ctx, state, "random_features.mean", 1, self->outputs, self->mean);
}

static strata_status random_features_load(strata_context *ctx, struct learner *learner,
                                          const struct tensor_file *state) {
    struct random_features *self = (struct random_features *)learner;
    mem_free(self->weights);
    mem_free(self->mean);
    self->weights = self->mean = NULL;
    if (!tensor_file_find(state, "random_features.weights")) return STRATA_OK;
    strata_status status = STRATA_OK;
    size_t one = 1, outputs = 0;
    struct random_features from = *self;
    from.directions = from.biases = NULL;
    STRATA_GO(ridge_tensor_load(ctx, state, "random_features.directions", &from.count, &from.inputs, &from.directions));
    STRATA_GO(ridge_tensor_load(ctx, state, "random_features.biases", &one, &from.count, &from.biases));
    STRATA_GO(ridge_tensor_load(ctx, state, "random_features.weights", &from.count, &outputs, &from.weights));
    STRATA_GO(ridge_tensor_load(ctx, state, "random_features.mean", &one, &outputs, &from.mean));
    STRATA_GO(ridge_state_check(ctx, self->source, from.inputs, outputs));
    mem_free(self->directions);
    mem_free(self->biases);
    from.outputs = outputs;
    *self = from;
    return STRATA_OK;
cleanup:
    mem_free(from.directions);
    mem_free(from.biases);
    mem_free(from.weights);
    mem_free(from.mean);
    return status;
}

static size_t random_features_parameter_count(const struct learner *learner) {
    const struct random_features *self = (const struct random_features *)learner;
    return self->count * (self->weights ? self->outputs : source_outputs(self->source));
}

#define RANDOM_FEATURES(which, rows, kind, label, text)                                               \
    extern const struct learner_class learner_##which;                                                \
    const struct learner_class learner_##which = {.name = #which,                                     \
                                                  .title = label,                                     \
                                                  .summary = text,                                    \
                                                  .settings = rows,                                   \
                                                  .details = &(kind),                                 \
                                                  .create = random_features_create,                   \
                                                  .fit = random_features_fit,                         \
                                                  .predict = random_features_predict,                 \
                                                  .layer_count = random_features_layer_count,         \
                                                  .layer_width = random_features_layer_width,         \
                                                  .features = random_features_features,               \
                                                  .save = random_features_save,                       \
                                                  .load = random_features_load,                       \
                                                  .parameter_count = random_features_parameter_count, \
                                                  .destroy = random_features_destroy}

RANDOM_FEATURES(random_features, random_features_settings, relu_features, "Random ReLU features",
                "fixed random ReLU features, ridge readout by leave-one-out (Rahimi & Recht 2008)");
RANDOM_FEATURES(random_fourier, random_fourier_settings, fourier_features, "Random Fourier features",
                "fixed random Fourier features of a Gaussian kernel, ridge readout (Rahimi & Recht 2007)");
