/* SPDX-License-Identifier: MIT */
/* Random matrices for the tests of float32 products. */
#ifndef TESTS_DRAWS_H
#define TESTS_DRAWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/rng.h"

/* Normal numbers, equal for equal `number`; freed by the caller. */
static float *draws(uint64_t number, size_t count) {
    float *values = mem_aligned(count * sizeof *values);
    assert_non_null(values);
    rng_normal_f32(rng_stream_at(rng_stream_make(1, 0, RNG_TEST), number), count, values);
    return values;
}

#endif
