/* SPDX-License-Identifier: MIT */
/*
 * A stream's key is a Philox4x64 hash of (seed, replicate, purpose); the counter holds the index and
 * the block within the stream. The row filler is a fused kernel: counters, Philox rounds and
 * Box-Muller in loops over structure-of-arrays blocks, which compilers vectorise; tests hold it
 * against Random123's scalar philox4x32.
 */
#include "core/rng.h"

#include <math.h>
#include <string.h>

#include <Random123/philox.h>

#include "core/clones.h"

enum { LANES = 64 }; /* Philox blocks made at once; 4 words each */

struct rng_stream rng_stream_make(uint64_t seed, uint64_t replicate, enum rng_purpose purpose) {
    philox4x64_ctr_t address = {{seed, replicate, (uint64_t)purpose, 0}};
    philox4x64_key_t key = {{UINT64_C(0x5374726174613031), UINT64_C(0x6c61626f7261746f)}};
    return (struct rng_stream){.key = philox4x64(address, key).v[0], .index = 0};
}

struct rng_stream rng_stream_at(struct rng_stream stream, uint64_t index) {
    stream.index = index;
    return stream;
}

struct rng_stream rng_stream_sub(struct rng_stream stream, uint64_t number) {
    philox4x64_ctr_t address = {{stream.key, stream.index, number, 1}};
    philox4x64_key_t key = {{UINT64_C(0x5374726174613031), UINT64_C(0x6c61626f7261746f)}};
    return (struct rng_stream){.key = philox4x64(address, key).v[0], .index = 0};
}

uint64_t rng_hash(const char *name) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *name; ++name) hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return hash;
}

/* Words of `LANES` consecutive counters, as four arrays. Counter i is (index, block) of that lane. */
STRATA_CLONES static void philox_lanes(uint64_t key, const uint64_t *restrict index, const uint64_t *restrict block,
                                       uint32_t words[restrict 4][LANES]) {
    uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
    for (int i = 0; i < LANES; ++i) {
        c0[i] = (uint32_t)block[i];
        c1[i] = (uint32_t)(block[i] >> 32);
        c2[i] = (uint32_t)index[i];
        c3[i] = (uint32_t)(index[i] >> 32);
    }
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < LANES; ++i) {
            uint64_t p0 = (uint64_t)c0[i] * PHILOX_M4x32_0;
            uint64_t p1 = (uint64_t)c2[i] * PHILOX_M4x32_1;
            uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
            uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
            c0[i] = n0;
            c1[i] = (uint32_t)p1;
            c2[i] = n2;
            c3[i] = (uint32_t)p0;
        }
        k0 += PHILOX_W32_0;
        k1 += PHILOX_W32_1;
    }
    memcpy(words[0], c0, sizeof c0);
    memcpy(words[1], c1, sizeof c1);
    memcpy(words[2], c2, sizeof c2);
    memcpy(words[3], c3, sizeof c3);
}

static philox4x32_ctr_t philox_block(struct rng_stream stream, uint64_t block) {
    philox4x32_ctr_t counter = {
        {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)stream.index, (uint32_t)(stream.index >> 32)}};
    philox4x32_key_t key = {{(uint32_t)stream.key, (uint32_t)(stream.key >> 32)}};
    return philox4x32(counter, key);
}

void rng_bits(struct rng_stream stream, uint64_t first, size_t count, uint32_t *values) {
    for (size_t i = 0; i < count;) {
        uint64_t position = first + i;
        philox4x32_ctr_t words = philox_block(stream, position / 4);
        for (uint64_t lane = position % 4; lane < 4 && i < count; ++lane, ++i) values[i] = words.v[lane];
    }
}

/* The centre of one of 2^32 equal cells of (0, 1). */
static inline double uniform_from(uint32_t bits) { return ((double)bits + 0.5) * 0x1p-32; }

void rng_uniform_f64(struct rng_stream stream, size_t count, double *values) {
    for (size_t i = 0; i < count; i += 4) {
        philox4x32_ctr_t words = philox_block(stream, i / 4);
        for (size_t lane = 0; lane < 4 && i + lane < count; ++lane) values[i + lane] = uniform_from(words.v[lane]);
    }
}

void rng_uniform_f32(struct rng_stream stream, size_t count, float *values) {
    const float below_one = 0x1.fffffep-1f; /* rounding to float must not reach 1 */
    for (size_t i = 0; i < count; i += 4) {
        philox4x32_ctr_t words = philox_block(stream, i / 4);
        for (size_t lane = 0; lane < 4 && i + lane < count; ++lane) {
            float u = (float)uniform_from(words.v[lane]);
            values[i + lane] = u < below_one ? u : below_one;
        }
    }
}

void rng_normal_f64(struct rng_stream stream, size_t count, double *values) {
    const double two_pi = 6.283185307179586476925286766559;
    for (size_t i = 0; i < count; i += 4) {
        philox4x32_ctr_t words = philox_block(stream, i / 4);
        double pair[4];
        for (int half = 0; half < 4; half += 2) {
            double radius = sqrt(-2.0 * log(uniform_from(words.v[half])));
            double angle = two_pi * uniform_from(words.v[half + 1]);
            pair[half] = radius * cos(angle);
            pair[half + 1] = radius * sin(angle);
        }
        for (size_t lane = 0; lane < 4 && i + lane < count; ++lane) values[i + lane] = pair[lane];
    }
}

