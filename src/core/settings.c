/* SPDX-License-Identifier: MIT */
/* Tables of rows and their resolved values, grouped by section; a handful of dozens, so searched in order. */
#include "core/settings.h"

#include <assert.h>
#include <string.h>

#include "core/ini.h"
#include "core/memory.h"
#include "core/settings_value.h"

struct slot {
    const struct setting *row;
    struct setting_value value;
};

struct settings {
    size_t count;
    struct slot *slots; /* rows of one section stand together */
};

static size_t section_size(const char *key) { return strcspn(key, "."); }

static bool same_section(const char *a, const char *b) {
    size_t size = section_size(a);
    return size == section_size(b) && strncmp(a, b, size) == 0;
}

static struct slot *slot_find(const struct settings *settings, const char *key) {
    for (size_t i = 0; i < settings->count; ++i)
        if (strcmp(settings->slots[i].row->key, key) == 0) return &settings->slots[i];
    return NULL;
}

/* ---- making ---- */

static bool texts_equal(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

static bool rows_equal(const struct setting *a, const struct setting *b) {
    return a->type == b->type && a->low == b->low && a->high == b->high && texts_equal(a->fallback, b->fallback) &&
           texts_equal(a->choices, b->choices);
}

static bool key_valid(const char *key) {
    size_t section = section_size(key);
    return key[section] == '.' && ini_name_valid(key, section) &&
           ini_name_valid(key + section + 1, strlen(key + section + 1));
}

/** Puts a row behind the others of its section. There is room for it. */
static strata_status row_add(strata_context *ctx, struct settings *settings, const struct setting *row) {
    if (!key_valid(row->key))
        return strata_fail(ctx, STRATA_ERR_INTERNAL, "settings table: '%s' is not section.key", row->key);
    const struct slot *known = slot_find(settings, row->key);
    if (known && !rows_equal(known->row, row))
        return strata_fail(ctx, STRATA_ERR_INTERNAL, "settings tables: key '%s' has two different rows", row->key);
    if (known) return STRATA_OK;
    struct setting_value value;
    STRATA_TRY(setting_value_parse(ctx, row, "default", row->fallback, true, &value));
    size_t place = settings->count;
    for (size_t i = 0; i < settings->count; ++i)
        if (same_section(settings->slots[i].row->key, row->key)) place = i + 1;
    memmove(&settings->slots[place + 1], &settings->slots[place], (settings->count - place) * sizeof *settings->slots);
    settings->slots[place] = (struct slot){.row = row, .value = value};
    ++settings->count;
    return STRATA_OK;
}

static struct settings *settings_alloc(size_t capacity) {
    struct settings *settings = mem_zero(1, sizeof *settings);
    struct slot *slots = mem_zero(capacity, sizeof *slots);
    if (!settings || !slots) {
        mem_free(settings);
        mem_free(slots);
        return NULL;
    }
    settings->slots = slots;
    return settings;
}

strata_status settings_create(strata_context *ctx, size_t table_count, const struct setting *const *tables,
                              struct settings **settings) {
    size_t rows = 0;
    for (size_t t = 0; t < table_count; ++t)
        for (const struct setting *row = tables[t]; row->key; ++row) ++rows;
    struct settings *made = settings_alloc(rows);
    if (!made) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: settings");
    strata_status status = STRATA_OK;
    for (size_t t = 0; t < table_count; ++t)
        for (const struct setting *row = tables[t]; row->key && status == STRATA_OK; ++row)
            status = row_add(ctx, made, row);
    if (status != STRATA_OK) {
        settings_destroy(made);
        return status;
    }
    *settings = made;
    return STRATA_OK;
}

void settings_destroy(struct settings *settings) {
    if (!settings) return;
    for (size_t i = 0; i < settings->count; ++i) setting_value_destroy(&settings->slots[i].value);
    mem_free(settings->slots);
    mem_free(settings);
}

strata_status settings_copy(strata_context *ctx, const struct settings *from, struct settings **to) {
    struct settings *made = settings_alloc(from->count);
    if (!made) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: settings");
    for (size_t i = 0; i < from->count; ++i) {
        const struct slot *slot = &from->slots[i];
        strata_status status = setting_value_parse(ctx, slot->row, "copy", slot->value.text, true,
                                                   &made->slots[i].value);
        if (status != STRATA_OK) {
            settings_destroy(made);
            return status;
        }
        made->slots[i].row = slot->row;
        made->count = i + 1;
    }
    *to = made;
    return STRATA_OK;
}

/* ---- setting ---- */

/** The key meant by an unknown one: near in spelling, or of the same name in another section; NULL if none. */
static const char *key_nearest(const struct settings *settings, const char *key) {
    const char **keys = mem_zero(settings->count, sizeof *keys);
    if (!keys) return NULL; /* the message does without */
    for (size_t i = 0; i < settings->count; ++i) keys[i] = settings->slots[i].row->key;
    const char *dot = strchr(key, '.'), *name = dot ? dot + 1 : key, *nearest = NULL;
    for (size_t i = 0; i < settings->count && !nearest; ++i)
        if (names_alike(keys[i], key)) nearest = keys[i];
    for (size_t i = 0; i < settings->count && !nearest; ++i)
        if (strcmp(keys[i] + section_size(keys[i]) + 1, name) == 0) nearest = keys[i];
    if (!nearest) nearest = name_nearest(key, keys, settings->count);
    for (size_t i = 0; dot && i < settings->count && !nearest; ++i) { /* the name alone, within the section */
        const char *candidate = keys[i] + section_size(keys[i]) + 1;
        if (same_section(keys[i], key) && name_nearest(name, &candidate, 1)) nearest = keys[i];
    }
    mem_free(keys);
    return nearest;
}

static strata_status fail_unknown(strata_context *ctx, const struct settings *settings, const char *where,
                                  const char *key) {
    const char *nearest = key_nearest(settings, key);
    bool section_known = false;
    for (size_t i = 0; i < settings->count; ++i) section_known |= same_section(settings->slots[i].row->key, key);
    const char *what = section_known || !strchr(key, '.') ? "key" : "section of the key";
    if (nearest)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "%s: unknown %s '%.100s'; did you mean '%s'?", where, what, key,
                           nearest);
    return strata_fail(ctx, STRATA_ERR_CONFIG, "%s: unknown %s '%.100s'", where, what, key);
}

