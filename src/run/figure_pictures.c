/* SPDX-License-Identifier: MIT */
/*
 * Tiles: each panel a grid of small pictures with white gaps. Every tile is scaled to its own largest
 * magnitude: grey from 0 when no value of the figure is negative, else blue - white - red.
 */
#include <math.h>

#include "run/figure_script.h"

enum { PANEL_GAP = 28, PANEL_TITLE = 28, PANELS_A_ROW = 3, NOTE_HEIGHT = 34, MARGIN = 12 };

/** A panel's grid in matrix cells. */
struct grid {
    size_t columns, rows, gap, width, height;
};

static struct grid grid_of(const struct figure_panel *panel) {
    struct grid grid = {
        .columns = (size_t)ceil(sqrt((double)panel->count * (double)panel->height / (double)panel->width))};
    for (size_t wider = grid.columns; wider <= grid.columns + 2; wider++) /* rather full rows than a square */
        if (panel->count % wider == 0) {
            grid.columns = wider;
            break;
        }
    if (grid.columns > panel->count) grid.columns = panel->count;
    grid.rows = (panel->count + grid.columns - 1) / grid.columns;
    grid.gap = panel->width / 14 + 1;
    grid.width = grid.columns * (panel->width + grid.gap) - grid.gap;
    grid.height = grid.rows * (panel->height + grid.gap) - grid.gap;
    return grid;
}

static bool panels_signed(const struct figure_data *data) {
    for (size_t p = 0; p < data->panel_count; p++) {
        const struct figure_panel *panel = &data->panels[p];
        for (size_t i = 0; i < panel->count * panel->height * panel->width; i++)
            if (panel->values[i] < 0) return true;
    }
    return false;
}

/** Largest magnitude of a tile, 1 for an empty one. */
static double tile_scale(const struct figure_panel *panel, size_t tile) {
    const double *values = panel->values + tile * panel->height * panel->width;
    double scale = 0;
    for (size_t i = 0; i < panel->height * panel->width; i++)
        if (isfinite(values[i])) scale = fmax(scale, fabs(values[i]));
    return scale > 0 ? scale : 1;
}

/** One cell of the grid; NaN in gaps, which stay white. */
static double grid_cell(const struct figure_panel *panel, const struct grid *grid, const double *scales, size_t row,
                        size_t column) {
    size_t tile_row = row / (panel->height + grid->gap), y = row % (panel->height + grid->gap);
    size_t tile_column = column / (panel->width + grid->gap), x = column % (panel->width + grid->gap);
    size_t tile = tile_row * grid->columns + tile_column;
    if (y >= panel->height || x >= panel->width || tile >= panel->count) return NAN;
    return panel->values[(tile * panel->height + y) * panel->width + x] / scales[tile_column];
}

static strata_status panel_write(const struct sketch *sketch, size_t index, const struct grid *grid) {
    const struct figure_panel *panel = &sketch->data->panels[index];
    double scales[256] = {0};
    STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "$p%zu << END\n", index));
    for (size_t row = 0; row < grid->height; row++) {
        for (size_t column = 0; column < grid->columns; column++) {
            size_t tile = row / (panel->height + grid->gap) * grid->columns + column;
            scales[column] = tile < panel->count ? tile_scale(panel, tile) : 1;
        }
        for (size_t column = 0; column < grid->width; column++) {
            double value = grid_cell(panel, grid, scales, row, column);
            STRATA_TRY(isfinite(value) ? buffer_print(sketch->ctx, sketch->out, "%d ", (int)lround(1000 * value))
                                       : buffer_print(sketch->ctx, sketch->out, "NaN "));
        }
        STRATA_TRY(buffer_print(sketch->ctx, sketch->out, "\n"));
    }
    return buffer_print(sketch->ctx, sketch->out, "END\n");
}

static strata_status panel_title(const struct sketch *sketch, size_t index, double x, double top) {
    struct buffer title = {0};
    strata_status status = text_humanise(sketch->ctx, &title, sketch->data->panels[index].name);
    if (status == STRATA_OK)
        status = sketch_text(sketch, x, top + PANEL_TITLE / 2.0, "left tc rgb '#222222'", title.data);
    buffer_destroy(&title);
    return status;
}

