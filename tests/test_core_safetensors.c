/* SPDX-License-Identifier: MIT */
/* safetensors: what is written reads back, and every way to break a header or the data is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/memory.h"
#include "core/rng.h"
#include "core/safetensors.h"

static strata_context *ctx;
static char path[] = "/tmp/strata-tensors-XXXXXX";

static int setup(void **state) {
    (void)state;
    int descriptor = mkstemp(path);
    if (descriptor < 0 || close(descriptor) != 0) return -1;
    return strata_context_create(&ctx) == STRATA_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    unlink(path);
    strata_context_destroy(ctx);
    return 0;
}

static const uint8_t letters[3] = {'a', 'b', 'c'};
static const float weights[6] = {1.0F, -2.0F, 3.5F, 0.0F, 1e-30F, 7.0F};
static const double scale[1] = {0.1};
static const int64_t step[2] = {-1, INT64_MAX};

static strata_status fill(struct tensor_file *file) {
    STRATA_TRY(tensor_file_add(ctx, file, "letters", TENSOR_U8, 1, (const size_t[]){3}, letters));
    STRATA_TRY(tensor_file_add(ctx, file, "layer.0/weight", TENSOR_F32, 2, (const size_t[]){2, 3}, weights));
    STRATA_TRY(tensor_file_add(ctx, file, "scale", TENSOR_F64, 0, NULL, scale));
    STRATA_TRY(tensor_file_add(ctx, file, "empty", TENSOR_F32, 2, (const size_t[]){0, 5}, NULL));
    STRATA_TRY(tensor_file_add(ctx, file, "step", TENSOR_I64, 1, (const size_t[]){2}, step));
    STRATA_TRY(tensor_file_set(ctx, file, "format", "x"));
    STRATA_TRY(tensor_file_set(ctx, file, "format", "strata \"1\"\n"));
    return tensor_file_set(ctx, file, "step", "17");
}

static void assert_tensor(const struct tensor_file *file, const char *name, enum tensor_type type, unsigned rank,
                          size_t size, const void *data) {
    const struct tensor *tensor = tensor_file_find(file, name);
    assert_non_null(tensor);
    assert_int_equal(tensor->type, type);
    assert_int_equal(tensor->rank, rank);
    assert_int_equal(tensor_count(tensor) * tensor_type_size(type), size);
    assert_int_equal((uintptr_t)tensor->data % tensor_type_size(type), 0);
    if (size) assert_memory_equal(tensor->data, data, size);
}

static void write_sample(void) {
    struct tensor_file file = {0};
    assert_int_equal(fill(&file), STRATA_OK);
    if (tensor_file_write(ctx, &file, path) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
    tensor_file_destroy(&file);
}

static void written_tensors_read_back(void **state) {
    (void)state;
    write_sample();
    struct tensor_file file = {0};
    if (tensor_file_read(ctx, path, &file) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
    assert_int_equal(file.tensor_count, 5);
    assert_string_equal(file.tensors[0].name, "letters");
    assert_string_equal(file.tensors[4].name, "step");
    assert_tensor(&file, "letters", TENSOR_U8, 1, sizeof letters, letters);
    assert_tensor(&file, "layer.0/weight", TENSOR_F32, 2, sizeof weights, weights);
    assert_tensor(&file, "scale", TENSOR_F64, 0, sizeof scale, scale);
    assert_tensor(&file, "empty", TENSOR_F32, 2, 0, NULL);
    assert_tensor(&file, "step", TENSOR_I64, 1, sizeof step, step);
    assert_string_equal(tensor_file_get(&file, "format"), "strata \"1\"\n");
    assert_string_equal(tensor_file_get(&file, "step"), "17");
    assert_non_null(tensor_file_get(&file, "checksum"));
    assert_null(tensor_file_get(&file, "none"));
    assert_null(tensor_file_find(&file, "none"));
    assert_int_equal(tensor_file_write(ctx, &file, path),
                     STRATA_OK); /* what was read can be written, checksum and all */
    tensor_file_destroy(&file);
    assert_int_equal(tensor_file_read(ctx, path, &file), STRATA_OK);
    tensor_file_destroy(&file);
}

static void data_begin_at_a_multiple_of_64(void **state) {
    (void)state;
    write_sample();
    struct buffer bytes = {0};
    uint64_t length;
    assert_int_equal(file_read(ctx, path, 1 << 20, &bytes), STRATA_OK);
    memcpy(&length, bytes.data, 8);
    assert_int_equal((length + 8) % 64, 0);
    assert_int_equal(bytes.size, 8 + length + 8 + 16 + 24 + 3);
    buffer_destroy(&bytes);
}

