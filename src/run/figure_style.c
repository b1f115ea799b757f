/* SPDX-License-Identifier: MIT */
/*
 * One colour a family of learners (blue: layers together, green: staged, red: frozen, black: kernels), after
 * Okabe & Ito 2008 ("Color Universal Design"), the light ones darkened to a contrast of at least 3 to 1 on white
 * (WCAG 1.4.11).
 */
#include "run/figure_style.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "learn/learner.h"
#include "run/report_text.h"

#define BLUE       "#0072b2"
#define GREEN      "#008a64"
#define VERMILLION "#d55e00"
#define ORANGE     "#c17d00"
#define PURPLE     "#b8578f"
#define SKY        "#2f93d0"
#define OLIVE      "#8f8000"
#define BLACK      "#222222"
#define GREY       "#767676"

#define SOLID    ""
#define LONG     "(11,3)"
#define DASHED   "(5,3)"
#define DOTTED   "(2,3)"
#define DASH_DOT "(8,3,2,3)"

enum { CIRCLE = 7, TRIANGLE = 9, SQUARE = 5, DIAMOND = 13, NABLA = 11, PENTAGON = 15 };

static const struct series_style known_styles[] = {
    {"sgd_joint", BLUE, SOLID, CIRCLE},
    {"sgd_staged", GREEN, SOLID, TRIANGLE},
    {"layerwise", VERMILLION, DASHED, SQUARE},
    {"layerwise_refit", VERMILLION, DOTTED, NABLA},
    {"staged_cut", ORANGE, DASH_DOT, DIAMOND},
    {"dense_joint", BLUE, SOLID, CIRCLE},
    {"dense_staged", GREEN, SOLID, TRIANGLE},
    {"dense_greedy", VERMILLION, DASHED, SQUARE},
    {"paper", PURPLE, LONG, NABLA},
    {"paper_frozen", PURPLE, DOTTED, SQUARE},
    {"paper_cut", PURPLE, DASH_DOT, DIAMOND},
    {"two_layer", GREY, DASHED, PENTAGON},
    {"linear", GREY, DOTTED, DIAMOND},
    {"mlp_relu", OLIVE, SOLID, SQUARE},
    {"mlp_gelu", OLIVE, DASHED, DIAMOND},
    {"cnn_small", BLUE, DASHED, TRIANGLE},
    {"random_features", GREY, SOLID, NABLA},
    {"krr_poly2", BLACK, DOTTED, TRIANGLE},
    {"krr_poly4", BLACK, SOLID, SQUARE},
    {"krr_rbf", BLACK, DASHED, CIRCLE},
    {"krr_relu_ntk", BLACK, LONG, NABLA},
    {"kernel_stack", VERMILLION, DASHED, SQUARE},
    {"rfm", ORANGE, SOLID, DIAMOND},
    /* kernels; digits behind a name are a parameter */
    {"poly2", OLIVE, LONG, SQUARE},
    {"poly4", OLIVE, DASH_DOT, TRIANGLE},
    {"rbf", BLACK, DASHED, CIRCLE},
    {"laplace", GREEN, LONG, TRIANGLE},
    {"ntk", PURPLE, DASH_DOT, DIAMOND},
    {"nngp", SKY, SOLID, PENTAGON},
    {"comp", GREY, DASHED, NABLA},
    {"cntk", VERMILLION, SOLID, SQUARE},
    {"cnngp", ORANGE, DASHED, DIAMOND},
    {"conv_comp", GREY, DOTTED, NABLA},
    {"theory", BLACK, DOTTED, CIRCLE},
};

/** For names that are not learners, by order. */
static const struct series_style other_styles[] = {
    {NULL, BLUE, SOLID, CIRCLE},       {NULL, VERMILLION, DASHED, SQUARE}, {NULL, GREEN, LONG, TRIANGLE},
    {NULL, PURPLE, DASH_DOT, DIAMOND}, {NULL, ORANGE, DOTTED, NABLA},      {NULL, SKY, SOLID, PENTAGON},
    {NULL, BLACK, DASHED, CIRCLE},     {NULL, OLIVE, LONG, SQUARE},        {NULL, GREY, DASH_DOT, TRIANGLE},
};

enum { NEUTRAL = 6 }; /* the first of them that no learner of a figure is likely to have */

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static const char fit_suffix[] = ":fit";

/** Bytes of the leading name: "sgd_joint" of "sgd_joint/depth=3". */
static size_t base_size(const char *series) { return strspn(series, "abcdefghijklmnopqrstuvwxyz0123456789_"); }

