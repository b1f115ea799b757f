/* SPDX-License-Identifier: MIT */
#include "measure/mixture.h"

#include <math.h>

#include "core/memory.h"
#include "linalg/linalg.h"

static double inner(size_t count, const float *a, const float *b) {
    double sum = 0;
    for (size_t j = 0; j < count; ++j) sum += (double)a[j] * (double)b[j];
    return sum;
}

void mixture_split(size_t width, size_t inputs, const float *weights, const float *atoms, float *residuals,
                   uint32_t *dominant) {
    for (size_t i = 0; i < width; ++i) {
        const float *row = weights + i * inputs;
        double best = 0;
        size_t atom = 0;
        for (size_t j = 0; j < inputs; ++j) {
            double share = inner(inputs, row, atoms + j * inputs);
            if (fabs(share) > fabs(best)) best = share, atom = j;
        }
        for (size_t c = 0; c < inputs; ++c)
            residuals[i * inputs + c] = (float)((double)row[c] - best * (double)atoms[atom * inputs + c]);
        if (dominant) dominant[i] = (uint32_t)atom;
    }
}

/* First right singular vector of the stacked residuals: its cosine with the direction, its share of their energy. */
static strata_status measure_singular(strata_context *ctx, size_t width, size_t inputs, const float *residuals,
                                      const float *direction, double energy, struct mixture *mixture) {
    double *wide = mem_zero(width * inputs, sizeof *wide), *gram = mem_zero(inputs * inputs, sizeof *gram),
           *vector = mem_zero(inputs, sizeof *vector), value = 0, cosine = 0;
    strata_status status = STRATA_OK;
    if (!wide || !gram || !vector)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu x %zu residuals", width, inputs));
    for (size_t i = 0; i < width * inputs; ++i) wide[i] = (double)residuals[i];
    linalg_syrk_f64(TRANSPOSED, inputs, width, 1, wide, inputs, 0, gram);
    STRATA_GO(linalg_eigen_largest(ctx, inputs, gram, 1, &value, vector));
    for (size_t j = 0; j < inputs; ++j) cosine += vector[j] * (double)direction[j];
    mixture->alignment = fabs(cosine);
    mixture->energy = energy > 0 ? value / energy : 0;
cleanup:
    mem_free(wide);
    mem_free(gram);
    mem_free(vector);
    return status;
}

strata_status mixture_measure(strata_context *ctx, size_t width, size_t inputs, const float *weights,
                              const float *residuals, const float *direction, struct mixture *mixture) {
    double all = 0, left = 0, along = 0, length = 0;
    *mixture = (struct mixture){0};
    for (size_t i = 0; i < width; ++i) {
        const float *residual = residuals + i * inputs;
        double square = inner(inputs, residual, residual), share = inner(inputs, residual, direction);
        all += inner(inputs, weights + i * inputs, weights + i * inputs);
        left += square;
        along += share * share;
        length += sqrt(square);
    }
    if (!(all > 0)) return STRATA_OK;
    mixture->purity = 1 - left / all;
    mixture->coherent = along / all;
    mixture->residual = length / (double)width;
    return left > 0 ? measure_singular(ctx, width, inputs, residuals, direction, left, mixture) : STRATA_OK;
}
