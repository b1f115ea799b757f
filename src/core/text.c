/* SPDX-License-Identifier: MIT */
/*
 * Numbers to text and back in the C locale, UTF-8, and the nearest known name for a mistyped one
 * (optimal string alignment: Damerau 1964, Levenshtein 1966).
 */
#include "core/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/c_locale.h"
#include "core/memory.h"

enum { NAME_LIMIT = 96 }; /* longer words have no near name */

static const char *skip_digits(const char *text) {
    while (*text >= '0' && *text <= '9') ++text;
    return text;
}

/** [+-] digits [. digits] [e [+-] digits], with a digit before or after the point. */
static bool number_shaped(const char *text) {
    if (*text == '+' || *text == '-') ++text;
    const char *end = skip_digits(text);
    ptrdiff_t digits = end - text;
    if (*end == '.') {
        text = end + 1;
        end = skip_digits(text);
        digits += end - text;
    }
    if (!digits) return false;
    if (*end == 'e' || *end == 'E') {
        text = end + 1;
        if (*text == '+' || *text == '-') ++text;
        end = skip_digits(text);
        if (end == text) return false;
    }
    return *end == '\0';
}

bool number_parse(const char *text, double *value) {
    if (!number_shaped(text)) return false;
    struct c_locale scope = c_locale_enter();
    double number = strtod(text, NULL);
    c_locale_leave(scope);
    if (!isfinite(number)) return false;
    *value = number;
    return true;
}

int number_compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void number_format(double value, char text[32]) {
    struct c_locale scope = c_locale_enter();
    for (int digits = 15; digits <= 17; ++digits) {
        snprintf(text, 32, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    c_locale_leave(scope);
}

size_t utf8_length(const char *bytes, size_t size) {
    const unsigned char *text = (const unsigned char *)bytes;
    if (text[0] < 0x80) return 1;
    size_t length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (text[0] < 0xc2 || text[0] > 0xf4 || size < length) return 0;
    uint32_t point = text[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; ++i) {
        if ((text[i] & 0xc0) != 0x80) return 0;
        point = point << 6 | (text[i] & 0x3fU);
    }
    bool surrogate = point >= 0xd800 && point <= 0xdfff;
    return point < smallest[length] || point > 0x10ffff || surrogate ? 0 : length;
}

bool utf8_valid(const char *text) {
    for (size_t size = strlen(text), length; size; text += length, size -= length) {
        length = utf8_length(text, size);
        if (!length) return false;
    }
    return true;
}

/* ASCII alone, whatever the locale: names are. */
static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

bool names_alike(const char *a, const char *b) {
    while (*a && lower(*a) == lower(*b)) ++a, ++b;
    return lower(*a) == lower(*b);
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/**
 * Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`, both within
 * NAME_LIMIT; case counts for nothing.
 */
static size_t edit_distance(const char *a, size_t a_size, const char *b, size_t b_size) {
    size_t rows[3][NAME_LIMIT + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b_size; ++j) last[j] = j;
    for (size_t i = 1; i <= a_size; ++i) {
        now[0] = i;
        for (size_t j = 1; j <= b_size; ++j) {
            now[j] = smaller(smaller(last[j] + 1, now[j - 1] + 1), last[j - 1] + (lower(a[i - 1]) != lower(b[j - 1])));
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
                now[j] = smaller(now[j], before[j - 2] + 1);
        }
        size_t *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[b_size];
}

const char *name_nearest(const char *word, const char *const *names, size_t count) {
    size_t word_size = strlen(word), nearest_distance = SIZE_MAX;
    const char *nearest = NULL;
    if (word_size > NAME_LIMIT) return NULL;
    for (size_t i = 0; i < count; ++i) {
        size_t name_size = strlen(names[i]), longer = word_size > name_size ? word_size : name_size;
        if (name_size > NAME_LIMIT) continue;
        size_t distance = edit_distance(word, word_size, names[i], name_size);
        size_t allowed = longer < 6 ? 1 + (longer > 3) : longer / 3; /* a third of the name; less would be chance */
        if (distance > allowed || distance >= longer || distance >= nearest_distance) continue;
        nearest_distance = distance;
        nearest = names[i];
    }
    return nearest;
}

bool word_among(const char *words, const char *word) {
    size_t size = strlen(word);
    if (size == 0 || strchr(word, '|')) return false;
    for (const char *at = words; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strncmp(at, word, size) == 0 && (at[size] == '|' || at[size] == '\0')) return true;
    return false;
}

char *shell_word(const char *path) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./,:=+@%-";
    static const char quote[] = "'\\''";
    enum { QUOTE_BYTES = sizeof quote - 1 };
    if (*path && path[strspn(path, plain)] == '\0') return mem_string(path);
    size_t quotes = 0, size = 0;
    for (const char *at = path; *at; ++at) quotes += *at == '\'';
    char *word = mem_zero(strlen(path) + quotes * (QUOTE_BYTES - 1) + sizeof "''", 1);
    if (!word) return NULL;
    word[size++] = '\'';
    for (; *path; ++path) {
        if (*path != '\'') {
            word[size++] = *path;
            continue;
        }
        memcpy(word + size, quote, QUOTE_BYTES);
        size += QUOTE_BYTES;
    }
    word[size] = '\'';
    return word;
}
