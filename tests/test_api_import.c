/* SPDX-License-Identifier: MIT */
/* Weights of PyTorch networks: logits and gradients are its own; a file that fits no network says what was wanted. */
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

#include "core/memory.h"
#include "core/safetensors.h"
#include "torch_weights.h"

enum { MOST = 256 };

static strata_context *ctx;
static char path[] = "/tmp/strata_api_import_XXXXXX";

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

static const char *golden(const char *name) {
    static char text[512];
    const char *source = getenv("STRATA_SOURCE");
    snprintf(text, sizeof text, "%s/tests/golden/%s", source ? source : ".", name);
    return text;
}

static strata_import cnn_import(void) {
    static const double mean[] = {0.25, -0.5}, sd[] = {0.5, 2};
    strata_import import = strata_import_default("cnn_small");
    memcpy(import.picture, (const size_t[]){2, 6, 9}, sizeof import.picture);
    import.moments = 2, import.mean = mean, import.sd = sd;
    return import;
}

/* Single precision against double over at most seven layers of sums of at most 50 numbers near 1: 1e-5 is generous. */
static void same(size_t count, const float *found, const double *wanted) {
    double norm = 0;
    for (size_t i = 0; i < count; ++i) norm = fmax(norm, fabs(wanted[i]));
    assert_true(norm > 1e-3);
    for (size_t i = 0; i < count; ++i)
        if (!(fabs((double)found[i] - wanted[i]) <= 1e-5 * norm))
            fail_msg("number %zu: %.9g, PyTorch's is %.9g", i, (double)found[i], wanted[i]);
}

static void check_network(const char *name, const strata_import *import, size_t inputs, const double *logits,
                          const double *gradient) {
    strata_learner *model;
    float x[MOST], out[6], pulled[MOST], seed[6] = {0, 1, 0, 0, 1, 0};
    OK(strata_learner_open_weights(ctx, golden(name), import, &model));
    assert_int_equal(strata_learner_inputs(model), inputs);
    assert_int_equal(strata_learner_classes(model), 3);
    for (size_t i = 0; i < 2 * inputs; ++i) x[i] = (float)cos(0.37 * (double)i);
    strata_function function = strata_learner_function(model);
    OK(strata_function_vjp(ctx, &function, 2, x, seed, out, pulled));
    same(6, out, logits);
    same(2 * inputs, pulled, gradient);
    /* Preprocessing stays with the file of ours. */
    float again[6];
    OK(strata_learner_save(ctx, model, path));
    strata_learner_destroy(model);
    OK(strata_learner_open(ctx, path, &model));
    OK(strata_learner_predict(ctx, model, 2, x, again));
    assert_memory_equal(out, again, sizeof out);
    strata_learner_destroy(model);
}

static void dense_layers_are_ordered_by_number(void **state) {
    (void)state;
    strata_import import = strata_import_default("mlp_relu");
    check_network("torch_mlp.safetensors", &import, 3, mlp_logits, mlp_gradient);
}

static void convolutions_have_their_preprocessing_by_channel(void **state) {
    (void)state;
    strata_import import = cnn_import();
    check_network("torch_cnn.safetensors", &import, 108, cnn_logits, cnn_gradient);
}

