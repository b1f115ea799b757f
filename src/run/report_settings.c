/* SPDX-License-Identifier: MIT */
/* Foot of the page: every setting with its meaning, how to repeat the run, where it ran. */
#include <string.h>

#include "core/json.h"
#include "run/report.h"
#include "run/report_text.h"

enum { MAX_TABLES = 128 };

/** The row of a setting in the study's tables, or NULL. */
static const struct setting *setting_find(const struct study *study, const struct ini_entry *entry) {
    size_t section = strlen(entry->section);
    const struct setting *tables[MAX_TABLES];
    size_t count = study_setting_tables(study, MAX_TABLES, tables);
    for (size_t t = 0; t < count && t < MAX_TABLES; t++)
        for (const struct setting *row = tables[t]; row->key; row++)
            if (strncmp(row->key, entry->section, section) == 0 && row->key[section] == '.' &&
                strcmp(row->key + section + 1, entry->key) == 0)
                return row;
    return NULL;
}

static strata_status setting_write(struct report *report, const struct ini_entry *entry) {
    const struct setting *row = setting_find(report->study, entry);
    bool changed = row && row->fallback && strcmp(row->fallback, entry->value) != 0;
    STRATA_TRY(text_print(report->ctx, &report->page, "<tr><th scope=\"row\"><code>%s</code></th><td", entry->key));
    STRATA_TRY(buffer_print(report->ctx, &report->page, "%s>", changed ? " class=\"set\"" : ""));
    STRATA_TRY(
        text_print(report->ctx, &report->page, "%s</td><td>%s", entry->value, row && row->meaning ? row->meaning : ""));
    if (changed && *row->fallback) STRATA_TRY(text_print(report->ctx, &report->page, " (default: %s)", row->fallback));
    return buffer_print(report->ctx, &report->page, "</td></tr>\n");
}

static strata_status list_write(struct report *report) {
    const char *section = NULL;
    STRATA_TRY(buffer_print(
        report->ctx, &report->page,
        "<details><summary>All %zu settings</summary>\n<p class=\"note\">Bold values differ from the defaults.</p>\n",
        report->config.count));
    for (size_t i = 0; i < report->config.count; i++) {
        const struct ini_entry *entry = &report->config.entries[i];
        bool opens = !section || strcmp(section, entry->section) != 0;
        if (opens && section) STRATA_TRY(buffer_print(report->ctx, &report->page, "</tbody></table></div>\n"));
        if (opens)
            STRATA_TRY(
                text_print(report->ctx, &report->page,
                           "<h3>[%s]</h3>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Settings "
                           "of section %s\"><table><thead><tr><th scope=\"col\">Key</th><th "
                           "scope=\"col\">Value</th><th scope=\"col\">Meaning</th></tr></thead><tbody>\n",
                           entry->section, entry->section));
        section = entry->section;
        STRATA_TRY(setting_write(report, entry));
    }
    if (section) STRATA_TRY(buffer_print(report->ctx, &report->page, "</tbody></table></div>\n"));
    return buffer_print(report->ctx, &report->page, "</details>\n");
}

/** One line of the list at the foot: text or number of an object's member, left out when it is absent. */
static strata_status host_write(struct report *report, const char *name, const json_t *object, const char *key,
                                const char *unit) {
    const json_t *value = json_object_get(object, key);
    char number[NUMBER_TEXT_SIZE];
    if (!json_is_string(value) && !json_is_number(value)) return STRATA_OK;
    if (json_is_number(value)) number_text(json_number_read(value), number);
    return text_print(report->ctx, &report->page, "<dt>%s</dt><dd>%s%s</dd>\n", name,
                      json_is_string(value) ? json_string_value(value) : number, unit);
}

strata_status report_settings(struct report *report) {
    const json_t *result = report->result, *host = json_object_get(result, "host");
    const struct {
        const char *name;
        const json_t *object;
        const char *key, *unit;
    } lines[] = {
        {"Strata", result, "version", ""}, {"Preset", result, "preset", ""},  {"Seed", result, "seed", ""},
        {"Seeds", result, "seeds", ""},    {"Time", result, "seconds", " s"}, {"Threads", result, "threads", ""},
        {"Processor", host, "cpu", ""},    {"Cores", host, "cores", ""},      {"Algebra", host, "blas", ""}};
    STRATA_TRY(buffer_print(report->ctx, &report->page,
                            "<section>\n<h2 id=\"settings\">Settings and how to repeat this run</h2>\n"));
    STRATA_TRY(text_print(report->ctx, &report->page,
                          "<p>From the folder of this report; every number above comes out the same on the same "
                          "machine:</p>\n<pre><code>strata run %s --config config.ini</code></pre>\n",
                          report->study->name));
    STRATA_TRY(list_write(report));
    STRATA_TRY(buffer_print(report->ctx, &report->page, "<dl class=\"host\">\n"));
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        STRATA_TRY(host_write(report, lines[i].name, lines[i].object, lines[i].key, lines[i].unit));
    return buffer_print(report->ctx, &report->page, "</dl>\n</section>\n</main>\n</body>\n</html>\n");
}
