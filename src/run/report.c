/* SPDX-License-Identifier: MIT */
#include "run/report.h"

#include <string.h>

#include "core/json.h"
#include "core/memory.h"
#include "run/figure_draw.h"
#include "run/report_text.h"

/* ---- figures ---- */

/** Specification of "figures/ID.svg". */
static strata_status figure_find(const struct report *report, size_t index, const struct figure **spec) {
    static const char prefix[] = "figures/", suffix[] = ".svg";
    const char *path = json_string_value(json_array_get(json_object_get(report->result, "figures"), index));
    size_t size = path ? strlen(path) : 0, ends = sizeof prefix - 1 + sizeof suffix - 1;
    bool shaped = size > ends && strncmp(path, prefix, sizeof prefix - 1) == 0 &&
                  strcmp(path + size - (sizeof suffix - 1), suffix) == 0;
    for (*spec = report->study->figures; shaped && *spec && (*spec)->id; (*spec)++)
        if (strlen((*spec)->id) == size - ends && strncmp(path + sizeof prefix - 1, (*spec)->id, size - ends) == 0)
            return STRATA_OK;
    return strata_fail(report->ctx, STRATA_ERR_FORMAT,
                       "%s: figures[%zu]: expected figures/ID.svg with a figure of study '%s', found '%s'",
                       report->result_path, index, report->study->name, path ? path : "no text");
}

