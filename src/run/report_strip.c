/* SPDX-License-Identifier: MIT */
/* A number line for one row: the bound shaded, the interval as a bar, the measured value as a dot. */
#include <math.h>

#include "run/figure_axis.h"
#include "run/report.h"
#include "run/report_text.h"

enum { STRIP_WIDTH = 240, STRIP_HEIGHT = 40, STRIP_LEFT = 6, STRIP_RIGHT = 234, STRIP_LINE = 14 };

/** The family's range with room at both ends. */
static struct axis strip_axis(const struct report_claim *claim, const double range[2]) {
    struct axis axis = {.log = claim->log_scale, .low = range[0], .high = range[1]};
    if (axis.log) {
        double ratio = fmax(pow(axis.high / axis.low, 0.08), 1.15);
        axis.low /= ratio;
        axis.high *= ratio;
    } else {
        double room = axis.high > axis.low ? 0.08 * (axis.high - axis.low) : fmax(fabs(axis.low), 1) / 2;
        axis.low -= room;
        axis.high += room;
    }
    return axis;
}

static double strip_x(const struct axis *axis, double value) {
    return STRIP_LEFT + (STRIP_RIGHT - STRIP_LEFT) * axis_place(axis, value);
}

/** A coordinate with one decimal, in any locale. */
static double rounded(double x) { return round(10 * x) / 10; }

static strata_status line_write(struct report *report, double from, double to, double y, const char *look) {
    char x1[32], x2[32];
    number_format(rounded(from), x1);
    number_format(rounded(to), x2);
    return buffer_print(report->ctx, &report->page, "<path d=\"M%s %.0fH%s\" %s/>", x1, y, x2, look);
}

/** End of the bound: a tick with its number. */
static strata_status end_write(struct report *report, const struct axis *axis, double value) {
    char x[32], text[NUMBER_TEXT_SIZE];
    if (!isfinite(value)) return STRATA_OK;
    double place = axis_place(axis, value);
    number_format(rounded(strip_x(axis, value)), x);
    number_text(value, text);
    return buffer_print(report->ctx, &report->page,
                        "<path d=\"M%s 5V23\" stroke=\"#0b6b43\" stroke-width=\"1.5\"/><text x=\"%s\" y=\"36\" "
                        "text-anchor=\"%s\">%s</text>",
                        x, x,
                        place < 0.12   ? "start"
                        : place > 0.88 ? "end"
                                       : "middle",
                        text);
}

strata_status report_strip(struct report *report, const struct report_claim *claim, const double range[2]) {
    double low, high;
    char x[32];
    if (isnan(claim->measured) || !bound_parse(claim->bound, &low, &high) || !(range[0] <= range[1])) return STRATA_OK;
    if (claim->log_scale && range[0] <= 0) return STRATA_OK;
    struct axis axis = strip_axis(claim, range);
    double from = isfinite(low) ? low : axis.low, to = isfinite(high) ? high : axis.high;
    STRATA_TRY(buffer_print(
        report->ctx, &report->page,
        "<svg class=\"strip\" viewBox=\"0 0 %d %d\" font-size=\"11\" fill=\"#0b6b43\" role=\"img\" aria-label=\"Number "
        "line: the bound is shaded, the dot is the measured value, the bar its interval\">",
        STRIP_WIDTH, STRIP_HEIGHT));
    STRATA_TRY(line_write(report, STRIP_LEFT, STRIP_RIGHT, STRIP_LINE, "stroke=\"#b5b5b5\" stroke-width=\"1\""));
    STRATA_TRY(line_write(report, strip_x(&axis, from), strip_x(&axis, to), STRIP_LINE,
                          "stroke=\"#cfeadd\" stroke-width=\"12\""));
    STRATA_TRY(end_write(report, &axis, low));
    STRATA_TRY(end_write(report, &axis, high));
    STRATA_TRY(line_write(report, strip_x(&axis, claim->low), strip_x(&axis, claim->high), STRIP_LINE,
                          "stroke=\"#1a1a1a\" stroke-width=\"3\""));
    number_format(rounded(strip_x(&axis, claim->measured)), x);
    return buffer_print(report->ctx, &report->page, "<circle cx=\"%s\" cy=\"%d\" r=\"4.5\" fill=\"#1a1a1a\"/></svg>\n",
                        x, STRIP_LINE);
}
