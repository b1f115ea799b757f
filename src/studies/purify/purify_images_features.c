/* SPDX-License-Identifier: MIT */
/* What the units of the networks of pictures look for, what the loss sees in a picture, and how rough filters are. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "studies/purify/purify_images.h"

enum { CLIMB_STEPS = 100, GRADIENT_PICTURES = 8, LONGEST_SIDE = 64, STARTS = 65 };
static const double CLIMB_LENGTH = 0.1, CLIMB_RADIUS = 3, VARIATION = 1e-3, LOW_FREQUENCY = 1.0 / 8;

/* out[k] = sum_x in[x] e^(-2 pi i k x / count), numbers `stride` apart: sides are short, a plain sum will do. */
static void transform(size_t count, size_t stride, const double *in_real, const double *in_imaginary, double *out_real,
                      double *out_imaginary) {
    const double turn = 6.283185307179586;
    for (size_t k = 0; k < count; ++k) {
        double real = 0, imaginary = 0;
        for (size_t x = 0; x < count; ++x) {
            double angle = turn * (double)(k * x % count) / (double)count, c = cos(angle), s = sin(angle);
            double r = in_real[x * stride], i = in_imaginary ? in_imaginary[x * stride] : 0;
            real += r * c + i * s;
            imaginary += i * c - r * s;
        }
        out_real[k] = real;
        out_imaginary[k] = imaginary;
    }
}

static double cycles(size_t k, size_t count) { return (double)(k <= count / 2 ? k : count - k) / (double)count; }

/* Share of a picture's energy, without its mean, below 1/8 cycle a pixel. */
static double low_share(size_t height, size_t width, const double *values) {
    static const size_t most = LONGEST_SIDE;
    double real[LONGEST_SIDE * LONGEST_SIDE], imaginary[LONGEST_SIDE * LONGEST_SIDE], low = 0, all = 0;
    if (height > most || width > most) return NAN;
    for (size_t y = 0; y < height; ++y)
        transform(width, 1, values + y * width, NULL, real + y * width, imaginary + y * width);
    for (size_t u = 0; u < width; ++u) {
        double column_real[LONGEST_SIDE], column_imaginary[LONGEST_SIDE];
        transform(height, width, real + u, imaginary + u, column_real, column_imaginary);
        for (size_t v = 0; v < height; ++v) {
            double energy = column_real[v] * column_real[v] + column_imaginary[v] * column_imaginary[v];
            if (u == 0 && v == 0) continue;
            all += energy;
            if (hypot(cycles(u, width), cycles(v, height)) < LOW_FREQUENCY) low += energy;
        }
    }
    return all > 0 ? low / all : 0;
}

/* Brightness: the mean over channels. */
static void brightness(const size_t picture[3], const float *x, double *values) {
    size_t pixels = picture[1] * picture[2];
    memset(values, 0, pixels * sizeof *values);
    for (size_t i = 0; i < picture[0] * pixels; ++i) values[i % pixels] += (double)x[i] / (double)picture[0];
}

/* gradient -= d/dx of 1e-3 times the total variation. */
static void smooth(const size_t picture[3], const float *x, float *gradient) {
    for (size_t c = 0; c < picture[0]; ++c)
        for (size_t y = 0; y < picture[1]; ++y)
            for (size_t u = 0; u < picture[2]; ++u) {
                size_t at = (c * picture[1] + y) * picture[2] + u;
                if (u + 1 < picture[2]) {
                    float sign = x[at + 1] > x[at] ? 1 : x[at + 1] < x[at] ? -1 : 0;
                    gradient[at + 1] -= (float)VARIATION * sign;
                    gradient[at] += (float)VARIATION * sign;
                }
                if (y + 1 < picture[1]) {
                    size_t below = at + picture[2];
                    float sign = x[below] > x[at] ? 1 : x[below] < x[at] ? -1 : 0;
                    gradient[below] -= (float)VARIATION * sign;
                    gradient[at] += (float)VARIATION * sign;
                }
            }
}

static size_t learner_width(const struct images *images, size_t network, size_t layer) {
    return images->networks[network]->class_->layer_width(images->networks[network], layer);
}

/* The centre unit of each of the first maps of a layer: `seed` picks it. */
static void pick_units(size_t maps, size_t width, size_t side, float *seed) {
    memset(seed, 0, IMAGES_TILES * width * sizeof *seed);
    for (size_t m = 0; m < IMAGES_TILES; ++m) seed[m * width + m % maps * side * side + side / 2 * side + side / 2] = 1;
}

