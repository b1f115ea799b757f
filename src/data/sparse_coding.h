/* SPDX-License-Identifier: MIT */
/*
 * The sparse-coding model of feature purification: x = M z + noise, M orthogonal, z sparse, labelled by the sign of
 * <w*, z>. Source: Allen-Zhu & Li 2020, arXiv 2005.10190; the constants are ours.
 */
#ifndef DATA_SPARSE_CODING_H
#define DATA_SPARSE_CODING_H

#include <stdbool.h>

#include "data/dataset.h"

struct sparse_coding_options {
    size_t dimension; /* d: atoms, and numbers of a row; 8..4096 */
    size_t sparsity;  /* k: atoms of a row in the mean, each of weight +-1/sqrt k; 1..d/4 */
    size_t margin;    /* rows with |<w*, z>| < (margin - 1/2)/sqrt k are drawn again; 1..k */
    double noise;     /* standard deviation of the noise, times sqrt d; 0..2 */
    bool dense;       /* z normal of variance 1/d in place of sparse, with the same margin */
};

/** Constant once made: safe to use from any number of threads. */
struct sparse_coding {
    struct sparse_coding_options options;
    float *atoms;     /* [d, d], row j is atom M_j */
    float *signs;     /* [d]: w*, each +-1 */
    float *direction; /* [d]: sum_j w*_j M_j / sqrt d, of length 1 */
    uint64_t seed, replicate;
};

/**
 * Draws M and w* from (seed, replicate, RNG_TEACHER).
 * Errors: CONFIG (sizes out of range; more than 99 % of the draws fall inside the margin); MEMORY.
 */
STRATA_MUST_USE strata_status sparse_coding_create(strata_context *ctx, const struct sparse_coding_options *options,
                                                   uint64_t seed, uint64_t replicate, struct sparse_coding *coding);
/** Frees what it holds; a zeroed one is fine. */
void sparse_coding_destroy(struct sparse_coding *coding);

/**
 * Samples first..first+rows-1 of a purpose: `x` [rows, d], `y` [rows] labels 0 or 1, `z` [rows, d] the codes (NULL: not
 * wanted). Allocates nothing.
 */
void sparse_coding_rows(const struct sparse_coding *coding, enum rng_purpose purpose, uint64_t first, size_t rows,
                        float *x, float *y, float *z);

/** The same as a data set of two classes, owned by the caller. */
STRATA_MUST_USE strata_status sparse_coding_dataset(strata_context *ctx, const struct sparse_coding *coding,
                                                    enum rng_purpose purpose, uint64_t first, size_t rows,
                                                    struct dataset *data);

#endif
