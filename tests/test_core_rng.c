/* SPDX-License-Identifier: MIT */
/*
 * Streams against Random123's own philox4x32, and the statistics of what is made of them. All draws are
 * fixed, so a test that passes passes always; bounds are set where a right generator would fail with
 * probability below 1e-6 (five standard errors), to find wrong formulas and not bad luck.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <Random123/philox.h>

#include "core/rng.h"

enum { DRAWS = 1 << 20 };

static float sample[DRAWS];
static double sample_f64[DRAWS];
static uint32_t order[10000];

static struct rng_stream test_stream(uint64_t index) { return rng_stream_at(rng_stream_make(7, 1, RNG_TEST), index); }

static void bits_are_philox_at_any_position(void **state) {
    (void)state;
    struct rng_stream stream = test_stream(UINT64_C(0x123456789abcdef));
    uint32_t whole[64], part[64];
    for (uint64_t block = 0; block < 16; ++block) {
        philox4x32_ctr_t counter = {{(uint32_t)block, 0, (uint32_t)stream.index, (uint32_t)(stream.index >> 32)}};
        philox4x32_key_t key = {{(uint32_t)stream.key, (uint32_t)(stream.key >> 32)}};
        philox4x32_ctr_t words = philox4x32(counter, key);
        memcpy(&whole[4 * block], words.v, sizeof words.v);
    }
    for (size_t first = 0; first < 64; ++first)
        for (size_t count = 0; first + count <= 64; ++count) {
            rng_bits(stream, first, count, part);
            assert_memory_equal(part, &whole[first], count * sizeof *part);
        }
}

/** Box and Muller in double on the stream's words; the row filler's polynomials err by 1e-6 of the radius at most. */
static void rows_equal_the_formula(void **state) {
    (void)state;
    enum { WIDTH = 4099 };
    struct rng_stream stream = test_stream(5);
    static uint32_t words[WIDTH + 1];
    rng_bits(stream, 0, WIDTH + 1, words);
    rng_normal_f32(stream, WIDTH, sample);
    for (size_t i = 0; i < WIDTH; ++i) {
        double u = (words[i & ~(size_t)1] + 0.5) * 0x1p-32, turn = words[i | 1] * 0x1p-32 * 6.283185307179586;
        if (words[i & ~(size_t)1] >= 1U << 24) u = ((words[i & ~(size_t)1] >> 8) + 0.5) * 0x1p-24;
        double expected = sqrt(-2.0 * log(u)) * (i & 1 ? sin(turn) : cos(turn));
        if (!(fabs(sample[i] - expected) < 4e-6 + 1e-6 * fabs(expected)))
            fail_msg("%zu: %.9g, expected %.9g", i, (double)sample[i], expected);
    }
}

static void rows_do_not_depend_on_the_batch(void **state) {
    (void)state;
    static const size_t widths[] = {1, 3, 4, 31, 64, 257};
    float row[257];
    for (size_t w = 0; w < sizeof widths / sizeof *widths; ++w) {
        size_t width = widths[w];
        for (size_t rows = 1; rows <= 100; rows = rows * 3 + 1) {
            rng_normal_rows_f32(test_stream(0), UINT64_C(0xfffffffe), rows, width,
                                sample); /* across 32 bits of index */
            for (size_t r = 0; r < rows; ++r) {
                rng_normal_rows_f32(test_stream(99), UINT64_C(0xfffffffe) + r, 1, width, row);
                assert_memory_equal(row, sample + r * width, width * sizeof *row);
                rng_normal_f32(test_stream(UINT64_C(0xfffffffe) + r), width, row);
                assert_memory_equal(row, sample + r * width, width * sizeof *row);
            }
        }
    }
    sample[0] = 42.0F;
    rng_normal_rows_f32(test_stream(0), 0, 0, 5, sample);
    rng_normal_rows_f32(test_stream(0), 0, 5, 0, sample);
    assert_true(sample[0] == 42.0F);
}

/** Mean 0, variance 1, third moment 0, fourth 3; standard errors sqrt(1, 2, 15, 96) / sqrt(n). */
static void check_moments(double mean, double square, double cube, double fourth) {
    const double unit = 5.0 / sqrt(DRAWS);
    assert_true(fabs(mean) < unit);
    assert_true(fabs(square - 1.0) < unit * sqrt(2.0));
    assert_true(fabs(cube) < unit * sqrt(15.0));
    assert_true(fabs(fourth - 3.0) < unit * sqrt(96.0));
}