static strata_status panel_draw(const struct sketch *sketch, size_t index, const struct grid *grid, double x,
                                double top, double width) {
    double height = width * (double)grid->height / (double)grid->width;
    STRATA_TRY(sketch_margin(sketch, 'l', x / FIGURE_WIDTH));
    STRATA_TRY(sketch_margin(sketch, 'r', (x + width) / FIGURE_WIDTH));
    STRATA_TRY(sketch_margin(sketch, 't', top / sketch->height));
    STRATA_TRY(sketch_margin(sketch, 'b', (top - height) / sketch->height));
    return buffer_print(sketch->ctx, sketch->out,
                        "set xrange [-0.5:%zu.5]\nset yrange [%zu.5:-0.5]\nplot $p%zu matrix with image\nunset label\n",
                        grid->width - 1, grid->height - 1, index);
}

/** Height of the tallest panel of each row, summed from row 0 to `rows` - 1. */
static double rows_height(const struct sketch *sketch, size_t a_row, size_t rows, double width) {
    double total = 0;
    for (size_t first = 0, row = 0; row < rows; row++, first += a_row) {
        double tallest = 0;
        for (size_t p = first; p < first + a_row && p < sketch->data->panel_count; p++) {
            struct grid grid = grid_of(&sketch->data->panels[p]);
            tallest = fmax(tallest, width * (double)grid.height / (double)grid.width);
        }
        total += tallest + PANEL_TITLE + (row ? 10 : 0);
    }
    return total;
}

static strata_status shapes_check(const struct sketch *sketch) {
    for (size_t p = 0; p < sketch->data->panel_count; p++) {
        struct grid grid = grid_of(&sketch->data->panels[p]);
        if (grid.columns > 256 || grid.width > 4096 || grid.height > 4096)
            return strata_fail(
                sketch->ctx, STRATA_ERR_UNSUPPORTED,
                "figure '%s': panel '%s' is %zu x %zu cells; at most 4096 x 4096 and 256 tiles a row can be drawn",
                sketch->spec->id, sketch->data->panels[p].name, grid.width, grid.height);
    }
    return STRATA_OK;
}

strata_status script_tiles(struct sketch *sketch) {
    static const char diverging[] = "set palette defined (-1 '#2166ac', -0.5 '#92c5de', 0 '#ffffff', 0.5 '#f4a582', 1 "
                                    "'#b2182b')\nset cbrange [-1000:1000]\n";
    static const char grey[] = "set palette defined (0 '#000000', 1 '#ffffff')\nset cbrange [0:1000]\n";
    const struct figure_data *data = sketch->data;
    bool both_signs = panels_signed(data);
    size_t a_row = data->panel_count < PANELS_A_ROW ? data->panel_count : PANELS_A_ROW;
    if (!a_row)
        return strata_fail(sketch->ctx, STRATA_ERR_UNSUPPORTED, "figure '%s': no panels to draw", sketch->spec->id);
    STRATA_TRY(shapes_check(sketch));
    double width = (FIGURE_WIDTH - 2.0 * MARGIN - PANEL_GAP * (double)(a_row - 1)) / (double)a_row;
    if (a_row == 1) width *= 0.6;
    size_t rows = (data->panel_count + a_row - 1) / a_row;
    double title = sketch->format == FORMAT_PNG ? FIGURE_TITLE_HEIGHT : 0;
    sketch->height = ceil(rows_height(sketch, a_row, rows, width) + NOTE_HEIGHT + title);
    STRATA_TRY(sketch_open(sketch));
    for (size_t p = 0; p < data->panel_count; p++) {
        struct grid grid = grid_of(&data->panels[p]);
        STRATA_TRY(panel_write(sketch, p, &grid));
    }
    STRATA_TRY(sketch_text(
        sketch, MARGIN, NOTE_HEIGHT / 2.0 - 4, "left tc rgb '#555555'",
        both_signs ? "Each tile is scaled to its own largest value: blue is negative, white 0, red positive."
                   : "Each tile is scaled to its own largest value: black is 0."));
    STRATA_TRY(
        buffer_print(sketch->ctx, sketch->out, "unset colorbox\n%sset multiplot\n", both_signs ? diverging : grey));
    for (int titles = 1; titles >= 0; titles--) { /* all labels are drawn with the first panel */
        for (size_t p = 0; p < data->panel_count; p++) {
            struct grid grid = grid_of(&data->panels[p]);
            double above = rows_height(sketch, a_row, p / a_row, width) + (p / a_row ? 10 : 0);
            double x = MARGIN + (double)(p % a_row) * (width + PANEL_GAP),
                   top = sketch->height - title - above - PANEL_TITLE;
            STRATA_TRY(titles ? panel_title(sketch, p, x, top) : panel_draw(sketch, p, &grid, x, top, width));
        }
    }
    return buffer_print(sketch->ctx, sketch->out, "unset multiplot\n");
}
