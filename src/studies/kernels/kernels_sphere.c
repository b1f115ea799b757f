/* SPDX-License-Identifier: MIT */
/* Kernels on the sphere of radius sqrt(d): targets of one degree, measured and predicted. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "data/harmonic.h"
#include "kernels/dimension.h"
#include "kernels/learning_curve.h"
#include "kernels/nested_ridge.h"
#include "measure/crossing.h"
#include "studies/kernels/kernels.h"

#define RELATIVE_RIDGE 1e-6 /* of the kernel's diagonal: hardly any */

/* Targets of `degrees` degrees from `first` on, in the direction `w`, as columns of y. */
struct rows {
    size_t count, inputs;
    double *x, *y;
};

struct sphere {
    strata_context *ctx;
    size_t dimension, first, degrees;
    struct rows train, test;
    double *w; /* [dimension] */
};

static void sphere_destroy(struct sphere *sphere) {
    mem_free(sphere->train.x);
    mem_free(sphere->train.y);
    mem_free(sphere->test.x);
    mem_free(sphere->test.y);
    mem_free(sphere->w);
}

static strata_status rows_create(const struct sphere *sphere, struct rng_stream stream, struct rows *rows) {
    size_t n = rows->count, d = rows->inputs = sphere->dimension;
    rows->x = mem_zero(n * d, sizeof *rows->x);
    rows->y = mem_zero(n * sphere->degrees, sizeof *rows->y);
    double *column = mem_zero(n, sizeof *column);
    bool whole = rows->x && rows->y && column;
    if (whole) sphere_inputs(stream, n, d, rows->x);
    for (size_t k = 0; whole && k < sphere->degrees; ++k) {
        harmonic_target(sphere->w, d, sphere->first + k, n, rows->x, column);
        for (size_t i = 0; i < n; ++i) rows->y[i * sphere->degrees + k] = column[i];
    }
    mem_free(column);
    return whole ? STRATA_OK : strata_fail(sphere->ctx, STRATA_ERR_MEMORY, "out of memory for %zu samples", n);
}

static strata_status sphere_create(struct sphere *sphere, const struct task_run *run, size_t train, size_t test) {
    uint64_t seed = settings_count(task_run_settings(run), "study.seed"), replicate = task_run_task(run)->replicate;
    sphere->w = mem_zero(sphere->dimension, sizeof *sphere->w);
    if (!sphere->w) return strata_fail(sphere->ctx, STRATA_ERR_MEMORY, "out of memory for a direction");
    rng_normal_f64(rng_stream_make(seed, replicate, RNG_TEACHER), sphere->dimension, sphere->w);
    sphere->train.count = train;
    sphere->test.count = test;
    STRATA_TRY(rows_create(sphere, rng_stream_make(seed, replicate, RNG_TRAIN_INPUT), &sphere->train));
    return rows_create(sphere, rng_stream_make(seed, replicate, RNG_TEST_INPUT), &sphere->test);
}

/* x becomes its coordinate along w: rows of one number. */
static void project(const double *w, struct rows *rows) {
    size_t d = rows->inputs;
    double norm = 0;
    assert(rows->x);
    for (size_t j = 0; j < d; ++j) norm += w[j] * w[j];
    for (size_t i = 0; i < rows->count; ++i) {
        double product = 0;
        for (size_t j = 0; j < d; ++j) product += w[j] * rows->x[i * d + j];
        rows->x[i] = product / sqrt(norm);
    }
    rows->inputs = 1;
}

static void sphere_project(struct sphere *sphere) {
    project(sphere->w, &sphere->train);
    project(sphere->w, &sphere->test);
}

/* The task's kernel; an RBF kernel of no bandwidth takes the root of the inputs: 1 on one direction. */
static strata_status kernel_of(struct sphere *sphere, const struct task_run *run, struct kernel *kernel) {
    const char *name = settings_text(task_run_settings(run), "kernel.name");
    const struct rows *train = &sphere->train;
    char text[KERNEL_TEXT];
    if (strcmp(name, "rbf") == 0)
        snprintf(text, sizeof text, "rbf(bandwidth=%.17g)", sqrt((double)train->inputs));
    else
        snprintf(text, sizeof text, "%s", name);
    return kernel_create(sphere->ctx, text, train->count, train->x, train->inputs, NULL, kernel);
}

