/* SPDX-License-Identifier: MIT */
/* Figures and the report: formats read back, damaged files are named, the page is whole, escaped and self-contained. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/memory.h"
#include "learn/learner.h"
#include "run/figure_axis.h"
#include "run/figure_data.h"
#include "run/figure_draw.h"
#include "run/figure_script.h"
#include "run/report.h"
#include "run/report_text.h"

static strata_context *ctx;
static char folder[64];
static char warning[1024];

#define OK(call)                                                                         \
    do {                                                                                 \
        if ((call) != STRATA_OK) fail_msg("%s: %s", #call, strata_context_message(ctx)); \
    } while (0)

static void keep_warning(void *user, strata_log_level level, const char *text) {
    (void)user;
    if (level == STRATA_LOG_WARNING) snprintf(warning, sizeof warning, "%s", text);
}

static int setup(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s/strata-report-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    *warning = '\0';
    if (!mkdtemp(folder) || strata_context_create(&ctx) != STRATA_OK) return -1;
    strata_context_set_log(ctx, keep_warning, NULL);
    return 0;
}

static const char *path_of(const char *name) {
    static char paths[4][200];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int teardown(void **state) {
    static const char *const names[] = {"figures/curve.csv",
                                        "figures/curve.svg",
                                        "figures/curve.png",
                                        "figures/bars.csv",
                                        "figures/bars.svg",
                                        "figures/bars.png",
                                        "figures/ranks.csv",
                                        "figures/ranks.svg",
                                        "figures/ranks.png",
                                        "figures/tiles.json",
                                        "figures/tiles.before.npy",
                                        "figures/tiles.after.npy",
                                        "figures/tiles.svg",
                                        "figures/tiles.png",
                                        "figures",
                                        "result.json",
                                        "config.ini",
                                        "report.html",
                                        "failing",
                                        ""};
    (void)state;
    mem_fail_from(0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) remove(path_of(names[i]));
    strata_context_destroy(ctx);
    return access(folder, F_OK) == 0 ? -1 : 0; /* nothing is left behind */
}

/* ---- a study and its run directory ---- */

static const struct setting toy_rows[] = {
    {"study.preset", SETTING_TEXT, "default", 0, 0, NULL, "where the settings start"},
    {"teacher.gap", SETTING_NUMBER, "0.3", 0, 1, NULL, "weight of a level <relative> to the one below"},
    {0},
};
static const struct setting *const toy_tables[] = {toy_rows, NULL};
static const struct figure toy_figures[] = {
    {"curve", FIGURE_LINES, "Error & \"steps\" <i>", "step", "it's an error", false, true,
     "Lower is <better> & it's clear."},
    {"bars", FIGURE_BARS, "Bars", "layer", "error", false, false, "Compare."},
    {"ranks", FIGURE_RANKING, "Ranks", "error", "", true, false, "Left is better."},
    {"tiles", FIGURE_TILES, "Tiles", "", "", false, false, "Look."},
    {0},
};
static const struct table_title toy_titles[] = {{"learners", "All <learners>", "Smaller is better."}, {0}};
static const struct study toy = {.name = "toy",
                                 .summary = "A <toy> & its study",
                                 .source = "Doe 2020",
                                 .question = "Is 1 < 2?",
                                 .setting_tables = toy_tables,
                                 .figures = toy_figures,
                                 .tables = toy_titles};

