/* SPDX-License-Identifier: MIT */
/* Bars in groups, one group a category; intervals as whiskers, values above while there is room for them. */
#include <math.h>

#include "run/figure_script.h"

static const double group_width = 0.8;

enum { VALUE_ROOM = 48, MAX_CATEGORIES = AXIS_MAX_TICS };

static double bar_width(const struct figure_data *data) { return group_width / fmax(1, (double)data->series.count); }

/** Middle of a bar; category c (from 0) is centred at c + 1. */
static double bar_middle(const struct figure_data *data, const struct figure_point *point) {
    return (double)point->category + 1 +
           bar_width(data) * ((double)point->series - ((double)data->series.count - 1) / 2);
}

static double bar_pixels(const struct sketch *sketch) {
    return bar_width(sketch->data) * (sketch->right - sketch->left) / ((double)sketch->data->categories.count + 0.2);
}

static void values_axis(const struct sketch *sketch, struct axis *y) {
    const struct figure_data *data = sketch->data;
    bool log = sketch->spec->log_y;
    struct extent up = extent_empty;
    for (size_t i = 0; i < data->point_count; i++) {
        const struct figure_point *point = &data->points[i];
        double high = isnan(point->high) ? point->y : point->high;
        extent_add(&up, point->y);
        if (!isnan(point->low)) extent_add(&up, log && point->y > 0 ? fmax(point->low, point->y / 10) : point->low);
        extent_add(&up, high > 0 ? high * (log ? 1.6 : 1.1) : high); /* room for the value above */
    }
    if (log)
        up.positive *= 0.7; /* the smallest bar has a height too */
    else
        extent_add(&up, 0);
    axis_make(&up, log, false, y);
}

/** Names of the categories as tics; the labels slant when they would touch. */
static bool categories_axis(const struct sketch *sketch, struct axis *x, double *widest) {
    const struct figure_names *names = &sketch->data->categories;
    double room = (sketch->right - sketch->left) / fmax(1, (double)names->count) - 8;
    *x = (struct axis){.low = 0.4, .high = (double)names->count + 0.6, .tic_count = 0};
    *widest = 0;
    for (size_t i = 0; i < names->count; i++) *widest = fmax(*widest, sketch_text_width(names->names[i]));
    return *widest > room;
}

static strata_status categories_draw(const struct sketch *sketch, bool slanted) {
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "set xtics nomirror scale 0 %s tc rgb '#333333' (",
                            slanted ? "rotate by 35 right" : "norotate"));
    for (size_t i = 0; i < sketch->data->categories.count; i++) {
        struct buffer label = {0};
        strata_status status = series_label(sketch->ctx, &label, sketch->data->categories.names[i]);
        if (status == STRATA_OK && i) status = buffer_print(sketch->ctx, sketch->out, ", ");
        if (status == STRATA_OK) status = sketch_literal(sketch, label.data);
        if (status == STRATA_OK) status = buffer_print(sketch->ctx, sketch->out, " %zu", i + 1);
        buffer_destroy(&label);
        STRATA_TRY(status);
    }
    return buffer_print(sketch->ctx, sketch->out, ")\n");
}

/** The value above its bar, or the word "diverged" where the bar would stand. */
static strata_status value_draw(const struct sketch *sketch, const struct axis *x, const struct axis *y,
                                const struct figure_point *point, bool all) {
    char text[NUMBER_TEXT_SIZE];
    bool diverged = isnan(point->y);
    if (!diverged && !all) return STRATA_OK;
    number_text(point->y, text);
    double top = diverged ? y->low : isnan(point->high) ? point->y : fmax(point->y, point->high);
    double at_x = sketch->left + axis_place(x, bar_middle(sketch->data, point)) * (sketch->right - sketch->left);
    double at_y = sketch->bottom + axis_place(y, fmax(top, 0)) * (sketch->top - sketch->bottom);
    return sketch_text(sketch, at_x, at_y + (diverged ? 6 : 13),
                       diverged ? "left rotate by 90 tc rgb '#777777'" : "center tc rgb '#333333'", text);
}

