/* SPDX-License-Identifier: MIT */
/*
 * Ridge readouts through the correlation matrix. Features are standardised first: with eigenvalues
 * of order one at the top, a ridge of 1e-8 bounds the condition number by 1e8 * width, so that
 * Cholesky's error in the fitted values (not in the weights) stays near 1e-16 * 1e8 = 1e-8 of their
 * size, 1e-16 of their variance.
 */
#include "measure/readout.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "linalg/linalg.h"

static strata_status values_finite(strata_context *ctx, const char *what, size_t rows, size_t width,
                                   const double *values) {
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j < width; ++j)
            if (!isfinite(values[i * width + j]))
                return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                                   "readout: %s %zu of row %zu is %g, expected a finite number", what, j, i,
                                   values[i * width + j]);
    return STRATA_OK;
}

static void column_means(size_t rows, size_t width, const double *values, double *mean) {
    memset(mean, 0, width * sizeof *mean);
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j < width; ++j) mean[j] += values[i * width + j];
    for (size_t j = 0; j < width; ++j) mean[j] /= (double)rows;
}

/* scale = 1 / sd by two passes; 0 for a column that varies by rounding only. */
static void column_scales(size_t rows, size_t width, const double *values, const double *mean, double *scale) {
    memset(scale, 0, width * sizeof *scale);
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j < width; ++j) {
            double deviation = values[i * width + j] - mean[j];
            scale[j] += deviation * deviation;
        }
    for (size_t j = 0; j < width; ++j) {
        double sd = sqrt(scale[j] / (double)rows);
        scale[j] = sd > 1e-13 * fabs(mean[j]) ? 1.0 / sd : 0.0;
        if (!isfinite(scale[j])) scale[j] = 0.0;
    }
}

strata_status readout_moments_create(strata_context *ctx, size_t rows, size_t width, const double *features,
                                     size_t outputs, const double *targets, struct readout_moments *moments) {
    strata_status status = STRATA_OK;
    double *standard = NULL;
    size_t gram_size = 0, cross_size = 0, cells = 0;
    *moments = (struct readout_moments){.width = width, .outputs = outputs};
    if (rows < 2) return strata_fail(ctx, STRATA_ERR_ARGUMENT, "readout: expected at least 2 rows, got %zu", rows);
    STRATA_TRY(values_finite(ctx, "feature", rows, width, features));
    STRATA_TRY(values_finite(ctx, "target", rows, outputs, targets));
    STRATA_TRY(mem_product(ctx, width, width, "readout", &gram_size));
    STRATA_TRY(mem_product(ctx, width, outputs, "readout", &cross_size));
    STRATA_TRY(mem_product(ctx, rows, width, "readout", &cells));
    moments->mean = mem_zero(width, sizeof(double));
    moments->scale = mem_zero(width, sizeof(double));
    moments->target_mean = mem_zero(outputs, sizeof(double));
    moments->gram = mem_zero(gram_size, sizeof(double));
    moments->cross = mem_zero(cross_size, sizeof(double));
    standard = mem_zero(cells, sizeof(double));
    if (!moments->mean || !moments->scale || !moments->target_mean || !moments->gram || !moments->cross || !standard) {
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a readout of %zu features on %zu rows", width,
                             rows);
        goto cleanup;
    }
    column_means(rows, width, features, moments->mean);
    column_scales(rows, width, features, moments->mean, moments->scale);
    column_means(rows, outputs, targets, moments->target_mean);
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j < width; ++j)
            standard[i * width + j] = (features[i * width + j] - moments->mean[j]) * moments->scale[j];
    linalg_syrk_f64(TRANSPOSED, width, rows, 1.0 / (double)rows, standard, width, 0.0, moments->gram);
    /* Standardised columns sum to zero, so the targets need no centring. */
    linalg_gemm_f64(TRANSPOSED, AS_IS, width, outputs, rows, 1.0 / (double)rows, standard, width, targets, outputs, 0.0,
                    moments->cross, outputs);
cleanup:
    mem_free(standard);
    if (status != STRATA_OK) readout_moments_destroy(moments);
    return status;
}

void readout_moments_destroy(struct readout_moments *moments) {
    mem_free(moments->mean);
    mem_free(moments->scale);
    mem_free(moments->target_mean);
    mem_free(moments->gram);
    mem_free(moments->cross);
    *moments = (struct readout_moments){0};
}