static const char toy_result[] =
    "{\"study\":\"toy\",\"version\":\"0.1.0\",\"preset\":\"smoke\",\"seed\":1,\"seeds\":4,\"threads\":2,\"seconds\":9."
    "3,"
    "\"host\":{\"cpu\":\"<cpu>\",\"cores\":2,\"blas\":\"b\"},\"claims\":["
    "{\"id\":\"toy.good\",\"role\":\"claim\",\"expected\":\"holds\",\"statement\":\"It "
    "works.\",\"source\":\"Doe\",\"measured\":221,\"low\":160,\"high\":305,"
    "\"unit\":\"ratio\",\"scale\":\"log\",\"seeds\":4,\"bound\":\">= "
    "20\",\"verdict\":\"holds\",\"controls\":[\"toy.good.frozen\"]},"
    "{\"id\":\"toy.good.frozen\",\"role\":\"control\",\"expected\":\"fails\",\"statement\":\"Frozen.\",\"source\":"
    "\"Doe\",\"measured\":null,\"low\":null,\"high\":null,"
    "\"unit\":\"ratio\",\"scale\":\"log\",\"seeds\":4,\"bound\":\">= "
    "20\",\"verdict\":\"fails\",\"controls\":[],\"note\":\"seed 3 diverged at step 1200\"},"
    "{\"id\":\"toy.bad\",\"role\":\"claim\",\"expected\":\"holds\",\"statement\":\"<script>alert(1)</"
    "script>\",\"source\":\"Doe & Roe\",\"measured\":0.5,\"low\":0.4,\"high\":0.6,"
    "\"unit\":\"points\",\"scale\":\"linear\",\"seeds\":4,\"bound\":\"in [1.2, "
    "2.4]\",\"verdict\":\"fails\",\"controls\":[]},"
    "{\"id\":\"toy.open\",\"role\":\"claim\",\"expected\":\"open\",\"statement\":\"Who "
    "knows.\",\"source\":\"-\",\"measured\":1,\"low\":1,\"high\":1,"
    "\"unit\":\"points\",\"scale\":\"linear\",\"seeds\":4,\"bound\":\"<= 2\",\"verdict\":\"holds\",\"controls\":[]}],"
    "\"tables\":[{\"id\":\"learners\",\"columns\":[\"learner\",\"n\",\"test_error\"],\"rows\":[[\"sgd_joint\",4096,0."
    "0004],[\"a<b\",2,null]]}],"
    "\"figures\":[\"figures/curve.svg\",\"figures/bars.svg\",\"figures/ranks.svg\",\"figures/tiles.svg\"]}";

static void text_write(const char *name, const char *text) {
    OK(file_write_atomic(ctx, path_of(name), text, strlen(text)));
}

static struct buffer text_read(const char *name) {
    struct buffer bytes = {0};
    OK(file_read(ctx, path_of(name), 1 << 24, &bytes));
    return bytes;
}

static strata_status curve_fill(struct figure_data *data) {
    for (int step = 0; step <= 40; step++) {
        double y = pow(10, -step / 20.0);
        STRATA_TRY(figure_data_point(ctx, data, "sgd_joint", step, y, y / 2, y * 2));
        STRATA_TRY(figure_data_point(ctx, data, "a, \"quoted\" <name>", step, step == 7 ? NAN : 2 * y, NAN, NAN));
    }
    STRATA_TRY(figure_data_marker(ctx, data, "stage 2 & it's on", 20));
    return figure_data_marker(ctx, data, "stage 2 & it's on", 20);
}

static void curve_write(void) {
    struct figure_data data = {.kind = FIGURE_LINES};
    OK(curve_fill(&data));
    OK(figure_data_write(ctx, &data, folder, "curve"));
    figure_data_destroy(&data);
}

static void directory_write(void) {
    struct figure_data data = {.kind = FIGURE_BARS};
    double pixels[2 * 3 * 4];
    curve_write();
    OK(figure_data_bar(ctx, &data, "sgd_joint", "layer 1", 0.1, 0.05, 0.2));
    OK(figure_data_bar(ctx, &data, "layerwise", "layer 1", NAN, NAN, NAN));
    OK(figure_data_write(ctx, &data, folder, "bars"));
    figure_data_destroy(&data);
    data = (struct figure_data){.kind = FIGURE_RANKING};
    OK(figure_data_rank(ctx, &data, "sgd_joint", 1e-5, 5e-6, 2e-5));
    OK(figure_data_rank(ctx, &data, "krr_poly4, \"wide\"", 0.02, NAN, NAN));
    OK(figure_data_rank(ctx, &data, "mlp_relu", NAN, NAN, NAN));
    OK(figure_data_write(ctx, &data, folder, "ranks"));
    figure_data_destroy(&data);
    for (size_t i = 0; i < 24; i++) pixels[i] = (double)i - 12;
    data = (struct figure_data){.kind = FIGURE_TILES};
    OK(figure_data_tiles(ctx, &data, "before", 2, 3, 4, pixels));
    OK(figure_data_tiles(ctx, &data, "after", 2, 3, 4, pixels));
    OK(figure_data_write(ctx, &data, folder, "tiles"));
    figure_data_destroy(&data);
    text_write("result.json", toy_result);
    text_write("config.ini", "[study]\npreset = smoke\n[teacher]\ngap = 0.3\n");
}

/* ---- well-formed XML: a stack of open elements; enough of the grammar to catch a missing end or a bare & or < ---- */

static bool entity_whole(const char *at) {
    size_t size = strcspn(at, ";<& ");
    return at[size] == ';' && size > 1 && size < 10;
}

