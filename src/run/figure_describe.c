/* SPDX-License-Identifier: MIT */
/* What a figure shows, in words: for those who hear a page or search it. */
#include <math.h>

#include "core/memory.h"
#include "run/figure_script.h"

enum { NUMBERS_MOST = 32 }; /* a longer list helps nobody */

static strata_status number_write(strata_context *ctx, struct buffer *out, double value) {
    char text[NUMBER_TEXT_SIZE];
    number_text(value, text);
    return buffer_print(ctx, out, "%s", text);
}

/** "TITLE, CATEGORY: value" of every bar or row. */
static strata_status values_describe(strata_context *ctx, const struct figure_data *data, struct buffer *out) {
    for (size_t i = 0; i < data->point_count && i < NUMBERS_MOST; i++) {
        const struct figure_point *point = &data->points[i];
        STRATA_TRY(buffer_print(ctx, out, i ? "; " : " "));
        STRATA_TRY(series_label(ctx, out, data->series.names[point->series]));
        if (data->kind == FIGURE_BARS)
            STRATA_TRY(buffer_print(ctx, out, ", %s", data->categories.names[point->category]));
        STRATA_TRY(buffer_print(ctx, out, ": "));
        STRATA_TRY(number_write(ctx, out, point->y));
    }
    return data->point_count ? buffer_print(ctx, out, data->point_count > NUMBERS_MOST ? "; ..." : ".") : STRATA_OK;
}

/** "TITLE: first value at its x to last value at its x" of every series; a fitted line has no numbers of its own. */
static strata_status curves_describe(strata_context *ctx, const struct figure_data *data, struct buffer *out) {
    struct series_look *looks;
    strata_status status = STRATA_OK;
    STRATA_TRY(series_looks(ctx, &data->series, &looks));
    for (size_t s = 0; s < data->series.count && s < NUMBERS_MOST; s++) {
        const struct figure_point *first = NULL, *last = NULL;
        for (size_t i = 0; i < data->point_count; i++) {
            if (data->points[i].series != s) continue;
            last = &data->points[i];
            if (!first) first = last;
        }
        if (!first || looks[s].fit) continue;
        STRATA_GO(buffer_print(ctx, out, " "));
        STRATA_GO(series_label(ctx, out, data->series.names[s]));
        STRATA_GO(buffer_print(ctx, out, ": "));
        STRATA_GO(number_write(ctx, out, first->y));
        STRATA_GO(buffer_print(ctx, out, " at "));
        STRATA_GO(number_write(ctx, out, first->x));
        STRATA_GO(buffer_print(ctx, out, last == first ? "." : ", "));
        if (last == first) continue;
        STRATA_GO(number_write(ctx, out, last->y));
        STRATA_GO(buffer_print(ctx, out, " at "));
        STRATA_GO(number_write(ctx, out, last->x));
        STRATA_GO(buffer_print(ctx, out, "."));
    }
cleanup:
    mem_free(looks);
    return status;
}

/** "before: 24 pictures of 28 x 28." */
static strata_status tiles_describe(strata_context *ctx, const struct figure_data *data, struct buffer *out) {
    for (size_t p = 0; p < data->panel_count; p++) {
        const struct figure_panel *panel = &data->panels[p];
        STRATA_TRY(buffer_print(ctx, out, " %s: %zu pictures of %zu x %zu.", panel->name, panel->count, panel->height,
                                panel->width));
    }
    return STRATA_OK;
}

strata_status figure_describe(strata_context *ctx, const struct figure *spec, const struct figure_data *data,
                              struct buffer *out) {
    static strata_status (*const kinds[])(strata_context *, const struct figure_data *,
                                          struct buffer *) = {[FIGURE_LINES] = curves_describe,
                                                              [FIGURE_POINTS] = curves_describe,
                                                              [FIGURE_BARS] = values_describe,
                                                              [FIGURE_RANKING] = values_describe,
                                                              [FIGURE_TILES] = tiles_describe};
    STRATA_TRY(buffer_print(ctx, out, "%s", spec->caption ? spec->caption : spec->title));
    return kinds[data->kind](ctx, data, out);
}
