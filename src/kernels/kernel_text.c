/* SPDX-License-Identifier: MIT */
/* A kernel from its text and back: "name", "name3", "name(parameter=value, ...)". */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/settings.h"
#include "kernels/kernel.h"

enum { NAMES_MAX = 64 };

static size_t parameter_count(const struct kernel_class *class_) {
    size_t count = 0;
    while (class_->parameters[count].name) ++count;
    assert(count <= KERNEL_MAX_PARAMETERS);
    return count;
}

static const struct kernel_parameter *parameter_find(const struct kernel_class *class_, const char *name) {
    for (const struct kernel_parameter *p = class_->parameters; p->name; ++p)
        if (strcmp(p->name, name) == 0) return p;
    return NULL;
}

double kernel_parameter(const struct kernel *kernel, const char *name) {
    const struct kernel_parameter *found = parameter_find(kernel->class_, name);
    assert(found);
    return kernel->number[found - kernel->class_->parameters];
}

static strata_status fail_name(strata_context *ctx, strata_status status, const char *what, const char *name,
                               const char *const *names, size_t count) {
    const char *nearest = name_nearest(name, names, count);
    return strata_fail(ctx, status, "%s '%s'%s%s%s", what, name, nearest ? "; did you mean '" : "",
                       nearest ? nearest : "", nearest ? "'?" : "");
}

/* "poly4" is found as poly with digits "4". */
static strata_status class_find(strata_context *ctx, const char *name, const struct kernel_class **class_,
                                const char **digits) {
    const char *names[NAMES_MAX];
    size_t length = strlen(name);
    while (length && name[length - 1] >= '0' && name[length - 1] <= '9') --length;
    assert(kernel_table_size <= NAMES_MAX);
    for (size_t i = 0; i < kernel_table_size; ++i) {
        const struct kernel_class *candidate = kernel_table[i];
        names[i] = candidate->name;
        bool whole = strcmp(candidate->name, name) == 0;
        bool stem = candidate->shorthand && name[length] && strlen(candidate->name) == length &&
                    strncmp(candidate->name, name, length) == 0;
        if (!whole && !stem) continue;
        *class_ = candidate;
        *digits = whole ? NULL : name + length;
        return STRATA_OK;
    }
    return fail_name(ctx, STRATA_ERR_NOT_FOUND, "no kernel is called", name, names, kernel_table_size);
}

static strata_status activation_set(strata_context *ctx, struct kernel *kernel, size_t slot, const char *value) {
    const char *names[NAMES_MAX];
    assert(dual_table_size <= NAMES_MAX);
    for (size_t i = 0; i < dual_table_size; ++i) {
        names[i] = dual_table[i]->name;
        if (strcmp(names[i], value) != 0) continue;
        kernel->number[slot] = (double)i;
        kernel->dual = (struct dual){dual_table[i], dual_table[i]->number_fallback};
        return STRATA_OK;
    }
    return fail_name(ctx, STRATA_ERR_CONFIG, "kernel: no activation is called", value, names, dual_table_size);
}

static bool choice_index(const char *choices, const char *value, double *index) {
    size_t size = strlen(value);
    for (double i = 0; choices; ++i) {
        const char *end = strchr(choices, '|');
        size_t length = end ? (size_t)(end - choices) : strlen(choices);
        if (length == size && strncmp(choices, value, size) == 0) {
            *index = i;
            return true;
        }
        choices = end ? end + 1 : NULL;
    }
    return false;
}

static strata_status fail_value(strata_context *ctx, const struct kernel *kernel, const char *key, const char *value,
                                bool whole, double low, double high) {
    return strata_fail(ctx, STRATA_ERR_CONFIG, "kernel '%s': %s: expected a %snumber in [%g, %g], got '%s'",
                       kernel->class_->name, key, whole ? "whole " : "", low, high, value);
}

static strata_status number_set(strata_context *ctx, const struct kernel *kernel, const char *key, const char *value,
                                bool whole, double low, double high, double *number) {
    double parsed;
    if (!number_parse(value, &parsed) || parsed < low || parsed > high || (whole && parsed != floor(parsed)))
        return fail_value(ctx, kernel, key, value, whole, low, high);
    *number = parsed;
    return STRATA_OK;
}

static strata_status parameter_set(strata_context *ctx, struct kernel *kernel, const char *key, const char *value) {
    const struct kernel_class *class_ = kernel->class_;
    const struct dual_class *dual = kernel->dual.class_;
    const struct kernel_parameter *p = parameter_find(class_, key);
    if (!p && dual && dual->number_name && strcmp(dual->number_name, key) == 0)
        return number_set(ctx, kernel, key, value, dual->number_whole, dual->number_low, dual->number_high,
                          &kernel->dual.number);
    if (!p) {
        const char *names[KERNEL_MAX_PARAMETERS];
        size_t count = parameter_count(class_);
        for (size_t i = 0; i < count; ++i) names[i] = class_->parameters[i].name;
        char what[64];
        snprintf(what, sizeof what, "kernel '%s' has no parameter", class_->name);
        return fail_name(ctx, STRATA_ERR_CONFIG, what, key, names, count);
    }
    double *slot = &kernel->number[p - class_->parameters];
    if (class_->network && strcmp(p->name, "activation") == 0)
        return activation_set(ctx, kernel, (size_t)(p - class_->parameters), value);
    if (!p->choices) return number_set(ctx, kernel, key, value, p->whole, p->low, p->high, slot);
    if (choice_index(p->choices, value, slot)) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_CONFIG, "kernel '%s': %s: expected one of %s, got '%s'", class_->name, key,
                       p->choices, value);
}

