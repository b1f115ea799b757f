/* SPDX-License-Identifier: MIT */
/*
 * f(x) = mean + sum_j k(x, x_j) weights_j, whichever solver found the weights: prediction, saving, and the learner
 * interface that kernel ridge, Falkon, EigenPro and conjugate gradients share.
 */
#ifndef LEARN_KERNEL_MACHINE_H
#define LEARN_KERNEL_MACHINE_H

#include "core/threads.h"
#include "kernels/kernel.h"
#include "learn/ridge_fit.h"

/** Zero-initialised is not fitted. */
struct kernel_machine {
    struct kernel kernel;
    size_t rows, inputs, outputs; /* rows 0: not fitted */
    double *x;                    /* [rows, inputs]: training rows or centres */
    double *weights;              /* [rows, outputs] */
    double *mean;                 /* [outputs] */
    double ridge;                 /* added to the Gram matrix's diagonal */
};

void kernel_machine_clear(struct kernel_machine *machine);

/** out [rows, outputs] from x [rows, inputs]. `pool` borrowed or NULL. Errors: MEMORY; INTERRUPTED. */
STRATA_MUST_USE strata_status kernel_machine_predict(strata_context *ctx, struct thread_pool *pool,
                                                     const struct kernel_machine *machine, size_t rows, const double *x,
                                                     double *out);

/** State under `prefix`: tensors that the machine keeps, the kernel as text. Nothing when it is not fitted. */
STRATA_MUST_USE strata_status kernel_machine_save(strata_context *ctx, const char *prefix,
                                                  const struct kernel_machine *machine, struct tensor_file *state);
/** `image` as for kernel_create. Errors: FORMAT, MEMORY. */
STRATA_MUST_USE strata_status kernel_machine_load(strata_context *ctx, const char *prefix, const size_t *image,
                                                  const struct tensor_file *state, struct kernel_machine *machine);

/* Settings rows that several read. */
#define KERNEL_ROW_NAME                                                                     \
    {                                                                                       \
        "kernel.name", SETTING_TEXT, "rbf", 0, 0, NULL,                                     \
            "kernel of the learners that leave it open: NAME or NAME(parameter=value, ...)" \
    }
#define KERNEL_ROW_SELECTION                                            \
    {                                                                   \
        "kernel.selection_rows", SETTING_COUNT, "1000", 2, 20000, NULL, \
            "rows that the ridge is chosen on by leave-one-out"         \
    }
#define KERNEL_ROW_BANDWIDTHS                                                                      \
    {                                                                                              \
        "kernel.bandwidth_factors", SETTING_NUMBERS, "0.5, 1, 2", 1e-6, 1e6, NULL,                 \
            "multiples of the median distance that leave-one-out chooses a bandwidth from, where " \
            "kernel.name gives none"                                                               \
    }
#define SOLVER_ROW_THREADS \
    { "solver.threads", SETTING_COUNT, "1", 1, 1024, NULL, "threads of a large kernel fit; they change no bit" }
#define SOLVER_ROW_STEPS \
    { "solver.steps", SETTING_COUNT, "20", 1, 100000, NULL, "most steps of conjugate gradients" }
#define SOLVER_ROW_TOLERANCE \
    { "solver.tolerance", SETTING_NUMBER, "1e-8", 0, 1, NULL, "residual over the first one at which steps end" }

/** Kernel ridge regression, exact: what kernel.ridge and kernel.selection_rows say, by Cholesky. */
struct kernel_ridge_request {
    const char *learner; /* for messages */
    const char *kernel;  /* as text */
    const size_t *image; /* channels, height, width, or NULL */
    const struct settings *settings;
    struct thread_pool *pool; /* borrowed; NULL: the caller's thread */
};

/**
 * The ridge that kernel.ridge says in units of the mean diagonal; at 0, the one of least leave-one-out error `loss` on
 * kernel.selection_rows rows, together with the bandwidth among kernel.bandwidth_factors where the request's text
 * leaves it open. Errors: those of kernel_gram and ridge_path_from_gram.
 */
STRATA_MUST_USE strata_status kernel_ridge_choose(strata_context *ctx, const struct kernel_ridge_request *request,
                                                  struct kernel *kernel, const struct ridge_rows *rows, double *ridge,
                                                  double *loss);

/**
 * Fits a machine to rows, whose `x` it takes over. Where rounding makes a pivot negative the ridge is raised along the
 * grid, which the log tells. Errors: those of kernel_create; TOO_LARGE above kernel.memory_mb; CONVERGENCE; MEMORY.
 */
STRATA_MUST_USE strata_status kernel_ridge_fit(strata_context *ctx, const struct kernel_ridge_request *request,
                                               struct ridge_rows *rows, struct kernel_machine *machine, double *loss);

/* ---- learners that are one machine; a class adds its settings, its fit and, in `details`, a fixed kernel or NULL. */

struct kernel_learner {
    struct learner base;
    const struct settings *settings;
    const struct sample_source *source;
    uint64_t seed, replicate;
    struct kernel_machine machine;
};

/** The kernel's text; the image of the source's rows or NULL. */
struct kernel_ridge_request kernel_learner_request(const struct kernel_learner *self);

/** A learner of `size` bytes that begins with a struct kernel_learner. */
STRATA_MUST_USE strata_status kernel_learner_make(strata_context *ctx, const struct learner_class *class_,
                                                  const struct learner_request *request, size_t size,
                                                  struct learner **learner);
strata_status kernel_learner_create(strata_context *ctx, const struct learner_class *class_,
                                    const struct learner_request *request, struct learner **learner);
strata_status kernel_learner_predict(strata_context *ctx, struct learner *learner, size_t rows, const float *x,
                                     float *out);
strata_status kernel_learner_save(strata_context *ctx, struct learner *learner, struct tensor_file *state);
strata_status kernel_learner_load(strata_context *ctx, struct learner *learner, const struct tensor_file *state);
strata_status kernel_learner_parameter(strata_context *ctx, struct learner *learner, const char *name, size_t *count,
                                       double *values);
size_t kernel_learner_parameter_count(const struct learner *learner);
void kernel_learner_destroy(struct learner *learner);

#define KERNEL_LEARNER_CLASS                                                                         \
    .create = kernel_learner_create, .predict = kernel_learner_predict, .save = kernel_learner_save, \
    .load = kernel_learner_load, .parameter = kernel_learner_parameter,                              \
    .parameter_count = kernel_learner_parameter_count, .destroy = kernel_learner_destroy

/* ---- iterative solvers */

/** What Falkon, EigenPro and conjugate gradients begin with. Zero-initialised is empty. */
struct iterative_fit {
    struct ridge_rows rows;
    struct thread_pool *pool;
    struct kernel kernel;
};

/** Rows, pool of solver.threads and kernel of a learner. Errors: those of ridge_rows_create, kernel_create. */
STRATA_MUST_USE strata_status iterative_fit_begin(strata_context *ctx, struct kernel_learner *self,
                                                  struct iterative_fit *fit);
void iterative_fit_end(struct iterative_fit *fit);

/**
 * Weights of zero on `rows` rows, the mean and the kernel of a fit; whoever fits gives `x` and, last, `rows`. Errors:
 * MEMORY.
 */
STRATA_MUST_USE strata_status kernel_machine_allocate(strata_context *ctx, const struct iterative_fit *fit, size_t rows,
                                                      struct kernel_machine *machine);

/** Tells the hooks that `step` of `total` is done, at `loss`. */
STRATA_MUST_USE strata_status iterative_report(strata_context *ctx, struct kernel_learner *self,
                                               const struct fit_hooks *hooks, size_t step, size_t total, double loss);

#endif
