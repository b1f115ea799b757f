/* SPDX-License-Identifier: MIT */
/* Files, buffers, numbers and near names: exact expectations, and every allocation failing in turn. */
#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"

static strata_context *ctx;
static char folder[] = "/tmp/strata-file-XXXXXX";
static char path[PATH_MAX];

static int setup(void **state) {
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/file", folder);
    return strata_context_create(&ctx) == STRATA_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    char command[PATH_MAX + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    strata_context_destroy(ctx);
    return system(command) == 0 ? 0 : -1;
}

static void put(const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void assert_message(const char *part) {
    if (!strstr(strata_context_message(ctx), part)) fail_msg("'%s' not in '%s'", part, strata_context_message(ctx));
}

/** Gzip of `size` bytes by zlib's own writer. */
static void put_gzip(const void *bytes, size_t size, const char *mode) {
    gzFile file = gzopen(path, mode);
    assert_non_null(file);
    if (size) assert_int_equal(gzwrite(file, bytes, (unsigned)size), size);
    assert_int_equal(gzclose(file), Z_OK);
}

static void buffer_keeps_bytes_and_terminator(void **state) {
    (void)state;
    struct buffer buffer = {0};
    for (int i = 0; i < 300; ++i) assert_int_equal(buffer_append(ctx, &buffer, "a\0b", 3), STRATA_OK);
    assert_int_equal(buffer.size, 900);
    for (size_t i = 0; i < 900; ++i) assert_int_equal(buffer.data[i], "a\0b"[i % 3]);
    assert_int_equal(buffer.data[900], 0);
    buffer_clear(&buffer);
    assert_int_equal(buffer_print(ctx, &buffer, "%s=%d", "key", 7), STRATA_OK);
    assert_string_equal(buffer.data, "key=7");
    buffer_destroy(&buffer);
    assert_int_equal(buffer_append(ctx, &buffer, "", 0), STRATA_OK);
    assert_string_equal(buffer.data, "");
    assert_int_equal(buffer_reserve(ctx, &buffer, SIZE_MAX), STRATA_ERR_TOO_LARGE);
    buffer_destroy(&buffer);
}

static void file_read_returns_what_was_written(void **state) {
    (void)state;
    enum { SIZE = 200000 };
    static char bytes[SIZE];
    for (size_t i = 0; i < SIZE; ++i) bytes[i] = (char)(i * 31 >> 3);
    for (size_t size = 0; size <= SIZE; size = size * 5 + 1) {
        assert_int_equal(file_write_atomic(ctx, path, bytes, size), STRATA_OK);
        struct buffer buffer = {0};
        assert_int_equal(buffer_append(ctx, &buffer, "before", 6), STRATA_OK);
        assert_int_equal(file_read(ctx, path, size, &buffer), STRATA_OK);
        assert_int_equal(buffer.size, size + 6);
        assert_memory_equal(buffer.data + 6, bytes, size);
        if (size) {
            assert_int_equal(file_read(ctx, path, size - 1, &buffer), STRATA_ERR_FORMAT);
            assert_message(path);
            assert_message("at most");
        }
        buffer_destroy(&buffer);
    }
}

static void file_read_accepts_files_that_say_they_are_empty(void **state) {
    (void)state;
    struct buffer buffer = {0};
    assert_int_equal(file_read(ctx, "/proc/self/status", 1 << 20, &buffer), STRATA_OK);
    assert_true(buffer.size > 10);
    buffer_clear(&buffer);
    assert_int_equal(file_read(ctx, "/proc/self/status", 10, &buffer), STRATA_ERR_FORMAT);
    buffer_destroy(&buffer);
}

static void file_read_refuses_what_is_no_file(void **state) {
    (void)state;
    struct buffer buffer = {0};
    assert_int_equal(file_read(ctx, folder, 100, &buffer), STRATA_ERR_FORMAT);
    assert_message("folder");
    assert_int_equal(file_read(ctx, "/dev/zero", 100, &buffer), STRATA_ERR_FORMAT);
    char pipe_path[PATH_MAX + 8];
    snprintf(pipe_path, sizeof pipe_path, "%s.pipe", path);
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    assert_int_equal(file_read(ctx, pipe_path, 100, &buffer), STRATA_ERR_FORMAT); /* and does not wait for a writer */
    assert_int_equal(file_read(ctx, "/no/such/file", 100, &buffer), STRATA_ERR_NOT_FOUND);
    assert_message("/no/such/file");
    buffer_destroy(&buffer);
}

static void gzip_is_inflated_within_the_limit(void **state) {
    (void)state;
    enum { SIZE = 300000 };
    static char bytes[SIZE];
    for (size_t i = 0; i < SIZE; ++i) bytes[i] = (char)(i * i >> 7);
    for (size_t size = 0; size <= SIZE; size = size * 7 + 1) {
        put_gzip(bytes, size, "wb");
        struct buffer buffer = {0};
        assert_int_equal(file_read_gzip(ctx, path, size, &buffer), STRATA_OK);
        assert_int_equal(buffer.size, size);
        if (size) assert_memory_equal(buffer.data, bytes, size);
        buffer_clear(&buffer);
        if (size) assert_int_equal(file_read_gzip(ctx, path, size - 1, &buffer), STRATA_ERR_FORMAT);
        buffer_destroy(&buffer);
    }
}

static void gzip_bomb_stops_at_the_limit(void **state) {
    (void)state;
    enum { SIZE = 8 << 20 };
    char *zeros = calloc(SIZE, 1);
    assert_non_null(zeros);
    put_gzip(zeros, SIZE, "wb9");
    free(zeros);
    struct buffer buffer = {0};
    assert_int_equal(file_read_gzip(ctx, path, 1000, &buffer), STRATA_ERR_FORMAT);
    assert_true(buffer.capacity < 1 << 19); /* no more than a few chunks were inflated */
    buffer_destroy(&buffer);
}

static void gzip_members_are_joined(void **state) {
    (void)state;
    put_gzip("one ", 4, "wb");
    put_gzip("two", 3, "ab");
    struct buffer buffer = {0};
    assert_int_equal(file_read_gzip(ctx, path, 100, &buffer), STRATA_OK);
    assert_string_equal(buffer.data, "one two");
    buffer_destroy(&buffer);
}

static void gzip_cut_or_damaged_is_refused(void **state) {
    (void)state;
    char bytes[2000];
    for (size_t i = 0; i < sizeof bytes; ++i) bytes[i] = (char)(i * i >> 5);
    put_gzip(bytes, sizeof bytes, "wb");
    struct buffer zipped = {0}, buffer = {0};
    assert_int_equal(file_read(ctx, path, 10000, &zipped), STRATA_OK);
    for (size_t size = 2; size < zipped.size; ++size) {
        put(zipped.data, size);
        buffer_clear(&buffer);
        assert_int_equal(file_read_gzip(ctx, path, 10000, &buffer), STRATA_ERR_FORMAT);
        assert_message("truncated");
        assert_message(path);
    }
    for (size_t i = 12; i < zipped.size; ++i) { /* behind the header every bit counts: data, CRC-32, length */
        zipped.data[i] ^= 4;
        put(zipped.data, zipped.size);
        zipped.data[i] ^= 4;
        buffer_clear(&buffer);
        assert_int_equal(file_read_gzip(ctx, path, 10000, &buffer), STRATA_ERR_FORMAT);
    }
    buffer_destroy(&zipped);
    buffer_destroy(&buffer);
}

static void plain_files_pass_through_the_gzip_reader(void **state) {
    (void)state;
    struct buffer buffer = {0};
    put("\x1f", 1);
    assert_int_equal(file_read_gzip(ctx, path, 10, &buffer), STRATA_OK);
    assert_string_equal(buffer.data, "\x1f");
    buffer_destroy(&buffer);
}

static size_t files_in_folder(void) {
    char command[PATH_MAX + 32], text[32] = "";
    snprintf(command, sizeof command, "ls '%s' | wc -l", folder);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(text, sizeof text, pipe));
    pclose(pipe);
    return (size_t)atoi(text);
}

static void failed_write_keeps_the_old_file(void **state) {
    (void)state;
    assert_int_equal(file_write_atomic(ctx, path, "old", 3), STRATA_OK);
    size_t files = files_in_folder();
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    char bytes[500] = {0};
    strata_status status = file_write_atomic(ctx, path, bytes, sizeof bytes);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, STRATA_ERR_DISK_FULL);
    assert_message(path);
    struct buffer buffer = {0};
    assert_int_equal(file_read(ctx, path, 100, &buffer), STRATA_OK);
    assert_string_equal(buffer.data, "old");
    buffer_destroy(&buffer);
    assert_int_equal(files_in_folder(), files);
    assert_int_equal(file_write_atomic(ctx, folder, "x", 1), STRATA_ERR_IO); /* a folder cannot be replaced */
    char neighbour[PATH_MAX + 32];
    snprintf(neighbour, sizeof neighbour, "%s.tmp-%ld", folder, (long)getpid());
    assert_false(file_exists(neighbour));
    assert_int_equal(file_write_atomic(ctx, "/no/such/folder/file", "x", 1), STRATA_ERR_NOT_FOUND);
}

