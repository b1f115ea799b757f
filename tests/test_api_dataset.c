/* SPDX-License-Identifier: MIT */
/* Public teachers and data sets: rows as they were made, read or drawn; what is no data set is refused with its row. */
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

#include <strata/strata.h>

#include "core/file.h"
#include "core/memory.h"
#include "data/dataset.h"

static strata_context *ctx;
static char folder[] = "/tmp/strata_api_dataset_XXXXXX";

#define OK(call)                                              \
    do {                                                      \
        strata_status ok_ = (call);                           \
        if (ok_) fail_msg("%s", strata_context_message(ctx)); \
    } while (0)

#define REFUSED(call, status, text)                                          \
    do {                                                                     \
        assert_int_equal((call), (status));                                  \
        if (!strstr(strata_context_message(ctx), (text)))                    \
            fail_msg("no '%s' in: %s", (text), strata_context_message(ctx)); \
    } while (0)

static const char *at(const char *name) {
    static char path[4][128];
    static unsigned next;
    char *text = path[next++ % 4];
    snprintf(text, sizeof path[0], "%s/%s", folder, name);
    return text;
}

static void put(const char *name, const char *text) { OK(file_write_atomic(ctx, at(name), text, strlen(text))); }

static int setup(void **state) {
    (void)state;
    return mkdtemp(folder) && strata_context_create(&ctx) == STRATA_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    static const char *const names[] = {"table.csv", "x.npy", "y.npy", "pictures", "labels"};
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) unlink(at(names[i]));
    rmdir(folder);
    strata_context_destroy(ctx);
    return 0;
}

static void arrays_are_borrowed_or_copied(void **state) {
    (void)state;
    float x[] = {1, 2, 3, 4, 5, 6}, y[] = {0, 2, 1};
    strata_dataset_shape shape = {.task = STRATA_TASK_MULTICLASS, .rows = 3, .inputs = 2, .targets = 1};
    strata_dataset *borrowed, *copied;
    OK(strata_dataset_create(ctx, &shape, x, y, &borrowed));
    OK(strata_dataset_create_copy(ctx, &shape, x, y, &copied));
    assert_ptr_equal(strata_dataset_inputs(borrowed), x);
    assert_ptr_equal(strata_dataset_targets(borrowed), y);
    assert_memory_equal(strata_dataset_inputs(copied), x, sizeof x);
    assert_ptr_not_equal(strata_dataset_inputs(copied), x);
    assert_int_equal(strata_dataset_get_shape(copied).classes, 3); /* as the labels have it */
    strata_dataset_destroy(borrowed);
    strata_dataset_destroy(copied);
}

static void what_is_no_data_set_is_refused(void **state) {
    (void)state;
    float x[] = {1, 2, 3, NAN}, y[] = {0, 2}, fine[] = {1, 2, 3, 4};
    strata_dataset_shape shape = {.task = STRATA_TASK_REGRESSION, .rows = 2, .inputs = 2, .targets = 1};
    strata_dataset *data;
    REFUSED(strata_dataset_create(ctx, &shape, x, y, &data), STRATA_ERR_ARGUMENT, "row 2: input 2");
    assert_null(data);
    shape.task = STRATA_TASK_BINARY;
    REFUSED(strata_dataset_create(ctx, &shape, fine, y, &data), STRATA_ERR_ARGUMENT,
            "row 2: expected a class from 0 to 1");
    shape.task = STRATA_TASK_MULTICLASS;
    y[1] = 0.5f;
    REFUSED(strata_dataset_create_copy(ctx, &shape, fine, y, &data), STRATA_ERR_ARGUMENT, "row 2");
    shape.rows = 0;
    REFUSED(strata_dataset_create(ctx, &shape, fine, y, &data), STRATA_ERR_ARGUMENT, "at least one row");
    shape = (strata_dataset_shape){.task = STRATA_TASK_REGRESSION, .rows = SIZE_MAX / 4, .inputs = 64, .targets = 1};
    REFUSED(strata_dataset_create(ctx, &shape, fine, y, &data), STRATA_ERR_TOO_LARGE, "inputs of a data set");
}

