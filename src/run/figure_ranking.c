/* SPDX-License-Identifier: MIT */
/* A ranking: one row a series with its title at the left, a point with its interval, and the value at the right. */
#include <math.h>

#include "run/figure_script.h"

enum { ROW_HEIGHT = 27, MAX_ROWS = 64, VALUE_GAP = 18 };

/** The place of row `i` (0 is the top one) on the y axis, which runs from 0 to the number of rows. */
static double row_place(const struct sketch *sketch, size_t i) { return (double)(sketch->data->point_count - i) - 0.5; }

static double row_pixels(const struct sketch *sketch, size_t i) {
    return sketch->bottom + row_place(sketch, i) * ROW_HEIGHT;
}

static const char *row_label(const struct sketch *sketch, size_t i) {
    return sketch->labels[sketch->data->points[i].series];
}

/** Widths of the titles and of the values in front of and behind the plot; the axis between them. */
static void layout(struct sketch *sketch, struct axis *x) {
    const struct figure_data *data = sketch->data;
    struct extent along = extent_empty;
    double titles = 0, values = 0;
    char text[NUMBER_TEXT_SIZE];
    for (size_t i = 0; i < data->point_count; i++) {
        const struct figure_point *point = &data->points[i];
        extent_add(&along, point->y);
        extent_add(&along, point->high);
        /* an interval that reaches far down a log axis must not flatten the rest */
        if (!isnan(point->low))
            extent_add(&along, sketch->spec->log_x && point->y > 0 ? fmax(point->low, point->y / 10) : point->low);
        number_text(point->y, text);
        titles = fmax(titles, sketch_text_width(row_label(sketch, i)));
        values = fmax(values, sketch_text_width(text));
    }
    axis_make(&along, sketch->spec->log_x, false, x);
    sketch->left = FIGURE_MARGIN + fmin(titles, 0.5 * FIGURE_WIDTH) + VALUE_GAP;
    sketch->right = FIGURE_WIDTH - FIGURE_MARGIN - values - VALUE_GAP;
    sketch->bottom = legend_height(sketch) + 62;
    sketch->top = sketch->bottom + ROW_HEIGHT * fmax(1, (double)data->point_count);
    sketch->height = sketch->top + 10 + (sketch->format == FORMAT_PNG ? FIGURE_TITLE_HEIGHT : 0);
}

/** Title, a thin line that leads the eye to the value, and the value. */
static strata_status row_draw(const struct sketch *sketch, size_t i) {
    char text[NUMBER_TEXT_SIZE];
    double y = row_pixels(sketch, i), value = sketch->data->points[i].y;
    number_text(value, text);
    STRATA_TRY(sketch_text(sketch, FIGURE_MARGIN, y, "left tc rgb '#222222'", row_label(sketch, i)));
    STRATA_TRY(sketch_text(sketch, FIGURE_WIDTH - FIGURE_MARGIN, y,
                           isnan(value) ? "right tc rgb '#777777'" : "right tc rgb '#222222'", text));
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "set arrow from"));
    STRATA_TRY(sketch_place(sketch, sketch->left, y));
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, " to"));
    STRATA_TRY(sketch_place(sketch, sketch->right, y));
    return buffer_print(sketch->ctx, sketch->out, " nohead lw 1 dt (1,3) lc rgb '#b0b0b0' back\n");
}

/** $rN: x, y, low, high of row N; nothing where a fit diverged. */
static strata_status row_write(const struct sketch *sketch, const struct axis *x, size_t i) {
    const struct figure_point *point = &sketch->data->points[i];
    double low = isnan(point->low) ? point->y : point->low, high = isnan(point->high) ? point->y : point->high;
    if (isnan(point->y)) return STRATA_OK;
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "$r%zu << END\n", i));
    STRATA_TRY(sketch_number(sketch, axis_clamp(x, point->y)));
    STRATA_TRY(sketch_number(sketch, row_place(sketch, i)));
    STRATA_TRY(sketch_number(sketch, axis_clamp(x, low)));
    STRATA_TRY(sketch_number(sketch, axis_clamp(x, high)));
    return buffer_print(sketch->ctx, sketch->out, "\nEND\n");
}

static strata_status plot_write(const struct sketch *sketch) {
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "plot NaN"));
    for (size_t i = 0; i < sketch->data->point_count; i++) {
        const struct figure_point *point = &sketch->data->points[i];
        const struct series_style *style = sketch->looks[point->series].style;
        if (isnan(point->y)) continue;
        if (!isnan(point->low))
            STRATA_TRY(buffer_print(sketch->ctx, sketch->out,
                                    ", $r%zu using 3:2:($4-$3):(0) with vectors %s lw 2 lc rgb '%s'", i, whisker_style,
                                    style->colour));
        STRATA_TRY(buffer_print(sketch->ctx, sketch->out, ", $r%zu using 1:2 with points pt %d ps 0.85 lc rgb '%s'", i,
                                style->point, style->colour));
    }
    return buffer_print(sketch->ctx, sketch->out, "\n");
}

strata_status script_ranking(struct sketch *sketch) {
    size_t rows = sketch->data->point_count;
    struct axis x, y = {.low = 0, .high = fmax(1, (double)rows)};
    if (rows > MAX_ROWS)
        return strata_fail(sketch->ctx, STRATA_ERR_UNSUPPORTED, "figure '%s': at most %d rows, found %zu",
                           sketch->spec->id, MAX_ROWS, rows);
    layout(sketch, &x);
    STRATA_TRY(sketch_open(sketch));
    STRATA_TRY(sketch_axes(sketch, &x, &y, "xtics", "out scale 0.5"));
    for (size_t i = 0; i < rows; i++) STRATA_TRY(row_draw(sketch, i));
    for (size_t i = 0; i < rows; i++) STRATA_TRY(row_write(sketch, &x, i));
    if (!rows)
        STRATA_TRY(sketch_text(sketch, (sketch->left + sketch->right) / 2, (sketch->bottom + sketch->top) / 2,
                               "center tc rgb '#555555'", "no data"));
    return plot_write(sketch);
}
