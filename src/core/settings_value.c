/* SPDX-License-Identifier: MIT */
#include "core/settings_value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ini.h"
#include "core/memory.h"

enum { LIST_LIMIT = 10000, CHOICE_LIMIT = 64 };

static const double LARGEST_COUNT = 0x1p53; /* above it doubles skip whole numbers */

/** What is being set, for messages. */
struct place {
    strata_context *ctx;
    const struct setting *row;
    const char *where;
};

static strata_status fail_memory(strata_context *ctx) {
    return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: settings");
}

/** Copy of `size` bytes without blanks at the ends; NULL when memory is short. */
static char *trimmed_copy(const char *text, size_t size) {
    while (size && strchr(" \t", text[0])) ++text, --size;
    while (size && strchr(" \t", text[size - 1])) --size;
    char *copy = mem_alloc(size + 1);
    if (!copy) return NULL;
    memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

static void strings_destroy(char **strings, size_t count) {
    for (size_t i = 0; strings && i < count; ++i) mem_free(strings[i]);
    mem_free(strings);
}

/* ---- lists ---- */

/** Bytes up to the next comma outside parentheses or the end; SIZE_MAX when parentheses do not match. */
static size_t item_size(const char *text) {
    size_t depth = 0, size = 0;
    for (; text[size] && (depth || text[size] != ','); ++size) {
        if (text[size] == '(') ++depth;
        if (text[size] == ')' && depth-- == 0) return SIZE_MAX;
    }
    return depth ? SIZE_MAX : size;
}

/** Why `text` is no list, or NULL; counts its items. */
static const char *list_fault(const char *text, size_t *count) {
    *count = 0;
    if (!text[strspn(text, " \t")]) return NULL;
    for (const char *item = text;; ++item) {
        size_t size = item_size(item);
        if (size == SIZE_MAX) return "parentheses that do not match";
        if (strspn(item, " \t") >= size) return "an empty item";
        if (++*count > LIST_LIMIT) return "too many items";
        item += size;
        if (!*item) return NULL;
    }
}

strata_status list_split(strata_context *ctx, const char *text, char ***items, size_t *count) {
    size_t wanted;
    const char *fault = list_fault(text, &wanted);
    if (fault)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "expected a list with commas, got %s in '%.200s'", fault, text);
    char **parts = mem_zero(wanted, sizeof *parts);
    if (!parts) return fail_memory(ctx);
    for (size_t i = 0; i < wanted; ++i) {
        size_t size = item_size(text);
        parts[i] = trimmed_copy(text, size);
        if (!parts[i]) {
            strings_destroy(parts, i);
            return fail_memory(ctx);
        }
        text += size + 1;
    }
    *items = parts;
    *count = wanted;
    return STRATA_OK;
}

/* ---- what was expected ---- */

static bool bounded(const struct setting *row) { return row->low < row->high || row->low > row->high; }

static void range_text(const struct setting *row, char text[96]) {
    char low[32], high[32];
    number_format(row->low, low);
    number_format(row->high, high);
    bool has_low = row->low > -INFINITY, has_high = row->high < INFINITY;
    text[0] = '\0';
    if (!bounded(row)) {
        if (row->type == SETTING_COUNT) snprintf(text, 96, " >= 0");
    } else if (has_low && has_high)
        snprintf(text, 96, " in [%s, %s]", low, high);
    else if (has_low)
        snprintf(text, 96, " >= %s", low);
    else if (has_high)
        snprintf(text, 96, " <= %s", high);
}

/** "one of adam, sgd". The text may be cut when choices are many. */
static void choices_text(const struct setting *row, char text[400]) {
    size_t used = 0;
    const char *const choices = row->choices ? row->choices : "";
    text[0] = '\0';
    for (const char *c = choices; *c && used < 397; ++c) {
        text[used++] = *c == '|' ? ',' : *c;
        if (*c == '|') text[used++] = ' ';
    }
    text[used] = '\0';
}

static strata_status fail_value(const struct place *place, const char *got) {
    const struct setting *row = place->row;
    char range[96], choices[400];
    range_text(row, range);
    choices_text(row, choices);
    static const struct {
        const char *before;
        bool range, choices;
    } wanted[] = {
        [SETTING_NUMBER] = {"a number", true, false},     [SETTING_COUNT] = {"a whole number", true, false},
        [SETTING_FLAG] = {"true or false", false, false}, [SETTING_TEXT] = {"text", false, false},
        [SETTING_CHOICE] = {"one of ", false, true},      [SETTING_NUMBERS] = {"a list of numbers", true, false},
        [SETTING_NAMES] = {"a list of ", false, true},
    };
    const char *before = row->type == SETTING_NAMES && !row->choices ? "a list of names" : wanted[row->type].before;
    return strata_fail(place->ctx, STRATA_ERR_CONFIG, "%s: key '%s': expected %s%s%s, got %s%.200s%s%s%s%s",
                       place->where, row->key, before, wanted[row->type].range ? range : "",
                       wanted[row->type].choices ? choices : "", *got ? "'" : "nothing", got, *got ? "'" : "",
                       row->meaning ? " (" : "", row->meaning ? row->meaning : "", row->meaning ? ")" : "");
}