/*
 * Where each tile begins: grey with a little noise, or where its unit is silent there, so that nothing tells it which
 * way to go, the first test picture that wakes it.
 */
static strata_status choose_starts(strata_context *ctx, struct task_run *run, const struct images *images,
                                   size_t network, size_t layer, const float *seed, float *starts,
                                   bool awake[IMAGES_TILES]) {
    size_t d = images->test.inputs, width = learner_width(images, network, layer);
    struct rng_stream stream = rng_stream_make(settings_count(task_run_settings(run), "study.seed"), layer, RNG_PROBE);
    float *tried = mem_zero(IMAGES_TILES * d, sizeof *tried), *out = mem_zero(IMAGES_TILES * width, sizeof *out);
    strata_status status = STRATA_OK;
    memset(awake, 0, IMAGES_TILES * sizeof *awake);
    if (!tried || !out) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for feature pictures"));
    rng_normal_f32(stream, IMAGES_TILES * d, tried);
    for (size_t i = 0; i < IMAGES_TILES * d; ++i) tried[i] = 0.5f + 0.01f * tried[i];
    for (size_t k = 0; k < STARTS && k <= images->test.rows; ++k) {
        for (size_t m = 0; m < IMAGES_TILES && k > 0; ++m)
            memcpy(tried + m * d, images->test.x + (k - 1) * d, d * sizeof *tried);
        STRATA_GO(learner_features(ctx, images->networks[network], layer, IMAGES_TILES, tried, out));
        for (size_t m = 0; m < IMAGES_TILES; ++m) {
            float activation = 0;
            for (size_t j = 0; j < width; ++j) activation += seed[m * width + j] * out[m * width + j];
            if (!awake[m] && (k == 0 || activation > 0)) memcpy(starts + m * d, tried + m * d, d * sizeof *starts);
            awake[m] = awake[m] || activation > 0;
        }
    }
cleanup:
    mem_free(tried);
    mem_free(out);
    return status;
}

/* Tiles: what ascent on the unit's activation adds to its start. */
static strata_status maximise(strata_context *ctx, struct task_run *run, const struct images *images, size_t network,
                              size_t layer, double *tiles) {
    const size_t *picture = images->test.image;
    size_t d = images->test.inputs, width = learner_width(images, network, layer),
           maps = settings_count(task_run_settings(run), "cnn.channels") << (layer - 1),
           side = (size_t)lround(sqrt((double)width / (double)maps));
    float *x = mem_zero(IMAGES_TILES * d, sizeof *x), *begin = mem_zero(IMAGES_TILES * d, sizeof *begin),
          *gradient = mem_zero(IMAGES_TILES * d, sizeof *gradient),
          *seed = mem_zero(IMAGES_TILES * width, sizeof *seed);
    const struct attack_norm *norm = attack_norm_find("l2");
    bool awake[IMAGES_TILES];
    strata_status status = STRATA_OK;
    if (!x || !begin || !gradient || !seed)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for feature pictures"));
    pick_units(maps, width, side, seed);
    STRATA_GO(choose_starts(ctx, run, images, network, layer, seed, begin, awake));
    memcpy(x, begin, IMAGES_TILES * d * sizeof *x);
    for (size_t step = 0; step < CLIMB_STEPS; ++step) {
        STRATA_GO(learner_feature_vjp(ctx, images->networks[network], layer, IMAGES_TILES, x, seed, NULL, gradient));
        for (size_t m = 0; m < IMAGES_TILES; ++m) {
            float *row = x + m * d;
            smooth(picture, row, gradient + m * d);
            norm->steepest(d, gradient + m * d, gradient + m * d);
            for (size_t j = 0; j < d; ++j) row[j] += (float)CLIMB_LENGTH * gradient[m * d + j];
            norm->project(d, begin + m * d, CLIMB_RADIUS, 0, 1, row);
        }
    }
    for (size_t i = 0; i < IMAGES_TILES * d; ++i) x[i] = awake[i / d] ? x[i] - begin[i] : 0;
    for (size_t m = 0; m < IMAGES_TILES; ++m) brightness(picture, x + m * d, tiles + m * picture[1] * picture[2]);
cleanup:
    mem_free(x);
    mem_free(begin);
    mem_free(gradient);
    mem_free(seed);
    return status;
}

