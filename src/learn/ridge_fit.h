/* SPDX-License-Identifier: MIT */
/*
 * What kernel ridge regression and random features share: the finite set as doubles, the ridge's choice, the one step
 * of a fit.
 */
#ifndef LEARN_RIDGE_FIT_H
#define LEARN_RIDGE_FIT_H

#include "kernels/ridge_path.h"
#include "learn/learner.h"

/* Settings rows that both read; a key means the same everywhere. */
#define RIDGE_ROW_RIDGE                                                     \
    {                                                                       \
        "kernel.ridge", SETTING_NUMBER, "0", 0, 1e6, NULL,                  \
            "ridge over the mean of the Gram diagonal; 0: by leave-one-out" \
    }
#define RIDGE_ROW_BIAS                                                 \
    {                                                                  \
        "kernel.bias_variance", SETTING_NUMBER, "0.1", 0, 1e6, NULL,   \
            "variance of the biases of ReLU kernels and ReLU features" \
    }
#define RIDGE_ROW_MEMORY                                              \
    {                                                                 \
        "kernel.memory_mb", SETTING_COUNT, "2048", 1, 1e9, NULL,      \
            "largest Gram or feature matrix, in MiB; more is refused" \
    }

/** A finite set in float64. Zero-initialised is empty. */
struct ridge_rows {
    size_t rows, inputs, outputs;
    double *x;    /* [rows, inputs] */
    double *y;    /* [rows, outputs]: values, -1/+1 for binary labels, indicators for classes; less `mean` */
    double *mean; /* [outputs] */
};

/**
 * Copies the source's set. Errors: UNSUPPORTED (an endless source), ARGUMENT (no rows, a non-finite value, with its
 * row), MEMORY.
 */
STRATA_MUST_USE strata_status ridge_rows_create(strata_context *ctx, const char *learner,
                                                const struct sample_source *source, struct ridge_rows *rows);
/** `count` evenly spaced rows (all when there are no more); targets keep the mean of the whole. */
STRATA_MUST_USE strata_status ridge_rows_take(strata_context *ctx, const struct ridge_rows *from, size_t count,
                                              struct ridge_rows *to);
void ridge_rows_destroy(struct ridge_rows *rows);

/** Refuses rows x columns doubles above kernel.memory_mb (TOO_LARGE, with the figures). */
STRATA_MUST_USE strata_status ridge_memory_check(strata_context *ctx, const char *learner,
                                                 const struct settings *settings, size_t rows, size_t columns);

/**
 * The ridge of the least leave-one-out error among 1e-10, 10^-9.5, ..., 1e1 times `unit` (the mean of the
 * Gram diagonal); the larger one among equals.
 */
STRATA_MUST_USE strata_status ridge_choose(strata_context *ctx, const struct ridge_path *path,
                                           const struct ridge_rows *rows, double unit, double *ridge, double *error);

/** The next ridge to try where a factorisation refused `ridge`. */
double ridge_raise(double ridge);

/** Tells the hooks of a fit that is one step. */
STRATA_MUST_USE strata_status ridge_report(strata_context *ctx, struct learner *learner, const struct fit_hooks *hooks,
                                           double loss);

/** Outputs [rows, outputs] of `rows` rows in float64. `scratch` holds what the caller asked for. */
typedef strata_status (*wide_predictor)(strata_context *ctx, void *user, size_t rows, const double *x, double *scratch,
                                        double *out);

/**
 * Predictions of a learner that computes in float64, in blocks of at most 256 rows with `scratch` doubles a row.
 * Errors: MEMORY; those of `predict`.
 */
STRATA_MUST_USE strata_status predict_wide(strata_context *ctx, wide_predictor predict, void *user, size_t inputs,
                                           size_t outputs, size_t scratch, size_t rows, const float *x, float *out);

/**
 * Adds a float64 matrix whose values the learner keeps; copies tensor `name` of the given shape back (rows or columns
 * 0: any but none). ERR_FORMAT.
 */
STRATA_MUST_USE strata_status ridge_tensor_add(strata_context *ctx, struct tensor_file *state, const char *name,
                                               size_t rows, size_t columns, const double *values);
STRATA_MUST_USE strata_status ridge_tensor_load(strata_context *ctx, const struct tensor_file *state, const char *name,
                                                size_t *rows, size_t *columns, double **values);

/** Refuses a state whose function is not from the source's inputs to its outputs. ERR_FORMAT. */
STRATA_MUST_USE strata_status ridge_state_check(strata_context *ctx, const struct sample_source *source, size_t inputs,
                                                size_t outputs);

#endif
