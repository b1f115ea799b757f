/* SPDX-License-Identifier: MIT */
/* Settings: every type's accepted and refused texts, near keys, lists, and the round trip through INI. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/settings.h"

static const struct setting train_rows[] = {
    {"train.learning_rate", SETTING_NUMBER, "0.001", 1e-8, 10.0, NULL, "step size"},
    {"train.steps", SETTING_COUNT, "100", 1.0, 1e9, NULL, "steps"},
    {"study.seed", SETTING_COUNT, "1", 0.0, 0.0, NULL, "base seed"},
    {"train.optimizer", SETTING_CHOICE, "adam", 0.0, 0.0, "adam|sgd|momentum", "update rule"},
    {0}};
static const struct setting other_rows[] = {
    {"train.steps", SETTING_COUNT, "100", 1.0, 1e9, NULL, "the same row"},
    {"report.png", SETTING_FLAG, "false", 0.0, 0.0, NULL, "also png"},
    {"data.path", SETTING_TEXT, "", 0.0, 0.0, NULL, "a file"},
    {"study.widths", SETTING_NUMBERS, "8, 16,32", 1.0, 1000.0, NULL, "widths"},
    {"study.cases", SETTING_NUMBERS, "", 0.0, 0.0, NULL, "none by default"},
    {"learner.list", SETTING_NAMES, "sgd_joint, krr(kernel = ntk, depth=3)", 0.0, 0.0, "sgd_joint|krr|bfc", "learners"},
    {"kernel.list", SETTING_NAMES, "any_name", 0.0, 0.0, NULL, "kernels"},
    {"train.momentum", SETTING_NUMBER, "0", 0.0, INFINITY, NULL, "one-sided"},
    {0}};
static const struct setting *const tables[] = {train_rows, other_rows};

static strata_context *ctx;
static struct settings *settings;

static int setup(void **state) {
    (void)state;
    if (strata_context_create(&ctx) != STRATA_OK) return -1;
    return settings_create(ctx, 2, tables, &settings) == STRATA_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    settings_destroy(settings);
    settings = NULL;
    strata_context_destroy(ctx);
    return 0;
}

static void set(const char *pair) {
    if (settings_set_pair(ctx, settings, "--set", pair) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
}

static void assert_refused(const char *pair, const char *message) {
    assert_int_equal(settings_set_pair(ctx, settings, "--set", pair), STRATA_ERR_CONFIG);
    assert_string_equal(strata_context_message(ctx), message);
}

static void defaults_are_parsed(void **state) {
    (void)state;
    assert_true(settings_number(settings, "train.learning_rate") == 0.001);
    assert_int_equal(settings_count(settings, "train.steps"), 100);
    assert_string_equal(settings_text(settings, "train.optimizer"), "adam");
    assert_string_equal(settings_text(settings, "data.path"), "");
    assert_false(settings_flag(settings, "report.png"));
    assert_true(settings_has(settings, "report.png"));
    assert_false(settings_has(settings, "report.svg"));
    const double *values;
    assert_int_equal(settings_numbers(settings, "study.widths", &values), 3);
    assert_true(values[0] == 8.0 && values[1] == 16.0 && values[2] == 32.0);
    assert_int_equal(settings_numbers(settings, "study.cases", &values), 0);
}

static void rows_of_a_section_stand_together(void **state) {
    (void)state;
    static const char *const keys[] = {"train.learning_rate", "train.steps",  "train.optimizer", "train.momentum",
                                       "study.seed",          "study.widths", "study.cases",     "report.png",
                                       "data.path",           "learner.list", "kernel.list"};
    assert_int_equal(settings_size(settings), 11);
    for (size_t i = 0; i < 11; ++i) assert_string_equal(settings_row(settings, i)->key, keys[i]);
    assert_string_equal(settings_value(settings, 0), "0.001");
}

static void numbers_in_range_only(void **state) {
    (void)state;
    set("train.learning_rate= 1e-2 ");
    assert_true(settings_number(settings, "train.learning_rate") == 0.01);
    set(" train.steps =1e6");
    assert_int_equal(settings_count(settings, "train.steps"), 1000000);
    set("study.seed=9007199254740992");
    assert_true(settings_count(settings, "study.seed") == (size_t)1 << 53);
    assert_refused("train.learning_rate=abc",
                   "--set: key 'train.learning_rate': expected a number in [1e-08, 10], got 'abc' (step size)");
    assert_refused("train.learning_rate=11",
                   "--set: key 'train.learning_rate': expected a number in [1e-08, 10], got '11' (step size)");
    assert_refused("train.learning_rate=nan",
                   "--set: key 'train.learning_rate': expected a number in [1e-08, 10], got 'nan' (step size)");
    assert_refused("train.learning_rate=",
                   "--set: key 'train.learning_rate': expected a number in [1e-08, 10], got nothing (step size)");
    assert_refused("train.momentum=inf", "--set: key 'train.momentum': expected a number >= 0, got 'inf' (one-sided)");
    assert_refused("train.steps=1.5",
                   "--set: key 'train.steps': expected a whole number in [1, 1000000000], got '1.5' (steps)");
    assert_refused("train.steps=0",
                   "--set: key 'train.steps': expected a whole number in [1, 1000000000], got '0' (steps)");
    assert_refused("study.seed=-1", "--set: key 'study.seed': expected a whole number >= 0, got '-1' (base seed)");
    assert_refused("study.seed=1e17", "--set: key 'study.seed': expected a whole number >= 0, got '1e17' (base seed)");
    assert_true(settings_number(settings, "train.learning_rate") == 0.01); /* a refused value changes nothing */
}

