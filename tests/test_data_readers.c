/* SPDX-License-Identifier: MIT */
/* Readers on good files and on every kind of bad one: the message names the file and the place. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "core/memory.h"
#include "data/dataset.h"

static strata_context *ctx;

static int set_up(void **state) {
    (void)state;
    return strata_context_create(&ctx) == STRATA_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    strata_context_destroy(ctx);
    return 0;
}

static void assert_message(strata_status status, strata_status expected, const char *words) {
    assert_int_equal(status, expected);
    if (!strstr(strata_context_message(ctx), words))
        fail_msg("'%s' is not in '%s'", words, strata_context_message(ctx));
}

/* ---- CSV ---- */

static strata_status parse_csv(const char *text, struct csv_table *table) {
    *table = (struct csv_table){0};
    return csv_parse(ctx, "t.csv", text, strlen(text), table);
}

static void assert_table(const char *text, size_t rows, size_t columns, const char *first_name, const double *values) {
    struct csv_table table;
    if (parse_csv(text, &table) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
    assert_int_equal(table.rows, rows);
    assert_int_equal(table.columns, columns);
    assert_string_equal(table.names[0], first_name);
    for (size_t i = 0; i < rows * columns; ++i) assert_true(table.values[i] == values[i]);
    csv_destroy(&table);
}

static void csv_reads_tables_with_and_without_header(void **state) {
    (void)state;
    const double values[] = {1, -2.5, 3e-3, 4};
    assert_table("a,b\n1,-2.5\n3e-3,4\n", 2, 2, "a", values);
    assert_table("1,-2.5\n3e-3,4", 2, 2, "column_1", values);
    assert_table("\xef\xbb\xbf a , b\r\n 1 ,\t-2.5\r\n\r\n3e-3,4\r\n", 2, 2, "a", values);
    assert_table("\"a, \"\"big\"\"\",b\n\"1\",-2.5\n3e-3,\"4\" \n", 2, 2, "a, \"big\"", values);
    assert_table("7", 1, 1, "column_1", (const double[]){7});
}

static void csv_faults_name_line_and_column(void **state) {
    (void)state;
    const struct {
        const char *text, *message;
    } cases[] = {
        {"", "t.csv: expected a table of numbers, got an empty file"},
        {"\n \r\n", "empty file"},
        {"a,b\n", "t.csv:1: expected rows of numbers"},
        {"a,b\n1,2\n3\n", "t.csv:3: expected 2 columns as on the first line, got 1"},
        {"a,b\n1,2\n3,4,5\n", "t.csv:3: expected 2 columns as on the first line, got more than 2"},
        {"a,b\n1,two\n", "t.csv:2: column 2: expected a finite number, got 'two'"},
        {"a,b\n1,\n", "t.csv:2: column 2: expected a finite number, got ''"},
        {"a,b\n1,nan\n", "expected a finite number, got 'nan'"},
        {"a,b\n1,1e999\n", "expected a finite number"},
        {"1,2\n3,x\n", "t.csv:2: column 2"},
        {"a,\n1,2\n", "t.csv:1: column 2: expected a name"},
        {"a,a\n1,2\n", "t.csv:1: column 2: the name 'a' is already that of column 1"},
        {"a,\"b\n1,2\n", "t.csv:1: column 2: expected a closing quote"},
        {"a,\"b\"x\n1,2\n", "t.csv:1: column 2: expected a comma after the closing quote"},
        {"a,\"b", "closing quote"},
    };
    struct csv_table table;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        assert_message(parse_csv(cases[i].text, &table), STRATA_ERR_FORMAT, cases[i].message);
        assert_null(table.values);
    }
    assert_message(csv_parse(ctx, "t.csv", "1,2\n3,\0004\n", 9, &table), STRATA_ERR_FORMAT,
                   "t.csv:2: column 2: expected text without NUL");
    char *wide = malloc(5001);
    memset(wide, '1', 5000);
    wide[5000] = '\0';
    assert_message(parse_csv(wide, &table), STRATA_ERR_FORMAT, "at most 4095 bytes");
    free(wide);
    assert_message(csv_read(ctx, "/nonexistent/t.csv", &table), STRATA_ERR_NOT_FOUND, "/nonexistent/t.csv");
}

