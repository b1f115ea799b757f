/* SPDX-License-Identifier: MIT */
/*
 * Least squares rather than plain inner products with the Hermite polynomials: the sampling error is that of the part
 * above degree 2 alone.
 */
#include "measure/degree_powers.h"

#include <math.h>

#include "core/memory.h"
#include "linalg/linalg.h"

enum { CHUNK = 512 };

struct degree_fit {
    size_t dimension, terms, rows;
    double *gram, *moment; /* [terms, terms], [terms]: sums over rows of f f' and f y */
    double *features;      /* [CHUNK, terms] */
    double square;         /* sum of y^2 */
};

void degree_fit_destroy(struct degree_fit *fit) {
    if (!fit) return;
    mem_free(fit->gram);
    mem_free(fit->moment);
    mem_free(fit->features);
    mem_free(fit);
}

strata_status degree_fit_create(strata_context *ctx, size_t dimension, struct degree_fit **fit) {
    size_t terms = 1 + dimension + dimension * (dimension + 1) / 2, cells = 0;
    *fit = NULL;
    STRATA_TRY(mem_product(ctx, terms, terms, "quadratic terms", &cells));
    struct degree_fit *self = mem_zero(1, sizeof *self);
    if (!self) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu quadratic terms", terms);
    *self = (struct degree_fit){.dimension = dimension,
                                .terms = terms,
                                .gram = mem_zero(cells, sizeof(double)),
                                .moment = mem_zero(terms, sizeof(double)),
                                .features = mem_zero(CHUNK * terms, sizeof(double))};
    if (self->gram && self->moment && self->features) {
        *fit = self;
        return STRATA_OK;
    }
    degree_fit_destroy(self);
    return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu quadratic terms", terms);
}

/* Constant, then linear, then quadratic Hermite polynomials, unnormalised. */
static void features_of(const struct degree_fit *fit, const float *x, double *features) {
    size_t d = fit->dimension, k = 0;
    features[k++] = 1;
    for (size_t j = 0; j < d; ++j) features[k++] = (double)x[j];
    for (size_t i = 0; i < d; ++i)
        for (size_t j = i; j < d; ++j) features[k++] = (double)x[i] * (double)x[j] - (i == j ? 1.0 : 0.0);
}

void degree_fit_add(struct degree_fit *fit, size_t rows, const float *x, const float *y) {
    size_t terms = fit->terms;
    for (size_t first = 0; first < rows; first += CHUNK) {
        size_t count = rows - first < CHUNK ? rows - first : CHUNK;
        for (size_t i = 0; i < count; ++i) {
            double *features = fit->features + i * terms, target = (double)y[first + i];
            features_of(fit, x + (first + i) * fit->dimension, features);
            for (size_t k = 0; k < terms; ++k) fit->moment[k] += features[k] * target;
            fit->square += target * target;
        }
        linalg_syrk_f64(TRANSPOSED, terms, count, 1.0, fit->features, terms, 1.0, fit->gram);
    }
    fit->rows += rows;
}

strata_status degree_fit_finish(strata_context *ctx, struct degree_fit *fit, struct degree_powers *powers) {
    size_t terms = fit->terms, d = fit->dimension;
    double rows = (double)fit->rows, explained = 0, linear = 0;
    if (fit->rows <= terms)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "powers by degree: expected more than %zu rows, got %zu", terms,
                           fit->rows);
    double *solution = mem_alloc(terms * sizeof *solution);
    if (!solution) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu quadratic terms", terms);
    for (size_t k = 0; k < terms; ++k) solution[k] = fit->moment[k];
    strata_status status = linalg_cholesky(ctx, terms, fit->gram);
    if (status == STRATA_OK) {
        linalg_cholesky_solve(terms, fit->gram, 1, solution);
        for (size_t k = 0; k < terms; ++k) explained += solution[k] * fit->moment[k];
        for (size_t j = 1; j <= d; ++j) linear += solution[j] * solution[j];
        double mean = solution[0];
        double variance = fit->square / rows - mean * mean;
        double above = (fit->square - explained) / (rows - (double)terms);
        *powers = (struct degree_powers){.mean = mean,
                                         .variance = variance,
                                         .linear = linear / variance,
                                         .above = above / variance,
                                         .quadratic = 1 - (linear + above) / variance};
    }
    mem_free(solution);
    return status;
}
