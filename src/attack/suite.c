/* SPDX-License-Identifier: MIT */
/*
 * Attacks in turn on what the ones before left standing: the worst case of every row. `standard` is the ensemble of
 * Croce & Hein 2020b.
 */
#include "attack/suite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/settings.h"

const struct attack_suite attack_suites[] = {
    {"standard",
     "APGD on the cross-entropy, APGD on the targeted ratio of logits, FAB, Square (Croce & Hein 2020b)",
     {"apgd_ce", "apgd_dlr", "fab", "square", NULL}},
    {"quick", "FGM and PGD: minutes become seconds, and the answer an upper bound", {"fgm", "pgd", NULL}},
    {NULL, NULL, {NULL}},
};

/* ---- lists of names ---- */

static const struct attack_suite *suite_find(const char *name) {
    for (const struct attack_suite *suite = attack_suites; suite->name; ++suite)
        if (strcmp(suite->name, name) == 0) return suite;
    return NULL;
}

static strata_status unknown(strata_context *ctx, const char *name) {
    enum { MOST_NAMES = 64, LONGEST_NAME = 40 };
    const char *names[MOST_NAMES];
    char known[512] = "";
    size_t used = 0, count = 0;
    for (const struct attack_suite *suite = attack_suites; suite->name && count < MOST_NAMES; ++suite)
        names[count++] = suite->name;
    for (size_t i = 0; i < attack_table_size && count < MOST_NAMES; ++i) names[count++] = attack_table[i]->name;
    for (size_t i = 0; i < count && used + LONGEST_NAME < sizeof known; ++i)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", names[i]);
    const char *near = name_nearest(name, names, count);
    return strata_fail(ctx, STRATA_ERR_ARGUMENT, "'%.40s' is no attack%s%s%s; expected some of %s", name,
                       near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "", known);
}

struct attack_list {
    const struct attack_class **attacks;
    size_t *count;
    const struct attack_norm *norm;
    size_t classes;
};

/* `asked`: by its own name, so that what does not fit is an error; from a suite it is left out. */
static strata_status add(strata_context *ctx, const struct attack_list *list, const char *name, bool asked) {
    const struct attack_class *attack = attack_find(name);
    if (!attack) return unknown(ctx, name);
    bool known = attack->norms & list->norm->kind, fits = known && list->classes >= attack->least_classes;
    if (!fits && !asked) return STRATA_OK;
    if (!known) return strata_fail(ctx, STRATA_ERR_ARGUMENT, "attack %s does not know norm %s", name, list->norm->name);
    if (!fits)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "attack %s: expected at least %zu classes, got %zu", name,
                           attack->least_classes, list->classes);
    for (size_t i = 0; i < *list->count; ++i)
        if (list->attacks[i] == attack) return STRATA_OK;
    if (*list->count == SUITE_MOST_ATTACKS)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "expected at most %d attacks", SUITE_MOST_ATTACKS);
    list->attacks[(*list->count)++] = attack;
    return STRATA_OK;
}

strata_status attack_suite_parse(strata_context *ctx, const char *text, const struct attack_norm *norm, size_t classes,
                                 const struct attack_class **attacks, size_t *count) {
    const struct attack_list list = {attacks, count, norm, classes};
    char **items;
    size_t items_count;
    *count = 0;
    STRATA_TRY(list_split(ctx, text, &items, &items_count));
    strata_status status = STRATA_OK;
    for (size_t i = 0; status == STRATA_OK && i < items_count; ++i) {
        const struct attack_suite *suite = suite_find(items[i]);
        if (!suite) status = add(ctx, &list, items[i], true);
        for (size_t k = 0; suite && status == STRATA_OK && suite->attacks[k]; ++k)
            status = add(ctx, &list, suite->attacks[k], false);
    }
    for (size_t i = 0; i < items_count; ++i) mem_free(items[i]);
    mem_free(items);
    if (status == STRATA_OK && *count == 0) status = strata_fail(ctx, STRATA_ERR_ARGUMENT, "expected an attack");
    return status;
}

/* ---- running them ---- */

static size_t count_true(size_t count, const bool *flags) {
    size_t sum = 0;
    for (size_t i = 0; i < count; ++i) sum += flags[i];
    return sum;
}