static const char *xml_fault(const char *text) {
    char open[64][40];
    size_t depth = 0;
    for (const char *c = text; *c; c++) {
        if (*c == '&' && !entity_whole(c + 1)) return c;
        if (*c != '<' || c[1] == '?' || c[1] == '!') continue;
        const char *end = strchr(c, '>');
        bool closes = c[1] == '/';
        size_t size = strcspn(c + 1 + closes, " \t\n/>");
        if (!end || !size || size >= sizeof open[0]) return c;
        if (closes) {
            if (!depth || strlen(open[depth - 1]) != size || strncmp(open[depth - 1], c + 2, size) != 0) return c;
            depth--;
        } else if (end[-1] != '/') {
            if (depth == 64) return c;
            snprintf(open[depth++], sizeof open[0], "%.*s", (int)size, c + 1);
        }
        c = end;
    }
    return depth ? text : NULL;
}

static void assert_well_formed(const char *text) {
    const char *fault = xml_fault(text);
    if (fault) fail_msg("not well-formed at: %.60s", fault);
}

static void the_xml_check_sees_faults(void **state) {
    (void)state;
    assert_null(xml_fault("<?xml version=\"1.0\"?><a b=\"&amp;\"><c/>x &#39;</a>"));
    assert_non_null(xml_fault("<a><b></a></b>"));
    assert_non_null(xml_fault("<a>x & y</a>"));
    assert_non_null(xml_fault("<a>"));
}

static size_t occurrences(const char *text, const char *part) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) count++;
    return count;
}

/* ---- text ---- */

