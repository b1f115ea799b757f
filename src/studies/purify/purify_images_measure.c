/* SPDX-License-Identifier: MIT */
/* Measures on the networks of pictures: attacks and their transfer, weights before and after, what units look for. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "linalg/linalg.h"
#include "studies/purify/purify.h"
#include "studies/purify/purify_images.h"

enum { TERMS = 5, CLIMB_STEPS = 100, GRADIENT_PICTURES = 8 };
static const double CLIMB_LENGTH = 0.1, CLIMB_RADIUS = 3, VARIATION = 1e-3, LOW_FREQUENCY = 1.0 / 8;

static strata_function function_of(const struct images *images, size_t network) {
    return learner_function(images->networks[network], images->test.inputs, images->test.classes);
}

/* ---- attacks */

static strata_status keep_accuracy(strata_context *ctx, struct task_run *run, struct images *images, size_t network,
                                   const char *prefix, const char *key, const char *attack, double epsilon,
                                   float *points) {
    const strata_function function = function_of(images, network);
    const struct attack_target target = images_target(images, &function);
    const struct attack_rows rows = {.rows = images->test.rows, .x = images->test.x, .labels = images->labels};
    struct attack_options options = images_options(run);
    struct attack_result result;
    char name[64];
    options.epsilon = epsilon;
    STRATA_TRY(attack_run(ctx, attack_find(attack), &target, &options, &rows, NULL, points, &result));
    snprintf(name, sizeof name, "%s.%s", prefix, key);
    return task_record(ctx, run, name, 1 - (double)result.broken / (double)rows.rows);
}

strata_status images_keep_robustness(strata_context *ctx, struct task_run *run, struct images *images, size_t network,
                                     const char *name) {
    double epsilon = images_options(run).epsilon;
    float *points = mem_zero(images->test.rows * images->test.inputs, sizeof *points);
    if (!points) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu pictures", images->test.rows);
    strata_status status = keep_accuracy(ctx, run, images, network, name, "accuracy", "fgm", 0, points);
    if (status == STRATA_OK) status = keep_accuracy(ctx, run, images, network, name, "pgd", "pgd", epsilon, points);
    mem_free(points);
    return status;
}

/* Accuracy of network `to` on points made against network `from`. */
static strata_status keep_transfer(strata_context *ctx, struct task_run *run, struct images *images, size_t from,
                                   size_t to, const float *points) {
    const strata_function function = function_of(images, to);
    size_t rows = images->test.rows, outputs = images->test.classes, right = 0;
    float *out = mem_zero(rows * outputs, sizeof *out);
    char name[64];
    if (!out) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu rows", rows);
    strata_status status = strata_function_evaluate(ctx, &function, rows, points, out);
    for (size_t r = 0; status == STRATA_OK && r < rows; ++r)
        right += !attack_broken(outputs, out + r * outputs, images->labels[r]);
    mem_free(out);
    STRATA_TRY(status);
    snprintf(name, sizeof name, "transfer.%s.%s", images_names[from], images_names[to]);
    return task_record(ctx, run, name, (double)right / (double)rows);
}

strata_status images_measure_attacks(strata_context *ctx, struct task_run *run, struct images *images) {
    const struct attack_options options = images_options(run);
    const struct attack_rows rows = {.rows = images->test.rows, .x = images->test.x, .labels = images->labels};
    float *points = mem_zero(images->test.rows * images->test.inputs, sizeof *points);
    strata_status status = STRATA_OK;
    if (!points) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu pictures", images->test.rows);
    for (size_t i = 0; i < IMAGES_NETWORKS; ++i) {
        const strata_function function = function_of(images, i);
        const struct attack_target target = images_target(images, &function);
        STRATA_GO(keep_accuracy(ctx, run, images, i, images_names[i], "accuracy", "fgm", 0, points));
        STRATA_GO(keep_accuracy(ctx, run, images, i, images_names[i], "fgsm", "fgm", options.epsilon, points));
        STRATA_GO(keep_accuracy(ctx, run, images, i, images_names[i], "pgd", "pgd", options.epsilon, points));
        STRATA_GO(attack_points(ctx, attack_find("pgd"), &target, &options, &rows, points));
        for (size_t to = 0; to < IMAGES_NETWORKS; ++to) STRATA_GO(keep_transfer(ctx, run, images, i, to, points));
    }
cleanup:
    mem_free(points);
    return status;
}