static void flags_texts_and_choices(void **state) {
    (void)state;
    set("report.png=true");
    assert_true(settings_flag(settings, "report.png"));
    set("train.optimizer=sgd");
    assert_string_equal(settings_text(settings, "train.optimizer"), "sgd");
    set("data.path=a = b; c");
    assert_string_equal(settings_text(settings, "data.path"), "a = b; c");
    assert_refused("report.png=yes", "--set: key 'report.png': expected true or false, got 'yes' (also png)");
    assert_refused("train.optimizer=ada",
                   "--set: key 'train.optimizer': expected one of adam, sgd, momentum, got 'ada' (update rule)");
    assert_refused("train.optimizer=adam|sgd",
                   "--set: key 'train.optimizer': expected one of adam, sgd, momentum, got 'adam|sgd' (update rule)");
    assert_refused("data.path=", "--set: key 'data.path': expected text, got nothing (a file)");
    assert_refused("data.path=a\nb", "--set: key 'data.path': expected UTF-8 text, got a control byte");
    assert_refused("data.path=\xff", "--set: key 'data.path': expected UTF-8 text, got bytes that are not UTF-8");
    char text[300] = "data.path=";
    memset(text + 10, 'x', 184);
    assert_refused(text, "--set: key 'data.path': expected a line of at most 190 bytes, got 191");
    text[10 + 183] = '\0';
    set(text);
}

static void unknown_keys_get_the_nearest(void **state) {
    (void)state;
    assert_refused("train.learning_rat=1",
                   "--set: unknown key 'train.learning_rat'; did you mean 'train.learning_rate'?");
    assert_refused("trian.steps=1", "--set: unknown section of the key 'trian.steps'; did you mean 'train.steps'?");
    assert_refused("optim.learning_rate=1",
                   "--set: unknown section of the key 'optim.learning_rate'; did you mean 'train.learning_rate'?");
    assert_refused("learning_rate=1", "--set: unknown key 'learning_rate'; did you mean 'train.learning_rate'?");
    assert_refused("zzz.unlike_anything=1", "--set: unknown section of the key 'zzz.unlike_anything'");
    assert_refused("train.steps", "--set: expected SECTION.KEY=VALUE, got 'train.steps'");
    assert_refused("=1", "--set: unknown key ''");
}

