/* SPDX-License-Identifier: MIT */
/* Canvas, axes and legend: what all kinds of figures share. */
#include "run/figure_script.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

const char whisker_style[] = "heads nofilled size screen 0.004,90 fixed dt solid";

static const char text_colour[] = "#333333";

enum { LEGEND_ROW = 22, LEGEND_SAMPLE = 36, LEGEND_GAP = 10, LEGEND_COLUMNS = 4 };

double sketch_text_width(const char *text) { return 0.56 * FIGURE_FONT * (double)text_length(text); }

strata_status sketch_literal(const struct sketch *sketch, const char *text) {
    STRATA_TRY(buffer_append(sketch->ctx, sketch->out, "'", 1));
    for (const char *c = text; *c; c++) {
        const char *shown = *c == '\'' ? "''" : (unsigned char)*c < ' ' ? " " : c;
        STRATA_TRY(buffer_append(sketch->ctx, sketch->out, shown, *c == '\'' ? 2 : 1));
    }
    return buffer_append(sketch->ctx, sketch->out, "'", 1);
}

strata_status sketch_number(const struct sketch *sketch, double value) {
    char text[32];
    number_format(value, text);
    return buffer_print(sketch->ctx, sketch->out, " %s", text);
}

strata_status sketch_place(const struct sketch *sketch, double x, double y) {
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, " screen"));
    STRATA_TRY(sketch_number(sketch, x / FIGURE_WIDTH));
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, ",screen"));
    return sketch_number(sketch, y / sketch->height);
}

strata_status sketch_text(const struct sketch *sketch, double x, double y, const char *how, const char *text) {
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "set label "));
    STRATA_TRY(sketch_literal(sketch, text));
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, " at"));
    STRATA_TRY(sketch_place(sketch, x, y));
    return buffer_print(sketch->ctx, sketch->out, " %s front\n", how);
}

strata_status sketch_open(const struct sketch *sketch) {
    static const char common[] = "set encoding utf8\nunset key\nunset border\nunset tics\n";
    if (sketch->format == FORMAT_SVG)
        STRATA_TRY(buffer_print(sketch->ctx, sketch->out,
                                "set term svg size %d,%.0f dynamic font 'sans,%d' background '#ffffff' noenhanced\n",
                                FIGURE_WIDTH, sketch->height, FIGURE_FONT));
    else
        STRATA_TRY(buffer_print(sketch->ctx, sketch->out,
                                "set term pngcairo size %d,%.0f font 'sans,10.5' fontscale 2 linewidth 2 pointscale 2 "
                                "background '#ffffff' noenhanced\n",
                                2 * FIGURE_WIDTH, 2 * sketch->height));
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "%s", common));
    if (sketch->format == FORMAT_SVG) return STRATA_OK;
    return sketch_text(sketch, FIGURE_MARGIN, sketch->height - 0.55 * FIGURE_TITLE_HEIGHT,
                       "left font 'sans:Bold,12.5' tc rgb '#111111'", sketch->spec->title);
}

static strata_status axis_draw(const struct sketch *sketch, const struct axis *axis, char name, const char *style) {
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "set %crange [", name));
    STRATA_TRY(sketch_number(sketch, axis->low));
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, " :"));
    STRATA_TRY(sketch_number(sketch, axis->high));
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "]\n"));
    if (axis->log) STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "set logscale %c\n", name));
    if (!axis->tic_count) return STRATA_OK; /* sketch_open has switched all tics off */
    STRATA_TRY(
        buffer_print(sketch->ctx, sketch->out, "set %ctics nomirror %s tc rgb '%s' (", name, style, text_colour));
    for (size_t i = 0; i < axis->tic_count; i++) {
        if (i) STRATA_TRY(buffer_print(sketch->ctx, sketch->out, ", "));
        STRATA_TRY(sketch_literal(sketch, axis->labels[i]));
        STRATA_TRY(sketch_number(sketch, axis->tics[i]));
    }
    return buffer_print(sketch->ctx, sketch->out, ")\n");
}

strata_status sketch_margin(const struct sketch *sketch, char side, double share) {
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "set %cmargin at screen", side));
    STRATA_TRY(sketch_number(sketch, share));
    return buffer_print(sketch->ctx, sketch->out, "\n");
}

