/* SPDX-License-Identifier: MIT */
/* Top of the page: what was asked, and the outcome in plain English. */
#include <string.h>

#include "run/report.h"
#include "run/report_text.h"

/** How many rows of each sort there are. */
struct tally {
    size_t claims, claims_expected, claims_inconclusive;
    size_t controls, controls_expected;
    size_t open, open_hold, open_fail;
};

static strata_status tally_make(const struct report *report, struct tally *tally) {
    *tally = (struct tally){0};
    for (size_t i = 0; i < json_array_size(json_object_get(report->result, "claims")); i++) {
        struct report_claim claim;
        STRATA_TRY(report_claim_read(report, i, &claim));
        bool expected = report_claim_expected(&claim), open = strcmp(claim.expected, "open") == 0;
        bool inconclusive = strcmp(claim.verdict, "inconclusive") == 0;
        if (claim.control) {
            tally->controls++;
            tally->controls_expected += expected;
        } else if (open) {
            tally->open++;
            tally->open_hold += strcmp(claim.verdict, "holds") == 0;
            tally->open_fail += strcmp(claim.verdict, "fails") == 0;
        } else {
            tally->claims++;
            tally->claims_expected += expected;
            tally->claims_inconclusive += inconclusive;
        }
    }
    return STRATA_OK;
}

static const char *plural(size_t count) { return count == 1 ? "" : "s"; }

/** "One question is open in theory; here it holds.", "2 questions are open in theory; here 1 holds, 1 fails." */
static strata_status open_write(struct report *report, const struct tally *tally) {
    const struct {
        size_t count;
        const char *one, *many;
    } parts[] = {{tally->open_hold, "holds", "hold"},
                 {tally->open_fail, "fails", "fail"},
                 {tally->open - tally->open_hold - tally->open_fail, "is inconclusive", "are inconclusive"}};
    const char *comma = "";
    if (tally->open == 1)
        STRATA_TRY(buffer_print(report->ctx, &report->page, "One question is open in theory; here "));
    else
        STRATA_TRY(buffer_print(report->ctx, &report->page, "%zu questions are open in theory; here ", tally->open));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!parts[i].count) continue;
        if (tally->open == 1)
            STRATA_TRY(buffer_print(report->ctx, &report->page, "it %s", parts[i].one));
        else
            STRATA_TRY(buffer_print(report->ctx, &report->page, "%s%zu %s", comma, parts[i].count,
                                    parts[i].count == 1 ? parts[i].one : parts[i].many));
        comma = ", ";
    }
    return buffer_print(report->ctx, &report->page, ".");
}

/** "12 of 14 claims came out as the theory says; 1 is inconclusive; 1 came out otherwise. ..." */
static strata_status summary_write(struct report *report, const struct tally *tally) {
    strata_context *ctx = report->ctx;
    struct buffer *page = &report->page;
    size_t otherwise = tally->claims - tally->claims_expected - tally->claims_inconclusive;
    if (!tally->claims && !tally->open) return buffer_print(ctx, page, "No claims were run.");
    if (tally->claims == 1 && tally->claims_expected == 1)
        STRATA_TRY(buffer_print(ctx, page, "The claim came out as the theory says"));
    else if (tally->claims && tally->claims_expected == tally->claims)
        STRATA_TRY(buffer_print(ctx, page, "All %zu claims came out as the theory says", tally->claims));
    else if (tally->claims)
        STRATA_TRY(buffer_print(ctx, page, "%zu of %zu claim%s came out as the theory says", tally->claims_expected,
                                tally->claims, plural(tally->claims)));
    if (tally->claims_inconclusive)
        STRATA_TRY(buffer_print(ctx, page, "; %zu %s inconclusive", tally->claims_inconclusive,
                                tally->claims_inconclusive == 1 ? "is" : "are"));
    if (otherwise) STRATA_TRY(buffer_print(ctx, page, "; %zu came out otherwise", otherwise));
    if (tally->claims) STRATA_TRY(buffer_print(ctx, page, ". "));
    if (tally->controls)
        STRATA_TRY(buffer_print(ctx, page, "%zu of %zu control%s behaved as %s should. ", tally->controls_expected,
                                tally->controls, plural(tally->controls), tally->controls == 1 ? "it" : "they"));
    if (!tally->open) return STRATA_OK;
    return open_write(report, tally);
}

static strata_status style_write(struct report *report) {
    for (size_t i = 0; report_style[i]; i++)
        STRATA_TRY(buffer_append(report->ctx, &report->page, report_style[i], strlen(report_style[i])));
    return STRATA_OK;
}

strata_status report_head(struct report *report) {
    static const char opening[] = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
                                  "name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n";
    strata_context *ctx = report->ctx;
    struct buffer *page = &report->page;
    const struct study *study = report->study;
    const char *preset;
    struct tally tally;
    STRATA_TRY(tally_make(report, &tally));
    STRATA_TRY(report_text(report, report->result, "top level", "preset", &preset));
    STRATA_TRY(buffer_append(ctx, page, opening, sizeof opening - 1));
    STRATA_TRY(text_print(ctx, page, "<title>%s: %s</title>\n<style>", study->name, study->summary));
    STRATA_TRY(style_write(report));
    STRATA_TRY(buffer_print(
        ctx, page,
        "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#verdicts\">Skip to the verdicts</a>\n<header>\n"));
    STRATA_TRY(
        text_print(ctx, page, "<p class=\"kicker\">Strata study <b>%s</b>, preset %s</p>\n<h1>", study->name, preset));
    STRATA_TRY(text_sentence(ctx, page, study->summary));
    STRATA_TRY(buffer_print(ctx, page, "</h1>\n"));
    STRATA_TRY(text_print(ctx, page, "<p class=\"question\">%s</p>\n<p class=\"note\">Source: %s</p>\n",
                          study->question ? study->question : "", study->source ? study->source : ""));
    bool all = tally.claims_expected == tally.claims && tally.controls_expected == tally.controls;
    STRATA_TRY(buffer_print(ctx, page, "<p class=\"summary%s\">", all ? "" : " off"));
    STRATA_TRY(summary_write(report, &tally));
    return buffer_print(ctx, page,
                        "</p>\n<nav aria-label=\"Sections\"><ul><li><a href=\"#verdicts\">Verdicts</a></li><li><a "
                        "href=\"#figures\">Figures</a></li>"
                        "<li><a href=\"#tables\">Tables</a></li><li><a href=\"#settings\">Settings and how to "
                        "repeat</a></li></ul></nav>\n</header>\n<main>\n<div id=\"verdicts\">\n");
}
