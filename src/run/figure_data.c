/* SPDX-License-Identifier: MIT */
/* Figure data in memory: growing lists of points, markers and panels. Files: figure_files.c. */
#include "run/figure_data.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

static const char *const kind_names[] = {"lines", "points", "bars", "rankings", "tiles"};

/** Makes room for one more item of `size` bytes behind `count` of them. */
static strata_status list_reserve(strata_context *ctx, void **items, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) return STRATA_OK;
    size_t wanted = *capacity ? 2 * *capacity : 8;
    void *grown = mem_resize(*items, wanted, size);
    if (!grown) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: figure data of %zu items", wanted);
    *items = grown;
    *capacity = wanted;
    return STRATA_OK;
}

static strata_status kind_check(strata_context *ctx, const struct figure_data *data, bool allowed, const char *what) {
    if (allowed) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_ARGUMENT, "a figure of %s has no %s", kind_names[data->kind], what);
}

/** Names stand on one line of a CSV file, so control bytes cannot be kept. */
static strata_status name_check(strata_context *ctx, const char *name, const char *what) {
    if (!*name) return strata_fail(ctx, STRATA_ERR_ARGUMENT, "figure data: empty %s", what);
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            return strata_fail(ctx, STRATA_ERR_ARGUMENT, "figure data: control byte 0x%02x in %s", (unsigned char)*c,
                               what);
    return STRATA_OK;
}

/** Index of a name, added when new. */
static strata_status names_index(strata_context *ctx, struct figure_names *list, const char *name, const char *what,
                                 size_t *index) {
    for (*index = 0; *index < list->count; (*index)++)
        if (strcmp(list->names[*index], name) == 0) return STRATA_OK;
    STRATA_TRY(name_check(ctx, name, what));
    void *names = list->names;
    STRATA_TRY(list_reserve(ctx, &names, list->count, &list->capacity, sizeof *list->names));
    list->names = names;
    char *copy = mem_string(name);
    if (!copy) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: name of a %s", what);
    list->names[list->count++] = copy;
    return STRATA_OK;
}

static void names_destroy(struct figure_names *list) {
    for (size_t i = 0; i < list->count; i++) mem_free(list->names[i]);
    mem_free(list->names);
}

static strata_status points_add(strata_context *ctx, struct figure_data *data, struct figure_point point) {
    if (isnan(point.low) != isnan(point.high))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "figure data: series '%s': an interval needs both ends, got [%g, %g]",
                           data->series.names[point.series], point.low, point.high);
    void *points = data->points;
    STRATA_TRY(list_reserve(ctx, &points, data->point_count, &data->point_capacity, sizeof *data->points));
    data->points = points;
    data->points[data->point_count++] = point;
    return STRATA_OK;
}

strata_status figure_data_point(strata_context *ctx, struct figure_data *data, const char *series, double x, double y,
                                double low, double high) {
    STRATA_TRY(kind_check(ctx, data, data->kind == FIGURE_LINES || data->kind == FIGURE_POINTS, "points"));
    if (*series == '@')
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "figure data: series '%s': names starting with '@' are reserved",
                           series);
    if (!isfinite(x)) return strata_fail(ctx, STRATA_ERR_ARGUMENT, "figure data: series '%s': x is not finite", series);
    struct figure_point point = {.x = x, .y = y, .low = low, .high = high};
    STRATA_TRY(names_index(ctx, &data->series, series, "series", &point.series));
    return points_add(ctx, data, point);
}

strata_status figure_data_bar(strata_context *ctx, struct figure_data *data, const char *series, const char *category,
                              double y, double low, double high) {
    STRATA_TRY(kind_check(ctx, data, data->kind == FIGURE_BARS, "bars"));
    struct figure_point point = {.y = y, .low = low, .high = high};
    STRATA_TRY(names_index(ctx, &data->series, series, "series", &point.series));
    STRATA_TRY(names_index(ctx, &data->categories, category, "category", &point.category));
    return points_add(ctx, data, point);
}

