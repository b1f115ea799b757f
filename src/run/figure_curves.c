/* SPDX-License-Identifier: MIT */
/*
 * Lines and points: intervals as bands (dense curves) or bars (few points), stage markers as dashed vertical
 * lines whose labels stand above the plot, so that nothing covers data.
 */
#include <math.h>
#include <stdlib.h>

#include "core/file.h"
#include "run/figure_script.h"

enum { SPARSE = 12, MARKS = 8, MARKER_ROWS = 4, MARKER_ROW = 17 };

/** A view of one series: its points are those of the data with its index, in order. */
struct curve {
    size_t series, count;
    bool interval; /* any point has one */
};

static struct curve curve_of(const struct figure_data *data, size_t series) {
    struct curve curve = {.series = series};
    for (size_t i = 0; i < data->point_count; i++) {
        if (data->points[i].series != series) continue;
        curve.count++;
        curve.interval = curve.interval || !isnan(data->points[i].low);
    }
    return curve;
}

/** Few distinct x (sizes, dimensions) are tics themselves. Returns their count, 0 when there are too many. */
static size_t x_values(const struct figure_data *data, double values[AXIS_MAX_TICS / 2]) {
    size_t count = 0;
    for (size_t i = 0; i < data->point_count; i++) {
        size_t at = 0;
        while (at < count && values[at] != data->points[i].x) at++;
        if (at < count) continue;
        if (count == AXIS_MAX_TICS / 2) return 0;
        values[count++] = data->points[i].x;
    }
    qsort(values, count, sizeof *values, number_compare);
    return count;
}

/** True when the labels of the tics stand clear of each other. */
static bool tics_apart(const struct sketch *sketch, const struct axis *axis) {
    for (size_t i = 1; i < axis->tic_count; i++) {
        double apart = (axis_place(axis, axis->tics[i]) - axis_place(axis, axis->tics[i - 1])) *
                       (sketch->right - sketch->left);
        if (apart < (sketch_text_width(axis->labels[i]) + sketch_text_width(axis->labels[i - 1])) / 2 + 8) return false;
    }
    return true;
}

static void axes_plan(struct sketch *sketch, struct axis *x, struct axis *y) {
    const struct figure_data *data = sketch->data;
    struct extent along = extent_empty, up = extent_empty;
    double values[AXIS_MAX_TICS / 2] = {0};
    for (size_t i = 0; i < data->point_count; i++) {
        const struct figure_point *point = &data->points[i];
        extent_add(&along, point->x);
        extent_add(&up, point->y);
        extent_add(&up, point->high);
        /* an interval that reaches far down a log axis must not flatten the rest */
        if (!isnan(point->low))
            extent_add(&up, sketch->spec->log_y && point->y > 0 ? fmax(point->low, point->y / 10) : point->low);
    }
    for (size_t i = 0; i < data->marker_count; i++) extent_add(&along, data->markers[i].x);
    axis_make(&up, sketch->spec->log_y, false, y);
    /* points that scatter over a range: round tics; the few x of a curve are settings, so tics themselves */
    size_t count = data->marker_count ? 0 : x_values(data, values);
    bool usable = count > 0 && (!sketch->spec->log_x || values[0] > 0);
    for (size_t i = 0; i < count && data->kind == FIGURE_POINTS; i++) usable = usable && values[i] == floor(values[i]);
    if (usable) axis_at(values, count, sketch->spec->log_x, x);
    if (!usable || !tics_apart(sketch, x)) axis_make(&along, sketch->spec->log_x, data->kind == FIGURE_LINES, x);
}

/** The label of a tic at the right end stands half beyond it. */
static double right_margin(const struct axis *x) {
    double half = x->tic_count ? sketch_text_width(x->labels[x->tic_count - 1]) / 2 : 0;
    return fmax(16, half + 4);
}

/** Space left of the plot for the labels of the y tics. */
static double tics_width(const struct axis *axis) {
    double width = 0;
    for (size_t i = 0; i < axis->tic_count; i++) width = fmax(width, sketch_text_width(axis->labels[i]));
    return width;
}

/* ---- markers ---- */

struct marker_place {
    double x, width;
    size_t row;
    bool leftward; /* the label ends at the line: it would leave the canvas otherwise */
};