strata_status sketch_axes(const struct sketch *sketch, const struct axis *x, const struct axis *y, const char *grid,
                          const char *x_tic_style) {
    STRATA_TRY(sketch_margin(sketch, 'l', sketch->left / FIGURE_WIDTH));
    STRATA_TRY(sketch_margin(sketch, 'r', sketch->right / FIGURE_WIDTH));
    STRATA_TRY(sketch_margin(sketch, 'b', sketch->bottom / sketch->height));
    STRATA_TRY(sketch_margin(sketch, 't', sketch->top / sketch->height));
    STRATA_TRY(axis_draw(sketch, x, 'x', x_tic_style));
    STRATA_TRY(axis_draw(sketch, y, 'y', "scale 0"));
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out,
                            "set grid %s lt 1 lw 1 lc rgb '#e3e3e3'\nset border 1 lt 1 lw 1 lc rgb '#777777'\n", grid));
    STRATA_TRY(sketch_text(sketch, FIGURE_MARGIN,
                           sketch->height - (sketch->format == FORMAT_PNG ? FIGURE_TITLE_HEIGHT : 0) - 12,
                           "left tc rgb '#333333'", sketch->spec->y_label));
    return sketch_text(sketch, (sketch->left + sketch->right) / 2, legend_height(sketch) + 16,
                       "center tc rgb '#333333'", sketch->spec->x_label);
}

/* ---- legend ---- */

/** Columns and rows of a legend, filled row by row. */
struct legend {
    size_t entries, columns;
    double widths[LEGEND_COLUMNS];
};

/** Width of the legend in so many columns; each is as wide as its widest entry. */
static double legend_width(const struct sketch *sketch, size_t columns, double *widths) {
    double total = 0;
    size_t entry = 0;
    memset(widths, 0, LEGEND_COLUMNS * sizeof *widths);
    for (size_t i = 0; i < sketch->data->series.count; i++) {
        if (sketch->looks[i].fit && sketch->looks[i].parent != i) continue;
        double *width = &widths[entry++ % columns];
        *width = fmax(*width, LEGEND_SAMPLE + LEGEND_GAP + sketch_text_width(sketch->labels[i]) + 18);
    }
    for (size_t i = 0; i < columns; i++) total += widths[i];
    return total;
}

/** As many columns as fit. The rows of a ranking have their titles beside them. */
static struct legend legend_plan(const struct sketch *sketch) {
    struct legend legend = {0};
    for (size_t i = 0; i < sketch->data->series.count && sketch->data->kind != FIGURE_RANKING; i++)
        legend.entries += !(sketch->looks[i].fit && sketch->looks[i].parent != i);
    legend.columns = legend.entries == 0 ? 1 : legend.entries < LEGEND_COLUMNS ? legend.entries : LEGEND_COLUMNS;
    while (legend.columns > 1 && legend_width(sketch, legend.columns, legend.widths) > FIGURE_WIDTH - 24)
        legend.columns--;
    legend_width(sketch, legend.columns, legend.widths);
    return legend;
}

double legend_height(const struct sketch *sketch) {
    struct legend legend = legend_plan(sketch);
    return legend.entries ? 12.0 + LEGEND_ROW * (double)((legend.entries + legend.columns - 1) / legend.columns) : 8;
}

double bar_density(const struct sketch *sketch, size_t i) {
    size_t before = 0;
    for (size_t j = 0; j < i; j++)
        before += strcmp(sketch->looks[j].style->colour, sketch->looks[i].style->colour) == 0;
    return (const double[]){0.95, 0.45, 0.15}[before % 3];
}

static strata_status swatch_draw(const struct sketch *sketch, size_t series, double x, double y) {
    char tint[8];
    colour_tint(sketch->looks[series].style->colour, bar_density(sketch, series), tint);
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "set object rectangle from"));
    STRATA_TRY(sketch_place(sketch, x + 2, y - 7));
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, " to"));
    STRATA_TRY(sketch_place(sketch, x + LEGEND_SAMPLE - 2, y + 7));
    return buffer_print(sketch->ctx, sketch->out, " fc rgb '%s' fs solid 1.0 border lc rgb '%s' lw 1\n", tint,
                        sketch->looks[series].style->colour);
}