static void number_lists_and_logspace(void **state) {
    (void)state;
    const double *values;
    set("study.widths=1,logspace( 1, 1000 ,4) , 7");
    assert_int_equal(settings_numbers(settings, "study.widths", &values), 6);
    const double expected[] = {1.0, 1.0, 10.0, 100.0, 1000.0, 7.0};
    assert_memory_equal(values, expected, sizeof expected);
    set("study.widths=logspace(3,3,5)"); /* nothing strays outside the ends */
    assert_int_equal(settings_numbers(settings, "study.widths", &values), 5);
    for (int i = 0; i < 5; ++i) assert_true(values[i] == 3.0);
    set("study.cases=logspace(1e-300,1e300,3)");
    assert_int_equal(settings_numbers(settings, "study.cases", &values), 3);
    assert_true(values[0] == 1e-300 && fabs(values[1] - 1.0) < 1e-12 && values[2] == 1e300);
    static const char *const bad[] = {"1,,2",
                                      ",1",
                                      "1,",
                                      "x",
                                      "logspace(1,10)",
                                      "logspace(1,10,2.5)",
                                      "logspace(0,10,3)",
                                      "logspace(1,10,0)",
                                      "logspace(1,10,3",
                                      "logspace(1,10,3,4)",
                                      "logspace(1,2000,3)",
                                      "0",
                                      "(1,2)",
                                      "logspace(1,10,1e9)",
                                      "1)"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i)
        if (settings_set(ctx, settings, "--set", "study.widths", bad[i]) != STRATA_ERR_CONFIG)
            fail_msg("'%s' was accepted", bad[i]);
    assert_refused("study.widths=1,x",
                   "--set: key 'study.widths': expected a list of numbers in [1, 1000], got 'x' (widths)");
}

static void name_lists_with_arguments(void **state) {
    (void)state;
    assert_int_equal(settings_names(settings, "learner.list"), 2);
    assert_string_equal(settings_name(settings, "learner.list", 0), "sgd_joint");
    assert_string_equal(settings_name_arguments(settings, "learner.list", 0), "");
    assert_string_equal(settings_name(settings, "learner.list", 1), "krr");
    assert_string_equal(settings_name_arguments(settings, "learner.list", 1), "kernel=ntk,depth=3");
    set("learner.list=bfc() , krr ( widths = (1,2), a=b )");
    assert_string_equal(settings_name_arguments(settings, "learner.list", 0), "");
    assert_string_equal(settings_name(settings, "learner.list", 1), "krr");
    assert_string_equal(settings_name_arguments(settings, "learner.list", 1), "widths=(1,2),a=b");
    set("kernel.list=whatever(x=1), other");
    static const char *const bad[] = {
        "krr,",      "unknown",       "krr(",         "krr)",     "krr(x)", "krr(x=)",   "krr(=1)",
        "krr(x=1)y", "krr(x=1)(y=2)", "krr(x=1,x=2)", "krr(X=1)", "(krr)",  "krr(x=1,)", "krr(a=1, b=2, a=3)"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i)
        if (settings_set(ctx, settings, "--set", "learner.list", bad[i]) != STRATA_ERR_CONFIG)
            fail_msg("'%s' was accepted", bad[i]);
    assert_refused("learner.list=sgd",
                   "--set: key 'learner.list': expected a list of sgd_joint, krr, bfc, got 'sgd' (learners)");
    assert_refused("kernel.list=a b", "--set: key 'kernel.list': expected a list of names, got 'a b' (kernels)");
}

static void list_split_spares_parentheses(void **state) {
    (void)state;
    char **items;
    size_t count;
    assert_int_equal(list_split(ctx, " a , b(c, d(e,f)),g ", &items, &count), STRATA_OK);
    assert_int_equal(count, 3);
    assert_string_equal(items[0], "a");
    assert_string_equal(items[1], "b(c, d(e,f))");
    assert_string_equal(items[2], "g");
    for (size_t i = 0; i < count; ++i) mem_free(items[i]);
    mem_free(items);
    assert_int_equal(list_split(ctx, "  ", &items, &count), STRATA_OK);
    assert_int_equal(count, 0);
    mem_free(items);
    assert_int_equal(list_split(ctx, "a,(b", &items, &count), STRATA_ERR_FORMAT);
}

static char *printed(const struct settings *from) {
    struct buffer buffer = {0};
    assert_int_equal(settings_print(ctx, from, &buffer), STRATA_OK);
    return buffer.data;
}