static void numbers_read_like_a_person_writes_them(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {1, "1"},
                 {221, "221"},
                 {4096, "4096"},
                 {65536, "65,536"},
                 {-1234567, "−1,234,567"},
                 {0.5, "0.5"},
                 {1.2345, "1.23"},
                 {0.50004, "0.500"},
                 {0.001, "0.001"},
                 {0.00123456, "0.00123"},
                 {0.0004, "4×10⁻⁴"},
                 {1.2e-5, "1.2×10⁻⁵"},
                 {-3.14159e-10, "−3.14×10⁻¹⁰"},
                 {9.9999, "10.0"},
                 {99.99, "100"},
                 {1234.6, "1235"},
                 {12345.6, "12,346"},
                 {2e9, "2×10⁹"},
                 {6.02214e23, "6.02×10²³"},
                 {NAN, "diverged"},
                 {INFINITY, "diverged"}};
    char text[NUMBER_TEXT_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        number_text(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void escaping_leaves_no_markup(void **state) {
    (void)state;
    struct buffer out = {0};
    OK(text_escape(ctx, &out, "<a href=\"x\">'&\x01é</a>"));
    assert_string_equal(out.data, "&lt;a href=&quot;x&quot;&gt;&#39;&amp; é&lt;/a&gt;");
    buffer_clear(&out);
    OK(text_print(ctx, &out, "<b>%s</b> 95 %% %s", "<", ""));
    assert_string_equal(out.data, "<b>&lt;</b> 95 % ");
    buffer_destroy(&out);
}

static void bounds_are_read_back(void **state) {
    (void)state;
    double low, high;
    assert_true(bound_parse(">= 20", &low, &high) && low == 20 && isinf(high));
    assert_true(bound_parse("<= 0.001", &low, &high) && isinf(low) && high == 0.001);
    assert_true(bound_parse("in [1.2, 2.4]", &low, &high) && low == 1.2 && high == 2.4);
    assert_false(bound_parse("about 3", &low, &high));
    assert_false(bound_parse("in [1.2]", &low, &high));
}

/* ---- axes ---- */

static void axes_hold_the_data_and_have_round_tics(void **state) {
    (void)state;
    static const struct {
        double low, high;
        bool log;
    } cases[] = {{0, 9000, false}, {3e-5, 1.2, true}, {600, 3600, true}, {-0.3, 0.2, false},
                 {5, 5, false},    {7, 7, true},      {1e-12, 1e9, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct extent extent = extent_empty;
        struct axis axis;
        extent_add(&extent, cases[i].low);
        extent_add(&extent, cases[i].high);
        extent_add(&extent, NAN);
        axis_make(&extent, cases[i].log, false, &axis);
        assert_true(axis.low <= cases[i].low && axis.high >= cases[i].high && axis.low < axis.high);
        assert_in_range(axis.tic_count, 2, 11);
        for (size_t t = 0; t < axis.tic_count; t++)
            assert_true(axis.tics[t] >= axis.low * (1 - 1e-9) - 1e-9 && axis.tics[t] <= axis.high * (1 + 1e-9) + 1e-9);
        assert_true(axis_place(&axis, cases[i].low) >= 0 && axis_place(&axis, cases[i].high) <= 1);
    }
}

/* ---- figure data ---- */

static void figure_data_reads_back_what_was_written(void **state) {
    (void)state;
    struct figure_data first = {.kind = FIGURE_LINES}, second;
    OK(curve_fill(&first));
    OK(figure_data_write(ctx, &first, folder, "curve"));
    OK(figure_data_read(ctx, FIGURE_LINES, folder, "curve", &second));
    assert_int_equal(second.point_count, first.point_count);
    assert_int_equal(second.marker_count, 1);
    assert_string_equal(second.series.names[1], "a, \"quoted\" <name>");
    assert_string_equal(second.markers[0].label, first.markers[0].label);
    for (size_t i = 0; i < first.point_count; i++) {
        assert_int_equal(second.points[i].series, first.points[i].series);
        assert_true(second.points[i].x == first.points[i].x);
        assert_true(second.points[i].y == first.points[i].y || (isnan(second.points[i].y) && isnan(first.points[i].y)));
        assert_true(isnan(first.points[i].low) ? isnan(second.points[i].low)
                                               : second.points[i].low == first.points[i].low);
    }
    figure_data_destroy(&first);
    figure_data_destroy(&second);
}

static void rankings_read_back_in_their_order(void **state) {
    (void)state;
    struct figure_data data;
    directory_write();
    OK(figure_data_read(ctx, FIGURE_RANKING, folder, "ranks", &data));
    assert_int_equal(data.point_count, 3);
    assert_string_equal(data.series.names[1], "krr_poly4, \"wide\"");
    assert_true(data.points[0].y == 1e-5 && data.points[0].low == 5e-6 && data.points[0].high == 2e-5);
    assert_true(data.points[1].y == 0.02 && isnan(data.points[1].low) && isnan(data.points[1].high));
    assert_true(isnan(data.points[2].y));
    figure_data_destroy(&data);
}

static void damaged_figure_data_is_refused_with_its_line(void **state) {
    (void)state;
    static const struct {
        enum figure_kind kind;
        const char *text, *message;
    } cases[] = {
        {FIGURE_LINES, "", ":1: expected series,x,y,low,high,label"},
        {FIGURE_BARS, "series,x,y,low,high,label\n", ":1: expected series,category,y,low,high"},
        {FIGURE_LINES, "series,x,y,low,high,label\na,1,2,,\n", ":2: expected 6 fields, found 5"},
        {FIGURE_LINES, "series,x,y,low,high,label\na,1,2,,,,\n", ":2: expected 6 fields, found more"},
        {FIGURE_LINES, "series,x,y,low,high,label\na,1,2,,,\na,one,2,,,\n",
         ":3: expected a number in column x, found 'one'"},
        {FIGURE_LINES, "series,x,y,low,high,label\na,,2,,,\n", ":2: expected a number in column x"},
        {FIGURE_LINES, "series,x,y,low,high,label\na,1,2,1,,\n", ":2: expected both ends of the interval"},
        {FIGURE_LINES, "series,x,y,low,high,label\n\"a,1,2,1,,\n", ":2: field 1: quote is not closed"},
        {FIGURE_LINES, "series,x,y,low,high,label\n\"a\"b,1,2,1,,\n", ":2: expected a comma after the closing quote"},
        {FIGURE_LINES, "series,x,y,low,high,label\n@other,1,,,,x\n", ":2: expected a series or @marker"},
        {FIGURE_LINES, "series,x,y,low,high,label\n@marker,1,,,,\n", ":2: expected a marker's name"},
        {FIGURE_LINES, "series,x,y,low,high,label\na\xff,1,2,,,\n", ":2: expected UTF-8 text, found byte 0xff"},
        {FIGURE_BARS, "series,category,y,low,high\na,,2,,\n", ":2: expected a name in column category"},
        {FIGURE_RANKING, "series,category,y,low,high\n", ":1: expected series,x,low,high"},
        {FIGURE_RANKING, "series,x,low,high\na,b,,\n", ":2: expected a number or nothing in column x, found 'b'"},
        {FIGURE_RANKING, "series,x,low,high\na,2,1,\n", ":2: expected both ends of the interval or none, found '1'"},
        {FIGURE_RANKING, "series,x,low,high\n,2,1,3\n", ":2: expected a name in column series"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct figure_data data;
        assert_int_equal(figure_data_parse(ctx, cases[i].kind, "f.csv", cases[i].text, strlen(cases[i].text), &data),
                         STRATA_ERR_FORMAT);
        if (!strstr(strata_context_message(ctx), cases[i].message))
            fail_msg("case %zu: '%s' without '%s'", i, strata_context_message(ctx), cases[i].message);
    }
}

static void figure_data_refuses_what_its_files_cannot_hold(void **state) {
    (void)state;
    struct figure_data lines = {.kind = FIGURE_LINES}, tiles = {.kind = FIGURE_TILES};
    const double pixel = 1;
    assert_int_equal(figure_data_point(ctx, &lines, "@marker", 1, 1, NAN, NAN), STRATA_ERR_ARGUMENT);
    assert_int_equal(figure_data_point(ctx, &lines, "a\nb", 1, 1, NAN, NAN), STRATA_ERR_ARGUMENT);
    assert_int_equal(figure_data_point(ctx, &lines, "a", NAN, 1, NAN, NAN), STRATA_ERR_ARGUMENT);
    assert_int_equal(figure_data_bar(ctx, &lines, "a", "b", 1, NAN, NAN), STRATA_ERR_ARGUMENT);
    assert_int_equal(figure_data_tiles(ctx, &tiles, "../up", 1, 1, 1, &pixel), STRATA_ERR_ARGUMENT);
    OK(figure_data_tiles(ctx, &tiles, "one", 1, 1, 1, &pixel));
    assert_int_equal(figure_data_tiles(ctx, &tiles, "one", 1, 1, 1, &pixel), STRATA_ERR_ARGUMENT);
    figure_data_destroy(&lines);
    figure_data_destroy(&tiles);
}

/* ---- drawing ---- */

static void scripts_quote_every_text(void **state) {
    (void)state;
    struct figure_data data = {.kind = FIGURE_LINES};
    struct buffer script = {0};
    double height;
    OK(curve_fill(&data));
    OK(figure_data_point(ctx, &data, "`touch x` $(y) @z", 1, 1, NAN, NAN));
    OK(figure_script(ctx, &toy_figures[0], &data, FORMAT_SVG, &script, &height));
    assert_non_null(strstr(script.data, "'it''s an error'"));
    assert_non_null(strstr(script.data, "'`touch x` $(y) @z'"));
    assert_int_equal(occurrences(script.data, "\""),
                     2); /* those of a name: a literal in double quotes would substitute */
    buffer_destroy(&script);
    figure_data_destroy(&data);
}

static void fitted_slopes_stand_in_the_legend(void **state) {
    (void)state;
    const struct figure spec = {
        .id = "f", .kind = FIGURE_POINTS, .title = "t", .x_label = "x", .y_label = "y", .log_x = true, .log_y = true};
    struct figure_data data = {.kind = FIGURE_POINTS};
    struct buffer script = {0};
    double height;
    OK(figure_data_point(ctx, &data, "sgd_joint", 10, 600, NAN, NAN));
    OK(figure_data_point(ctx, &data, "sgd_joint:fit", 10, 600, NAN, NAN));
    OK(figure_data_point(ctx, &data, "sgd_joint:fit", 40, 600 * pow(4, 1.5), NAN, NAN)); /* slope 1.5 by construction */
    OK(figure_script(ctx, &spec, &data, FORMAT_SVG, &script, &height));
    assert_non_null(strstr(script.data, "'SGD, all layers together (slope 1.5)'"));
    assert_null(strstr(script.data, ":fit"));
    buffer_destroy(&script);
    figure_data_destroy(&data);
}

static void learners_are_titled_once_and_keep_their_colour(void **state) {
    (void)state;
    struct figure_names names = {.names = (char *[]){"sgd_joint", "dense_joint/depth=3", "layerwise", "other"},
                                 .count = 4};
    struct series_look *looks;
    struct buffer label = {0};
    for (size_t i = 0; i < learner_table_size; i++) {
        assert_ptr_equal(series_title(learner_table[i]->name), learner_table[i]->title);
        assert_true(learner_table[i]->title[0] >= 'A' && learner_table[i]->title[0] <= 'Z');
    }
    assert_null(series_title("other"));
    OK(series_label(ctx, &label, names.names[1]));
    assert_string_equal(label.data, "Dense, all layers together, depth 3");
    OK(series_looks(ctx, &names, &looks));
    assert_string_equal(looks[0].style->colour, looks[1].style->colour);
    for (size_t i = 2; i < 4; i++) assert_string_not_equal(looks[i].style->colour, looks[0].style->colour);
    assert_string_not_equal(looks[2].style->colour, looks[3].style->colour);
    mem_free(looks);
    buffer_destroy(&label);
}

static void descriptions_hold_the_numbers(void **state) {
    (void)state;
    static const char *const parts[] = {
        "Lower is <better> & it's clear. SGD, all layers together: 1 at 0, 0.01 at 40.",
        "Compare. SGD, all layers together, layer 1: 0.1; Layer by layer, frozen below, "
        "layer 1: diverged.",
        "Left is better. SGD, all layers together: 1×10⁻⁵; Kernel ridge, degree 4",
        "Look. before: 2 pictures of 3 x 4. after: 2 pictures of 3 x 4."};
    directory_write();
    for (size_t i = 0; toy_figures[i].id; i++) {
        struct figure_data data;
        struct buffer words = {0};
        OK(figure_data_read(ctx, toy_figures[i].kind, folder, toy_figures[i].id, &data));
        OK(figure_describe(ctx, &toy_figures[i], &data, &words));
        if (!strstr(words.data, parts[i])) fail_msg("expected '%s' in '%s'", parts[i], words.data);
        buffer_destroy(&words);
        figure_data_destroy(&data);
    }
}

static void descriptions_survive_any_failing_allocation(void **state) {
    (void)state;
    directory_write();
    for (size_t i = 0; toy_figures[i].id; i++) {
        struct figure_data data;
        OK(figure_data_read(ctx, toy_figures[i].kind, folder, toy_figures[i].id, &data));
        strata_status status = STRATA_ERR_MEMORY;
        for (uint64_t n = 1; status != STRATA_OK; n++) {
            struct buffer words = {0};
            mem_fail_from(n);
            status = figure_describe(ctx, &toy_figures[i], &data, &words);
            mem_fail_from(0);
            assert_true(status == STRATA_OK || status == STRATA_ERR_MEMORY);
            buffer_destroy(&words);
        }
        figure_data_destroy(&data);
    }
}

static void every_kind_is_drawn_whole(void **state) {
    (void)state;
    directory_write();
    for (size_t i = 0; toy_figures[i].id; i++) {
        struct figure_data data;
        struct buffer page = {0};
        char name[64];
        OK(figure_data_read(ctx, toy_figures[i].kind, folder, toy_figures[i].id, &data));
        OK(figure_draw(ctx, &(struct figure_request){&toy_figures[i], &data, folder, "gnuplot", true}, &page));
        snprintf(name, sizeof name, "figures/%s.svg", toy_figures[i].id);
        struct buffer svg = text_read(name);
        assert_well_formed(svg.data);
        assert_well_formed(page.data);
        assert_non_null(strstr(svg.data, "viewBox="));
        assert_int_equal(occurrences(svg.data, "<title"), 1);
        assert_int_equal(occurrences(page.data, "http"), 0);
        assert_int_equal(occurrences(svg.data, "http"), 2); /* the two namespaces */
        snprintf(name, sizeof name, "id='%s-gpDot'", toy_figures[i].id);
        assert_int_equal(occurrences(page.data, name), 1);
        snprintf(name, sizeof name, "figures/%s.png", toy_figures[i].id);
        assert_true(file_exists(path_of(name)));
        buffer_destroy(&svg);
        buffer_destroy(&page);
        figure_data_destroy(&data);
    }
}

static void empty_figures_are_drawn_without_fault(void **state) {
    (void)state;
    struct figure_data data = {.kind = FIGURE_LINES};
    struct buffer page = {0};
    OK(figure_data_write(ctx, &data, folder, "curve"));
    OK(figure_draw(ctx, &(struct figure_request){&toy_figures[0], &data, folder, "gnuplot", false}, &page));
    assert_non_null(strstr(page.data, "no data"));
    buffer_destroy(&page);
}

/* ---- the page ---- */

static void the_page_says_everything_and_escapes_it(void **state) {
    (void)state;
    static const char *const parts[] = {"A &lt;toy&gt; &amp; its study",
                                        "Is 1 &lt; 2?",
                                        "1 of 2 claims came out as the theory says; 1 came out otherwise.",
                                        "1 of 1 control behaved as it should.",
                                        "One question is open in theory; here it holds.",
                                        "Not as expected",
                                        "&lt;script&gt;alert(1)&lt;/script&gt;",
                                        "95 % interval 160 to 305",
                                        "bound: at least 20",
                                        "bound: between 1.2 and 2.4",
                                        "seed 3 diverged at step 1200",
                                        "Lower is &lt;better&gt; &amp; it&#39;s clear.",
                                        "All &lt;learners&gt;",
                                        "SGD, all layers together",
                                        "<td class=\"n\">diverged</td>",
                                        "strata run toy --config config.ini",
                                        "<td class=\"set\">smoke</td>",
                                        "weight of a level &lt;relative&gt;",
                                        "&lt;cpu&gt;",
                                        "<html lang=\"en\">",
                                        "name=\"viewport\""};
    directory_write();
    OK(report_build(ctx, &toy, folder));
    struct buffer page = text_read("report.html");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(page.data, parts[i])) fail_msg("the page lacks '%s'", parts[i]);
    static const char *const banned[] = {"http:", "https:", "src=", "@import", "url(h", "<script", "<link"};
    for (size_t i = 0; i < sizeof banned / sizeof *banned; i++)
        if (strstr(page.data, banned[i])) fail_msg("the page has '%s'", banned[i]);
    assert_true(strstr(page.data, "id=\"toy.bad\"") < strstr(page.data, "id=\"toy.good\"")); /* unexpected first */
    assert_int_equal(occurrences(page.data, "<svg viewBox=\"12 "), 4);
    assert_string_equal(warning, "");
    buffer_destroy(&page);
}

static void the_same_run_gives_the_same_page(void **state) {
    (void)state;
    directory_write();
    OK(report_build(ctx, &toy, folder));
    struct buffer first = text_read("report.html");
    OK(report_build(ctx, &toy, folder));
    struct buffer second = text_read("report.html");
    assert_string_equal(first.data, second.data);
    buffer_destroy(&first);
    buffer_destroy(&second);
}

static void without_gnuplot_the_report_is_still_written(void **state) {
    (void)state;
    directory_write();
    OK(report_build_with(ctx, &toy, folder, "/nonexistent/gnuplot"));
    struct buffer page = text_read("report.html");
    assert_int_equal(occurrences(page.data, "Not drawn: /nonexistent/gnuplot"), 4);
    assert_non_null(strstr(warning, "was not drawn"));
    assert_false(file_exists(path_of("figures/curve.svg")));
    buffer_destroy(&page);
}

static void without_gnuplot_a_report_with_figures_stays(void **state) {
    (void)state;
    directory_write();
    OK(report_build(ctx, &toy, folder));
    struct buffer before = text_read("report.html");
    assert_int_equal(report_build_with(ctx, &toy, folder, "/nonexistent/gnuplot"), STRATA_ERR_NOT_FOUND);
    assert_non_null(strstr(strata_context_message(ctx), "left as they are"));
    struct buffer after = text_read("report.html");
    assert_string_equal(after.data, before.data);
    buffer_destroy(&before);
    buffer_destroy(&after);
}

/* What a run of one seed leaves: no ends of intervals, which is not the same as a fit that diverged. */
static void one_seed_has_no_interval(void **state) {
    (void)state;
    directory_write();
    json_t *result = NULL;
    OK(json_read(ctx, path_of("result.json"), &result));
    json_t *claim = json_array_get(json_object_get(result, "claims"), 2),
           *table = json_array_get(json_object_get(result, "tables"), 0),
           *row = json_array_get(json_object_get(table, "rows"), 0);
    json_object_set_new(claim, "low", json_null());
    json_object_set_new(claim, "high", json_null());
    json_object_set_new(claim, "seeds", json_integer(1));
    json_array_set_new(json_object_get(table, "columns"), 2, json_string("low"));
    json_array_set_new(row, 2, json_null());
    assert_int_equal(json_dump_file(result, path_of("result.json"), 0), 0);
    json_decref(result);
    OK(report_build_with(ctx, &toy, folder, "/nonexistent/gnuplot"));
    struct buffer page = text_read("report.html");
    assert_non_null(strstr(page.data, "no interval from one seed"));
    assert_non_null(strstr(page.data, ">none</td>"));
    buffer_destroy(&page);
}

static void tics_of_any_step_differ(void **state) {
    (void)state;
    static const double steps[] = {0.025, 0.25, 2.5, 0.2, 5, 250};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        for (int t = -4; t < 4; t++) {
            char text[NUMBER_TEXT_SIZE];
            number_tic(t * steps[i], steps[i], text);
            if (t >= 0) assert_float_equal(strtod(text, NULL), t * steps[i], 1e-12);
        }
}

static void a_failing_gnuplot_is_named_with_its_message(void **state) {
    (void)state;
    struct buffer out = {0}, script = {0};
    OK(buffer_print(ctx, &script, "plot nonsense\n"));
    assert_int_equal(gnuplot_run(ctx, "gnuplot", &script, &out), STRATA_ERR_UNSUPPORTED);
    assert_non_null(strstr(strata_context_message(ctx), "exit status"));
    assert_non_null(strstr(strata_context_message(ctx), "undefined variable: nonsense"));
    buffer_destroy(&script);
    buffer_destroy(&out);
    directory_write();
    OK(report_build_with(ctx, &toy, folder, "false"));
    assert_non_null(strstr(warning, "false: exit status 1"));
}

static void a_damaged_directory_is_named(void **state) {
    (void)state;
    directory_write();
    text_write("figures/curve.csv", "series,x,y,low,high,label\nsgd_joint,1,oops,,,\n");
    assert_int_equal(report_build(ctx, &toy, folder), STRATA_ERR_FORMAT);
    assert_non_null(strstr(strata_context_message(ctx),
                           "figures/curve.csv:2: expected a number or nothing in column y, found 'oops'"));
    curve_write();
    text_write(
        "result.json",
        "{\"study\":\"toy\",\"preset\":\"smoke\",\"claims\":[],\"tables\":[],\"figures\":[\"figures/../../etc.svg\"]}");
    assert_int_equal(report_build(ctx, &toy, folder), STRATA_ERR_FORMAT);
    text_write("result.json", "{\"study\":\"other\"}");
    assert_int_equal(report_build(ctx, &toy, folder), STRATA_ERR_FORMAT);
    text_write("result.json", "{\"study\":\"toy\",\"preset\":\"smoke\",\"claims\":[{\"id\":\"a\"}],\"figures\":[]}");
    assert_int_equal(report_build(ctx, &toy, folder), STRATA_ERR_FORMAT);
    assert_non_null(strstr(strata_context_message(ctx), "claims[0]: key 'role'"));
    assert_false(file_exists(path_of("report.html")));
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    directory_write();
    strata_status status = STRATA_ERR_MEMORY;
    for (uint64_t n = 1; status != STRATA_OK; n++) {
        mem_fail_from(n);
        status = report_build_with(ctx, &toy, folder, "/nonexistent/gnuplot");
        mem_fail_from(0);
        if (status != STRATA_OK && status != STRATA_ERR_MEMORY)
            fail_msg("allocation %llu: %s", (unsigned long long)n, strata_context_message(ctx));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_xml_check_sees_faults),
        cmocka_unit_test_setup_teardown(numbers_read_like_a_person_writes_them, setup, teardown),
        cmocka_unit_test_setup_teardown(escaping_leaves_no_markup, setup, teardown),
        cmocka_unit_test_setup_teardown(bounds_are_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(axes_hold_the_data_and_have_round_tics, setup, teardown),
        cmocka_unit_test_setup_teardown(figure_data_reads_back_what_was_written, setup, teardown),
        cmocka_unit_test_setup_teardown(rankings_read_back_in_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_figure_data_is_refused_with_its_line, setup, teardown),
        cmocka_unit_test_setup_teardown(figure_data_refuses_what_its_files_cannot_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(scripts_quote_every_text, setup, teardown),
        cmocka_unit_test_setup_teardown(fitted_slopes_stand_in_the_legend, setup, teardown),
        cmocka_unit_test_setup_teardown(learners_are_titled_once_and_keep_their_colour, setup, teardown),
        cmocka_unit_test_setup_teardown(descriptions_hold_the_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(descriptions_survive_any_failing_allocation, setup, teardown),
        cmocka_unit_test_setup_teardown(every_kind_is_drawn_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_figures_are_drawn_without_fault, setup, teardown),
        cmocka_unit_test_setup_teardown(the_page_says_everything_and_escapes_it, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_run_gives_the_same_page, setup, teardown),
        cmocka_unit_test_setup_teardown(without_gnuplot_the_report_is_still_written, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failing_gnuplot_is_named_with_its_message, setup, teardown),
        cmocka_unit_test_setup_teardown(without_gnuplot_a_report_with_figures_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(one_seed_has_no_interval, setup, teardown),
        cmocka_unit_test(tics_of_any_step_differ),
        cmocka_unit_test_setup_teardown(a_damaged_directory_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(any_allocation_may_fail, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
