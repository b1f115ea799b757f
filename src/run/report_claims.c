/* SPDX-License-Identifier: MIT */
/* Verdicts: a card for each claim with its controls below it; cards with a row not as expected come first. */
#include <math.h>
#include <string.h>

#include "core/json.h"
#include "run/report.h"
#include "run/report_text.h"

/* ---- reading ---- */

strata_status report_text(const struct report *report, const json_t *object, const char *place, const char *key,
                          const char **text) {
    *text = json_string_value(json_object_get(object, key));
    if (*text) return STRATA_OK;
    return strata_fail(report->ctx, STRATA_ERR_FORMAT, "%s: %s: key '%s': expected a text", report->result_path, place,
                       key);
}

static strata_status claim_number(const struct report *report, const json_t *object, const char *place, const char *key,
                                  double *number) {
    const json_t *value = json_object_get(object, key);
    *number = NAN;
    if (json_is_number(value) || json_is_null(value)) {
        *number = json_number_read(value);
        return STRATA_OK;
    }
    return strata_fail(report->ctx, STRATA_ERR_FORMAT, "%s: %s: key '%s': expected a number or null",
                       report->result_path, place, key);
}

/** A text that must be one of a list. */
static strata_status claim_choice(const struct report *report, const char *place, const char *key, const char *text,
                                  const char *const *choices) {
    for (size_t i = 0; choices[i]; i++)
        if (strcmp(choices[i], text) == 0) return STRATA_OK;
    return strata_fail(report->ctx, STRATA_ERR_FORMAT, "%s: %s: key '%s': unexpected '%s'", report->result_path, place,
                       key, text);
}