static void csv_reads_points_in_any_locale(void **state) {
    (void)state;
    const double values[] = {1.5, 2.25};
    bool changed = setlocale(LC_NUMERIC, "de_DE.UTF-8") || setlocale(LC_NUMERIC, "de_DE");
    assert_table("x,y\n1.5,2.25\n", 1, 2, "x", values);
    if (changed) setlocale(LC_NUMERIC, "C");
}

/* ---- npy ---- */

/* A version-1 file: magic, header text, `size` bytes of numbers. */
static size_t make_npy(unsigned char *file, const char *header, const void *numbers, size_t size) {
    size_t length = strlen(header);
    memcpy(file, "\x93NUMPY\x01\x00", 8);
    file[8] = (unsigned char)(length & 0xff);
    file[9] = (unsigned char)(length >> 8);
    memcpy(file + 10, header, length);
    if (size) memcpy(file + 10 + length, numbers, size);
    return 10 + length + size;
}

static void npy_reads_every_type_and_order(void **state) {
    (void)state;
    const float f4[] = {1, 2, 3, 4, 5, 6};
    const double f8[] = {1, 2, 3, 4, 5, 6};
    const int32_t i4[] = {1, 2, 3, 4, 5, 6};
    const int64_t i8[] = {1, 2, 3, 4, 5, 6};
    const uint8_t u1[] = {1, 2, 3, 4, 5, 6};
    const struct {
        const char *descr;
        const void *numbers;
        size_t size;
    } types[] = {{"<f4", f4, sizeof f4},
                 {"<f8", f8, sizeof f8},
                 {"<i4", i4, sizeof i4},
                 {"<i8", i8, sizeof i8},
                 {"|u1", u1, sizeof u1}};
    const double fortran[] = {1, 3, 5, 2, 4, 6}; /* [2, 3] whose columns are 1 2, 3 4, 5 6 */
    unsigned char file[512];
    char header[128];
    for (size_t t = 0; t < 5; ++t)
        for (int order = 0; order < 2; ++order) {
            struct npy_array array;
            snprintf(header, sizeof header, "{'shape': (2, 3), 'fortran_order': %s, \"descr\": '%s'}  \n",
                     order ? "True" : "False", types[t].descr);
            size_t size = make_npy(file, header, types[t].numbers, types[t].size);
            if (npy_parse(ctx, "a.npy", file, size, &array) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
            assert_int_equal(array.rank, 2);
            assert_int_equal(array.dims[0] * 10 + array.dims[1], 23);
            for (size_t i = 0; i < 6; ++i) assert_true(array.values[i] == (order ? fortran[i] : f8[i]));
            npy_destroy(&array);
        }
    struct npy_array flags;
    size_t size = make_npy(file, "{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }\n", "\x01\x00", 2);
    assert_int_equal(npy_parse(ctx, "a.npy", file, size, &flags), STRATA_OK);
    assert_true(flags.rank == 1 && flags.values[0] == 1 && flags.values[1] == 0);
    npy_destroy(&flags);
    size = make_npy(file, "{'descr': '<f8', 'fortran_order': False, 'shape': ()}", f8, 8);
    assert_int_equal(npy_parse(ctx, "a.npy", file, size, &flags), STRATA_OK);
    assert_true(flags.rank == 0 && flags.values[0] == 1);
    npy_destroy(&flags);
    size = make_npy(file, "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 3)}", NULL, 0);
    assert_int_equal(npy_parse(ctx, "a.npy", file, size, &flags), STRATA_OK);
    npy_destroy(&flags);
}

static void npy_faults_name_the_place(void **state) {
    (void)state;
    const struct {
        const char *header, *message;
    } cases[] = {
        {"{'descr': '>f8', 'fortran_order': False, 'shape': (1,)}", "numbers of type '>f8': expected <f4"},
        {"{'descr': '<c16', 'fortran_order': False, 'shape': (1,)}", "type '<c16'"},
        {"{'descr': '<f8', 'fortran_order': Maybe, 'shape': (1,)}", "True or False"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}",
         "expected 16 bytes of numbers for the shape in the header, got 8"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", "a.npy"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999999,)}", "fits in memory"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", "at most 8 dimensions"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", "a dimension"},
        {"{'descr': '<f8', 'fortran_order': False}", "all of 'descr'"},
        {"{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}",
         "byte 35: .npy header: expected one type"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x", "nothing after '}'"},
        {"{'descr': '<f8', 'other': 1}", "expected 'descr', 'fortran_order' or 'shape'"},
        {"{'descr': '<f8", "type"},
        {"'descr'", "'{'"},
        {"", "'{'"},
    };
    unsigned char file[512] = {0};
    struct npy_array array = {0};
    double number = 1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        size_t size = make_npy(file, cases[i].header, &number, 8);
        strata_status status = npy_parse(ctx, "a.npy", file, size, &array);
        assert_true(status == STRATA_ERR_FORMAT || status == STRATA_ERR_TOO_LARGE);
        assert_message(status, status, cases[i].message);
        assert_null(array.values);
    }
    size_t size = make_npy(file, "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", &number, 8);
    for (size_t cut = 0; cut < size; ++cut)
        assert_int_equal(npy_parse(ctx, "a.npy", file, cut, &array), STRATA_ERR_FORMAT);
    file[6] = 4;
    assert_message(npy_parse(ctx, "a.npy", file, size, &array), STRATA_ERR_FORMAT,
                   "byte 6: expected .npy version 1, 2 or 3, got 4");
    file[6] = 2, file[8] = file[9] = file[10] = file[11] = 0xff;
    assert_message(npy_parse(ctx, "a.npy", file, size, &array), STRATA_ERR_FORMAT, "header of 4294967295 bytes");
    file[0] = 'x';
    assert_message(npy_parse(ctx, "a.npy", file, size, &array), STRATA_ERR_FORMAT,
                   "byte 0: expected the .npy signature");
}

