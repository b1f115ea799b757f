/* SPDX-License-Identifier: MIT */
/*
 * Gradient descent on F = sum of squared residuals / 2, and everything that the theory says of it. The tangent kernel
 * K_t comes from the same backward signals as the gradient, so that |grad F|^2 = r'K_t r and its descent cost nothing.
 */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "linalg/linalg.h"
#include "measure/interval.h"
#include "studies/overparam/overparam.h"

enum { FIRST_STEPS = 20 };

struct fit {
    strata_context *ctx;
    struct task_run *run;
    const struct settings *settings;
    struct wide_data data;
    struct wide_network network;
    struct wide_pass pass;
    size_t n, steps, batch, done;      /* done: steps whose loss is known, less the first */
    double rate, least, largest;       /* of K_0 */
    double *start;                     /* weights at the start */
    double *hidden;                    /* activations at the start */
    double *kernel0, *kernel;          /* [n, n] */
    double *values, *vectors;          /* of K_0 */
    double *along;                     /* [n]: residual of the start along the eigenvectors */
    double *gram;                      /* scratch */
    double *f, *coefficient;           /* [n] */
    double *loss, *linear, *predicted; /* [steps + 1]; predicted: what the step from there should take off */
    uint32_t *order;                   /* [n] */
    size_t drawn;                      /* passes whose order was drawn; 0: none yet, also after a restart */
    double deviation;                  /* largest |f - f_lin| over the first residual */
    double gradient;                   /* least |grad|^2 / (2 F lambda_min(K_0)) */
};

static void fit_destroy(struct fit *fit) {
    double *const all[] = {fit->start,   fit->hidden, fit->kernel0,  fit->kernel, fit->values,
                           fit->vectors, fit->along,  fit->gram,     fit->f,      fit->coefficient,
                           fit->loss,    fit->linear, fit->predicted};
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i) mem_free(all[i]);
    mem_free(fit->order);
    wide_pass_destroy(&fit->pass);
    wide_network_destroy(&fit->network);
    wide_data_destroy(&fit->data);
}

static strata_status fit_create(struct fit *fit) {
    STRATA_TRY(wide_data_create(fit->ctx, fit->run, &fit->data));
    struct wide_shape shape = overparam_shape(fit->settings, &fit->data);
    STRATA_TRY(wide_network_create(fit->ctx, &shape, task_run_stream(fit->run, RNG_INIT), &fit->network));
    size_t n = fit->n = fit->data.n, weights = wide_network_weight_count(&fit->network);
    STRATA_TRY(wide_pass_create(fit->ctx, &fit->network, n, &fit->pass));
    fit->steps = settings_count(fit->settings, "train.steps");
    fit->batch = settings_count(fit->settings, "train.batch_size");
    size_t hidden = (shape.layers + 1) * fit->pass.rows * shape.width;
    double **const arrays[] = {&fit->start,   &fit->hidden, &fit->kernel0,  &fit->kernel, &fit->values,
                               &fit->vectors, &fit->along,  &fit->gram,     &fit->f,      &fit->coefficient,
                               &fit->loss,    &fit->linear, &fit->predicted};
    const size_t sizes[] = {weights,
                            hidden,
                            n * n,
                            n * n,
                            n,
                            n * n,
                            n,
                            2 * fit->pass.rows * fit->pass.rows + n * n,
                            n,
                            n,
                            fit->steps + 1,
                            fit->steps + 1,
                            fit->steps + 1};
    bool whole = true;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; ++i)
        whole = (*arrays[i] = mem_zero(sizes[i], sizeof(double))) && whole;
    fit->order = mem_zero(n, sizeof *fit->order);
    if (!whole || !fit->order)
        return strata_fail(fit->ctx, STRATA_ERR_MEMORY, "out of memory for a network of width %zu", shape.width);
    memcpy(fit->start, fit->network.weights, weights * sizeof *fit->start);
    return STRATA_OK;
}