static void folders_are_made_with_their_parents(void **state) {
    (void)state;
    char deep[PATH_MAX + 32];
    snprintf(deep, sizeof deep, "%s/a//b/c/", folder);
    assert_int_equal(file_make_folder(ctx, deep), STRATA_OK);
    assert_true(file_exists(deep));
    assert_int_equal(file_make_folder(ctx, deep), STRATA_OK);
    assert_int_equal(file_make_folder(ctx, "/"), STRATA_OK);
    put("x", 1);
    snprintf(deep, sizeof deep, "%s/below", path);
    assert_int_equal(file_make_folder(ctx, deep), STRATA_ERR_IO);
    assert_message("in the way");
    assert_int_equal(file_make_folder(ctx, path), STRATA_ERR_IO);
    assert_int_equal(file_make_folder(ctx, ""), STRATA_ERR_ARGUMENT);
}

static void checksum_is_fnv1a(void **state) {
    (void)state;
    /* Vectors published with the algorithm (Fowler, Noll & Vo). */
    assert_true(file_checksum("", 0) == UINT64_C(0xcbf29ce484222325));
    assert_true(file_checksum("a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(file_checksum("foobar", 6) == UINT64_C(0x85944171f73967e8));
}

static void number_parse_takes_whole_finite_decimals_only(void **state) {
    (void)state;
    static const char *const bad[] = {"",  " 1", "1 ",   "1x",  "inf",   "nan",    "-Infinity", "0x10", "1e",    "1e+",
                                      ".", "-",  "+.e1", "1,5", "1e999", "-1e999", "1.2.3",     "--1",  "1e1.5", "1\n"};
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0.0},
                {"-0", -0.0},
                {"1", 1.0},
                {"+2.5", 2.5},
                {".5", 0.5},
                {"5.", 5.0},
                {"1e3", 1000.0},
                {"1E-3", 0.001},
                {"4.9406564584124654e-324", 0x1p-1074},
                {"1e-999", 0.0},
                {"1.7976931348623157e308", DBL_MAX}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
        double value = 42.0;
        if (number_parse(bad[i], &value)) fail_msg("'%s' was taken as a number", bad[i]);
        assert_true(value == 42.0);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; ++i) {
        double value = 42.0;
        assert_true(number_parse(good[i].text, &value));
        assert_true(value == good[i].value);
    }
}