static void npy_round_trip_keeps_numbers(void **state) {
    (void)state;
    char path[] = "/tmp/strata_npy_XXXXXX";
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    close(handle);
    const double values[] = {1.0 / 3, -0.0, 1e300, 5e-324, 3, 4};
    const size_t dims[] = {3, 1, 2};
    for (int single = 0; single < 2; ++single)
        for (unsigned rank = 0; rank <= 3; ++rank) {
            struct npy_array array;
            size_t count = rank == 0 ? 1 : rank < 3 ? 3 : 6;
            assert_int_equal(npy_write(ctx, path, rank, dims, values, single), STRATA_OK);
            if (npy_read(ctx, path, &array) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
            assert_int_equal(array.rank, rank);
            assert_memory_equal(array.dims, dims, rank * sizeof *dims);
            for (size_t i = 0; i < count; ++i)
                assert_true(array.values[i] == (single ? (double)(float)values[i] : values[i]));
            npy_destroy(&array);
        }
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal((status.st_size - 24) % 64, 0); /* six floats after a padded header */
    unlink(path);
}

/* ---- IDX ---- */

static void idx_reads_its_dimensions(void **state) {
    (void)state;
    const unsigned char file[] = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255};
    unsigned rank;
    size_t dims[4];
    uint8_t *values;
    assert_int_equal(idx_parse(ctx, "a.idx", file, sizeof file, &rank, dims, &values), STRATA_OK);
    assert_int_equal(rank, 2);
    assert_true(dims[0] == 2 && dims[1] == 3 && dims[2] == 1 && dims[3] == 1);
    assert_memory_equal(values, file + 12, 6);
    mem_free(values);
}

