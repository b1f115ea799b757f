/* SPDX-License-Identifier: MIT */
#include "cli/attack_report.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/terminal.h"
#include "cli/user_data.h"
#include "core/json.h"
#include "core/memory.h"
#include "data/dataset.h"
#include "run/figure_draw.h"
#include "run/report.h"
#include "run/report_text.h"

enum { EXAMPLES = 10 };

static bool trusted(const struct attack_outcome *outcome) {
    return attack_trusted(outcome->check_count, outcome->checks);
}

/* ---- the terminal */

static strata_status print_radii(strata_context *ctx, const struct attack_outcome *outcome, FILE *out, size_t width) {
    struct text_table table = {.columns = 4};
    static const char *const header[] = {"radius", "robust", "interval", "clean"};
    strata_status status = STRATA_OK;
    for (size_t i = 0; status == STRATA_OK && i < 4; ++i) status = text_table_add(ctx, &table, "%s", header[i]);
    for (size_t i = 0; status == STRATA_OK && i < outcome->radius_count; ++i) {
        const struct suite_report *report = &outcome->reports[i];
        STRATA_GO(text_table_add(ctx, &table, "%.4g", report->epsilon));
        STRATA_GO(text_table_add(ctx, &table, "%.4g", report->robust_accuracy.mean));
        STRATA_GO(
            text_table_add(ctx, &table, "[%.3g, %.3g]", report->robust_accuracy.low, report->robust_accuracy.high));
        STRATA_GO(text_table_add(ctx, &table, "%.4g", report->clean_accuracy.mean));
    }
    if (status == STRATA_OK) (void)text_table_print(&table, out, width, NULL);
cleanup:
    text_table_destroy(&table);
    return status;
}

/* What each attack left standing, a column a radius. */
static strata_status print_attacks(strata_context *ctx, const struct attack_outcome *outcome, FILE *out, size_t width) {
    size_t attacks = outcome->reports[0].entry_count;
    struct text_table table = {.columns = outcome->radius_count + 2};
    strata_status status = STRATA_OK;
    STRATA_GO(text_table_add(ctx, &table, "robust accuracy after"));
    for (size_t i = 0; i < outcome->radius_count; ++i)
        STRATA_GO(text_table_add(ctx, &table, "%.4g", outcome->radii[i]));
    STRATA_GO(text_table_add(ctx, &table, "seconds"));
    for (size_t a = 0; a < attacks; ++a) {
        double seconds = 0;
        STRATA_GO(text_table_add(ctx, &table, "%s", outcome->reports[0].entries[a].attack->title));
        for (size_t i = 0; i < outcome->radius_count; ++i) {
            STRATA_GO(text_table_add(ctx, &table, "%.4g", outcome->reports[i].entries[a].robust));
            seconds += outcome->reports[i].entries[a].seconds;
        }
        STRATA_GO(text_table_add(ctx, &table, "%.1f", seconds));
    }
    (void)text_table_print(&table, out, width, NULL);
cleanup:
    text_table_destroy(&table);
    return status;
}

strata_status attack_report_print(strata_context *ctx, const struct attack_outcome *outcome, FILE *out, size_t width) {
    fprintf(out, "%s on %s: %zu rows, %s\n\n", outcome->model, outcome->data, outcome->rows->rows,
            outcome->norm->title);
    STRATA_TRY(print_radii(ctx, outcome, out, width));
    fputc('\n', out);
    STRATA_TRY(print_attacks(ctx, outcome, out, width));
    fputs("\nCan the attacks be trusted?\n", out);
    for (size_t i = 0; i < outcome->check_count; ++i) {
        const struct attack_check *check = &outcome->checks[i];
        fprintf(out, "  %-7s %s: ", !check->ran ? "not run" : check->passed ? "yes" : "NO", check->id);
        text_wrap(out, check->text, 12 + strlen(check->id), 10, width);
    }
    if (!trusted(outcome))
        fputs("UNRELIABLE: a check failed; the robust accuracy is an upper bound at best. See docs/attacks.md.\n", out);
    return STRATA_OK;
}

/* ---- JSON */

