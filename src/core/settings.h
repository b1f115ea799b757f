/* SPDX-License-Identifier: MIT */
/*
 * Settings as data: a table of rows (key, type, default, range, meaning) and the resolved values.
 * Keys are "section.key". Whoever reads a setting (a learner, a teacher, a study) owns its rows.
 */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/file.h"
#include "core/status.h"

enum setting_type {
    SETTING_NUMBER,  /* finite double in [low, high] */
    SETTING_COUNT,   /* whole number in [low, high] */
    SETTING_FLAG,    /* true | false */
    SETTING_TEXT,    /* free text (paths); may be empty by default only */
    SETTING_CHOICE,  /* one of `choices`, written "a|b|c" */
    SETTING_NUMBERS, /* comma list of numbers in range; logspace(lo,hi,count); `none` is empty */
    SETTING_NAMES    /* comma list of names or name(key=value, ...); each in `choices`, if any; `none` is empty */
};

struct setting {
    const char *key; /* "train.learning_rate" */
    enum setting_type type;
    const char *fallback; /* default, as text */
    double low, high;     /* of numbers; equal: unbounded */
    const char *choices;  /* "adam|sgd|momentum" */
    const char *meaning;  /* one line with unit */
};

/** `key=value` pairs, for presets. Terminated by {NULL, NULL}. */
struct setting_pair {
    const char *key, *value;
};

struct settings;

/**
 * All defaults of one or more tables (a key in two tables must have equal rows; the first wins).
 * @param tables  array of `table_count` pointers to rows, each ended by a row with key NULL; borrowed for life.
 */
STRATA_MUST_USE strata_status settings_create(strata_context *ctx, size_t table_count,
                                              const struct setting *const *tables, struct settings **settings);
void settings_destroy(struct settings *settings);

/**
 * Sets one value after checking type and range. `where` ("file.ini:12", "--set", "preset") opens the
 * message; an unknown key is refused with the nearest known one. ERR_CONFIG.
 */
STRATA_MUST_USE strata_status settings_set(strata_context *ctx, struct settings *settings, const char *where,
                                           const char *key, const char *value);

/** "section.key=value" as typed after --set. */
STRATA_MUST_USE strata_status settings_set_pair(strata_context *ctx, struct settings *settings, const char *where,
                                                const char *pair);

/** Every entry of an INI file. */
STRATA_MUST_USE strata_status settings_read(strata_context *ctx, struct settings *settings, const char *path);

/** The whole as INI text, sections and keys in table order: reading it back gives the same settings. */
STRATA_MUST_USE strata_status settings_print(strata_context *ctx, const struct settings *settings,
                                             struct buffer *buffer);

/* Values. Asking for a key that no table has, or as another type, is a fault of ours (assert). */
double settings_number(const struct settings *settings, const char *key);
size_t settings_count(const struct settings *settings, const char *key);
bool settings_flag(const struct settings *settings, const char *key);
const char *settings_text(const struct settings *settings, const char *key);
size_t settings_numbers(const struct settings *settings, const char *key, const double **values);

/** A list of names: item `i` of `settings_names` as name and (possibly empty) argument text "key=value,key=value". */
size_t settings_names(const struct settings *settings, const char *key);
const char *settings_name(const struct settings *settings, const char *key, size_t i);
const char *settings_name_arguments(const struct settings *settings, const char *key, size_t i);

/** Rows in order, for help, config.ini and result.json. */
size_t settings_size(const struct settings *settings);
const struct setting *settings_row(const struct settings *settings, size_t i);
const char *settings_value(const struct settings *settings, size_t i);
bool settings_has(const struct settings *settings, const char *key);

/** Deep copy. */
STRATA_MUST_USE strata_status settings_copy(strata_context *ctx, const struct settings *from, struct settings **to);

/**
 * Splits at commas outside parentheses; trims blanks. `items` is an array of strings (mem_free each, then the array).
 */
STRATA_MUST_USE strata_status list_split(strata_context *ctx, const char *text, char ***items, size_t *count);

#endif