/* ---- numbers ---- */

static bool number_allowed(const struct setting *row, double value) {
    if (row->type == SETTING_COUNT && (value != floor(value) || value < 0.0 || value > LARGEST_COUNT)) return false;
    return !bounded(row) || (value >= row->low && value <= row->high);
}

static strata_status parse_number(const struct place *place, const char *text, double *value) {
    double number;
    if (!number_parse(text, &number) || !number_allowed(place->row, number)) return fail_value(place, text);
    *value = number + 0.0; /* -0 is 0 */
    return STRATA_OK;
}

/** The three arguments of "logspace(lo,hi,count)"; false when `text` is something else. */
static bool logspace_parse(const char *text, double arguments[3]) {
    static const char opening[] = "logspace(";
    size_t size = strlen(text);
    if (strncmp(text, opening, sizeof opening - 1) != 0 || text[size - 1] != ')') return false;
    const char *next = text + sizeof opening - 1, *end = text + size - 1;
    for (int i = 0; i < 3; ++i) {
        char part[64];
        const char *comma = i < 2 ? memchr(next, ',', (size_t)(end - next)) : end;
        if (!comma) return false;
        while (next < comma && *next == ' ') ++next;
        const char *last = comma;
        while (last > next && last[-1] == ' ') --last;
        size_t part_size = (size_t)(last - next);
        if (part_size >= sizeof part) return false;
        memcpy(part, next, part_size);
        part[part_size] = '\0';
        if (!number_parse(part, &arguments[i])) return false;
        next = comma + (i < 2);
    }
    double count = arguments[2];
    return arguments[0] > 0.0 && arguments[1] > 0.0 && count >= 1.0 && count <= LIST_LIMIT && count == floor(count);
}

/** Item `i` of `count`: both ends exact, decades exact between powers of ten, nothing outside the ends. */
static double logspace_item(double low, double high, size_t i, size_t count) {
    if (i == 0) return low;
    if (i == count - 1) return high;
    double start = log10(low), step = (log10(high) - start) * (double)i / (double)(count - 1);
    return fmin(fmax(pow(10.0, start + step), fmin(low, high)), fmax(low, high));
}

static strata_status numbers_add(const struct place *place, const char *item, struct setting_value *value) {
    double arguments[3] = {0.0, 0.0, 1.0};
    bool spaced = logspace_parse(item, arguments);
    if (!spaced) STRATA_TRY(parse_number(place, item, &arguments[0]));
    size_t count = (size_t)arguments[2];
    double *numbers = mem_resize(value->numbers, value->count + count, sizeof *numbers);
    if (!numbers) return fail_memory(place->ctx);
    value->numbers = numbers;
    for (size_t i = 0; i < count; ++i) {
        double number = spaced ? logspace_item(arguments[0], arguments[1], i, count) : arguments[0];
        if (!number_allowed(place->row, number)) return fail_value(place, item);
        numbers[value->count++] = number;
    }
    return value->count > LIST_LIMIT ? fail_value(place, item) : STRATA_OK;
}

/* ---- names ---- */

/** "key = value" to "key=value" appended to `target`; false when it has another shape. */
static bool argument_add(char *target, const char *argument) {
    size_t key_size = strcspn(argument, "="), written = strlen(target);
    const char *value = argument + key_size;
    if (*value != '=') return false;
    ++value;
    value += strspn(value, " \t");
    while (key_size && strchr(" \t", argument[key_size - 1])) --key_size;
    if (!*value || !ini_name_valid(argument, key_size)) return false;
    for (const char *start = target; *start;) { /* a repeated key */
        if (strncmp(start, argument, key_size) == 0 && start[key_size] == '=') return false;
        start += item_size(start);
        start += *start == ',';
    }
    char *end = target + written;
    if (written) *end++ = ',';
    memcpy(end, argument, key_size);
    end[key_size] = '=';
    memcpy(end + key_size + 1, value, strlen(value) + 1);
    return true;
}

