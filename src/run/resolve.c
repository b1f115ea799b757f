/* SPDX-License-Identifier: MIT */
/*
 * Settings of a run. Precedence: table, preset, then the assignments from left to right. The preset is
 * itself a setting, so that a stored config.ini repeats its run without naming it: a first pass over the
 * assignments finds it, a second one starts from its values.
 */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "learn/learner.h"
#include "run/run.h"

static const char *const preset_names[PRESET_COUNT] = {"smoke", "default", "paper"};

const struct setting run_setting_table[] = {
    {"study.preset", SETTING_CHOICE, "default", 0, 0, "smoke|default|paper", "values to start from; claims that run"},
    {"study.seed", SETTING_COUNT, "1", 0, 9007199254740992.0, NULL, "base of every random stream"},
    {"study.seeds", SETTING_COUNT, "5", 1, 1000, NULL, "replicates of every experiment"},
    {"report.png", SETTING_FLAG, "false", 0, 0, NULL, "also draw the figures as PNG"},
    {"checkpoint.seconds", SETTING_NUMBER, "20", 0, 86400, NULL,
     "seconds between two checkpoints of a task; 0: after every step"},
    {NULL, SETTING_TEXT, NULL, 0, 0, NULL, NULL},
};

const char *preset_name(enum preset_kind preset) { return preset_names[preset]; }

enum preset_kind settings_preset(const struct settings *settings) {
    const char *name = settings_text(settings, "study.preset");
    for (int i = 0; i < PRESET_COUNT; ++i)
        if (strcmp(name, preset_names[i]) == 0) return (enum preset_kind)i;
    return PRESET_DEFAULT;
}

size_t study_setting_tables(const struct study *study, size_t capacity, const struct setting **tables) {
    size_t count = 0;
    if (count < capacity) tables[count] = run_setting_table;
    ++count;
    for (size_t i = 0; study->setting_tables && study->setting_tables[i]; ++i, ++count)
        if (count < capacity) tables[count] = study->setting_tables[i];
    if (!study->learners) return count;
    if (count < capacity) tables[count] = learner_settings;
    ++count;
    for (size_t i = 0; i < learner_table_size; ++i) {
        if (!learner_table[i]->settings) continue;
        if (count < capacity) tables[count] = learner_table[i]->settings;
        ++count;
    }
    return count;
}

static strata_status settings_of_study(strata_context *ctx, const struct study *study, struct settings **settings) {
    size_t count = study_setting_tables(study, 0, NULL);
    const struct setting **tables = mem_zero(count, sizeof *tables);
    if (!tables) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: settings of study '%s'", study->name);
    study_setting_tables(study, count, tables);
    strata_status status = settings_create(ctx, count, tables, settings);
    mem_free(tables);
    return status;
}

/* Seeds asked for on the command line are meant for every claim: rows study.*_seeds take them too. */
static strata_status seeds_assign(strata_context *ctx, struct settings *settings, const char *where,
                                  const char *value) {
    static const char begin[] = "study.", end[] = "_seeds";
    for (size_t i = 0; i < settings_size(settings); ++i) {
        const char *key = settings_row(settings, i)->key;
        size_t size = strlen(key);
        if (strncmp(key, begin, sizeof begin - 1) == 0 && size > sizeof end &&
            strcmp(key + size - (sizeof end - 1), end) == 0)
            STRATA_TRY(settings_set(ctx, settings, where, key, value));
    }
    return STRATA_OK;
}

/* One "section.key=value", with the option that it came from before it or without. */
static strata_status pair_assign(strata_context *ctx, struct settings *settings, const char *assignment) {
    static const char seeds[] = "study.seeds=";
    char where[16] = "--set";
    size_t size = strncmp(assignment, "--", 2) == 0 ? strcspn(assignment, " ") : 0;
    if (size > 0 && size < sizeof where && assignment[size]) {
        snprintf(where, sizeof where, "%.*s", (int)size, assignment);
        assignment += size + 1;
    }
    STRATA_TRY(settings_set_pair(ctx, settings, where, assignment));
    if (strncmp(assignment, seeds, sizeof seeds - 1) != 0) return STRATA_OK;
    return seeds_assign(ctx, settings, where, assignment + sizeof seeds - 1);
}

static strata_status settings_assign(strata_context *ctx, struct settings *settings, size_t count,
                                     const char *const *assignments) {
    for (size_t i = 0; i < count; ++i)
        STRATA_TRY(assignments[i][0] == '@' ? settings_read(ctx, settings, assignments[i] + 1)
                                            : pair_assign(ctx, settings, assignments[i]));
    return STRATA_OK;
}

strata_status run_settings(strata_context *ctx, const struct study *study, const char *preset, size_t count,
                           const char *const *assignments, struct settings **settings) {
    struct settings *draft = NULL, *resolved = NULL;
    strata_status status = STRATA_OK;
    STRATA_GO(settings_of_study(ctx, study, &draft));
    if (preset) STRATA_GO(settings_set(ctx, draft, "--preset", "study.preset", preset));
    STRATA_GO(settings_assign(ctx, draft, count, assignments));
    enum preset_kind chosen = settings_preset(draft);
    STRATA_GO(settings_of_study(ctx, study, &resolved));
    STRATA_GO(settings_set(ctx, resolved, "preset", "study.preset", preset_names[chosen]));
    for (const struct setting_pair *pair = study->presets[chosen]; pair && pair->key; ++pair)
        STRATA_GO(settings_set(ctx, resolved, "preset", pair->key, pair->value));
    STRATA_GO(settings_assign(ctx, resolved, count, assignments));
    if (study->check) STRATA_GO(study->check(ctx, resolved));
    *settings = resolved;
    resolved = NULL;
cleanup:
    settings_destroy(resolved);
    settings_destroy(draft);
    return status;
}
