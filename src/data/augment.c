/* SPDX-License-Identifier: MIT */
#include "data/augment.h"

#include <math.h>
#include <string.h>

const struct setting augment_settings[] = {
    {"augment.flip", SETTING_FLAG, "false", 0, 0, NULL, "mirror half of the training pictures"},
    {"augment.shift", SETTING_COUNT, "0", 0, 1024, NULL, "pixels by which training pictures are moved, at most"},
    {"augment.cutout", SETTING_COUNT, "0", 0, 1024, NULL, "side of the square cut out of training pictures; 0: none"},
    {"augment.mixup", SETTING_NUMBER, "0", 0, 1, NULL,
     "alpha by which training pictures and their labels are mixed in pairs; 0: not"},
    {NULL, SETTING_TEXT, NULL, 0, 0, NULL, NULL},
};

strata_status augment_from_settings(strata_context *ctx, const struct settings *settings, const size_t image[3],
                                    struct augmentation *augmentation) {
    *augmentation = (struct augmentation){.flip = settings_flag(settings, "augment.flip"),
                                          .shift = settings_count(settings, "augment.shift"),
                                          .cutout = settings_count(settings, "augment.cutout"),
                                          .mixup = settings_number(settings, "augment.mixup")};
    if (augmentation->shift >= image[1] || augmentation->shift >= image[2])
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "augment.shift = %zu: expected less than the pictures' %zu x %zu pixels",
                           augmentation->shift, image[1], image[2]);
    return STRATA_OK;
}

bool augment_any(const struct augmentation *a) { return a->flip || a->shift || a->cutout; }

/* A whole number in [0, count). */
static size_t below(double uniform, size_t count) {
    size_t number = (size_t)(uniform * (double)count);
    return number < count ? number : count - 1;
}

/* Pixel j of a line of the result is pixel first + j, or last - j when it is mirrored; outside there are zeros. */
static void copy_line(size_t width, bool mirrored, long move, const float *from, float *to) {
    for (size_t j = 0; j < width; ++j) {
        long place = (mirrored ? (long)(width - 1 - j) : (long)j) + move;
        to[j] = place >= 0 && place < (long)width ? from[place] : 0;
    }
}

static void cut(const size_t image[3], size_t side, size_t y, size_t x, float *to) {
    size_t half = side / 2, top = y > half ? y - half : 0, left = x > half ? x - half : 0,
           bottom = y + (side - half) < image[1] ? y + (side - half) : image[1],
           right = x + (side - half) < image[2] ? x + (side - half) : image[2];
    for (size_t c = 0; c < image[0]; ++c)
        for (size_t i = top; i < bottom; ++i)
            memset(to + (c * image[1] + i) * image[2] + left, 0, (right - left) * sizeof *to);
}

void augment_picture(const struct augmentation *a, const size_t image[3], struct rng_stream stream, const float *from,
                     float *to) {
    double draws[5];
    rng_uniform_f64(stream, 5, draws);
    bool mirrored = a->flip && draws[0] < 0.5;
    long down = (long)below(draws[1], 2 * a->shift + 1) - (long)a->shift,
         right = (long)below(draws[2], 2 * a->shift + 1) - (long)a->shift;
    for (size_t c = 0; c < image[0]; ++c)
        for (size_t i = 0; i < image[1]; ++i) {
            long line = (long)i + down;
            float *target = to + (c * image[1] + i) * image[2];
            if (line >= 0 && line < (long)image[1])
                copy_line(image[2], mirrored, right, from + (c * image[1] + (size_t)line) * image[2], target);
            else
                memset(target, 0, image[2] * sizeof *target);
        }
    if (a->cutout) cut(image, a->cutout, below(draws[3], image[1]), below(draws[4], image[2]), to);
}

double augment_mixing_share(double alpha, struct rng_stream stream) {
    for (uint64_t draw = 0;; ++draw) {
        double uniform[2];
        rng_uniform_f64(rng_stream_sub(stream, draw), 2, uniform);
        double x = pow(uniform[0], 1 / alpha), y = pow(uniform[1], 1 / alpha);
        if (x + y > 1) continue;
        if (x + y > 0) return fmax(x, y) / (x + y);
        return 1; /* both vanish for a tiny alpha: all of one picture, as its law has it */
    }
}
