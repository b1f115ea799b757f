/* SPDX-License-Identifier: MIT */
/* Task lists: ids are checked here once, so that they are safe as file names below checkpoint/. */
#include "run/tasks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/c_locale.h"
#include "core/memory.h"

bool task_id_print(char id[TASK_ID_SIZE], const char *format, va_list arguments) {
    struct c_locale scope = c_locale_enter();
    int size = vsnprintf(id, TASK_ID_SIZE, format, arguments);
    c_locale_leave(scope);
    return size > 0 && size < TASK_ID_SIZE;
}

size_t task_list_find(const struct task_list *list, const char *id) {
    size_t i = 0;
    while (i < list->count && strcmp(list->tasks[i].id, id) != 0) ++i;
    return i;
}

/* Folders come from '/', so a part may be neither empty nor start with a dot, nor be the lock's. */
static bool task_id_safe(const char *id) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_.=/-";
    if (!*id || id[strspn(id, allowed)] || strncmp(id, "lock/", 5) == 0 || strcmp(id, "lock") == 0) return false;
    for (const char *part = id; part; part = strchr(part, '/')) {
        part += *part == '/' && part != id;
        if (*part == '\0' || *part == '/' || *part == '.') return false;
    }
    return true;
}

static void task_destroy(struct task *task) {
    for (size_t i = 0; i < task->override_count; ++i) {
        mem_free((char *)task->overrides[i].key);
        mem_free((char *)task->overrides[i].value);
    }
    mem_free((struct setting_pair *)task->overrides);
    mem_free((char *)task->id);
    mem_free((char *)task->kind);
    mem_free((char *)task->learner);
}

void task_list_destroy(struct task_list *list) {
    for (size_t i = 0; i < list->count; ++i) task_destroy(&list->tasks[i]);
    mem_free(list->tasks);
    *list = (struct task_list){0};
}

/* Copies what the caller lent; false when memory is short (task_destroy frees what was made). */
static bool task_own(struct task *task, const struct setting_pair *overrides) {
    const char *learner = task->learner;
    task->id = mem_string(task->id);
    task->kind = mem_string(task->kind);
    task->learner = learner ? mem_string(learner) : NULL;
    if (!task->id || !task->kind || (learner && !task->learner)) return false;
    size_t count = 0;
    while (overrides && overrides[count].key) ++count;
    if (count == 0) return true;
    struct setting_pair *pairs = mem_zero(count, sizeof *pairs);
    if (!pairs) return false;
    task->overrides = pairs;
    task->override_count = count;
    bool whole = true;
    for (size_t i = 0; i < count; ++i) {
        pairs[i].key = mem_string(overrides[i].key);
        pairs[i].value = mem_string(overrides[i].value);
        whole = whole && pairs[i].key && pairs[i].value;
    }
    return whole;
}

static strata_status task_check(strata_context *ctx, const struct task_list *list, const struct task *task) {
    if (!task_id_safe(task->id))
        return strata_fail(ctx, STRATA_ERR_INTERNAL,
                           "task id '%s': expected parts of a-z, 0-9, '_', '.', '=' and '-' between '/'", task->id);
    if (task_list_find(list, task->id) < list->count)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "the settings ask for '%s' twice: does a list name an entry twice?",
                           task->id);
    if (!(task->weight > 0) || !isfinite(task->weight))
        return strata_fail(ctx, STRATA_ERR_INTERNAL, "task '%s': expected a weight above 0, found %g", task->id,
                           task->weight);
    return STRATA_OK;
}

strata_status task_list_add(strata_context *ctx, struct task_list *list, const char *kind, const char *learner,
                            uint64_t replicate, double weight, const struct setting_pair *overrides,
                            const char *id_format, ...) {
    char id[TASK_ID_SIZE];
    va_list arguments;
    va_start(arguments, id_format);
    bool fits = task_id_print(id, id_format, arguments);
    va_end(arguments);
    if (!fits)
        return strata_fail(ctx, STRATA_ERR_INTERNAL, "task id '%s...' is empty or longer than %d bytes", id,
                           TASK_ID_SIZE - 1);
    struct task task = {.id = id, .kind = kind, .learner = learner, .replicate = replicate, .weight = weight};
    STRATA_TRY(task_check(ctx, list, &task));
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        struct task *tasks = mem_resize(list->tasks, capacity, sizeof *tasks);
        if (!tasks) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: list of %zu tasks", capacity);
        list->tasks = tasks;
        list->capacity = capacity;
    }
    if (!task_own(&task, overrides)) {
        task_destroy(&task);
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: task '%s'", id);
    }
    list->tasks[list->count++] = task;
    return STRATA_OK;
}

strata_status task_settings(strata_context *ctx, const struct task *task, const struct settings *base,
                            struct settings **settings) {
    char where[TASK_ID_SIZE + 8];
    snprintf(where, sizeof where, "task %s", task->id);
    STRATA_TRY(settings_copy(ctx, base, settings));
    for (size_t i = 0; i < task->override_count; ++i) {
        strata_status status = settings_set(ctx, *settings, where, task->overrides[i].key, task->overrides[i].value);
        if (status == STRATA_OK) continue;
        settings_destroy(*settings);
        *settings = NULL;
        return status;
    }
    return STRATA_OK;
}
