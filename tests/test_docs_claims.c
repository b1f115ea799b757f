/* SPDX-License-Identifier: MIT */
/* docs/claims.md is made from the studies' tables: every claim and control stands there as the tables have it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/memory.h"
#include "studies/studies.h"

static char *page(strata_context *ctx) {
    struct buffer bytes = {0};
    char *path = string_format("%s/docs/claims.md", getenv("STRATA_SOURCE"));
    assert_int_equal(file_read(ctx, path, (size_t)1 << 24, &bytes), STRATA_OK);
    mem_free(path);
    return bytes.data;
}

/* The line that begins with the claim's name, as a fresh string without its end; NULL when there is none. */
static char *line_of(const char *text, const struct claim *claim) {
    char *head = string_format("\n| %s`%s` | ", claim->control ? "control " : "", claim->id);
    const char *found = strstr(text, head);
    mem_free(head);
    return found ? string_format("%.*s", (int)strcspn(found + 1, "\n"), found + 1) : NULL;
}

/* Markdown writes \| in a cell. */
static void unescape(char *line) {
    char *to = line;
    for (const char *from = line; *from; ++from)
        if (from[0] != '\\' || from[1] != '|') *to++ = *from;
    *to = '\0';
}

static void expect(const struct claim *claim, const char *line, const char *wanted) {
    if (!strstr(line, wanted)) fail_msg("docs/claims.md: %s: expected '%s' in: %s", claim->id, wanted, line);
}

static void page_has_every_claim(void **state) {
    strata_context *ctx;
    (void)state;
    assert_int_equal(strata_context_create(&ctx), STRATA_OK);
    char *text = page(ctx);
    for (size_t i = 0; i < study_table_size; ++i)
        for (const struct claim *claim = study_table[i]->claims; claim->id; ++claim) {
            if (!(claim->presets & 1u << PRESET_DEFAULT)) continue;
            char *line = line_of(text, claim), *bound = NULL;
            if (!line) fail_msg("docs/claims.md: %s is missing; see the head of that page", claim->id);
            assert_non_null(line);
            unescape(line);
            expect(claim, line, claim->source);
            expect(claim, line, claim->unit);
            expect(claim, line, claim->statement);
            if (claim->high == (double)INFINITY) bound = string_format("| ≥ %g |", claim->low);
            if (claim->low == -(double)INFINITY) bound = string_format("| ≤ %g |", claim->high);
            if (!bound) bound = string_format("| in [%g, %g] |", claim->low, claim->high);
            expect(claim, line, bound);
            mem_free(bound);
            mem_free(line);
        }
    mem_free(text);
    strata_context_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(page_has_every_claim)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