/* K_0, its spectrum, the rate, and the residual along the eigenvectors. */
static strata_status begin(struct fit *fit) {
    size_t n = fit->n;
    wide_forward(&fit->network, fit->data.x, &fit->pass, fit->f);
    wide_backward(&fit->network, &fit->pass);
    wide_kernel(&fit->network, &fit->pass, fit->gram, fit->kernel0);
    memcpy(fit->hidden, fit->pass.hidden,
           (fit->network.shape.layers + 1) * fit->pass.rows * fit->network.shape.width * sizeof(double));
    double *copy = fit->gram + 2 * fit->pass.rows * fit->pass.rows;
    memcpy(copy, fit->kernel0, n * n * sizeof *copy);
    STRATA_TRY(linalg_eigen_symmetric(fit->ctx, n, copy, fit->values, fit->vectors));
    fit->least = fmax(fit->values[0], 0);
    fit->largest = fit->values[n - 1];
    fit->rate = settings_number(fit->settings, "train.relative_rate") / fit->largest;
    fit->gradient = INFINITY;
    for (size_t k = 0; k < n; ++k)
        for (size_t i = 0; i < n; ++i) fit->along[k] += fit->vectors[k * n + i] * (fit->f[i] - fit->data.y[i]);
    return STRATA_OK;
}

/* What the network linearised at the start has reached after `step` steps: its loss, and how far it is from f. */
static void compare_linear(struct fit *fit, size_t step) {
    size_t n = fit->n;
    double first = 0, difference = 0, *residual = fit->gram;
    memset(residual, 0, n * sizeof *residual);
    for (size_t k = 0; k < n; ++k) {
        double left = fit->along[k] * pow(1 - fit->rate * fit->values[k], (double)step);
        first += fit->along[k] * fit->along[k];
        fit->linear[step] += 0.5 * left * left;
        for (size_t i = 0; i < n; ++i) residual[i] += left * fit->vectors[k * n + i];
    }
    for (size_t i = 0; i < n; ++i) {
        double d = fit->f[i] - fit->data.y[i] - residual[i];
        difference += d * d;
    }
    fit->deviation = fmax(fit->deviation, sqrt(difference / first));
}

/* |grad F|^2 and what a step of gradient descent should take off F to second order. */
static void measure_gradient(struct fit *fit, size_t step) {
    size_t n = fit->n;
    double square = 0, curvature = 0;
    wide_kernel(&fit->network, &fit->pass, fit->gram, fit->kernel);
    for (size_t i = 0; i < n; ++i) {
        double product = 0;
        for (size_t j = 0; j < n; ++j) product += fit->kernel[i * n + j] * (fit->f[j] - fit->data.y[j]);
        square += (fit->f[i] - fit->data.y[i]) * product;
        curvature += product * product;
    }
    fit->gradient = fmin(fit->gradient, square / (2 * fit->loss[step] * fmax(fit->least, 1e-300)));
    fit->predicted[step] = fit->rate * square - 0.5 * fit->rate * fit->rate * curvature;
}

static void choose_batch(struct fit *fit, size_t step) {
    size_t a_pass = (fit->n + fit->batch - 1) / fit->batch, first = step % a_pass * fit->batch;
    if (fit->drawn != step / a_pass + 1) {
        rng_permutation(rng_stream_at(task_run_stream(fit->run, RNG_SHUFFLE), step / a_pass), fit->n, fit->order);
        fit->drawn = step / a_pass + 1;
    }
    memset(fit->coefficient, 0, fit->n * sizeof *fit->coefficient);
    for (size_t k = first; k < first + fit->batch && k < fit->n; ++k) {
        size_t i = fit->order[k];
        fit->coefficient[i] = fit->rate * (fit->f[i] - fit->data.y[i]);
    }
}

/* ---- a state on disk: what training has changed; the rest is made anew from the settings */

enum { STATE_DONE, STATE_DEVIATION, STATE_GRADIENT, STATE_NUMBERS };

struct part {
    const char *name;
    double *values;
    size_t count;
};

enum { STATE_PARTS = 5 };

static void state_parts(struct fit *fit, double numbers[STATE_NUMBERS], struct part parts[STATE_PARTS]) {
    parts[0] = (struct part){"weights", fit->network.weights, wide_network_weight_count(&fit->network)};
    parts[1] = (struct part){"loss", fit->loss, fit->steps + 1};
    parts[2] = (struct part){"linear", fit->linear, fit->steps + 1};
    parts[3] = (struct part){"predicted", fit->predicted, fit->steps + 1};
    parts[4] = (struct part){"numbers", numbers, STATE_NUMBERS};
}

