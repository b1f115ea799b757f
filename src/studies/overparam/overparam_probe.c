/* SPDX-License-Identifier: MIT */
/* Probes that need no training: separation of a pair, semi-smoothness, norms through depth. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "linalg/linalg.h"
#include "measure/interval.h"
#include "studies/overparam/overparam.h"

/* ---- the least eigenvalue against the distance of a close pair */

/* K_0's least eigenvalue of a task's network on rows x. */
static strata_status least_eigenvalue(strata_context *ctx, const struct wide_network *network, size_t n,
                                      const double *x, double *least) {
    struct wide_pass pass = {0};
    strata_status status = STRATA_OK;
    double *memory = NULL;
    STRATA_GO(wide_pass_create(ctx, network, n, &pass));
    memory = mem_zero(2 * pass.rows * pass.rows + 2 * n * n + 2 * n, sizeof *memory);
    if (!memory) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a kernel of %zu samples", n));
    double *kernel = memory + 2 * pass.rows * pass.rows, *vectors = kernel + n * n, *values = vectors + n * n;
    wide_forward(network, x, &pass, values + n);
    wide_backward(network, &pass);
    wide_kernel(network, &pass, memory, kernel);
    STRATA_GO(linalg_eigen_symmetric(ctx, n, kernel, values, vectors));
    *least = values[0];
cleanup:
    wide_pass_destroy(&pass);
    mem_free(memory);
    return status;
}

/*
 * ln of the least eigenvalue at every distance, of one random network and direction, added to `sums`. The last row
 * moves to that distance from row 0 or, for the control, from where it stands: then no pair gets close.
 */
static strata_status separate(strata_context *ctx, struct task_run *run, const struct wide_data *data, size_t draw,
                              bool pair, size_t count, const double *distances, double *sums) {
    struct wide_network network = {0};
    strata_status status = STRATA_OK;
    struct wide_shape shape = overparam_shape(task_run_settings(run), data);
    size_t cells = data->n * data->inputs, moved = cells - data->inputs;
    double *x = mem_zero(cells, sizeof *x), *direction = mem_zero(data->inputs, sizeof *direction), least;
    if (!x || !direction) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu samples", data->n));
    STRATA_GO(wide_network_create(ctx, &shape, rng_stream_sub(task_run_stream(run, RNG_INIT), draw), &network));
    rng_normal_f64(rng_stream_at(task_run_stream(run, RNG_PROBE), draw), data->inputs - 1, direction);
    for (size_t k = 0; k < count; ++k) {
        memcpy(x, data->x, cells * sizeof *x);
        wide_neighbour(data->inputs, data->x + (pair ? 0 : moved), direction, distances[k], x + moved);
        STRATA_GO(least_eigenvalue(ctx, &network, data->n, x, &least));
        sums[k] += log(fmax(least, 1e-300));
    }
cleanup:
    mem_free(x);
    mem_free(direction);
    wide_network_destroy(&network);
    return status;
}

strata_status overparam_run_separation(strata_context *ctx, struct task_run *run) {
    const double *distances;
    size_t count = settings_numbers(task_run_settings(run), "separation.distances", &distances),
           draws = settings_count(task_run_settings(run), "separation.networks");
    bool pair = strstr(task_run_task(run)->id, "no_pair/") == NULL;
    struct wide_data data = {0};
    strata_status status = STRATA_OK;
    double least[OVERPARAM_MAX_WIDTHS] = {0};
    STRATA_GO(wide_data_create(ctx, run, &data));
    for (size_t draw = 0; draw < draws; ++draw) {
        STRATA_GO(separate(ctx, run, &data, draw, pair, count, distances, least));
        task_progress(run, (double)(draw + 1) / (double)draws);
    }
    for (size_t k = 0; k < count; ++k) least[k] = exp(least[k] / (double)draws);
    STRATA_GO(task_record_array(ctx, run, "lambda_min", count, least));
cleanup:
    wide_data_destroy(&data);
    return status;
}

/* ---- semi-smoothness */

struct smoothness {
    struct wide_data data;
    struct wide_network network;
    struct wide_pass pass;
    double *start, *direction, *f, *residual;
    double loss, gradient; /* at the start; <grad F, direction> */
};

static double loss_of(const struct smoothness *s) {
    double loss = 0;
    for (size_t i = 0; i < s->data.n; ++i) loss += 0.5 * (s->f[i] - s->data.y[i]) * (s->f[i] - s->data.y[i]);
    return loss;
}