/*
 * -2 ln u for u = (bits + 0.5) / 2^32, by the atanh series on a mantissa in [sqrt(1/2), sqrt(2)): error < 4e-7
 * relative.
 */
static inline float minus_two_log(uint32_t bits) {
    float u = ((float)(bits >> 8) + 0.5f) * 0x1p-24f;
    /* Near 0 the upper 24 bits are coarse: use all 32 of them there. */
    float fine = ((float)bits + 0.5f) * 0x1p-32f;
    u = bits < (UINT32_C(1) << 24) ? fine : u;
    union {
        float value;
        int32_t word;
    } bits_of = {.value = u};
    int32_t exponent = (bits_of.word - 0x3f3504f3) >> 23; /* 0x3f3504f3 = sqrt(1/2) */
    bits_of.word -= (int32_t)((uint32_t)exponent << 23);
    float m = bits_of.value;
    float s = (m - 1.0f) / (m + 1.0f), z = s * s;
    float series = s * (2.0f + z * (0.66666667f + z * (0.4f + z * (0.28571429f + z * 0.22222222f))));
    return -2.0f * (series + (float)exponent * 0.69314718f);
}

/* cos and sin of 2 pi u: octant reduction to [-1/8, 1/8] turns, then Taylor polynomials (error < 1e-7). */
static inline void cos_sin_turn(uint32_t bits, float *cosine, float *sine) {
    int32_t quadrant = (int32_t)((bits + UINT32_C(0x20000000)) >> 30); /* nearest quarter turn */
    int32_t rest = (int32_t)(bits - ((uint32_t)quadrant << 30));       /* in [-2^29, 2^29) */
    float a = (float)rest * (6.2831853f * 0x1p-32f), z = a * a;
    float s = a * (1.0f + z * (-1.6666667e-1f + z * (8.3333333e-3f + z * (-1.9841270e-4f + z * 2.7557319e-6f))));
    float c = 1.0f + z * (-0.5f + z * (4.1666667e-2f + z * (-1.3888889e-3f + z * 2.4801587e-5f)));
    float swapped_c = quadrant & 1 ? -s : c, swapped_s = quadrant & 1 ? c : s;
    *cosine = quadrant & 2 ? -swapped_c : swapped_c;
    *sine = quadrant & 2 ? -swapped_s : swapped_s;
}

/* Four normals from each lane's four words, in place order cos, sin, cos, sin. */
STRATA_CLONES static void normal_lanes(uint32_t words[restrict 4][LANES], float values[restrict 4][LANES]) {
    for (int half = 0; half < 4; half += 2)
        for (int i = 0; i < LANES; ++i) {
            float radius = __builtin_sqrtf(minus_two_log(words[half][i])), cosine, sine;
            cos_sin_turn(words[half + 1][i], &cosine, &sine);
            values[half][i] = radius * cosine;
            values[half + 1][i] = radius * sine;
        }
}

void rng_normal_rows_f32(struct rng_stream stream, uint64_t first, size_t rows, size_t width, float *values) {
    size_t blocks = (width + 3) / 4, total = blocks * rows;
    size_t row = 0, block = 0;
    for (size_t done = 0; done < total; done += LANES) {
        uint64_t index[LANES], number[LANES];
        size_t target_row[LANES], lanes = total - done < LANES ? total - done : LANES;
        for (size_t i = 0; i < LANES; ++i) {
            index[i] = first + row;
            number[i] = block;
            target_row[i] = row;
            if (i + 1 < lanes && ++block == blocks) block = 0, ++row;
        }
        if (++block == blocks) block = 0, ++row;
        uint32_t words[4][LANES];
        float normal[4][LANES];
        philox_lanes(stream.key, index, number, words);
        normal_lanes(words, normal);
        for (size_t i = 0; i < lanes; ++i) {
            float *target = values + target_row[i] * width + number[i] * 4;
            size_t count = width - number[i] * 4 < 4 ? width - number[i] * 4 : 4;
            for (size_t lane = 0; lane < count; ++lane) target[lane] = normal[lane][i];
        }
    }
}

void rng_normal_f32(struct rng_stream stream, size_t count, float *values) {
    rng_normal_rows_f32(stream, stream.index, 1, count, values);
}

void rng_permutation(struct rng_stream stream, size_t count, uint32_t *order) {
    for (size_t i = 0; i < count; ++i) order[i] = (uint32_t)i;
    for (size_t i = count; i > 1; --i) {
        uint32_t bits[2];
        rng_bits(stream, 2 * (uint64_t)i, 2, bits);
        uint64_t wide = (uint64_t)bits[0] << 32 | bits[1]; /* bias below i / 2^64 */
        __extension__ typedef unsigned __int128 product;
        size_t pick = (size_t)(((product)wide * i) >> 64);
        uint32_t swap = order[i - 1];
        order[i - 1] = order[pick];
        order[pick] = swap;
    }
}
