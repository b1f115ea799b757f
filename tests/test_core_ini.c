/* SPDX-License-Identifier: MIT */
/* INI: what the command-line contract allows and refuses, each refusal with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/file.h"
#include "core/ini.h"
#include "core/memory.h"

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

static struct ini_file parsed(const char *text) {
    struct ini_file file = {0};
    if (ini_read_bytes(ctx, "f.ini", text, strlen(text), &file) != STRATA_OK)
        fail_msg("%s", strata_context_message(ctx));
    return file;
}

static void assert_entry(const struct ini_file *file, size_t i, const char *section, const char *key, const char *value,
                         size_t line) {
    assert_true(i < file->count);
    assert_string_equal(file->entries[i].section, section);
    assert_string_equal(file->entries[i].key, key);
    assert_string_equal(file->entries[i].value, value);
    assert_int_equal(file->entries[i].line, line);
}

static void assert_refused_bytes(const char *text, size_t size, const char *where, const char *part) {
    struct ini_file file = {0};
    assert_int_equal(ini_read_bytes(ctx, "f.ini", text, size, &file), STRATA_ERR_FORMAT);
    assert_null(file.entries);
    const char *message = strata_context_message(ctx);
    if (strncmp(message, where, strlen(where)) != 0 || !strstr(message, part))
        fail_msg("'%s' lacks '%s' or '%s'", message, where, part);
}

static void assert_refused(const char *text, const char *where, const char *part) {
    assert_refused_bytes(text, strlen(text), where, part);
}

static void entries_keep_order_and_lines(void **state) {
    (void)state;
    struct ini_file file = parsed("# head\n[train]\n\nsteps = 10\n  ; indented comment\nlearning_rate=0.1  "
                                  "\n[data]\nsteps = 3\n[train]\nbatch_size\t=\t7");
    assert_int_equal(file.count, 4);
    assert_string_equal(file.path, "f.ini");
    assert_entry(&file, 0, "train", "steps", "10", 4);
    assert_entry(&file, 1, "train", "learning_rate", "0.1", 6);
    assert_entry(&file, 2, "data", "steps", "3", 8);
    assert_entry(&file, 3, "train", "batch_size", "7", 10);
    ini_destroy(&file);
}

static void values_keep_marks_that_inih_would_cut(void **state) {
    (void)state;
    struct ini_file file = parsed(
        "[a]\nb = one ; two # three\nc = x:y=z;\nd = h\xc3\xa9llo, (1, 2)\ne = ;\nf = \"quoted\"\n");
    assert_entry(&file, 0, "a", "b", "one ; two # three", 2);
    assert_entry(&file, 1, "a", "c", "x:y=z;", 3);
    assert_entry(&file, 2, "a", "d", "h\xc3\xa9llo, (1, 2)", 4);
    assert_entry(&file, 3, "a", "e", ";", 5);
    assert_entry(&file, 4, "a", "f", "\"quoted\"", 6);
    ini_destroy(&file);
}

static void carriage_returns_and_byte_order_mark_are_accepted(void **state) {
    (void)state;
    struct ini_file file = parsed("\xef\xbb\xbf[a]\r\nb = 1\r\n\r\nc = 2\r\n");
    assert_int_equal(file.count, 2);
    assert_entry(&file, 0, "a", "b", "1", 2);
    assert_entry(&file, 1, "a", "c", "2", 4);
    ini_destroy(&file);
    file = parsed("");
    assert_int_equal(file.count, 0);
    ini_destroy(&file);
}

static void line_of_the_limit_passes_and_one_more_not(void **state) {
    (void)state;
    char text[300] = "[a]\nb = ";
    size_t start = strlen(text);
    memset(text + start, 'x', INI_LINE_LIMIT - 4);
    text[start + INI_LINE_LIMIT - 4] = '\0';
    struct ini_file file = parsed(text);
    assert_int_equal(strlen(file.entries[0].value), INI_LINE_LIMIT - 4);
    ini_destroy(&file);
    strcat(text, "x\n[c]\nd = 1\n");
    assert_refused(text, "f.ini:2: ", "191");
    char comment[300] = "[a]\n#";
    memset(comment + 5, 'x', 200);
    assert_refused(comment, "f.ini:2: ", "190");
}

static void names_of_the_limit_pass_and_one_more_not(void **state) {
    (void)state;
    char text[300];
    char name[INI_NAME_LIMIT + 2];
    memset(name, 'x', sizeof name);
    name[INI_NAME_LIMIT] = '\0';
    snprintf(text, sizeof text, "[%s]\n%s = 1\n", name, name);
    struct ini_file file = parsed(text);
    assert_entry(&file, 0, name, name, "1", 2);
    ini_destroy(&file);
    name[INI_NAME_LIMIT] = 'x';
    name[INI_NAME_LIMIT + 1] = '\0';
    snprintf(text, sizeof text, "[%s]\n", name);
    assert_refused(text, "f.ini:1: ", "section");
    snprintf(text, sizeof text, "[a]\n%s = 1\n", name);
    assert_refused(text, "f.ini:2: ", "key");
}

static void faults_name_their_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *where, *part;
    } bad[] = {
        {"a = 1\n", "f.ini:1: ", "before any"},
        {"[a]\nb = 1\n  c\n", "f.ini:3: ", "continuation"},
        {"[a]\n b = 1\n", "f.ini:2: ", "blank"},
        {"[a]\nb = 1\n[c]\nb = 2\n[a]\nb = 3\n", "f.ini:6: ", "first set on line 2"},
        {"[a]\nb\n", "f.ini:2: ", "key = value"},
        {"[a]\nb : 1\n", "f.ini:2: ", "key = value"},
        {"[a]\nb: c = 1\n", "f.ini:2: ", "key"},
        {"[a]\nb =\n", "f.ini:2: ", "no value"},
        {"[a]\nb = \t \n", "f.ini:2: ", "no value"},
        {"[a]\n= 1\n", "f.ini:2: ", "key"},
        {"[a]\nB = 1\n", "f.ini:2: ", "'B'"},
        {"[a]\n1b = 1\n", "f.ini:2: ", "'1b'"},
        {"[a]\nb.c = 1\n", "f.ini:2: ", "'b.c'"},
        {"[Train]\n", "f.ini:1: ", "[Train]"},
        {"[a\n", "f.ini:1: ", "[section]"},
        {"[a] ; x\n", "f.ini:1: ", "[section]"},
        {"[]\n", "f.ini:1: ", "section"},
        {"[ a ]\n", "f.ini:1: ", "section"},
        {"[\n", "f.ini:1: ", "section"},
        {"[a]\nb = \x01\n", "f.ini:2: ", "control"},
        {"[a]\nb = 1\rc = 2\n", "f.ini:2: ", "control"},
        {"[a]\nb = \xff\n", "f.ini:2: ", "UTF-8"},
        {"[a]\nb = \xc0\xaf\n", "f.ini:2: ", "UTF-8"},
        {"[a]\nb = \xed\xa0\x80\n", "f.ini:2: ", "UTF-8"},
        {"[a]\n# \xe2\x82\n", "f.ini:2: ", "UTF-8"},
        {"\x1f\x8b\x08", "f.ini:1: ", "control"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) assert_refused(bad[i].text, bad[i].where, bad[i].part);
    assert_refused_bytes("[a]\nb = 1\0 2\n", 13, "f.ini:2: ", "NUL");
}

static void folders_and_missing_files_are_refused(void **state) {
    (void)state;
    struct ini_file file = {0};
    assert_int_equal(ini_read(ctx, "/", &file), STRATA_ERR_FORMAT);
    assert_int_equal(ini_read(ctx, "/no/such.ini", &file), STRATA_ERR_NOT_FOUND);
}

static void more_keys_than_the_limit_are_refused(void **state) {
    (void)state;
    struct buffer text = {0};
    assert_int_equal(buffer_print(ctx, &text, "[a]\n"), STRATA_OK);
    for (int i = 0; i <= INI_ENTRY_LIMIT; ++i) assert_int_equal(buffer_print(ctx, &text, "k%d = 1\n", i), STRATA_OK);
    assert_refused_bytes(text.data, text.size, "f.ini:4098: ", "4096");
    buffer_destroy(&text);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    static const char text[] = "[a]\nb = 1\nc = 2\n[d]\ne = 3\n";
    uint64_t n = 1;
    for (;; ++n) {
        struct ini_file file = {0};
        mem_fail_from(n);
        strata_status status = ini_read_bytes(ctx, "f.ini", text, sizeof text - 1, &file);
        mem_fail_from(0);
        ini_destroy(&file);
        if (status == STRATA_OK) break;
        assert_int_equal(status, STRATA_ERR_MEMORY);
    }
    assert_true(n > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_keep_order_and_lines),
        cmocka_unit_test(values_keep_marks_that_inih_would_cut),
        cmocka_unit_test(carriage_returns_and_byte_order_mark_are_accepted),
        cmocka_unit_test(line_of_the_limit_passes_and_one_more_not),
        cmocka_unit_test(names_of_the_limit_pass_and_one_more_not),
        cmocka_unit_test(faults_name_their_line),
        cmocka_unit_test(folders_and_missing_files_are_refused),
        cmocka_unit_test(more_keys_than_the_limit_are_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("core ini", tests, setup, teardown);
}