/*
 * (F(W + W') - F(W) - <grad F, W'>) over sqrt(n F) w^(1/3) L^2 sqrt(m ln m) |W'| + n L^2 m |W'|^2, all constants 1, at
 * |W'| = w for the largest layer.
 */
static double smoothness_ratio(struct smoothness *s, double w) {
    const struct wide_shape *shape = &s->network.shape;
    size_t count = wide_network_weight_count(&s->network);
    double n = (double)s->data.n, m = (double)shape->width, layers = (double)shape->layers;
    double factor = w / wide_spectral_norm(&s->network, &s->pass, s->direction);
    for (size_t i = 0; i < count; ++i) s->network.weights[i] = s->start[i] + factor * s->direction[i];
    wide_forward(&s->network, s->data.x, &s->pass, s->f);
    double rise = loss_of(s) - s->loss - factor * s->gradient;
    double first = sqrt(n * s->loss) * cbrt(w) * layers * layers * sqrt(m * log(m)) * w,
           second = n * layers * layers * m * w * w;
    return rise / (first + second);
}

/* The direction's slope at the start, with fresh signals there. */
static void slope_at_start(struct smoothness *s) {
    memcpy(s->network.weights, s->start, wide_network_weight_count(&s->network) * sizeof *s->start);
    wide_forward(&s->network, s->data.x, &s->pass, s->f);
    wide_backward(&s->network, &s->pass);
    for (size_t i = 0; i < s->data.n; ++i) s->residual[i] = s->f[i] - s->data.y[i];
    s->loss = loss_of(s);
}

static void probe(struct smoothness *s, size_t count, const double *sizes, double *largest) {
    slope_at_start(s);
    s->gradient = wide_directional(&s->network, &s->pass, s->residual, s->direction);
    for (size_t k = 0; k < count; ++k) *largest = fmax(*largest, smoothness_ratio(s, sizes[k]));
}

strata_status overparam_run_smoothness(strata_context *ctx, struct task_run *run) {
    static const double near[] = {0.01, 0.03, 0.1, 0.3}, far[] = {100};
    bool is_far = strstr(task_run_task(run)->id, "far/") != NULL;
    struct smoothness s = {0};
    strata_status status = STRATA_OK;
    double largest = 0;
    STRATA_GO(wide_data_create(ctx, run, &s.data));
    struct wide_shape shape = overparam_shape(task_run_settings(run), &s.data);
    STRATA_GO(wide_network_create(ctx, &shape, task_run_stream(run, RNG_INIT), &s.network));
    STRATA_GO(wide_pass_create(ctx, &s.network, s.data.n, &s.pass));
    size_t count = wide_network_weight_count(&s.network);
    s.start = mem_zero(2 * count + 2 * s.data.n, sizeof *s.start);
    if (!s.start) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a probe"));
    s.direction = s.start + count, s.f = s.direction + count, s.residual = s.f + s.data.n;
    memcpy(s.start, s.network.weights, count * sizeof *s.start);
    rng_normal_f64(task_run_stream(run, RNG_PROBE), count, s.direction);
    probe(&s, is_far ? 1 : 4, is_far ? far : near, &largest);
    slope_at_start(&s); /* now along the negative gradient, which one step leaves behind */
    wide_step(&s.network, &s.pass, s.residual);
    for (size_t i = 0; i < count; ++i) s.direction[i] = s.network.weights[i] - s.start[i];
    probe(&s, is_far ? 1 : 4, is_far ? far : near, &largest);
    STRATA_GO(task_record(ctx, run, "smoothness", largest));
cleanup:
    mem_free(s.start);
    wide_pass_destroy(&s.pass);
    wide_network_destroy(&s.network);
    wide_data_destroy(&s.data);
    return status;
}

/* ---- norms */

/* W h for a fresh W of variance v is |h| sqrt(v) times a normal vector: exactly so for one input. */
static double log_norm(struct rng_stream stream, size_t width, size_t layers, double variance, double tau, double *h,
                       double *z) {
    double square = 0;
    rng_normal_f64(rng_stream_at(stream, 0), width, h);
    for (size_t j = 0; j < width; ++j) {
        h[j] = fmax(h[j], 0) * sqrt(2.0 / (double)width);
        square += h[j] * h[j];
    }
    for (size_t l = 1; l <= layers; ++l) {
        bool keep = tau > 0 && l < layers;
        double scale = sqrt(square * variance / (double)width) * (keep ? tau : 1);
        rng_normal_f64(rng_stream_at(stream, l), width, z);
        square = 0;
        for (size_t j = 0; j < width; ++j) {
            h[j] = fmax((keep ? h[j] : 0) + scale * z[j], 0);
            square += h[j] * h[j];
        }
    }
    return log(square);
}