static void printed_settings_read_back_the_same(void **state) {
    (void)state;
    static const char *const pairs[] = {"train.learning_rate=0.1", "study.widths=logspace(1,100,3)",
                                        "learner.list=krr(a=1; b)", "report.png=true", "data.path=x # y"};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; ++i) set(pairs[i]);
    char *text = printed(settings), path[] = "/tmp/strata-settings-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    assert_int_equal(file_write_atomic(ctx, path, text, strlen(text)), STRATA_OK);
    struct settings *again, *copy;
    assert_int_equal(settings_create(ctx, 2, tables, &again), STRATA_OK);
    if (settings_read(ctx, again, path) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
    assert_int_equal(settings_copy(ctx, again, &copy), STRATA_OK);
    settings_destroy(again);
    char *second = printed(copy);
    assert_string_equal(text, second);
    assert_string_equal(settings_name_arguments(copy, "learner.list", 0), "a=1; b");
    assert_null(strstr(text, "train]\n\n"));
    assert_non_null(strstr(
        text, "[train]\nlearning_rate = 0.1\nsteps = 100\noptimizer = adam\nmomentum = 0\n\n[study]\nseed = 1\n"));
    static const char wrong[] = "[train]\nsteps = 5\nsteps_per_epoch = 7\n";
    assert_int_equal(file_write_atomic(ctx, path, wrong, sizeof wrong - 1), STRATA_OK);
    assert_int_equal(settings_read(ctx, copy, path), STRATA_ERR_CONFIG);
    char where[64];
    snprintf(where, sizeof where, "%s:3: unknown key 'train.steps_per_epoch'", path);
    assert_non_null(strstr(strata_context_message(ctx), where));
    mem_free(text);
    mem_free(second);
    settings_destroy(copy);
    unlink(path);
}

static void faulty_tables_are_refused(void **state) {
    (void)state;
    static const struct setting different[] = {{"train.steps", SETTING_COUNT, "100", 2.0, 1e9, NULL, "another range"},
                                               {0}};
    static const struct setting bad_default[] = {{"a.b", SETTING_NUMBER, "3", 0.0, 1.0, NULL, ""}, {0}};
    static const struct setting bad_key[] = {{"a", SETTING_NUMBER, "3", 0.0, 0.0, NULL, ""}, {0}};
    const struct setting *const two[] = {train_rows, different}, *const bad[] = {bad_default},
                                *const keyless[] = {bad_key};
    struct settings *made;
    assert_int_equal(settings_create(ctx, 2, two, &made), STRATA_ERR_INTERNAL);
    assert_int_equal(settings_create(ctx, 1, bad, &made), STRATA_ERR_CONFIG);
    assert_int_equal(settings_create(ctx, 1, keyless, &made), STRATA_ERR_INTERNAL);
    assert_int_equal(settings_create(ctx, 0, NULL, &made), STRATA_OK);
    assert_int_equal(settings_set_pair(ctx, made, "--set", "a.b=1"), STRATA_ERR_CONFIG);
    settings_destroy(made);
    settings_destroy(NULL);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    uint64_t n = 1;
    for (;; ++n) {
        struct settings *made = NULL, *copy = NULL;
        struct buffer buffer = {0};
        mem_fail_from(n);
        strata_status status = settings_create(ctx, 2, tables, &made);
        if (status == STRATA_OK) status = settings_set_pair(ctx, made, "--set", "learner.list=krr(a=1,b=2),bfc");
        if (status == STRATA_OK) status = settings_set_pair(ctx, made, "--set", "study.widths=1,logspace(1,10,3)");
        if (status == STRATA_OK) status = settings_copy(ctx, made, &copy);
        if (status == STRATA_OK) status = settings_print(ctx, copy, &buffer);
        mem_fail_from(0);
        settings_destroy(made);
        settings_destroy(copy);
        buffer_destroy(&buffer);
        if (status == STRATA_OK) break;
        assert_int_equal(status, STRATA_ERR_MEMORY);
    }
    assert_true(n > 50);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_parsed),
        TEST(rows_of_a_section_stand_together),
        TEST(numbers_in_range_only),
        TEST(flags_texts_and_choices),
        TEST(unknown_keys_get_the_nearest),
        TEST(number_lists_and_logspace),
        TEST(name_lists_with_arguments),
        TEST(list_split_spares_parentheses),
        TEST(printed_settings_read_back_the_same),
        TEST(faulty_tables_are_refused),
        TEST(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("core settings", tests, NULL, NULL);
}