static json_t *entry_json(const struct suite_entry *entry) {
    const struct attack_counts *counts = &entry->result.counts;
    return json_pack("{s:s,s:I,s:I,s:o,s:I,s:I,s:I,s:I,s:I,s:o}", "attack", entry->attack->name, "given",
                     (json_int_t)entry->given, "broken", (json_int_t)entry->result.broken, "robust_accuracy",
                     json_number(entry->robust), "evaluations", (json_int_t)counts->evaluations, "gradients",
                     (json_int_t)counts->gradients, "zero_gradients", (json_int_t)counts->zero_gradients,
                     "wild_gradients", (json_int_t)counts->wild_gradients, "stuck_rows", (json_int_t)counts->stuck_rows,
                     "seconds", json_number(entry->seconds));
}

static json_t *radius_json(const struct suite_report *report) {
    json_t *attacks = json_array();
    for (size_t i = 0; i < report->entry_count; ++i) attacks = json_list_add(attacks, entry_json(&report->entries[i]));
    return json_pack("{s:o,s:I,s:o,s:o,s:o,s:o,s:o}", "epsilon", json_number(report->epsilon), "rows",
                     (json_int_t)report->rows, "clean_accuracy", json_number(report->clean_accuracy.mean),
                     "robust_accuracy", json_number(report->robust_accuracy.mean), "low",
                     json_number(report->robust_accuracy.low), "high", json_number(report->robust_accuracy.high),
                     "attacks", attacks);
}

static json_t *outcome_json(const struct attack_outcome *outcome) {
    json_t *radii = json_array(), *checks = json_array();
    for (size_t i = 0; i < outcome->radius_count; ++i) radii = json_list_add(radii, radius_json(&outcome->reports[i]));
    for (size_t i = 0; i < outcome->check_count; ++i) {
        const struct attack_check *check = &outcome->checks[i];
        checks = json_list_add(checks, json_pack("{s:s,s:b,s:b,s:s}", "id", check->id, "ran", (int)check->ran, "passed",
                                                 (int)check->passed, "text", check->text));
    }
    return json_pack("{s:s,s:s,s:s,s:s,s:I,s:o,s:o,s:b,s:o,s:o,s:o}", "version", strata_version(), "model",
                     outcome->model, "data", outcome->data, "norm", outcome->norm->name, "rows",
                     (json_int_t)outcome->rows->rows, "low", json_number(outcome->target->low), "high",
                     json_number(outcome->target->high), "trusted", (int)trusted(outcome), "seconds",
                     json_number(outcome->seconds), "radii", radii, "checks", checks);
}

strata_status attack_report_json(strata_context *ctx, const struct attack_outcome *outcome, FILE *out) {
    json_t *object = outcome_json(outcome);
    struct buffer text = {0};
    if (!object) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for the result");
    strata_status status = json_print(ctx, object, 1, &text);
    if (status == STRATA_OK) fprintf(out, "%s\n", text.data);
    buffer_destroy(&text);
    json_decref(object);
    return status;
}

/* ---- figures */

static strata_status draw(strata_context *ctx, const struct figure *spec, struct figure_data *data,
                          const char *directory, struct buffer *page) {
    const struct figure_request request = {.spec = spec, .data = data, .directory = directory, .gnuplot = "gnuplot"};
    STRATA_TRY(figure_data_write(ctx, data, directory, spec->id));
    strata_status status = figure_draw(ctx, &request, page);
    if (status != STRATA_ERR_NOT_FOUND) return status;
    context_clear(ctx); /* without gnuplot the numbers stay */
    return text_print(ctx, page, "<p>%s</p>\n",
                      "This picture needs gnuplot, which was not found; its numbers are in "
                      "the folder figures.");
}