/* Errors over the variance, [sizes, degrees]; `ridge` out: what was added to the Gram matrix. */
static strata_status measure_errors(struct sphere *sphere, const struct kernel *kernel, size_t count,
                                    const size_t *sizes, double *ridge, double *errors) {
    const struct rows *train = &sphere->train, *test = &sphere->test;
    double diagonal;
    assert(test->y);
    STRATA_TRY(kernel_diagonal(sphere->ctx, kernel, 1, train->x, &diagonal));
    *ridge = RELATIVE_RIDGE * diagonal;
    STRATA_TRY(nested_ridge(sphere->ctx, NULL, kernel, train->count, train->x, sphere->degrees, train->y, test->count,
                            test->x, test->y, *ridge, count, sizes, errors));
    for (size_t k = 0; k < sphere->degrees; ++k) {
        double power = 0;
        for (size_t i = 0; i < test->count; ++i) {
            double y = test->y[i * sphere->degrees + k];
            power += y * y / (double)test->count;
        }
        for (size_t s = 0; s < count; ++s) errors[s * sphere->degrees + k] /= power;
    }
    return STRATA_OK;
}

/* ---- the staircase */

static strata_status record_degree(struct sphere *sphere, struct task_run *run, const struct learning_curve *curve,
                                   double ridge, size_t count, const size_t *sizes, const double *errors, size_t k) {
    double measured[KERNELS_MAX_SIZES], theory[KERNELS_MAX_SIZES], quarter[KERNELS_MAX_SIZES];
    size_t degree = sphere->first + k;
    char key[32];
    for (size_t s = 0; s < count; ++s) {
        measured[s] = errors[s * sphere->degrees + k];
        if (!curve) continue;
        theory[s] = learning_curve_degree(curve, (double)sizes[s], ridge, degree);
        quarter[s] = learning_curve_degree(curve, (double)sizes[s] / 4, ridge, degree);
    }
    snprintf(key, sizeof key, "error.%zu", degree);
    STRATA_TRY(task_record_array(sphere->ctx, run, key, count, measured));
    if (!curve) return STRATA_OK;
    snprintf(key, sizeof key, "theory.%zu", degree);
    STRATA_TRY(task_record_array(sphere->ctx, run, key, count, theory));
    snprintf(key, sizeof key, "theory_quarter.%zu", degree);
    return task_record_array(sphere->ctx, run, key, count, quarter);
}

strata_status kernels_run_sphere(strata_context *ctx, struct task_run *run) {
    const struct settings *settings = task_run_settings(run);
    struct sphere sphere = {
        .ctx = ctx, .dimension = settings_count(settings, "sphere.dimension"), .first = 1, .degrees = KERNELS_DEGREES};
    size_t sizes[KERNELS_MAX_SIZES], count = kernels_sizes(settings, "sphere.sizes", sizes);
    double errors[KERNELS_MAX_SIZES * KERNELS_DEGREES], ridge = 0;
    bool projected = strstr(task_run_task(run)->id, "/" CASE_PROJECTED "/") != NULL;
    struct learning_curve curve;
    struct kernel kernel;
    strata_status status = STRATA_OK;
    STRATA_GO(sphere_create(&sphere, run, sizes[count - 1], settings_count(settings, "sphere.test_size")));
    if (projected) sphere_project(&sphere);
    STRATA_GO(kernel_of(&sphere, run, &kernel));
    if (!projected) STRATA_GO(learning_curve_create(ctx, &kernel, &curve));
    STRATA_GO(measure_errors(&sphere, &kernel, count, sizes, &ridge, errors));
    for (size_t k = 0; k < sphere.degrees; ++k)
        STRATA_GO(record_degree(&sphere, run, projected ? NULL : &curve, ridge, count, sizes, errors, k));
cleanup:
    sphere_destroy(&sphere);
    return status;
}

/* ---- samples for half of the power */

/* Degrees 2 and 3. */
enum { FIRST_DEGREE = 2, DEGREES = 2 };

/* How many of the sizes are worth a measurement: up to well above where theory has half of degree 3. */
static size_t sizes_needed(const struct learning_curve *curve, double ridge, size_t count, const size_t *sizes) {
    const double margin = 2;
    double expected = learning_curve_samples(curve, ridge, FIRST_DEGREE + DEGREES - 1, 0.5);
    size_t needed = 0;
    while (needed < count && (needed == 0 || (double)sizes[needed - 1] < margin * expected)) ++needed;
    return needed;
}

