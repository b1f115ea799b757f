/* SPDX-License-Identifier: MIT */
/* Weights of the networks of pictures before and after robust training: w = beta w' + v. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/memory.h"
#include "studies/purify/purify.h"
#include "studies/purify/purify_images.h"

enum { TERMS = 5, RANKS = 4 }; /* of a pursuit; of a change */

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

/* Median over the units of |beta w'| / |v|. */
static strata_status median_ratio(strata_context *ctx, size_t units, size_t size, const double *w, const double *other,
                                  double *median) {
    double *ratios = mem_zero(units, sizeof *ratios);
    if (!ratios) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu units", units);
    for (size_t i = 0; i < units; ++i) {
        double share = cosine(size, w + i * size, other + i * size);
        ratios[i] = fabs(share) / sqrt(fmax(1 - share * share, 1e-12));
    }
    qsort(ratios, units, sizeof *ratios, number_compare);
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
    static const size_t ranks[RANKS] = {1, 2, 4, 8};
    double *change = mem_zero(units * size, sizeof *change), parts[RANKS], all;
    if (!change) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for singular values");
    for (size_t i = 0; i < units * size; ++i) change[i] = to[i] - from[i];
    strata_status status = purify_spectrum(ctx, units, size, change, RANKS, ranks, parts, &all);
    mem_free(change);
    for (size_t k = 0; status == STRATA_OK && k < RANKS; ++k) {
        char name[48];
        snprintf(name, sizeof name, "layer%zu.rank_%zu", layer, ranks[k]);
        status = task_record(ctx, run, name, parts[k] / fmax(all, 1e-300));
    }
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
    rng_normal_f64(rng_stream_at(task_run_stream(run, RNG_PROBE), layer), count, random);
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
