/* SPDX-License-Identifier: MIT */
/*
 * Addressed randomness: a value depends on (seed, replicate, purpose, index) and on its position,
 * never on what was drawn before. Philox4x32-10 (Salmon et al. 2011) from Random123.
 */
#ifndef CORE_RNG_H
#define CORE_RNG_H

#include <stddef.h>
#include <stdint.h>

/** What a stream is for. Values are part of the results: append, never renumber. */
enum rng_purpose {
    RNG_TEACHER = 1,        /* index: layer */
    RNG_CALIBRATION = 2,    /* index: sample */
    RNG_TRAIN_INPUT = 3,    /* index: sample */
    RNG_TEST_INPUT = 4,     /* index: sample */
    RNG_LABEL_NOISE = 5,    /* index: sample */
    RNG_INIT = 6,           /* index: hash of the parameter's name */
    RNG_SHUFFLE = 7,        /* index: epoch */
    RNG_DROPOUT = 8,        /* index: node, then step */
    RNG_GRADIENT_NOISE = 9, /* index: step */
    RNG_FEATURES = 10,      /* index: feature layer */
    RNG_SPLIT = 11,
    RNG_PROBE = 12,
    RNG_AUGMENT = 13,   /* index: place in the walk over the data */
    RNG_ATTACK = 14,    /* index: row of the set attacked */
    RNG_ADVERSARY = 15, /* of adversarial training; index: step */
    RNG_SMOOTHING = 16, /* index: row of the set certified */
    RNG_TEST = 100      /* streams of the test programs */
};

/** Address of a stream; cheap to make, freely copied. */
struct rng_stream {
    uint64_t key;
    uint64_t index;
};

/** The stream of one (seed, replicate, purpose), at index 0. */
struct rng_stream rng_stream_make(uint64_t seed, uint64_t replicate, enum rng_purpose purpose);

/** The same stream at another index (sample, layer, epoch, ...). */
struct rng_stream rng_stream_at(struct rng_stream stream, uint64_t index);

/** A stream keyed by the stream and a number: for addresses of more than one index (node, then step). */
struct rng_stream rng_stream_sub(struct rng_stream stream, uint64_t number);

/** 64-bit FNV-1a of a name, for streams indexed by names. */
uint64_t rng_hash(const char *name);

/** values[i] = 32 random bits number `first + i` of the stream. */
void rng_bits(struct rng_stream stream, uint64_t first, size_t count, uint32_t *values);

/** Uniform on the open interval (0, 1), 32 bits of resolution rounded to float. */
void rng_uniform_f32(struct rng_stream stream, size_t count, float *values);
void rng_uniform_f64(struct rng_stream stream, size_t count, double *values);

/** Standard normal by Box and Muller; |value| < 6.7. */
void rng_normal_f32(struct rng_stream stream, size_t count, float *values);
void rng_normal_f64(struct rng_stream stream, size_t count, double *values);

/**
 * Rows of standard normals: row r is rng_normal_f32 of the stream at index first + r.
 * The fast path of fresh training samples.
 *
 * @param values  [rows, width] out.
 */
void rng_normal_rows_f32(struct rng_stream stream, uint64_t first, size_t rows, size_t width, float *values);

/** A random permutation of 0..count-1 (Fisher and Yates). */
void rng_permutation(struct rng_stream stream, size_t count, uint32_t *order);

#endif
