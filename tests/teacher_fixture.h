/* SPDX-License-Identifier: MIT */
/* Shared by the teacher tests: teachers from settings written as pairs. */
#ifndef TESTS_TEACHER_FIXTURE_H
#define TESTS_TEACHER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/teacher.h"
#include "data/teacher_net.h"

/* Settings with pairs "key", "value", ... ended by NULL. */
static inline struct settings *make_settings(strata_context *ctx, va_list pairs) {
    const struct setting *tables[] = {teacher_settings, teacher_size_settings};
    struct settings *settings;
    assert_int_equal(settings_create(ctx, 2, tables, &settings), STRATA_OK);
    const char *key;
    while ((key = va_arg(pairs, const char *)))
        if (settings_set(ctx, settings, "test", key, va_arg(pairs, const char *)) != STRATA_OK)
            fail_msg("%s", strata_context_message(ctx));
    return settings;
}

static inline strata_context *make_context(void) {
    strata_context *ctx;
    assert_int_equal(strata_context_create(&ctx), STRATA_OK);
    return ctx;
}

static inline struct teacher *make_teacher(uint64_t seed, ...) {
    strata_context *ctx = make_context();
    va_list pairs;
    va_start(pairs, seed);
    struct settings *settings = make_settings(ctx, pairs);
    va_end(pairs);
    struct teacher *teacher;
    if (teacher_create(ctx, settings, seed, 1, &teacher) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
    settings_destroy(settings);
    strata_context_destroy(ctx);
    return teacher;
}

/* teacher_create must fail with ERR_CONFIG and a message that contains `expected`. */
static inline void assert_refused(const char *expected, ...) {
    strata_context *ctx = make_context();
    va_list pairs;
    va_start(pairs, expected);
    struct settings *settings = make_settings(ctx, pairs);
    va_end(pairs);
    struct teacher *teacher;
    assert_int_equal(teacher_create(ctx, settings, 1, 1, &teacher), STRATA_ERR_CONFIG);
    assert_null(teacher);
    if (!strstr(strata_context_message(ctx), expected))
        fail_msg("'%s' is not in '%s'", expected, strata_context_message(ctx));
    settings_destroy(settings);
    strata_context_destroy(ctx);
}

static inline void draw_f64(const struct teacher *teacher, uint64_t first, size_t rows, double *x) {
    size_t count = rows * teacher_dimension(teacher);
    float *single = malloc(count * sizeof *single);
    teacher_inputs(teacher, RNG_TEST_INPUT, first, rows, single);
    for (size_t i = 0; i < count; ++i) x[i] = (double)single[i];
    free(single);
}

#endif
