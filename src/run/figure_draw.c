/* SPDX-License-Identifier: MIT */
#include "run/figure_draw.h"

#include <string.h>

#include "core/memory.h"
#include "run/figure_script.h"

static const char fonts[] = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif";

/* ---- gnuplot's SVG to ours ---- */

/** What is replaced inside tags; "%" stands for the figure's id. */
struct replacement {
    const char *from, *to;
};

static const struct replacement replacements[] = {
    {"id='", "id='%-"},
    {"id=\"", "id=\"%-"},
    {"href='#", "href='#%-"},
    {"url(#", "url(#%-"},
    {" font-family=\"sans\"", ""},
    {" shape-rendering='crispEdges'", ""},
    {"<image ", "<image style='image-rendering:pixelated' "},
};

/** The replacement whose text stands at `at`, or NULL. */
static const struct replacement *replacement_at(const char *at) {
    for (size_t i = 0; i < sizeof replacements / sizeof *replacements; i++)
        if (strncmp(at, replacements[i].from, strlen(replacements[i].from)) == 0) return &replacements[i];
    return NULL;
}

static strata_status replacement_write(strata_context *ctx, const char *id, const struct replacement *replacement,
                                       struct buffer *out) {
    const char *hole = strchr(replacement->to, '%');
    if (!hole) return buffer_append(ctx, out, replacement->to, strlen(replacement->to));
    STRATA_TRY(buffer_append(ctx, out, replacement->to, (size_t)(hole - replacement->to)));
    return buffer_print(ctx, out, "%s%s", id, hole + 1);
}

/** Copies one tag, `from` at its '<', with the replacements made; `next` is set behind its '>'. */
static strata_status tag_write(strata_context *ctx, const char *id, const char *from, const char **next,
                               struct buffer *out) {
    const char *end = strchr(from, '>');
    end = end ? end + 1 : from + strlen(from);
    for (const char *start = from; from < end;) {
        const struct replacement *replacement = replacement_at(from);
        if (!replacement && from + 1 < end) {
            from++;
            continue;
        }
        const char *stop = replacement ? from : end;
        if (stop > start) STRATA_TRY(buffer_append(ctx, out, start, (size_t)(stop - start)));
        if (replacement) STRATA_TRY(replacement_write(ctx, id, replacement, out));
        from = start = replacement ? from + strlen(replacement->from) : end;
    }
    *next = end;
    return STRATA_OK;
}

/** gnuplot's drawing after its head, without the titles that it gives its parts (they would show as tooltips). */
static strata_status body_write(strata_context *ctx, const char *id, const char *svg, struct buffer *out) {
    static const char title[] = "<title>", title_end[] = "</title>";
    while (*svg) {
        size_t text = strcspn(svg, "<");
        if (text) STRATA_TRY(buffer_append(ctx, out, svg, text));
        svg += text;
        const char *end = strncmp(svg, title, sizeof title - 1) == 0 ? strstr(svg, title_end) : NULL;
        if (end)
            svg = end + sizeof title_end - 1;
        else if (*svg)
            STRATA_TRY(tag_write(ctx, id, svg, &svg, out));
    }
    return STRATA_OK;
}

