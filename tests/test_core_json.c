/* SPDX-License-Identifier: MIT */
/* JSON: what is printed, what reads back, what is refused and where the message points. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/memory.h"
#include "core/rng.h"

static strata_context *ctx;

static int setup(void **state) {
    (void)state;
    return strata_context_create(&ctx) == STRATA_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    strata_context_destroy(ctx);
    return 0;
}

static json_t *parsed(const char *text) {
    json_t *value = NULL;
    if (json_parse(ctx, "text", text, strlen(text), &value) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
    return value;
}

static void assert_prints(json_t *value, size_t indent, const char *expected) {
    struct buffer buffer = {0};
    assert_int_equal(json_print(ctx, value, indent, &buffer), STRATA_OK);
    assert_string_equal(buffer.data, expected);
    buffer_destroy(&buffer);
}

static void printing_keeps_order_and_reads_back(void **state) {
    (void)state;
    static const char text[] =
        "{\"z\":1,\"a\":[1.0,-2.5,1e+100,true,false,null,[],{}],\"\\\"\\\\\":\"\\n\\u0001\xc3\xa9\"}";
    json_t *value = parsed(text);
    assert_prints(value, 0, text);
    json_decref(value);
}

static void indented_text_has_a_member_a_line(void **state) {
    (void)state;
    json_t *value = parsed("{\"a\":[1,2],\"b\":{}}");
    assert_prints(value, 2, "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}");
    json_decref(value);
}

static void numbers_are_shortest_and_exact(void **state) {
    (void)state;
    const double values[] = {0.1, 221.0, NAN, INFINITY, -INFINITY, 1.0 / 3.0, 5e-324};
    json_t *array = json_numbers(values, 7);
    assert_prints(array, 0, "[0.1,221.0,null,null,null,0.3333333333333333,4.94065645841247e-324]");
    json_decref(array);
    for (uint64_t i = 0; i < 2000; ++i) {
        uint32_t words[2];
        double value;
        rng_bits(rng_stream_make(2, 0, RNG_TEST), 2 * i, 2, words);
        memcpy(&value, words, sizeof value);
        if (!isfinite(value)) continue;
        struct buffer buffer = {0};
        json_t *one = json_numbers(&value, 1);
        assert_int_equal(json_print(ctx, one, 0, &buffer), STRATA_OK);
        json_t *again = parsed(buffer.data);
        double back = json_number_read(json_array_get(again, 0));
        assert_memory_equal(&back, &value, sizeof value);
        json_decref(one);
        json_decref(again);
        buffer_destroy(&buffer);
    }
}

static void number_read_takes_null_as_nan(void **state) {
    (void)state;
    json_t *value = parsed("[null,3,0.5,\"x\"]");
    assert_true(isnan(json_number_read(json_array_get(value, 0))));
    assert_true(json_number_read(json_array_get(value, 1)) == 3.0);
    assert_true(json_number_read(json_array_get(value, 2)) == 0.5);
    assert_true(isnan(json_number_read(json_array_get(value, 3))));
    assert_true(isnan(json_number_read(NULL)));
    json_decref(value);
}

static void faults_name_line_and_column(void **state) {
    (void)state;
    static const struct {
        const char *text, *where;
    } bad[] = {{"{\"a\":1,\n\"a\":2}", "f:2:"},
               {"", "f:1:0"},
               {"{\n\n  x}", "f:3:3"},
               {"[1,2", "f:1:"},
               {"[1] x", "f:1:"},
               {"[1e999]", "f:1:"},
               {"[\"\\u0000\"]", "f:1:"},
               {"[\"\xff\"]", "f:1:"},
               {"[NaN]", "f:1:"},
               {"[01]", "f:1:"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
        json_t *value = NULL;
        assert_int_equal(json_parse(ctx, "f", bad[i].text, strlen(bad[i].text), &value), STRATA_ERR_FORMAT);
        assert_null(value);
        if (strncmp(strata_context_message(ctx), bad[i].where, strlen(bad[i].where)) != 0)
            fail_msg("'%s': expected '%s' first", strata_context_message(ctx), bad[i].where);
    }
}

static void deep_nesting_is_refused_not_overflowed(void **state) {
    (void)state;
    enum { DEPTH = 600 };
    json_t *value = json_array();
    for (int i = 0; i < DEPTH; ++i) {
        json_t *outer = json_array();
        json_array_append_new(outer, value);
        value = outer;
    }
    struct buffer buffer = {0};
    assert_int_equal(json_print(ctx, value, 0, &buffer), STRATA_ERR_TOO_LARGE);
    buffer_destroy(&buffer);
    json_decref(value);
    static char brackets[100001];
    memset(brackets, '[', sizeof brackets - 1);
    assert_int_equal(json_parse(ctx, "f", brackets, sizeof brackets - 1, &value), STRATA_ERR_FORMAT);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    json_set_alloc_funcs(mem_alloc, mem_free);
    static const char text[] = "{\"a\":[1,2.5,\"text\"],\"b\":null}";
    uint64_t n = 1;
    for (;; ++n) {
        json_t *value = NULL;
        struct buffer buffer = {0};
        mem_fail_from(n);
        strata_status status = json_parse(ctx, "f", text, sizeof text - 1, &value);
        if (status == STRATA_OK) status = json_print(ctx, value, 0, &buffer);
        json_t *numbers = json_numbers((const double[]){1.0, 2.0}, 2);
        if (status == STRATA_OK && !numbers) status = STRATA_ERR_MEMORY;
        mem_fail_from(0);
        if (value) json_decref(value);
        if (numbers) json_decref(numbers);
        buffer_destroy(&buffer);
        if (status == STRATA_OK) break;
        assert_true(status == STRATA_ERR_MEMORY ||
                    status == STRATA_ERR_FORMAT); /* jansson does not always tell them apart */
    }
    assert_true(n > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printing_keeps_order_and_reads_back), cmocka_unit_test(indented_text_has_a_member_a_line),
        cmocka_unit_test(numbers_are_shortest_and_exact),      cmocka_unit_test(number_read_takes_null_as_nan),
        cmocka_unit_test(faults_name_line_and_column),         cmocka_unit_test(deep_nesting_is_refused_not_overflowed),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("core json", tests, setup, teardown);
}