strata_status settings_set(strata_context *ctx, struct settings *settings, const char *where, const char *key,
                           const char *value) {
    struct slot *slot = slot_find(settings, key);
    if (!slot) return fail_unknown(ctx, settings, where, key);
    struct setting_value made;
    STRATA_TRY(setting_value_parse(ctx, slot->row, where, value, false, &made));
    setting_value_destroy(&slot->value);
    slot->value = made;
    return STRATA_OK;
}

strata_status settings_set_pair(strata_context *ctx, struct settings *settings, const char *where, const char *pair) {
    const char *equals = strchr(pair, '=');
    if (!equals)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "%s: expected SECTION.KEY=VALUE, got '%.100s'", where, pair);
    const char *start = pair + strspn(pair, " \t");
    size_t size = start < equals ? (size_t)(equals - start) : 0;
    while (size && strchr(" \t", start[size - 1])) --size;
    char *key = string_format("%.*s", (int)(size < 1000 ? size : 1000), start);
    if (!key) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: settings");
    strata_status status = settings_set(ctx, settings, where, key, equals + 1);
    mem_free(key);
    return status;
}

static strata_status entry_set(strata_context *ctx, struct settings *settings, const char *path,
                               const struct ini_entry *entry) {
    char *where = string_format("%s:%zu", path, entry->line), *key = string_format("%s.%s", entry->section, entry->key);
    strata_status status = where && key ? settings_set(ctx, settings, where, key, entry->value)
                                        : strata_fail(ctx, STRATA_ERR_MEMORY, "%s: out of memory", path);
    mem_free(where);
    mem_free(key);
    return status;
}

strata_status settings_read(strata_context *ctx, struct settings *settings, const char *path) {
    struct ini_file file = {0};
    STRATA_TRY(ini_read(ctx, path, &file));
    strata_status status = STRATA_OK;
    for (size_t i = 0; i < file.count && status == STRATA_OK; ++i)
        status = entry_set(ctx, settings, path, &file.entries[i]);
    ini_destroy(&file);
    return status;
}

strata_status settings_print(strata_context *ctx, const struct settings *settings, struct buffer *buffer) {
    const char *section = NULL;
    for (size_t i = 0; i < settings->count; ++i) {
        const char *key = settings->slots[i].row->key, *text = settings->slots[i].value.text;
        int size = (int)section_size(key);
        if (!section || !same_section(section, key))
            STRATA_TRY(buffer_print(ctx, buffer, "%s[%.*s]\n", section ? "\n" : "", size, key));
        section = key;
        /* An empty value is always the default: it has no line, as the format has none for it. */
        STRATA_TRY(buffer_print(ctx, buffer, *text ? "%s = %s\n" : "# %s is not set%s\n", key + size + 1, text));
    }
    return STRATA_OK;
}

/* ---- values ---- */

static const struct setting_value *value_of(const struct settings *settings, const char *key, unsigned types) {
    const struct slot *slot = slot_find(settings, key);
    assert(slot && "no table has this key");
    assert((types & 1U << slot->row->type) && "the key has another type");
    (void)types;
    return &slot->value;
}

double settings_number(const struct settings *settings, const char *key) {
    return value_of(settings, key, 1U << SETTING_NUMBER)->number;
}

size_t settings_count(const struct settings *settings, const char *key) {
    return (size_t)value_of(settings, key, 1U << SETTING_COUNT)->number;
}

bool settings_flag(const struct settings *settings, const char *key) {
    return value_of(settings, key, 1U << SETTING_FLAG)->number != 0.0;
}

const char *settings_text(const struct settings *settings, const char *key) {
    return value_of(settings, key, 1U << SETTING_TEXT | 1U << SETTING_CHOICE)->text;
}

size_t settings_numbers(const struct settings *settings, const char *key, const double **values) {
    const struct setting_value *value = value_of(settings, key, 1U << SETTING_NUMBERS);
    *values = value->numbers;
    return value->count;
}

size_t settings_names(const struct settings *settings, const char *key) {
    return value_of(settings, key, 1U << SETTING_NAMES)->count;
}

const char *settings_name(const struct settings *settings, const char *key, size_t i) {
    const struct setting_value *value = value_of(settings, key, 1U << SETTING_NAMES);
    assert(i < value->count);
    return value->names[i];
}

const char *settings_name_arguments(const struct settings *settings, const char *key, size_t i) {
    const struct setting_value *value = value_of(settings, key, 1U << SETTING_NAMES);
    assert(i < value->count);
    return value->arguments[i];
}

size_t settings_size(const struct settings *settings) { return settings->count; }

const struct setting *settings_row(const struct settings *settings, size_t i) {
    assert(i < settings->count);
    return settings->slots[i].row;
}

const char *settings_value(const struct settings *settings, size_t i) {
    assert(i < settings->count);
    return settings->slots[i].value.text;
}

bool settings_has(const struct settings *settings, const char *key) { return slot_find(settings, key) != NULL; }