static void wrong_requests_say_what_was_expected(void **state) {
    (void)state;
    strata_learner *model;
    strata_import import = strata_import_default("resnet");
    REFUSED(strata_learner_open_weights(ctx, golden("torch_mlp.safetensors"), &import, &model), STRATA_ERR_ARGUMENT,
            "expected mlp_relu or cnn_small");
    import = strata_import_default("mlp_relu");
    REFUSED(strata_learner_open_weights(ctx, golden("torch_cnn.safetensors"), &import, &model), STRATA_ERR_FORMAT,
            "expected");
    import.moments = 2, import.mean = (const double[]){0, 0}, import.sd = (const double[]){1, 1};
    REFUSED(strata_learner_open_weights(ctx, golden("torch_mlp.safetensors"), &import, &model), STRATA_ERR_ARGUMENT,
            "got 2");
    import.moments = 1, import.sd = (const double[]){0};
    REFUSED(strata_learner_open_weights(ctx, golden("torch_mlp.safetensors"), &import, &model), STRATA_ERR_ARGUMENT,
            "positive deviations");
    import = cnn_import();
    REFUSED(strata_learner_open_weights(ctx, golden("torch_mlp.safetensors"), &import, &model), STRATA_ERR_FORMAT,
            "3 convolutions");
    import.picture[0] = 1;
    REFUSED(strata_learner_open_weights(ctx, golden("torch_cnn.safetensors"), &import, &model), STRATA_ERR_FORMAT,
            "'features0.weight': expected [2, 1, 5, 5], found float32 of shape [2, 2, 5, 5]");
    import.picture[0] = 2, import.picture[2] = 40;
    REFUSED(strata_learner_open_weights(ctx, golden("torch_cnn.safetensors"), &import, &model), STRATA_ERR_FORMAT,
            "'classifier.weight'");
    assert_null(model);
}

/* A dense network of two layers with one thing wrong. */
static strata_status open_damaged(size_t weights, size_t bias, float number, strata_learner **model) {
    float numbers[16] = {0};
    struct tensor_file file = {0};
    strata_import import = strata_import_default("mlp_relu");
    numbers[0] = number;
    OK(tensor_file_add(ctx, &file, "0.weight", TENSOR_F32, 2, (const size_t[]){2, 3}, numbers));
    OK(tensor_file_add(ctx, &file, "0.bias", TENSOR_F32, 1, (const size_t[]){bias}, numbers + 1));
    OK(tensor_file_add(ctx, &file, "2.weight", TENSOR_F32, 2, (const size_t[]){2, weights}, numbers + 1));
    OK(tensor_file_add(ctx, &file, "2.bias", TENSOR_F32, 1, (const size_t[]){2}, numbers + 1));
    OK(tensor_file_write(ctx, &file, path));
    tensor_file_destroy(&file);
    return strata_learner_open_weights(ctx, path, &import, model);
}

static void damaged_weights_are_refused(void **state) {
    (void)state;
    strata_learner *model;
    OK(open_damaged(2, 2, 1, &model));
    strata_learner_destroy(model);
    REFUSED(open_damaged(3, 2, 1, &model), STRATA_ERR_FORMAT, "'2.weight'");
    REFUSED(open_damaged(2, 3, 1, &model), STRATA_ERR_FORMAT, "'0.bias'");
    REFUSED(open_damaged(2, 2, NAN, &model), STRATA_ERR_FORMAT, "'0.weight': expected finite numbers");
    REFUSED(open_damaged(2, 2, INFINITY, &model), STRATA_ERR_FORMAT, "finite");
    assert_null(model);
}

static void memory_may_be_short_anywhere(void **state) {
    (void)state;
    strata_import import = cnn_import();
    strata_status status = STRATA_ERR_MEMORY;
    for (uint64_t n = 1; status != STRATA_OK; ++n) {
        strata_learner *model = NULL;
        mem_fail_from(n);
        status = strata_learner_open_weights(ctx, golden("torch_cnn.safetensors"), &import, &model);
        mem_fail_from(0);
        assert_true(status == STRATA_OK || status == STRATA_ERR_MEMORY);
        strata_learner_destroy(model);
    }
}

static int setup(void **state) {
    (void)state;
    int file = mkstemp(path);
    if (file < 0) return -1;
    close(file);
    return strata_context_create(&ctx) == STRATA_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    strata_context_destroy(ctx);
    return unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_layers_are_ordered_by_number),
        cmocka_unit_test(convolutions_have_their_preprocessing_by_channel),
        cmocka_unit_test(wrong_requests_say_what_was_expected),
        cmocka_unit_test(damaged_weights_are_refused),
        cmocka_unit_test(memory_may_be_short_anywhere),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