static strata_status save(struct fit *fit) {
    double numbers[STATE_NUMBERS] = {(double)fit->done, fit->deviation, fit->gradient};
    struct part parts[STATE_PARTS];
    struct tensor_file state = {0};
    strata_status status = STRATA_OK;
    state_parts(fit, numbers, parts);
    for (size_t i = 0; i < STATE_PARTS; ++i)
        STRATA_GO(tensor_file_add(fit->ctx, &state, parts[i].name, TENSOR_F64, 1, &parts[i].count, parts[i].values));
    STRATA_GO(task_checkpoint(fit->ctx, fit->run, &state, fit->done));
cleanup:
    tensor_file_destroy(&state);
    return status;
}

/* The step to go on with: the first one without a state. */
static strata_status restore(struct fit *fit, size_t *step) {
    double numbers[STATE_NUMBERS];
    struct part parts[STATE_PARTS];
    const struct tensor_file *state = task_state(fit->run);
    *step = 0;
    if (!state) return STRATA_OK;
    state_parts(fit, numbers, parts);
    for (size_t i = 0; i < STATE_PARTS; ++i) {
        const struct tensor *tensor = tensor_file_find(state, parts[i].name);
        if (!tensor || tensor->type != TENSOR_F64 || tensor_count(tensor) != parts[i].count)
            return strata_fail(fit->ctx, STRATA_ERR_FORMAT, "state: expected %zu numbers '%s'", parts[i].count,
                               parts[i].name);
        memcpy(parts[i].values, tensor->data, parts[i].count * sizeof(double));
    }
    *step = (size_t)numbers[STATE_DONE] + 1;
    fit->deviation = numbers[STATE_DEVIATION];
    fit->gradient = numbers[STATE_GRADIENT];
    return STRATA_OK;
}

static strata_status train(struct fit *fit) {
    const double finished = settings_number(fit->settings, "train.stop");
    size_t step;
    STRATA_TRY(restore(fit, &step));
    for (;; ++step) {
        if (step) wide_forward(&fit->network, fit->data.x, &fit->pass, fit->f);
        for (size_t i = 0; i < fit->n; ++i)
            fit->loss[step] += 0.5 * (fit->f[i] - fit->data.y[i]) * (fit->f[i] - fit->data.y[i]);
        fit->done = step;
        if (!isfinite(fit->loss[step]) || fit->loss[step] > 1e8 * fit->loss[0])
            return strata_fail(fit->ctx, STRATA_ERR_DIVERGED,
                               "step %zu: the loss is %g; the rate was %g, gradient descent needs less than %g", step,
                               fit->loss[step], fit->rate, 2 / fit->largest);
        if (fit->batch == 0) compare_linear(fit, step);
        if (step == fit->steps || fit->loss[step] <= finished * fit->loss[0]) return STRATA_OK;
        wide_backward(&fit->network, &fit->pass);
        if (fit->batch == 0) measure_gradient(fit, step);
        for (size_t i = 0; i < fit->n; ++i) fit->coefficient[i] = fit->rate * (fit->f[i] - fit->data.y[i]);
        if (fit->batch) choose_batch(fit, step);
        wide_step(&fit->network, &fit->pass, fit->coefficient);
        if (task_progress(fit->run, (double)step / (double)fit->steps)) STRATA_TRY(save(fit));
        if (context_cancelled(fit->ctx)) return strata_fail(fit->ctx, STRATA_ERR_INTERRUPTED, "interrupted");
    }
}

/* ---- after training */

static double log_loss(const struct fit *fit, size_t step) { return log(fmax(fit->loss[step], 1e-300)); }

/* Slope of ln F over the second half of what was done, and how straight that line is. */
static void fit_line(const struct fit *fit, double *slope, double *straight) {
    size_t first = fit->done / 2, count = fit->done + 1 - first;
    double mean_x = 0, mean_y = 0, xx = 0, xy = 0, yy = 0;
    for (size_t i = 0; i < count; ++i) {
        mean_x += (double)(first + i) / (double)count;
        mean_y += log_loss(fit, first + i) / (double)count;
    }
    for (size_t i = 0; i < count; ++i) {
        double x = (double)(first + i) - mean_x, y = log_loss(fit, first + i) - mean_y;
        xx += x * x, xy += x * y, yy += y * y;
    }
    *slope = xx > 0 ? xy / xx : NAN;
    *straight = yy > 0 && xx > 0 ? xy * xy / (xx * yy) : 0;
}