static strata_status keep_tiles(strata_context *ctx, struct task_run *run, size_t network, const char *key,
                                size_t count, size_t height, size_t width, const double *tiles) {
    double share = 0;
    char name[64];
    for (size_t m = 0; m < count; ++m) share += low_share(height, width, tiles + m * height * width) / (double)count;
    snprintf(name, sizeof name, "%s.%s_low", images_names[network], key);
    STRATA_TRY(task_record(ctx, run, name, share));
    if (task_run_task(run)->replicate != 1) return STRATA_OK;
    snprintf(name, sizeof name, "%s.%s", images_names[network], key);
    return task_record_array(ctx, run, name, count * height * width, tiles);
}

/* Gradient of the loss to the first test pictures. */
static strata_status keep_gradients(strata_context *ctx, struct task_run *run, const struct images *images,
                                    size_t network, double *tiles) {
    const size_t *picture = images->test.image, d = images->test.inputs, outputs = images->test.classes;
    float *out = mem_zero(GRADIENT_PICTURES * outputs, sizeof *out),
          *seed = mem_zero(GRADIENT_PICTURES * outputs, sizeof *seed),
          *gradient = mem_zero(GRADIENT_PICTURES * d, sizeof *gradient);
    const strata_function function = images_function(images, network);
    strata_status status = STRATA_OK;
    if (!out || !seed || !gradient) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for gradients"));
    STRATA_GO(strata_function_evaluate(ctx, &function, GRADIENT_PICTURES, images->test.x, out));
    for (size_t r = 0; r < GRADIENT_PICTURES; ++r)
        (void)attack_loss_cross_entropy.value(outputs, out + r * outputs, images->labels[r], 0, seed + r * outputs);
    STRATA_GO(strata_function_vjp(ctx, &function, GRADIENT_PICTURES, images->test.x, seed, NULL, gradient));
    for (size_t r = 0; r < GRADIENT_PICTURES; ++r)
        brightness(picture, gradient + r * d, tiles + r * picture[1] * picture[2]);
    STRATA_GO(keep_tiles(ctx, run, network, "gradients", GRADIENT_PICTURES, picture[1], picture[2], tiles));
cleanup:
    mem_free(out);
    mem_free(seed);
    mem_free(gradient);
    return status;
}

static strata_status keep_filters(strata_context *ctx, struct task_run *run, const struct images *images,
                                  size_t network) {
    size_t count, channels = settings_count(task_run_settings(run), "cnn.channels"), side = 5;
    double *weights = NULL, rough = 0, all = 0;
    char name[64];
    strata_status status = images_weights(ctx, images->networks[network], 1, &count, &weights);
    for (size_t i = 0; status == STRATA_OK && i < count; ++i) {
        all += weights[i] * weights[i];
        if (i % side + 1 < side) rough += (weights[i + 1] - weights[i]) * (weights[i + 1] - weights[i]);
    }
    snprintf(name, sizeof name, "%s.roughness", images_names[network]);
    if (status == STRATA_OK) status = task_record(ctx, run, name, rough / fmax(all, 1e-300));
    snprintf(name, sizeof name, "%s.filters", images_names[network]);
    if (status == STRATA_OK && task_run_task(run)->replicate == 1 && count == channels * side * side)
        status = task_record_array(ctx, run, name, count, weights);
    mem_free(weights);
    return status;
}

strata_status images_measure_features(strata_context *ctx, struct task_run *run, struct images *images) {
    const size_t *picture = images->test.image;
    double *tiles = mem_zero(IMAGES_TILES * picture[1] * picture[2], sizeof *tiles);
    strata_status status = STRATA_OK;
    if (!tiles) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for feature pictures");
    for (size_t i = 0; i < IMAGES_NETWORKS; ++i) {
        for (size_t layer = 1; layer <= IMAGES_LAYERS; ++layer) {
            char key[24];
            snprintf(key, sizeof key, "layer%zu", layer);
            STRATA_GO(maximise(ctx, run, images, i, layer, tiles));
            STRATA_GO(keep_tiles(ctx, run, i, key, IMAGES_TILES, picture[1], picture[2], tiles));
        }
        STRATA_GO(keep_gradients(ctx, run, images, i, tiles));
        STRATA_GO(keep_filters(ctx, run, images, i));
    }
cleanup:
    mem_free(tiles);
    return status;
}