/* One "key=value"; only activations in the first pass, since they decide which other keys there are. */
static strata_status assignment_set(strata_context *ctx, struct kernel *kernel, char *text, bool activations) {
    char *value = strchr(text, '=');
    if (!value)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "kernel '%s': expected parameter=value, got '%s'",
                           kernel->class_->name, text);
    char *end = value;
    while (end > text && end[-1] == ' ') --end;
    char key[64];
    snprintf(key, sizeof key, "%.*s", (int)(end - text < 63 ? end - text : 63), text);
    do ++value;
    while (*value == ' ');
    return activations == (strcmp(key, "activation") == 0) ? parameter_set(ctx, kernel, key, value) : STRATA_OK;
}

static strata_status arguments_set(strata_context *ctx, struct kernel *kernel, const char *arguments) {
    char **items = NULL;
    size_t count = 0;
    strata_status status = list_split(ctx, arguments, &items, &count);
    for (int first = 1; first >= 0; --first)
        for (size_t i = 0; status == STRATA_OK && i < count; ++i) status = assignment_set(ctx, kernel, items[i], first);
    for (size_t i = 0; i < count; ++i) mem_free(items[i]);
    mem_free(items);
    return status;
}

static strata_status defaults_set(strata_context *ctx, struct kernel *kernel, const char *digits) {
    const struct kernel_parameter *parameters = kernel->class_->parameters;
    for (size_t i = 0; parameters[i].name; ++i) kernel->number[i] = parameters[i].fallback;
    if (kernel->class_->network) {
        const struct dual_class *dual = dual_table[(size_t)kernel_parameter(kernel, "activation")];
        kernel->dual = (struct dual){dual, dual->number_fallback};
    }
    return digits ? parameter_set(ctx, kernel, kernel->class_->shorthand, digits) : STRATA_OK;
}

strata_status kernel_create(strata_context *ctx, const char *text, size_t n, const double *x, size_t dimension,
                            const size_t *image, struct kernel *kernel) {
    char name[64], arguments[KERNEL_TEXT];
    const char *digits = NULL;
    size_t size = strlen(text), name_size = strcspn(text, "(");
    bool has_arguments = text[name_size] == '(';
    if (name_size >= sizeof name || size >= sizeof arguments || (has_arguments && text[size - 1] != ')'))
        return strata_fail(ctx, STRATA_ERR_CONFIG, "kernel: expected name or name(parameter=value, ...), got '%.100s'",
                           text);
    snprintf(name, sizeof name, "%.*s", (int)name_size, text);
    *kernel = (struct kernel){.dimension = dimension};
    if (image) memcpy(kernel->image, image, sizeof kernel->image);
    STRATA_TRY(class_find(ctx, name, &kernel->class_, &digits));
    STRATA_TRY(defaults_set(ctx, kernel, digits));
    if (has_arguments) {
        snprintf(arguments, sizeof arguments, "%.*s", (int)(size - name_size - 2), text + name_size + 1);
        STRATA_TRY(arguments_set(ctx, kernel, arguments));
    }
    size_t pixels = kernel->image[0] * kernel->image[1] * kernel->image[2];
    if (kernel->class_->pictures && (pixels == 0 || pixels != dimension))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "kernel '%s' compares pictures: expected rows of channels x height x width, got rows of %zu "
                           "numbers that are none",
                           name, dimension);
    return kernel->class_->prepare ? kernel->class_->prepare(ctx, kernel, n, x) : STRATA_OK;
}

static void choice_text(const char *choices, size_t index, char *text, size_t size) {
    while (index--) choices = strchr(choices, '|') + 1;
    snprintf(text, size, "%.*s", (int)strcspn(choices, "|"), choices);
}

void kernel_text(const struct kernel *kernel, char text[KERNEL_TEXT]) {
    const struct kernel_parameter *p = kernel->class_->parameters;
    const struct dual_class *dual = kernel->dual.class_;
    size_t used = (size_t)snprintf(text, KERNEL_TEXT, "%s", kernel->class_->name);
    char value[64];
    for (size_t i = 0; p[i].name; ++i) {
        if (kernel->class_->network && strcmp(p[i].name, "activation") == 0)
            snprintf(value, sizeof value, "%s", dual->name);
        else if (p[i].choices)
            choice_text(p[i].choices, (size_t)kernel->number[i], value, sizeof value);
        else
            number_format(kernel->number[i], value);
        used += (size_t)snprintf(text + used, KERNEL_TEXT - used, "%s%s=%s", i ? ", " : "(", p[i].name, value);
    }
    if (dual && dual->number_name) {
        number_format(kernel->dual.number, value);
        used += (size_t)snprintf(text + used, KERNEL_TEXT - used, ", %s=%s", dual->number_name, value);
    }
    if (p[0].name) snprintf(text + used, KERNEL_TEXT - used, ")");
}
