/* SPDX-License-Identifier: MIT */
/*
 * Kernel ridge regression: f(x) = mean(y) + k(x, X) alpha, alpha = (K + ridge I)^-1 (y - mean(y)), by Cholesky.
 *
 * The ridge has the least leave-one-out error on a grid. Up to kernel.selection_rows rows that is exact;
 * above, it is taken on so many evenly spaced rows and used unchanged: in the Gaussian-process view it
 * is the noise over the prior's variance, which does not depend on n. One eigendecomposition of
 * 1,000 rows and one Cholesky factor of all of them: two seconds at n = 4,000; on a degree-4 target the
 * error was within 10 % of that with the ridge from all rows, which took 4 times as long at n = 2,000.
 * Labels are fitted as -1 / +1 (binary) or as indicators (classes). Only finite sets.
 * Source: Schölkopf & Smola, Learning with Kernels, 2002; Rifkin & Lippert, MIT-CSAIL-TR-2007-025.
 */
#include "learn/kernel_machine.h"

static const struct setting kernel_ridge_settings[] = {
    RIDGE_ROW_RIDGE, KERNEL_ROW_SELECTION, KERNEL_ROW_BANDWIDTHS, KERNEL_ROW_NAME, RIDGE_ROW_MEMORY, {0},
};

static strata_status kernel_ridge_learn(strata_context *ctx, struct learner *learner, const struct fit_hooks *hooks) {
    struct kernel_learner *self = (struct kernel_learner *)learner;
    const struct kernel_ridge_request request = kernel_learner_request(self);
    struct ridge_rows rows = {0};
    double loss = 0;
    if (self->machine.rows) return STRATA_OK; /* loaded: nothing is left to do */
    STRATA_TRY(ridge_rows_create(ctx, request.learner, self->source, &rows));
    strata_status status = kernel_ridge_fit(ctx, &request, &rows, &self->machine, &loss);
    if (status == STRATA_OK) status = ridge_report(ctx, learner, hooks, loss);
    ridge_rows_destroy(&rows);
    return status;
}

#define KERNEL_RIDGE(which, kernel, label, rest)                                               \
    extern const struct learner_class learner_##which;                                         \
    const struct learner_class learner_##which = {.name = #which,                              \
                                                  .details = (kernel),                         \
                                                  .title = "Kernel ridge, " label,             \
                                                  .summary = "kernel ridge regression, " rest, \
                                                  .settings = kernel_ridge_settings,           \
                                                  .fit = kernel_ridge_learn,                   \
                                                  KERNEL_LEARNER_CLASS}

KERNEL_RIDGE(krr, NULL, "kernel.name", "the kernel of kernel.name, ridge by leave-one-out (Schölkopf & Smola 2002)");
KERNEL_RIDGE(krr_poly2, "poly2", "degree 2", "(x.z / d + 1)^2, ridge by leave-one-out (Schölkopf & Smola 2002)");
KERNEL_RIDGE(krr_poly4, "poly4", "degree 4", "(x.z / d + 1)^4, ridge by leave-one-out (Schölkopf & Smola 2002)");
KERNEL_RIDGE(krr_rbf, "rbf", "RBF",
             "Gaussian kernel of median bandwidth, ridge by leave-one-out (Schölkopf & Smola 2002)");
KERNEL_RIDGE(krr_relu_ntk, "ntk(layers=4)", "ReLU-NTK",
             "tangent kernel of an infinite ReLU network (Jacot et al. 2018)");