strata_status figure_data_rank(strata_context *ctx, struct figure_data *data, const char *series, double value,
                               double low, double high) {
    STRATA_TRY(kind_check(ctx, data, data->kind == FIGURE_RANKING, "ranks"));
    struct figure_point point = {.y = value, .low = low, .high = high};
    STRATA_TRY(names_index(ctx, &data->series, series, "series", &point.series));
    return points_add(ctx, data, point);
}

strata_status figure_data_marker(strata_context *ctx, struct figure_data *data, const char *label, double x) {
    STRATA_TRY(kind_check(ctx, data, data->kind == FIGURE_LINES || data->kind == FIGURE_POINTS, "markers"));
    STRATA_TRY(name_check(ctx, label, "marker"));
    if (!isfinite(x)) return strata_fail(ctx, STRATA_ERR_ARGUMENT, "figure data: marker '%s': x is not finite", label);
    for (size_t i = 0; i < data->marker_count; i++)
        if (data->markers[i].x == x && strcmp(data->markers[i].label, label) == 0) return STRATA_OK;
    void *markers = data->markers;
    STRATA_TRY(list_reserve(ctx, &markers, data->marker_count, &data->marker_capacity, sizeof *data->markers));
    data->markers = markers;
    char *copy = mem_string(label);
    if (!copy) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: label of a marker");
    data->markers[data->marker_count++] = (struct figure_marker){.label = copy, .x = x};
    return STRATA_OK;
}

/** A panel's name is part of a file's name. */
static strata_status panel_check(strata_context *ctx, const struct figure_data *data, const char *panel) {
    if (!*panel || panel[strspn(panel, "abcdefghijklmnopqrstuvwxyz0123456789_")])
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "figure data: panel '%s': expected a name of a-z, 0-9 and _",
                           panel);
    for (size_t i = 0; i < data->panel_count; i++)
        if (strcmp(data->panels[i].name, panel) == 0)
            return strata_fail(ctx, STRATA_ERR_ARGUMENT, "figure data: panel '%s' twice", panel);
    return STRATA_OK;
}

strata_status figure_data_tiles(strata_context *ctx, struct figure_data *data, const char *panel, size_t count,
                                size_t height, size_t width, const double *values) {
    STRATA_TRY(kind_check(ctx, data, data->kind == FIGURE_TILES, "tiles"));
    STRATA_TRY(panel_check(ctx, data, panel));
    if (!count || !height || !width)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "figure data: panel '%s': empty shape [%zu, %zu, %zu]", panel,
                           count, height, width);
    size_t size;
    STRATA_TRY(mem_product(ctx, count, height, "tiles", &size));
    STRATA_TRY(mem_product(ctx, size, width, "tiles", &size));
    STRATA_TRY(mem_product(ctx, size, sizeof *values, "tiles", &size));
    void *panels = data->panels;
    STRATA_TRY(list_reserve(ctx, &panels, data->panel_count, &data->panel_capacity, sizeof *data->panels));
    data->panels = panels;
    struct figure_panel added = {
        .name = mem_string(panel), .count = count, .height = height, .width = width, .values = mem_alloc(size)};
    if (!added.name || !added.values) {
        mem_free(added.name);
        mem_free(added.values);
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: %zu bytes of tiles", size);
    }
    memcpy(added.values, values, size);
    data->panels[data->panel_count++] = added;
    return STRATA_OK;
}

void figure_data_destroy(struct figure_data *data) {
    if (!data) return;
    names_destroy(&data->series);
    names_destroy(&data->categories);
    for (size_t i = 0; i < data->marker_count; i++) mem_free(data->markers[i].label);
    for (size_t i = 0; i < data->panel_count; i++) {
        mem_free(data->panels[i].name);
        mem_free(data->panels[i].values);
    }
    mem_free(data->points);
    mem_free(data->markers);
    mem_free(data->panels);
    *data = (struct figure_data){.kind = data->kind};
}