static void idx_faults_name_the_byte(void **state) {
    (void)state;
    unsigned char good[] = {0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3},
                  huge[] = {0, 0, 8, 4, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    unsigned rank;
    size_t dims[4];
    uint8_t *values = NULL;
    for (size_t cut = 0; cut < sizeof good; ++cut)
        assert_int_equal(idx_parse(ctx, "a.idx", good, cut, &rank, dims, &values), STRATA_ERR_FORMAT);
    assert_message(idx_parse(ctx, "a.idx", good, 10, &rank, dims, &values), STRATA_ERR_FORMAT,
                   "a.idx: byte 8: expected 3 bytes of numbers for its dimensions, got 2");
    assert_int_equal(idx_parse(ctx, "a.idx", huge, sizeof huge, &rank, dims, &values), STRATA_ERR_TOO_LARGE);
    good[4] = 1; /* 16,777,219 numbers */
    assert_message(idx_parse(ctx, "a.idx", good, sizeof good, &rank, dims, &values), STRATA_ERR_FORMAT,
                   "expected 16777219 bytes");
    good[2] = 13;
    assert_message(idx_parse(ctx, "a.idx", good, sizeof good, &rank, dims, &values), STRATA_ERR_FORMAT,
                   "byte 0: expected the IDX magic number 00 00 08 (unsigned bytes), got 00 00 0d");
    good[2] = 8, good[3] = 5;
    assert_message(idx_parse(ctx, "a.idx", good, sizeof good, &rank, dims, &values), STRATA_ERR_FORMAT,
                   "byte 3: expected 1 to 4 dimensions, got 5");
    assert_null(values);
}

/* ---- data sets made of IDX files ---- */

static char folder[64];

static void write_idx(const char *name, bool gzip, unsigned rank, size_t count, unsigned fill) {
    unsigned char bytes[4096] = {0, 0, 8, (unsigned char)rank, 0, 0, 0, (unsigned char)count, 0, 0, 0, 2, 0, 0, 0, 2};
    size_t start = 4 + 4 * (size_t)rank, size = rank == 3 ? 4 * count : count;
    char path[128];
    memset(bytes + start, (int)fill, size);
    snprintf(path, sizeof path, "%s/mnist/%s", folder, name);
    if (gzip) {
        gzFile file = gzopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(gzwrite(file, bytes, (unsigned)(start + size)), start + size);
        gzclose(file);
    } else {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, start + size, file), start + size);
        fclose(file);
    }
}

static int make_folder(void **state) {
    char path[80];
    (void)state;
    strcpy(folder, "/tmp/strata_data_XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/mnist", folder);
    return mkdir(path, 0700);
}

static int remove_folder(void **state) {
    (void)state;
    static const char *const names[] = {"t10k-images-idx3-ubyte.gz",
                                        "t10k-labels-idx1-ubyte",
                                        "train-images-idx3-ubyte",
                                        "train-labels-idx1-ubyte.gz",
                                        "train10k-images-idx3-ubyte",
                                        "train10k-labels-idx1-ubyte",
                                        ""};
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        char path[128];
        snprintf(path, sizeof path, "%s/mnist/%s", folder, names[i]);
        remove(path);
    }
    return rmdir(folder);
}

static void write_test_half(void) {
    write_idx("t10k-images-idx3-ubyte.gz", true, 3, 2, 51);
    write_idx("t10k-labels-idx1-ubyte", false, 1, 2, 7);
}