/** Opening of the element. A file of its own carries namespaces and the title above the drawing; a page has both. */
static strata_status head_write(strata_context *ctx, const struct figure *spec, const char *description, double height,
                                bool page, struct buffer *out) {
    static const char spaces[] = " xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\"";
    int title = page ? 0 : FIGURE_TITLE_HEIGHT, left = page ? FIGURE_MARGIN : 0;
    if (!page) STRATA_TRY(buffer_print(ctx, out, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"));
    STRATA_TRY(buffer_print(
        ctx, out,
        "<svg%s viewBox=\"%d %d %d %.0f\" role=\"img\" aria-labelledby=\"%s-title %s-desc\" font-family=\"%s\">\n",
        page ? "" : spaces, left, -title, FIGURE_WIDTH - left, height + title, spec->id, spec->id, fonts));
    STRATA_TRY(buffer_print(ctx, out, "<title id=\"%s-title\">", spec->id));
    STRATA_TRY(text_print(ctx, out, "%s</title>\n", spec->title));
    STRATA_TRY(buffer_print(ctx, out, "<desc id=\"%s-desc\">", spec->id));
    STRATA_TRY(text_print(ctx, out, "%s</desc>\n", description));
    if (page) return STRATA_OK;
    STRATA_TRY(buffer_print(ctx, out, "<rect x=\"0\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", -title,
                            FIGURE_WIDTH, title + 1));
    STRATA_TRY(
        buffer_print(ctx, out, "<text x=\"12\" y=\"-13\" font-size=\"17\" font-weight=\"600\" fill=\"#111111\">"));
    return text_print(ctx, out, "%s</text>\n", spec->title);
}

static strata_status svg_finish(strata_context *ctx, const struct figure_request *request, double height, bool page,
                                const struct buffer *drawn, struct buffer *out) {
    const struct figure *spec = request->spec;
    struct buffer description = {0};
    static const char head_end[] = "</desc>";
    const char *body = drawn->size ? strstr(drawn->data, head_end) : NULL;
    if (!body || !strstr(body, "</svg>"))
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED, "figure '%s': gnuplot wrote no whole SVG (%zu bytes)", spec->id,
                           drawn->size);
    strata_status status = figure_describe(ctx, spec, request->data, &description);
    if (status == STRATA_OK) status = head_write(ctx, spec, description.data, height, page, out);
    buffer_destroy(&description);
    STRATA_TRY(status);
    return body_write(ctx, spec->id, body + sizeof head_end - 1, out);
}

/* ---- one picture ---- */

/** Runs gnuplot on the figure; `drawn` receives the picture. */
static strata_status picture_make(strata_context *ctx, const struct figure_request *request, enum figure_format format,
                                  struct buffer *drawn, double *height) {
    struct buffer script = {0};
    strata_status status = figure_script(ctx, request->spec, request->data, format, &script, height);
    if (status == STRATA_OK) status = gnuplot_run(ctx, request->gnuplot, &script, drawn);
    buffer_destroy(&script);
    return status;
}

static strata_status picture_write(strata_context *ctx, const struct figure_request *request, const char *extension,
                                   const struct buffer *bytes) {
    char *path = string_format("%s/figures/%s%s", request->directory, request->spec->id, extension);
    if (!path) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: path of figure '%s'", request->spec->id);
    strata_status status = file_write_atomic(ctx, path, bytes->data, bytes->size);
    mem_free(path);
    return status;
}

static strata_status svg_draw(strata_context *ctx, const struct figure_request *request, struct buffer *page) {
    struct buffer drawn = {0}, file = {0};
    double height;
    strata_status status;
    STRATA_GO(picture_make(ctx, request, FORMAT_SVG, &drawn, &height));
    STRATA_GO(svg_finish(ctx, request, height, false, &drawn, &file));
    STRATA_GO(picture_write(ctx, request, ".svg", &file));
    if (page) STRATA_GO(svg_finish(ctx, request, height, true, &drawn, page));
cleanup:
    buffer_destroy(&drawn);
    buffer_destroy(&file);
    return status;
}

static strata_status png_draw(strata_context *ctx, const struct figure_request *request) {
    struct buffer drawn = {0};
    double height;
    strata_status status = picture_make(ctx, request, FORMAT_PNG, &drawn, &height);
    if (status == STRATA_OK && (drawn.size < 8 || memcmp(drawn.data, "\x89PNG", 4) != 0))
        status = strata_fail(ctx, STRATA_ERR_UNSUPPORTED, "figure '%s': gnuplot wrote no PNG (%zu bytes)",
                             request->spec->id, drawn.size);
    if (status == STRATA_OK) status = picture_write(ctx, request, ".png", &drawn);
    buffer_destroy(&drawn);
    return status;
}

strata_status figure_draw(strata_context *ctx, const struct figure_request *request, struct buffer *page) {
    STRATA_TRY(svg_draw(ctx, request, page));
    return request->png ? png_draw(ctx, request) : STRATA_OK;
}
