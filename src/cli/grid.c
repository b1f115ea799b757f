/* SPDX-License-Identifier: MIT */
#include "cli/grid.h"

#include <string.h>

#include "core/file.h"
#include "core/memory.h"
#include "core/settings.h"

enum { COMBINATIONS_MOST = 10000, FOLDER_BYTES = 120 };

/* "(a,b)" is the list a,b as one value; "name(key=value)" stays. */
static void strip_parentheses(char *value) {
    size_t size = strlen(value), depth = 0;
    for (size_t i = 0; i < size; ++i) {
        depth += value[i] == '(';
        depth -= value[i] == ')' && depth > 0;
        if (depth == 0 && i + 1 < size) return;
    }
    if (size < 2 || value[0] != '(' || value[size - 1] != ')') return;
    memmove(value, value + 1, size - 2);
    value[size - 2] = '\0';
}

static strata_status read_axis(strata_context *ctx, const char *text, struct grid_axis *axis) {
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || text[0] == '@')
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "--grid: expected SECTION.KEY=V1,V2, found '%s'", text);
    axis->key = string_format("%.*s", (int)(equals - text), text);
    if (!axis->key) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for --grid");
    STRATA_TRY(list_split(ctx, equals + 1, &axis->values, &axis->count));
    for (size_t i = 0; i < axis->count; ++i) {
        strip_parentheses(axis->values[i]);
        if (*axis->values[i] == '\0')
            return strata_fail(ctx, STRATA_ERR_ARGUMENT, "--grid %s: value %zu is empty", axis->key, i + 1);
    }
    if (axis->count == 0) return strata_fail(ctx, STRATA_ERR_ARGUMENT, "--grid %s: no values", axis->key);
    return STRATA_OK;
}

static strata_status add_axis(strata_context *ctx, struct grid *grid, const char *text) {
    struct grid_axis *axis = &grid->axes[grid->axis_count++];
    STRATA_TRY(read_axis(ctx, text, axis));
    for (size_t i = 0; i + 1 < grid->axis_count; ++i)
        if (strcmp(grid->axes[i].key, axis->key) == 0)
            return strata_fail(ctx, STRATA_ERR_ARGUMENT, "--grid: %s is given twice", axis->key);
    STRATA_TRY(mem_product(ctx, grid->combinations, axis->count, "--grid: combinations", &grid->combinations));
    if (grid->combinations > COMBINATIONS_MOST)
        return strata_fail(ctx, STRATA_ERR_TOO_LARGE, "--grid: %zu combinations or more, at most %d",
                           grid->combinations, COMBINATIONS_MOST);
    return STRATA_OK;
}

strata_status grid_create(strata_context *ctx, const struct arguments *arguments, struct grid *grid) {
    strata_status status = STRATA_OK;
    *grid = (struct grid){.combinations = 1, .axes = mem_zero(arguments->given_count + 1, sizeof *grid->axes)};
    if (!grid->axes) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for --grid");
    for (size_t i = 0; i < arguments->given_count && status == STRATA_OK; ++i)
        if (strcmp(arguments->given[i].option->name, "grid") == 0)
            status = add_axis(ctx, grid, arguments->given[i].value);
    if (status == STRATA_OK && grid->axis_count == 0)
        status = strata_fail(ctx, STRATA_ERR_ARGUMENT, "sweep: at least one --grid SECTION.KEY=V1,V2 is needed");
    if (status != STRATA_OK) grid_destroy(grid);
    return status;
}

void grid_destroy(struct grid *grid) {
    for (size_t i = 0; i < grid->axis_count; ++i) {
        for (size_t j = 0; j < grid->axes[i].count; ++j) mem_free(grid->axes[i].values[j]);
        mem_free(grid->axes[i].values);
        mem_free(grid->axes[i].key);
    }
    mem_free(grid->axes);
    *grid = (struct grid){0};
}

const char *grid_value(const struct grid *grid, size_t combination, size_t axis) {
    for (size_t i = grid->axis_count - 1; i > axis; --i) combination /= grid->axes[i].count;
    return grid->axes[axis].values[combination % grid->axes[axis].count];
}

char *grid_folder(const struct grid *grid, size_t combination) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.,=+-";
    struct buffer name = {0};
    strata_status status = buffer_print(NULL, &name, "%03zu", combination + 1);
    for (size_t i = 0; i < grid->axis_count && status == STRATA_OK; ++i) {
        const char *dot = strrchr(grid->axes[i].key, '.');
        status = buffer_print(NULL, &name, "%c%s=%s", i ? ',' : '-', dot ? dot + 1 : grid->axes[i].key,
                              grid_value(grid, combination, i));
    }
    if (status != STRATA_OK) {
        buffer_destroy(&name);
        return NULL;
    }
    if (name.size > FOLDER_BYTES) name.data[FOLDER_BYTES] = '\0';
    for (char *at = name.data; *at; ++at)
        if (!strchr(plain, *at)) *at = '_';
    return name.data;
}