static void tables_give_the_target_column(void **state) {
    (void)state;
    static const float middle[] = {1, 3, 4, 6}, last[] = {1, 2, 4, 5};
    put("table.csv", "a,speed,c\n1,2,3\n4,5,6\n");
    strata_dataset_file file = strata_dataset_file_default(at("table.csv"));
    strata_dataset *data;
    OK(strata_dataset_read(ctx, &file, &data));
    assert_memory_equal(strata_dataset_inputs(data), last, sizeof last);
    assert_true(strata_dataset_targets(data)[1] == 6);
    strata_dataset_destroy(data);
    file.target = "speed";
    OK(strata_dataset_read(ctx, &file, &data));
    assert_memory_equal(strata_dataset_inputs(data), middle, sizeof middle);
    assert_true(strata_dataset_targets(data)[0] == 2);
    strata_dataset_destroy(data);
    file.target = "sped";
    REFUSED(strata_dataset_read(ctx, &file, &data), STRATA_ERR_NOT_FOUND, "did you mean 'speed'");
    file.target = "c", file.task = STRATA_TASK_BINARY;
    REFUSED(strata_dataset_read(ctx, &file, &data), STRATA_ERR_FORMAT, "table.csv: row 1: expected a class");
    put("table.csv", "1\n2\n");
    file = strata_dataset_file_default(at("table.csv"));
    REFUSED(strata_dataset_read(ctx, &file, &data), STRATA_ERR_FORMAT, "at least one input");
}

static void arrays_come_from_one_file_or_two(void **state) {
    (void)state;
    static const double x[] = {1, 2, 3, 4, 5, 6}, y[] = {7, 8, 9, 10};
    static const float first[] = {1, 2, 4, 5}, both[] = {7, 8, 9, 10};
    OK(npy_write(ctx, at("x.npy"), 2, (const size_t[]){2, 3}, x, false));
    OK(npy_write(ctx, at("y.npy"), 2, (const size_t[]){2, 2}, y, true));
    strata_dataset_file file = strata_dataset_file_default(at("x.npy"));
    strata_dataset *data;
    OK(strata_dataset_read(ctx, &file, &data));
    assert_memory_equal(strata_dataset_inputs(data), first, sizeof first);
    assert_true(strata_dataset_targets(data)[1] == 6);
    strata_dataset_destroy(data);
    file.targets_path = at("y.npy");
    OK(strata_dataset_read(ctx, &file, &data));
    assert_int_equal(strata_dataset_get_shape(data).inputs, 3);
    assert_int_equal(strata_dataset_get_shape(data).targets, 2);
    assert_memory_equal(strata_dataset_targets(data), both, sizeof both);
    strata_dataset_destroy(data);
    OK(npy_write(ctx, at("y.npy"), 1, (const size_t[]){3}, y, true));
    REFUSED(strata_dataset_read(ctx, &file, &data), STRATA_ERR_FORMAT, "expected 2 rows");
}

static void pictures_come_with_labels(void **state) {
    (void)state;
    static const char pictures[] = "\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x02\0\xff\x33\0",
                      labels[] = "\0\0\x08\x01\0\0\0\x02\x03\x01";
    OK(file_write_atomic(ctx, at("pictures"), pictures, sizeof pictures - 1));
    OK(file_write_atomic(ctx, at("labels"), labels, sizeof labels - 1));
    strata_dataset_file file = {.path = at("pictures"), .targets_path = at("labels"), .task = STRATA_TASK_MULTICLASS};
    strata_dataset *data;
    OK(strata_dataset_read(ctx, &file, &data));
    strata_dataset_shape shape = strata_dataset_get_shape(data);
    assert_int_equal(shape.rows, 2);
    assert_int_equal(shape.inputs, 2);
    assert_int_equal(shape.classes, 4);
    assert_true(strata_dataset_inputs(data)[1] == 1 && strata_dataset_inputs(data)[2] == 0.2f);
    assert_true(strata_dataset_targets(data)[0] == 3);
    strata_dataset_destroy(data);
}

static void splits_keep_every_row_once(void **state) {
    (void)state;
    enum { ROWS = 50 };
    float x[ROWS], y[ROWS];
    for (int i = 0; i < ROWS; ++i) x[i] = y[i] = (float)i;
    strata_dataset_shape shape = {.task = STRATA_TASK_REGRESSION, .rows = ROWS, .inputs = 1, .targets = 1};
    strata_dataset *all, *first, *rest;
    OK(strata_dataset_create(ctx, &shape, x, y, &all));
    OK(strata_dataset_split(ctx, all, 20, 7, &first, &rest));
    assert_int_equal(strata_dataset_get_shape(first).rows, 20);
    assert_int_equal(strata_dataset_get_shape(rest).rows, 30);
    bool seen[ROWS] = {false}, moved = false;
    for (size_t i = 0; i < ROWS; ++i) {
        const strata_dataset *part = i < 20 ? first : rest;
        size_t row = i < 20 ? i : i - 20, value = (size_t)strata_dataset_inputs(part)[row];
        assert_true(strata_dataset_targets(part)[row] == (float)value && !seen[value]);
        seen[value] = true;
        moved |= value != i;
    }
    assert_true(moved);
    strata_dataset_destroy(first);
    strata_dataset_destroy(rest);
    REFUSED(strata_dataset_split(ctx, all, ROWS, 7, &first, &rest), STRATA_ERR_ARGUMENT, "expected 1 to 49");
    assert_null(first);
    strata_dataset_destroy(all);
}