strata_status report_claim_read(const struct report *report, size_t index, struct report_claim *claim) {
    const json_t *row = json_array_get(json_object_get(report->result, "claims"), index);
    const char *scale;
    char place[32];
    snprintf(place, sizeof place, "claims[%zu]", index);
    *claim = (struct report_claim){.note = json_string_value(json_object_get(row, "note"))};
    const struct {
        const char *key, **text;
    } texts[] = {{"id", &claim->id},           {"role", &claim->role},           {"expected", &claim->expected},
                 {"verdict", &claim->verdict}, {"statement", &claim->statement}, {"source", &claim->source},
                 {"unit", &claim->unit},       {"bound", &claim->bound},         {"scale", &scale}};
    const struct {
        const char *key;
        double *number;
    } numbers[] = {{"measured", &claim->measured}, {"low", &claim->low}, {"high", &claim->high}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        STRATA_TRY(report_text(report, row, place, texts[i].key, texts[i].text));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        STRATA_TRY(claim_number(report, row, place, numbers[i].key, numbers[i].number));
    STRATA_TRY(claim_choice(report, place, "role", claim->role, (const char *const[]){"claim", "control", NULL}));
    STRATA_TRY(claim_choice(report, place, "expected", claim->expected,
                            (const char *const[]){"holds", "fails", "open", NULL}));
    STRATA_TRY(claim_choice(report, place, "verdict", claim->verdict,
                            (const char *const[]){"holds", "fails", "inconclusive", NULL}));
    claim->seeds = (size_t)json_integer_value(json_object_get(row, "seeds"));
    claim->log_scale = strcmp(scale, "log") == 0;
    claim->control = strcmp(claim->role, "control") == 0;
    claim->controls = json_object_get(row, "controls");
    return STRATA_OK;
}

bool report_claim_expected(const struct report_claim *claim) {
    return strcmp(claim->expected, "open") == 0 || strcmp(claim->expected, claim->verdict) == 0;
}

bool bound_parse(const char *text, double *low, double *high) {
    char first[64], second[64], tail;
    *low = -INFINITY;
    *high = INFINITY;
    if (strncmp(text, ">= ", 3) == 0) return number_parse(text + 3, low);
    if (strncmp(text, "<= ", 3) == 0) return number_parse(text + 3, high);
    if (sscanf(text, "in [%63[^,], %63[^]]]%c", first, second, &tail) != 2) return false;
    return number_parse(first, low) && number_parse(second, high);
}

/* ---- one row ---- */

/** Looks and words of a verdict. */
struct badge {
    const char *verdict, *word, *icon;
};

static const struct badge badges[] = {
    {"holds", "Holds", "<path d=\"M3 8.5l3.2 3.2L13 4.6\"/>"},
    {"fails", "Fails", "<path d=\"M4 4l8 8M12 4l-8 8\"/>"},
    {"inconclusive", "Inconclusive", "<path d=\"M2.5 8h2M7 8h2M11.5 8h2\"/>"},
};

static const struct badge *badge_of(const char *verdict) {
    size_t i = 0;
    while (strcmp(badges[i].verdict, verdict) != 0) i++; /* checked by report_claim_read */
    return &badges[i];
}

/** Colour by whether the verdict is the expected one; a control that fails as it should is no alarm. */
static const char *badge_colour(const struct report_claim *claim) {
    if (strcmp(claim->verdict, "inconclusive") == 0) return "unsure";
    if (!report_claim_expected(claim)) return "bad";
    return claim->control || strcmp(claim->expected, "holds") != 0 ? "open" : "good";
}

static strata_status state_write(struct report *report, const struct report_claim *claim) {
    const struct badge *badge = badge_of(claim->verdict);
    bool open = strcmp(claim->expected, "open") == 0, expected = report_claim_expected(claim);
    STRATA_TRY(buffer_print(
        report->ctx, &report->page,
        "<p class=\"state\"><span class=\"badge %s\"><svg viewBox=\"0 0 16 16\" fill=\"none\" stroke=\"currentColor\" "
        "stroke-width=\"2.4\" stroke-linecap=\"round\" aria-hidden=\"true\">%s</svg>%s</span>",
        badge_colour(claim), badge->icon, badge->word));
    const char *words = open     ? "an open question"
                      : expected ? (claim->control ? "as it should" : "as the theory says")
                                 : NULL;
    if (words)
        STRATA_TRY(buffer_print(report->ctx, &report->page, "<span class=\"match\">%s</span>", words));
    else
        STRATA_TRY(text_print(report->ctx, &report->page,
                              "<span class=\"match off\">not as expected: the theory says that it %s</span>",
                              claim->expected));
    return text_print(report->ctx, &report->page, "<span class=\"id\">%s</span></p>\n", claim->id);
}

static strata_status bound_write(struct report *report, const struct report_claim *claim) {
    char low_text[NUMBER_TEXT_SIZE], high_text[NUMBER_TEXT_SIZE];
    double low, high;
    if (!bound_parse(claim->bound, &low, &high))
        return text_print(report->ctx, &report->page, "bound: %s", claim->bound);
    number_text(low, low_text);
    number_text(high, high_text);
    if (isinf(high)) return text_print(report->ctx, &report->page, "bound: at least %s", low_text);
    if (isinf(low)) return text_print(report->ctx, &report->page, "bound: at most %s", high_text);
    return text_print(report->ctx, &report->page, "bound: between %s and %s", low_text, high_text);
}

/** True for a claim that the study states without an interval. */
static bool claim_exact(const struct report *report, const char *id) {
    for (const struct claim *claim = report->study->claims; claim && claim->id; claim++)
        if (strcmp(claim->id, id) == 0) return claim->exact;
    return false;
}

/** Value, interval, bound and their picture. */
static strata_status measure_write(struct report *report, const struct report_claim *claim, const double range[2]) {
    char value[NUMBER_TEXT_SIZE], low[NUMBER_TEXT_SIZE], high[NUMBER_TEXT_SIZE];
    number_text(claim->measured, value);
    number_text(claim->low, low);
    number_text(claim->high, high);
    STRATA_TRY(text_print(report->ctx, &report->page,
                          "<div class=\"measure\"><span class=\"value\"><span class=\"unit\">%s</span> %s</span>",
                          isnan(claim->measured) ? "" : claim->unit, value));
    if (isnan(claim->measured))
        STRATA_TRY(text_print(report->ctx, &report->page, "<span class=\"range\">%s</span>",
                              claim->note ? claim->note : "a fit diverged"));
    else if (isnan(claim->low) || isnan(claim->high))
        STRATA_TRY(buffer_print(report->ctx, &report->page, "<span class=\"range\">no interval%s</span>",
                                claim->seeds == 1 ? " from one seed" : ""));
    else if (claim->low != claim->high)
        STRATA_TRY(
            text_print(report->ctx, &report->page, "<span class=\"range\">95 %% interval %s to %s</span>", low, high));
    else
        STRATA_TRY(buffer_print(report->ctx, &report->page, "<span class=\"range\">%s</span>",
                                claim_exact(report, claim->id) ? "the worst case" : "the same for every seed"));
    STRATA_TRY(buffer_print(report->ctx, &report->page, "<span class=\"bound\">"));
    STRATA_TRY(bound_write(report, claim));
    STRATA_TRY(buffer_print(report->ctx, &report->page, "</span>"));
    STRATA_TRY(report_strip(report, claim, range));
    return buffer_print(report->ctx, &report->page, "</div>\n");
}

static strata_status row_write(struct report *report, const struct report_claim *claim, const double range[2]) {
    const char *heading = claim->control ? "h4" : "h3";
    STRATA_TRY(buffer_print(report->ctx, &report->page, "<div class=\"row\"><div>\n"));
    STRATA_TRY(state_write(report, claim));
    STRATA_TRY(buffer_print(report->ctx, &report->page, "<%s>", heading));
    STRATA_TRY(text_escape(report->ctx, &report->page, claim->statement));
    STRATA_TRY(buffer_print(report->ctx, &report->page, "</%s>\n<p class=\"facts\">%zu seed%s", heading, claim->seeds,
                            claim->seeds == 1 ? "" : "s"));
    if (claim->note && !isnan(claim->measured))
        STRATA_TRY(text_print(report->ctx, &report->page, " · %s", claim->note));
    if (!claim->control) STRATA_TRY(text_print(report->ctx, &report->page, " · source: %s", claim->source));
    STRATA_TRY(buffer_print(report->ctx, &report->page, "</p>\n</div>\n"));
    STRATA_TRY(measure_write(report, claim, range));
    return buffer_print(report->ctx, &report->page, "</div>\n");
}

/* ---- one claim with its controls ---- */

/** Index of a control in "claims"; the count when it is not there. */
static size_t control_find(const struct report *report, const char *id) {
    const json_t *claims = json_object_get(report->result, "claims");
    size_t i = 0;
    for (; i < json_array_size(claims); i++) {
        const char *other = json_string_value(json_object_get(json_array_get(claims, i), "id"));
        if (id && other && strcmp(id, other) == 0) break;
    }
    return i;
}

/** Runs `visit` on a claim's controls in order. */
typedef strata_status (*control_visit)(struct report *report, const struct report_claim *control, void *user);

static strata_status controls_visit(struct report *report, const struct report_claim *claim, control_visit visit,
                                    void *user) {
    for (size_t i = 0; i < json_array_size(claim->controls); i++) {
        const char *id = json_string_value(json_array_get(claim->controls, i));
        size_t index = control_find(report, id);
        struct report_claim control;
        if (index == json_array_size(json_object_get(report->result, "claims")))
            return strata_fail(report->ctx, STRATA_ERR_FORMAT, "%s: claim '%s': its control '%s' is not in 'claims'",
                               report->result_path, claim->id, id ? id : "(no text)");
        STRATA_TRY(report_claim_read(report, index, &control));
        STRATA_TRY(visit(report, &control, user));
    }
    return STRATA_OK;
}

/** What a family's strips span: values, intervals and the bound of the claim and its controls. */
struct family {
    double range[2];
    bool expected, log_scale;
};

static void family_widen(struct family *family, double value) {
    if (!isfinite(value) || (family->log_scale && value <= 0)) return;
    family->range[0] = fmin(family->range[0], value);
    family->range[1] = fmax(family->range[1], value);
}

static strata_status family_add(struct report *report, const struct report_claim *claim, void *user) {
    struct family *family = user;
    double low, high;
    (void)report;
    family->expected = family->expected && report_claim_expected(claim);
    family_widen(family, claim->low);
    family_widen(family, claim->high);
    family_widen(family, claim->measured);
    if (!bound_parse(claim->bound, &low, &high)) return STRATA_OK;
    family_widen(family, low);
    family_widen(family, high);
    return STRATA_OK;
}

static strata_status family_read(struct report *report, const struct report_claim *claim, struct family *family) {
    *family = (struct family){.range = {INFINITY, -INFINITY}, .expected = true, .log_scale = claim->log_scale};
    STRATA_TRY(family_add(report, claim, family));
    return controls_visit(report, claim, family_add, family);
}

static strata_status control_write(struct report *report, const struct report_claim *control, void *user) {
    STRATA_TRY(buffer_print(report->ctx, &report->page, "<li>"));
    STRATA_TRY(row_write(report, control, ((const struct family *)user)->range));
    return buffer_print(report->ctx, &report->page, "</li>\n");
}

static strata_status family_write(struct report *report, const struct report_claim *claim, struct family *family) {
    STRATA_TRY(text_print(report->ctx, &report->page,
                          family->expected ? "<article class=\"claim\" id=\"%s\">\n"
                                           : "<article class=\"claim off\" id=\"%s\">\n",
                          claim->id));
    STRATA_TRY(row_write(report, claim, family->range));
    if (json_array_size(claim->controls)) {
        STRATA_TRY(buffer_print(report->ctx, &report->page,
                                "<p class=\"controls-title\">Controls: the same measurement and bound where theory "
                                "says the opposite</p>\n<ul class=\"controls\">\n"));
        STRATA_TRY(controls_visit(report, claim, control_write, family));
        STRATA_TRY(buffer_print(report->ctx, &report->page, "</ul>\n"));
    }
    return buffer_print(report->ctx, &report->page, "</article>\n");
}

/** Families whose rows are all as expected (or not); the heading is written before the first. */
static strata_status families_write(struct report *report, bool expected, const char *heading) {
    bool any = false;
    for (size_t i = 0; i < json_array_size(json_object_get(report->result, "claims")); i++) {
        struct report_claim claim;
        struct family family;
        STRATA_TRY(report_claim_read(report, i, &claim));
        if (claim.control) continue;
        STRATA_TRY(family_read(report, &claim, &family));
        if (family.expected != expected) continue;
        if (!any) STRATA_TRY(buffer_print(report->ctx, &report->page, "<section>\n%s\n", heading));
        any = true;
        STRATA_TRY(family_write(report, &claim, &family));
    }
    return any ? buffer_print(report->ctx, &report->page, "</section>\n") : STRATA_OK;
}

strata_status report_claims(struct report *report) {
    static const char how[] = "<p class=\"note\">A claim holds when its whole 95 % interval (Student's t over seeds) "
                              "lies within the bound, fails when none of it does, "
                              "and is inconclusive otherwise. In each number line the shaded part is the bound, the "
                              "dot the measured value, the bar its interval.</p>\n";
    size_t start = report->page.size;
    STRATA_TRY(families_write(report, false,
                              "<h2>Not as expected</h2>\n<p class=\"note\">A claim stands here when it, or one of its "
                              "controls, did not come out as expected.</p>"));
    bool unexpected = report->page.size > start;
    STRATA_TRY(families_write(report, true, unexpected ? "<h2>As expected</h2>" : "<h2>Verdicts</h2>"));
    return buffer_append(report->ctx, &report->page, how, sizeof how - 1);
}
