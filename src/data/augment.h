/* SPDX-License-Identifier: MIT */
/*
 * Pictures changed at random while they are read: mirrored, cropped at another place, with a square cut out, mixed.
 * What becomes of a picture depends on its place in the endless walk over the data alone, so that a resumed fit and
 * any number of threads see the same.
 */
#ifndef DATA_AUGMENT_H
#define DATA_AUGMENT_H

#include "core/rng.h"
#include "core/settings.h"
#include "core/status.h"

struct augmentation {
    bool flip;     /* left and right change places in half of the pictures */
    size_t shift;  /* pixels by which a picture is moved, at most, in each direction; zeros come in */
    size_t cutout; /* side of the square that is set to zero; its middle is any pixel; 0: none */
    double mixup;  /* alpha of Beta(alpha, alpha), by which each picture is mixed with another one; 0: none */
};

extern const struct setting augment_settings[];

/** Reads "augment.*". Errors: CONFIG (a shift that could leave nothing of a picture of `image`). */
STRATA_MUST_USE strata_status augment_from_settings(strata_context *ctx, const struct settings *settings,
                                                    const size_t image[3], struct augmentation *augmentation);

/** True when it changes a picture by itself: mixing needs two. */
bool augment_any(const struct augmentation *augmentation);

/**
 * One picture [channels, height, width], `image` its sizes, by the draws of `stream`; `from` and `to` do not overlap.
 * Sources: Krizhevsky et al. 2012 (flip, crop), DeVries & Taylor 2017 (cutout).
 */
void augment_picture(const struct augmentation *augmentation, const size_t image[3], struct rng_stream stream,
                     const float *from, float *to);

/**
 * A draw of Beta(alpha, alpha), 0 < alpha <= 1 (Joehnk 1964), the larger of it and of 1 less it: which of two mixed
 * pictures comes first says nothing.
 */
double augment_mixing_share(double alpha, struct rng_stream stream);

#endif
