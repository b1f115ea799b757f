/* SPDX-License-Identifier: MIT */
/* Tables and tiles of the image part. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "studies/look.h"
#include "studies/purify/purify_images.h"

struct drawer {
    strata_context *ctx;
    const struct records *records;
    const struct settings *settings;
    struct summary *summary;
    size_t seeds;
};

static double mean_of(const struct drawer *d, const char *name, const char *key) {
    double values[LOOK_MAX_SEEDS];
    size_t count = 0;
    char full[96];
    snprintf(full, sizeof full, "%s.%s", name, key);
    for (size_t seed = 1; seed <= d->seeds && seed <= LOOK_MAX_SEEDS; ++seed) {
        double value = records_get(d->records, full, "images/seed=%zu", seed);
        if (isfinite(value)) values[count++] = value;
    }
    return count ? interval_mean(count, values) : INFINITY;
}

static strata_status draw_networks(const struct drawer *d) {
    static const char *const keys[] = {"accuracy",   "fgsm",       "pgd",           "layer1_low",
                                       "layer2_low", "layer3_low", "gradients_low", "roughness"};
    static const char *const columns[] = {"network",    "clean",      "fgsm",          "pgd",      "layer1_low",
                                          "layer2_low", "layer3_low", "gradients_low", "roughness"};
    STRATA_TRY(summary_table(d->ctx, d->summary, "images", 9, columns));
    for (size_t i = 0; i < IMAGES_NETWORKS; ++i) {
        double values[8];
        for (size_t k = 0; k < 8; ++k) values[k] = mean_of(d, images_names[i], keys[k]);
        STRATA_TRY(look_row(d->ctx, d->summary, "images", 1, &images_names[i], 8, values));
    }
    return STRATA_OK;
}

static strata_status draw_transfer(const struct drawer *d) {
    static const char *const columns[] = {"attacked", "clean", "robust", "continued", "other"};
    STRATA_TRY(summary_table(d->ctx, d->summary, "images_transfer", 1 + IMAGES_NETWORKS, columns));
    for (size_t i = 0; i < IMAGES_NETWORKS; ++i) {
        double values[IMAGES_NETWORKS];
        char name[48];
        snprintf(name, sizeof name, "transfer.%s", images_names[i]);
        for (size_t to = 0; to < IMAGES_NETWORKS; ++to) values[to] = mean_of(d, name, images_names[to]);
        STRATA_TRY(look_row(d->ctx, d->summary, "images_transfer", 1, &images_names[i], IMAGES_NETWORKS, values));
    }
    return STRATA_OK;
}

static strata_status draw_weights(const struct drawer *d) {
    static const char *const keys[] = {"ratio",         "ratio_continued", "cosine",         "cosine_continued",
                                       "cosine_random", "match_other",     "match_random",   "clean_start",
                                       "robust_start",  "pursuit",         "pursuit_random", "rank_1",
                                       "rank_2",        "rank_4",          "rank_8"};
    static const char *const titles[] = {"median |beta w'| / |v|, robust w'",
                                         "the same, clean training continued",
                                         "mean cosine of w and robust w'",
                                         "the same, clean training continued",
                                         "the same, random weights",
                                         "mean best match of w' in a network of another start",
                                         "the same, among random weights",
                                         "mean cosine of w with the start",
                                         "mean cosine of robust w' with the start",
                                         "robust filters from 5 clean ones: share explained",
                                         "from 5 random ones",
                                         "share of w' - w in its first singular direction",
                                         "in the first 2",
                                         "in the first 4",
                                         "in the first 8"};
    static const char *const columns[] = {"measure", "layer1", "layer2", "layer3"};
    STRATA_TRY(summary_table(d->ctx, d->summary, "images_weights", 4, columns));
    for (size_t k = 0; k < sizeof keys / sizeof *keys; ++k) {
        const double values[] = {mean_of(d, "layer1", keys[k]), mean_of(d, "layer2", keys[k]),
                                 mean_of(d, "layer3", keys[k])};
        STRATA_TRY(look_row(d->ctx, d->summary, "images_weights", 1, &titles[k], 3, values));
    }
    return STRATA_OK;
}

static strata_status draw_ranks(const struct drawer *d) {
    static const char *const columns[] = {"trained", "clean", "pgd"};
    STRATA_TRY(summary_table(d->ctx, d->summary, "images_low_rank", 3, columns));
    for (size_t i = 0; i <= IMAGES_RANKS; ++i) {
        char name[32], title[48];
        snprintf(name, sizeof name, "low_rank_%zu", i < IMAGES_RANKS ? images_ranks[i] : 0);
        snprintf(title, sizeof title, "changes of rank %zu", i < IMAGES_RANKS ? images_ranks[i] : 0);
        const char *const key = i < IMAGES_RANKS ? name : images_names[IMAGES_ROBUST],
                          *text = i < IMAGES_RANKS ? title : "all weights";
        char accuracy[64], pgd[64];
        snprintf(accuracy, sizeof accuracy, "%s.accuracy", key);
        snprintf(pgd, sizeof pgd, "%s.pgd", key);
        const double values[] = {records_get(d->records, accuracy, "images/seed=1"),
                                 records_get(d->records, pgd, "images/seed=1")};
        STRATA_TRY(look_row(d->ctx, d->summary, "images_low_rank", 1, &text, 2, values));
    }
    return STRATA_OK;
}

/* Tiles of seed 1: `count` of height x width, as NETWORK_KEY. */
static strata_status draw_tiles(const struct drawer *d, const char *figure, const char *key, size_t height,
                                size_t width) {
    for (size_t i = 0; i < 2; ++i) { /* clean beside robust */
        const double *tiles;
        char name[64];
        snprintf(name, sizeof name, "%s.%s", images_names[i], key);
        size_t count = records_array(d->records, name, &tiles, "images/seed=1");
        if (count == 0 || height == 0 || count % (height * width)) continue;
        snprintf(name, sizeof name, "%s_%s", images_names[i], key);
        STRATA_TRY(summary_tiles(d->ctx, d->summary, figure, name, count / (height * width), height, width, tiles));
    }
    return STRATA_OK;
}

strata_status purify_images_summarise(strata_context *ctx, const struct records *records, struct summary *summary) {
    const struct settings *settings = records_settings(records);
    const struct drawer d = {ctx, records, settings, summary, settings_count(settings, "study.seeds")};
    size_t side = strcmp(settings_text(settings, "images.data"), "cifar10") == 0 ? 32 : 28;
    if (!records_has(records, "images/seed=1")) return STRATA_OK;
    STRATA_TRY(draw_networks(&d));
    STRATA_TRY(draw_transfer(&d));
    STRATA_TRY(draw_weights(&d));
    STRATA_TRY(draw_ranks(&d));
    STRATA_TRY(draw_tiles(&d, "image_features", "layer1", side, side));
    STRATA_TRY(draw_tiles(&d, "image_features", "layer2", side, side));
    STRATA_TRY(draw_tiles(&d, "image_features", "layer3", side, side));
    STRATA_TRY(draw_tiles(&d, "image_filters", "filters", 5, 5));
    return draw_tiles(&d, "image_gradients", "gradients", side, side);
}