static void every_cut_and_every_flipped_data_bit_is_refused(void **state) {
    (void)state;
    write_sample();
    struct buffer whole = {0}, part = {0};
    struct tensor_file file = {0};
    uint64_t length;
    assert_int_equal(file_read(ctx, path, 1 << 20, &whole), STRATA_OK);
    memcpy(&length, whole.data, 8);
    for (size_t size = 0; size < whole.size; ++size) {
        assert_int_equal(buffer_append(ctx, &part, whole.data, size), STRATA_OK);
        assert_int_equal(tensor_file_parse(ctx, "f", &part, &file), STRATA_ERR_FORMAT);
        assert_null(file.tensors);
        buffer_clear(&part);
    }
    for (size_t i = 8 + length; i < whole.size; ++i) {
        whole.data[i] ^= 8;
        assert_int_equal(tensor_file_parse(ctx, "f", &whole, &file), STRATA_ERR_FORMAT);
        assert_non_null(strstr(strata_context_message(ctx), "checksum"));
        whole.data[i] ^= 8;
    }
    assert_int_equal(buffer_append(ctx, &whole, "x", 1), STRATA_OK);
    assert_int_equal(tensor_file_parse(ctx, "f", &whole, &file), STRATA_ERR_FORMAT);
    buffer_destroy(&whole);
    buffer_destroy(&part);
}

/** A file of a given header over `data_size` zero bytes. */
static strata_status parse_text(const char *header, size_t data_size, struct tensor_file *file) {
    struct buffer bytes = {0};
    uint64_t length = strlen(header);
    char zeros[64] = {0};
    assert_int_equal(buffer_append(ctx, &bytes, &length, 8), STRATA_OK);
    assert_int_equal(buffer_append(ctx, &bytes, header, length), STRATA_OK);
    assert_int_equal(buffer_append(ctx, &bytes, zeros, data_size), STRATA_OK);
    strata_status status = tensor_file_parse(ctx, "f", &bytes, file);
    assert_true(status == STRATA_OK ? bytes.data == NULL : bytes.data != NULL);
    buffer_destroy(&bytes);
    return status;
}

static void files_of_other_writers_are_read(void **state) {
    (void)state;
    struct tensor_file file = {0};
    static const char header[] = "{\"a\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]},\"b\":{\"shape\":[],"
                                 "\"data_offsets\":[16,17],\"dtype\":\"U8\"}}";
    for (size_t blanks = 0; blanks < 8; ++blanks) { /* whatever the header's length, elements end up aligned */
        char text[256];
        snprintf(text, sizeof text, "%s%*s", header, (int)blanks, "");
        assert_int_equal(parse_text(text, 17, &file), STRATA_OK);
        assert_int_equal((uintptr_t)tensor_file_find(&file, "a")->data % 8, 0);
        tensor_file_destroy(&file);
    }
    assert_int_equal(parse_text("{}", 0, &file), STRATA_OK);
    assert_int_equal(file.tensor_count, 0);
    tensor_file_destroy(&file);
}