/** A short line (curves) with the series' marker. */
static strata_status sample_draw(const struct sketch *sketch, size_t series, double x, double y) {
    if (sketch->data->kind == FIGURE_LINES) {
        STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "set arrow from"));
        STRATA_TRY(sketch_place(sketch, x, y));
        STRATA_TRY(buffer_print(sketch->ctx, sketch->out, " to"));
        STRATA_TRY(sketch_place(sketch, x + LEGEND_SAMPLE, y));
        STRATA_TRY(buffer_print(sketch->ctx, sketch->out, " nohead ls %zu\n", series + 1));
    }
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "set label '' at"));
    STRATA_TRY(sketch_place(sketch, x + LEGEND_SAMPLE / 2.0, y));
    return buffer_print(sketch->ctx, sketch->out, " point ls %zu front\n", series + 1);
}

strata_status legend_draw(const struct sketch *sketch) {
    struct legend legend = legend_plan(sketch);
    double top = legend_height(sketch) - 12, x = FIGURE_MARGIN;
    size_t entry = 0;
    for (size_t i = 0; i < sketch->data->series.count; i++) {
        if (sketch->looks[i].fit && sketch->looks[i].parent != i) continue;
        double y = top - LEGEND_ROW * (double)(entry / legend.columns);
        x = entry % legend.columns ? x + legend.widths[entry % legend.columns - 1] : FIGURE_MARGIN;
        STRATA_TRY(sketch->data->kind == FIGURE_BARS ? swatch_draw(sketch, i, x, y) : sample_draw(sketch, i, x, y));
        STRATA_TRY(sketch_text(sketch, x + LEGEND_SAMPLE + LEGEND_GAP, y, "left tc rgb '#222222'", sketch->labels[i]));
        entry++;
    }
    return STRATA_OK;
}

/* ---- entry ---- */

/** Slope on logarithmic axes of a fitted line: of its first and last point. NaN when there is none. */
static double fit_slope(const struct figure_data *data, size_t series) {
    const struct figure_point *first = NULL, *last = NULL;
    for (size_t i = 0; i < data->point_count; i++) {
        if (data->points[i].series != series) continue;
        last = &data->points[i];
        if (!first) first = last;
    }
    return first && last->x != first->x ? log(last->y / first->y) / log(last->x / first->x) : NAN;
}

static strata_status label_make(struct sketch *sketch, size_t series) {
    const struct figure_data *data = sketch->data;
    struct buffer label = {0};
    char number[NUMBER_TEXT_SIZE];
    strata_status status;
    STRATA_GO(series_label(sketch->ctx, &label, data->series.names[series]));
    for (size_t i = 0; i < data->series.count && sketch->spec->log_x && sketch->spec->log_y; i++) {
        double slope = sketch->looks[i].fit && sketch->looks[i].parent == series && i != series ? fit_slope(data, i)
                                                                                                : NAN;
        if (!isfinite(slope)) continue;
        number_text(slope, number);
        STRATA_GO(buffer_print(sketch->ctx, &label, " (slope %s)", number));
    }
    sketch->labels[series] = mem_string(label.data);
    if (!sketch->labels[series]) status = strata_fail(sketch->ctx, STRATA_ERR_MEMORY, "out of memory: legend");
cleanup:
    buffer_destroy(&label);
    return status;
}

strata_status figure_script(strata_context *ctx, const struct figure *spec, const struct figure_data *data,
                            enum figure_format format, struct buffer *out, double *height) {
    static strata_status (*const kinds[])(struct sketch *) = {[FIGURE_LINES] = script_curves,
                                                              [FIGURE_POINTS] = script_curves,
                                                              [FIGURE_BARS] = script_bars,
                                                              [FIGURE_RANKING] = script_ranking,
                                                              [FIGURE_TILES] = script_tiles};
    struct sketch sketch = {.ctx = ctx, .out = out, .spec = spec, .data = data, .format = format};
    strata_status status;
    STRATA_GO(series_looks(ctx, &data->series, &sketch.looks));
    sketch.labels = mem_zero(data->series.count, sizeof *sketch.labels);
    if (!sketch.labels) status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: legend of figure '%s'", spec->id);
    for (size_t i = 0; i < data->series.count && status == STRATA_OK; i++) status = label_make(&sketch, i);
    if (status == STRATA_OK) status = kinds[data->kind](&sketch);
    *height = sketch.height;
cleanup:
    for (size_t i = 0; i < data->series.count && sketch.labels; i++) mem_free(sketch.labels[i]);
    mem_free(sketch.labels);
    mem_free(sketch.looks);
    return status;
}