static bool base_equal(const char *a, const char *b) {
    size_t size = base_size(a);
    return size && size == base_size(b) && strncmp(a, b, size) == 0;
}

static const struct series_style *style_named(const char *name, size_t size) {
    for (size_t i = 0; i < COUNT_OF(known_styles); i++)
        if (strlen(known_styles[i].name) == size && strncmp(known_styles[i].name, name, size) == 0)
            return &known_styles[i];
    return NULL;
}

/** By the leading name, else by that less the digits behind it: "ntk" of "ntk3". */
static const struct series_style *style_find(const char *series) {
    size_t size = base_size(series);
    const struct series_style *style = style_named(series, size);
    while (!style && size && series[size - 1] >= '0' && series[size - 1] <= '9') style = style_named(series, --size);
    return style;
}

void colour_tint(const char *colour, double density, char tint[8]) {
    unsigned channels[3] = {0};
    sscanf(colour, "#%2x%2x%2x", &channels[0], &channels[1], &channels[2]);
    for (size_t i = 0; i < 3; i++) channels[i] = (unsigned)(255.5 - density * (255 - (double)(channels[i] & 255)));
    snprintf(tint, 8, "#%02x%02x%02x", channels[0] & 255, channels[1] & 255, channels[2] & 255);
}

const char *series_title(const char *name) {
    const struct learner_class *learner = learner_find(name);
    return learner ? learner->title : NULL;
}

/** Title of the leading name: "sgd_joint" of "sgd_joint/depth=3". */
static const char *base_title(const char *series) {
    for (size_t i = 0; i < learner_table_size; i++)
        if (base_equal(learner_table[i]->name, series)) return learner_table[i]->title;
    return NULL;
}

/** Bytes of the name without ":fit"; equal to the length when it is no fit. */
static size_t fit_stem(const char *series) {
    size_t size = strlen(series), suffix = sizeof fit_suffix - 1;
    return size > suffix && strcmp(series + size - suffix, fit_suffix) == 0 ? size - suffix : size;
}

strata_status series_label(strata_context *ctx, struct buffer *out, const char *series) {
    const char *title = base_title(series);
    size_t size = fit_stem(series), at = title ? base_size(series) : 0;
    if (title) STRATA_TRY(buffer_append(ctx, out, title, strlen(title)));
    for (; at < size; at++) {
        const char *shown = series[at] == '_' || series[at] == '=' ? " " : series[at] == '/' ? ", " : NULL;
        STRATA_TRY(buffer_append(ctx, out, shown ? shown : &series[at], shown ? strlen(shown) : 1));
    }
    return STRATA_OK;
}

/** The next style in order whose colour no known series of this figure has; any when all are taken. */
static const struct series_style *style_other(const struct figure_names *series, size_t *next) {
    for (size_t tried = 0; tried < COUNT_OF(other_styles); tried++) {
        const struct series_style *style = &other_styles[(*next)++ % COUNT_OF(other_styles)];
        bool taken = false;
        for (size_t i = 0; i < series->count && !taken; i++) {
            const struct series_style *known = style_find(series->names[i]);
            taken = known && strcmp(known->colour, style->colour) == 0;
        }
        if (!taken) return style;
    }
    return &other_styles[(*next)++ % COUNT_OF(other_styles)];
}

strata_status series_looks(strata_context *ctx, const struct figure_names *series, struct series_look **looks) {
    size_t next = 0;
    for (size_t i = 0; i < series->count; i++)
        if (style_find(series->names[i])) next = NEUTRAL; /* beside learners, others keep in the background */
    struct series_look *all = *looks = mem_zero(series->count, sizeof *all);
    if (!all) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: looks of %zu series", series->count);
    for (size_t i = 0; i < series->count; i++) {
        const char *name = series->names[i];
        size_t stem = fit_stem(name);
        all[i].parent = i;
        all[i].fit = name[stem] != '\0';
        for (size_t j = 0; j < i; j++) {
            bool parent = all[i].fit && strlen(series->names[j]) == stem && strncmp(series->names[j], name, stem) == 0;
            if (parent) all[i].parent = j;
            if (!all[i].fit && !all[j].fit && all[j].style == style_find(name)) all[i].variant++;
        }
        const struct series_style *known = style_find(name);
        if (all[i].parent != i) {
            all[i].style = all[all[i].parent].style;
            all[i].variant = all[all[i].parent].variant;
        } else {
            all[i].style = known ? known : style_other(series, &next);
        }
    }
    return STRATA_OK;
}