/* Mean 2 and variance 2/3 by hand; the second set is moved by the first one's moments. */
static void standardising_uses_the_reference(void **state) {
    (void)state;
    static const float x[] = {1, 2, 3}, other[] = {2, 4}, y[] = {0, 0, 0};
    strata_dataset_shape shape = {.task = STRATA_TASK_REGRESSION, .rows = 3, .inputs = 1, .targets = 1};
    strata_dataset *reference, *data, *standardised;
    OK(strata_dataset_create(ctx, &shape, x, y, &reference));
    shape.rows = 2;
    OK(strata_dataset_create(ctx, &shape, other, y, &data));
    OK(strata_dataset_create_standardised(ctx, reference, data, &standardised));
    assert_true(strata_dataset_inputs(standardised)[0] == 0);
    assert_true(fabs((double)strata_dataset_inputs(standardised)[1] - 2 / sqrt(2.0 / 3)) < 1e-6); /* float32 near 2.4 */
    assert_true(other[1] == 4);
    strata_dataset_destroy(standardised);
    strata_dataset_destroy(data);
    strata_dataset_destroy(reference);
}

static void teachers_give_the_same_samples_everywhere(void **state) {
    (void)state;
    enum { ROWS = 300, DIMENSION = 5 };
    static const char *const more[] = {"teacher.skip=0.2", NULL};
    strata_teacher_options options = strata_teacher_options_default();
    options.dimension = DIMENSION, options.width = 3, options.noise = 0.5, options.settings = more;
    strata_teacher *teacher, *again;
    strata_dataset *test, *train;
    static float x[ROWS * DIMENSION], y[ROWS], z[ROWS];
    static double features[ROWS * 3];
    OK(strata_teacher_create(ctx, &options, &teacher));
    OK(strata_teacher_create(ctx, &options, &again));
    OK(strata_dataset_create_from_teacher(ctx, teacher, STRATA_PART_TEST, 10, ROWS, &test));
    OK(strata_teacher_inputs(ctx, again, STRATA_PART_TEST, 10, ROWS, x));
    OK(strata_teacher_targets(ctx, again, ROWS, x, y));
    assert_memory_equal(strata_dataset_inputs(test), x, sizeof x);
    assert_memory_equal(strata_dataset_targets(test), y, sizeof y);
    OK(strata_dataset_create_from_teacher(ctx, teacher, STRATA_PART_TRAIN, 0, ROWS, &train));
    OK(strata_teacher_targets(ctx, teacher, ROWS, strata_dataset_inputs(train), z));
    assert_memory_not_equal(strata_dataset_targets(train), z, sizeof z); /* noise */
    assert_int_equal(strata_teacher_layer_width(teacher, 2), 3);
    assert_int_equal(strata_teacher_layer_width(teacher, 3), 0);
    OK(strata_teacher_features(ctx, teacher, 2, ROWS, x, features));
    assert_true(features[0] != features[3]);
    REFUSED(strata_teacher_features(ctx, teacher, 3, ROWS, x, features), STRATA_ERR_ARGUMENT, "expected 1 to 2");
    REFUSED(strata_teacher_inputs(ctx, teacher, (strata_part)7, 0, 1, x), STRATA_ERR_ARGUMENT, "part 7");
    strata_dataset_destroy(train);
    strata_dataset_destroy(test);
    strata_teacher_destroy(again);
    strata_teacher_destroy(teacher);
}

static void wrong_teachers_name_the_key(void **state) {
    (void)state;
    strata_teacher_options options = strata_teacher_options_default();
    strata_teacher *teacher;
    options.kind = "ring";
    REFUSED(strata_teacher_create(ctx, &options, &teacher), STRATA_ERR_CONFIG, "teacher.kind");
    options = strata_teacher_options_default();
    options.gap = NAN;
    REFUSED(strata_teacher_create(ctx, &options, &teacher), STRATA_ERR_CONFIG, "teacher.gap");
    options = strata_teacher_options_default();
    options.width = 50;
    REFUSED(strata_teacher_create(ctx, &options, &teacher), STRATA_ERR_CONFIG, "teacher.width");
    assert_null(teacher);
}

