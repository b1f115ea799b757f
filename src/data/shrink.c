/* SPDX-License-Identifier: MIT */
/* Smaller pictures: means over squares of pixels, written over the larger ones row by row. */
#include "data/dataset.h"

/* Reads at or behind where it writes: (c, y, x) of a small picture never lies after its square in the large one. */
static void picture_shrink(const size_t image[3], size_t side, const float *from, float *to) {
    size_t height = image[1] / side, width = image[2] / side;
    for (size_t c = 0; c < image[0]; ++c)
        for (size_t y = 0; y < height; ++y)
            for (size_t x = 0; x < width; ++x) {
                double sum = 0;
                for (size_t i = 0; i < side; ++i)
                    for (size_t j = 0; j < side; ++j)
                        sum += (double)from[(c * image[1] + y * side + i) * image[2] + x * side + j];
                to[(c * height + y) * width + x] = (float)(sum / (double)(side * side));
            }
}

strata_status dataset_shrink(strata_context *ctx, struct dataset *data, size_t side) {
    const size_t image[3] = {data->image[0], data->image[1], data->image[2]};
    if (image[0] * image[1] * image[2] == 0)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "smaller pictures: expected rows that are pictures");
    if (side == 0 || image[1] % side || image[2] % side)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "smaller pictures: squares of side %zu do not divide pictures of %zu x %zu pixels", side,
                           image[1], image[2]);
    size_t inputs = data->inputs / (side * side);
    for (size_t r = 0; r < data->rows; ++r)
        picture_shrink(image, side, data->x + r * data->inputs, data->x + r * inputs);
    data->inputs = inputs;
    data->image[1] = image[1] / side;
    data->image[2] = image[2] / side;
    return STRATA_OK;
}