strata_status overparam_run_norms(strata_context *ctx, struct task_run *run) {
    const struct settings *settings = task_run_settings(run);
    const char *id = task_run_task(run)->id;
    size_t width = settings_count(settings, "norms.width"), layers = settings_count(settings, "norms.layers"),
           tries = settings_count(settings, "norms.networks");
    double variance = strncmp(id, "init1/", 6) == 0 ? 1 : 2,
           tau = strncmp(id, "residual/", 9) == 0 ? 1 / ((double)layers * log((double)width)) : 0;
    double *h = mem_zero(2 * width, sizeof *h), *z = mem_zero(tries, sizeof *z), mean = 0, square = 0;
    strata_status status = STRATA_OK;
    if (!h || !z) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu networks", tries));
    for (size_t k = 0; k < tries; ++k) {
        z[k] = log_norm(rng_stream_sub(task_run_stream(run, RNG_INIT), k), width, layers, variance, tau, h, h + width);
        mean += z[k] / (double)tries;
        task_progress(run, (double)k / (double)tries);
    }
    for (size_t k = 0; k < tries; ++k) square += (z[k] - mean) * (z[k] - mean) / (double)(tries - 1);
    double variance_wanted = 5 * ((double)layers + 1) / (double)width;
    STRATA_GO(task_record(ctx, run, "shift", fabs(mean + variance_wanted / 2) / sqrt(variance_wanted)));
    STRATA_GO(task_record(ctx, run, "spread", sqrt(square / variance_wanted)));
cleanup:
    mem_free(h);
    mem_free(z);
    return status;
}

/* ---- norms along the depth, several inputs, layers drawn as they are needed */

strata_status overparam_run_depth(strata_context *ctx, struct task_run *run) {
    enum { INPUTS = 8 };
    const struct settings *settings = task_run_settings(run);
    const char *id = task_run_task(run)->id;
    size_t m = settings_count(settings, "depth.width"), layers = settings_count(settings, "depth.layers");
    double tau = strncmp(id, "residual_depth/", 15) == 0 ? 1 / ((double)layers * log((double)m))
                                                         : strncmp(id, "tau1/", 5) == 0;
    double *w = mem_zero(m * m, sizeof *w), *h = mem_zero(2 * INPUTS * m, sizeof *h),
           *deviation = mem_zero(layers + 1, sizeof *deviation), largest = 0;
    strata_status status = STRATA_OK;
    if (!w || !h || !deviation) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for width %zu", m));
    double *next = h + INPUTS * m;
    rng_normal_f64(task_run_stream(run, RNG_PROBE), INPUTS * m, h); /* A x of unit inputs */
    for (size_t i = 0; i < INPUTS * m; ++i) h[i] = fmax(h[i], 0) * sqrt(2.0 / (double)m);
    for (size_t l = 0; l <= layers; ++l) {
        for (size_t i = 0; i < INPUTS; ++i) {
            double square = 0;
            for (size_t j = 0; j < m; ++j) square += h[i * m + j] * h[i * m + j];
            deviation[l] = fmax(deviation[l], fabs(sqrt(square) - 1));
        }
        largest = fmax(largest, deviation[l]);
        if (l == layers) break;
        bool keep = tau > 0 && l + 1 < layers;
        rng_normal_f64(rng_stream_at(task_run_stream(run, RNG_INIT), l), m * m, w);
        if (keep) memcpy(next, h, INPUTS * m * sizeof *h);
        linalg_gemm_f64(AS_IS, TRANSPOSED, INPUTS, m, m, sqrt(2.0 / (double)m) * (keep ? tau : 1), h, m, w, m,
                        keep ? 1.0 : 0.0, next, m);
        for (size_t i = 0; i < INPUTS * m; ++i) h[i] = fmax(next[i], 0);
        task_progress(run, (double)l / (double)layers);
    }
    STRATA_GO(task_record(ctx, run, "norm_deviation", largest));
    STRATA_GO(task_record_array(ctx, run, "norm_deviations", layers + 1, deviation));
cleanup:
    mem_free(w);
    mem_free(h);
    mem_free(deviation);
    return status;
}
