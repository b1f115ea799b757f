/* SPDX-License-Identifier: MIT */
/* Archives of data sets: what is unpacked, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "core/file.h"
#include "core/memory.h"
#include "data/fetch.h"

enum { BLOCK = 512, MOST = 1 << 16 };

static strata_context *ctx;
static char folder[64], path[96];
static unsigned char bytes[MOST];
static size_t used;

static int setup(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/strata-tar-XXXXXX");
    if (!mkdtemp(folder)) return 1;
    snprintf(path, sizeof path, "%s/archive.tar.gz", folder);
    return strata_context_create(&ctx) != STRATA_OK;
}

static int teardown(void **state) {
    char command[128];
    (void)state;
    strata_context_destroy(ctx);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static int reset(void **state) {
    (void)state;
    memset(bytes, 0, sizeof bytes);
    used = 0;
    return 0;
}

static void member(const char *name, char type, const char *content, size_t size) {
    unsigned char *header = bytes + used;
    unsigned sum = 0;
    snprintf((char *)header, 100, "%s", name);
    snprintf((char *)header + 124, 12, "%011zo", size);
    header[156] = (unsigned char)type;
    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < BLOCK; ++i) sum += header[i];
    snprintf((char *)header + 148, 8, "%06o", sum);
    used += BLOCK;
    memcpy(bytes + used, content, size);
    used += (size + BLOCK - 1) / BLOCK * BLOCK;
}

static strata_status unpack(size_t size) {
    gzFile file = gzopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)size), (int)size);
    assert_int_equal(gzclose(file), Z_OK);
    return tar_unpack(ctx, path, folder);
}

static void expect(const char *name, const char *content, size_t size) {
    char *full = string_format("%s/%s", folder, name);
    struct buffer found = {0};
    assert_int_equal(file_read(ctx, full, MOST, &found), STRATA_OK);
    assert_int_equal(found.size, size);
    assert_memory_equal(found.data, content, size);
    buffer_destroy(&found);
    assert_int_equal(unlink(full), 0);
    mem_free(full);
}

static void plain_files_are_unpacked_under_their_last_names(void **state) {
    (void)state;
    static char block[1024];
    memset(block, 'b', sizeof block);
    member("set/", '5', "", 0);
    member("set/one.bin", '0', "content", 7);
    member("../../etc/two.bin", '\0', block, sizeof block);
    member("empty", '0', "", 0);
    assert_int_equal(unpack(used + 2 * BLOCK), STRATA_OK);
    expect("one.bin", "content", 7);
    expect("two.bin", block, sizeof block);
    expect("empty", "", 0);
}

static void damaged_archives_are_refused(void **state) {
    (void)state;
    member("one.bin", '0', "content", 7);
    for (size_t size = 1; size < used; size += 37) assert_int_equal(unpack(size), STRATA_ERR_FORMAT);
    ++bytes[3];
    assert_int_equal(unpack(used), STRATA_ERR_FORMAT);
    assert_non_null(strstr(strata_context_message(ctx), "byte 0"));
}

static void names_and_kinds_that_do_not_belong_are_refused(void **state) {
    (void)state;
    static const char *const names[] = {"set/.hidden", "..", "a b", "set/", "a\xffz"};
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        reset(NULL);
        member(names[i], '0', "x", 1);
        assert_int_equal(unpack(used), STRATA_ERR_FORMAT);
    }
    reset(NULL);
    member("link", '2', "x", 1);
    assert_int_equal(unpack(used), STRATA_ERR_FORMAT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(plain_files_are_unpacked_under_their_last_names, reset),
        cmocka_unit_test_setup(damaged_archives_are_refused, reset),
        cmocka_unit_test_setup(names_and_kinds_that_do_not_belong_are_refused, reset),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