static strata_status series_write(const struct sketch *sketch, const struct axis *y, size_t series) {
    const struct figure_data *data = sketch->data;
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "$s%zu << END\n", series));
    for (size_t i = 0; i < data->point_count; i++) {
        const struct figure_point *point = &data->points[i];
        if (point->series != series || isnan(point->y)) continue;
        STRATA_TRY(sketch_number(sketch, bar_middle(data, point)));
        STRATA_TRY(sketch_number(sketch, axis_clamp(y, point->y)));
        STRATA_TRY(sketch_number(sketch, axis_clamp(y, isnan(point->low) ? point->y : point->low)));
        STRATA_TRY(sketch_number(sketch, axis_clamp(y, isnan(point->high) ? point->y : point->high)));
        STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "\n"));
    }
    return buffer_print(sketch->ctx, sketch->out, "END\n");
}

/** Counts the bars of a series that have a value, and those with an interval. */
static void series_count(const struct figure_data *data, size_t series, size_t *values, size_t *intervals) {
    *values = *intervals = 0;
    for (size_t i = 0; i < data->point_count; i++) {
        bool counts = data->points[i].series == series && !isnan(data->points[i].y);
        *values += counts;
        *intervals += counts && !isnan(data->points[i].low);
    }
}

static strata_status plot_write(const struct sketch *sketch) {
    size_t values, intervals;
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "set boxwidth"));
    STRATA_TRY(sketch_number(sketch, 0.92 * bar_width(sketch->data)));
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, " absolute\nplot NaN"));
    for (size_t i = 0; i < sketch->data->series.count; i++) {
        char tint[8];
        colour_tint(sketch->looks[i].style->colour, bar_density(sketch, i), tint);
        series_count(sketch->data, i, &values, &intervals);
        if (values)
            STRATA_TRY(buffer_print(sketch->ctx, sketch->out,
                                    ", $s%zu using 1:2 with boxes fc rgb '%s' lw 1 fs solid 1.0 border lc rgb '%s'", i,
                                    tint, sketch->looks[i].style->colour));
        if (intervals)
            STRATA_TRY(buffer_print(sketch->ctx, sketch->out,
                                    ", $s%zu using 1:3:(0):($4-$3) with vectors %s lw 1.3 lc rgb '#222222'", i,
                                    whisker_style));
    }
    return buffer_print(sketch->ctx, sketch->out, "\n");
}

strata_status script_bars(struct sketch *sketch) {
    const struct figure_data *data = sketch->data;
    struct axis x, y;
    double widest, tics = 0;
    if (data->categories.count > MAX_CATEGORIES)
        return strata_fail(sketch->ctx, STRATA_ERR_UNSUPPORTED, "figure '%s': at most %d categories, found %zu",
                           sketch->spec->id, MAX_CATEGORIES, data->categories.count);
    values_axis(sketch, &y);
    for (size_t i = 0; i < y.tic_count; i++) tics = fmax(tics, sketch_text_width(y.labels[i]));
    sketch->left = tics + 24;
    sketch->right = FIGURE_WIDTH - 16;
    bool slanted = categories_axis(sketch, &x, &widest);
    sketch->bottom = legend_height(sketch) + 58 + (slanted ? 0.6 * widest : 0);
    sketch->top = sketch->bottom + 300;
    sketch->height = sketch->top + 38 + (sketch->format == FORMAT_PNG ? FIGURE_TITLE_HEIGHT : 0);
    STRATA_TRY(sketch_open(sketch));
    STRATA_TRY(sketch_axes(sketch, &x, &y, "ytics", "scale 0"));
    STRATA_TRY(categories_draw(sketch, slanted));
    for (size_t i = 0; i < data->point_count; i++)
        STRATA_TRY(value_draw(sketch, &x, &y, &data->points[i], bar_pixels(sketch) >= VALUE_ROOM));
    for (size_t i = 0; i < data->series.count; i++) STRATA_TRY(series_write(sketch, &y, i));
    STRATA_TRY(legend_draw(sketch));
    if (!data->point_count)
        STRATA_TRY(sketch_text(sketch, (sketch->left + sketch->right) / 2, (sketch->bottom + sketch->top) / 2,
                               "center tc rgb '#555555'", "no data"));
    return plot_write(sketch);
}
