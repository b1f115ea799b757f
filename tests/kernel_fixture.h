/* SPDX-License-Identifier: MIT */
/* What tests of kernels share. */
#ifndef TESTS_KERNEL_FIXTURE_H
#define TESTS_KERNEL_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/rng.h"
#include "kernels/kernel.h"
#include "linalg/linalg.h"

static strata_context *ctx;

static inline int setup(void **state) {
    (void)state;
    return strata_context_create(&ctx) == STRATA_OK ? 0 : -1;
}

static inline int teardown(void **state) {
    (void)state;
    strata_context_destroy(ctx);
    return 0;
}

static inline void assert_near(const char *what, double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%s: got %.17g, expected %.17g within %g", what, value, expected, tolerance);
}

static inline void normals(uint64_t index, size_t count, double *values) {
    rng_normal_f64(rng_stream_at(rng_stream_make(1, 0, RNG_TEST), index), count, values);
}

static inline struct kernel make(const char *text, size_t n, const double *x, size_t dimension, const size_t *image) {
    struct kernel kernel;
    if (kernel_create(ctx, text, n, x, dimension, image, &kernel) != STRATA_OK)
        fail_msg("%s: %s", text, strata_context_message(ctx));
    return kernel;
}

/* The kernel cannot be made, or cannot take the rows; the message holds `part`. */
static inline void refuse(const char *text, size_t n, const double *x, size_t dimension, const size_t *image,
                          const char *part) {
    struct kernel kernel;
    strata_status status = kernel_create(ctx, text, n, x, dimension, image, &kernel);
    if (status == STRATA_OK) status = kernel_check(ctx, &kernel, "row", n, x);
    if (status != STRATA_ERR_CONFIG && status != STRATA_ERR_ARGUMENT) fail_msg("%s: status %d", text, (int)status);
    if (!strstr(strata_context_message(ctx), part)) fail_msg("%s: %s", text, strata_context_message(ctx));
}

/* The Gram matrix equals its transpose to the bit and has no eigenvalue below -1e-10 of the largest. */
static inline void assert_semidefinite(const char *what, const struct kernel *kernel, size_t n, const double *x) {
    double *gram = malloc(n * n * sizeof *gram), *vectors = malloc(n * n * sizeof *gram),
           *values = malloc(n * sizeof *gram);
    assert_int_equal(kernel_gram(ctx, NULL, kernel, n, x, n, x, gram), STRATA_OK);
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j) assert_memory_equal(gram + i * n + j, gram + j * n + i, sizeof *gram);
    assert_int_equal(linalg_eigen_symmetric(ctx, n, gram, values, vectors), STRATA_OK);
    if (!(values[0] >= -1e-10 * values[n - 1]))
        fail_msg("%s: eigenvalue %g, largest %g", what, values[0], values[n - 1]);
    free(gram);
    free(vectors);
    free(values);
}

#endif