static strata_status draw_curve(strata_context *ctx, const struct attack_outcome *outcome, const char *directory,
                                struct buffer *page) {
    static const struct figure spec = {"robustness",
                                       FIGURE_LINES,
                                       "Accuracy against the radius",
                                       "radius",
                                       "accuracy",
                                       false,
                                       false,
                                       "Worst of all attacks, with 95 % intervals."};
    struct figure_data data = {.kind = FIGURE_LINES};
    strata_status status = STRATA_OK;
    for (size_t i = 0; i < outcome->radius_count; ++i) {
        const struct suite_report *report = &outcome->reports[i];
        STRATA_GO(figure_data_point(ctx, &data, "all attacks", report->epsilon, report->robust_accuracy.mean,
                                    report->robust_accuracy.low, report->robust_accuracy.high));
    }
    for (size_t a = 0; a < outcome->reports[0].entry_count; ++a)
        for (size_t i = 0; i < outcome->radius_count; ++i) {
            const struct suite_entry *entry = &outcome->reports[i].entries[a];
            char name[80];
            snprintf(name, sizeof name, "after %s", entry->attack->title);
            if (a + 1 < outcome->reports[0].entry_count)
                STRATA_GO(figure_data_point(ctx, &data, name, outcome->radii[i], entry->robust, NAN, NAN));
        }
    STRATA_GO(draw(ctx, &spec, &data, directory, page));
cleanup:
    figure_data_destroy(&data);
    return status;
}

/* Rows that were right and broke at the largest radius: the first few. */
static size_t list_examples(strata_context *ctx, const struct attack_outcome *outcome, size_t examples[EXAMPLES],
                            size_t classes[EXAMPLES]) {
    const strata_function *function = &outcome->target->functions[0];
    size_t d = function->inputs, count = 0;
    float *out = mem_zero(2 * function->outputs, sizeof *out), *moved = out ? out + function->outputs : NULL;
    for (size_t r = 0; out && r < outcome->rows->rows && count < EXAMPLES; ++r) {
        if (memcmp(outcome->points + r * d, outcome->rows->x + r * d, d * sizeof(float)) == 0) continue;
        if (strata_function_evaluate(ctx, function, 1, outcome->rows->x + r * d, out) != STRATA_OK ||
            strata_function_evaluate(ctx, function, 1, outcome->points + r * d, moved) != STRATA_OK)
            break;
        if (attack_broken(function->outputs, out, outcome->rows->labels[r])) continue;
        classes[count] = user_class(function->outputs, moved);
        examples[count++] = r;
    }
    mem_free(out);
    return count;
}

/* Brightness of a row's picture: the mean over its channels. */
static void brightness(const size_t picture[3], const float *x, double *values) {
    size_t pixels = picture[1] * picture[2];
    for (size_t p = 0; p < pixels; ++p) {
        values[p] = 0;
        for (size_t c = 0; c < picture[0]; ++c) values[p] += (double)x[c * pixels + p] / (double)picture[0];
    }
}

static strata_status draw_examples(strata_context *ctx, const struct attack_outcome *outcome, const char *directory,
                                   size_t count, const size_t examples[EXAMPLES], struct buffer *page) {
    static const struct figure spec = {
        "examples",
        FIGURE_TILES,
        "Rows before and after",
        "",
        "",
        false,
        false,
        "Right before, wrong after; in the order of the table. The perturbation is magnified: grey where nothing "
        "changes."};
    const size_t *picture = outcome->target->picture;
    size_t pixels = picture[1] * picture[2], d = picture[0] * pixels;
    double *values = mem_zero(3 * EXAMPLES * pixels, sizeof *values);
    struct figure_data data = {.kind = FIGURE_TILES};
    double largest = 0;
    strata_status status = STRATA_OK;
    if (!values) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for pictures");
    double *before = values, *change = values + EXAMPLES * pixels, *after = values + 2 * EXAMPLES * pixels;
    for (size_t i = 0; i < count; ++i) {
        brightness(picture, outcome->rows->x + examples[i] * d, before + i * pixels);
        brightness(picture, outcome->points + examples[i] * d, after + i * pixels);
        for (size_t p = 0; p < pixels; ++p) {
            change[i * pixels + p] = after[i * pixels + p] - before[i * pixels + p];
            largest = fmax(largest, fabs(change[i * pixels + p]));
        }
    }
    for (size_t p = 0; p < count * pixels; ++p) change[p] = largest > 0 ? 0.5 + 0.5 * change[p] / largest : 0.5;
    STRATA_GO(figure_data_tiles(ctx, &data, "original", count, picture[1], picture[2], before));
    STRATA_GO(figure_data_tiles(ctx, &data, "perturbation", count, picture[1], picture[2], change));
    STRATA_GO(figure_data_tiles(ctx, &data, "result", count, picture[1], picture[2], after));
    STRATA_GO(draw(ctx, &spec, &data, directory, page));
cleanup:
    figure_data_destroy(&data);
    mem_free(values);
    return status;
}

