/* SPDX-License-Identifier: MIT */
#include "run/report_text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char minus[] = "\u2212";
static const char *const superscripts[10] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};

/** Groups the thousands of plain digits from 10,000 on (1024 stays 1024) and gives a true minus sign. */
static void digits_group(const char *plain, char text[NUMBER_TEXT_SIZE]) {
    const char *digits = plain + (*plain == '-');
    size_t whole = strspn(digits, "0123456789"), at = 0;
    if (*plain == '-') at = (size_t)snprintf(text, NUMBER_TEXT_SIZE, "%s", minus);
    for (size_t i = 0; digits[i] && at + 2 < NUMBER_TEXT_SIZE; i++) {
        if (whole > 4 && i && i < whole && (whole - i) % 3 == 0) text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
}

/**
 * "0.50" to "0.5" when the text is the value exactly (a bound, a setting): a measured 0.5001 keeps its
 * digits, since they say how precise it is.
 */
static void zeros_trim(char *text, double value) {
    double shown;
    if (!strchr(text, '.') || !number_parse(text, &shown) || fabs(shown - value) > 1e-12 * fabs(value)) return;
    size_t size = strlen(text);
    while (text[size - 1] == '0') size--;
    if (text[size - 1] == '.') size--;
    text[size] = '\0';
}

/** Fixed decimals with '.' in any locale: number_format gives the digits of the rounded value. */
static void decimals_format(double value, int decimals, char *text, size_t size) {
    snprintf(text, size, "%.*f", decimals, value);
    for (char *c = text; *c; c++)
        if (*c != '-' && !isdigit((unsigned char)*c)) *c = '.';
}

static void exponent_format(int exponent, char text[NUMBER_TEXT_SIZE]) {
    char digits[16];
    size_t at = exponent < 0 ? (size_t)snprintf(text, NUMBER_TEXT_SIZE, "⁻") : 0;
    snprintf(digits, sizeof digits, "%d", abs(exponent));
    for (const char *c = digits; *c; c++)
        at += (size_t)snprintf(text + at, NUMBER_TEXT_SIZE - at, "%s", superscripts[*c - '0']);
}

void number_power(int exponent, char text[NUMBER_TEXT_SIZE]) {
    char power[NUMBER_TEXT_SIZE] = "";
    if (exponent == 0) {
        snprintf(text, NUMBER_TEXT_SIZE, "1");
        return;
    }
    exponent_format(exponent, power);
    snprintf(text, NUMBER_TEXT_SIZE, "10%.40s", power);
}

void number_text(double value, char text[NUMBER_TEXT_SIZE]) {
    char plain[NUMBER_TEXT_SIZE], power[NUMBER_TEXT_SIZE];
    double size = fabs(value);
    if (!isfinite(value)) {
        snprintf(text, NUMBER_TEXT_SIZE, "diverged");
        return;
    }
    int exponent = size > 0 ? (int)floor(log10(size)) : 0;
    if (size > 0 && round(size / pow(10, exponent - 2)) >= 1000) exponent++; /* 9.999 is 10.0 */
    if (size < 1e7 && size == floor(size)) {
        decimals_format(value, 0, plain, sizeof plain);
        digits_group(plain, text);
    } else if (exponent >= -3 && exponent < 6) {
        decimals_format(value, exponent < 2 ? 2 - exponent : 0, plain, sizeof plain);
        zeros_trim(plain, value);
        digits_group(plain, text);
    } else {
        decimals_format(value / pow(10, exponent), 2, plain, sizeof plain);
        zeros_trim(plain, value / pow(10, exponent));
        exponent_format(exponent, power);
        snprintf(text, NUMBER_TEXT_SIZE, "%s%.8s×10%.24s", value < 0 ? minus : "", plain + (value < 0), power);
    }
}

void number_tic(double value, double step, char text[NUMBER_TEXT_SIZE]) {
    char plain[NUMBER_TEXT_SIZE];
    int decimals = (int)fmax(0, -floor(log10(step) + 1e-9));
    double digits = step * pow(10, decimals);
    if (fabs(digits - round(digits)) > 1e-6) ++decimals; /* steps of 0.25 */
    if (fabs(value) < step * 1e-6) value = 0;            /* no "-0.0" */
    if (fmax(fabs(value), step) >= 1e7 || decimals > 4) {
        number_text(value, text);
        return;
    }
    decimals_format(value, decimals, plain, sizeof plain);
    digits_group(plain, text);
}

/** The entity of a byte that HTML or XML gives a meaning; NULL for all others. */
static const char *entity_of(char byte) {
    switch (byte) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return (unsigned char)byte < ' ' || byte == 127 ? " " : NULL;
    }
}

strata_status text_escape(strata_context *ctx, struct buffer *out, const char *text) {
    for (const char *from = text; *from;) {
        const char *to = from;
        while (*to && !entity_of(*to)) to++;
        if (to > from) STRATA_TRY(buffer_append(ctx, out, from, (size_t)(to - from)));
        if (!*to) break;
        STRATA_TRY(buffer_append(ctx, out, entity_of(*to), strlen(entity_of(*to))));
        from = to + 1;
    }
    return STRATA_OK;
}

strata_status text_print(strata_context *ctx, struct buffer *out, const char *format, ...) {
    strata_status status = STRATA_OK;
    va_list arguments;
    va_start(arguments, format);
    while (status == STRATA_OK && *format) {
        const char *hole = strchr(format, '%');
        size_t size = hole ? (size_t)(hole - format) : strlen(format);
        if (size) status = buffer_append(ctx, out, format, size);
        if (status == STRATA_OK && hole)
            status = hole[1] == 's' ? text_escape(ctx, out, va_arg(arguments, const char *))
                                    : buffer_append(ctx, out, "%", 1);
        format += size + (hole ? 2 : 0);
    }
    va_end(arguments);
    return status;
}

strata_status text_humanise(strata_context *ctx, struct buffer *out, const char *name) {
    for (const char *c = name; *c; c++) {
        char byte = *c == '_' ? ' ' : c == name ? (char)toupper((unsigned char)*c) : *c;
        STRATA_TRY(buffer_append(ctx, out, &byte, 1));
    }
    return STRATA_OK;
}

strata_status text_sentence(strata_context *ctx, struct buffer *out, const char *text) {
    char first = (char)toupper((unsigned char)*text);
    if (!first) return STRATA_OK;
    STRATA_TRY(text_escape(ctx, out, (const char[]){first, '\0'}));
    return text_escape(ctx, out, text + 1);
}

size_t text_length(const char *text) {
    size_t count = 0;
    for (; *text; text++) count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}
