/* SPDX-License-Identifier: MIT */
/*
 * Linear probes in closed form: against the logistic probe of Alain & Bengio (arXiv 1610.01644) a
 * point or so lower, but without a learning rate, and one factorisation a ridge.
 */
#include "measure/probe.h"

#include <string.h>

#include "core/memory.h"
#include "linalg/linalg.h"
#include "measure/readout.h"

enum { HELD_OUT_EVERY = 5 };
static const double ridges[] = {1e1, 1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6};

/* Rows as doubles: features, class indicators and class numbers. */
struct probe_table {
    size_t rows;
    double *features;   /* [rows, width] */
    double *indicators; /* [rows, classes] */
    size_t *classes;    /* [rows] */
};

static void table_destroy(struct probe_table *table) {
    mem_free(table->features);
    mem_free(table->indicators);
    mem_free(table->classes);
    *table = (struct probe_table){0};
}

/* Which rows go into a table. */
enum selection { ROWS_ALL, ROWS_FIT, ROWS_HELD_OUT };

static bool row_selected(enum selection selection, size_t row) {
    bool held_out = row % HELD_OUT_EVERY == HELD_OUT_EVERY - 1;
    return selection == ROWS_ALL || held_out == (selection == ROWS_HELD_OUT);
}

static strata_status table_create(strata_context *ctx, size_t width, size_t classes, const struct probe_rows *from,
                                  enum selection selection, struct probe_table *table) {
    size_t feature_cells = 0, indicator_cells = 0, row = 0;
    STRATA_TRY(mem_product(ctx, from->rows, width, "probe", &feature_cells));
    STRATA_TRY(mem_product(ctx, from->rows, classes, "probe", &indicator_cells));
    *table = (struct probe_table){.features = mem_zero(feature_cells, sizeof(double)),
                                  .indicators = mem_zero(indicator_cells, sizeof(double)),
                                  .classes = mem_zero(from->rows, sizeof(size_t))};
    if (!table->features || !table->indicators || !table->classes) {
        table_destroy(table);
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a probe on %zu rows", from->rows);
    }
    for (size_t i = 0; i < from->rows; ++i) {
        if (!row_selected(selection, i)) continue;
        if (!(from->labels[i] >= 0.0f && from->labels[i] < (float)classes)) {
            table_destroy(table);
            return strata_fail(ctx, STRATA_ERR_ARGUMENT, "probe: label of row %zu: expected 0..%zu, got %g", i,
                               classes - 1, (double)from->labels[i]);
        }
        for (size_t j = 0; j < width; ++j) table->features[row * width + j] = (double)from->features[i * width + j];
        table->classes[row] = (size_t)from->labels[i];
        table->indicators[row * classes + table->classes[row]] = 1.0;
        ++row;
    }
    table->rows = row;
    return STRATA_OK;
}

/* Share of rows whose largest output is their class. */
static strata_status readout_accuracy(strata_context *ctx, const struct readout *readout,
                                      const struct probe_table *table, double *accuracy) {
    size_t classes = readout->outputs, right = 0;
    double *outputs = mem_zero(table->rows * classes, sizeof *outputs);
    if (!outputs) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a probe on %zu rows", table->rows);
    readout_apply(readout, table->rows, table->features, outputs);
    for (size_t i = 0; i < table->rows; ++i) {
        size_t best = 0;
        for (size_t j = 1; j < classes; ++j)
            if (outputs[i * classes + j] > outputs[i * classes + best]) best = j;
        right += best == table->classes[i];
    }
    *accuracy = (double)right / (double)table->rows;
    mem_free(outputs);
    return STRATA_OK;
}

static strata_status fit_and_score(strata_context *ctx, const struct readout_moments *moments, double ridge,
                                   const struct probe_table *scored, double *accuracy) {
    struct readout readout = {0};
    STRATA_TRY(readout_solve(ctx, moments, ridge, &readout));
    strata_status status = readout_accuracy(ctx, &readout, scored, accuracy);
    readout_destroy(&readout);
    return status;
}

/* The ridge that classifies the held-out rows best. */
static strata_status ridge_choose(strata_context *ctx, size_t width, size_t classes, const struct probe_rows *train,
                                  double *ridge) {
    strata_status status = STRATA_OK;
    struct probe_table fit = {0}, held_out = {0};
    struct readout_moments moments = {0};
    double best = -1.0;
    STRATA_GO(table_create(ctx, width, classes, train, ROWS_FIT, &fit));
    STRATA_GO(table_create(ctx, width, classes, train, ROWS_HELD_OUT, &held_out));
    STRATA_GO(readout_moments_create(ctx, fit.rows, width, fit.features, classes, fit.indicators, &moments));
    for (size_t i = 0; i < sizeof ridges / sizeof *ridges; ++i) {
        double accuracy = 0.0;
        STRATA_GO(fit_and_score(ctx, &moments, ridges[i], &held_out, &accuracy));
        if (accuracy > best) {
            best = accuracy;
            *ridge = ridges[i];
        }
    }
cleanup:
    table_destroy(&fit);
    table_destroy(&held_out);
    readout_moments_destroy(&moments);
    return status;
}

strata_status probe_accuracy(strata_context *ctx, size_t width, size_t classes, const struct probe_rows *train,
                             const struct probe_rows *test, double *accuracy) {
    strata_status status = STRATA_OK;
    struct probe_table all = {0}, scored = {0};
    struct readout_moments moments = {0};
    double ridge = 0.0;
    if (train->rows < 2 * HELD_OUT_EVERY || test->rows == 0 || classes < 2)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "probe: expected at least %d training rows, 1 test row and 2 classes, got %zu, %zu and %zu",
                           2 * HELD_OUT_EVERY, train->rows, test->rows, classes);
    STRATA_GO(ridge_choose(ctx, width, classes, train, &ridge));
    STRATA_GO(table_create(ctx, width, classes, train, ROWS_ALL, &all));
    STRATA_GO(table_create(ctx, width, classes, test, ROWS_ALL, &scored));
    STRATA_GO(readout_moments_create(ctx, all.rows, width, all.features, classes, all.indicators, &moments));
    STRATA_GO(fit_and_score(ctx, &moments, ridge, &scored, accuracy));
cleanup:
    table_destroy(&all);
    table_destroy(&scored);
    readout_moments_destroy(&moments);
    return status;
}