static void numbers_survive_text(void **state) {
    (void)state;
    char text[32];
    static const double special[] = {
        0.0, -0.0, DBL_MAX, -DBL_MAX, DBL_MIN, 0x1p-1074, 0.1, 1.0 / 3.0, 1e22, 1e23, 123456789012345678.0};
    for (size_t i = 0; i < sizeof special / sizeof *special; ++i) {
        double value;
        number_format(special[i], text);
        assert_true(number_parse(text, &value));
        assert_memory_equal(&value, &special[i], sizeof value);
    }
    number_format(0.1, text);
    assert_string_equal(text, "0.1");
    number_format(221.0, text);
    assert_string_equal(text, "221");
    uint32_t words[2];
    for (uint64_t i = 0; i < 20000; ++i) {
        rng_bits(rng_stream_make(1, 0, RNG_TEST), 2 * i, 2, words);
        double value, again;
        memcpy(&value, words, sizeof value);
        if (!isfinite(value)) continue;
        number_format(value, text);
        assert_true(number_parse(text, &again));
        assert_memory_equal(&value, &again, sizeof value);
    }
}

/* A locale with a decimal comma, made here when the system has none. */
static void numbers_ignore_the_locale(void **state) {
    (void)state;
    char command[2 * PATH_MAX];
    snprintf(command, sizeof command,
             "mkdir -p '%s/l' && localedef -i de_DE -f UTF-8 '%s/l/de_DE.UTF-8' >/dev/null 2>&1", folder, folder);
    char locale_folder[PATH_MAX];
    snprintf(locale_folder, sizeof locale_folder, "%s/l", folder);
    if (!setlocale(LC_ALL, "de_DE.UTF-8")) {
        if (system(command) != 0) skip();
        setenv("LOCPATH", locale_folder, 1);
        if (!setlocale(LC_ALL, "de_DE.UTF-8")) skip();
    }
    char text[32];
    snprintf(text, sizeof text, "%.1f", 0.5);
    bool comma = strcmp(text, "0,5") == 0;
    double value = 0.0;
    number_format(0.5, text);
    bool parsed = number_parse("2.5", &value), refused = !number_parse("2,5", &(double){0.0});
    char *made = string_format("%g", 0.25);
    struct buffer buffer = {0};
    strata_status status = buffer_print(ctx, &buffer, "%g", 0.125);
    setlocale(LC_ALL, "C");
    assert_true(comma);
    assert_string_equal(text, "0.5");
    assert_true(parsed && refused && value == 2.5);
    assert_string_equal(made, "0.25");
    assert_int_equal(status, STRATA_OK);
    assert_string_equal(buffer.data, "0.125");
    mem_free(made);
    buffer_destroy(&buffer);
}