static void columns_are_found_by_their_names(void **state) {
    (void)state;
    strata_dataset *data;
    put("turned.csv", "c,kind,a,b\n3,1,1,2\n6,0,4,5\n");
    strata_dataset_file file = strata_dataset_file_default(at("turned.csv"));
    file.target = "kind";
    OK(strata_dataset_read(ctx, &file, &data));
    assert_string_equal(strata_dataset_columns(data), "c\na\nb");
    assert_string_equal(strata_dataset_target(data), "kind");
    strata_dataset_destroy(data);
    file.columns = "a\nb\nc";
    OK(strata_dataset_read(ctx, &file, &data));
    const float wanted[] = {1, 2, 3, 4, 5, 6};
    assert_memory_equal(strata_dataset_inputs(data), wanted, sizeof wanted);
    assert_true(strata_dataset_targets(data)[0] == 1 && strata_dataset_targets(data)[1] == 0);
    strata_dataset *taken;
    OK(strata_dataset_take(ctx, data, 1, &taken));
    assert_string_equal(strata_dataset_columns(taken), "a\nb\nc");
    strata_dataset_destroy(taken);
    strata_dataset_destroy(data);
    file.columns = "a\nbb";
    REFUSED(strata_dataset_read(ctx, &file, &data), STRATA_ERR_NOT_FOUND, "no column 'bb'; did you mean 'b'");
    assert_null(data);
}

static void targets_may_be_absent(void **state) {
    (void)state;
    strata_dataset *data;
    put("bare.csv", "a,b\n1,2\n3,4\n");
    strata_dataset_file file = strata_dataset_file_default(at("bare.csv"));
    file.target = "kind";
    REFUSED(strata_dataset_read(ctx, &file, &data), STRATA_ERR_NOT_FOUND, "kind");
    file.unlabelled = true;
    OK(strata_dataset_read(ctx, &file, &data));
    assert_int_equal(strata_dataset_get_shape(data).inputs, 2);
    assert_true(strata_dataset_targets(data)[1] == 0);
    assert_null(strata_dataset_target(data));
    strata_dataset_destroy(data);
    file.target = "b"; /* it is there, and no input */
    OK(strata_dataset_read(ctx, &file, &data));
    assert_int_equal(strata_dataset_get_shape(data).inputs, 1);
    strata_dataset_destroy(data);
    put("headless.csv", "1,2\n3,4\n");
    file = strata_dataset_file_default(at("headless.csv"));
    file.columns = "x";
    OK(strata_dataset_read(ctx, &file, &data));
    assert_null(strata_dataset_columns(data));
    assert_int_equal(strata_dataset_get_shape(data).inputs, 1);
    strata_dataset_destroy(data);
}

static void memory_may_be_short_anywhere(void **state) {
    (void)state;
    static const char text[] = "a,b\n1,2\n3,4\n5,6\n";
    put("table.csv", text);
    strata_dataset_file file = strata_dataset_file_default(at("table.csv"));
    strata_status status = STRATA_ERR_MEMORY;
    for (uint64_t n = 1; status != STRATA_OK; ++n) {
        strata_dataset *data = NULL, *first = NULL, *rest = NULL, *standardised = NULL;
        mem_fail_from(n);
        status = strata_dataset_read(ctx, &file, &data);
        if (status == STRATA_OK) status = strata_dataset_split(ctx, data, 2, 1, &first, &rest);
        if (status == STRATA_OK) status = strata_dataset_create_standardised(ctx, first, rest, &standardised);
        mem_fail_from(0);
        assert_true(status == STRATA_OK || status == STRATA_ERR_MEMORY);
        strata_dataset_destroy(data);
        strata_dataset_destroy(first);
        strata_dataset_destroy(rest);
        strata_dataset_destroy(standardised);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_are_borrowed_or_copied),    cmocka_unit_test(what_is_no_data_set_is_refused),
        cmocka_unit_test(tables_give_the_target_column),    cmocka_unit_test(arrays_come_from_one_file_or_two),
        cmocka_unit_test(pictures_come_with_labels),        cmocka_unit_test(splits_keep_every_row_once),
        cmocka_unit_test(standardising_uses_the_reference), cmocka_unit_test(teachers_give_the_same_samples_everywhere),
        cmocka_unit_test(columns_are_found_by_their_names), cmocka_unit_test(targets_may_be_absent),
        cmocka_unit_test(wrong_teachers_name_the_key),      cmocka_unit_test(memory_may_be_short_anywhere),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