/* ---- weights: w = beta w' + v */

static double inner(size_t count, const double *a, const double *b) {
    double sum = 0;
    for (size_t j = 0; j < count; ++j) sum += a[j] * b[j];
    return sum;
}

static double cosine(size_t count, const double *a, const double *b) {
    double lengths = sqrt(inner(count, a, a) * inner(count, b, b));
    return lengths > 0 ? inner(count, a, b) / lengths : 0;
}

static double mean_cosine(size_t units, size_t size, const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < units; ++i) sum += cosine(size, a + i * size, b + i * size);
    return sum / (double)units;
}

/* Mean over the units of a of their largest |cosine| with any unit of b. */
static double mean_match(size_t units, size_t size, const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < units; ++i) {
        double best = 0;
        for (size_t j = 0; j < units; ++j) best = fmax(best, fabs(cosine(size, a + i * size, b + j * size)));
        sum += best;
    }
    return sum / (double)units;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median over the units of |beta w'| / |v|. */
static strata_status median_ratio(strata_context *ctx, size_t units, size_t size, const double *w, const double *other,
                                  double *median) {
    double *ratios = mem_zero(units, sizeof *ratios);
    if (!ratios) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu units", units);
    for (size_t i = 0; i < units; ++i) {
        double share = cosine(size, w + i * size, other + i * size);
        ratios[i] = fabs(share) / sqrt(fmax(1 - share * share, 1e-12));
    }
    qsort(ratios, units, sizeof *ratios, ascending);
    *median = units % 2 ? ratios[units / 2] : (ratios[units / 2 - 1] + ratios[units / 2]) / 2;
    mem_free(ratios);
    return STRATA_OK;
}

/* Share of |y|^2 that orthogonal matching pursuit explains with `terms` rows of a dictionary. */
static strata_status pursue(strata_context *ctx, size_t atoms, size_t size, const double *dictionary, size_t terms,
                            const double *y, double *share) {
    double *left = mem_zero(size, sizeof *left), *basis = mem_zero(terms * size, sizeof *basis);
    strata_status status = STRATA_OK;
    if (!left || !basis) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a pursuit"));
    memcpy(left, y, size * sizeof *left);
    for (size_t k = 0; k < terms; ++k) {
        size_t best = 0;
        for (size_t a = 1; a < atoms; ++a)
            if (fabs(cosine(size, left, dictionary + a * size)) > fabs(cosine(size, left, dictionary + best * size)))
                best = a;
        double *axis = basis + k * size;
        memcpy(axis, dictionary + best * size, size * sizeof *axis);
        for (size_t b = 0; b < k; ++b) { /* orthogonal to the ones before: the least-squares fit goes on exactly */
            double part = inner(size, axis, basis + b * size);
            for (size_t j = 0; j < size; ++j) axis[j] -= part * basis[b * size + j];
        }
        double length = sqrt(inner(size, axis, axis));
        for (size_t j = 0; j < size; ++j) axis[j] = length > 1e-9 ? axis[j] / length : 0;
        double part = inner(size, left, axis);
        for (size_t j = 0; j < size; ++j) left[j] -= part * axis[j];
    }
    *share = 1 - inner(size, left, left) / fmax(inner(size, y, y), 1e-300);
cleanup:
    mem_free(left);
    mem_free(basis);
    return status;
}

static strata_status mean_pursuit(strata_context *ctx, size_t units, size_t size, const double *dictionary,
                                  const double *filters, double *mean) {
    double share;
    *mean = 0;
    for (size_t i = 0; i < units; ++i) {
        STRATA_TRY(pursue(ctx, units, size, dictionary, TERMS, filters + i * size, &share));
        *mean += share / (double)units;
    }
    return STRATA_OK;
}