/* ---- the page */

static strata_status page_begin(strata_context *ctx, const struct attack_outcome *outcome, struct buffer *page) {
    STRATA_TRY(
        buffer_print(ctx, page,
                     "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
                     "content=\"width=device-width, initial-scale=1\">\n<title>Attack</title>\n<style>\n"));
    for (const char *const *line = report_style; *line; ++line) STRATA_TRY(buffer_print(ctx, page, "%s\n", *line));
    STRATA_TRY(buffer_print(ctx, page, "</style>\n</head>\n<body>\n<header>\n"));
    STRATA_TRY(text_print(ctx, page, "<h1>%s under attack</h1>\n<p class=\"kicker\">%s, norm %s</p>\n", outcome->model,
                          outcome->data, outcome->norm->title));
    const struct suite_report *last = &outcome->reports[outcome->radius_count - 1];
    char sentence[256];
    snprintf(sentence, sizeof sentence,
             "Of %zu rows %zu are right; %zu stay right within a radius of %.4g whatever the attacks tried.%s",
             last->rows, last->clean, last->robust, last->epsilon,
             trusted(outcome) ? "" : " Unreliable: a check of the attacks failed.");
    return text_print(ctx, page, "<p class=\"summary%s\">%s</p>\n</header>\n<main>\n", trusted(outcome) ? "" : " off",
                      sentence);
}

static strata_status page_table(strata_context *ctx, const struct attack_outcome *outcome, struct buffer *page) {
    STRATA_TRY(buffer_print(ctx, page,
                            "<h2>Robust accuracy</h2>\n<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr><th "
                            "scope=\"col\">radius</th><th scope=\"col\">clean</th><th scope=\"col\">robust</th><th "
                            "scope=\"col\">95 %% interval</th>"));
    for (size_t a = 0; a < outcome->reports[0].entry_count; ++a)
        STRATA_TRY(
            text_print(ctx, page, "<th scope=\"col\">after %s</th>", outcome->reports[0].entries[a].attack->title));
    STRATA_TRY(buffer_print(ctx, page, "</tr></thead>\n<tbody>\n"));
    for (size_t i = 0; i < outcome->radius_count; ++i) {
        const struct suite_report *report = &outcome->reports[i];
        STRATA_TRY(buffer_print(ctx, page, "<tr><td>%.4g</td><td>%.4g</td><td>%.4g</td><td>%.3g to %.3g</td>",
                                report->epsilon, report->clean_accuracy.mean, report->robust_accuracy.mean,
                                report->robust_accuracy.low, report->robust_accuracy.high));
        for (size_t a = 0; a < report->entry_count; ++a)
            STRATA_TRY(buffer_print(ctx, page, "<td>%.4g</td>", report->entries[a].robust));
        STRATA_TRY(buffer_print(ctx, page, "</tr>\n"));
    }
    return buffer_print(ctx, page, "</tbody></table></div>\n");
}

static strata_status page_checks(strata_context *ctx, const struct attack_outcome *outcome, struct buffer *page) {
    STRATA_TRY(buffer_print(
        ctx, page,
        "<h2>Can the attacks be trusted?</h2>\n<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr><th "
        "scope=\"col\">check</th><th scope=\"col\">passed</th><th scope=\"col\">what was "
        "seen</th></tr></thead>\n<tbody>\n"));
    for (size_t i = 0; i < outcome->check_count; ++i)
        STRATA_TRY(text_print(ctx, page, "<tr><td>%s</td><td>%s</td><td>%s</td></tr>\n", outcome->checks[i].id,
                              !outcome->checks[i].ran     ? "not run"
                              : outcome->checks[i].passed ? "yes"
                                                          : "no",
                              outcome->checks[i].text));
    return buffer_print(ctx, page, "</tbody></table></div>\n");
}

