/* SPDX-License-Identifier: MIT */
/* Teachers from files: .npy and safetensors layers, and files that do not fit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/safetensors.h"
#include "data/dataset.h"
#include "teacher_fixture.h"

static void matrix_with_the_chain_s_weights_is_the_chain(void **state) {
    (void)state;
    strata_context *ctx = make_context();
    struct teacher *chain = make_teacher(11, "teacher.width", "3", "data.dimension", "6", NULL);
    const struct teacher_level *levels = teacher_net_of(chain)->levels;
    char path[] = "/tmp/strata_teacher_XXXXXX.npy";
    int handle = mkstemps(path, 4);
    assert_true(handle >= 0);
    close(handle);
    double x[20 * 6], y[3][20];
    draw_f64(chain, 0, 20, x);
    teacher_targets_f64(chain, 20, x, y[0]);

    assert_int_equal(npy_write(ctx, path, 2, (size_t[]){3, 6}, levels[1].from_x.f64, false), STRATA_OK);
    struct teacher *npy = make_teacher(11, "teacher.kind", "matrix", "teacher.file", path, "data.dimension", "6", NULL);
    teacher_targets_f64(npy, 20, x, y[1]);
    assert_memory_equal(y[0], y[1], sizeof y[0]);
    teacher_destroy(npy);
    assert_refused("data.dimension = 7", "teacher.kind", "matrix", "teacher.file", path, "data.dimension", "7", NULL);
    unlink(path);

    strcpy(strrchr(path, '.'), ".st");
    struct tensor_file file = {0};
    assert_int_equal(
        tensor_file_add(ctx, &file, "layer1.weight", TENSOR_F64, 2, (size_t[]){3, 6}, levels[1].from_x.f64), STRATA_OK);
    assert_int_equal(
        tensor_file_add(ctx, &file, "layer2.weight", TENSOR_F64, 2, (size_t[]){3, 3}, levels[2].from_below.f64),
        STRATA_OK);
    assert_int_equal(tensor_file_add(ctx, &file, "layer2.skip", TENSOR_F64, 2, (size_t[]){3, 6}, levels[2].from_x.f64),
                     STRATA_OK);
    assert_int_equal(tensor_file_write(ctx, &file, path), STRATA_OK);
    struct teacher *tensors = make_teacher(12, "teacher.kind", "matrix", "teacher.file", path, "data.dimension", "6",
                                           NULL);
    teacher_targets_f64(tensors, 20, x, y[2]);
    for (size_t r = 0; r < 20; ++r)
        assert_true(fabs(y[0][r] - y[2][r]) < 0.1 * (1 + fabs(y[0][r]))); /* another calibration sample */
    teacher_destroy(tensors);
    assert_refused("layer2.weight", "teacher.kind", "matrix", "teacher.file", path, "teacher.depth", "1",
                   "data.dimension", "6", NULL);
    assert_refused("'layer1.weight': expected shape [3, 7]", "teacher.kind", "matrix", "teacher.file", path,
                   "data.dimension", "7", NULL);
    tensor_file_destroy(&file);
    file = (struct tensor_file){0};
    double zeros[12] = {0};
    assert_int_equal(tensor_file_add(ctx, &file, "layer1.weight", TENSOR_F64, 2, (size_t[]){2, 6}, zeros), STRATA_OK);
    assert_int_equal(tensor_file_write(ctx, &file, path), STRATA_OK);
    assert_refused("layer 1, unit 1: constant", "teacher.kind", "matrix", "teacher.file", path, "data.dimension", "6",
                   NULL);
    assert_int_equal(tensor_file_add(ctx, &file, "layer7.weight", TENSOR_F64, 2, (size_t[]){2, 6}, zeros), STRATA_OK);
    assert_int_equal(tensor_file_write(ctx, &file, path), STRATA_OK);
    assert_refused("1 of its 2 tensors", "teacher.kind", "matrix", "teacher.file", path, "data.dimension", "6", NULL);
    tensor_file_destroy(&file);
    unlink(path);
    teacher_destroy(chain);
    strata_context_destroy(ctx);
}

static void matrix_needs_a_file(void **state) {
    (void)state;
    assert_refused("teacher.file", "teacher.kind", "matrix", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrix_with_the_chain_s_weights_is_the_chain),
        cmocka_unit_test(matrix_needs_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
