/* SPDX-License-Identifier: MIT */
/*
 * Fits the tangent kernel of an infinitely wide network of three hidden layers to FILE (.npy or .csv, the target in the
 * last column). The ridge is the one of least leave-one-out error; the posterior gives each prediction its deviation.
 *
 *     $ cc kernel_ridge.c -o kernel_ridge $(pkg-config --cflags --libs strata) && ./kernel_ridge example.csv
 *     400 rows, ridge 1.0e-10, error left out 0.0018
 *     row 0: 0.357 predicted 0.357 +- 6.8e-09
 *
 * The error is the mean squared leave-one-out residual over the mean square of the target.
 */
#include <stdio.h>
#include <stdlib.h>
#include <strata/strata.h>

int main(int count, char **words) {
    strata_dataset_file file = strata_dataset_file_default(count > 1 ? words[1] : "example.csv");
    strata_context *ctx;
    strata_dataset *data = NULL;
    strata_kernel *ntk = NULL;
    strata_kernel_fit *fit = NULL;
    double *x = NULL, *y = NULL, *left_out = NULL, power = 0, loss = 0, mean, variance;
    if (strata_context_create(&ctx)) return 1;
    strata_status status = strata_dataset_read(ctx, &file, &data);
    strata_dataset_shape shape = status ? (strata_dataset_shape){0} : strata_dataset_get_shape(data);
    x = calloc(shape.rows * shape.inputs + 1, sizeof *x), y = calloc(2 * shape.rows + 1, sizeof *y);
    left_out = y + shape.rows;
    for (size_t i = 0; i < shape.rows * shape.inputs; ++i) x[i] = strata_dataset_inputs(data)[i];
    for (size_t i = 0; i < shape.rows; ++i) y[i] = strata_dataset_targets(data)[i];
    for (size_t i = 0; i < shape.rows; ++i) power += y[i] * y[i] / shape.rows;
    if (!status) status = strata_kernel_create(ctx, "ntk3", NULL, shape.rows, shape.inputs, x, &ntk);
    if (!status) status = strata_kernel_fit_create(ctx, ntk, NULL, shape.rows, x, 1, y, &fit);
    if (!status) status = strata_kernel_fit_leave_one_out(ctx, fit, left_out);
    if (!status) status = strata_kernel_fit_predict(ctx, fit, 1, x, &mean, &variance);
    for (size_t i = 0; i < shape.rows; ++i) loss += left_out[i] * left_out[i] / shape.rows;
    strata_kernel_fit_measures found = status ? (strata_kernel_fit_measures){0} : strata_kernel_fit_get_measures(fit);
    if (status)
        fprintf(stderr, "%s\n", strata_context_message(ctx));
    else
        printf("%zu rows, ridge %.1e, error left out %.4f\nrow 0: %.3g predicted %.3g +- %.2g\n", shape.rows,
               found.ridge, loss / power, y[0], mean, variance);
    strata_kernel_fit_destroy(fit), strata_kernel_destroy(ntk), strata_dataset_destroy(data), free(x), free(y);
    return strata_context_destroy(ctx), status != STRATA_OK;
}