#define TENSOR_TEXT(dtype, shape, offsets) \
    "{\"a\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void faulty_headers_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t data_size;
        const char *part;
    } bad[] = {
        {"", 0, "begins"},
        {" {}", 0, "begins"},
        {"[]", 0, "begins"},
        {"{", 0, "f:1"},
        {"{}x", 0, "f:1"},
        {"{}", 1, "data bytes"},
        {"{\"a\":1}", 0, "exactly"},
        {"{\"\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1, "name"},
        {TENSOR_TEXT("F16", "[1]", "[0,2]"), 2, "dtype"},
        {TENSOR_TEXT("F32", "[1]", "[0,4]"), 3, "within"},
        {TENSOR_TEXT("F32", "[1]", "[0,8]"), 8, "shape needs"},
        {TENSOR_TEXT("F32", "[-1]", "[0,4]"), 4, "whole numbers"},
        {TENSOR_TEXT("F32", "[1.0]", "[0,4]"), 4, "whole numbers"},
        {TENSOR_TEXT("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "8 dimensions"},
        {TENSOR_TEXT("F32", "[1]", "[4,0]"), 4, "within"},
        {TENSOR_TEXT("F32", "[1]", "[0]"), 4, "within"},
        {TENSOR_TEXT("F32", "[1]", "[0,4,8]"), 4, "within"},
        {TENSOR_TEXT("F32", "[1]", "[-4,0]"), 4, "within"},
        {TENSOR_TEXT("F32", "[1]", "[4,8]"), 8, "hole"},
        {TENSOR_TEXT("U8", "[4294967296,4294967296,16]", "[0,0]"), 0, "shape needs"},
        {TENSOR_TEXT("U8", "[4611686018427387904,4,0]", "[0,0]"), 0, "shape needs"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_"
         "offsets\":[1,5]}}",
         5, "aligned"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_"
         "offsets\":[1,3]}}",
         3, "overlap"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_"
         "offsets\":[2,3]}}",
         3, "hole"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"more\":1}}", 1, "exactly"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_"
         "offsets\":[0,1]}}",
         1, "duplicate"},
        {"{\"__metadata__\":1}", 0, "object"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "string"},
        {"{\"__metadata__\":{\"checksum\":\"0\"}}", 0, "checksum"},
        {"{\"\xff\":1}", 0, "f:1"},
        {"{\"a\\u0000\":1}", 0, "f:1"},
    };
    struct tensor_file file = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
        assert_int_equal(parse_text(bad[i].header, bad[i].data_size, &file), STRATA_ERR_FORMAT);
        if (!strstr(strata_context_message(ctx), bad[i].part))
            fail_msg("%s: '%s' lacks '%s'", bad[i].header, strata_context_message(ctx), bad[i].part);
    }
    static const char huge_length[] = "\xff\xff\xff\xff\xff\xff\xff\x7f{}";
    struct buffer bytes = {0};
    assert_int_equal(buffer_append(ctx, &bytes, huge_length, 10), STRATA_OK);
    assert_int_equal(tensor_file_parse(ctx, "f", &bytes, &file), STRATA_ERR_FORMAT);
    buffer_destroy(&bytes);
}

static void faulty_additions_are_refused(void **state) {
    (void)state;
    struct tensor_file file = {0};
    const size_t dims[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, huge[2] = {SIZE_MAX / 2, 3};
    assert_int_equal(tensor_file_add(ctx, &file, "a", TENSOR_U8, 1, dims, letters), STRATA_OK);
    assert_int_equal(tensor_file_add(ctx, &file, "a", TENSOR_U8, 1, dims, letters), STRATA_ERR_ARGUMENT);
    assert_int_equal(tensor_file_add(ctx, &file, "b", TENSOR_U8, 9, dims, letters), STRATA_ERR_ARGUMENT);
    assert_int_equal(tensor_file_add(ctx, &file, "", TENSOR_U8, 1, dims, letters), STRATA_ERR_ARGUMENT);
    assert_int_equal(tensor_file_add(ctx, &file, "__metadata__", TENSOR_U8, 1, dims, letters), STRATA_ERR_ARGUMENT);
    assert_int_equal(tensor_file_add(ctx, &file, "\xff", TENSOR_U8, 1, dims, letters), STRATA_ERR_ARGUMENT);
    assert_int_equal(tensor_file_add(ctx, &file, "b", TENSOR_U8, 2, huge, letters), STRATA_ERR_TOO_LARGE);
    assert_int_equal(tensor_file_set(ctx, &file, "key", "\xff"), STRATA_ERR_ARGUMENT);
    assert_int_equal(file.tensor_count, 1);
    tensor_file_destroy(&file);
}

/* Random edits of a good file may be read or refused, but never crash; the sanitizers watch. */
static void random_damage_never_crashes(void **state) {
    (void)state;
    write_sample();
    struct buffer whole = {0};
    assert_int_equal(file_read(ctx, path, 1 << 20, &whole), STRATA_OK);
    for (uint64_t i = 0; i < 5000; ++i) {
        struct buffer part = {0};
        struct tensor_file file = {0};
        uint32_t words[4];
        rng_bits(rng_stream_make(3, 0, RNG_TEST), 4 * i, 4, words);
        assert_int_equal(buffer_append(ctx, &part, whole.data, whole.size), STRATA_OK);
        part.data[words[0] % 500] = (char)words[1];
        part.data[words[2] % 500] = (char)words[3];
        if (tensor_file_parse(ctx, "f", &part, &file) == STRATA_OK) tensor_file_destroy(&file);
        buffer_destroy(&part);
    }
    buffer_destroy(&whole);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    json_set_alloc_funcs(mem_alloc, mem_free);
    uint64_t n = 1;
    for (;; ++n) {
        struct tensor_file file = {0}, again = {0};
        mem_fail_from(n);
        strata_status status = fill(&file);
        if (status == STRATA_OK) status = tensor_file_write(ctx, &file, path);
        if (status == STRATA_OK) status = tensor_file_read(ctx, path, &again);
        mem_fail_from(0);
        tensor_file_destroy(&file);
        tensor_file_destroy(&again);
        if (status == STRATA_OK) break;
        /* Jansson calls some failed allocations a fault of the text. */
        if (status != STRATA_ERR_MEMORY && status != STRATA_ERR_FORMAT)
            fail_msg("allocation %zu: %s", (size_t)n, strata_context_message(ctx));
    }
    assert_true(n > 50);
    json_set_alloc_funcs(malloc, free);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_tensors_read_back),
        cmocka_unit_test(data_begin_at_a_multiple_of_64),
        cmocka_unit_test(every_cut_and_every_flipped_data_bit_is_refused),
        cmocka_unit_test(files_of_other_writers_are_read),
        cmocka_unit_test(faulty_headers_are_refused),
        cmocka_unit_test(faulty_additions_are_refused),
        cmocka_unit_test(random_damage_never_crashes),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("core safetensors", tests, setup, teardown);
}