static void near_names_are_found_and_far_ones_not(void **state) {
    (void)state;
    static const char *const names[] = {"learning_rate", "batch_size", "steps", "warmup", "lr"};
    assert_string_equal(name_nearest("learning_rat", names, 5), "learning_rate");
    assert_string_equal(name_nearest("leraning_rate", names, 5), "learning_rate");
    assert_string_equal(name_nearest("setps", names, 5), "steps");
    assert_string_equal(name_nearest("batchsize", names, 5), "batch_size");
    assert_null(name_nearest("momentum", names, 5));
    assert_null(name_nearest("", names, 5));
    assert_null(name_nearest("x", names, 5));
    assert_null(name_nearest("steps", names, 0));
    char longest[5000];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(name_nearest(longest, names, 5));
}

/** Runs every allocating call of the folder's file functions once. */
static strata_status all_calls(void) {
    struct buffer buffer = {0};
    strata_status status = file_write_atomic(ctx, path, "text", 4);
    if (status == STRATA_OK) status = file_read(ctx, path, 10, &buffer);
    char zipped[PATH_MAX + 8];
    snprintf(zipped, sizeof zipped, "%s/zipped", folder);
    if (status == STRATA_OK) status = file_read_gzip(ctx, zipped, 1000, &buffer);
    if (status == STRATA_OK) status = buffer_print(ctx, &buffer, "%200d", 1);
    if (status == STRATA_OK) status = file_make_folder(ctx, folder);
    char *text = status == STRATA_OK ? string_format("%d", 1) : NULL;
    if (status == STRATA_OK && !text) status = STRATA_ERR_MEMORY;
    mem_free(text);
    buffer_destroy(&buffer);
    return status;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    put_gzip("some text", 9, "wb");
    char zipped[PATH_MAX + 8];
    snprintf(zipped, sizeof zipped, "%s/zipped", folder);
    assert_int_equal(rename(path, zipped), 0);
    uint64_t n = 1;
    for (;; ++n) {
        mem_fail_from(n);
        strata_status status = all_calls();
        mem_fail_from(0);
        if (status == STRATA_OK) break;
        assert_int_equal(status, STRATA_ERR_MEMORY);
    }
    assert_true(n > 6);
}

static void a_path_is_one_word_of_a_shell(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"runs/bfc-1", "runs/bfc-1"}, {"", "''"},
                                           {"my runs", "'my runs'"},     {"it's", "'it'\\''s'"},
                                           {"''", "''\\'''\\'''"},       {"a\nb$HOME", "'a\nb$HOME'"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        char *word = shell_word(cases[i][0]);
        assert_string_equal(word, cases[i][1]);
        mem_free(word);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_keeps_bytes_and_terminator),
        cmocka_unit_test(file_read_returns_what_was_written),
        cmocka_unit_test(file_read_accepts_files_that_say_they_are_empty),
        cmocka_unit_test(file_read_refuses_what_is_no_file),
        cmocka_unit_test(gzip_is_inflated_within_the_limit),
        cmocka_unit_test(gzip_bomb_stops_at_the_limit),
        cmocka_unit_test(gzip_members_are_joined),
        cmocka_unit_test(gzip_cut_or_damaged_is_refused),
        cmocka_unit_test(plain_files_pass_through_the_gzip_reader),
        cmocka_unit_test(failed_write_keeps_the_old_file),
        cmocka_unit_test(folders_are_made_with_their_parents),
        cmocka_unit_test(checksum_is_fnv1a),
        cmocka_unit_test(number_parse_takes_whole_finite_decimals_only),
        cmocka_unit_test(numbers_survive_text),
        cmocka_unit_test(numbers_ignore_the_locale),
        cmocka_unit_test(near_names_are_found_and_far_ones_not),
        cmocka_unit_test(a_path_is_one_word_of_a_shell),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("core file", tests, setup, teardown);
}
