/* SPDX-License-Identifier: MIT */
/*
 * A run directory as the report reads it, in parts that end with a NUL: result.json, config.ini, the numbers of a
 * figure, the list of a figure's panels; the rest is a panel. gnuplot is never found.
 */
#include "foreign.h"
#include "run/report.h"

static const struct setting rows[] = {
    {"walk.steps", SETTING_COUNT, "30", 1, 1e6, NULL, "steps of a walk"},
    {"walk.note", SETTING_TEXT, "", 0, 0, NULL, "free <text>"},
    {0},
};
static const struct setting *const tables[] = {rows, NULL};
static const struct claim claims[] = {
    {"toy.small", "the walk stays small", "Doe 2020", "distance", SCALE_LINEAR, EXPECT_HOLDS, 0, 100, false, true, 1},
    {0},
};
static const struct figure figures[] = {
    {"path", FIGURE_LINES, "Path", "step", "x", true, true, "Where the walk was."},
    {"points", FIGURE_POINTS, "Points", "step", "x", false, false, "Where the walks were."},
    {"bars", FIGURE_BARS, "Bars", "x", "y", false, false, "Ends."},
    {"ranking", FIGURE_RANKING, "Ranking", "x", "y", true, false, "Order."},
    {"tiles", FIGURE_TILES, "Tiles", "x", "y", false, false, "Pictures."},
    {0},
};
static const struct table_title titles[] = {{"walks", "Walks", "All walks."}, {0}};
static const struct study study = {.name = "toy",
                                   .summary = "a toy",
                                   .question = "How far?",
                                   .setting_tables = tables,
                                   .claims = claims,
                                   .figures = figures,
                                   .tables = titles};

static void put(const char *name, const uint8_t **data, size_t *size) {
    char path[128];
    const uint8_t *start = *data;
    size_t part = foreign_part(data, size);
    foreign_write(name, start, part, path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const csv[] = {"figures/path.csv", "figures/points.csv", "figures/bars.csv",
                                      "figures/ranking.csv"};
    char path[128];
    struct buffer page = {0};
    foreign_empty(foreign_folder());
    snprintf(path, sizeof path, "%s/figures", foreign_folder());
    if (file_make_folder(foreign_context(), path) != STRATA_OK) abort();
    put("result.json", &data, &size);
    put("config.ini", &data, &size);
    for (size_t i = 0; i < sizeof csv / sizeof *csv; ++i) put(csv[i], &data, &size);
    put("figures/tiles.json", &data, &size);
    foreign_write("figures/tiles.a.npy", data, size, path);
    if (report_build_with(foreign_context(), &study, foreign_folder(), "/nonexistent/gnuplot") != STRATA_OK) return 0;
    snprintf(path, sizeof path, "%s/report.html", foreign_folder());
    if (file_read(foreign_context(), path, 1 << 26, &page) != STRATA_OK || !strstr(page.data, "</html>")) abort();
    buffer_destroy(&page);
    return 0;
}
