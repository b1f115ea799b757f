/* SPDX-License-Identifier: MIT */
/* The CIFAR-10 loader on small files of its layout, whole and damaged. */
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
#include "data/dataset.h"

enum { RECORD = 3073 };

static strata_context *ctx;
static char folder[64];
static const char *const names[] = {"data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"};

static int set_up(void **state) {
    (void)state;
    strcpy(folder, "/tmp/strata_cifar_XXXXXX");
    return mkdtemp(folder) && strata_context_create(&ctx) == STRATA_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    char path[128];
    for (size_t i = 0; i < 3; ++i) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        remove(path);
    }
    strata_context_destroy(ctx);
    return rmdir(folder);
}

/* Record r has label `label + r`, red 255, green 51, blue 0; the file ends `missing` bytes early. */
static void write_batch(const char *name, size_t records, unsigned label, size_t missing) {
    static unsigned char bytes[4 * RECORD];
    char path[128];
    for (size_t r = 0; r < records; ++r) {
        unsigned char *record = bytes + r * RECORD;
        record[0] = (unsigned char)(label + r);
        memset(record + 1, 255, 1024);
        memset(record + 1025, 51, 1024);
        memset(record + 2049, 0, 1024);
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, records * RECORD - missing, file), records * RECORD - missing);
    fclose(file);
}

static void assert_refused(strata_status expected, const char *words) {
    struct dataset train = {0}, test = {0};
    assert_int_equal(data_load(ctx, "cifar10", folder, &train, &test), expected);
    if (!strstr(strata_context_message(ctx), words))
        fail_msg("'%s' is not in '%s'", words, strata_context_message(ctx));
    assert_null(train.x);
    assert_null(test.x);
}

static void batches_load_in_order(void **state) {
    (void)state;
    struct dataset train, test;
    write_batch("data_batch_1.bin", 2, 3, 0);
    write_batch("data_batch_2.bin", 1, 9, 0);
    write_batch("test_batch.bin", 1, 0, 0);
    if (data_load(ctx, "cifar10", folder, &train, &test) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
    assert_true(train.rows == 3 && test.rows == 1 && train.inputs == 3072 && train.classes == 10);
    assert_true(train.image[0] == 3 && train.image[1] == 32 && train.image[2] == 32);
    assert_true(train.y[0] == 3.0f && train.y[1] == 4.0f && train.y[2] == 9.0f && test.y[0] == 0.0f);
    const float *row = train.x + 2 * 3072;
    assert_true(row[0] == 1.0f && row[1023] == 1.0f && row[1024] == 0.2f && row[2047] == 0.2f && row[2048] == 0.0f);
    dataset_destroy(&train);
    dataset_destroy(&test);
}

static void damaged_batches_are_refused(void **state) {
    (void)state;
    write_batch("test_batch.bin", 1, 0, 0);
    assert_refused(STRATA_ERR_NOT_FOUND, "data_batch_1.bin");
    write_batch("data_batch_1.bin", 2, 3, 1);
    assert_refused(STRATA_ERR_FORMAT, "data_batch_1.bin: expected records of 3073 bytes, got a file of 6145");
    write_batch("data_batch_1.bin", 2, 9, 0);
    assert_refused(STRATA_ERR_FORMAT, "byte 3073 (row 1): expected a label of 0 to 9, got 10");
    write_batch("data_batch_1.bin", 2, 3, 0);
    write_batch("test_batch.bin", 1, 0, 3073);
    assert_refused(STRATA_ERR_FORMAT, "got a file of 0");
}

static void one_file_is_read_by_its_path(void **state) {
    (void)state;
    struct dataset data = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/test_batch.bin", folder);
    write_batch("test_batch.bin", 2, 8, 0);
    if (cifar_read(ctx, path, &data) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
    assert_true(data.rows == 2 && data.inputs == 3072 && data.classes == 10 && data.task == TASK_MULTICLASS);
    assert_true(data.y[0] == 8.0f && data.y[1] == 9.0f && data.x[3072] == 1.0f && data.x[3072 + 1024] == 0.2f);
    dataset_destroy(&data);
    write_batch("test_batch.bin", 2, 9, 0);
    assert_int_equal(cifar_read(ctx, path, &data), STRATA_ERR_FORMAT);
    assert_non_null(strstr(strata_context_message(ctx), "byte 3073 (row 1)"));
    assert_null(data.x);
}

static void loading_survives_every_failed_allocation(void **state) {
    (void)state;
    strata_status status = STRATA_ERR_MEMORY;
    write_batch("data_batch_1.bin", 2, 3, 0);
    write_batch("data_batch_2.bin", 2, 3, 0);
    write_batch("test_batch.bin", 1, 0, 0);
    for (uint64_t n = 1; status == STRATA_ERR_MEMORY && n < 200; ++n) {
        struct dataset train = {0}, test = {0};
        mem_fail_from(n);
        status = data_load(ctx, "cifar10", folder, &train, &test);
        mem_fail_from(0);
        dataset_destroy(&train);
        dataset_destroy(&test);
    }
    assert_int_equal(status, STRATA_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(batches_load_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_batches_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_file_is_read_by_its_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(loading_survives_every_failed_allocation, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