/* Shares of |W' - W|^2, as [units, size], in its first singular directions. */
static strata_status keep_ranks(strata_context *ctx, struct task_run *run, size_t layer, size_t units, size_t size,
                                const double *from, const double *to) {
    static const size_t ranks[] = {1, 2, 4, 8};
    size_t least = units < size ? units : size;
    double *change = mem_zero(units * size, sizeof *change), *singular = mem_zero(least, sizeof *singular), all = 0;
    strata_status status = STRATA_OK;
    if (!change || !singular) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for singular values"));
    for (size_t i = 0; i < units * size; ++i) change[i] = to[i] - from[i];
    STRATA_GO(linalg_svd(ctx, units, size, change, NULL, singular, NULL));
    for (size_t i = 0; i < least; ++i) all += singular[i] * singular[i];
    for (size_t k = 0; k < sizeof ranks / sizeof *ranks; ++k) {
        double part = 0;
        char name[48];
        for (size_t i = 0; i < least && i < ranks[k]; ++i) part += singular[i] * singular[i];
        snprintf(name, sizeof name, "layer%zu.rank_%zu", layer, ranks[k]);
        STRATA_GO(task_record(ctx, run, name, part / fmax(all, 1e-300)));
    }
cleanup:
    mem_free(change);
    mem_free(singular);
    return status;
}

static strata_status keep_layer(strata_context *ctx, struct task_run *run, size_t layer, const char *key,
                                double value) {
    char name[64];
    snprintf(name, sizeof name, "layer%zu.%s", layer, key);
    return task_record(ctx, run, name, value);
}

static strata_status measure_layer(strata_context *ctx, struct task_run *run, struct images *images, size_t layer) {
    const double *start = images->start[layer - 1];
    double *w[IMAGES_NETWORKS] = {NULL}, *random = NULL, value;
    size_t count = 0, channels = settings_count(task_run_settings(run), "cnn.channels"),
           units = channels << (layer - 1);
    strata_status status = STRATA_OK;
    for (size_t i = 0; i < IMAGES_NETWORKS; ++i)
        STRATA_GO(images_weights(ctx, images->networks[i], layer, &count, &w[i]));
    size_t size = count / units;
    random = mem_zero(count, sizeof *random);
    if (!random) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu weights", count));
    rng_normal_f64(rng_stream_at(rng_stream_make(settings_count(task_run_settings(run), "study.seed"),
                                                 task_run_task(run)->replicate, RNG_PROBE),
                                 layer),
                   count, random);
    const double *clean = w[IMAGES_CLEAN], *robust = w[IMAGES_ROBUST];
    STRATA_GO(median_ratio(ctx, units, size, clean, robust, &value));
    STRATA_GO(keep_layer(ctx, run, layer, "ratio", value));
    STRATA_GO(median_ratio(ctx, units, size, clean, w[IMAGES_CONTINUED], &value));
    STRATA_GO(keep_layer(ctx, run, layer, "ratio_continued", value));
    STRATA_GO(keep_layer(ctx, run, layer, "cosine", mean_cosine(units, size, clean, robust)));
    STRATA_GO(keep_layer(ctx, run, layer, "cosine_continued", mean_cosine(units, size, clean, w[IMAGES_CONTINUED])));
    STRATA_GO(keep_layer(ctx, run, layer, "cosine_random", mean_cosine(units, size, random, robust)));
    STRATA_GO(keep_layer(ctx, run, layer, "match_other", mean_match(units, size, robust, w[IMAGES_OTHER])));
    STRATA_GO(keep_layer(ctx, run, layer, "match_random", mean_match(units, size, robust, random)));
    STRATA_GO(keep_layer(ctx, run, layer, "clean_start", mean_cosine(units, size, clean, start)));
    STRATA_GO(keep_layer(ctx, run, layer, "robust_start", mean_cosine(units, size, robust, start)));
    STRATA_GO(mean_pursuit(ctx, units, size, clean, robust, &value));
    STRATA_GO(keep_layer(ctx, run, layer, "pursuit", value));
    STRATA_GO(mean_pursuit(ctx, units, size, random, robust, &value));
    STRATA_GO(keep_layer(ctx, run, layer, "pursuit_random", value));
    STRATA_GO(keep_ranks(ctx, run, layer, units, size, clean, robust));
cleanup:
    for (size_t i = 0; i < IMAGES_NETWORKS; ++i) mem_free(w[i]);
    mem_free(random);
    return status;
}

strata_status images_measure_weights(strata_context *ctx, struct task_run *run, struct images *images) {
    for (size_t layer = 1; layer <= IMAGES_LAYERS; ++layer) STRATA_TRY(measure_layer(ctx, run, images, layer));
    return STRATA_OK;
}

/* ---- what units look for */

enum { LONGEST_SIDE = 64 };

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

enum { STARTS = 65 };

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
    const strata_function function = function_of(images, network);
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