static strata_status figure_frame(struct report *report, const struct figure *spec, const struct buffer *drawing,
                                  const char *fault) {
    strata_context *ctx = report->ctx;
    struct buffer *out = &report->figures;
    STRATA_TRY(text_print(ctx, out, "<figure id=\"figure-%s\">\n<h3>%s</h3>\n", spec->id, spec->title));
    if (fault) {
        STRATA_TRY(text_print(
            ctx, out,
            "<p class=\"missing\">Not drawn: %s. With gnuplot installed, <code>strata report</code> draws it.</p>\n",
            fault));
    } else {
        STRATA_TRY(text_print(
            ctx, out, "<div class=\"scroll plot\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">\n", spec->title));
        STRATA_TRY(buffer_append(ctx, out, drawing->data, drawing->size));
        STRATA_TRY(buffer_print(ctx, out, "</div>\n"));
    }
    STRATA_TRY(text_print(ctx, out, "<figcaption>%s ", spec->caption ? spec->caption : ""));
    return text_print(ctx, out,
                      "<span class=\"note\">Numbers: <code>figures/%s%s</code></span></figcaption>\n</figure>\n",
                      spec->id, spec->kind == FIGURE_TILES ? ".*.npy" : ".csv");
}

/** A figure was drawn before and cannot be now: the page that shows it is worth more than a new one. */
static strata_status figure_keep(const struct report *report, const struct figure *spec) {
    char *path = string_format("%s/figures/%s.svg", report->directory, spec->id);
    if (!path) return strata_fail(report->ctx, STRATA_ERR_MEMORY, "out of memory: path of figure '%s'", spec->id);
    bool drawn = file_exists(path);
    mem_free(path);
    return drawn ? strata_fail(report->ctx, STRATA_ERR_NOT_FOUND,
                               "%s: the report and its figures were left as they are: gnuplot, which draws them, was "
                               "not found",
                               report->directory)
                 : STRATA_OK;
}

/** Draws one figure; a missing or failing gnuplot leaves a note and a warning. */
static strata_status figure_add(struct report *report, const struct figure *spec, const char *gnuplot, bool png) {
    struct figure_data data;
    struct buffer drawing = {0};
    strata_status status = figure_data_read(report->ctx, spec->kind, report->directory, spec->id, &data);
    if (status != STRATA_OK) return status;
    struct figure_request request = {
        .spec = spec, .data = &data, .directory = report->directory, .gnuplot = gnuplot, .png = png};
    status = figure_draw(report->ctx, &request, &drawing);
    strata_status kept = STRATA_OK;
    if (status == STRATA_ERR_NOT_FOUND && report->keep_figures) kept = figure_keep(report, spec);
    if (kept != STRATA_OK) {
        status = kept;
    } else if (status == STRATA_ERR_NOT_FOUND || status == STRATA_ERR_UNSUPPORTED) {
        char *fault = mem_string(strata_context_message(report->ctx));
        context_clear(report->ctx);
        context_log(report->ctx, STRATA_LOG_WARNING, "figure '%s' was not drawn: %s", spec->id, fault ? fault : "");
        status = fault ? figure_frame(report, spec, NULL, fault)
                       : strata_fail(report->ctx, STRATA_ERR_MEMORY, "out of memory: report");
        mem_free(fault);
    } else if (status == STRATA_OK) {
        status = figure_frame(report, spec, &drawing, NULL);
    }
    buffer_destroy(&drawing);
    figure_data_destroy(&data);
    return status;
}

static bool png_wanted(const struct ini_file *config) {
    for (size_t i = 0; i < config->count; i++)
        if (strcmp(config->entries[i].section, "report") == 0 && strcmp(config->entries[i].key, "png") == 0)
            return strcmp(config->entries[i].value, "true") == 0;
    return false;
}

static strata_status figures_draw(struct report *report, const char *gnuplot) {
    bool png = png_wanted(&report->config);
    size_t listed = json_array_size(json_object_get(report->result, "figures")), known = 0;
    while (report->study->figures && report->study->figures[known].id) known++;
    if (listed > known) /* each is drawn by a gnuplot of its own */
        return strata_fail(report->ctx, STRATA_ERR_FORMAT,
                           "%s: figures: expected at most the %zu of study '%s', found %zu", report->result_path, known,
                           report->study->name, listed);
    for (size_t i = 0; i < listed; i++) {
        const struct figure *spec;
        STRATA_TRY(figure_find(report, i, &spec));
        STRATA_TRY(figure_add(report, spec, gnuplot, png));
    }
    return STRATA_OK;
}

/* ---- the page ---- */

static strata_status page_write(struct report *report) {
    STRATA_TRY(report_head(report));
    STRATA_TRY(report_claims(report));
    STRATA_TRY(buffer_print(report->ctx, &report->page, "</div>\n<section>\n<h2 id=\"figures\">Figures</h2>\n%s",
                            report->figures.size ? "" : "<p>This study draws no figures.</p>\n"));
    if (report->figures.size)
        STRATA_TRY(buffer_append(report->ctx, &report->page, report->figures.data, report->figures.size));
    STRATA_TRY(buffer_print(report->ctx, &report->page, "</section>\n"));
    STRATA_TRY(report_tables(report));
    return report_settings(report);
}

static strata_status study_check(const struct report *report) {
    const char *name;
    STRATA_TRY(report_text(report, report->result, "top level", "study", &name));
    if (strcmp(name, report->study->name) == 0) return STRATA_OK;
    return strata_fail(report->ctx, STRATA_ERR_FORMAT, "%s: key 'study': expected '%s', found '%s'",
                       report->result_path, report->study->name, name);
}

/* Everything but reading result.json; takes over what `report` owns. */
static strata_status report_finish(struct report *report, const char *gnuplot) {
    strata_context *ctx = report->ctx;
    char *config_path = string_format("%s/config.ini", report->directory),
         *page_path = string_format("%s/report.html", report->directory);
    strata_status status;
    if (!config_path || !page_path) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: report"));
    STRATA_GO(study_check(report));
    STRATA_GO(ini_read(ctx, config_path, &report->config));
    STRATA_GO(figures_draw(report, gnuplot));
    STRATA_GO(page_write(report));
    STRATA_GO(file_write_atomic(ctx, page_path, report->page.data, report->page.size));
cleanup:
    ini_destroy(&report->config);
    buffer_destroy(&report->page);
    buffer_destroy(&report->figures);
    mem_free(config_path);
    mem_free(page_path);
    return status;
}

strata_status report_write(strata_context *ctx, const struct study *study, const char *directory, json_t *result) {
    struct report report = {
        .ctx = ctx, .study = study, .directory = directory, .result_path = "result.json", .result = result};
    return report_finish(&report, "gnuplot");
}

strata_status report_build_with(strata_context *ctx, const struct study *study, const char *directory,
                                const char *gnuplot) {
    struct report report = {.ctx = ctx, .study = study, .directory = directory, .keep_figures = true};
    char *result_path = string_format("%s/result.json", directory);
    strata_status status;
    if (!result_path) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: report");
    report.result_path = result_path;
    STRATA_GO(json_read(ctx, result_path, &report.result));
    STRATA_GO(report_finish(&report, gnuplot));
cleanup:
    json_decref(report.result);
    mem_free(result_path);
    return status;
}

strata_status report_build(strata_context *ctx, const struct study *study, const char *directory) {
    return report_build_with(ctx, study, directory, "gnuplot");
}