static strata_status record_samples(struct sphere *sphere, struct task_run *run, const struct learning_curve *curve,
                                    double ridge, size_t count, const size_t *sizes, const double *errors) {
    double n[KERNELS_MAX_SIZES], error[KERNELS_MAX_SIZES];
    char key[32];
    for (size_t k = 0; k < DEGREES; ++k) {
        for (size_t s = 0; s < count; ++s) {
            n[s] = (double)sizes[s];
            error[s] = errors[s * DEGREES + k];
        }
        snprintf(key, sizeof key, "samples.%zu", sphere->first + k);
        STRATA_TRY(task_record(sphere->ctx, run, key, level_crossing(count, n, error, 0.5)));
        snprintf(key, sizeof key, "theory.%zu", sphere->first + k);
        if (curve)
            STRATA_TRY(
                task_record(sphere->ctx, run, key, learning_curve_samples(curve, ridge, sphere->first + k, 0.5)));
    }
    return STRATA_OK;
}

/* Sizes of a kernel that knows the direction: polynomials of one variable take as many samples as coefficients. */
static size_t known_sizes(size_t sizes[KERNELS_MAX_SIZES]) {
    size_t count = 0;
    for (size_t n = 1; n <= 16; ++n) sizes[count++] = n;
    return count;
}

strata_status kernels_run_exponent(strata_context *ctx, struct task_run *run) {
    const struct settings *settings = task_run_settings(run);
    struct sphere sphere = {.ctx = ctx,
                            .dimension = settings_count(settings, "sphere.dimension"),
                            .first = FIRST_DEGREE,
                            .degrees = DEGREES};
    bool known = strstr(task_run_task(run)->id, "/known_direction/") != NULL;
    size_t sizes[KERNELS_MAX_SIZES],
        count = known ? known_sizes(sizes) : kernels_sizes(settings, "exponent.sizes", sizes);
    double errors[KERNELS_MAX_SIZES * DEGREES], ridge = 0;
    struct learning_curve curve;
    struct kernel kernel;
    strata_status status = STRATA_OK;
    STRATA_GO(sphere_create(&sphere, run, sizes[count - 1], settings_count(settings, "sphere.test_size")));
    if (known) sphere_project(&sphere);
    STRATA_GO(kernel_of(&sphere, run, &kernel));
    if (!known) {
        STRATA_GO(learning_curve_create(ctx, &kernel, &curve));
        count = sizes_needed(&curve, RELATIVE_RIDGE, count, sizes);
        sphere.train.count = sizes[count - 1];
    }
    STRATA_GO(measure_errors(&sphere, &kernel, count, sizes, &ridge, errors));
    STRATA_GO(record_samples(&sphere, run, known ? NULL : &curve, ridge, count, sizes, errors));
cleanup:
    sphere_destroy(&sphere);
    return status;
}

/* ---- the dimension bound */

strata_status kernels_run_monomials(strata_context *ctx, struct task_run *run) {
    const struct settings *settings = task_run_settings(run);
    const size_t d = settings_count(settings, "monomials.dimension"),
                 degree = settings_count(settings, "monomials.degree"),
                 n = settings_count(settings, "monomials.train_size"),
                 m = settings_count(settings, "monomials.test_size");
    struct rng_stream stream = task_run_stream(run, RNG_TRAIN_INPUT);
    double *probe = mem_zero(n * d, sizeof *probe), error = NAN, label_dependent = NAN;
    if (!probe) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu samples", n);
    struct kernel kernel;
    strata_status status = STRATA_OK;
    hypercube_inputs(stream, n, d, probe);
    STRATA_GO(kernel_create(ctx, settings_text(settings, "kernel.name"), n, probe, d, NULL, &kernel));
    STRATA_GO(
        kernel_dimension_errors(ctx, NULL, &kernel, stream, degree, n, m, RELATIVE_RIDGE, &error, &label_dependent));
    STRATA_GO(task_record(ctx, run, "error", error));
    STRATA_GO(task_record(ctx, run, "error_label_dependent", label_dependent));
    STRATA_GO(task_record(ctx, run, "bound", dimension_bound((double)n, binomial(d, degree))));
cleanup:
    mem_free(probe);
    return status;
}