static void sets_load_plain_and_gzip_files(void **state) {
    (void)state;
    struct dataset train, test;
    char mnist[80];
    write_test_half();
    write_idx("train10k-images-idx3-ubyte", false, 3, 3, 255);
    write_idx("train10k-labels-idx1-ubyte", false, 1, 3, 1);
    snprintf(mnist, sizeof mnist, "%s/mnist/", folder);
    const char *roots[] = {folder, mnist}; /* DIR/folder and DIR itself */
    for (size_t i = 0; i < 2; ++i) {
        if (data_load(ctx, "mnist", roots[i], &train, &test) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
        assert_true(train.rows == 3 && train.inputs == 4 && train.classes == 10 && train.task == TASK_MULTICLASS &&
                    train.image[1] == 2);
        assert_true(train.x[11] == 1.0f && train.y[2] == 1.0f);
        assert_true(test.rows == 2 && test.x[0] == 0.2f && test.y[1] == 7.0f);
        dataset_destroy(&train);
        dataset_destroy(&test);
    }
    write_idx("train-images-idx3-ubyte", false, 3, 5, 255); /* the full set is preferred */
    write_idx("train-labels-idx1-ubyte.gz", true, 1, 5, 1);
    assert_int_equal(data_load(ctx, "mnist", folder, &train, NULL), STRATA_OK);
    assert_int_equal(train.rows, 5);
    dataset_destroy(&train);
}

/* The first rows alone, plain and gzip; more than there are is all of them; what is missing of them is refused. */
static void few_rows_are_read_without_the_rest(void **state) {
    (void)state;
    struct dataset train;
    char path[128];
    for (int gzip = 0; gzip < 2; ++gzip) {
        const char *images = gzip ? "t10k-images-idx3-ubyte.gz" : "train-images-idx3-ubyte";
        unsigned rank;
        size_t dims[4];
        uint8_t *values;
        write_idx(images, gzip, 3, 200, 9);
        snprintf(path, sizeof path, "%s/mnist/%s", folder, images);
        for (size_t rows = 1; rows <= 201; rows += 100) {
            assert_int_equal(idx_read_rows(ctx, path, rows, &rank, dims, &values), STRATA_OK);
            assert_true(rank == 3 && dims[0] == (rows < 200 ? rows : 200) && dims[1] == 2 && dims[2] == 2);
            for (size_t i = 0; i < 4 * dims[0]; ++i) assert_int_equal(values[i], 9);
            mem_free(values);
        }
        /* The file ends after its head: what no row needs is not missed, what one needs is. */
        if (gzip) continue;
        assert_int_equal(truncate(path, 16 + 4 * 50), 0);
        assert_int_equal(idx_read_rows(ctx, path, 50, &rank, dims, &values), STRATA_OK);
        mem_free(values);
        assert_message(idx_read_rows(ctx, path, 51, &rank, dims, &values), STRATA_ERR_FORMAT,
                       "expected 800 bytes of numbers for its dimensions, got 200");
        assert_int_equal(truncate(path, 10), 0);
        assert_message(idx_read_rows(ctx, path, 1, &rank, dims, &values), STRATA_ERR_FORMAT, "byte 10");
    }
    write_idx("train-images-idx3-ubyte", false, 3, 5, 255);
    write_idx("train-labels-idx1-ubyte.gz", true, 1, 5, 1);
    assert_int_equal(data_load_some(ctx, "mnist", folder, 3, &train, NULL), STRATA_OK);
    assert_int_equal(train.rows, 3);
    dataset_destroy(&train);
}

static void bad_sets_are_refused(void **state) {
    (void)state;
    struct dataset train = {0}, test = {0};
    char path[128];
    write_test_half();
    assert_message(data_load(ctx, "mnist", folder, &train, &test), STRATA_ERR_NOT_FOUND,
                   "mnist: no file train-images-idx3-ubyte");
    write_idx("train-images-idx3-ubyte", false, 3, 3, 255);
    assert_message(data_load(ctx, "mnist", folder, &train, &test), STRATA_ERR_NOT_FOUND,
                   "mnist: no file train-labels-idx1-ubyte");
    write_idx("train-labels-idx1-ubyte.gz", true, 1, 2, 1);
    assert_message(data_load(ctx, "mnist", folder, &train, &test), STRATA_ERR_FORMAT,
                   "expected a label for each of the 3 images");
    write_idx("train-labels-idx1-ubyte.gz", true, 1, 3, 10);
    assert_message(data_load(ctx, "mnist", folder, &train, &test), STRATA_ERR_FORMAT,
                   "row 0: expected a label of 0 to 9, got 10");
    write_idx("train-labels-idx1-ubyte.gz", true, 3, 3, 1);
    assert_message(data_load(ctx, "mnist", folder, &train, &test), STRATA_ERR_FORMAT,
                   "byte 3: expected 1 dimensions, got 3");
    write_idx("train-labels-idx1-ubyte.gz", true, 1, 3, 1);
    snprintf(path, sizeof path, "%s/mnist/train-labels-idx1-ubyte.gz", folder);
    assert_int_equal(truncate(path, 20), 0);
    assert_message(data_load(ctx, "mnist", folder, &train, &test), STRATA_ERR_FORMAT, path);
    assert_null(train.x);
    assert_null(test.x);
}

static void missing_sets_name_places_and_command(void **state) {
    (void)state;
    struct dataset train;
    char here[256], other[128];
    write_test_half();
    setenv("STRATA_DATA", "/nonexistent/data", 1);
    setenv("HOME", "/nonexistent/home", 1);
    snprintf(other, sizeof other, "%s/mnist", folder);
    char *path = NULL;
    strata_status status = data_locate(
        ctx,
        &(const struct data_source){
            .name = "x", .folder = "x", .marker = "none", .package = "dataset-x", .package_folder = "/nonexistent/x"},
        folder, &path);
    assert_null(path);
    snprintf(
        here, sizeof here,
        "%s/x, %s, /nonexistent/data/x, /nonexistent/data, /nonexistent/home/.local/share/strata/x, /nonexistent/x",
        folder, folder);
    assert_message(status, STRATA_ERR_NOT_FOUND, here);
    assert_message(status, STRATA_ERR_NOT_FOUND, "'strata data get x' or install the Debian package dataset-x");
    /* A folder of another set has files of the same names: it is not taken for this one. */
    status = data_locate(ctx, data_find("fashion-mnist"), other, &path);
    assert_true(status == STRATA_ERR_NOT_FOUND || !strstr(path, folder));
    mem_free(path);
    assert_message(data_load(ctx, "mnits", folder, &train, NULL), STRATA_ERR_NOT_FOUND,
                   "'mnits' is not known; expected one of fashion-mnist, mnist");
}

static void fashion_mnist_loads_when_present(void **state) {
    (void)state;
    struct dataset train, test;
    if (access("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz", R_OK)) skip();
    if (data_load(ctx, "fashion-mnist", NULL, &train, &test) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
    assert_true(train.rows == 60000 && test.rows == 10000 && train.inputs == 784);
    size_t count[10] = {0};
    for (size_t r = 0; r < train.rows; ++r) ++count[(size_t)train.y[r]];
    for (size_t c = 0; c < 10; ++c) assert_int_equal(count[c], 6000);
    dataset_destroy(&train);
    dataset_destroy(&test);
}

/* ---- memory ---- */

static void parsers_survive_every_failed_allocation(void **state) {
    (void)state;
    unsigned char npy[256];
    const double numbers[] = {1, 2};
    const unsigned char idx[] = {0, 0, 8, 1, 0, 0, 0, 1, 9};
    size_t npy_size = make_npy(npy, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", numbers, sizeof numbers);
    strata_status status = STRATA_ERR_MEMORY;
    write_test_half();
    write_idx("train-images-idx3-ubyte", false, 3, 3, 255);
    write_idx("train-labels-idx1-ubyte.gz", true, 1, 3, 1);
    for (uint64_t n = 1; status == STRATA_ERR_MEMORY && n < 1000; ++n) {
        struct csv_table table[2] = {{0}};
        struct npy_array array = {0};
        struct dataset train = {0}, test = {0};
        uint8_t *values = NULL;
        unsigned rank;
        size_t dims[4];
        mem_fail_from(n);
        status = parse_csv("a,b,c,d,e,f,g,h,i\n1,2,3,4,5,6,7,8,9\n1,2,3,4,5,6,7,8,9\n", &table[0]);
        if (status == STRATA_OK) status = parse_csv("1,2\n3,4\n", &table[1]);
        if (status == STRATA_OK) status = npy_parse(ctx, "a.npy", npy, npy_size, &array);
        if (status == STRATA_OK) status = idx_parse(ctx, "a.idx", idx, sizeof idx, &rank, dims, &values);
        if (status == STRATA_OK) status = data_load(ctx, "mnist", folder, &train, &test);
        mem_fail_from(0);
        csv_destroy(&table[0]);
        csv_destroy(&table[1]);
        npy_destroy(&array);
        dataset_destroy(&train);
        dataset_destroy(&test);
        mem_free(values);
    }
    assert_int_equal(status, STRATA_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_reads_tables_with_and_without_header),
        cmocka_unit_test(csv_faults_name_line_and_column),
        cmocka_unit_test(csv_reads_points_in_any_locale),
        cmocka_unit_test(npy_reads_every_type_and_order),
        cmocka_unit_test(npy_faults_name_the_place),
        cmocka_unit_test(npy_round_trip_keeps_numbers),
        cmocka_unit_test(idx_reads_its_dimensions),
        cmocka_unit_test(idx_faults_name_the_byte),
        cmocka_unit_test_setup_teardown(sets_load_plain_and_gzip_files, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(few_rows_are_read_without_the_rest, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(bad_sets_are_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(missing_sets_name_places_and_command, make_folder, remove_folder),
        cmocka_unit_test(fashion_mnist_loads_when_present),
        cmocka_unit_test_setup_teardown(parsers_survive_every_failed_allocation, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
