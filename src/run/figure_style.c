/* SPDX-License-Identifier: MIT */
/*
 * Colours after Okabe & Ito 2008 ("Color Universal Design"), the light ones darkened to a contrast of at
 * least 3 to 1 on white (WCAG 1.4.11).
 */
#include "run/figure_style.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
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
#define LONG "(11,3)"
#define DASHED "(5,3)"
#define DOTTED   "(2,3)"
#define DASH_DOT "(8,3,2,3)"

enum { CIRCLE = 7, TRIANGLE = 9, SQUARE = 5, DIAMOND = 13, NABLA = 11, PENTAGON = 15 };

static const struct series_style known_styles[] = {
    {"sgd_joint", "SGD, all layers together", BLUE, SOLID, CIRCLE},
    {"sgd_staged", "SGD, layers added one by one", GREEN, SOLID, TRIANGLE},
    {"layerwise", "Layer by layer, lower layers frozen", VERMILLION, DASHED, SQUARE},
    {"layerwise_refit", "Layer by layer, outputs refitted", VERMILLION, DOTTED, NABLA},
    {"layerwise_longer", "Layer by layer, twice the steps", VERMILLION, LONG, PENTAGON},
    {"staged_cut", "Layers added one by one, gradient cut", ORANGE, DASH_DOT, DIAMOND},
    {"paper", "The paper's algorithm", PURPLE, LONG, NABLA},
    {"paper_frozen", "The paper's algorithm, lower layers frozen", PURPLE, DOTTED, SQUARE},
    {"paper_cut", "The paper's algorithm, gradient cut", PURPLE, DASH_DOT, DIAMOND},
    {"two_layer", "Two-layer quadratic network", BLACK, DASHED, PENTAGON},
    {"mlp_relu", "MLP, ReLU", GREY, SOLID, SQUARE},
    {"mlp_gelu", "MLP, GELU", GREY, DASHED, DIAMOND},
    {"linear", "Linear model", BLACK, DOTTED, DIAMOND},
    {"logistic", "Logistic regression", BLACK, DOTTED, TRIANGLE},
    {"random_features", "Random ReLU features", OLIVE, SOLID, NABLA},
    {"krr_poly2", "Kernel ridge, degree 2", SKY, DOTTED, TRIANGLE},
    {"krr_poly4", "Kernel ridge, degree 4", SKY, SOLID, SQUARE},
    {"krr_rbf", "Kernel ridge, RBF", OLIVE, DASHED, CIRCLE},
    {"krr_relu_ntk", "Kernel ridge, ReLU-NTK", ORANGE, LONG, CIRCLE},
};

/** For names that are not learners, by order. */
static const struct series_style other_styles[] = {
    {NULL, NULL, BLUE, SOLID, CIRCLE},      {NULL, NULL, VERMILLION, DASHED, SQUARE},
    {NULL, NULL, GREEN, LONG, TRIANGLE},    {NULL, NULL, PURPLE, DASH_DOT, DIAMOND},
    {NULL, NULL, ORANGE, DOTTED, NABLA},    {NULL, NULL, SKY, SOLID, PENTAGON},
    {NULL, NULL, BLACK, DASHED, CIRCLE},    {NULL, NULL, OLIVE, LONG, SQUARE},
    {NULL, NULL, GREY, DASH_DOT, TRIANGLE},
};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static const char fit_suffix[] = ":fit";

/** Bytes of the leading name: "sgd_joint" of "sgd_joint/depth=3". */
static size_t base_size(const char *series) { return strspn(series, "abcdefghijklmnopqrstuvwxyz0123456789_"); }

static bool base_equal(const char *a, const char *b) {
    size_t size = base_size(a);
    return size && size == base_size(b) && strncmp(a, b, size) == 0;
}

static const struct series_style *style_find(const char *series) {
    for (size_t i = 0; i < COUNT_OF(known_styles); i++)
        if (base_equal(known_styles[i].name, series)) return &known_styles[i];
    return NULL;
}

void colour_tint(const char *colour, double density, char tint[8]) {
    unsigned channels[3] = {0};
    sscanf(colour, "#%2x%2x%2x", &channels[0], &channels[1], &channels[2]);
    for (size_t i = 0; i < 3; i++) channels[i] = (unsigned)(255.5 - density * (255 - (double)(channels[i] & 255)));
    snprintf(tint, 8, "#%02x%02x%02x", channels[0] & 255, channels[1] & 255, channels[2] & 255);
}

const char *series_title(const char *name) {
    const struct series_style *style = style_find(name);
    return style && !name[base_size(name)] ? style->title : NULL;
}

/** Bytes of the name without ":fit"; equal to the length when it is no fit. */
static size_t fit_stem(const char *series) {
    size_t size = strlen(series), suffix = sizeof fit_suffix - 1;
    return size > suffix && strcmp(series + size - suffix, fit_suffix) == 0 ? size - suffix : size;
}

strata_status series_label(strata_context *ctx, struct buffer *out, const char *series) {
    const struct series_style *style = style_find(series);
    size_t size = fit_stem(series), at = style ? base_size(series) : 0;
    if (style) STRATA_TRY(buffer_append(ctx, out, style->title, strlen(style->title)));
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
            if (!all[i].fit && !all[j].fit && base_equal(series->names[j], name) && style_find(name)) all[i].variant++;
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