/** Name and arguments of "name" or "name(key=value, ...)", into strings of the value's own. */
static strata_status names_add(const struct place *place, const char *item, struct setting_value *value) {
    size_t name_size = strcspn(item, "("), size = strlen(item), count = 0;
    bool has_arguments = item[name_size] == '(';
    char *name = trimmed_copy(item, name_size), *arguments = mem_zero(size + 1, 1), **parts = NULL, *inner = NULL;
    value->names[value->count] = name;
    value->arguments[value->count++] = arguments;
    if (!name || !arguments) return fail_memory(place->ctx);
    strata_status status = STRATA_OK;
    bool good = place->row->choices ? word_among(place->row->choices, name) : ini_name_valid(name, strlen(name));
    if (good && has_arguments) {
        good = item[size - 1] == ')'; /* "a(b)c" is refused here, "a(b)(c)" by the inner "b)(c" */
        inner = trimmed_copy(item + name_size + 1, size - name_size - 2);
        if (!inner) STRATA_GO(fail_memory(place->ctx));
        size_t items;
        good = good && !list_fault(inner, &items);
        if (good) STRATA_GO(list_split(place->ctx, inner, &parts, &count));
        for (size_t i = 0; good && i < count; ++i) good = argument_add(arguments, parts[i]);
    }
    if (!good) STRATA_GO(fail_value(place, item));
    for (size_t i = 0; i + 1 < value->count; ++i)
        if (strcmp(value->names[i], name) == 0 && strcmp(value->arguments[i], arguments) == 0)
            STRATA_GO(strata_fail(place->ctx, STRATA_ERR_CONFIG, "%s: key '%s': '%.200s' stands in the list twice",
                                  place->where, place->row->key, item));
cleanup:
    strings_destroy(parts, count);
    mem_free(inner);
    return status;
}

/* ---- one parser per type ---- */

static strata_status parse_scalar(const struct place *place, struct setting_value *value) {
    return parse_number(place, value->text, &value->number);
}

static strata_status parse_flag(const struct place *place, struct setting_value *value) {
    bool is_true = strcmp(value->text, "true") == 0;
    if (!is_true && strcmp(value->text, "false") != 0) return fail_value(place, value->text);
    value->number = is_true ? 1.0 : 0.0;
    return STRATA_OK;
}

static strata_status parse_text(const struct place *place, struct setting_value *value) {
    (void)place;
    (void)value;
    return STRATA_OK;
}

static strata_status parse_choice(const struct place *place, struct setting_value *value) {
    return word_among(place->row->choices, value->text) ? STRATA_OK : fail_value(place, value->text);
}

static strata_status parse_list(const struct place *place, struct setting_value *value) {
    size_t count;
    if (strcmp(value->text, "none") == 0) return STRATA_OK; /* the empty list: an INI value is never empty */
    if (list_fault(value->text, &count)) return fail_value(place, value->text);
    char **items = NULL;
    strata_status status = list_split(place->ctx, value->text, &items, &count);
    if (status != STRATA_OK) return status;
    if (place->row->type == SETTING_NAMES) {
        value->names = mem_zero(count, sizeof *value->names);
        value->arguments = mem_zero(count, sizeof *value->arguments);
        if (!value->names || !value->arguments) STRATA_GO(fail_memory(place->ctx));
    }
    for (size_t i = 0; i < count; ++i)
        STRATA_GO(place->row->type == SETTING_NAMES ? names_add(place, items[i], value)
                                                    : numbers_add(place, items[i], value));
cleanup:
    strings_destroy(items, count);
    return status;
}

static strata_status (*const parsers[])(const struct place *, struct setting_value *) = {
    [SETTING_NUMBER] = parse_scalar, [SETTING_COUNT] = parse_scalar,  [SETTING_FLAG] = parse_flag,
    [SETTING_TEXT] = parse_text,     [SETTING_CHOICE] = parse_choice, [SETTING_NUMBERS] = parse_list,
    [SETTING_NAMES] = parse_list,
};

/** Whatever is set must fit on one line of config.ini. */
static strata_status check_line(const struct place *place, const char *text) {
    const char *fault = ini_text_fault(text, strlen(text)), *dot = strchr(place->row->key, '.');
    if (fault)
        return strata_fail(place->ctx, STRATA_ERR_CONFIG, "%s: key '%s': expected UTF-8 text, got %s", place->where,
                           place->row->key, fault);
    size_t size = strlen(dot ? dot + 1 : place->row->key) + 3 + strlen(text);
    if (size > INI_LINE_LIMIT)
        return strata_fail(place->ctx, STRATA_ERR_CONFIG, "%s: key '%s': expected a line of at most %d bytes, got %zu",
                           place->where, place->row->key, INI_LINE_LIMIT, size);
    return STRATA_OK;
}

strata_status setting_value_parse(strata_context *ctx, const struct setting *row, const char *where, const char *text,
                                  bool may_be_empty, struct setting_value *value) {
    const struct place place = {.ctx = ctx, .row = row, .where = where};
    STRATA_TRY(check_line(&place, text));
    struct setting_value made = {.text = trimmed_copy(text, strlen(text))};
    if (!made.text) return fail_memory(ctx);
    bool list_or_text = row->type == SETTING_TEXT || row->type == SETTING_NUMBERS || row->type == SETTING_NAMES;
    bool empty = !*made.text;
    strata_status status = empty && !(may_be_empty && list_or_text) ? fail_value(&place, "")
                                                                    : parsers[row->type](&place, &made);
    if (status != STRATA_OK) {
        setting_value_destroy(&made);
        return status;
    }
    *value = made;
    return STRATA_OK;
}

void setting_value_destroy(struct setting_value *value) {
    strings_destroy(value->names, value->count);
    strings_destroy(value->arguments, value->count);
    mem_free(value->numbers);
    mem_free(value->text);
    *value = (struct setting_value){0};
}