static int compare_f64(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/** Largest distance of the empirical distribution to `cdf`; P(sqrt(n) D > 2.7) < 2 exp(-2 * 2.7^2) = 1e-6. */
static void check_kolmogorov_smirnov(double (*cdf)(double)) {
    qsort(sample_f64, DRAWS, sizeof *sample_f64, compare_f64);
    double largest = 0.0;
    for (size_t i = 0; i < DRAWS; ++i) {
        double value = cdf(sample_f64[i]);
        largest = fmax(largest, fmax(value - (double)i / DRAWS, (double)(i + 1) / DRAWS - value));
    }
    assert_true(largest * sqrt(DRAWS) < 2.7);
}

static double normal_cdf(double x) { return 0.5 * erfc(-x / sqrt(2.0)); }
static double uniform_cdf(double x) { return x; }

static void check_normals(void) {
    double sums[4] = {0};
    for (size_t i = 0; i < DRAWS; ++i) {
        double x = sample_f64[i];
        sums[0] += x;
        sums[1] += x * x;
        sums[2] += x * x * x;
        sums[3] += x * x * x * x;
    }
    check_moments(sums[0] / DRAWS, sums[1] / DRAWS, sums[2] / DRAWS, sums[3] / DRAWS);
    check_kolmogorov_smirnov(normal_cdf);
    /* Tails: 4 sigma is passed by 66.4 of 2^20 draws on average (Poisson: +- 5 sqrt), 6.7 by none ever. */
    size_t beyond = 0;
    for (size_t i = 0; i < DRAWS; ++i) beyond += fabs(sample_f64[i]) > 4.0;
    assert_true(beyond > 25 && beyond < 108);
    assert_true(sample_f64[0] > -6.7 && sample_f64[DRAWS - 1] < 6.7);
}

static void normals_are_normal(void **state) {
    (void)state;
    rng_normal_rows_f32(test_stream(0), 0, 1024, 1024, sample);
    for (size_t i = 0; i < DRAWS; ++i) sample_f64[i] = sample[i];
    check_normals();
    rng_normal_f64(test_stream(3), DRAWS, sample_f64);
    check_normals();
}

static void uniforms_are_uniform_and_inside_the_open_interval(void **state) {
    (void)state;
    rng_uniform_f32(test_stream(0), DRAWS, sample);
    for (size_t i = 0; i < DRAWS; ++i) {
        assert_true(sample[i] > 0.0F && sample[i] < 1.0F);
        sample_f64[i] = sample[i];
    }
    check_kolmogorov_smirnov(uniform_cdf);
    rng_uniform_f64(test_stream(1), DRAWS, sample_f64);
    check_kolmogorov_smirnov(uniform_cdf);
    assert_true(sample_f64[0] > 0.0 && sample_f64[DRAWS - 1] < 1.0);
}

/* Two independent streams of n normals correlate with standard deviation 1 / sqrt(n). */
static void other_addresses_are_independent(void **state) {
    (void)state;
    enum { COUNT = 1 << 16 };
    struct rng_stream base = test_stream(0);
    const struct rng_stream others[] = {rng_stream_at(rng_stream_make(8, 1, RNG_TEST), 0),
                                        rng_stream_at(rng_stream_make(7, 2, RNG_TEST), 0),
                                        rng_stream_at(rng_stream_make(7, 1, RNG_INIT), 0),
                                        rng_stream_at(rng_stream_make(1, 7, RNG_TEST), 0),
                                        test_stream(1),
                                        rng_stream_sub(base, 0),
                                        rng_stream_sub(base, 1)};
    rng_normal_f64(base, COUNT, sample_f64);
    for (size_t o = 0; o < sizeof others / sizeof *others; ++o) {
        double *other = sample_f64 + COUNT, sum = 0.0;
        rng_normal_f64(others[o], COUNT, other);
        for (size_t i = 0; i < COUNT; ++i) sum += sample_f64[i] * other[i];
        assert_true(fabs(sum / COUNT) < 5.0 / sqrt(COUNT));
    }
}

static void permutation_holds_every_index_once(void **state) {
    (void)state;
    static unsigned char seen[10000];
    for (size_t count = 0; count <= 10000; count = count * 7 + 1) {
        memset(seen, 0, sizeof seen);
        rng_permutation(test_stream(count), count, order);
        for (size_t i = 0; i < count; ++i) {
            assert_true(order[i] < count);
            assert_int_equal(seen[order[i]]++, 0);
        }
    }
}

/*
 * All 24 orders of four are equally frequent: chi-squared with 23 degrees of freedom exceeds 76 with probability
 * 1e-7.
 */
static void permutations_are_uniform(void **state) {
    (void)state;
    enum { TRIALS = 24000 };
    double counts[256] = {0}, statistic = 0.0;
    for (uint64_t trial = 0; trial < TRIALS; ++trial) {
        rng_permutation(test_stream(trial), 4, order);
        ++counts[order[0] << 6 | order[1] << 4 | order[2] << 2 | order[3]];
    }
    for (size_t i = 0; i < 256; ++i)
        if (counts[i] > 0.0) statistic += (counts[i] - 1000.0) * (counts[i] - 1000.0) / 1000.0;
    assert_true(statistic < 76.0);
}

static void hash_is_fnv1a(void **state) {
    (void)state;
    assert_true(rng_hash("") == UINT64_C(0xcbf29ce484222325));
    assert_true(rng_hash("foobar") == UINT64_C(0x85944171f73967e8));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_philox_at_any_position),
        cmocka_unit_test(rows_equal_the_formula),
        cmocka_unit_test(rows_do_not_depend_on_the_batch),
        cmocka_unit_test(normals_are_normal),
        cmocka_unit_test(uniforms_are_uniform_and_inside_the_open_interval),
        cmocka_unit_test(other_addresses_are_independent),
        cmocka_unit_test(permutation_holds_every_index_once),
        cmocka_unit_test(permutations_are_uniform),
        cmocka_unit_test(hash_is_fnv1a),
    };
    return cmocka_run_group_tests_name("core rng", tests, NULL, NULL);
}