/* Attacks want logits: of probabilities the gradients vanish where the network is sure. */
static strata_status check_logits(strata_context *ctx, const struct attack_target *target,
                                  const struct attack_rows *rows) {
    enum { LOOKED_AT = 64 };
    const strata_function *function = &target->functions[0];
    size_t count = rows->rows < LOOKED_AT ? rows->rows : LOOKED_AT, outputs = function->outputs;
    if (outputs < 2 || count == 0) return STRATA_OK;
    float *out = mem_zero(count * outputs, sizeof *out);
    if (!out) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu rows of outputs", count);
    strata_status status = strata_function_evaluate(ctx, function, count, rows->x, out);
    bool probabilities = status == STRATA_OK;
    for (size_t r = 0; r < count && probabilities; ++r) {
        double sum = 0;
        for (size_t i = 0; i < outputs; ++i) {
            sum += (double)out[r * outputs + i];
            probabilities = probabilities && out[r * outputs + i] >= 0 && out[r * outputs + i] <= 1;
        }
        probabilities = probabilities && fabs(sum - 1) < 1e-4;
    }
    mem_free(out);
    STRATA_TRY(status);
    if (!probabilities) return STRATA_OK;
    return strata_fail(
        ctx, STRATA_ERR_ARGUMENT,
        "the outputs lie in [0, 1] and sum to 1: they are probabilities; expected logits, whose gradients "
        "do not vanish");
}

/* Points of the caller (of a smaller ball) that break already; all others begin at x. */
static strata_status try_points(strata_context *ctx, const struct attack_target *target,
                                const struct attack_options *options, const struct attack_rows *rows, bool *alive,
                                float *points) {
    const strata_function *function = &target->functions[0];
    size_t d = function->inputs, outputs = function->outputs;
    float *out = mem_zero(rows->rows * outputs, sizeof *out), *delta = mem_zero(d, sizeof *delta);
    strata_status status = STRATA_OK;
    if (!out || !delta) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu rows", rows->rows));
    STRATA_GO(strata_function_evaluate(ctx, function, rows->rows, points, out));
    for (size_t r = 0; r < rows->rows; ++r) {
        bool inside = true;
        for (size_t j = 0; j < d; ++j) {
            double value = (double)points[r * d + j];
            delta[j] = points[r * d + j] - rows->x[r * d + j];
            inside = inside && value >= target->low && value <= target->high;
        }
        inside = inside && options->norm->length(d, delta) <= options->epsilon * (1 + 1e-5);
        if (inside && attack_broken(outputs, out + r * outputs, rows->labels[r]))
            alive[r] = false;
        else
            memcpy(points + r * d, rows->x + r * d, d * sizeof *points);
    }
cleanup:
    mem_free(out);
    mem_free(delta);
    return status;
}

/* Rows that are right as they stand. */
static strata_status count_clean(strata_context *ctx, const struct attack_target *target,
                                 const struct attack_options *options, const struct attack_rows *rows, bool *alive,
                                 float *points, size_t *clean) {
    struct attack_options still = *options;
    struct attack_result result;
    still.epsilon = 0;
    memset(alive, true, rows->rows * sizeof *alive);
    STRATA_TRY(attack_run(ctx, attack_find("random"), target, &still, rows, alive, points, &result));
    *clean = rows->rows - result.broken;
    return STRATA_OK;
}

strata_status attack_suite_run(strata_context *ctx, size_t count, const struct attack_class *const *attacks,
                               const struct attack_target *target, const struct attack_options *options,
                               const struct attack_rows *rows, suite_progress progress, void *user, bool *alive,
                               float *points, struct suite_report *report) {
    size_t numbers = rows->rows * target->functions[0].inputs;
    *report = (struct suite_report){.epsilon = options->epsilon, .rows = rows->rows};
    STRATA_TRY(check_logits(ctx, target, rows));
    float *clean_points = mem_zero(numbers ? numbers : 1, sizeof *clean_points);
    if (!clean_points) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu rows", rows->rows);
    strata_status status = count_clean(ctx, target, options, rows, alive, clean_points, &report->clean);
    mem_free(clean_points);
    STRATA_TRY(status);
    STRATA_TRY(try_points(ctx, target, options, rows, alive, points));
    for (size_t i = 0; i < count; ++i) {
        struct suite_entry *entry = &report->entries[report->entry_count++];
        if (progress && !progress(user, (double)i / (double)count, attacks[i]->name))
            return strata_fail(ctx, STRATA_ERR_INTERRUPTED, "attack stopped");
        double begin = clock_seconds();
        *entry = (struct suite_entry){.attack = attacks[i], .given = count_true(rows->rows, alive)};
        STRATA_TRY(attack_run(ctx, attacks[i], target, options, rows, alive, points, &entry->result));
        entry->robust = rows->rows ? (double)count_true(rows->rows, alive) / (double)rows->rows : NAN;
        entry->seconds = clock_seconds() - begin;
    }
    report->robust = count_true(rows->rows, alive);
    report->clean_accuracy = interval_wilson(report->clean, rows->rows);
    report->robust_accuracy = interval_wilson(report->robust, rows->rows);
    return STRATA_OK;
}