static double flipped_share(const struct fit *fit) {
    size_t cells = fit->pass.rows * fit->network.shape.width, first = cells, all = cells * fit->network.shape.layers,
           flips = 0;
    for (size_t i = first; i < first + all; ++i) flips += (fit->hidden[i] > 0) != (fit->pass.hidden[i] > 0);
    return (double)flips / (double)all;
}

static double kernel_change(struct fit *fit) {
    double difference = 0, norm = 0;
    wide_backward(&fit->network, &fit->pass);
    wide_kernel(&fit->network, &fit->pass, fit->gram, fit->kernel);
    for (size_t i = 0; i < fit->n * fit->n; ++i) {
        double d = fit->kernel[i] - fit->kernel0[i];
        difference += d * d;
        norm += fit->kernel0[i] * fit->kernel0[i];
    }
    return sqrt(difference / norm);
}

/* Losses at OVERPARAM_CURVE evenly spaced steps. */
static strata_status record_curve(struct fit *fit, const char *key, const double *loss) {
    double curve[OVERPARAM_CURVE];
    for (size_t i = 0; i < OVERPARAM_CURVE; ++i) {
        size_t step = i * fit->steps / (OVERPARAM_CURVE - 1);
        curve[i] = step <= fit->done ? loss[step] / fit->loss[0] : NAN;
    }
    return task_record_array(fit->ctx, fit->run, key, OVERPARAM_CURVE, curve);
}

/* What the loss fell by from step `first` to `last` over what it should have; 0 where it was not even to fall. */
static double descent(const struct fit *fit, size_t first, size_t last) {
    double predicted = 0;
    for (size_t step = first; step < last; ++step) predicted += fit->predicted[step];
    return predicted > 0 ? (fit->loss[first] - fit->loss[last]) / predicted : 0;
}

static strata_status record_all(struct fit *fit) {
    size_t weights = wide_network_weight_count(&fit->network), right = 0,
           early = fit->done < FIRST_STEPS ? fit->done : FIRST_STEPS;
    double slope, straight, square = 0, natural = 2 * log1p(-fit->rate * fit->least);
    double *moved = fit->start;
    for (size_t i = 0; i < weights; ++i) {
        moved[i] = fit->network.weights[i] - moved[i];
        square += moved[i] * moved[i];
    }
    for (size_t i = 0; i < fit->n; ++i) right += fit->f[i] * fit->data.y[i] > 0;
    fit_line(fit, &slope, &straight);
    double ratio = fit->loss[fit->done] / fit->loss[0];
    const struct {
        const char *key;
        double value;
    } all[] = {{"accuracy", (double)right / (double)fit->n},
               {"loss_ratio", ratio},
               {"lambda_min", fit->least},
               {"lambda_max", fit->largest},
               {"learning_rate", fit->rate},
               {"steps", (double)fit->done},
               {"straight", ratio <= 1e-2 ? straight : 0},
               {"rate", fit->least > 1e-12 * fit->largest ? slope / natural : NAN},
               {"gradient", fit->gradient},
               {"moved", sqrt(square)},
               {"moved_spectral", wide_spectral_norm(&fit->network, &fit->pass, moved)},
               {"flips", flipped_share(fit)},
               {"deviation", fit->deviation},
               {"kernel_change", kernel_change(fit)},
               {"descent", fmin(descent(fit, 0, early), descent(fit, fit->done / 2, fit->done))}};
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i)
        STRATA_TRY(task_record(fit->ctx, fit->run, all[i].key, all[i].value));
    STRATA_TRY(record_curve(fit, "loss", fit->loss));
    return fit->batch ? STRATA_OK : record_curve(fit, "linear", fit->linear);
}

strata_status overparam_run_fit(strata_context *ctx, struct task_run *run) {
    struct fit fit = {.ctx = ctx, .run = run, .settings = task_run_settings(run)};
    strata_status status = STRATA_OK;
    STRATA_GO(fit_create(&fit));
    STRATA_GO(begin(&fit));
    status = train(&fit);
    if (status == STRATA_ERR_DIVERGED)
        status = task_diverged(ctx, run, fit.done);
    else if (status == STRATA_OK)
        status = record_all(&fit);
cleanup:
    fit_destroy(&fit);
    return status;
}