/** Puts each label into the first row where it is clear of the one before. Returns the rows used. */
static size_t markers_place(const struct sketch *sketch, const struct axis *x, struct marker_place *places) {
    double ends[MARKER_ROWS] = {0};
    size_t rows = 0;
    for (size_t i = 0; i < sketch->data->marker_count; i++) {
        struct marker_place *place = &places[i];
        *place = (struct marker_place){.x = sketch->left +
                                            axis_place(x, sketch->data->markers[i].x) * (sketch->right - sketch->left),
                                       .width = sketch_text_width(sketch->data->markers[i].label)};
        place->leftward = place->x + place->width > FIGURE_WIDTH - 4;
        double from = place->leftward ? place->x - place->width : place->x;
        while (place->row + 1 < MARKER_ROWS && from < ends[place->row] + 10) place->row++;
        ends[place->row] = from + place->width;
        rows = place->row + 1 > rows ? place->row + 1 : rows;
    }
    return rows;
}

static strata_status marker_draw(const struct sketch *sketch, const struct figure_marker *marker,
                                 const struct marker_place *place) {
    double y = sketch->top + 10 + MARKER_ROW * (double)place->row;
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "set arrow from"));
    STRATA_TRY(sketch_place(sketch, place->x, sketch->bottom));
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, " to"));
    STRATA_TRY(sketch_place(sketch, place->x, y + 6));
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, " nohead dt (4,4) lw 1 lc rgb '#8a8a8a' back\n"));
    return sketch_text(sketch, place->x + (place->leftward ? -5 : 5), y,
                       place->leftward ? "right tc rgb '#555555'" : "left tc rgb '#555555'", marker->label);
}

/* ---- data ---- */

static strata_status point_write(const struct sketch *sketch, const struct axis *y, const struct figure_point *point) {
    double low = isnan(point->low) ? point->y : point->low, high = isnan(point->high) ? point->y : point->high;
    STRATA_TRY(sketch_number(sketch, point->x));
    STRATA_TRY(sketch_number(sketch, axis_clamp(y, point->y)));
    STRATA_TRY(sketch_number(sketch, axis_clamp(y, low)));
    STRATA_TRY(sketch_number(sketch, axis_clamp(y, high)));
    return buffer_print(sketch->ctx, sketch->out, "\n");
}

/** $sN: x y low high of every point (a blank line where a fit diverged); $mN: the few that carry a marker. */
static strata_status curve_write(const struct sketch *sketch, const struct axis *x, const struct axis *y,
                                 const struct curve *curve, bool marks) {
    size_t every = curve->count > 3 * MARKS ? curve->count / MARKS : 1, seen = 0;
    size_t first = every > 1 ? curve->series * every / (sketch->data->series.count + 1) : 0; /* staggered */
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "$%c%zu << END\n", marks ? 'm' : 's', curve->series));
    for (size_t i = 0; i < sketch->data->point_count; i++) {
        const struct figure_point *point = &sketch->data->points[i];
        if (point->series != curve->series) continue;
        bool kept = !marks || (seen % every == first % every);
        seen++;
        if (isnan(point->y) || (x->log && point->x <= 0))
            STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "\n"));
        else if (kept)
            STRATA_TRY(point_write(sketch, y, point));
    }
    return buffer_print(sketch->ctx, sketch->out, "END\n");
}

static strata_status style_write(const struct sketch *sketch, size_t series) {
    const struct series_look *look = &sketch->looks[series];
    static const char *const dashes[] = {"(14,4)", "(2,3)", "(8,4)", "(9,3,2,3)"};
    const char *dash = look->fit ? "(3,3)" : look->variant ? dashes[(look->variant - 1) % 4] : look->style->dash;
    return buffer_print(sketch->ctx, sketch->out, "set style line %zu lc rgb '%s' lw %s dt %s pt %d ps %s\n",
                        series + 1, look->style->colour, look->fit ? "1.4" : "2.2", *dash ? dash : "solid",
                        look->style->point - (look->variant % 2 ? 1 : 0),
                        sketch->data->kind == FIGURE_POINTS ? "0.85" : "0.65");
}

/* ---- plot ---- */