strata_status readout_solve(strata_context *ctx, const struct readout_moments *moments, double ridge,
                            struct readout *readout) {
    strata_status status = STRATA_OK;
    size_t width = moments->width, outputs = moments->outputs;
    *readout = (struct readout){.width = width, .outputs = outputs};
    double *system = mem_zero(width * width, sizeof *system);
    readout->weights = mem_zero(width * outputs, sizeof(double));
    readout->offset = mem_zero(outputs, sizeof(double));
    if (!system || !readout->weights || !readout->offset) {
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a readout of %zu features", width);
        goto cleanup;
    }
    memcpy(system, moments->gram, width * width * sizeof *system);
    memcpy(readout->weights, moments->cross, width * outputs * sizeof(double));
    for (size_t j = 0; j < width; ++j)
        system[j * width + j] = moments->scale[j] > 0.0 ? system[j * width + j] + ridge : 1.0;
    STRATA_GO(linalg_cholesky(ctx, width, system));
    linalg_cholesky_solve(width, system, outputs, readout->weights);
    memcpy(readout->offset, moments->target_mean, outputs * sizeof(double));
    for (size_t j = 0; j < width; ++j)
        for (size_t o = 0; o < outputs; ++o) {
            double weight = readout->weights[j * outputs + o] * moments->scale[j];
            readout->weights[j * outputs + o] = weight;
            readout->offset[o] -= weight * moments->mean[j];
        }
cleanup:
    mem_free(system);
    if (status != STRATA_OK) readout_destroy(readout);
    return status;
}

void readout_destroy(struct readout *readout) {
    mem_free(readout->weights);
    mem_free(readout->offset);
    *readout = (struct readout){0};
}

void readout_apply(const struct readout *readout, size_t rows, const double *features, double *out) {
    size_t outputs = readout->outputs;
    for (size_t i = 0; i < rows; ++i) memcpy(out + i * outputs, readout->offset, outputs * sizeof *out);
    linalg_gemm_f64(AS_IS, AS_IS, rows, outputs, readout->width, 1.0, features, readout->width, readout->weights,
                    outputs, 1.0, out, outputs);
}

strata_status feature_error_f64(strata_context *ctx, size_t rows, size_t width, const double *features,
                                size_t target_width, const double *targets, double *error) {
    const double ridge = 1e-8; /* of the mean, that is 1e-8 * rows of the sum */
    strata_status status = STRATA_OK;
    size_t fit = rows / 2, score = rows - fit;
    struct readout_moments moments = {0};
    struct readout readout = {0};
    double *fitted = NULL, residual = 0.0, variance = 0.0;
    if (fit < 2) return strata_fail(ctx, STRATA_ERR_ARGUMENT, "feature error: expected at least 4 rows, got %zu", rows);
    STRATA_TRY(values_finite(ctx, "feature", rows, width, features));
    STRATA_TRY(values_finite(ctx, "target", rows, target_width, targets));
    STRATA_GO(readout_moments_create(ctx, fit, width, features, target_width, targets, &moments));
    STRATA_GO(readout_solve(ctx, &moments, ridge, &readout));
    fitted = mem_zero(score * target_width + target_width, sizeof *fitted); /* and the means of the scored half */
    if (!fitted) {
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for the feature error of %zu rows", rows);
        goto cleanup;
    }
    const double *held_out = targets + fit * target_width;
    double *mean = fitted + score * target_width;
    readout_apply(&readout, score, features + fit * width, fitted);
    column_means(score, target_width, held_out, mean);
    for (size_t i = 0; i < score * target_width; ++i) {
        double deviation = held_out[i] - mean[i % target_width], miss = held_out[i] - fitted[i];
        residual += miss * miss;
        variance += deviation * deviation;
    }
    if (variance > 0.0)
        *error = residual / variance;
    else
        status = strata_fail(ctx, STRATA_ERR_ARGUMENT, "feature error: the targets are constant on the %zu scored rows",
                             score);
cleanup:
    mem_free(fitted);
    readout_destroy(&readout);
    readout_moments_destroy(&moments);
    return status;
}

strata_status feature_error(strata_context *ctx, size_t rows, size_t width, const float *features, size_t target_width,
                            const double *targets, double *error) {
    size_t cells = 0;
    STRATA_TRY(mem_product(ctx, rows, width, "feature error", &cells));
    double *wide = mem_zero(cells, sizeof *wide);
    if (!wide) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu rows of %zu features", rows, width);
    for (size_t i = 0; i < cells; ++i) wide[i] = (double)features[i];
    strata_status status = feature_error_f64(ctx, rows, width, wide, target_width, targets, error);
    mem_free(wide);
    return status;
}