static strata_status page_examples(strata_context *ctx, const struct attack_outcome *outcome, const char *directory,
                                   struct buffer *page) {
    size_t examples[EXAMPLES], classes[EXAMPLES], count = list_examples(ctx, outcome, examples, classes);
    size_t d = outcome->target->functions[0].inputs;
    if (count == 0) return STRATA_OK;
    STRATA_TRY(buffer_print(ctx, page, "<h2>Adversarial rows</h2>\n"));
    if (outcome->target->picture[0]) STRATA_TRY(draw_examples(ctx, outcome, directory, count, examples, page));
    STRATA_TRY(buffer_print(ctx, page,
                            "<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr><th scope=\"col\">row</th><th "
                            "scope=\"col\">label</th><th scope=\"col\">taken for</th><th scope=\"col\">distance"
                            "</th></tr></thead>\n<tbody>\n"));
    for (size_t i = 0; i < count; ++i) {
        float *delta = mem_zero(d, sizeof *delta);
        if (!delta) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a row");
        for (size_t j = 0; j < d; ++j)
            delta[j] = outcome->points[examples[i] * d + j] - outcome->rows->x[examples[i] * d + j];
        double length = outcome->norm->length(d, delta);
        mem_free(delta);
        STRATA_TRY(buffer_print(ctx, page, "<tr><td>%zu</td><td>%u</td><td>%zu</td><td>%.4g</td></tr>\n",
                                examples[i] + 1, (unsigned)outcome->rows->labels[examples[i]], classes[i], length));
    }
    return buffer_print(ctx, page, "</tbody></table></div>\n");
}

static strata_status page_write(strata_context *ctx, const struct attack_outcome *outcome, const char *directory,
                                const char *path) {
    struct buffer page = {0};
    strata_status status = STRATA_OK;
    STRATA_GO(page_begin(ctx, outcome, &page));
    STRATA_GO(page_table(ctx, outcome, &page));
    STRATA_GO(draw_curve(ctx, outcome, directory, &page));
    STRATA_GO(page_examples(ctx, outcome, directory, &page));
    STRATA_GO(page_checks(ctx, outcome, &page));
    STRATA_GO(buffer_print(ctx, &page, "</main>\n</body>\n</html>\n"));
    STRATA_GO(file_write_atomic(ctx, path, page.data, page.size));
cleanup:
    buffer_destroy(&page);
    return status;
}

/* ---- the folder */

strata_status attack_report_begin(strata_context *ctx, const char *directory) {
    DIR *folder = opendir(directory);
    if (!folder && errno == ENOENT) return STRATA_OK;
    if (!folder) return strata_fail_errno(ctx, errno, "open", directory);
    size_t entries = 0;
    while (readdir(folder)) ++entries;
    closedir(folder);
    if (entries <= 2) return STRATA_OK; /* itself and the one above */
    return strata_fail(ctx, STRATA_ERR_ARGUMENT, "--out: expected a new or empty folder, %s has files", directory);
}

static strata_status write_points(strata_context *ctx, const struct attack_outcome *outcome, const char *path) {
    const size_t *picture = outcome->target->picture, rows = outcome->rows->rows,
                 d = outcome->target->functions[0].inputs;
    const size_t dims[4] = {rows, picture[0] ? picture[0] : d, picture[1], picture[2]};
    double *values = mem_zero(rows * d, sizeof *values);
    if (!values) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu rows", rows);
    for (size_t i = 0; i < rows * d; ++i) values[i] = (double)outcome->points[i];
    strata_status status = npy_write(ctx, path, picture[0] ? 4 : 2, dims, values, true);
    mem_free(values);
    return status;
}

strata_status attack_report_write(strata_context *ctx, const struct attack_outcome *outcome, const char *directory) {
    char *points = string_format("%s/adversarial.npy", directory), *page = string_format("%s/report.html", directory),
         *result = string_format("%s/result.json", directory);
    json_t *object = outcome_json(outcome);
    strata_status status = STRATA_OK;
    if (!points || !page || !result || !object)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a report"));
    STRATA_GO(file_make_folder(ctx, directory));
    STRATA_GO(write_points(ctx, outcome, points));
    STRATA_GO(page_write(ctx, outcome, directory, page));
    STRATA_GO(json_write(ctx, object, 1, result));
cleanup:
    json_decref(object);
    mem_free(points);
    mem_free(page);
    mem_free(result);
    return status;
}