static bool curve_any(const struct figure_data *data, size_t series) {
    for (size_t i = 0; i < data->point_count; i++)
        if (data->points[i].series == series && !isnan(data->points[i].y)) return true;
    return false;
}

/** All bands first, so that no band lies over a line. */
static strata_status plot_write(const struct sketch *sketch) {
    const struct figure_data *data = sketch->data;
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "plot NaN"));
    for (size_t i = 0; i < data->series.count; i++) {
        struct curve curve = curve_of(data, i);
        if (curve_any(data, i) && curve.interval && data->kind == FIGURE_LINES && curve.count > SPARSE)
            STRATA_TRY(
                buffer_print(sketch->ctx, sketch->out,
                             ", $s%zu using 1:3:4 with filledcurves lc rgb '%s' fs transparent solid 0.16 noborder", i,
                             sketch->looks[i].style->colour));
    }
    for (size_t i = 0; i < data->series.count; i++) {
        struct curve curve = curve_of(data, i);
        bool lines = data->kind == FIGURE_LINES || sketch->looks[i].fit,
             band = data->kind == FIGURE_LINES && curve.count > SPARSE;
        if (!curve_any(data, i)) continue;
        if (lines) STRATA_TRY(buffer_print(sketch->ctx, sketch->out, ", $s%zu using 1:2 with lines ls %zu", i, i + 1));
        if (curve.interval && !band)
            STRATA_TRY(buffer_print(sketch->ctx, sketch->out,
                                    ", $s%zu using 1:3:(0):($4-$3) with vectors %s lw 1.3 lc rgb '%s'", i,
                                    whisker_style, sketch->looks[i].style->colour));
        if (!sketch->looks[i].fit)
            STRATA_TRY(buffer_print(sketch->ctx, sketch->out, ", $m%zu using 1:2 with points ls %zu", i, i + 1));
    }
    return buffer_print(sketch->ctx, sketch->out, "\n");
}

/** Heights from the foot up: legend, x label, x tics, plot, rows of marker labels, y label. */
static void layout(struct sketch *sketch, size_t marker_rows) {
    sketch->bottom = legend_height(sketch) + 62;
    sketch->top = sketch->bottom + 320;
    sketch->height = sketch->top + (marker_rows ? 6 + MARKER_ROW * (double)marker_rows : 10) + 26 +
                     (sketch->format == FORMAT_PNG ? FIGURE_TITLE_HEIGHT : 0);
}

strata_status script_curves(struct sketch *sketch) {
    const struct figure_data *data = sketch->data;
    struct axis x, y;
    struct marker_place places[AXIS_MAX_TICS] = {{0}};
    if (data->marker_count > AXIS_MAX_TICS)
        return strata_fail(sketch->ctx, STRATA_ERR_UNSUPPORTED, "figure '%s': at most %d markers, found %zu",
                           sketch->spec->id, AXIS_MAX_TICS, data->marker_count);
    sketch->right = FIGURE_WIDTH - 16;
    axes_plan(sketch, &x, &y);
    sketch->right = FIGURE_WIDTH - right_margin(&x);
    sketch->left = tics_width(&y) + 24;
    layout(sketch, markers_place(sketch, &x, places));
    STRATA_TRY(sketch_open(sketch));
    STRATA_TRY(sketch_axes(sketch, &x, &y, data->kind == FIGURE_POINTS ? "xtics ytics" : "ytics", "out scale 0.5"));
    for (size_t i = 0; i < data->marker_count; i++) STRATA_TRY(marker_draw(sketch, &data->markers[i], &places[i]));
    for (size_t i = 0; i < data->series.count; i++) {
        struct curve curve = curve_of(data, i);
        STRATA_TRY(style_write(sketch, i));
        STRATA_TRY(curve_write(sketch, &x, &y, &curve, false));
        if (!sketch->looks[i].fit) STRATA_TRY(curve_write(sketch, &x, &y, &curve, true));
    }
    STRATA_TRY(legend_draw(sketch));
    if (!data->point_count)
        STRATA_TRY(sketch_text(sketch, (sketch->left + sketch->right) / 2, (sketch->bottom + sketch->top) / 2,
                               "center tc rgb '#555555'", "no data"));
    return plot_write(sketch);
}
